"""The stages that make vivid-tiny: VAE, encoded scenes, text-to-video base, VIVID recipe, export.

Each stage reads what the one before left in the work folder and resumes where it was stopped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...cogvideox.adapter import (
    AdapterFacts,
    describe_base,
    extract_adapter,
    lora_config,
    save_adapter,
)
from ...cogvideox.bundle import ModelBundle
from ...cogvideox.layout import layout_named
from ...cogvideox.save import save_bundle
from ...cogvideox.surgery import set_patch_embedder, widen_patch_embedder
from ...errors import InputError
from ...media import save_image
from ...train.loop import LoopConfig, Trainer, TrainingTask
from ...train.plot import draw_curves, read_log
from ...train.state import load_state
from ..build import (
    LATENT_SCALE,
    SCHEDULE,
    TRAIN_SIZE,
    build_text_encoder,
    build_tokenizer,
    build_transformer,
)
from ..load import ADAPTER_FILE, assemble, load_tiny
from ..pairs import write_instruction_folder
from ..scenes.captions import vocabulary
from ..scenes.shapes import HELD_OUT_SEED
from .cache import VariantCache, VariantEncoder, is_whole
from .config import EncodeConfig, TrainConfig
from .diffusion import DiffusionTask
from .vae import VaeTask

log = logging.getLogger(__name__)
Stop = Callable[[], bool]
_DIFFUSION_CURVES = ("image", "video", "held out image", "held out video")
_VAE_CURVES = ("loss",)
INSTRUCTED = "instructions"
IMAGE_SEEDS = 500_000  # images start here, so that no image shows a frame of a training video


def run_stage(config: TrainConfig, *, should_stop: Stop = lambda: False) -> None:
    """Run one stage to its end, or until `should_stop` says so (state is saved)."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.loop.seed if config.loop else 0)
    _STAGES[config.stage](config, should_stop)


def _train_vae(config: TrainConfig, should_stop: Stop) -> None:
    task = VaeTask(config.vae)
    if config.continue_pack:
        task.vae.load_state_dict(load_tiny(adapter=False).vae.state_dict())
    _run(task, config, "vae", should_stop)


def _encode(config: TrainConfig, should_stop: Stop) -> None:
    """Write missing shards: videos and images in turn, held-out scenes first."""
    vae = _averaged_vae(config)
    for folder, frames, seeds in _shard_plan(config.encode):
        path = config.work / "shards" / folder / f"{seeds[0]:07d}.safetensors"
        if should_stop():
            return
        if not is_whole(path):
            variants = replace(config.encode.variants, frames=frames)
            VariantEncoder(vae, variants).write_shard(path, seeds)
            log.info("encoded %s", path.name)


