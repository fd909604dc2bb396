"""A small SAM 2 with fixed weights under the original names, and this project's masks with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from vivid_core.track.prompts import Box, FramePrompt, PaintedMask, Point
from vivid_core.track.sam2 import Sam2Engine, build_original
from vivid_core.track.sam2_keys import HieraSize, hiera_config

SIDE, FRAME_SIDE = 128, 32  # of the model's picture, and of the frames
WIDTH, HIDDEN, STAGES = 16, 128, (1, 2, 2, 1)
SIZE = HieraSize(name="test", heads=1, windows=(8, 4, 4, 4), global_blocks=(4,))
Version = Literal["2.0", "2.1"]
Shapes = Mapping[str, tuple[int, ...]]
CLICKS = (Point(x=16, y=15), Point(x=2, y=3, positive=False))
BOX = Box(left=8, top=7, right=25, bottom=24)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Prompts on frames of a clip that is gone through in one direction."""

    name: str
    version: Version
    frames: int
    prompts: tuple[FramePrompt, ...]
    backward: bool = False

    @property
    def order(self) -> range:
        first = self.prompts[0].frame
        return range(first, -1, -1) if self.backward else range(first, self.frames)


def _square() -> PaintedMask:
    pixels = np.zeros((FRAME_SIDE, FRAME_SIDE), bool)
    pixels[9:22, 7:25] = True
    return PaintedMask.of(pixels)


CASES = (
    Case(
        name="points",
        version="2.1",
        frames=18,  # more than the model's 16 object pointers
        prompts=(FramePrompt(frame=0, points=CLICKS),),
    ),
    Case(
        name="one_point_2.0",
        version="2.0",
        frames=5,
        prompts=(FramePrompt(frame=0, points=CLICKS[:1]),),
    ),
    Case(
        name="box_backward",
        version="2.1",
        frames=9,
        prompts=(FramePrompt(frame=7, box=BOX, points=CLICKS[:1]),),
        backward=True,
    ),
    Case(name="mask", version="2.1", frames=5, prompts=(FramePrompt(frame=0, mask=_square()),)),
    Case(
        name="correction",
        version="2.1",
        frames=8,
        prompts=(
            FramePrompt(frame=0, points=CLICKS[:1]),
            FramePrompt(frame=4, points=(Point(x=24, y=9, positive=False),)),
        ),
    ),
)


def clip(case: Case) -> list[np.ndarray]:
    """Frames uint8 [32, 32, 3]: a bright square that moves over a ramp."""
    y, x = np.mgrid[0:FRAME_SIDE, 0:FRAME_SIDE]
    frames = []
    for t in range(case.frames):
        frame = np.stack([4 * x, 4 * y, 2 * (x + y)], -1)
        frame[8 + t // 3 : 22 + t // 3, 6 + t // 2 : 22 + t // 2] = (220, 180, 60)
        frames.append(frame.astype(np.uint8))
    return frames


def draw_weights(shapes: Shapes) -> dict[str, Tensor]:
    """The same numbers for a name and shape wherever they are drawn."""
    return {name: _draw(name, shape) for name, shape in shapes.items()}


def _draw(name: str, shape: tuple[int, ...]) -> Tensor:
    values = np.random.default_rng(crc32(name.encode())).standard_normal(shape)
    if name == "sam_mask_decoder.pred_obj_score_head.layers.2.bias":
        values = values + 6  # the object is seen on most frames
    elif "norm" in name and name.endswith("weight"):
        values = 1 + 0.1 * values
    elif len(shape) > 1 and not name.endswith(("_embed", "_enc", "_ptr", "_matrix")):
        values = values / np.sqrt(np.prod(shape[1:]))
    elif not name.endswith("_matrix"):
        values = 0.1 * values
    return torch.from_numpy(values.astype(np.float32))


def config(shapes: Shapes) -> dict[str, Any]:
    return hiera_config(SIZE, width=WIDTH, stages=STAGES, shapes=shapes, side=SIDE)


def engine(shapes: Shapes) -> Sam2Engine:
    return Sam2Engine(_model(tuple(shapes.items())), weights="test")


@cache
def _model(shapes: tuple[tuple[str, tuple[int, ...]], ...]) -> Any:
    return build_original(draw_weights(dict(shapes)), config(dict(shapes)))


def run_ours(case: Case, shapes: Shapes) -> Tensor:
    """Mask logits [t, 32, 32] in the order of the frames gone through."""
    frames, made = clip(case), engine(shapes)
    follower = made.follower(case.frames)
    prompts = {prompt.frame: prompt for prompt in case.prompts}
    logits = []
    for frame in case.order:
        view = made.view(frames[frame])
        if frame in prompts:
            follower.prompt(view, prompts[frame])
        else:
            follower.follow(view)
        logits.append(follower.logits)
    return torch.stack(logits)
