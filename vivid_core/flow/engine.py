"""What every optical flow engine does: two frames in, the motion of each pixel out."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from ..errors import InputError, SizeError

SMALLEST_SIDE = 16  # pixels; below that there is no pattern to match

Frame = Float[Tensor, "h w 3"]  # pixels in 0..1
OtherFrame = Float[Tensor, "other_h other_w 3"]  # of the same size, or refused
Field = Float[Tensor, "h w 2"]  # x, y in pixels: where each pixel of the first frame went


@runtime_checkable
class FlowEngine(Protocol):
    """Estimates motion. A pixel at (x, y) of the first frame is at (x, y) + flow in the second."""

    def estimate(self, first: Frame, second: OtherFrame) -> Field:
        """Flow on the CPU, float32. Raises InputError for frames of two sizes, SizeError for
        frames under 16 pixels."""
        ...


@runtime_checkable
class Repeatable(Protocol):
    """An engine that says what decides its flow, so that what was made with it can be kept."""

    @property
    def digest(self) -> str: ...


def check_pair(first: Frame, second: OtherFrame) -> None:
    """Refuse frames that no engine can compare."""
    (height, width), (other_height, other_width) = first.shape[:2], second.shape[:2]
    if (height, width) != (other_height, other_width):
        raise InputError(
            "frames",
            f"one is {width}x{height} and the other {other_width}x{other_height}: give frames "
            "of one size",
        )
    if min(height, width) < SMALLEST_SIDE:
        raise SizeError(
            "frames",
            f"{width}x{height} is too small to find motion in: give at least "
            f"{SMALLEST_SIDE}x{SMALLEST_SIDE} pixels",
        )
