"""Follow an object by optical flow and its colours; needs no weights.

Each pixel carries a belief (positive on the object). The belief moves along the flow where the
flow can be trusted: where it agrees forwards and backwards (|f + b|^2 < 0.01 (|f|^2 + |b|^2) +
0.5, Sundaram, Brox and Keutzer 2010) and the colours agree. Elsewhere, and slowly everywhere, the
colours of object and surroundings decide. Borders snap to the edges of the picture by a guided
filter (He, Sun and Tang 2010). An object whose colours are gone is lost, and found again only where
its colours and its size return and nothing else ever looked like it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8

from ..files.digest import digest_of
from .appearance import color_bins, histogram, log_odds, similarity, to_lab
from .engine import States
from .prompts import FramePrompt
from .segment import segment_object
from .store import Record

METHOD = 1  # part of the digest: a change of method makes new masks
WORK_SIDE = 480  # shorter side at which larger frames are followed
FLOW_SIDE = 48  # smallest side that the flow is computed on

KEEP = 0.7  # share of a belief that survives a frame
SHAPE_WEIGHT = 0.7
COLOR_WEIGHT, COLOR_WEIGHT_AWAY = 0.5, 0.2  # at the outline or without trusted flow; elsewhere
AWAY = (2.0, 6.0)  # pixels from the outline over which the second weight takes over
LEAST_TRUST = 0.3  # weight of the moved outline where the flow is not trusted
LARGEST_BELIEF = 4.0
SHAPE_SLOPE = 2.0  # pixels over which the moved outline becomes certain
COLOR_TOLERANCE = 20.0  # Lab units at which a moved pixel no longer looks the same
REACH_SHARE, LEAST_REACH = 0.15, 4.0  # how far an outline may grow in a frame, of the object's size
LEAP_SHARE = 0.6  # how far parts may leap that have its colours and come from nowhere
LEAP_ODDS, LEAP_TRUST = 1.5, 0.3
FILTER_RADIUS, FILTER_SOFTNESS = 3, 1e-3

LEAST_SHARE_SEEN = 0.04  # of the usual area; less is lost
LEAST_PIXELS = 12
THIN_SHARE = 0.025  # of the object's size; what grows by less than this width is no part of it
SPECK_SHARE = 0.01  # of the usual area; smaller pieces apart from the object are dropped
LEAST_SIMILARITY = 0.35  # of its colours to those of the prompt; less is lost
LEARN_OWN, LEARN_OTHER = 0.04, 0.15  # how fast colours are learned
SHRINK = 0.985  # how fast the usual area follows a smaller mask

FOUND_SIMILARITY = 0.75  # of a candidate's colours, to be found again
FOUND_ODDS = 1.0
FOUND_AREA = (0.25, 2.5)  # of the usual area
FOUND_REACH = 2.0  # sizes of the object from where it was lost
FOUND_DRIFT = 0.3  # sizes of the object by which that distance grows in a frame

Window = tuple[slice, slice]


@dataclass(frozen=True, kw_only=True)
class FlowView:
    """A frame at the size at which it is followed."""

    rgb: UInt8[np.ndarray, "h w 3"]
    full_size: tuple[int, int]  # height, width of the frame itself

    @classmethod
    def of(cls, pixels: UInt8[np.ndarray, "h w 3"]) -> FlowView:
        height, width = pixels.shape[:2]
        factor = min(1.0, WORK_SIDE / min(height, width))
        if factor < 1:
            size = (round(width * factor), round(height * factor))
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        return cls(rgb=pixels, full_size=(height, width))

    @property
    def scale(self) -> float:
        return self.rgb.shape[0] / self.full_size[0]

    @cached_property
    def lab(self) -> UInt8[np.ndarray, "h w 3"]:
        return to_lab(self.rgb)

    @cached_property
    def gray(self) -> UInt8[np.ndarray, "h w"]:
        return np.ascontiguousarray(self.lab[..., 0])

    @cached_property
    def bins(self) -> Int[np.ndarray, "h w"]:
        return color_bins(self.lab)


@dataclass(frozen=True, kw_only=True)
class _Memory:
    """What a follower knows after a frame. `belief` is that of the last frame."""

    belief: Float32[np.ndarray, "h w"]
    first: Float32[np.ndarray, " n"]  # colours at the prompts
    recent: Float32[np.ndarray, " n"]
    others: Float32[np.ndarray, " n"]  # colours around it
    area: float  # usual number of pixels
    place: tuple[float, float]  # x, y where it was seen last
    step: tuple[float, float]  # how far it moved then
    hidden: int  # frames since it was lost; 0 while it is followed
    unique: bool  # whether nothing else looks like it

    @property
    def own(self) -> Float32[np.ndarray, " n"]:
        return (self.first + self.recent) / 2

    @property
    def size(self) -> float:
        return float(np.sqrt(self.area))


class FlowEngine:
    """The `flow` engine."""

    name = "flow"

    @property
    def digest(self) -> str:
        return digest_of(self.name, METHOD)

    def view(self, pixels: UInt8[np.ndarray, "h w 3"]) -> FlowView:
        return FlowView.of(pixels)

    def follower(self, frames: int = 0) -> FlowFollower:
        return FlowFollower()

    def restore(self, state: States, view: FlowView) -> FlowFollower:
        return FlowFollower(_unpack(state), view)


class FlowFollower:
    """Follows one object; see `engine.Follower`."""

    def __init__(self, memory: _Memory | None = None, view: FlowView | None = None) -> None:
        self._memory, self._view = memory, view

    def prompt(self, view: FlowView, prompt: FramePrompt) -> Record:
        """The object of a prompt; on a later frame, its mask is corrected and its colours added."""
        before = None
        if self._memory is not None:
            self._advance(view)
            before = self._memory.belief > 0
        mask = segment_object(view.rgb, prompt, scale=view.scale, before=before)
        self._view = view
        if not mask.any():
            self._memory = self._memory or _remember(view, np.ones_like(mask))
            self._memory = _forget(self._memory)
            return _record(view, self._memory.belief, "lost", 0.0)
        self._memory = _remember(view, mask, earlier=self._memory)
        return _record(view, self._memory.belief, "prompted", 1.0)

    def follow(self, view: FlowView) -> Record:
        confidence = self._advance(view)
        assert self._memory is not None, "follow comes after prompt or restore"
        state = "lost" if self._memory.hidden else "tracked"
        return _record(view, self._memory.belief, state, confidence)

    def state(self) -> dict[str, np.ndarray]:
        assert self._memory is not None, "there is no state before the first prompt"
        return _pack(self._memory)

    def _advance(self, view: FlowView) -> float:
        """Go to the next frame; how sure the mask is there, 0..1."""
        assert self._memory is not None and self._view is not None
        before, self._view = self._view, view
        if self._memory.hidden:
            self._memory = _search(self._memory, view)
            return 0.0 if self._memory.hidden else FOUND_SIMILARITY
        moved, trust = _move(self._memory, before, view)
        self._memory, confidence = _judge(self._memory, view, moved, trust)
        return confidence


def dense_flow(
    first: UInt8[np.ndarray, "h w"], second: UInt8[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w 2"]:
    """Where each pixel of the first picture lies in the second, in pixels (DIS, Kroeger 2016)."""
    height, width = first.shape
    border = (0, max(0, FLOW_SIDE - height), 0, max(0, FLOW_SIDE - width))
    pair = [cv2.copyMakeBorder(p, *border, cv2.BORDER_REPLICATE) for p in (first, second)]
    method: Any = cv2.DISOpticalFlow.create(  # its types allow no call without a first guess
        cv2.DISOPTICAL_FLOW_PRESET_MEDIUM
    )
    return method.calc(pair[0], pair[1], None)[:height, :width].astype(np.float32)


def _move(
    memory: _Memory, before: FlowView, view: FlowView
) -> tuple[Float32[np.ndarray, "h w"], float]:
    """The belief on the next frame, and the share of the object that the flow can be trusted on."""
    window = _window(memory, before)
    old = np.ascontiguousarray(memory.belief[window])
    back = dense_flow(view.gray[window], before.gray[window])
    forth = dense_flow(before.gray[window], view.gray[window])
    grid = _grid(old.shape) + back
    trust = _agreement(back, _sample(forth, grid)) * _likeness(
        view.lab[window], _sample(before.lab[window], grid)
    )
    outline = _sample(_signed_distance(old > 0), grid)
    colors = log_odds(memory.own, memory.others)[view.bins[window]]
    away = trust * np.clip((np.abs(outline) - AWAY[0]) / (AWAY[1] - AWAY[0]), 0, 1)
    weight = COLOR_WEIGHT + (COLOR_WEIGHT_AWAY - COLOR_WEIGHT) * away
    shape = SHAPE_WEIGHT * np.tanh(outline / SHAPE_SLOPE) * np.maximum(trust, LEAST_TRUST)
    belief = _guided(KEEP * trust * _sample(old, grid) + weight * colors + shape, view.rgb[window])
    leaps = (colors > LEAP_ODDS) & (trust < LEAP_TRUST) & (outline > -LEAP_SHARE * memory.size)
    near = outline > -max(LEAST_REACH, REACH_SHARE * memory.size)
    belief[~near & ~leaps] = -LARGEST_BELIEF
    inside = outline > 0
    belief = _without_whiskers(belief, inside, THIN_SHARE * memory.size)
    belief = _without_specks(belief, inside, SPECK_SHARE * memory.area)
    moved = np.full(memory.belief.shape, -LARGEST_BELIEF, np.float32)
    moved[window] = np.clip(belief, -LARGEST_BELIEF, LARGEST_BELIEF)
    return moved, float(trust[inside].mean()) if inside.any() else 0.0


def _judge(
    memory: _Memory, view: FlowView, belief: Float32[np.ndarray, "h w"], trust: float
) -> tuple[_Memory, float]:
    """Keep what was found, or declare the object lost; and how sure that is."""
    mask = belief > 0
    area = float(np.count_nonzero(mask))
    colors = histogram(view.bins, mask)
    alike = max(similarity(colors, memory.first), 0.9 * similarity(colors, memory.recent))
    least = max(LEAST_PIXELS, LEAST_SHARE_SEEN * memory.area)
    if area < least or similarity(colors, memory.first) < LEAST_SIMILARITY:
        return _forget(memory), 0.0
    confidence = float(np.clip(alike * (0.5 + 0.5 * trust), 0, 1))
    place = _center(mask)
    learn = LEARN_OWN * alike
    return replace(
        memory,
        belief=belief,
        recent=(1 - learn) * memory.recent + learn * colors,
        others=(1 - LEARN_OTHER) * memory.others + LEARN_OTHER * _surrounding_colors(view, mask),
        area=max(area, SHRINK * memory.area),
        place=place,
        step=(place[0] - memory.place[0], place[1] - memory.place[1]),
    ), confidence


def _forget(memory: _Memory) -> _Memory:
    empty = np.full_like(memory.belief, -LARGEST_BELIEF)
    return replace(memory, belief=empty, hidden=memory.hidden + 1)


def _remember(
    view: FlowView, mask: Bool[np.ndarray, "h w"], earlier: _Memory | None = None
) -> _Memory:
    """What a prompted mask teaches."""
    colors = histogram(view.bins, mask)
    memory = _Memory(
        belief=np.clip(_signed_distance(mask), -LARGEST_BELIEF, LARGEST_BELIEF),
        first=colors if earlier is None else (earlier.first + colors) / 2,
        recent=colors,
        others=_surrounding_colors(view, mask),
        area=float(np.count_nonzero(mask)),
        place=_center(mask),
        step=(0.0, 0.0),
        hidden=0,
        unique=True,
    )
    away = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    return replace(memory, unique=_candidate(memory, view, away) is None)


def _search(memory: _Memory, view: FlowView) -> _Memory:
    """Find a lost object again, if its colours and size are back near where it was lost."""
    if not memory.unique:
        return _forget(memory)
    y, x = np.mgrid[0 : view.rgb.shape[0], 0 : view.rgb.shape[1]].astype(np.float32)
    reach = memory.size * (FOUND_REACH + FOUND_DRIFT * memory.hidden)
    near = np.hypot(x - memory.place[0], y - memory.place[1]) < reach
    found = _candidate(memory, view, near)
    if found is None:
        return _forget(memory)
    belief = np.clip(_signed_distance(found), -LARGEST_BELIEF, LARGEST_BELIEF)
    return replace(memory, belief=belief, place=_center(found), step=(0.0, 0.0), hidden=0)


def _candidate(
    memory: _Memory, view: FlowView, allowed: Bool[np.ndarray, "h w"]
) -> Bool[np.ndarray, "h w"] | None:
    """The largest area that looks like the object: its colours, near its size."""
    everything = histogram(view.bins, np.ones(view.bins.shape, bool))
    others = np.maximum(memory.others, everything)
    odds = log_odds(memory.first, others)[view.bins]
    side = max(3, round(0.15 * memory.size)) | 1
    smooth = cv2.blur(odds, (side, side))
    spots = ((smooth > FOUND_ODDS) & allowed).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(spots)
    if count <= 1:
        return None
    best = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    mask = labels == best
    share = float(stats[best, cv2.CC_STAT_AREA]) / memory.area
    if not FOUND_AREA[0] <= share <= FOUND_AREA[1]:
        return None
    alike = similarity(histogram(view.bins, mask), memory.first)
    return mask if alike >= FOUND_SIMILARITY else None


def _window(memory: _Memory, view: FlowView) -> Window:
    """Where the object can be on the next frame, with room around it."""
    x, y, width, height = cv2.boundingRect((memory.belief > 0).astype(np.uint8))
    room = np.clip(0.5 * max(width, height), 24, 96)
    across, down = (abs(step) + room for step in memory.step)
    limit_y, limit_x = view.rgb.shape[:2]
    return (
        slice(max(0, int(y - down)), min(limit_y, int(y + height + down) + 1)),
        slice(max(0, int(x - across)), min(limit_x, int(x + width + across) + 1)),
    )


def _agreement(
    back: Float32[np.ndarray, "h w 2"], forth: Float32[np.ndarray, "h w 2"]
) -> Float32[np.ndarray, "h w"]:
    """1 where the flow agrees in both directions, falling to 0 where it does not."""
    error = ((back + forth) ** 2).sum(-1)
    allowed = 0.01 * ((back**2).sum(-1) + (forth**2).sum(-1)) + 0.5
    return np.exp(-np.maximum(error / allowed - 1, 0)).astype(np.float32)


def _likeness(
    lab: UInt8[np.ndarray, "h w 3"], moved: UInt8[np.ndarray, "h w 3"]
) -> Float32[np.ndarray, "h w"]:
    """1 where a moved pixel has the colour it came with, falling to 0; light counts half."""
    difference = cv2.absdiff(lab, moved).astype(np.float32) * np.array([0.5, 1, 1], np.float32)
    return np.exp(-((difference**2).sum(-1)) / COLOR_TOLERANCE**2)


def _grid(size: tuple[int, ...]) -> Float32[np.ndarray, "h w 2"]:
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    return np.stack([x, y], -1)


def _sample(picture: np.ndarray, places: Float32[np.ndarray, "h w 2"]) -> np.ndarray:
    x, y = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
    source = np.ascontiguousarray(picture)
    return cv2.remap(source, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _signed_distance(mask: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Pixels to the outline: positive inside, negative outside; far where there is none."""
    pixels = mask.astype(np.uint8)
    inside = cv2.distanceTransform(pixels, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(1 - pixels, cv2.DIST_L2, 5)
    far = float(sum(mask.shape))
    return np.clip(np.where(mask, inside - 0.5, 0.5 - outside), -far, far).astype(np.float32)


def _guided(
    belief: Float32[np.ndarray, "h w"], rgb: UInt8[np.ndarray, "h w 3"]
) -> Float32[np.ndarray, "h w"]:
    """Smooth a belief along, not across, the edges of the picture (guided filter, grey guide)."""
    guide = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    size = (2 * FILTER_RADIUS + 1, 2 * FILTER_RADIUS + 1)
    mean_guide, mean = cv2.blur(guide, size), cv2.blur(belief, size)
    slope = (cv2.blur(guide * belief, size) - mean_guide * mean) / (
        cv2.blur(guide * guide, size) - mean_guide**2 + FILTER_SOFTNESS
    )
    offset = mean - slope * mean_guide
    return (cv2.blur(slope, size) * guide + cv2.blur(offset, size)).astype(np.float32)


def _without_whiskers(
    belief: Float32[np.ndarray, "h w"], expected: Bool[np.ndarray, "h w"], width: float
) -> Float32[np.ndarray, "h w"]:
    """Drop thin lines that the object grew into, such as the line of the ground under a hoof."""
    side = max(3, round(width)) | 1
    kernel = np.ones((side, side), np.uint8)
    padded = np.pad((belief > 0).astype(np.uint8), side)  # beyond the picture there is no object
    thick = cv2.dilate(cv2.morphologyEx(padded, cv2.MORPH_OPEN, kernel), kernel)
    thin = (belief > 0) & ~expected & (thick[side:-side, side:-side] == 0)
    return np.where(thin, -np.abs(belief), belief).astype(np.float32)


def _without_specks(
    belief: Float32[np.ndarray, "h w"], expected: Bool[np.ndarray, "h w"], least: float
) -> Float32[np.ndarray, "h w"]:
    """Drop small pieces and those that do not touch where the object is expected; fill pinholes."""
    selected = (belief > 0).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(selected)
    touched = np.bincount(labels[expected], minlength=count) > 0
    kept = touched & (stats[:, cv2.CC_STAT_AREA] >= least)
    kept[0] = False
    cleaned = np.where((selected > 0) & ~kept[labels.astype(np.intp)], -np.abs(belief), belief)
    closed = cv2.morphologyEx((cleaned > 0).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3)))
    return np.where((closed > 0) & (cleaned <= 0), np.float32(0.1), cleaned).astype(np.float32)


