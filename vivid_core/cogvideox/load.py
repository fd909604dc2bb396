"""Load a model bundle from a diffusers folder, or from single files beside a base."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..files.modules import SHOWN, fill_module
from ..files.weights import WeightFile, parse_json, read_folder_weights, read_json, read_weights
from .config import (
    TEXT_TOKENS,
    count_parts,
    schedule_config,
    text_encoder_config,
    transformer_config,
    vae_config,
)
from .keys import respell, text_encoder_tensors, unscale_fp8, without_prefix
from .latents import LATENT_CHANNELS
from .layout import OWN_KEY, PATCH_WEIGHT, WIDTH_2B, Layout, detect_layout
from .model import CogVideoX
from .placement import Offload, Placement, Tiling, choose_dtype, enable_tiling, place, wants_tiling
from .sampling import NoiseSchedule
from .stated import (
    OWN,
    SCHEDULE,
    TEXT_ENCODER,
    TRANSFORMER,
    VAE,
    require_count,
    require_positions,
    require_stated,
)

INDEX = "model_index.json"
_VAE_PREFIXES = ("vae.", "first_stage_model.")
_UNSHIFTED = ("fun_inp", "void")  # trained and sampled by schedulers that know no SNR shift
POSITIONS = "patch_embed.pos_embedding"


@dataclass(frozen=True, kw_only=True)
class _Sources:
    """Where each component comes from: its own file or folder, or a folder of the base."""

    transformer: Path
    text_encoder: Path | None
    vae: Path | None
    tokenizer: Path | None
    base: Path | None

    def find(self, component: str) -> Path:
        own = getattr(self, component, None)
        if own is not None:
            return own
        if self.base is None:
            raise ModelError(
                f"{self.transformer.name} holds no {component.replace('_', ' ')}: choose a base "
                "model folder, or give its own file"
            )
        folder = self.base / component
        if not folder.is_dir():
            found = sorted(item.name for item in self.base.iterdir() if item.is_dir())
            raise ModelError(
                f"{self.base}: has no {component} folder; found {', '.join(found) or 'no folders'}"
            )
        return folder


@dataclass(frozen=True, kw_only=True)
class _Transformer:
    """A transformer's weights and what they are."""

    weights: WeightFile
    config: dict[str, Any]
    layout: Layout
    own: dict[str, Any]

    @property
    def width(self) -> int:
        return self.weights.shapes[PATCH_WEIGHT][0]

    @property
    def stored(self) -> torch.dtype:
        return self.weights.tensors[PATCH_WEIGHT].dtype


def load_bundle(
    path: Path,
    *,
    text_encoder: Path | None = None,
    vae: Path | None = None,
    tokenizer: Path | None = None,
    base: Path | None = None,
    dtype: torch.dtype | Literal["auto"] = "auto",
    device: torch.device | None = None,
    offload: Offload = "none",
    tiling: Tiling = "auto",
) -> CogVideoX:
    """Load a model: a diffusers folder, or a transformer's file or folder with the rest elsewhere.

    Components that have no file of their own come from `base`, by default the folder itself.
    Raises ModelError when a file is not what it should be, InputError for a bad precision.
    """
    for given in (path, base):
        if given is not None and not given.exists():
            raise ModelError(f"{given}: no such file or folder")
    sources = _Sources(
        transformer=_transformer_path(path),
        text_encoder=text_encoder,
        vae=vae,
        tokenizer=tokenizer,
        base=base or (path if (path / INDEX).is_file() else None),
    )
    placement = Placement(device=device or torch.device("cpu"), offload=offload, tiling=tiling)
    with torch.inference_mode(False):  # so that what a host loads can also be trained
        return _assemble(path, sources, placement, dtype)


def _assemble(
    path: Path, sources: _Sources, placement: Placement, wanted: torch.dtype | Literal["auto"]
) -> CogVideoX:
    found = _read_transformer(sources.transformer, _own_facts(path))
    dtype = choose_dtype(wanted, width=found.width, stored=found.stored, device=placement.device)
    transformer = _build_transformer(found, dtype)
    vae = _load_vae(sources.find("vae"), found, dtype)
    text_encoder = _load_text_encoder(sources.find("text_encoder"), dtype)
    _require_same_text_width(transformer, text_encoder)
    tokenizer = _load_tokenizer(sources.find("tokenizer"))
    if wants_tiling(placement):
        enable_tiling(vae)
    return CogVideoX(
        name=path.stem if path.is_file() else path.name,
        transformer=place(transformer, placement),
        vae=place(vae, placement),
        text_encoder=place(text_encoder, placement),
        tokenizer=tokenizer,
        schedule=_load_schedule(sources.base, found),
        layout=found.layout,
        train_size=_train_size(found),
        knows_last_frame=bool(found.own.get("knows_last_frame", found.layout.knows_last_frame)),
        max_text_tokens=int(
            found.own.get("max_text_tokens") or found.config.get("max_text_seq_length", TEXT_TOKENS)
        ),
        known_words=_known_words(tokenizer) if found.own.get("closed_vocabulary") else None,
        blank_is_zeros=bool(found.own.get("blank_is_zeros", False)),
        placement=placement,
    )


