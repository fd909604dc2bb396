"""Captions without a model: always usable, and true of what the crop shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.build.words import check_captions
from vivid_core.errors import EngineError
from vivid_core.perceive.answers import OPENING
from vivid_core.perceive.coco import COCO_LABELS
from vivid_core.perceive.crop import masked_crop
from vivid_core.perceive.labels import LabelCaptioner
from vivid_core.perceive.protocols import Captions


def describe(height: int, width: int, level: int, label: str = "dog") -> Captions:
    """Captions of a flat rectangle somewhere in a frame."""
    frame, mask = np.full((60, 60, 3), 90, np.uint8), np.zeros((60, 60), bool)
    mask[5 : 5 + height, 7 : 7 + width] = True
    frame[mask] = level
    return LabelCaptioner().captions(masked_crop(frame, mask), label)


@given(
    label=st.sampled_from(COCO_LABELS), height=st.integers(1, 50), width=st.integers(1, 50),
    level=st.integers(1, 255),
)  # fmt: skip
def test_any_thing_gets_captions_that_pass_and_tell_its_size(label, height, width, level):
    captions = describe(height, width, level, label)
    assert check_captions(captions, label) is None
    assert all(text.startswith(OPENING) for text in captions)
    assert f"{width} pixels wide and {height} pixels tall" in captions.long
    assert ("wider than tall" in captions.medium) == (width > 1.25 * height)
    assert ("taller than wide" in captions.medium) == (height > 1.25 * width)


@pytest.mark.parametrize(
    ("level", "words"), [(20, "dark"), (128, "of medium brightness"), (240, "bright")]
)
def test_brightness_is_that_of_the_thing_alone(level, words):
    assert f"is {words} and" in describe(20, 20, level).medium


def test_articles_and_labels_without_words():
    assert describe(9, 9, 200, "an Umbrella").short == f"{OPENING} an umbrella"
    assert "is dark and about as wide as tall" in describe(9, 9, 0).medium
    with pytest.raises(EngineError, match="has no words"):
        describe(9, 9, 200, " .")
