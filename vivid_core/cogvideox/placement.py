"""Where a model runs, at which precision, and how it saves memory there."""

from __future__ import annotations

import logging
import weakref
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from ..errors import InputError
from .layout import WIDTH_2B

log = logging.getLogger(__name__)
Offload = Literal["none", "host", "model", "group"]
Tiling = bool | Literal["auto"]
WIDTH_5B = 3072  # CogVideoX-5B: 48 heads of 64; its activations leave fp16's range
TILING_BELOW_BYTES = 40 * 2**30  # decoding 49 frames of 480x720 whole takes about 18 GB in fp16
TILE_OVERLAP = 0.25  # keeps tile x (1 - overlap) a whole number of latents
_resident: dict[torch.device, weakref.ref[nn.Module]] = {}  # whose turn it is on each device
_TILE_LATENTS = 4  # so tiles must be multiples of this


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Device and memory options of a bundle.

    `offload`: "none" moves the weights to the device; "host" leaves them in main memory for a
    host that moves them itself; "model" brings one whole component at a time, "group" one layer
    at a time. It changes nothing on the CPU.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    offload: Offload = "none"
    tiling: Tiling = "auto"


def choose_dtype(
    wanted: torch.dtype | Literal["auto"],
    *,
    width: int,
    stored: torch.dtype,
    device: torch.device,
) -> torch.dtype:
    """The precision to compute in. Raises InputError for fp16 on a 5B model.

    "auto": float32 on the CPU and for small models; else bfloat16, or float16 for a 2B model
    that is stored so.
    """
    if wanted == "auto":
        if device.type == "cpu" or width < WIDTH_2B:
            return torch.float32
        half = stored == torch.float16 and width < WIDTH_5B
        return torch.float16 if half else torch.bfloat16
    if wanted == torch.float16 and width >= WIDTH_5B:
        raise InputError(
            "precision",
            "fp16 overflows in CogVideoX 5B and gives black frames: choose bf16 (or auto)",
        )
    if wanted != torch.float32 and device.type == "cpu":
        log.warning("%s is several times slower than fp32 on the CPU", wanted)
    return wanted


def enable_tiling(vae: Any) -> None:
    """Let the VAE work in tiles of about half its trained size.

    The stock defaults give frames of the wrong size for other sizes and factors than 480x720 at
    8x8, because tile and overlap are rounded apart; these tiles divide exactly.
    """
    space = 2 ** (len(vae.config.block_out_channels) - 1)
    step = _TILE_LATENTS * space
    vae.enable_tiling(
        tile_sample_min_height=max(step, vae.config.sample_height // 2 // step * step),
        tile_sample_min_width=max(step, vae.config.sample_width // 2 // step * step),
        tile_overlap_factor_height=TILE_OVERLAP,
        tile_overlap_factor_width=TILE_OVERLAP,
    )


def wants_tiling(placement: Placement) -> bool:
    """Whether to tile: as asked, or on accelerators whose memory a whole clip may not fit."""
    if placement.tiling != "auto":
        return placement.tiling
    if placement.device.type != "cuda":
        return False
    return torch.cuda.get_device_properties(placement.device).total_memory < TILING_BELOW_BYTES


def take_turns(module: Any, device: torch.device) -> nn.Module:
    """Let a module move to the device when it is called, and the one called before it move back.

    accelerate's own hook needs to be told that other module beforehand; without, each stays.
    """
    from accelerate.hooks import ModelHook, add_hook_to_module
    from accelerate.utils import send_to_device

    class Turn(ModelHook):
        def pre_forward(self, module: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
            _make_resident(module, device)
            return send_to_device(args, device), send_to_device(kwargs, device)

    return add_hook_to_module(module, Turn())


def _make_resident(module: nn.Module, device: torch.device) -> None:
    before = _resident.get(device)
    previous = before() if before is not None else None
    if previous is not None and previous is not module:
        previous.to("cpu")
    if previous is not module:
        module.to(device)
        _resident[device] = weakref.ref(module)


def place(module: Any, placement: Placement) -> nn.Module:
    """Put a module where it runs, or hook it to move there when called."""
    if placement.device.type == "cpu" or placement.offload == "host":
        return module
    if placement.offload == "none":
        return module.to(placement.device)
    if placement.offload == "model":
        return take_turns(module, placement.device)
    from diffusers.hooks import apply_group_offloading

    apply_group_offloading(
        module,
        onload_device=placement.device,
        offload_device=torch.device("cpu"),
        offload_type="leaf_level",
        use_stream=placement.device.type == "cuda",
    )
    return module