def _transformer_path(path: Path) -> Path:
    """The transformer's file, or the folder that holds its config.json."""
    if path.is_file() or (path / "config.json").is_file():
        return path
    if not path.is_dir():
        raise ModelError(f"{path}: is a pipe or a device: choose a folder or a file")
    folder = path / "transformer"
    if (folder / "config.json").is_file():
        return folder
    kind = read_json(path / INDEX).get("_class_name") if (path / INDEX).is_file() else None
    found = f"a {kind}" if kind else ", ".join(sorted(p.name for p in path.iterdir())) or "nothing"
    raise ModelError(
        f"{path}: expected a CogVideoX model folder (with transformer/config.json), found {found}"
    )


def _own_facts(path: Path) -> dict[str, Any]:
    index = path / INDEX
    own = read_json(index).get(OWN_KEY, {}) if index.is_file() else {}
    require_stated(f"{index}: {OWN_KEY}", own, OWN)
    return own


def _read_transformer(path: Path, own: dict[str, Any]) -> _Transformer:
    weights = read_weights(path) if path.is_file() else read_folder_weights(path)
    tensors = _drop_fixed_positions(respell(unscale_fp8(weights.tensors), "diffusers"))
    weights = WeightFile(path=path, tensors=tensors, metadata=weights.metadata)
    config = _stated_config(path, weights)
    own = own or _stated(weights, OWN_KEY)
    require_stated(f"{path}: {OWN_KEY}", own, OWN)
    layout = detect_layout(weights.shapes, {**config, OWN_KEY: own})
    return _Transformer(
        weights=weights,
        config=config or transformer_config(weights.shapes, layout),
        layout=layout,
        own=own,
    )


def _stated_config(path: Path, weights: WeightFile) -> dict[str, Any]:
    """The configuration that came with the weights, or nothing."""
    if path.is_file():
        config = _stated(weights, "config")
    else:
        config = read_json(path / "config.json")
        _require_class(path, config, "CogVideoXTransformer3DModel")
    require_stated(path, config, TRANSFORMER)
    require_positions(path, config)
    layers = count_parts(weights.shapes, "transformer_blocks.")
    if config and layers:  # without any it is no transformer, which is told better later
        require_count(path, "num_layers", config.get("num_layers"), layers)
    return config


def _stated(weights: WeightFile, key: str) -> dict[str, Any]:
    """A JSON object in a single file's metadata; other programs keep other things there."""
    try:
        return parse_json(weights.metadata.get(key, "{}"), weights.path)
    except ModelError:
        return {}


