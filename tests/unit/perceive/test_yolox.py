"""The arithmetic around YOLOX: pictures on its square, boxes out of its grids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import ModelError
from vivid_core.perceive.coco import COCO_LABELS
from vivid_core.perceive.grounding import match_label
from vivid_core.perceive.minisam import SIDE, model_input
from vivid_core.perceive.yolox import GREY, STRIDES, decode_grid, fit_picture

CELLS = sum((416 // stride) ** 2 for stride in STRIDES)


def test_there_are_80_labels_in_coco():
    assert len(set(COCO_LABELS)) == 80 and COCO_LABELS[0] == "person"


@given(st.integers(1, 900), st.integers(1, 900))
def test_a_picture_fills_its_square_from_the_top_left_and_the_rest_is_grey(height, width):
    frame = np.zeros((height, width, 3), np.uint8)
    frame[..., 0] = 255  # red: comes out last, the model reads BGR
    square = fit_picture(frame, 416)[0]
    covered = square[2] == 255
    rows, columns = covered.any(axis=1).sum(), covered.any(axis=0).sum()
    assert max(rows, columns) >= 415
    assert covered[:rows, :columns].all() and (square[:, ~covered] == GREY).all()
    assert rows / columns == pytest.approx(
        height / width, abs=max(2 / columns, 2 * rows / columns**2)
    )


@given(st.integers(0, CELLS - 1), st.floats(-1, 2), st.floats(-2, 3))
def test_a_box_lies_around_its_cell(cell, offset, size):
    raw = np.zeros((CELLS, 85), np.float32)
    raw[cell, :2], raw[cell, 2:4], raw[cell, 4] = offset, size, 0.5
    starts = np.cumsum([0] + [(416 // s) ** 2 for s in STRIDES])
    level = int(np.searchsorted(starts, cell, side="right")) - 1
    stride = STRIDES[level]
    row, column = divmod(cell - int(starts[level]), 416 // stride)
    left, top, right, bottom = decode_grid(raw, 416)[cell, :4]
    assert (left + right) / 2 == pytest.approx((column + offset) * stride, abs=1e-2)
    assert (top + bottom) / 2 == pytest.approx((row + offset) * stride, abs=1e-2)
    assert right - left == pytest.approx(np.exp(size) * stride, rel=1e-3)


def test_a_grid_of_another_model_is_refused():
    with pytest.raises(ModelError, match="10 boxes for 3549 cells"):
        decode_grid(np.zeros((10, 85), np.float32), 416)


@pytest.mark.parametrize("size", [(480, 720), (720, 480), (2000, 1000), (3, 5)])
def test_minisams_square_holds_the_picture_at_the_top_left(size):
    values = model_input(np.full((*size, 3), 255, np.uint8))[0]
    scale = SIDE / max(size)
    covered = values[0] != 0
    assert covered.sum() == round(size[0] * scale) * round(size[1] * scale)
    assert covered[0, 0] and np.allclose(values[0][covered], (255 - 123.675) / 58.395)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("dog", "dog"),
        ("light", "traffic light"),
        ("dog cat", "dog"),
        ("hot dog", "hot dog"),
        ("##x", ""),
    ],
)
def test_marked_words_mean_the_label_they_cover_most(text, label):
    assert match_label(text, ("dog", "cat", "hot dog", "traffic light")) == label
