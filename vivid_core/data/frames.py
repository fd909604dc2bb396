"""Frames of training samples at the size that is trained, from disk or from memory."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from ..video import Clip, FrameRange
from .samples import TrainingSample

KEPT_BYTES = 2 * 2**30  # of decoded clips, all together


@dataclass(frozen=True, kw_only=True)
class Window:
    """Pixels of a training sample in 0..1, where its mask selects (0 or 1), and its edit if any.

    `crop` is the place that it was cut from: top, left, height and width.
    """

    pixels: Float[Tensor, "t h w 3"]
    mask: Float[Tensor, "t h w"]
    edited: Float[Tensor, "t h w 3"] | None = None
    crop: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class _Decoded:
    pixels: UInt8[Tensor, "t h w 3"]
    selected: Bool[Tensor, "t h w"]
    edited: UInt8[Tensor, "t h w 3"] | None

    @property
    def size(self) -> int:
        edited = 0 if self.edited is None else self.edited.numel()
        return self.pixels.numel() + self.selected.numel() + edited


class FrameStore:
    """Reads windows; whole clips stay in memory, 8 bits a value, while they fit `budget` bytes.

    What a window holds does not depend on what is kept. Threads may share one.
    """

    def __init__(self, budget: int = KEPT_BYTES) -> None:
        self._free, self._kept = budget, dict[str, _Decoded]()
        self._lock = Lock()

    def read(
        self,
        sample: TrainingSample,
        frames: FrameRange,
        size: tuple[int, int],
        crop: torch.Generator | None = None,
    ) -> Window:
        """These frames, cropped to the shape of `size` (height, width) around the mask, scaled.

        With a generator a crop of that size is drawn from it, as in `draw_crop`.
        """
        with self._lock:
            decoded = self._decoded(sample)
        window = Window(
            pixels=decoded.pixels[frames.slice].float() / 255,
            mask=decoded.selected[frames.slice].float(),
            edited=None if decoded.edited is None else decoded.edited[frames.slice].float() / 255,
        )
        return fit_window(window, size) if crop is None else draw_crop(window, size, crop)

    def _decoded(self, sample: TrainingSample) -> _Decoded:
        kept = self._kept.get(sample.name)
        if kept is not None:
            return kept
        clip, track = sample.pixels.read()
        decoded = _Decoded(
            pixels=_bytes(clip),
            selected=track.values > 0.5,
            edited=None if sample.edited is None else _bytes(sample.edited.read_edited()),
        )
        if decoded.size <= self._free:
            self._free -= decoded.size
            self._kept[sample.name] = decoded
        return decoded


def _bytes(clip: Clip) -> UInt8[Tensor, "t h w 3"]:
    return (clip.frames * 255).round().to(torch.uint8)


def fit_window(window: Window, size: tuple[int, int]) -> Window:
    """The largest crop of the wanted shape with the mask in its middle, scaled to `size`.

    Pixels are averaged or interpolated, a mask's pixel is set where half of it is covered, or any
    part of it if nothing would be left.
    """
    if tuple(window.mask.shape[1:]) == size:
        return window
    return _scaled(window, _crop(window.mask, size), size)


def draw_crop(window: Window, size: tuple[int, int], generator: torch.Generator) -> Window:
    """A random crop of `size` with the middle of what the mask selects in it (InsViE, sec. 8).

    It is cut, not scaled; of a clip that is smaller one way it is the largest of that shape.
    """
    height, width = window.mask.shape[1:]
    scale = min(height / size[0], width / size[1], 1.0)
    sides = [max(1, round(side * scale)) for side in size]
    used = window.mask.any(dim=0)
    rows = _span_with_middle(used.any(dim=1), sides[0], generator)
    columns = _span_with_middle(used.any(dim=0), sides[1], generator)
    return _scaled(window, (rows, columns), size)


def _scaled(window: Window, crop: tuple[slice, slice], size: tuple[int, int]) -> Window:
    rows, columns = crop
    covered = F.interpolate(window.mask[:, None, rows, columns], size=size, mode="area")[:, 0]
    mask = (covered >= 0.5).float()
    if not mask.any():
        mask = (covered > 0).float()
    edited = window.edited
    return Window(
        pixels=_scaled_pixels(window.pixels[:, rows, columns], size),
        mask=mask,
        edited=None if edited is None else _scaled_pixels(edited[:, rows, columns], size),
        crop=(rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start),
    )


def _scaled_pixels(
    pixels: Float[Tensor, "t h w 3"], size: tuple[int, int]
) -> Float[Tensor, "t h2 w2 3"]:
    if tuple(pixels.shape[1:3]) == size:
        return pixels
    scaled = F.interpolate(pixels.movedim(-1, 1), size=size, mode="bilinear", antialias=True)
    return scaled.movedim(1, -1).clamp(0, 1)


def _crop(mask: Tensor, size: tuple[int, int]) -> tuple[slice, slice]:
    height, width = mask.shape[1:]
    scale = min(height / size[0], width / size[1])
    sides = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    used = mask.any(dim=0)
    crop = _crop_around(used, sides)
    if used.any() and not used[crop].any():  # several things, none in their middle
        at = used.nonzero().float()
        middle = torch.tensor([height / 2, width / 2])
        row, column = at[(at - middle).norm(dim=1).argmin()].long().tolist()
        one = torch.zeros_like(used)
        one[row, column] = True
        crop = _crop_around(one, sides)
    return crop


def _span_with_middle(used: Bool[Tensor, " n"], side: int, generator: torch.Generator) -> slice:
    """A span of `side` along an axis that holds the middle of what is used, any as likely."""
    places = used.nonzero()[:, 0].tolist() or [0, len(used) - 1]
    middle, last = (places[0] + places[-1]) // 2, len(used) - side
    low, high = max(0, middle - side + 1), min(middle, last)
    start = int(torch.randint(low, high + 1, (), generator=generator))
    return slice(start, start + side)


def _crop_around(used: Bool[Tensor, "h w"], sides: tuple[int, int]) -> tuple[slice, slice]:
    return (
        _span_around(used.any(dim=1), min(sides[0], used.shape[0])),
        _span_around(used.any(dim=0), min(sides[1], used.shape[1])),
    )


def _span_around(used: Bool[Tensor, " n"], side: int) -> slice:
    """A span of `side` along an axis, with the middle of what is used in its own middle."""
    places = used.nonzero()[:, 0].tolist() or [0, len(used) - 1]
    start = (places[0] + places[-1] + 1 - side) // 2
    start = min(max(start, 0), len(used) - side)
    return slice(start, start + side)
