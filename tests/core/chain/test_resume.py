"""A long edit that was stopped or killed goes on, and its file is the same to the byte."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from vivid_core.chain.journal import Journal
from vivid_core.chain.run import edit_video
from vivid_core.chain.sources import MasksInMemory
from vivid_core.errors import InputError, MediaError
from vivid_core.media import read_clip, read_info, save_image, write_clip
from vivid_core.runtime import Progress, Runtime

from ...soak import record

# Imports and the model once; each line of input is then one run in a process of its own.
WORKER = """
import os, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from vivid_core.chain.request import VideoFiles
from vivid_core.chain.run import edit_video
from vivid_core.chain.sources import open_masks
from vivid_core.runtime import Runtime
from vivid_core.settings import Settings
from vivid_core.tiny import load_tiny

folder = Path(sys.argv[1])
bundle = load_tiny().with_(train_size=(9, 32, 32))
print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        started = folder / "started"
        started.write_text("")

        def note(progress):
            if progress.stage not in ("survey", "write"):
                with started.open("a") as file:
                    file.write(f"{progress.window}\\n")

        report = edit_video(bundle, VideoFiles(
            source=folder / "clip.mkv", masks=open_masks(folder / "mask.png"),
            out=folder / line.split()[0], work=folder / line.split()[1],
        ), Settings(
            task="modify", caption="a red circle", steps=1, guidance=1.0,
        ), Runtime(report=note))
        (folder / "made").write_text(str(report.edit.windows - report.windows_reused))
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Stop(Exception):
    """Raised by a host that cancels."""


def stop_at(window: int) -> Runtime:
    """A host that cancels in the denoising of a window."""
    seen: list[Progress] = []

    def check() -> None:
        if seen and seen[-1].stage == "denoise" and seen[-1].window == window:
            raise Stop

    return Runtime(report=seen.append, check_cancelled=check)


