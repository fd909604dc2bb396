"""The evaluation set: 48 cases on held-out scenes, and clips that hold what it says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch

from vivid_core.errors import InputError
from vivid_core.measure.manifest import EvaluationCase, read_manifest
from vivid_core.media import read_clip, read_mask
from vivid_core.tiny.evaluation import SCENES, TASKS, write_evaluation_set

DRAWN = 3  # scenes: every task has had every mask


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[EvaluationCase]:
    return read_manifest(write_evaluation_set(tmp_path_factory.mktemp("e") / "set", scenes=DRAWN))


def test_there_are_48_cases():
    assert SCENES * len(TASKS) == 48


def test_tasks_and_masks_are_even(cases):
    assert Counter(case.task for case in cases) == dict.fromkeys(TASKS, DRAWN)
    masks = Counter((case.task, case.name.rpartition("_")[2]) for case in cases)
    assert len(masks) == 9 and set(masks.values()) == {1}
    assert Counter(case.group for case in cases) == {f"scene {i}": 3 for i in range(DRAWN)}


def test_the_truth_differs_from_the_source_inside_the_mask(cases):
    """Outside hardly: the shadowless things have borders of half a pixel."""
    for case in cases:
        source, truth, mask = read_clip(case.source), read_clip(case.truth), read_mask(case.mask)
        assert (len(source), source.size) == (17, (64, 64))
        change = (truth.frames - source.frames).abs().amax(dim=-1)
        inside = mask > 0.5
        assert change[inside].mean() > 10 * change[~inside].mean(), case.name
        assert bool(case.caption) == (case.task != "delete")


def test_it_is_the_same_each_time(cases, tmp_path):
    again = read_manifest(write_evaluation_set(tmp_path / "set", scenes=1))
    for case, before in zip(again, cases, strict=False):
        assert torch.equal(read_clip(case.truth).frames, read_clip(before.truth).frames)
        assert torch.equal(read_mask(case.mask), read_mask(before.mask))


def test_a_folder_that_is_there_stays(tmp_path: Path):
    with pytest.raises(InputError, match="is there already"):
        write_evaluation_set(tmp_path)
    assert list(tmp_path.iterdir()) == []
