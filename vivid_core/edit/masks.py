"""The effective mask of a clip: cut, grown and looked at once, held as it is or packed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from ..errors import MaskError
from ..mask.grow import grow_mask
from ..video import FrameRange, inversion_warnings

READ_FRAMES = 16
# VOID's quadmask has 63 where what is removed and what it affects overlap, 127 where it is only
# affected, 255 where all is kept and 0 where it is removed: here the other way round, in 0..1.
OVERLAP, AFFECTED = (255 - 63) / 255, (255 - 127) / 255
Values = TypeVar("Values", Tensor, NDArray[Any])


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """A part of the frame, in pixels."""

    y: int
    x: int
    height: int
    width: int

    @classmethod
    def of_frame(cls, size: tuple[int, int]) -> Bounds:
        """The whole frame of a size (height, width)."""
        return cls(y=0, x=0, height=size[0], width=size[1])

    @classmethod
    def around(cls, mask: Float[Tensor, "t h w"]) -> Bounds | None:
        """The smallest that holds all that is selected (above 0.5), if anything is."""
        seen = (mask > 0.5).any(dim=0)
        rows = torch.nonzero(seen.any(dim=1)).flatten()
        columns = torch.nonzero(seen.any(dim=0)).flatten()
        if not len(rows):
            return None
        y, x = int(rows[0]), int(columns[0])
        return cls(y=y, x=x, height=int(rows[-1]) + 1 - y, width=int(columns[-1]) + 1 - x)

    def union(self, other: Bounds) -> Bounds:
        """The smallest that holds both."""
        y, x = min(self.y, other.y), min(self.x, other.x)
        bottom = max(self.y + self.height, other.y + other.height)
        right = max(self.x + self.width, other.x + other.width)
        return Bounds(y=y, x=x, height=bottom - y, width=right - x)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows, columns."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    def crop(self, frames: Values) -> Values:
        """That part of frames [..., H, W, C]; a view."""
        rows, columns = self.slices
        return frames[..., rows, columns, :]


def union(boxes: Iterable[Bounds | None]) -> Bounds | None:
    """The smallest that holds all of them, if there are any."""
    found: Bounds | None = None
    for box in boxes:
        if box is not None:
            found = box if found is None else found.union(box)
    return found


@runtime_checkable
class MaskSource(Protocol):
    """Masks with access to any range of frames: [T, H, W] in 0..1, over 0.5 = edit.

    A `StoredTrack` is one. A source of one frame serves every frame of a clip.
    """

    def __len__(self) -> int: ...

    def read(self, frames: FrameRange) -> Float[Tensor, "t h w"]: ...


def effective_mask(mask: Float[Tensor, "t h w"], growth: int) -> Float[Tensor, "t h w"]:
    """The user's mask, cut at 0.5 and grown by `growth` pixels: 0 or 1, the limit of all change."""
    return grow_mask(mask, growth) if growth else (mask > 0.5).float()


def affected_levels(
    removed: Float[Tensor, "t h w"], affected: Float[Tensor, "t h w"]
) -> Float[Tensor, "t h w"]:
    """1 where something is removed, OVERLAP where it affects that too, AFFECTED elsewhere, or 0.

    Both are 0 or 1.
    """
    inside = torch.where(affected > 0, OVERLAP, 1.0)
    return torch.where(removed > 0, inside, affected * AFFECTED)


