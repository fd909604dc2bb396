"""What the flow tracker remembers of an object, and when it declares it lost or found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8

from .appearance import color_bins, histogram, log_odds, similarity, to_lab
from .engine import States
from .outline import center, signed_distance
from .rivals import Rivalry, nearest_rival, touch_distance

WORK_SIDE = 480  # shorter side at which larger frames are followed
LARGEST_BELIEF = 4.0

LEAST_SHARE_SEEN = 0.04  # of the usual area; less is lost
LEAST_PIXELS = 12
LEAST_SIMILARITY = 0.35  # of its colours to those of the prompt; less is lost
LEARN_OWN, LEARN_OTHER = 0.04, 0.15  # how fast colours are learned
SHRINK = 0.985  # how fast the usual area follows a smaller mask

LEAST_SHARE_MET = 0.55  # of the usual area, after a rival came near; less may be of either
DOUBT = 0.5  # what confidence is worth when it may be of another thing
LEAP_OVERLAP = 0.35  # of a mask with where its motion leads; less is a leap, which may go astray

FOUND_SIMILARITY = 0.75  # of a candidate's colours, to be found again
FOUND_ODDS = 1.0
FOUND_AREA = (0.25, 2.5)  # of the usual area
FOUND_REACH = 2.0  # sizes of the object from where it was lost
FOUND_DRIFT = 0.3  # sizes of the object by which that distance grows in a frame


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
class Moved:
    """A belief on the next frame. `trust` is the share of the object on which the flow can be
    trusted, `overlap` (IoU) how far the belief keeps to where the flow leads the object."""

    belief: Float32[np.ndarray, "h w"]
    trust: float
    overlap: float


@dataclass(frozen=True, kw_only=True)
class FlowMemory:
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
    rivalry: Rivalry = Rivalry()
    identity: float = 1.0  # how sure it is that this is still the thing of the prompt

    @property
    def own(self) -> Float32[np.ndarray, " n"]:
        return (self.first + self.recent) / 2

    @property
    def size(self) -> float:
        return float(np.sqrt(self.area))


def remember(
    view: FlowView,
    mask: Bool[np.ndarray, "h w"],
    earlier: FlowMemory | None = None,
    *,
    identity: float = 1.0,
) -> FlowMemory:
    """What a prompted mask teaches; `identity` is how sure it is that this mask is meant."""
    colors = histogram(view.bins, mask)
    memory = FlowMemory(
        belief=np.clip(signed_distance(mask), -LARGEST_BELIEF, LARGEST_BELIEF),
        first=colors if earlier is None else (earlier.first + colors) / 2,
        recent=colors,
        others=_surrounding_colors(view, mask),
        area=float(np.count_nonzero(mask)),
        place=center(mask),
        step=(0.0, 0.0),
        hidden=0,
        unique=True,
        identity=identity,
    )
    away = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    return replace(memory, unique=_candidate(memory, view, away) is None)


def judge(memory: FlowMemory, view: FlowView, moved: Moved) -> tuple[FlowMemory, float]:
    """Keep what was found, or declare the object lost; and how sure that is."""
    belief, mask = moved.belief, moved.belief > 0
    area = float(np.count_nonzero(mask))
    colors = histogram(view.bins, mask)
    alike = max(similarity(colors, memory.first), 0.9 * similarity(colors, memory.recent))
    least = max(LEAST_PIXELS, LEAST_SHARE_SEEN * memory.area)
    if area < least or similarity(colors, memory.first) < LEAST_SIMILARITY:
        return forget(memory), 0.0
    distance = nearest_rival(view.bins, mask, memory.first, memory.area)
    rivalry = memory.rivalry.then(distance, touch_distance(memory.area))
    if rivalry.met and area < LEAST_SHARE_MET * memory.area:
        return forget(replace(memory, rivalry=rivalry, unique=False)), 0.0
    identity = memory.identity * (DOUBT if moved.overlap < LEAP_OVERLAP else 1.0)
    if rivalry.met:
        identity = min(identity, DOUBT)
    confidence = float(np.clip(alike * (0.5 + 0.5 * moved.trust) * identity, 0, 1))
    place = center(mask)
    learn = LEARN_OWN * alike
    return replace(
        memory,
        belief=belief,
        recent=(1 - learn) * memory.recent + learn * colors,
        others=(1 - LEARN_OTHER) * memory.others + LEARN_OTHER * _surrounding_colors(view, mask),
        area=max(area, SHRINK * memory.area),
        place=place,
        step=(place[0] - memory.place[0], place[1] - memory.place[1]),
        rivalry=rivalry,
        identity=identity,
    ), confidence


def forget(memory: FlowMemory) -> FlowMemory:
    empty = np.full_like(memory.belief, -LARGEST_BELIEF)
    return replace(memory, belief=empty, hidden=memory.hidden + 1)


def search(memory: FlowMemory, view: FlowView) -> FlowMemory:
    """Find a lost object again, if its colours and size are back near where it was lost."""
    if not memory.unique:
        return forget(memory)
    y, x = np.mgrid[0 : view.rgb.shape[0], 0 : view.rgb.shape[1]].astype(np.float32)
    reach = memory.size * (FOUND_REACH + FOUND_DRIFT * memory.hidden)
    near = np.hypot(x - memory.place[0], y - memory.place[1]) < reach
    found = _candidate(memory, view, near)
    if found is None:
        return forget(memory)
    belief = np.clip(signed_distance(found), -LARGEST_BELIEF, LARGEST_BELIEF)
    return replace(
        memory,
        belief=belief,
        place=center(found),
        step=(0.0, 0.0),
        hidden=0,
        identity=min(memory.identity, FOUND_SIMILARITY),
    )


def _candidate(
    memory: FlowMemory, view: FlowView, allowed: Bool[np.ndarray, "h w"]
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


def _surrounding_colors(view: FlowView, mask: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, " n"]:
    """Colours in a ring around the mask, its border left out."""
    size = float(np.sqrt(np.count_nonzero(mask)))
    distance = -signed_distance(mask)
    ring = (distance > 2) & (distance < max(12.0, 0.6 * size))
    return histogram(view.bins, ring)


def pack(memory: FlowMemory) -> dict[str, np.ndarray]:
    numbers = [
        memory.area, *memory.place, *memory.step, float(memory.hidden), float(memory.unique),
        memory.rivalry.distance, float(memory.rivalry.met), memory.identity,
    ]  # fmt: skip
    return {
        "belief": memory.belief,
        "first": memory.first,
        "recent": memory.recent,
        "others": memory.others,
        "numbers": np.array(numbers, np.float64),
    }


def unpack(state: States) -> FlowMemory:
    numbers = [float(value) for value in state["numbers"]]
    area, x, y, dx, dy, hidden, unique, distance, met, identity = numbers
    return FlowMemory(
        belief=state["belief"],
        first=state["first"],
        recent=state["recent"],
        others=state["others"],
        area=area,
        place=(x, y),
        step=(dx, dy),
        hidden=int(hidden),
        unique=bool(unique),
        rivalry=Rivalry(distance=distance, met=bool(met)),
        identity=identity,
    )
