"""A training that is killed while it saves goes on, and ends as if it had never been."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vivid_core.files.weights import read_weights
from vivid_core.train.adapter.run import ADAPTER, CHECKPOINTS, LOG

from ...folders import write_folder
from ...soak import record
from . import killed_training

PATIENCE = 300  # seconds


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_a_training_that_is_killed_while_saving_ends_in_the_same_bits(tmp_path: Path, kills: int):
    data = write_folder(tmp_path / "data", clips=2, frames=2, size=(16, 16))
    done = subprocess.run(
        [sys.executable, "-m", killed_training.__name__, str(data), str(tmp_path), str(kills)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= kills * 2 // 3  # of the third kind some come after the save
    whole, killed = (tmp_path / name for name in ("whole", "killed"))
    assert losses(killed) == losses(whole)
    newest = max((whole / CHECKPOINTS).iterdir()).name
    kept = [{path.name for path in (out / CHECKPOINTS).iterdir()} for out in (whole, killed)]
    assert kept[0] == kept[1]  # nothing unfinished is left
    for name in (f"{CHECKPOINTS}/{newest}", ADAPTER):
        wanted, found = (read_weights(folder / name).tensors for folder in (whole, killed))
        assert wanted.keys() == found.keys()
        assert all(torch.equal(found[key], wanted[key]) for key in wanted)
    if kills > 3:
        record(
            "training killed while saving",
            f"{kills} kills, {done.stdout} of them left something unfinished: the same bits",
        )


def losses(folder: Path) -> list[tuple[int, float]]:
    """Of every step, as the log has them."""
    records = map(json.loads, (folder / LOG).read_text().splitlines())
    return [(record["step"], record["loss"]) for record in records if "loss" in record]
