"""Thin holes: where they are compared, and how copied and painted pixels are mixed."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.flow.dis import DisFlow
from vivid_core.flow.fill import fill_background
from vivid_core.flow.thin import Errors, beside, is_thin, share_painted
from vivid_core.metrics.psnr import psnr
from vivid_core.video import FrameRange


def stroke(height: int, width: int, thickness: int) -> np.ndarray:
    drawn = np.zeros((height, width), np.uint8)
    ends = (width // 8, height // 2), (7 * width // 8, height // 3)
    return cv2.line(drawn, *ends, 1, thickness) > 0


def test_strokes_are_thin_and_discs_are_not() -> None:
    disc = cv2.circle(np.zeros((120, 160), np.uint8), (80, 60), 20, 1, -1) > 0
    assert is_thin(stroke(120, 160, 5)) and not is_thin(disc)
    assert not is_thin(np.ones((60, 80), bool))  # nothing beside it, though no edge within
    assert is_thin(np.zeros((60, 80), bool))


@given(thickness=st.integers(1, 9), height=st.integers(40, 90), width=st.integers(60, 120))
def test_beside_a_hole_is_background(thickness: int, height: int, width: int) -> None:
    hole = stroke(height, width, thickness)
    hidden = hole.copy()
    hidden[: height // 4] = True
    found = beside(hole, hidden)
    if found is not None:
        assert not (found & hidden).any()
        assert found.sum() <= hole.sum()
    assert beside(hole, np.ones_like(hole)) is None


@given(copied=st.floats(1e-6, 1), painted=st.floats(1e-6, 1))
def test_what_errs_less_counts_more(copied: float, painted: float) -> None:
    share = share_painted([Errors(copied=copied, painted=painted)])
    assert 0 <= share <= 1
    if copied < painted:
        assert share <= 0.5
    if share:
        left = (1 - share) ** 2 * copied + share**2 * painted  # of independent errors
        assert left <= min(copied, painted) * (1 + 1e-9)


def test_a_stroke_over_a_smooth_wavering_picture_is_painted() -> None:
    """Copies are off where the background wavers; paint on smooth ground is not."""
    height, width, count = 96, 128, 6
    rng = np.random.default_rng(0)
    ground = cv2.GaussianBlur(rng.random((height, width, 3), np.float32), (0, 0), 3)
    ground = (0.5 + 4 * (ground - 0.5)).clip(0, 1)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    frames, holes = [], []
    for t in range(count):
        bent = x + 0.9 * np.sin(y / 7 + 2.1 * t).astype(np.float32)
        frames.append(cv2.remap(ground, bent, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))
        holes.append(np.roll(stroke(height, width, 2), 5 * t, axis=0))
    truth = torch.from_numpy(np.stack(frames)).float().clamp(0, 1)
    mask = torch.from_numpy(np.stack(holes)).float()
    broken = torch.where(mask[..., None] > 0, 0.9, truth)
    shots = [FrameRange(start=0, stop=count)]
    results = [
        fill_background(broken, mask, DisFlow(), classical=classical, shots=shots)
        for classical in (False, True)
    ]
    seen = mask * (1 - results[0].never_seen)
    assert seen.any()
    alone, mixed = (psnr(result.frames, truth, seen) for result in results)
    assert mixed > alone + 1
    assert torch.equal(results[1].frames[mask == 0], broken[mask == 0])
