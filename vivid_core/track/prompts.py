"""What to track: points, boxes and masks on frames, and the JSON that holds them.

    {"version": 1, "size": [480, 720], "objects": [
        {"id": 1, "name": "cat", "frames": {
            "0":  {"points": [[310, 200, 1], [40, 30, 0]], "box": [200, 90, 460, 400]},
            "24": {"mask": {"size": [480, 720], "counts": "..."}}}}]}

Points are [x, y, label] with label 1 on the object and 0 off it; boxes are [left, top, right,
bottom]; both in pixels from the top left corner. Masks are COCO run lengths. `size` is (height,
width) of the frames the prompts were set on; it may be absent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from ..errors import InputError
from ..files.guarded import JsonError, decode_json
from ..media import decode_rle, encode_rle, selects_any

VERSION = 1
MOST_TEXT = 8 * 2**20  # characters of a text; a detailed mask of 8K has 200,000
MOST_OBJECTS, MOST_POINTS = 255, 1000  # points on one frame
ARGUMENT = "prompts"  # what errors name


@dataclass(frozen=True, kw_only=True)
class Point:
    """A place on the object, or off it; pixels from the top left corner."""

    x: float
    y: float
    positive: bool = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.x) and math.isfinite(self.y)):
            raise InputError(ARGUMENT, f"a point is at ({self.x}, {self.y}): give finite pixels")


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle around the object; pixels from the top left corner, right and bottom outside."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, self.corners)):
            raise InputError(ARGUMENT, f"the box {self.corners} is not finite")
        if not (self.left < self.right and self.top < self.bottom):
            raise InputError(
                ARGUMENT,
                f"the box {self.corners} is empty: give left, top, right, bottom with left < right "
                "and top < bottom",
            )

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        return self.left, self.top, self.right, self.bottom


@dataclass(frozen=True, kw_only=True)
class PaintedMask:
    """A mask as a prompt, kept as COCO run lengths so that prompts can be compared."""

    height: int
    width: int
    counts: str

    def __post_init__(self) -> None:
        try:
            selects = selects_any(self.counts, (self.height, self.width))
        except InputError as error:
            raise InputError(ARGUMENT, f"a mask is damaged ({error})") from error
        if not selects:
            raise InputError(ARGUMENT, "a mask is empty: paint the object white")

    @classmethod
    def of(cls, pixels: Bool[np.ndarray, "h w"]) -> PaintedMask:
        return cls(height=pixels.shape[0], width=pixels.shape[1], counts=encode_rle(pixels))

    @property
    def pixels(self) -> Bool[np.ndarray, "h w"]:
        return decode_rle(self.counts, (self.height, self.width))


@dataclass(frozen=True, kw_only=True)
class FramePrompt:
    """What is known about one object on one frame: points and a box, or a mask."""

    frame: int
    points: tuple[Point, ...] = ()
    box: Box | None = None
    mask: PaintedMask | None = None

    def __post_init__(self) -> None:
        if self.frame < 0:
            raise InputError(ARGUMENT, f"frame {self.frame} does not exist: count from 0")
        drawn = bool(self.points) or self.box is not None
        if drawn and self.mask is not None:
            raise InputError(
                ARGUMENT,
                f"frame {self.frame} has a mask and also points or a box: a mask says it all, give "
                "one or the other",
            )
        if not drawn and self.mask is None:
            raise InputError(
                ARGUMENT, f"frame {self.frame} holds no points, box or mask: add one or remove it"
            )

    @property
    def names_object(self) -> bool:
        """Whether it says where the object is, and not only where it is not."""
        positive = any(point.positive for point in self.points)
        return positive or self.box is not None or self.mask is not None


@dataclass(frozen=True, kw_only=True)
class ObjectPrompts:
    """One object: its prompts in the order of their frames, one for each frame."""

    id: int
    frames: tuple[FramePrompt, ...]
    name: str = ""

    def __post_init__(self) -> None:
        if self.id < 1:
            raise InputError(ARGUMENT, f"object ids are whole numbers from 1, got {self.id}")
        if not self.frames:
            raise InputError(ARGUMENT, f"object {self.id} has no prompts: add a point, box or mask")
        numbers = [prompt.frame for prompt in self.frames]
        if numbers != sorted(set(numbers)):
            raise InputError(
                ARGUMENT,
                f"object {self.id} has prompts on frames {numbers}: give each frame one prompt, in "
                "order",
            )


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """Everything to track. `size` is (height, width) of the frames it was set on, if known."""

    objects: tuple[ObjectPrompts, ...]
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not self.objects:
            raise InputError(ARGUMENT, "name no object: click on one, or give a box or a mask")
        ids = [item.id for item in self.objects]
        if ids != sorted(set(ids)):
            raise InputError(ARGUMENT, f"object ids are {ids}: give each its own, in order")
        if self.size is not None and min(self.size) < 1:
            raise InputError(ARGUMENT, f"size {list(self.size)} holds no pixels")

    @classmethod
    def at(cls, x: float, y: float, *, frame: int = 0) -> Prompts:
        """One click on one object, in pixels."""
        click = FramePrompt(frame=frame, points=(Point(x=x, y=y, positive=True),))
        return cls(objects=(ObjectPrompts(id=1, frames=(click,)),))

    @property
    def last_frame(self) -> int:
        """The last frame that has a prompt."""
        return max(item.frames[-1].frame for item in self.objects)

    def are_of(self, *, frames: int, height: int, width: int) -> bool:
        """Whether they can have been set on a clip of this length and size."""
        return self.size in (None, (height, width)) and self.last_frame < frames

    def require_fit(self, *, frames: int, height: int, width: int) -> None:
        """Raise InputError unless every prompt lies inside a clip of this length and size."""
        if self.size not in (None, (height, width)):
            raise InputError(
                ARGUMENT,
                f"were set on frames of {_as_size(self.size)}, but the clip is {width}x{height}: "
                "set them again on this clip",
            )
        for item in self.objects:
            for prompt in item.frames:
                where = f"object {item.id}, frame {prompt.frame}"
                if prompt.frame >= frames:
                    raise InputError(
                        ARGUMENT, f"{where}: the clip has frames 0 to {frames - 1}: choose one"
                    )
                _require_inside(prompt, height, width, where)


def parse_prompts(text: str) -> Prompts:
    """Prompts from their JSON text. Raises InputError that says where the text is wrong."""
    try:
        data = decode_json(text, most_bytes=MOST_TEXT)
    except JsonError as error:
        raise InputError(ARGUMENT, f"the text {error}") from error
    top = _object(data, "the text", required={"objects"}, optional={"version", "size"})
    if top.get("version", VERSION) != VERSION:
        raise InputError(
            ARGUMENT,
            f"are of version {_short(top['version'])}, this pack reads {VERSION}: update the pack",
        )
    size = _size(top["size"], "size") if top.get("size") is not None else None
    objects = [
        _parse_object(item, f"objects[{index}]")
        for index, item in enumerate(_list(top["objects"], "objects", most=MOST_OBJECTS))
    ]
    return Prompts(objects=tuple(objects), size=size)


def format_prompts(prompts: Prompts) -> str:
    """The JSON text that `parse_prompts` reads back as the same prompts."""
    data: dict[str, Any] = {"version": VERSION}
    if prompts.size is not None:
        data["size"] = list(prompts.size)
    data["objects"] = [_object_data(item) for item in prompts.objects]
    return json.dumps(data)


def prompt_data(prompt: FramePrompt) -> dict[str, Any]:
    """One frame's prompt as the JSON object that stands under its frame number."""
    data: dict[str, Any] = {}
    if prompt.points:
        data["points"] = [[p.x, p.y, int(p.positive)] for p in prompt.points]
    if prompt.box is not None:
        data["box"] = list(prompt.box.corners)
    if prompt.mask is not None:
        size = [prompt.mask.height, prompt.mask.width]
        data["mask"] = {"size": size, "counts": prompt.mask.counts}
    return data