def _drop_fixed_positions(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """2B's positions are a fixed table that some files store; the module computes them itself."""
    patch = tensors.get(PATCH_WEIGHT)
    if patch is None or patch.shape[0] != WIDTH_2B:
        return tensors
    return {key: value for key, value in tensors.items() if key != POSITIONS}


def _build_transformer(found: _Transformer, dtype: torch.dtype) -> nn.Module:
    from diffusers import CogVideoXTransformer3DModel

    config = _known_options(CogVideoXTransformer3DModel, found.config)
    return fill_module(
        lambda: CogVideoXTransformer3DModel(**config),
        found.weights.tensors,
        what="transformer",
        dtype=dtype,
    )


def _load_vae(path: Path, transformer: _Transformer, dtype: torch.dtype) -> nn.Module:
    from diffusers import AutoencoderKLCogVideoX

    if path.is_file():
        tensors = without_prefix(unscale_fp8(read_weights(path).tensors), _VAE_PREFIXES)
        shapes = {key: tuple(value.shape) for key, value in tensors.items()}
        config = vae_config(shapes, transformer.layout, transformer.width)
    else:
        config = read_json(path / "config.json")
        _require_class(path, config, "AutoencoderKLCogVideoX")
        require_stated(path, config, VAE)
        tensors = unscale_fp8(read_folder_weights(path).tensors)
        _require_vae_parts(path, config, {k: tuple(v.shape) for k, v in tensors.items()})
    _require_latent_channels(path, config.get("latent_channels", LATENT_CHANNELS))
    options = _known_options(AutoencoderKLCogVideoX, config)
    return fill_module(lambda: AutoencoderKLCogVideoX(**options), tensors, what="VAE", dtype=dtype)


def _require_vae_parts(
    path: Path, config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """The numbers of blocks and layers, of which each is built before it is compared."""
    blocks = count_parts(shapes, "encoder.down_blocks.")
    for name in ("block_out_channels", "down_block_types", "up_block_types"):
        stated = config.get(name)
        require_count(
            path, f"the length of {name}", None if stated is None else len(stated), blocks
        )
    layers = count_parts(shapes, "encoder.down_blocks.0.resnets.")
    require_count(path, "layers_per_block", config.get("layers_per_block"), layers)


def _load_text_encoder(path: Path, dtype: torch.dtype) -> nn.Module:
    from transformers import T5Config, T5EncoderModel

    if path.is_file():
        file = read_weights(path)
        tensors = text_encoder_tensors(unscale_fp8(file.tensors))
        found = tensors or file.tensors
        config = text_encoder_config({key: tuple(value.shape) for key, value in found.items()})
    else:
        config = read_json(path / "config.json")
        if config.get("model_type") != "t5":
            raise ModelError(
                f"{path}: expected a T5 text encoder, found {config.get('model_type', 'unknown')}"
            )
        require_stated(path, config, TEXT_ENCODER)
        tensors = text_encoder_tensors(unscale_fp8(read_folder_weights(path).tensors))
        shapes = {key: tuple(value.shape) for key, value in tensors.items()}
        layers = count_parts(shapes, "encoder.block.")
        require_count(path, "num_layers", config.get("num_layers"), layers)
    module = fill_module(
        lambda: T5EncoderModel(T5Config(**config)), tensors, what="text encoder", dtype=dtype
    )
    if dtype == torch.float16:  # T5's last feed-forward layer overflows in fp16
        for name, child in module.named_modules():
            if name.endswith(".wo"):
                child.float()
    return module


def _load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # whatever the library does with what its files say
        raise ModelError(f"{folder}: holds no readable tokenizer ({str(error)[:SHOWN]})") from error


def _load_schedule(base: Path | None, found: _Transformer) -> dict[str, Any]:
    file = base / "scheduler" / "scheduler_config.json" if base is not None else None
    stored = file is not None and file.is_file()
    schedule = read_json(file) if file is not None and stored else schedule_config(found.width)
    require_stated(file, schedule, SCHEDULE)
    NoiseSchedule.from_config(schedule)  # one that cannot be sampled is told before an edit
    if found.layout.name in _UNSHIFTED:
        schedule = schedule | {"snr_shift_scale": 1.0}
    return schedule


def _train_size(found: _Transformer) -> tuple[int, int, int]:
    """Stated by our own models; else what the layout is known to be trained at."""
    stated = found.own.get("train_size")
    if stated is not None:
        frames, height, width = (int(value) for value in stated)
        return frames, height, width
    return found.layout.train_frames, *found.layout.train_size


def _known_words(tokenizer: Any) -> frozenset[str]:
    special = set(tokenizer.all_special_tokens)
    return frozenset(word.lstrip("\u2581") for word in tokenizer.get_vocab() if word not in special)


def _known_options(kind: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a configuration that the class takes; others belong to other programs."""
    names = set(inspect.signature(kind.__init__).parameters) - {"self"}
    return {key: value for key, value in config.items() if key in names}


def _require_class(path: Path, config: Mapping[str, Any], expected: str) -> None:
    found = config.get("_class_name", expected)
    if found != expected:
        raise ModelError(f"{path}: expected a {expected}, found a {str(found)[:SHOWN]}")


def _require_latent_channels(path: Path, channels: int) -> None:
    if channels != LATENT_CHANNELS:
        raise ModelError(
            f"{path}: the VAE has {channels} latent channels, expected {LATENT_CHANNELS}: it "
            "belongs to another model"
        )


def _require_same_text_width(transformer: Any, text_encoder: Any) -> None:
    wanted, given = transformer.config.text_embed_dim, text_encoder.config.d_model
    if wanted != given:
        raise ModelError(
            f"the text encoder gives {given} features a word, the transformer expects {wanted}: "
            "choose the text encoder this model was trained with (T5 v1.1 XXL for CogVideoX)"
        )
