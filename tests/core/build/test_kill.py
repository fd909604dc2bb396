"""Builds that are killed at random moments, and workers of a cluster, come to the same dataset."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vivid_core.build.cluster import run_on_ray
from vivid_core.build.run import build_dataset
from vivid_core.data.check import check_dataset
from vivid_core.runtime import Runtime
from vivid_core.tiny.engines import EngineLoader

from ...building import MortalEngines, build, files_of, small_config, write_videos
from ...clusters import small_cluster
from ...soak import record

ROOT = Path(__file__).resolve().parents[3]
LONGEST = 2.0  # seconds of work before a kill
SAME_BYTES = "the dataset of a run without a cluster, byte by byte; check finds nothing"
SCRIPT = """
import sys
from pathlib import Path
from tests.building import build, small_config
build(small_config(Path(sys.argv[1]), Path(sys.argv[2])))
"""


def start(videos: Path, out: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, str(videos), str(out)]
    return subprocess.Popen(command, env=environment, cwd=ROOT)


def kill_amid(videos: Path, out: Path, rng: random.Random) -> bool:
    """Kill a run at a random moment of its work; False where it ended before."""
    process = start(videos, out)
    while process.poll() is None and not (out / "work").is_dir():
        time.sleep(0.05)
    time.sleep(rng.random() * LONGEST)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.soak)])
def test_killed_builds_come_to_the_same_bytes(tmp_path: Path, kills: int):
    videos = write_videos(tmp_path / "videos", clips=6)
    build(small_config(videos, tmp_path / "whole"))
    out, rng = tmp_path / "killed", random.Random(0)
    done = [kill_amid(videos, out, rng) for _ in range(kills)]
    assert any(done)
    assert start(videos, out).wait() == 0
    assert files_of(out) == files_of(tmp_path / "whole")
    assert check_dataset(out).problems == ()


@pytest.mark.soak
@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_cluster_that_loses_a_worker_builds_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The worker that comes to the third frame of all dies amid its video, and starts anew."""
    videos = write_videos(tmp_path / "videos", clips=6)
    build(small_config(videos, tmp_path / "whole"))
    config = small_config(videos, tmp_path / "ray")
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    make = MortalEngines(loader=EngineLoader.of(config), deaths=deaths, after=2)
    with small_cluster(monkeypatch):
        report = build_dataset(config, run_on_ray(make, workers=2), Runtime())
    assert (deaths / "dead").is_file() and report.failures == ()
    assert files_of(tmp_path / "ray") == files_of(tmp_path / "whole")
    assert check_dataset(tmp_path / "ray").problems == ()
    record("a cluster of two Ray workers, one of them killed amid its video", SAME_BYTES)
