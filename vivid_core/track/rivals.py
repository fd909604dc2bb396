"""Other things that look like a followed one: where the nearest is, and whether they have met.

Colours and motion cannot tell twins apart once they have touched or covered each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int

from .appearance import histogram, similarity

OWN_MASS = 0.8  # of a thing's pixels: whose colours count as its own
AREA = (0.3, 3.0)  # of a rival, in areas of the thing
ALIKE = 0.6  # of a rival's colours to the thing's
TOUCH = 0.2  # sizes of the thing that are no distance
LEAST_TOUCH = 5.0  # pixels
NEAR = 0.8  # sizes; who was as near and is gone has been met
BORDER = 7  # pixels around a mask that are not looked at
NOWHERE = 1e6


@dataclass(frozen=True, kw_only=True)
class Rivalry:
    """The nearest rival's distance in sizes of the thing; `met` once it has come too near."""

    distance: float = NOWHERE
    met: bool = False

    def then(self, distance: float, touch: float) -> Rivalry:
        """What is known after a frame with the nearest rival at this distance.

        A rival that touches from the beginning, such as a cushion that a cat lies on, has not
        come: nothing is to be told apart until it has been away.
        """
        came = touch < self.distance < NOWHERE and distance <= touch
        gone = touch < self.distance < NEAR and distance > 3 * NEAR
        return Rivalry(distance=distance, met=self.met or came or gone)


def nearest_rival(
    bins: Int[np.ndarray, "h w"],
    mask: Bool[np.ndarray, "h w"],
    colors: Float32[np.ndarray, " n"],
    area: float,
) -> float:
    """Sizes of the thing from its mask to the nearest other area of its colours and its size."""
    like = own_colors(colors)[bins]
    around = cv2.dilate(mask.astype(np.uint8), np.ones((BORDER, BORDER), np.uint8))
    apart = (like & (around == 0)).astype(np.uint8)
    apart = cv2.morphologyEx(apart, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(apart)
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    found = NOWHERE
    for label in np.flatnonzero(_is_rival(stats[:, cv2.CC_STAT_AREA], area)):
        here = labels == label
        if similarity(histogram(bins, here), colors) >= ALIKE:
            found = min(found, float(away[here].min()) / float(np.sqrt(area)))
    return found


def touch_distance(area: float) -> float:
    """Below how many sizes two things touch."""
    return max(TOUCH, LEAST_TOUCH / float(np.sqrt(area)))


def own_colors(colors: Float32[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """The commonest colours that together make up most of a thing."""
    order = np.argsort(colors)[::-1]
    count = int(np.searchsorted(np.cumsum(colors[order]), OWN_MASS)) + 1
    own = np.zeros(colors.shape, bool)
    own[order[:count]] = True
    return own & (colors > 0)


def _is_rival(areas: np.ndarray, area: float) -> np.ndarray:
    fits = (areas >= AREA[0] * area) & (areas <= AREA[1] * area)
    fits[0] = False  # the background
    return fits