class EffectiveMasks:
    """The effective mask of every frame of a clip, and what a plan asks of it.

    What the edited thing affects (`affected`: its shadow, its reflection) may change as well and
    is part of it, but is not grown. `boxes` is where each frame's mask lies, `area` how many pixels
    it selects in all; `share` of the clip's pixels the user selected.
    """

    def __init__(
        self,
        source: MaskSource,
        *,
        frames: int,
        size: tuple[int, int],
        growth: int,
        packed: bool = False,
        affected: MaskSource | None = None,
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        """Reads the whole source once; `watch` is called for every few frames.

        `packed` holds some hundred bytes a frame instead of one mask. Raises MaskError for a
        source of another length or size, or that selects nothing.
        """
        _require_length("mask", len(source), frames)
        new = partial(_Packed, size) if packed else _Held
        self.size, self._store = size, new()
        self._parts = None if affected is None else (new(), new())
        count = len(source)
        if affected is not None:
            _require_length("affected_mask", len(affected), frames)
            count = max(count, len(affected))
        boxes: list[Bounds | None] = []
        selected = area = 0
        for start in range(0, count, READ_FRAMES):
            watch()
            span = FrameRange(start=start, stop=min(start + READ_FRAMES, count))
            values = _read_part("mask", source, span, size)
            selected += int((values > 0.5).sum())
            grown = effective_mask(values, growth)
            if affected is not None and self._parts is not None:
                other = (_read_part("affected_mask", affected, span, size) > 0.5).float()
                for store, part in zip(self._parts, (grown, other), strict=True):
                    store.add(part)
                grown = torch.maximum(grown, other)
            area += int(grown.sum())
            boxes += [Bounds.around(mask[None]) for mask in grown]
            self._store.add(grown)
        if not selected:
            raise MaskError(
                "mask", "is empty on every frame: paint the area to edit white (white = edit)"
            )
        self.share = selected / (count * size[0] * size[1])
        repeats = frames // len(boxes)
        self.area = area * repeats
        self.boxes: Sequence[Bounds | None] = boxes * repeats

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def active(self) -> list[bool]:
        """Of each frame, whether its mask selects anything."""
        return [box is not None for box in self.boxes]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an artist should be told about this mask."""
        return inversion_warnings(self.share)

    def read(self, frames: FrameRange) -> Float[Tensor, "t h w"]:
        """0 or 1, of a range of frames."""
        return self._read(self._store, frames)

    def levels(self, frames: FrameRange) -> Float[Tensor, "t h w"] | None:
        """What is removed and what that affects, as `affected_levels` has it; None if not told."""
        if self._parts is None:
            return None
        removed, affected = (self._read(store, frames) for store in self._parts)
        return affected_levels(removed, affected)

    @staticmethod
    def _read(store: _Held | _Packed, frames: FrameRange) -> Float[Tensor, "t h w"]:
        return store.read([f % store.count for f in range(frames.start, frames.stop)])

    def box(self, frames: Iterable[int]) -> Bounds:
        """The smallest that holds the masks of these frames. One of them has to have a mask."""
        found = union(self.boxes[frame] for frame in frames)
        assert found is not None, "planned without a mask"
        return found


class _Held:
    """Masks as they are."""

    def __init__(self) -> None:
        self._masks: list[Tensor] = []

    @property
    def count(self) -> int:
        return len(self._masks)

    def add(self, masks: Tensor) -> None:
        self._masks += list(masks)

    def read(self, frames: Sequence[int]) -> Tensor:
        return torch.stack([self._masks[frame] for frame in frames])


class _Packed:
    """Masks as compressed bits."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._masks: list[bytes] = []

    @property
    def count(self) -> int:
        return len(self._masks)

    def add(self, masks: Tensor) -> None:
        bits = (np.packbits(mask) for mask in (masks > 0.5).numpy())
        self._masks += [zlib.compress(mask.tobytes(), 1) for mask in bits]

    def read(self, frames: Sequence[int]) -> Tensor:
        return torch.as_tensor(np.stack([self._unpack(frame) for frame in frames]))

    def _unpack(self, frame: int) -> NDArray[np.float32]:
        bits = np.frombuffer(zlib.decompress(self._masks[frame]), np.uint8)
        height, width = self._size
        flat = np.unpackbits(bits, count=height * width)
        return flat.reshape(self._size).astype(np.float32)


class WholeFrames:
    """A mask of one frame that selects everything, for plans that have none."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size

    def __len__(self) -> int:
        return 1

    def read(self, frames: FrameRange) -> Float[Tensor, "t h w"]:
        return torch.ones(len(frames), *self._size)


def _read_part(
    name: str, source: MaskSource, span: FrameRange, size: tuple[int, int]
) -> Float[Tensor, "t h w"]:
    """Masks of a range of frames; a source of one frame serves all."""
    one = len(source) == 1
    values = source.read(FrameRange(start=0, stop=1) if one else span)
    _require_size(name, values, size)
    return values.expand(span.stop - span.start, -1, -1) if one else values


def _require_length(name: str, given: int, frames: int) -> None:
    if given not in (1, frames):
        raise MaskError(
            name,
            f"has {given} frames but the clip has {frames}: give one mask a frame, or a single "
            "one for all frames",
        )


def _require_size(name: str, values: Tensor, size: tuple[int, int]) -> None:
    height, width = values.shape[1:]
    if (height, width) != size:
        raise MaskError(
            name,
            f"is {width}x{height} but the clip is {size[1]}x{size[0]}: resize the mask to the clip",
        )
