"""COCO run lengths."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from vivid_core.errors import InputError
from vivid_core.media import decode_rle, encode_rle, rle_area, selects_any

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40))


def disc(size: int, radius: float) -> np.ndarray:
    y, x = np.mgrid[0:size, 0:size] - size // 2
    return x * x + y * y <= radius * radius


@given(MASKS)
def test_round_trip(mask):
    np.testing.assert_array_equal(decode_rle(encode_rle(mask), mask.shape), mask)


@given(st.integers(1, 4000), st.integers(1, 4000), st.booleans())
def test_long_runs(height, width, value):
    mask = np.full((height, width), value)
    np.testing.assert_array_equal(decode_rle(encode_rle(mask), mask.shape), mask)


# Made by pycocotools, whose encoding this is.
@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (np.zeros((3, 4), bool), "<"),
        (np.ones((3, 4), bool), "0<"),
        (np.eye(5, dtype=bool), "0150000000"),
        (disc(21, 7.5), "W25>4M2N2O0O2O00000001N101N2N3Li1"),
        (np.add.outer(np.arange(6), np.arange(5)) % 2 == 0, "01100010O0010O0010O0010O000"),
        (np.pad(np.ones((300, 2), bool), ((200, 500), (40, 3))), "XXW1\\9le00`g2"),
    ],
)
def test_equal_to_the_reference(mask, text):
    assert encode_rle(mask) == text
    np.testing.assert_array_equal(decode_rle(text, mask.shape), mask)


@given(MASKS)
def test_area_and_emptiness_need_no_pixels(mask):
    assert rle_area(encode_rle(mask)) == mask.sum()
    assert selects_any(encode_rle(mask), mask.shape) == mask.any()


@given(st.text(max_size=20) | st.lists(st.integers() | st.none() | st.booleans(), max_size=6))
def test_anything_else_fills_the_mask_or_is_refused(counts):
    try:
        assert decode_rle(counts, (5, 4)).shape == (5, 4)
    except InputError as error:
        assert error.argument == "counts"


@pytest.mark.parametrize(
    ("counts", "size"),
    [
        ("0", (40000, 40000)),
        ([0, 1_600_000_000], (40000, 40000)),
        ("<", (0, 4)),
        ("<", (-3, -4)),
        ([10**30], (3, 4)),
        ([-1, 13], (3, 4)),
        ([True] * 12, (3, 4)),
        ("o" * 500_000 + "0", (480, 720)),
        ("oooooo0" * 70_000, (480, 720)),
        ("0" * 1_000_000, (480, 720)),
        (None, (3, 4)),
        ("\ud800", (3, 4)),
    ],
    ids=lambda value: str(value)[:20],
)
def test_bombs_are_refused_at_once(counts, size):
    started = time.monotonic()
    for read in (decode_rle, selects_any):
        with pytest.raises(InputError):
            read(counts, size)
    assert time.monotonic() - started < 1
