"""Exposure is matched from what both pictures show."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.flow.exposure import match_exposure

HEIGHT, WIDTH = 60, 80


def picture() -> np.ndarray:
    coarse = np.random.default_rng(3).random((HEIGHT // 5, WIDTH // 5, 3))
    return (0.2 + 0.4 * coarse.repeat(5, 0).repeat(5, 1)).astype(np.float32)


def border() -> np.ndarray:
    both = np.ones((HEIGHT, WIDTH), bool)
    both[15:-15, 15:-15] = False
    return both


@given(gains=st.tuples(*[st.floats(0.6, 1.5)] * 3))
def test_a_gain_a_channel_is_found_and_reaches_the_hole(gains):
    target = picture() * np.float32(gains)
    matched = match_exposure(picture(), target, border())
    assert np.abs(matched - target.clip(0, 1)).mean() < 0.01


def test_light_that_varies_smoothly_is_followed():
    glare = np.linspace(0, 0.2, WIDTH, dtype=np.float32)[None, :, None]
    matched = match_exposure(picture(), picture() + glare, border())
    before = np.abs(glare).mean()
    assert np.abs(matched - picture() - glare).mean() < before / 3


def test_something_bright_in_the_surroundings_does_not_bleed_in():
    target = picture()
    target[:8, :8] = 1
    inner = ~border()
    matched = match_exposure(picture(), target, border())
    assert np.abs(matched - picture())[inner].mean() < 0.03


def test_without_common_pixels_nothing_changes():
    source = picture()
    assert match_exposure(source, source * 0.5, np.zeros((HEIGHT, WIDTH), bool)) is source
