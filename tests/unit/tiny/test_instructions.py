"""Instructions for procedural scenes: what is asked is what the edited scene shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.tiny.instruct_cases import instruction_case
from vivid_core.tiny.load import load_tiny
from vivid_core.tiny.scenes.instructions import HELD_OUT_PHRASES, KINDS, PHRASES, Kind, draw_edit
from vivid_core.tiny.scenes.shapes import COLORS, HELD_OUT_SEED, SHAPES, is_held_out

seeds = st.integers(0, HELD_OUT_SEED - 1)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, kind=st.sampled_from(KINDS))
def test_only_what_the_instruction_names_changes(seed: int, kind: Kind):
    edit = draw_edit(seed, kind)
    before, after = edit.source.things, edit.edited.things
    assert edit.source.texture == edit.edited.texture
    if kind == "add":
        assert after == (*before, edit.thing)
    elif kind == "remove":
        assert set(before) - set(after) == {edit.thing} and len(after) == len(before) - 1
    else:
        changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
        assert len(changed) == 1 and changed[0][1] == edit.thing
        same = "shape" if kind == "recolor" else "color"
        assert getattr(changed[0][0], same) == getattr(edit.thing, same)
        assert replace(changed[0][0], color=edit.thing.color, shape=edit.thing.shape) == edit.thing


@settings(max_examples=40, deadline=None)
@given(seed=seeds, kind=st.sampled_from(KINDS), wording=st.integers(0, 999))
def test_the_words_say_which_thing_and_what_becomes_of_it(seed: int, kind: Kind, wording: int):
    edit = draw_edit(seed, kind)
    words = edit.phrase(np.random.default_rng(wording)).split()
    if kind in ("recolor", "add"):
        assert edit.thing.color in words
    if kind in ("reshape", "add"):
        assert edit.thing.shape in words
    if kind == "add":
        assert ("an" in words) == (edit.thing.color == "orange")
        return
    target = edit.source.target_thing
    others = [t for t in edit.source.things if t != target]
    colors = {target.color} & {*words}
    shapes = {target.shape} & {*words} - ({edit.thing.shape} if kind == "reshape" else set())
    meant = [t for t in others if (not colors or t.color in colors) and t.shape in shapes]
    assert (colors or shapes) and (colors or not meant)


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_training_never_leads_to_a_held_out_pair(seed: int):
    edit = draw_edit(seed)
    shown = {(t.color, t.shape) for t in (*edit.source.things, *edit.edited.things)}
    assert not any(is_held_out(color, shape) for color, shape in shown)


def test_held_out_scenes_have_wordings_of_their_own():
    for kind in KINDS:
        assert not set(PHRASES[kind]) & set(HELD_OUT_PHRASES[kind])
    edit = draw_edit(HELD_OUT_SEED + 3, "remove")
    said = {edit.phrase(np.random.default_rng(i)) for i in range(40)}
    assert any(text.startswith("get rid of") for text in said)
    assert not any(text.startswith("remove") for text in said)


def test_the_model_knows_the_words_that_matter_and_reads_any_instruction_whole():
    """Of the others none is needed: what is there, and what becomes of it, tells the kind."""
    known = load_tiny(adapter=False).known_words
    assert known is not None
    assert {*COLORS, *SHAPES, "the", "a", "an", "remove", "object", "small", "large"} <= known


@pytest.mark.parametrize("number", range(8))
def test_the_truth_agrees_and_the_source_does_not(number: int):
    case = instruction_case(number, frames=1)
    assert case.agrees(case.truth) and not case.agrees(case.source)
    assert 0.5 < float(case.untouched.mean()) < 1
    assert case.kept(case.truth) > 60
    assert case.kept((case.truth + 0.1).clamp(0, 1)) < 25


def test_a_case_of_a_clip_has_all_its_frames():
    case = instruction_case(1, frames=17)
    assert case.source.shape == case.truth.shape == (17, 64, 64, 3)
    assert torch.equal(case.source[case.untouched > 0], case.source[case.untouched > 0])


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_what_is_added_looks_the_same_for_the_same_words(seed: int):
    """Where it is and how large is not said; a second answer would be as right as the first."""
    edit = draw_edit(seed, "add")
    others = tuple(t for t in edit.edited.things if t != edit.thing)
    alone = replace(edit.edited, things=(edit.thing,), target=0)
    first, last = alone.mask(0, times=[0, edit.source.frames - 1])
    assert others == edit.source.things
    assert np.abs(first - last).max() < 1e-6
    ys, xs = np.nonzero(first > 0.5)
    assert abs(xs.mean() - 31.5) < 4 and abs(ys.mean() - 31.5) < 4