def _shard_plan(c: EncodeConfig) -> list[tuple[str, int, list[int]]]:
    plan = [
        ("held_out_video", TRAIN_SIZE[0], _seeds(HELD_OUT_SEED, c.held_out_videos)),
        ("held_out_image", 1, _seeds(HELD_OUT_SEED, c.held_out_images)),
    ]
    videos = [_seeds(c.first_seed + i, c.shard) for i in range(0, c.videos, c.shard)]
    step = c.shard * max(1, c.images // c.videos) if c.videos else c.shard
    first = c.first_seed + IMAGE_SEEDS
    images = [_seeds(first + i, step) for i in range(0, c.images, step)]
    for i in range(max(len(videos), len(images))):
        plan += [("image", 1, seeds) for seeds in images[i : i + 1]]
        plan += [("video", TRAIN_SIZE[0], seeds) for seeds in videos[i : i + 1]]
    return [shard for shard in plan if shard[2]]


def _seeds(first: int, count: int) -> list[int]:
    return list(range(first, first + count))


def _write_pairs(config: TrainConfig, should_stop: Stop) -> None:
    """What an adapter for instructions is trained on, by the trainer of adapters."""
    chosen, (frames, height, width) = config.pairs, TRAIN_SIZE
    for length, count, first in (
        (1, chosen.images, chosen.first_seed),
        (frames, chosen.videos, chosen.first_seed + chosen.images),
    ):
        if count and not should_stop():
            write_instruction_folder(
                config.work / INSTRUCTED,
                pairs=count,
                frames=length,
                size=(height, width),
                first_seed=first,
            )


def _train_base(config: TrainConfig, should_stop: Stop) -> None:
    """Text to video, transformer and text encoder together."""
    _run(_base_task(config), config, "base", should_stop)


def _train_vivid(config: TrainConfig, should_stop: Stop) -> None:
    """LoRA and a widened patch embedder on the frozen base (VIVID, sec. 4.2)."""
    _run(_vivid_task(config), config, _adapter_folder(config), should_stop)


def _train_joint(config: TrainConfig, should_stop: Stop) -> None:
    """All weights, from nothing, on captioned holes: a base that knows what words mean.

    Ours. CogVideoX knows that before VIVID's adapter is trained on it; a tiny base trained on text
    alone had learnt colours, but no shapes. Where all condition channels are 0 this is a
    text-to-video model, so its base is what is left without them.
    """
    _run(_joint_task(config), config, "joint", should_stop)


def _run(task: TrainingTask, config: TrainConfig, name: str, should_stop: Stop) -> None:
    """Train, and leave the curves as a picture beside the state."""
    folder = config.work / name
    Trainer(task, _loop(config), folder).run(should_stop=should_stop)
    shown = _VAE_CURVES if name == "vae" else _DIFFUSION_CURVES
    curves = [one for one in read_log(folder / "log.jsonl") if one.name in shown]
    if curves:
        save_image(folder / "curves.png", draw_curves(f"vivid-tiny, stage {name}: loss", curves))


def _export(config: TrainConfig, should_stop: Stop) -> None:
    """Write base folder and adapter file, averaged weights, float16."""
    weights = config.work / "weights"
    base = _base_bundle(config)
    save_bundle(base, weights / "base", dtype=torch.float16)
    task = _vivid_task(config)
    step = _load_average(task.parameters(), config.work / _adapter_folder(config))
    facts = AdapterFacts(
        layout="vivid",
        rank=config.lora_rank,
        alpha=float(config.lora_rank),
        train_size=TRAIN_SIZE,
        training_step=step,
        knows_last_frame=config.encode.variants.draws_last_frame,
        licence="Apache-2.0",
        **describe_base(base),
    )
    adapter = extract_adapter(task.transformer, facts, name=Path(ADAPTER_FILE).stem)
    save_adapter(weights / ADAPTER_FILE, adapter, dtype=torch.float16)


_STAGES: dict[str, Callable[[TrainConfig, Stop], None]] = {
    "vae": _train_vae,
    "encode": _encode,
    "base": _train_base,
    "vivid": _train_vivid,
    "joint": _train_joint,
    "export": _export,
    "pairs": _write_pairs,
}


def _loop(config: TrainConfig) -> LoopConfig:
    if config.loop is None:
        raise InputError("config", f"stage {config.stage} needs a 'loop' with steps and rate")
    return config.loop


def _averaged_vae(config: TrainConfig) -> nn.Module:
    """The VAE of this work folder; where none was trained, the one the pack carries."""
    if not (config.work / "vae" / "state.pt").exists():
        log.info("%s holds no VAE: taking the pack's own", config.work)
        return load_tiny().vae.float().requires_grad_(False)
    task = VaeTask(config.vae)
    _load_average(task.parameters(), config.work / "vae")
    return task.vae.eval().requires_grad_(False)


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """The networks that the base and the VIVID stage share."""

    transformer: Any
    text_encoder: Any
    tokenizer: Any

    @property
    def parameters(self) -> list[nn.Parameter]:
        return [*self.transformer.parameters(), *self.text_encoder.parameters()]


def _new_base() -> _Parts:
    tokenizer = build_tokenizer(vocabulary())
    return _Parts(
        transformer=build_transformer(),
        text_encoder=build_text_encoder(len(tokenizer)),
        tokenizer=tokenizer,
    )


def _pack_parts(*, adapter: bool) -> _Parts:
    bundle = load_tiny(adapter=adapter)
    return _Parts(
        transformer=bundle.transformer,
        text_encoder=bundle.text_encoder,
        tokenizer=bundle.tokenizer,
    )


def _base_to_fill(config: TrainConfig) -> _Parts:
    """Networks of the sizes that this run trains: the pack's where it goes on from the pack."""
    return _pack_parts(adapter=False) if config.continue_pack else _new_base()


def _merged_pack() -> _Parts:
    """The pack's base with its adapter merged."""
    parts = _pack_parts(adapter=True)
    parts.transformer.fuse_lora()
    parts.transformer.unload_lora()
    return parts


def _trained_base(config: TrainConfig) -> _Parts:
    if config.on_joint:
        parts = _joint_parts(config)
        proj = parts.transformer.patch_embed.proj
        text_to_video = {"weight": proj.weight[:, : layout_named("t2v").in_channels]}
        set_patch_embedder(parts.transformer, text_to_video)
        return parts
    parts = _base_to_fill(config)
    if not config.continue_pack or (config.work / "base" / "state.pt").exists():
        _load_average(parts.parameters, config.work / "base")
    return parts


def _joint_parts(config: TrainConfig) -> _Parts:
    parts = _base_to_fill(config)
    widen_patch_embedder(parts.transformer, layout_named("vivid").in_channels)
    _load_average(parts.parameters, config.work / "joint")
    return parts


def _joint_task(config: TrainConfig) -> DiffusionTask:
    parts = _merged_pack() if config.continue_pack else _new_base()
    widen_patch_embedder(parts.transformer, layout_named("vivid").in_channels)
    for parameter in parts.parameters:
        parameter.requires_grad_(True)
    return _task(config, parts, parts.parameters, conditioned=True)


def _base_task(config: TrainConfig) -> DiffusionTask:
    parts = _base_to_fill(config)
    for parameter in parts.parameters:
        parameter.requires_grad_(True)
    return _task(config, parts, parts.parameters, conditioned=False)


def _base_bundle(config: TrainConfig) -> ModelBundle:
    parts = _trained_base(config)
    return assemble(
        transformer=parts.transformer,
        vae=_averaged_vae(config),
        text_encoder=parts.text_encoder,
        tokenizer=parts.tokenizer,
        layout="t2v",
    )


def _vivid_task(config: TrainConfig) -> DiffusionTask:
    goes_on = config.continue_pack and not config.on_joint
    parts = _pack_parts(adapter=True) if goes_on else _with_new_adapter(config)
    trained = [p for name, p in parts.transformer.named_parameters() if _is_trained(name)]
    for parameter in parts.parameters:
        parameter.requires_grad_(False)
    for parameter in trained:
        parameter.requires_grad_(True)
    return _task(config, parts, trained, conditioned=True)


def _with_new_adapter(config: TrainConfig) -> _Parts:
    if config.on_joint:
        parts = _joint_parts(config)  # its embedder reads the condition channels already
    else:
        parts = _trained_base(config)
        widen_patch_embedder(parts.transformer, layout_named("vivid").in_channels)
    parts.transformer.add_adapter(lora_config(config.lora_rank, targets=config.lora_targets))
    return parts


def _adapter_folder(config: TrainConfig) -> str:
    return "vivid_on_joint" if config.on_joint else "vivid"


def _is_trained(name: str) -> bool:
    """Whether the VIVID stage trains this parameter: LoRA and patch embedder."""
    return "lora_" in name or name.startswith("patch_embed.proj")


def _task(
    config: TrainConfig, parts: _Parts, trained: list[nn.Parameter], *, conditioned: bool
) -> DiffusionTask:
    shards = config.work / "shards"
    return DiffusionTask(
        transformer=parts.transformer,
        text_encoder=parts.text_encoder,
        tokenizer=parts.tokenizer,
        schedule=SCHEDULE,
        caches={m: VariantCache(shards / m) for m in ("image", "video")},
        held_out={m: VariantCache(shards / f"held_out_{m}") for m in ("image", "video")},
        recipe=config.recipe,
        trained=trained,
        conditioned=conditioned,
        text_tokens=parts.transformer.config.max_text_seq_length,
        mask_level=LATENT_SCALE,
    )


@torch.no_grad()
def _load_average(parameters: list[nn.Parameter], folder: Path) -> int:
    """Put the averaged weights of a finished (or stopped) stage into its modules; its step."""
    path = folder / "state.pt"
    if not path.exists():
        raise InputError("config", f"{folder} holds no state: run the stage before this one first")
    state = load_state(path)
    for parameter, average in zip(parameters, state["average"]["averages"], strict=True):
        parameter.copy_(average)
    return state["step"]