def _object_data(item: ObjectPrompts) -> dict[str, Any]:
    frames = {str(prompt.frame): prompt_data(prompt) for prompt in item.frames}
    return {"id": item.id, "name": item.name, "frames": frames}


def _parse_object(data: object, where: str) -> ObjectPrompts:
    found = _object(data, where, required={"id", "frames"}, optional={"name"})
    name = found.get("name", "")
    if not isinstance(name, str):
        raise InputError(ARGUMENT, f"{where}.name: must be text, got {_short(name)}")
    frames = _object(found["frames"], f"{where}.frames", required=set(), optional=None)
    prompts = [
        _parse_frame(_frame_number(key, where), value, f'{where}.frames["{key}"]')
        for key, value in frames.items()
    ]
    return ObjectPrompts(
        id=_whole(found["id"], f"{where}.id"),
        name=name,
        frames=tuple(sorted(prompts, key=lambda prompt: prompt.frame)),
    )


def _parse_frame(frame: int, data: object, where: str) -> FramePrompt:
    found = _object(data, where, required=set(), optional={"points", "box", "mask"})
    points = [
        _parse_point(item, f"{where}.points[{index}]")
        for index, item in enumerate(
            _list(found.get("points") or [], f"{where}.points", most=MOST_POINTS)
        )
    ]
    box, mask = found.get("box"), found.get("mask")
    return FramePrompt(
        frame=frame,
        points=tuple(points),
        box=None if box is None else _parse_box(box, f"{where}.box"),
        mask=None if mask is None else _parse_mask(mask, f"{where}.mask"),
    )


