"""The quality measurement gives the known figures for methods whose results are known."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from vivid_core.metrics.baselines import fill_telea
from vivid_core.metrics.report import Report
from vivid_core.tiny import cases, quality
from vivid_core.tiny.scenes.shapes import HELD_OUT_SEED, is_held_out

SCENES = 3  # one for each mask variant


@pytest.fixture(scope="module")
def settings():
    return cases.Sampling(steps=3, guidance=2.0)


@pytest.fixture(scope="module")
def measured(settings):
    """Telea as the model under test."""

    def edit(material, settings):
        assert (settings.steps, settings.guidance) == (3, 2.0)
        return fill_telea(material.clip.frames, material.mask.values)

    return quality.measure(quality.methods_beside(edit), range(SCENES), settings)


@pytest.fixture(scope="module")
def figures(measured):
    return {f.name + f.unit: f for f in quality.summarise(measured)}


def test_a_perfect_edit_meets_every_target(measured):
    perfect = measured | {"ours": measured["perfect"]}
    missed = [f.name for f in quality.summarise(perfect) if f.met is False]
    assert missed == []


def test_telea_as_the_model_equals_telea_beside_it(figures):
    for figure in figures.values():
        assert figure.value == figure.references["Telea"]
    assert figures["delete: above TeleadB"].value == 0
    assert not figures["delete: above TeleadB"].met
    assert figures["add: agreement%"].value == 0
    assert figures["keyframe: share of the errorx"].value == pytest.approx(1)
    assert figures["delete: PSNR in the holedB"].references["perfect"] == math.inf


def test_the_hidden_truth_is_in_no_clip(settings):
    """Nothing inside the hole of a source tells what a perfect edit shows there."""
    for name in ("add", "keyframe"):
        case = cases.CASES[name](1, settings)
        thing = (case.thing > 0.9) & (case.hole > 0.5)
        source = case.material.clip.frames
        assert (source - case.truth).abs()[thing].mean() > 0.1


@pytest.mark.parametrize("scene", range(6))
def test_cases_are_what_they_say(settings, scene):
    delete, add, modify, keyframe = (d(scene, settings) for d in cases.CASES.values())
    drawn = cases.held_out_scene(scene)
    before = f"{drawn.target_thing.color} {drawn.target_thing.shape}"
    for case in (delete, add, modify, keyframe):
        asked = case.settings
        outside = case.hole < 0.5
        assert (asked.focus, asked.grow, asked.feather) == ("off", 0, 0)
        assert torch.equal(torch.unique(case.hole), torch.tensor([0.0, 1.0]))
        if case is not modify:
            rim = (case.material.clip.frames - case.truth).abs().amax(-1)[outside]
            assert (rim > 0.2).float().mean() < 0.01  # all but antialiased edges
    assert (add.expected, before in add.settings.caption) == (before, True)
    assert is_held_out(*modify.expected.split()) and modify.expected != before
    assert modify.settings.caption == f"a {modify.expected}"
    color, shape = keyframe.expected.split()
    assert color not in {thing.color for thing in drawn.things}
    assert keyframe.settings.caption == f"a {shape}"
    assert torch.equal(keyframe.material.keyframes[0].pixels, keyframe.truth[0])
    assert cases.without_keyframes(keyframe).material.keyframes == ()


@pytest.mark.parametrize("name", cases.CASES)
def test_the_model_makes_all_of_the_hole(settings, name):
    """Whatever the defaults of an edit: a background copied from other frames is not its work."""
    asked = cases.CASES[name](0, settings).settings
    assert asked.needs_model and not asked.copies
    assert (asked.focus, asked.grow, asked.feather) == ("off", 0, 0)


def test_colour_error_is_measured_where_the_thing_is_in_the_last_frame(settings):
    case = cases.keyframe_case(0, settings)
    frames = case.truth.clone()
    frames[:-1] = 0
    assert quality.score_edit(case, frames, 0).color_error == 0
    frames[-1] = (frames[-1] + 10 / 255).clamp(0, 1)
    assert 5 < quality.score_edit(case, frames, 0).color_error < 18


def test_backgrounds_are_measured_without_things(tmp_path):
    figure, note = quality.background_energy(2, tmp_path)
    assert 0.002 < figure.value < 0.05
    assert (figure.target, "not all found" in note) == (None, True)
    scene = cases.held_out_scene(0)
    alone = replace(scene, things=(), target=0)
    assert np.array_equal(cases.bare_background(scene).numpy(), alone.render())


def test_scores_and_sheet_are_written(measured, tmp_path):
    report = Report(title="t", figures=tuple(quality.summarise(measured)))
    quality.write_results(report, measured["ours"], tmp_path / "out")
    content = json.loads((tmp_path / "out" / "quality.json").read_text())
    assert len(content["scores"]) == 5 * SCENES
    assert content["figures"][0]["references"]["perfect"] == "inf"
    assert (tmp_path / "out" / "quality.png").stat().st_size > 10_000


def test_seeds_are_held_out():
    scene = cases.held_out_scene(0)
    target = scene.target_thing
    assert HELD_OUT_SEED == 1_000_000
    assert is_held_out(target.color, target.shape)
