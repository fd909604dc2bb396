"""Move the belief in an object to the next frame, along the flow and by its colours."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from .appearance import log_odds
from .flow_memory import LARGEST_BELIEF, FlowMemory, FlowView, Moved
from .outline import signed_distance, smooth_along_edges, without_specks, without_whiskers

FLOW_SIDE = 48  # smallest side that the flow is computed on

KEEP = 0.7  # share of a belief that survives a frame
SHAPE_WEIGHT = 0.7
COLOR_WEIGHT, COLOR_WEIGHT_AWAY = 0.5, 0.2  # at the outline or without trusted flow; elsewhere
AWAY = (2.0, 6.0)  # pixels from the outline over which the second weight takes over
LEAST_TRUST = 0.3  # weight of the moved outline where the flow is not trusted
SHAPE_SLOPE = 2.0  # pixels over which the moved outline becomes certain
COLOR_TOLERANCE = 20.0  # Lab units at which a moved pixel no longer looks the same
REACH_SHARE, LEAST_REACH = 0.15, 4.0  # how far an outline may grow in a frame, of the object's size
LEAP_SHARE = 0.6  # how far parts may leap that have its colours and come from nowhere
LEAP_ODDS, LEAP_TRUST = 1.5, 0.3
THIN_SHARE = 0.025  # of the object's size; what grows by less than this width is no part of it
SPECK_SHARE = 0.01  # of the usual area; smaller pieces apart from the object are dropped

Crop = tuple[slice, slice]  # rows, columns


def move_belief(memory: FlowMemory, before: FlowView, view: FlowView) -> Moved:
    """The belief on the next frame, and what speaks for it."""
    crop = _surroundings(memory, before)
    old = np.ascontiguousarray(memory.belief[crop])
    back = dense_flow(view.gray[crop], before.gray[crop])
    forth = dense_flow(before.gray[crop], view.gray[crop])
    grid = _grid(old.shape) + back
    trust = _agreement(back, _sample(forth, grid)) * _likeness(
        view.lab[crop], _sample(before.lab[crop], grid)
    )
    outline = _sample(signed_distance(old > 0), grid)
    colors = log_odds(memory.own, memory.others)[view.bins[crop]]
    away = trust * np.clip((np.abs(outline) - AWAY[0]) / (AWAY[1] - AWAY[0]), 0, 1)
    weight = COLOR_WEIGHT + (COLOR_WEIGHT_AWAY - COLOR_WEIGHT) * away
    shape = SHAPE_WEIGHT * np.tanh(outline / SHAPE_SLOPE) * np.maximum(trust, LEAST_TRUST)
    belief = smooth_along_edges(
        KEEP * trust * _sample(old, grid) + weight * colors + shape, view.rgb[crop]
    )
    leaps = (colors > LEAP_ODDS) & (trust < LEAP_TRUST) & (outline > -LEAP_SHARE * memory.size)
    near = outline > -max(LEAST_REACH, REACH_SHARE * memory.size)
    belief[~near & ~leaps] = -LARGEST_BELIEF
    inside = outline > 0
    belief = without_whiskers(belief, inside, THIN_SHARE * memory.size)
    belief = without_specks(belief, inside, SPECK_SHARE * memory.area)
    moved = np.full(memory.belief.shape, -LARGEST_BELIEF, np.float32)
    moved[crop] = np.clip(belief, -LARGEST_BELIEF, LARGEST_BELIEF)
    return Moved(
        belief=moved,
        trust=float(trust[inside].mean()) if inside.any() else 0.0,
        overlap=_overlap(belief > 0, inside),
    )


def _overlap(found: Bool[np.ndarray, "h w"], led: Bool[np.ndarray, "h w"]) -> float:
    return np.count_nonzero(found & led) / max(1, np.count_nonzero(found | led))


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


def _surroundings(memory: FlowMemory, view: FlowView) -> Crop:
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