@contextmanager
def disk_of(size: int):
    """The system refuses to let any file grow beyond `size`, as a full disk does."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_cancelled_run_leaves_what_is_finished_and_goes_on(quick, asked, tmp_path, caplog):
    whole = asked(out=tmp_path / "whole.mkv", work=tmp_path / "whole")
    edit_video(quick, *whole)
    request = asked()
    with pytest.raises(Stop):
        edit_video(quick, *request, stop_at(2))
    assert not request[0].out.exists()
    part, finished = request[0].work / "partial.mkv", read_clip(whole[0].out).frames
    assert str(part) in caplog.text
    assert torch.equal(read_clip(part).frames, finished[:17])
    report = edit_video(quick, *request)
    assert report.windows_reused == 2
    assert request[0].out.read_bytes() == whole[0].out.read_bytes()
    assert not list(tmp_path.rglob("*.part"))


def test_a_stop_after_the_last_window_is_heeded_at_the_next_frame(quick, asked, scene, tmp_path):
    frames, masks = scene[0].repeat(16, 1, 1, 1), torch.zeros(400, 32, 32)
    masks[:2] = scene[1][:2]
    write_clip(tmp_path / "long.mkv", frames, fps=Fraction(8))
    request = asked(source=tmp_path / "long.mkv", masks=MasksInMemory(masks))
    edit_video(quick, *request)  # so that only the file is left to do
    whole, written = request[0].out.stat().st_size, []
    request[0].out.unlink()

    def check() -> None:
        written.extend(part.stat().st_size for part in tmp_path.glob(".out.mkv.*.part"))
        if written:
            raise Stop

    with pytest.raises(Stop):
        edit_video(quick, *request, Runtime(check_cancelled=check))
    assert written[0] < whole / 2
    assert not request[0].out.exists()
    assert not list(tmp_path.rglob("*.part"))
    assert not (request[0].work / "partial.mkv").exists()


@pytest.mark.parametrize(
    ("name", "begun"),
    [
        (".partial.mkv.0a1b2c3d.part", True),
        (".journal.json.0a1b2c3d.part", True),
        (".journal.json.0a1b2c3d.part", False),
    ],
)
def test_what_a_kill_left_in_the_work_folder_is_removed(asked, name, begun):
    request = asked()
    if begun:
        Journal(request[0].work)
    request[0].work.mkdir(exist_ok=True)
    (request[0].work / name).write_bytes(b"half")
    Journal(request[0].work)
    assert not list(request[0].work.rglob("*.part"))


def test_a_finished_edit_is_written_again_at_no_cost(quick, asked):
    request = asked()
    edit_video(quick, *request)
    before = request[0].out.read_bytes()
    report = edit_video(quick, *request)
    assert report.edit.spent_pflops == 0
    assert report.edit.planned_pflops > 0
    assert request[0].out.read_bytes() == before


@pytest.mark.parametrize("suffix", [".mkv", ".json"])
def test_a_damaged_window_is_made_again(quick, asked, suffix):
    request = asked()
    edit_video(quick, *request)
    before = request[0].out.read_bytes()
    path = sorted((request[0].work / "windows").glob(f"*{suffix}"))[1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = b"damaged"
    path.write_bytes(data)
    report = edit_video(quick, *request)
    assert report.windows_reused == 2
    assert request[0].out.read_bytes() == before


def test_other_settings_make_everything_again(quick, asked):
    edit_video(quick, *asked())
    assert edit_video(quick, *asked(seed=1)).windows_reused == 0
    assert edit_video(quick, *asked()).windows_reused == 3


def test_another_strength_of_the_adapter_makes_everything_again(quick, asked):
    edit_video(quick, *asked())
    transformer = quick.transformer
    transformer.set_adapters(transformer.active_adapters(), weights=[0.5])
    try:
        assert edit_video(quick, *asked()).windows_reused == 0
    finally:
        transformer.set_adapters(transformer.active_adapters(), weights=[1.0])


def test_a_full_disk_is_named_and_the_run_goes_on_later(quick, asked):
    request = asked()
    with disk_of(2000), pytest.raises(MediaError, match="the disk is full"):
        edit_video(quick, *request)
    assert not request[0].out.exists()
    edit_video(quick, *request)
    assert read_info(request[0].out).frame_count == 25


def test_a_folder_of_something_else_is_refused(quick, asked, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(InputError, match="work: .*not empty and no journal"):
        edit_video(quick, *asked(work=tmp_path / "mine"))
    with pytest.raises(InputError, match="work: .*is a file"):
        edit_video(quick, *asked(work=tmp_path / "mine" / "notes.txt"))


def test_a_journal_of_another_version_is_refused(quick, asked):
    request = asked()
    request[0].work.mkdir()
    (request[0].work / "journal.json").write_text('{"format": "vivid-journal", "version": 99}')
    with pytest.raises(InputError, match="vivid-journal 99"):
        edit_video(quick, *request)


class Worker:
    """Runs edits in processes that can be killed."""

    def __init__(self, folder: Path) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder)],
            cwd=Path(__file__).parents[3],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, out: str, work: str, *, kill_after: Callable[[], object] | None = None) -> bool:
        """Whether the run ended by itself. It is killed once `kill_after` returns."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{out} {work}\n")
        self._process.stdin.flush()
        child = int(self._line())
        if kill_after is not None:
            kill_after()
            with suppress(ProcessLookupError):  # it may have ended by itself
                os.kill(child, signal.SIGKILL)
        return self._line() == "0"

    def made(self) -> int:
        """Windows that the last whole run made."""
        return int((self._folder / "made").read_text())

    def started(self) -> int:
        """Windows that the last run began to make."""
        return len(set((self._folder / "started").read_text().split()))

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def wait_for_window(folder: Path) -> None:
    """Until a first window is finished."""
    until = time.monotonic() + 60
    while time.monotonic() < until and not list(folder.glob("[0-9]*.json")):
        time.sleep(0.002)


def kill_and_go_on(folder: Path, kills: int) -> None:
    """Kill runs, the first after a window, the others at random times, and let them go on.

    The next run has to give the file of an uninterrupted one, at the cost of one window at most.
    """
    dice = random.Random(kills)
    with Worker(folder) as worker:
        started = time.monotonic()
        assert worker.run("whole.mkv", "whole")
        seconds = time.monotonic() - started
        windows = worker.made()
        finished = folder / "work" / "windows"
        for number in range(kills):
            (folder / "started").write_text("")
            delay = dice.uniform(0, seconds * 0.9)
            worker.run(
                "out.mkv",
                "work",
                kill_after=lambda at=delay, first=number == 0: (
                    wait_for_window(finished) if first else time.sleep(at)
                ),
            )
            kept = len(list(finished.glob("[0-9]*.json")))
            assert worker.started() - kept <= 1
            assert number or kept > 0
            assert worker.run("out.mkv", "work")
            assert worker.made() == windows - kept
            assert (folder / "out.mkv").read_bytes() == (folder / "whole.mkv").read_bytes()
            assert not list(folder.rglob("*.part"))
            (folder / "work").rename(folder / f"done{dice.random()}")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("kills", [2, pytest.param(30, marks=pytest.mark.soak)])
def test_killed_at_any_moment_it_goes_on_to_the_same_file(asked, scene, tmp_path, kills):
    asked()
    save_image(tmp_path / "mask.png", scene[1][0][..., None].expand(-1, -1, 3))
    kill_and_go_on(tmp_path, kills)
    if kills > 2:
        record(
            f"{kills} runs killed at random times", "every next run gives the same file, bit by bit"
        )
