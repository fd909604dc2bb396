"""Masks painted over time: strokes of a brush on some frames, kept as JSON.

    {"version": 1, "frames": {
        "0": [{"brush": 300, "at": [5000, 5000, 5400, 5200]}],
        "12": [{"clear": true}, {"brush": 250, "at": [4000, 6000]}],
        "20": [{"eraser": 90, "at": [4100, 6100, 4150, 6200]}]},
     "between": [[12, 20]]}

Strokes are done in turn, on whatever the frame shows before. Places are x and y in turn, in
ten-thousandths of the frame's width and height; a radius is in those of its width. So a painting
fits a clip of any size. "between" names stretches by their first and last frame: those between
turn from the one into the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal, cast

import cv2
import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from ..errors import InputError
from ..files.guarded import JsonError, decode_json
from .animate import Ease, MaskKey, animate_masks
from .grow import Bytes, Floats, grow_frame

VERSION = 1
UNITS = 10_000  # in a frame's width or height
MOST_TEXT = 4 * 2**20  # characters
MOST_FRAMES, MOST_STROKES = 10_000, 20_000  # with paint; strokes of all frames together
MOST_RADIUS = UNITS // 4
LAST_FRAME = 10**9 - 1  # that a text may name
FARTHEST = 2 * UNITS  # places beyond this are a mistake
ARGUMENT = "paint"  # what errors name
Kind = Literal["brush", "eraser", "clear"]


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """One stroke: `at` is x and y in turn. "clear" empties the whole frame and has no place."""

    kind: Kind
    radius: int = 0
    at: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.kind == "clear":
            return
        if not 1 <= self.radius <= MOST_RADIUS:
            raise InputError(ARGUMENT, f"a radius is {self.radius}: give 1 to {MOST_RADIUS}")
        if not self.at or len(self.at) % 2:
            raise InputError(
                ARGUMENT, f"a stroke has {len(self.at)} numbers: give x and y of each place"
            )
        if min(self.at) < -FARTHEST or max(self.at) > FARTHEST:
            raise InputError(
                ARGUMENT, f"a place lies beyond {FARTHEST}: the frame has 0 to {UNITS}"
            )


@dataclass(frozen=True, kw_only=True)
class Painting:
    """The strokes of each painted frame, in turn; stretches, as (first, last), of in-betweens.

    Stretches follow each other and share their ends at most.
    """

    frames: Mapping[int, tuple[Stroke, ...]] = field(default_factory=dict[int, tuple[Stroke, ...]])
    between: tuple[tuple[int, int], ...] = ()

    @property
    def in_betweens(self) -> list[int]:
        """The frames that follow from others: inside a stretch, without paint of their own."""
        inside = (frame for first, last in self.between for frame in range(first + 1, last))
        return [frame for frame in inside if frame not in self.frames]

    def require_fit(self, frames: int) -> None:
        """Raise InputError for paint after the last frame of a clip of this length."""
        last = max([*self.frames, *(last for _, last in self.between)], default=0)
        if last >= frames:
            raise InputError(
                ARGUMENT,
                f"there is paint on frame {last}, the clip has frames 0 to {frames - 1}: press "
                "Remove it above the picture",
            )


def parse_painting(text: str) -> Painting:
    """A painting from its JSON text; empty without one. Raises InputError that says what is wrong.

    Nothing is drawn before all of it is known to be within limits.
    """
    if not text.strip():
        return Painting()
    try:
        data: Any = decode_json(text, most_bytes=MOST_TEXT)
    except JsonError as error:
        raise InputError(ARGUMENT, f"the text {error}") from error
    top = _object(data, "the text", {"version", "frames", "between"})
    if top.get("version", VERSION) != VERSION:
        raise InputError(ARGUMENT, f"is of another version, this pack reads {VERSION}: update it")
    entries = _object(top.get("frames", {}), "frames", None)
    if len(entries) > MOST_FRAMES:
        raise InputError(ARGUMENT, f"has over {MOST_FRAMES:,} painted frames: leave some out")
    frames = {_frame(key): tuple(_strokes(entries[key], key)) for key in entries}
    if sum(map(len, frames.values())) > MOST_STROKES:
        raise InputError(ARGUMENT, f"has over {MOST_STROKES:,} strokes: paint with a larger brush")
    return Painting(
        frames={frame: frames[frame] for frame in sorted(frames) if frames[frame]},
        between=tuple(_stretches(top.get("between", []))),
    )


def retouch(
    masks: Float[Tensor, "t h w"],
    painting: Painting,
    *,
    ease: Ease = "smooth",
    motion: Float[Tensor, "t 3 3"] | None = None,
) -> Float[Tensor, "t h w"]:
    """New masks with the strokes of each painted frame done on it; all else is as it was.

    But for in-betweens: inside a stretch, the frame that it begins with turns into the one that it
    ends with, by way of those that are painted. `ease` and `motion` as in `animate_masks`. Raises
    InputError for paint after the last frame.
    """
    painting.require_fit(len(masks))
    result = masks.clone()
    for frame, strokes in painting.frames.items():
        before = masks[frame].detach().cpu().float().numpy()
        result[frame] = torch.as_tensor(paint_frame(before, strokes)).to(result)
    for first, last in painting.between:
        span = slice(first, last + 1)
        keys = {frame for frame in painting.frames if first < frame < last} | {first, last}
        known = {frame - first: result[frame].cpu().float().numpy() for frame in sorted(keys)}
        moves = None if motion is None else motion[span]
        result[span] = _filled(known, len(result[span]), ease=ease, motion=moves).to(result)
    return result


def paint_over_time(
    painting: Painting,
    frames: int,
    size: tuple[int, int],
    *,
    ease: Ease = "smooth",
    motion: Float[Tensor, "t 3 3"] | None = None,
) -> Float[Tensor, "t h w"]:
    """A mask a frame from painted ones alone: between two of them the shape turns into the next.

    Outside of them the nearest one rests. A frame that was cleared is empty, and so are those up
    to the next paint. `ease` and `motion` as in `animate_masks`. Raises InputError where nothing
    is painted, or after the last frame.
    """
    painting.require_fit(frames)
    nothing = np.zeros(size, np.float32)
    painted = {f: paint_frame(nothing, strokes) for f, strokes in painting.frames.items()}
    if not any(mask.any() for mask in painted.values()):
        raise InputError(ARGUMENT, "nothing is painted yet: paint on a frame of the node's picture")
    return _filled(painted, frames, ease=ease, motion=motion)


def _filled(
    known: Mapping[int, Floats], frames: int, *, ease: Ease, motion: Tensor | None
) -> Tensor:
    """A mask for every frame from those that are known, which stay as they are.

    An empty one ends the shape, up to the next that is not.
    """
    result = torch.zeros(frames, *known[min(known)].shape)
    for keys, start, stop in _runs(known, frames):
        made = animate_masks(keys, frames, ease=ease, motion=motion)
        result[start:stop] = made[start:stop]
    for frame, mask in known.items():
        result[frame] = torch.as_tensor(mask)
    return result


def paint_frame(mask: Shaped[np.ndarray, "h w"], strokes: Iterable[Stroke]) -> Floats:
    """A new mask [h, w] in 0..1: strokes done in turn on one. Their borders are hard."""
    result = np.array(mask, np.float32)
    for (kind, radius), alike in groupby(strokes, lambda one: (one.kind, one.radius)):
        if kind == "clear":
            result[:] = 0
        else:
            covered = _covered(alike, radius, (result.shape[0], result.shape[1]))
            result[covered] = 1.0 if kind == "brush" else 0.0
    return result


def _runs(painted: Mapping[int, Floats], frames: int) -> Iterator[tuple[list[MaskKey], int, int]]:
    """Neighbouring masks that are not empty, and the frames from .. to that are theirs."""
    first = min(painted)
    for filled, alike in groupby(sorted(painted), lambda frame: bool(painted[frame].any())):
        keys = list(alike)
        if not filled:
            continue
        start = 0 if keys[0] == first else keys[0]
        stop = min((f for f in painted if f > keys[-1]), default=frames)
        yield [MaskKey(frame=f, mask=torch.as_tensor(painted[f])) for f in keys], start, stop


def _covered(strokes: Iterable[Stroke], radius: int, size: tuple[int, int]) -> np.ndarray:
    """What strokes of one radius cover: bool [h, w]. They may begin and end outside the frame."""
    height, width = size
    reach = radius * width / UNITS
    air = int(np.ceil(reach)) + 1
    canvas: Bytes = np.zeros((height + 2 * air, width + 2 * air), np.uint8)
    for stroke in strokes:
        places = np.array(stroke.at, np.float64).reshape(-1, 2) / UNITS * (width, height)
        # A pixel's centre lies half a pixel from its corner.
        line = np.floor(places).astype(np.int32) + air
        cv2.polylines(canvas, [np.concatenate([line, line[-1:]])[:, None]], False, 1)
    grown = np.zeros(canvas.shape, np.float32)
    grow_frame(canvas, reach, out=grown)
    return grown[air : air + height, air : air + width] > 0


def _strokes(entries: Any, key: str) -> Iterator[Stroke]:
    if not isinstance(entries, list):
        raise InputError(ARGUMENT, f"frame {key}: need a list of strokes")
    for index, entry in enumerate(cast(list[Any], entries)):
        where = f"frame {key}, stroke {index}"
        values = _object(entry, where, {"brush", "eraser", "at", "clear"})
        if values == {"clear": True}:
            yield Stroke(kind="clear")
            continue
        tools = [name for name in ("brush", "eraser") if name in values]
        if len(tools) != 1 or set(values) != {tools[0], "at"}:
            raise InputError(
                ARGUMENT,
                f'{where}: need {{"brush": radius, "at": [x, y, ...]}}, the same with "eraser", '
                'or {"clear": true}',
            )
        kind: Kind = "brush" if tools[0] == "brush" else "eraser"
        (radius,) = _whole([values[kind]], where)
        yield Stroke(kind=kind, radius=radius, at=_whole(values["at"], where))


def _stretches(entries: Any) -> Iterator[tuple[int, int]]:
    """Pairs of the first and the last frame, in order of time."""
    if not isinstance(entries, list):
        raise InputError(ARGUMENT, "between: need a list of stretches such as [[10, 20]]")
    if len(cast(list[Any], entries)) > MOST_FRAMES:
        raise InputError(ARGUMENT, f"between: has over {MOST_FRAMES:,} stretches: leave some out")
    before = 0
    for pair in cast(list[Any], entries):
        ends = _whole(pair, "between")
        if len(ends) != 2 or not before <= ends[0] < ends[1] - 1 or ends[1] > LAST_FRAME:
            raise InputError(
                ARGUMENT,
                f"between: {str(pair)[:40]} is no stretch: need its first and last frame, with "
                "frames in between, after the stretch before",
            )
        yield ends[0], ends[1]
        before = ends[1]


def _whole(values: Any, where: str) -> tuple[int, ...]:
    if not isinstance(values, list) or not all(type(v) is int for v in cast(list[Any], values)):
        raise InputError(ARGUMENT, f"{where}: need whole numbers")
    return tuple(cast(Sequence[int], values))


def _object(data: Any, where: str, known: set[str] | None) -> dict[str, Any]:
    """A JSON object with these keys; None allows any."""
    if not isinstance(data, dict):
        raise InputError(ARGUMENT, f"{where}: need a JSON object")
    found = cast(dict[str, Any], data)
    unknown = sorted(set(found) - known) if known is not None else []
    if unknown:
        raise InputError(ARGUMENT, f"{where}: does not know {unknown[0][:40]!r}")
    return found


def _frame(key: str) -> int:
    if not (key.isascii() and key.isdecimal() and len(key) < 10 and str(int(key)) == key):
        raise InputError(ARGUMENT, f"{key[:40]!r} is no frame number such as 0 or 24")
    return int(key)
