"""The overlay tints the area, draws a contour inside it, and touches nothing else."""

from __future__ import annotations

import pytest
import torch

from vivid_core.errors import InputError, MaskError
from vivid_core.mask.overlay import overlay_mask

RED = (1.0, 0.0, 0.0)


def square(frames: int = 2) -> torch.Tensor:
    mask = torch.zeros(frames, 48, 48)
    mask[:, 10:30, 10:30] = 1
    return mask


def test_tint_contour_and_the_untouched_rest():
    frames = torch.full((2, 48, 48, 3), 0.5)
    before = frames.clone()
    shown = overlay_mask(frames, square(), RED, 0.4)
    assert torch.equal(frames, before)
    outside = square() == 0
    assert torch.equal(shown[outside], frames[outside])
    assert shown[0, 20, 20].tolist() == pytest.approx([0.7, 0.3, 0.3])
    assert shown[0, 10, 20].tolist() == pytest.approx(list(RED))
    plain = overlay_mask(frames, square(), RED, 0.4, outline=False)
    assert plain[0, 10, 20].tolist() == pytest.approx([0.7, 0.3, 0.3])


def test_soft_masks_tint_softly():
    frames = torch.zeros(1, 8, 8, 3)
    shown = overlay_mask(frames, torch.full((1, 8, 8), 0.25), RED, 0.8)
    torch.testing.assert_close(shown[..., 0], torch.full((1, 8, 8), 0.2))


def test_one_mask_serves_every_frame_and_wrong_sizes_are_refused():
    frames = torch.rand(3, 48, 48, 3)
    torch.testing.assert_close(overlay_mask(frames, square(1)), overlay_mask(frames, square(3)))
    with pytest.raises(MaskError, match="give it the size of the frames"):
        overlay_mask(frames, square(2))
    with pytest.raises(InputError, match="opacity: must be 0 to 1"):
        overlay_mask(frames, square(3), opacity=2)