def _parse_point(data: object, where: str) -> Point:
    values = _list(data, where)
    if len(values) != 3:
        raise InputError(ARGUMENT, f"{where}: need [x, y, label], got {_short(data)}")
    label = values[2]
    if isinstance(label, bool) or label not in (0, 1):
        raise InputError(
            ARGUMENT, f"{where}: the label is 1 (on the object) or 0 (off it), got {_short(label)}"
        )
    x, y = (_number(value, where) for value in values[:2])
    return Point(x=x, y=y, positive=label == 1)


def _parse_box(data: object, where: str) -> Box:
    values = [_number(value, where) for value in _list(data, where)]
    if len(values) != 4:
        raise InputError(ARGUMENT, f"{where}: need [left, top, right, bottom], got {_short(data)}")
    return Box(left=values[0], top=values[1], right=values[2], bottom=values[3])


def _parse_mask(data: object, where: str) -> PaintedMask:
    found = _object(data, where, required={"size", "counts"}, optional=set())
    height, width = _size(found["size"], f"{where}.size")
    if not isinstance(found["counts"], str):
        raise InputError(ARGUMENT, f"{where}.counts: need compressed COCO text")
    return PaintedMask(height=height, width=width, counts=found["counts"])


def _require_inside(prompt: FramePrompt, height: int, width: int, where: str) -> None:
    for point in prompt.points:
        if not (0 <= point.x < width and 0 <= point.y < height):
            raise InputError(
                ARGUMENT,
                f"{where}: the point ({point.x:g}, {point.y:g}) lies outside the {width}x{height} "
                "frame: move it inside",
            )
    box, mask = prompt.box, prompt.mask
    if box is not None and not (
        0 <= box.left and box.right <= width and 0 <= box.top and box.bottom <= height
    ):
        raise InputError(
            ARGUMENT,
            f"{where}: the box {_plain(box.corners)} reaches outside the {width}x{height} frame: "
            "cut it to the frame",
        )
    if mask is not None and (mask.height, mask.width) != (height, width):
        raise InputError(
            ARGUMENT,
            f"{where}: the mask is {mask.width}x{mask.height}, the clip is {width}x{height}: "
            "resize the mask to the clip",
        )


def _object(
    data: object, where: str, *, required: set[str], optional: set[str] | None
) -> Mapping[str, Any]:
    """A JSON object with these keys; `optional` None allows any."""
    if not isinstance(data, dict):
        raise InputError(ARGUMENT, f"{where}: need a JSON object, got {_short(data)}")
    missing = required - data.keys()
    unknown = set() if optional is None else data.keys() - required - optional
    if missing or unknown:
        problem = "lacks" if missing else "has the unknown entry"
        listed = ", ".join(_short(key).strip("'") for key in sorted(missing or unknown)[:3])
        raise InputError(ARGUMENT, f"{where}: {problem} {listed}")
    return data


def _list(data: object, where: str, *, most: int = MOST_POINTS) -> list[Any]:
    if not isinstance(data, list):
        raise InputError(ARGUMENT, f"{where}: need a list, got {_short(data)}")
    if len(data) > most:
        raise InputError(ARGUMENT, f"{where}: has {len(data)} entries, {most} at most are read")
    return data


def _whole(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(ARGUMENT, f"{where}: need a whole number, got {_short(value)}")
    return value


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(ARGUMENT, f"{where}: need numbers, got {_short(value)}")
    try:
        return float(value)
    except OverflowError as error:
        raise InputError(ARGUMENT, f"{where}: a number is too large") from error


def _size(value: object, where: str) -> tuple[int, int]:
    sides = [_whole(side, where) for side in _list(value, where)]
    if len(sides) != 2 or min(sides) < 1:
        raise InputError(ARGUMENT, f"{where}: need [height, width], got {_short(value)}")
    return sides[0], sides[1]


def _frame_number(key: str, where: str) -> int:
    if not (key.isascii() and key.isdecimal() and len(key) < 10 and str(int(key)) == key):
        raise InputError(
            ARGUMENT, f"{where}.frames: {_short(key)} is no frame number such as 0 or 24"
        )
    return int(key)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _as_size(size: tuple[int, int] | None) -> str:
    return f"{size[1]}x{size[0]}" if size else "unknown size"


def _plain(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
