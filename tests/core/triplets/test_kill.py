"""An instruction dataset that is killed on the way, or built by a cluster, has the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vivid_core.build.cluster import run_on_ray
from vivid_core.data.check import check_dataset
from vivid_core.runtime import Runtime
from vivid_core.tiny.triplet_engines import TripletEngineLoader
from vivid_core.triplets.run import build_triplets

from ...building import files_of
from ...clusters import small_cluster
from ...soak import record
from ...triplets import build, triplet_config, write_sources
from . import killed_build

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 1800  # seconds
SAME_BYTES = "the dataset of a run that nothing stopped, byte by byte; check finds nothing"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize(
    "kills", [killed_build.FEW_KILLS, pytest.param(20, marks=pytest.mark.soak)]
)
def test_killed_builds_come_to_the_same_bytes(tmp_path: Path, kills: int):
    sources = write_sources(tmp_path / "sources", videos=1, pairs=2)
    done = subprocess.run(
        [sys.executable, "-m", killed_build.__name__, str(sources), str(tmp_path), str(kills)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    died = int(done.stdout)
    assert died >= max(2, kills * 3 // 4)  # a late one may find that all is done
    whole = files_of(tmp_path / "whole")
    assert len([name for name in whole if name.endswith(".tar")]) > 1
    for number in range(kills // 2):
        assert files_of(tmp_path / f"killed_{number}") == whole
        assert check_dataset(tmp_path / f"killed_{number}").problems == ()
    if kills > killed_build.FEW_KILLS:
        series = "builds of an instruction dataset killed at chosen moments"
        record(series, f"{died} kills: {SAME_BYTES}")


@pytest.mark.soak
@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_cluster_builds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    sources = write_sources(tmp_path / "sources", videos=2, pairs=2)
    whole, config = (triplet_config(sources, tmp_path / name) for name in ("whole", "ray"))
    build(whole)
    with small_cluster(monkeypatch):
        executor = run_on_ray(TripletEngineLoader.of(config), workers=2)
        report = build_triplets(config, executor, Runtime())
    assert report.failures == ()
    assert files_of(tmp_path / "ray") == files_of(tmp_path / "whole")
    assert check_dataset(tmp_path / "ray").problems == ()
    record("an instruction dataset by a cluster of two Ray workers", SAME_BYTES)
