"""Captions lose a word and stay captions."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.tiny.build import TEXT_TOKENS, build_tokenizer
from vivid_core.tiny.scenes.captions import (
    background_caption,
    local_caption,
    scene_caption,
    vocabulary,
    without_color,
    without_shape,
    words_of,
)
from vivid_core.tiny.scenes.shapes import draw_scene

seeds, some = st.integers(0, 10**6), settings(max_examples=50)


@some
@given(seeds)
def test_a_caption_without_its_colour_and_shape_keeps_all_other_words(seed):
    scene = draw_scene(seed)
    caption = local_caption(scene, np.random.default_rng(seed))
    thing = scene.target_thing
    left = [word for word in words_of(caption) if word != thing.color]
    assert words_of(without_color(caption)) == left
    bare = words_of(without_shape(without_color(caption)))
    assert bare == ["object" if word == thing.shape else word for word in left]
    assert set(bare) <= set(vocabulary())


@some
@given(seeds)
def test_no_caption_is_longer_than_the_model_reads(seed):
    scene, tokenizer = draw_scene(seed), build_tokenizer(vocabulary())
    captions = [scene_caption(scene), background_caption(scene)]
    captions += [local_caption(scene, np.random.default_rng(i)) for i in range(3)]
    assert max(len(ids) for ids in tokenizer(captions).input_ids) <= TEXT_TOKENS
