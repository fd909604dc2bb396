"""Clips, mask tracks, keyframes and frame ranges: frozen, validated once, trusted afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from .errors import InputError, MaskError

INVERTED_SHARE = 0.5  # a mask that selects more than this much of the clip looks inverted


@dataclass(frozen=True, kw_only=True)
class FrameRange:
    """Frames start .. stop-1 of a clip."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise InputError(
                "range", f"frames {self.start}..{self.stop - 1} are empty: give start < stop"
            )

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.stop))

    @property
    def slice(self) -> slice:
        return slice(self.start, self.stop)

    def place_of(self, part: FrameRange) -> slice:
        """Where the frames that both have lie among these."""
        start, stop = max(self.start, part.start), min(self.stop, part.stop)
        return slice(start - self.start, stop - self.start)


@dataclass(frozen=True, kw_only=True)
class Clip:
    """Frames in memory. `frames` is float32 [T, H, W, 3] in 0..1; `fps` in frames a second."""

    frames: Float[Tensor, "t h w 3"]
    fps: Fraction = Fraction(8)

    def __post_init__(self) -> None:
        if self.frames.ndim != 4 or self.frames.shape[-1] != 3 or self.frames.numel() == 0:
            raise InputError(
                "frames", f"need [frames, height, width, 3], got {tuple(self.frames.shape)}"
            )
        if not torch.isfinite(self.frames).all():
            raise InputError(
                "frames",
                "pixels contain NaN or infinity: the node before this one produced broken "
                "images (often a VAE in fp16)",
            )

    @property
    def size(self) -> tuple[int, int]:
        """Height, width."""
        return self.frames.shape[1], self.frames.shape[2]

    def __len__(self) -> int:
        return self.frames.shape[0]


@dataclass(frozen=True, kw_only=True)
class MaskTrack:
    """One mask a frame, float32 [T, H, W] in 0..1; 1 = edit."""

    values: Float[Tensor, "t h w"]

    @classmethod
    def fit(cls, values: Tensor, clip: Clip) -> MaskTrack:
        """The mask of a clip: a single frame serves every frame; nothing else is repaired.

        Raises MaskError for a wrong length or size, NaN, or a mask that selects nothing.
        """
        if values.ndim == 2:
            values = values[None]
        if values.ndim != 3:
            raise MaskError("mask", f"need [frames, height, width], got {tuple(values.shape)}")
        if tuple(values.shape[1:]) != clip.size:
            (h, w), (mh, mw) = clip.size, values.shape[1:]
            raise MaskError(
                "mask", f"is {mw}x{mh} but the clip is {w}x{h}: resize the mask to the clip"
            )
        if len(values) not in (1, len(clip)):
            raise MaskError(
                "mask",
                f"has {len(values)} frames but the clip has {len(clip)}: give one mask a frame, "
                "or a single one for all frames",
            )
        if not torch.isfinite(values).all():
            raise MaskError("mask", "contains NaN or infinity: fix the node that made it")
        if not (values > 0.5).any():
            raise MaskError(
                "mask", "is empty on every frame: paint the area to edit white (white = edit)"
            )
        return cls(values=values.float().clamp(0, 1).expand(len(clip), -1, -1))

    @classmethod
    def of_everything(cls, clip: Clip) -> MaskTrack:
        """All of every frame, at the cost of one number."""
        return cls(values=torch.ones(1, 1, 1).expand(len(clip), *clip.size))

    @property
    def share(self) -> float:
        """Share of the clip's pixels that are selected."""
        return float((self.values > 0.5).float().mean())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an artist should be told about this mask."""
        return inversion_warnings(self.share)

    def __len__(self) -> int:
        return self.values.shape[0]

    def read(self, frames: FrameRange) -> Float[Tensor, "t h w"]:
        """The masks of a range of frames."""
        return self.values[frames.slice]


@dataclass(frozen=True, kw_only=True)
class Keyframe:
    """A frame that guides the others (KIVE). `pixels` is float32 [H, W, 3] in 0..1.

    Where `alpha` (0..1) is below 1 the source shows through. A `finished` one, such as a candidate
    or a frame of an edit, stays inside the mask as it is.
    Any other picture is still blended into the source at the mask's border.
    """

    frame: int
    pixels: Float[Tensor, "h w 3"]
    finished: bool = True
    alpha: Float[Tensor, "h w"] | None = None

    def over(self, frame: Float[Tensor, "h w 3"]) -> Float[Tensor, "h w 3"]:
        """The picture laid over the frame that it stands for."""
        if self.alpha is None:
            return self.pixels
        return torch.lerp(frame.to(self.pixels), self.pixels, self.alpha[..., None])

    def feather(self, wanted: int) -> int:
        """Pixels over which it is to be softened, where edits are by `wanted`."""
        return 0 if self.finished else wanted


def inversion_warnings(share: float) -> tuple[str, ...]:
    """What an artist should be told about a mask that selects this share of a clip."""
    if share <= INVERTED_SHARE:
        return ()
    return (
        f"the mask selects {share:.0%} of the clip: if it should be the other part, the mask is "
        "inverted (white = edit)",
    )