def _surrounding_colors(view: FlowView, mask: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, " n"]:
    """Colours in a ring around the mask, its border left out."""
    size = float(np.sqrt(np.count_nonzero(mask)))
    distance = -_signed_distance(mask)
    ring = (distance > 2) & (distance < max(12.0, 0.6 * size))
    return histogram(view.bins, ring)


def _center(mask: Bool[np.ndarray, "h w"]) -> tuple[float, float]:
    y, x = np.nonzero(mask)
    return float(x.mean()), float(y.mean())


def _record(
    view: FlowView, belief: Float32[np.ndarray, "h w"], state: str, confidence: float
) -> Record:
    if belief.shape != view.full_size:
        belief = cv2.resize(belief, view.full_size[::-1], interpolation=cv2.INTER_LINEAR)
    return Record(pixels=belief > 0, state=state, confidence=confidence)  # pyright: ignore


def _pack(memory: _Memory) -> dict[str, np.ndarray]:
    numbers = [
        memory.area, *memory.place, *memory.step, float(memory.hidden), float(memory.unique),
    ]  # fmt: skip
    return {
        "belief": memory.belief,
        "first": memory.first,
        "recent": memory.recent,
        "others": memory.others,
        "numbers": np.array(numbers, np.float64),
    }


def _unpack(state: States) -> _Memory:
    area, x, y, dx, dy, hidden, unique = (float(value) for value in state["numbers"])
    return _Memory(
        belief=state["belief"],
        first=state["first"],
        recent=state["recent"],
        others=state["others"],
        area=area,
        place=(x, y),
        step=(dx, dy),
        hidden=int(hidden),
        unique=bool(unique),
    )
