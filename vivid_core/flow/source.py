"""What another frame shows of a part of this one: sampled, aligned to it, and given its light."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from .engine import SMALLEST_SIDE, FlowEngine
from .exposure import match_exposure
from .register import View, fit_affine, gather_evidence, polish, share_that_follows
from .spatial import around
from .warp import Bools, Floats, Matrix, homography_places, invert, pull, stays_inside

Crop = tuple[slice, slice]  # rows, columns

RING_SHARE = 0.25  # width of the ring round a hole, as a share of the hole's size
NARROWEST_RING = 16  # pixels
LOCAL_GAIN = 0.1  # by how much a fit to the ring has to explain it better than the camera does
PARALLAX_AGREEMENT = 0.6  # share of the ring that follows the camera: below, it is looked at
LOCAL_MISFIT = 0.8  # of the camera's misfit, that a fit to the ring must not exceed
GOOD_FIT = 0.015  # mean difference (0..1) in the ring that needs no fit of its own
SETTLED = 0.15  # pixels that the ring would still move: less needs no fit of its own either
LARGEST_MISFIT = 0.06  # mean difference (0..1) in the ring from which on a frame is not used


@dataclass(frozen=True, kw_only=True)
class Place:
    """A part of a frame: its crop, and within that the ring of pixels to compare by."""

    view: View
    crop: Crop
    ring: Bools

    @property
    def pixels(self) -> Floats:
        return self.view.pixels.numpy()[self.crop]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Another frame as a crop sees it; `seen` marks true background, `inside` what lies within
    the frame at all, `misfit` (0..1) is how much it differs in the ring."""

    pixels: Floats
    seen: Bools
    inside: Bools
    misfit: float = 0.0


def place_round(view: View, hole: Bools) -> Place:
    """The crop round the hole, and the ring of background in it."""
    pixels = hole.astype(np.uint8)
    radius = max(NARROWEST_RING, round(RING_SHARE * float(np.sqrt(cv2.countNonZero(pixels)))))
    crop = around(hole, radius)
    inner = pixels[crop]
    near = cv2.distanceTransform(1 - inner, cv2.DIST_L2, cv2.DIST_MASK_5) <= radius
    return Place(view=view, crop=crop, ring=near & (inner == 0) & ~view.hidden[crop])


def fetch(engine: FlowEngine, place: Place, other: View, matrix: Matrix) -> Source | None:
    """What another frame shows of the place, matched to it; None if it is unlike."""
    source = _match(place, sample(other, matrix, place.crop))
    if source.misfit > GOOD_FIT and _drift(place, source) > SETTLED:
        for own in _fit_ring(engine, place, other, matrix):
            better = _match(place, sample(other, own, place.crop))
            source = better if better.misfit < LOCAL_MISFIT * source.misfit else source
    return source if source.misfit < LARGEST_MISFIT else None


def sample(other: View, matrix: Matrix, crop: Crop) -> Source:
    """Pixels of the other frame in the crop; sharp, but linear where a mask is near.

    Seen are those of which it shows all four neighbours, as background.
    """
    places = _crop_places(matrix, crop, other.hidden.shape)
    image = other.pixels.numpy()
    sharp = pull(image, places, interpolation=cv2.INTER_CUBIC, border=cv2.BORDER_REPLICATE)
    clear = pull(other.clear, places) == 255
    if not clear.all():
        plain = pull(image, places, border=cv2.BORDER_REPLICATE)
        sharp = np.where(clear[..., None], sharp, plain)
    whole = pull(other.shown, places, border=cv2.BORDER_REPLICATE) == 255
    inside = stays_inside(places, other.hidden.shape)
    return Source(pixels=sharp.clip(0, 1), seen=whole & inside, inside=inside)


def _match(place: Place, source: Source) -> Source:
    """The source with the place's exposure, and how well it then fits."""
    both = place.ring & source.seen
    pixels = match_exposure(source.pixels, place.pixels, both)
    misfit = float(np.abs(pixels - place.pixels)[both].mean()) if both.any() else 0.0
    return replace(source, pixels=pixels, misfit=misfit)


def _drift(place: Place, source: Source) -> float:
    """Pixels by which one step of least squares would move the ring, in root mean square.

    Lucas and Kanade 1981, as an affine map; what noise alone leaves moves nothing.
    """
    both = cv2.erode((place.ring & source.seen).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if int(both.sum()) < SMALLEST_SIDE:
        return float("inf")
    luma = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (place.pixels, source.pixels)]
    smooth = [cv2.GaussianBlur(np.asarray(p, np.float32), (5, 5), 0) for p in luma]
    mean = np.asarray(smooth[0] + smooth[1], np.float32) / 2
    dx, dy = (cv2.Scharr(mean, cv2.CV_32F, *way)[both] / 32 for way in ((1, 0), (0, 1)))
    rows, columns = np.nonzero(both)
    y, x = ((v - v.mean()) / max(float(v.std()), 1.0) for v in (rows, columns))
    basis = np.stack([dx, dx * x, dx * y, dy, dy * x, dy * y], axis=-1).astype(np.float64)
    left = np.asarray(smooth[0] - smooth[1], np.float64)[both]
    normal = basis.T @ basis
    normal += np.eye(6) * 1e-4 * np.trace(normal)
    found = np.linalg.solve(normal + np.eye(6) * 1e-12, basis.T @ left)
    return float(np.sqrt(np.square(found).sum()))


def _fit_ring(engine: FlowEngine, place: Place, other: View, matrix: Matrix) -> Iterator[Matrix]:
    """What motion of its own the ring may have (parallax): by its points, and by its pixels."""
    crop, ring, view = place.crop, place.ring, place.view
    if min(ring.shape) < SMALLEST_SIDE:
        return
    shift = _crop_shift(crop)
    part = View(pixels=view.pixels[crop].contiguous(), hidden=view.hidden[crop].copy())
    evidence = gather_evidence(engine, part, other, matrix @ shift)
    left = np.eye(3)
    agreement = share_that_follows(evidence, matrix @ shift, ring)
    own = fit_affine(evidence, ring) if agreement < PARALLAX_AGREEMENT else None
    if own is not None and own.support > agreement + LOCAL_GAIN:
        yield own.matrix @ invert(shift)
        left = invert(matrix @ shift) @ own.matrix
    yield matrix @ shift @ polish(evidence, left, ring) @ invert(shift)


def _crop_places(matrix: Matrix, crop: Crop, size: tuple[int, ...]) -> Floats:
    """Where the matrix takes the pixels of a crop of a frame of this height and width."""
    rows, columns = (range(*part.indices(side)) for part, side in zip(crop, size, strict=True))
    return homography_places(matrix @ _crop_shift(crop), len(rows), len(columns))


def _crop_shift(crop: Crop) -> Matrix:
    """From the crop's own pixels to the frame's."""
    rows, columns = crop
    return np.array([[1.0, 0.0, columns.start], [0.0, 1.0, rows.start], [0.0, 0.0, 1.0]])
