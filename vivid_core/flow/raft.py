"""RAFT: the optical flow engine that the VIVID paper uses (torchvision's model)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.optical_flow import RAFT, raft_large, raft_small
from torchvision.models.optical_flow import raft as parts

from ..errors import InputError, ModelError
from ..files.weights import read_weights
from .engine import Field, Frame, OtherFrame, check_pair

RaftSize = Literal["large", "small", "tiny"]
SMALLEST_INPUT = 128  # pixels; below, the last level of the correlation pyramid is empty
STRIDE = 8  # RAFT estimates at an eighth of the size (Teed and Deng 2020, sec. 3.1)
UPDATES = 12  # refinement steps, torchvision's default for use


class RaftFlow:
    """Teed and Deng 2020, "RAFT: Recurrent All-Pairs Field Transforms for Optical Flow".

    Frames of any size: padded by their edges to sides of at least 128 that 8 divides. `model` may
    be on any device; flow comes back on the CPU. On two CPU cores a pair of 720x480 takes 5 to 16
    seconds: meant for a GPU.
    """

    def __init__(self, model: RAFT, *, updates: int = UPDATES) -> None:
        if updates < 1:
            raise InputError("updates", f"must be 1 or more refinement steps, got {updates}")
        self._model = model
        self._updates = updates

    @torch.no_grad()
    def estimate(self, first: Frame, second: OtherFrame) -> Field:
        check_pair(first, second)
        height, width = first.shape[:2]
        weight = next(self._model.parameters())
        pair = torch.stack([first, second]).permute(0, 3, 1, 2).to(weight)
        padded = F.pad(2 * pair - 1, (0, _missing(width), 0, _missing(height)), mode="replicate")
        flows = self._model(padded[:1], padded[1:], num_flow_updates=self._updates)
        return flows[-1][0, :, :height, :width].permute(1, 2, 0).float().cpu().contiguous()


def load_raft(path: Path, *, device: torch.device | None = None) -> RaftFlow:
    """RAFT from torchvision's weights, large or small: .pth (tensors only) or .safetensors.

    Raises ModelError for a file that is missing, damaged or something else.
    """
    return RaftFlow(raft_from_tensors(read_weights(path).tensors, path.name).to(device or "cpu"))


def raft_from_tensors(tensors: Mapping[str, Tensor], name: str = "weights") -> RAFT:
    """The RAFT that a state dict belongs to, told by its shapes, ready for use (float32).

    Raises ModelError, with what was found and what was expected, when it belongs to none.
    """
    found = {key.removeprefix("module."): value for key, value in tensors.items()}
    for size in _BUILDERS:
        with torch.device("meta"):
            model = build_raft(size)
        if _shapes(model.state_dict()) == _shapes(found):
            model = model.to_empty(device="cpu").float()
            model.load_state_dict(found)
            return model.eval().requires_grad_(False)
    raise ModelError(
        f"{name}: expected torchvision's raft_large or raft_small; found {_describe(found)}"
    )


def build_raft(size: RaftSize) -> RAFT:
    """An untrained RAFT: torchvision's two, or the same class small enough for tests."""
    return _BUILDERS[size]().eval()


def _build_large() -> RAFT:
    return raft_large(weights=None, progress=False)


def _build_small() -> RAFT:
    return raft_small(weights=None, progress=False)


def _build_tiny() -> RAFT:
    """The layout of raft_small at a twelfth of its width."""
    hidden, context, motion = 8, 8, 10
    correlation = parts.CorrBlock(num_levels=4, radius=1)
    encoder = parts.MotionEncoder(
        in_channels_corr=correlation.out_channels,
        corr_layers=(8,),
        flow_layers=(8, 4),
        out_channels=motion,
    )
    recurrent = parts.RecurrentBlock(
        input_size=motion + context, hidden_size=hidden, kernel_size=(3,), padding=(1,)
    )
    return RAFT(
        feature_encoder=_tiny_encoder(8, norm_layer=nn.InstanceNorm2d),
        context_encoder=_tiny_encoder(hidden + context, norm_layer=None),
        corr_block=correlation,
        update_block=parts.UpdateBlock(
            motion_encoder=encoder,
            recurrent_block=recurrent,
            flow_head=parts.FlowHead(in_channels=hidden, hidden_size=8),
        ),
        mask_predictor=None,
    )


def _tiny_encoder(channels: int, norm_layer: type[nn.Module] | None) -> parts.FeatureEncoder:
    # torchvision annotates these narrower than what raft_small itself passes
    block: Any = parts.BottleneckBlock
    norm: Any = norm_layer
    return parts.FeatureEncoder(block=block, layers=(4, 4, 8, 8, channels), norm_layer=norm)


_BUILDERS: dict[RaftSize, Callable[[], RAFT]] = {
    "large": _build_large,
    "small": _build_small,
    "tiny": _build_tiny,
}


def _missing(side: int) -> int:
    """Pixels to add to a side."""
    return max(SMALLEST_INPUT, -(-side // STRIDE) * STRIDE) - side


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in tensors.items()}


def _describe(tensors: Mapping[str, Tensor]) -> str:
    if not tensors:
        return "no tensors"
    if "feature_encoder.convnormrelu.0.weight" in tensors:
        return f"a RAFT of other sizes ({len(tensors)} tensors)"
    if any(key.startswith("fnet.") for key in tensors):
        return "RAFT with its authors' tensor names: take torchvision's file instead"
    return f"other tensors ({', '.join(sorted(tensors)[:3])})"
