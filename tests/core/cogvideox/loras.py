"""Plain LoRAs with random weights, written as each trainer spells them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from vivid_core.cogvideox.keys import rename

TARGETS = (
    "transformer_blocks.0.attn1.to_q",
    "transformer_blocks.1.attn1.to_out.0",
    "transformer_blocks.0.ff.net.0.proj",
    "transformer_blocks.1.ff.net.2",
    "transformer_blocks.1.norm1.linear",
    "patch_embed.proj",
    "patch_embed.text_proj",
    "time_embedding.linear_1",
    "norm_out.linear",
    "proj_out",
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One module's A and B, and its alpha."""

    a: Tensor
    b: Tensor
    alpha: float

    @property
    def rank(self) -> int:
        return self.a.shape[0]

    @property
    def change(self) -> Tensor:
        return self.alpha / self.rank * (self.b.flatten(1) @ self.a.flatten(1))


Pairs = dict[str, Pair]


def draw_pairs(
    transformer: nn.Module,
    targets: tuple[str, ...] = TARGETS,
    *,
    ranks: tuple[int, ...] = (2,),
    alphas: tuple[float, ...] = (2.0,),
    seed: int = 0,
) -> Pairs:
    """Random matrices for these modules, ranks and alphas taken in turn."""
    generator = torch.Generator().manual_seed(seed)
    pairs = {}
    for i, name in enumerate(targets):
        weight: Any = transformer.get_submodule(name).weight
        rank, kernel = ranks[i % len(ranks)], weight.shape[2:]
        a = torch.randn(rank, weight.shape[1], *kernel, generator=generator) * 0.2
        b = torch.randn(weight.shape[0], rank, *(1 for _ in kernel), generator=generator) * 0.2
        pairs[name] = Pair(a=a, b=b, alpha=alphas[i % len(alphas)])
    return pairs


def expected(transformer: Any, pairs: Pairs) -> dict[str, Tensor]:
    """The weights that the LoRA asks for, worked out by hand."""
    state = {key: value.clone() for key, value in transformer.state_dict().items()}
    for name, pair in pairs.items():
        weight = state[f"{name}.weight"]
        weight += pair.change.reshape(weight.shape)
    return state


def diffusers(folder: Path, pairs: Pairs, prefix: str = "transformer.") -> Path:
    """As diffusers' training scripts save: alpha in the metadata."""
    config = {
        "r": 1,
        "lora_alpha": 1,
        "target_modules": sorted(pairs),
        "rank_pattern": {f"^{name}": pair.rank for name, pair in pairs.items()},
        "alpha_pattern": {f"^{name}": pair.alpha for name, pair in pairs.items()},
    }
    metadata = {
        "lora_adapter_metadata": json.dumps({f"transformer.{k}": v for k, v in config.items()})
    }
    return _write(
        folder / "lora.safetensors", _spelled(pairs, f"{prefix}{{}}.lora_A.weight"), metadata
    )


def peft(folder: Path, pairs: Pairs, *, adapter: str = "") -> Path:
    """As peft saves: alpha in adapter_config.json beside the file."""
    config = {
        "peft_type": "LORA",
        "r": 1,
        "lora_alpha": next(iter(pairs.values())).alpha,
        "alpha_pattern": {name: pair.alpha for name, pair in pairs.items()},
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    spelled = _spelled(pairs, f"base_model.model.{{}}.lora_A{adapter}.weight")
    return _write(folder / "adapter_model.safetensors", spelled)


def old_diffusers(folder: Path, pairs: Pairs) -> Path:
    spelled = _spelled(pairs, "transformer.{}.lora.down.weight")
    return _write(folder / "lora.safetensors", spelled | _alphas(pairs, "transformer.{}.alpha"))


def processors(folder: Path, pairs: Pairs) -> Path:
    """The oldest spelling of attention layers."""

    def name(module: str) -> str:
        if ".attn1." not in module:
            return f"{module}.lora"
        return module.replace(".attn1.", ".attn1.processor.").removesuffix(".0") + "_lora"

    spelled = {}
    for module, pair in pairs.items():
        spelled |= {f"{name(module)}.down.weight": pair.a, f"{name(module)}.up.weight": pair.b}
    return _write(folder / "lora.safetensors", spelled | _alphas(pairs, "{}.alpha"))


def kohya(folder: Path, pairs: Pairs, prefix: str = "lora_unet__") -> Path:
    """As CogVideoX-Fun's own trainer writes."""
    flat = {f"{prefix}{name.replace('.', '_')}": pair for name, pair in pairs.items()}
    spelled = _spelled(flat, "{}.lora_down.weight") | _alphas(flat, "{}.alpha")
    return _write(folder / "lora.safetensors", spelled)


def comfyui(folder: Path, pairs: Pairs) -> Path:
    named = {rename(name, "comfyui"): pair for name, pair in pairs.items()}
    spelled = _spelled(named, "diffusion_model.{}.lora_A.weight")
    return _write(folder / "lora.safetensors", spelled | _alphas(named, "diffusion_model.{}.alpha"))


def comfyui_flat(folder: Path, pairs: Pairs) -> Path:
    return kohya(folder, {rename(name, "comfyui"): p for name, p in pairs.items()}, "lora_unet_")


def sharded(folder: Path, pairs: Pairs) -> Path:
    """Two files and their index."""
    places: dict[str, str] = {}
    for number, (name, pair) in enumerate(pairs.items()):
        spelled = _spelled({name: pair}, "{}.lora_A.weight") | _alphas({name: pair}, "{}.alpha")
        places |= dict.fromkeys(spelled, f"lora-0000{number % 2 + 1}-of-00002.safetensors")
    every = _spelled(pairs, "{}.lora_A.weight") | _alphas(pairs, "{}.alpha")
    for shard in set(places.values()):
        _write(folder / shard, {key: every[key] for key in every if places[key] == shard})
    index = folder / "lora.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    return index


SPELLINGS: dict[str, Callable[[Path, Pairs], Path]] = {
    "diffusers": diffusers,
    "no prefix": lambda folder, pairs: diffusers(folder, pairs, ""),
    "peft": peft,
    "peft, named": lambda folder, pairs: peft(folder, pairs, adapter=".default"),
    "old diffusers": old_diffusers,
    "processors": processors,
    "kohya": kohya,
    "kohya, one underscore": lambda folder, pairs: kohya(folder, pairs, "lora_unet_"),
    "OneTrainer": lambda folder, pairs: kohya(folder, pairs, "lora_transformer_"),
    "ComfyUI": comfyui,
    "ComfyUI, underscores": comfyui_flat,
    "sharded": sharded,
}


def _spelled(pairs: Pairs, template: str) -> dict[str, Tensor]:
    """A and B under names made from the template of A."""
    other = template.replace("lora_A", "lora_B").replace("down", "up")
    halves = {template.format(name): pair.a for name, pair in pairs.items()}
    return halves | {other.format(name): pair.b for name, pair in pairs.items()}


def _alphas(pairs: Pairs, template: str) -> dict[str, Tensor]:
    return {template.format(name): torch.tensor(pair.alpha) for name, pair in pairs.items()}


def _write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> Path:
    save_file({key: value.contiguous() for key, value in tensors.items()}, path, metadata)
    return path
