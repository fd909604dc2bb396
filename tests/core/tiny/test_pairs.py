"""The folder of procedural pairs that instructions are learnt from."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivid_core.data.opened import open_dataset
from vivid_core.errors import InputError
from vivid_core.tiny.pairs import write_instruction_folder
from vivid_core.tiny.recipe.config import PairsConfig, TrainConfig
from vivid_core.tiny.recipe.stages import INSTRUCTED, run_stage
from vivid_core.tiny.scenes.shapes import HELD_OUT_SEED

from ...folders import write_pairs


def test_the_stage_writes_pictures_and_clips(tmp_path: Path):
    config = TrainConfig(stage="pairs", work=tmp_path, pairs=PairsConfig(images=2, videos=1))
    run_stage(config)
    samples = open_dataset(tmp_path / INSTRUCTED).samples
    assert [sample.frames for sample in samples] == [1, 1, 17]
    assert {sample.size for sample in samples} == {(64, 64)}


def test_a_folder_that_is_there_is_only_added_to(tmp_path: Path):
    folder = write_pairs(tmp_path / "d", pairs=2)
    before = open_dataset(folder).digests
    write_pairs(folder, pairs=3)
    after = open_dataset(folder).digests
    assert len(after) == 3 and before.items() <= after.items()


def test_held_out_scenes_are_not_given_away(tmp_path: Path):
    with pytest.raises(InputError, match="held out"):
        write_instruction_folder(
            tmp_path / "d", pairs=1, frames=1, size=(64, 64), first_seed=HELD_OUT_SEED
        )
