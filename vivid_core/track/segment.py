"""Find an object on one frame from clicks, a box or a mask, by iterated graph cuts.

GrabCut (Rother, Kolmogorov and Blake 2004): colour mixtures of object and background, and a cut
along the edges of the picture.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from .appearance import to_lab
from .prompts import Box, FramePrompt, Point

CUT_SIDE = 320  # longest side that is cut; larger pictures are cut smaller and the result enlarged
ROUNDS = 5
DISC_SHARE = 0.008  # radius of what a click surely covers, of the frame's diagonal
CLICK_TOLERANCE = 14.0  # how far colours may lie from a click's (Lab units) to be a first guess
BOX_MARGIN = 0.25  # how much of the surroundings of a box the background is learned from
SMALLEST_PIECE = 0.03  # pieces below this share of the largest one are dropped


@runtime_checkable
class Segment(Protocol):
    """Finds the object of a prompt, as `segment_object` does; it is asked for no painted masks."""

    def __call__(
        self,
        rgb: UInt8[np.ndarray, "h w 3"],
        prompt: FramePrompt,
        *,
        scale: float = 1.0,
        before: Bool[np.ndarray, "h w"] | None = None,
    ) -> Bool[np.ndarray, "h w"]: ...


def segment_object(
    rgb: UInt8[np.ndarray, "h w 3"],
    prompt: FramePrompt,
    *,
    scale: float = 1.0,
    before: Bool[np.ndarray, "h w"] | None = None,
) -> Bool[np.ndarray, "h w"]:
    """The object of a prompt on a frame; may be empty.

    The prompt has points, a box or both. `scale` is the size of `rgb` relative to the frame of the
    prompt. `before` is the mask that points and a box correct, if the object was already followed
    to here.
    """
    scaled = scale_prompt(prompt, scale)
    points, box = list(scaled.points), scaled.box
    if before is not None and before.any() and box is None:
        guess = np.where(before, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    elif box is not None:
        guess = _guess_from_box(rgb.shape[:2], box)
    else:
        guess = _guess_from_clicks(rgb, points)
    _draw_clicks(guess, points)
    return _keep_pieces(_cut(rgb, guess, box), points)


def _guess_from_box(size: tuple[int, ...], box: Box) -> UInt8[np.ndarray, "h w"]:
    guess = np.full(size, cv2.GC_BGD, np.uint8)
    left, top, right, bottom = (round(value) for value in box.corners)
    guess[top : max(bottom, top + 1), left : max(right, left + 1)] = cv2.GC_PR_FGD
    return guess


def _guess_from_clicks(
    rgb: UInt8[np.ndarray, "h w 3"], points: list[Point]
) -> UInt8[np.ndarray, "h w"]:
    """Colours like those under the positive clicks, connected to them."""
    lab = cv2.GaussianBlur(to_lab(rgb), (0, 0), 1.5)
    guess = np.full(rgb.shape[:2], cv2.GC_PR_BGD, np.uint8)
    tolerance = (2 * CLICK_TOLERANCE, CLICK_TOLERANCE, CLICK_TOLERANCE)
    for point in points:
        if point.positive:
            flooded = np.zeros((rgb.shape[0] + 2, rgb.shape[1] + 2), np.uint8)
            flags = 4 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (1 << 8)
            seed = (int(point.x), int(point.y))
            cv2.floodFill(lab, flooded, seed, (0, 0, 0), tolerance, tolerance, flags)
            guess[flooded[1:-1, 1:-1] > 0] = cv2.GC_PR_FGD
    return guess


def _draw_clicks(guess: UInt8[np.ndarray, "h w"], points: list[Point]) -> None:
    """Mark what clicks surely cover, in place."""
    radius = max(1, round(DISC_SHARE * float(np.hypot(*guess.shape))))
    for point in points:
        kind = cv2.GC_FGD if point.positive else cv2.GC_BGD
        cv2.circle(guess, (int(point.x), int(point.y)), radius, int(kind), -1)


def _cut(
    rgb: UInt8[np.ndarray, "h w 3"], guess: UInt8[np.ndarray, "h w"], box: Box | None
) -> Bool[np.ndarray, "h w"]:
    """The cut, within the surroundings of a box if there is one."""
    crop = _surroundings(rgb.shape[:2], box)
    part, labels = rgb[crop], guess[crop]
    factor = min(1.0, CUT_SIDE / max(part.shape[:2]))
    size = (max(1, round(part.shape[1] * factor)), max(1, round(part.shape[0] * factor)))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    kinds = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
    found = _grab_cut(small, kinds).astype(np.float32)
    mask = np.zeros(rgb.shape[:2], bool)
    mask[crop] = cv2.resize(found, part.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5
    sure = (guess == cv2.GC_FGD) | (guess == cv2.GC_BGD)
    return np.where(sure, guess == cv2.GC_FGD, mask)


def _grab_cut(
    rgb: UInt8[np.ndarray, "h w 3"], kinds: UInt8[np.ndarray, "h w"]
) -> Bool[np.ndarray, "h w"]:
    is_object = (kinds == cv2.GC_FGD) | (kinds == cv2.GC_PR_FGD)
    if is_object.all() or not is_object.any():  # one of the two mixtures would be empty
        return is_object
    cv2.setRNGSeed(0)  # the mixtures start from random centres
    empty = np.zeros((1, 65), np.float64)
    cv2.grabCut(rgb, kinds, (0, 0, 1, 1), empty, empty.copy(), ROUNDS, cv2.GC_INIT_WITH_MASK)
    return (kinds == cv2.GC_FGD) | (kinds == cv2.GC_PR_FGD)


def _keep_pieces(mask: Bool[np.ndarray, "h w"], points: list[Point]) -> Bool[np.ndarray, "h w"]:
    """The pieces under positive clicks; without clicks, all but specks."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count <= 1:
        return mask
    clicked = {int(labels[int(p.y), int(p.x)]) for p in points if p.positive} - {0}
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    areas[0] = 0
    large = set(np.flatnonzero(areas >= SMALLEST_PIECE * areas.max()).tolist()) - {0}
    return np.isin(labels, sorted(clicked or large))


def _surroundings(size: tuple[int, ...], box: Box | None) -> tuple[slice, slice]:
    if box is None:
        return slice(0, size[0]), slice(0, size[1])
    x, y = (BOX_MARGIN * (box.right - box.left) + 4, BOX_MARGIN * (box.bottom - box.top) + 4)
    return (
        slice(max(0, int(box.top - y)), int(box.bottom + y) + 1),
        slice(max(0, int(box.left - x)), int(box.right + x) + 1),
    )


def scale_prompt(prompt: FramePrompt, scale: float) -> FramePrompt:
    """Points and box of a prompt on a picture of another size."""
    points = tuple(replace(point, x=point.x * scale, y=point.y * scale) for point in prompt.points)
    if prompt.box is None:
        return replace(prompt, points=points)
    left, top, right, bottom = (value * scale for value in prompt.box.corners)
    return replace(prompt, points=points, box=Box(left=left, top=top, right=right, bottom=bottom))
