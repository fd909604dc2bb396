"""Where a borrowed mask may lie on a clip, and how it moves there (VIVID, sec. 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from ..errors import InputError
from ..flow.background import propagate_background_mask
from ..flow.engine import FlowEngine
from ..mask.grow import grow_mask
from ..mask.paste import PastedMask, paste_mask
from ..metrics.sheet import shrink_frames
from ..runtime import Runtime
from ..video import Clip

ANALYSED_SIDE = 640  # pixels; longer ones are shrunk to find the background's motion


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A clip's masks of `things`, above 0.5, which a pasted mask keeps clear of.

    `clearance` is a share of the pasted mask's size (square root of its area): no variant of it
    that a training draws shall reach a thing.
    """

    things: Float[Tensor, "t h w"]
    clearance: float

    def paste(
        self,
        donor: Float[Tensor, "donor_t donor_h donor_w"],
        area: Bool[np.ndarray, "h w"],
        rng: np.random.Generator,
    ) -> PastedMask | None:
        """A mask sequence of any clip within the area; None where there is no room."""
        size = self.things.shape[1:]
        share = min(whole / side for whole, side in zip(size, donor.shape[1:], strict=True))
        margin = self.clearance * share * _side(donor[0])
        near = grow_mask(self.things[:1], margin)[0].numpy() > 0.5
        return paste_mask(donor, area & ~near, frames=len(self.things), rng=rng)

    def meets_things(self, values: Float[Tensor, "t h w"]) -> bool:
        """Whether a pasted mask comes too close to a thing on any of its frames."""
        grown = grow_mask(values, self.clearance * _side(values[0]))
        return bool((grown * (self.things[: len(values)] > 0.5)).any())


def follow_background(
    key: Float[Tensor, "h w"],
    frames: Float[Tensor, "t y x 3"],
    things: Float[Tensor, "t h w"],
    flow: FlowEngine,
    runtime: Runtime,
) -> tuple[Tensor, float]:
    """The first frame's mask as the background moves, and the least confidence of a frame.

    `frames` may be smaller than the masks.
    """
    small = tuple(frames.shape[1:3])
    moved = propagate_background_mask(
        frames,
        _resized(key[None], small)[0],
        flow,
        entities=_resized(things, small),
        runtime=Runtime(check_cancelled=runtime.check_cancelled),
    )
    values = (_resized(moved.values, key.shape) > 0.5).float()
    values[0] = key
    return values, float(moved.confidence.min())


def paste_onto(
    clip: Clip,
    ground: Ground,
    donor: Float[Tensor, "donor_t donor_h donor_w"],
    area: Bool[np.ndarray, "h w"],
    *,
    seed: int,
    flow: FlowEngine | None,
    runtime: Runtime,
) -> Float[Tensor, "t h w"]:
    """A mask on the background of a clip, on its own path or, with a `flow`, as the scene moves.

    Raises InputError where it fits nowhere, or comes upon a thing on its way.
    """
    pasted = ground.paste(donor, area, np.random.default_rng(seed))
    if pasted is None:
        raise InputError("mask", "has no room there: give a larger area, or less clearance")
    values = pasted.values
    if flow is not None:
        frames = shrink_frames(clip.frames, ANALYSED_SIDE)
        values, _ = follow_background(values[0], frames, ground.things, flow, runtime)
    if ground.meets_things(values):
        raise InputError(
            "mask", "comes upon a thing on its way: take another seed, motion or clearance"
        )
    return values


def _side(mask: Tensor) -> float:
    return float((mask > 0.5).sum()) ** 0.5


def _resized(masks: Float[Tensor, "n h w"], size: tuple[int, ...]) -> Float[Tensor, "n y x"]:
    if tuple(masks.shape[1:]) == tuple(size):
        return masks
    return F.interpolate(masks[:, None], size=tuple(size), mode="bilinear", antialias=True)[:, 0]
