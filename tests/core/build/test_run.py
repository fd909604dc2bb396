"""A build goes on wherever it was stopped, and what breaks is named."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from vivid_core.build.config import ClipRules
from vivid_core.build.local import run_here
from vivid_core.build.run import build_dataset
from vivid_core.data.check import check_dataset
from vivid_core.data.opened import open_dataset
from vivid_core.errors import EngineError, InputError, MediaError
from vivid_core.media import write_clip
from vivid_core.perceive.protocols import Captions
from vivid_core.runtime import Progress, Runtime
from vivid_core.tiny.engines import EngineLoader

from ...building import build, files_of, small_config, write_videos


class Stopped(Exception):
    pass


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_videos(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="module")
def built(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that was built without a stop; to copy."""
    out = tmp_path_factory.mktemp("built")
    build(small_config(videos, out))
    return out


@pytest.fixture(scope="module")
def whole(built: Path) -> dict[str, str]:
    return files_of(built)


@pytest.mark.parametrize("checks", [3, 60])
def test_a_stopped_build_goes_on_to_the_same_bytes(
    videos: Path, whole: dict[str, str], tmp_path: Path, checks: int
):
    config, left = small_config(videos, tmp_path), checks

    def check() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Stopped

    with pytest.raises(Stopped):
        build(config, Runtime(check_cancelled=check))
    assert not (tmp_path / "manifest.json").exists()
    build(config)
    assert files_of(tmp_path) == whole


def test_a_second_run_keeps_everything(
    videos: Path, built: Path, whole: dict[str, str], tmp_path: Path
):
    out = shutil.copytree(built, tmp_path / "out")
    before = {p: p.stat().st_mtime_ns for p in (out / "shards").iterdir()}
    words: list[str] = []
    build(small_config(videos, out), Runtime(report=lambda progress: words.append(progress.words)))
    assert {p: p.stat().st_mtime_ns for p in (out / "shards").iterdir()} == before
    assert "a minute" not in words[-1]  # nothing was made
    assert files_of(out) == whole


@pytest.mark.parametrize("out", [".", "clips", "clips/new"])
def test_a_dataset_lies_outside_of_its_videos(tmp_path: Path, out: str):
    source = write_videos(tmp_path, clips=1, frames=1)
    before = files_of(tmp_path)
    with pytest.raises(InputError, match="out: .* lie in each other"):
        build(small_config(source, tmp_path / out))
    assert files_of(tmp_path) == before


def test_a_unit_that_was_changed_is_made_again(
    videos: Path, built: Path, whole: dict[str, str], tmp_path: Path
):
    config = small_config(videos, shutil.copytree(built, tmp_path / "out"))
    unit = next((tmp_path / "out" / "work" / "entities").rglob("unit.json"))
    before = unit.read_bytes()
    for damaged in (before.replace(b'"height": 48', b'"height": 49'), b"[" * 99_999):
        assert damaged != before
        unit.write_bytes(damaged)
        build(config)
        assert unit.read_bytes() == before and files_of(config.out) == whole


@pytest.mark.parametrize("suffix", ["masks.json", "mkv"])
def test_a_file_of_a_unit_that_was_changed_or_lost_is_made_again(
    videos: Path, built: Path, whole: dict[str, str], tmp_path: Path, suffix: str
):
    config = small_config(videos, shutil.copytree(built, tmp_path / "out"))
    (tmp_path / "out" / "manifest.json").unlink()  # so that the files are packed again
    file = max((tmp_path / "out" / "work" / "entities").rglob(f"*.{suffix}"))
    before = file.read_bytes()
    file.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    build(config)
    assert file.read_bytes() == before and files_of(config.out) == whole
    file.unlink()
    build(config)
    assert file.read_bytes() == before


def test_a_listed_video_is_not_replaced(tmp_path: Path):
    source = write_videos(tmp_path, clips=1, frames=1)
    (tmp_path / "out").mkdir()
    shards = (tmp_path / "out" / "shards").absolute()
    source.rename(shards)
    (tmp_path / "list.txt").write_text("out/shards/clip_0.mkv")
    with pytest.raises(InputError, match="out: .*shards would replace what videos reads"):
        build(small_config(tmp_path / "list.txt", tmp_path / "out"))


def test_broken_videos_are_named_and_the_rest_goes_on(videos: Path, tmp_path: Path):
    shutil.copytree(videos.parent, tmp_path / "videos")
    clips = tmp_path / "videos" / "clips"
    (clips / "broken.mkv").write_bytes(b"no video")
    (clips / "empty.mp4").write_bytes(b"")
    seen: list[Progress] = []
    report = build(small_config(clips, tmp_path / "out"), Runtime(report=seen.append))
    assert sorted(failure.name for failure in report.failures) == ["broken.mkv", "empty.mp4"]
    assert all("Traceback" in failure.traceback for failure in report.failures)
    assert report.samples == len(open_dataset(tmp_path / "out").samples) > 0
    assert "2 failed" in seen[-1].words
    listed = json.loads((tmp_path / "out" / "report.json").read_text())
    assert listed["failed"] == ["broken.mkv", "empty.mp4"]
    (clips / "broken.mkv").unlink()
    (clips / "empty.mp4").unlink()
    assert build(small_config(clips, tmp_path / "out")).failures == ()


def test_clips_that_are_too_short_or_small_are_counted(videos: Path, tmp_path: Path):
    config = small_config(videos, tmp_path / "short", clips=ClipRules(min_side=32))
    assert build(config).rejections == {"too short": 3}
    config = small_config(videos, tmp_path / "small", clips=ClipRules(min_seconds=0.5))
    assert build(config).rejections == {"low resolution": 3}
    with pytest.raises(InputError, match="holds no samples"):
        open_dataset(tmp_path / "small")


def test_the_same_video_twice_gives_its_samples_once(videos: Path, tmp_path: Path):
    shutil.copytree(videos.parent, tmp_path / "videos")
    clips = tmp_path / "videos" / "clips"
    shutil.copy(clips / "clip_0.mkv", clips / "again.mkv")
    config = small_config(clips, tmp_path / "out")
    report = build(config)
    assert report.rejections["duplicate"] == 1
    records = {sample.name for sample in open_dataset(config.out).samples}
    named = {name.split("_c000")[0].rsplit("_", 1)[0] for name in records}
    assert len(named & {"again", "clip_0"}) == 1


class Blind:
    """An encoder to which all pictures are alike."""

    digest = "blind"

    def images(self, pictures: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.eye(4)[:1].repeat(len(pictures), 1)


def test_near_duplicates_are_counted_by_themselves(videos: Path, tmp_path: Path):
    config = small_config(videos, tmp_path)
    engines = replace(EngineLoader.of(config)(), encoder=Blind())
    report = build_dataset(config, run_here(engines), Runtime())
    assert report.rejections["near duplicate"] == 2 and report.rejections["duplicate"] == 0
    assert len({sample.name[:6] for sample in open_dataset(tmp_path).samples}) == 1


class Babbler:
    """A captioner that answers nonsense, or never."""

    digest = "babbler"

    def __init__(self, answer: Captions | None) -> None:
        self._answer = answer

    def captions(self, crop: np.ndarray, label: str) -> Captions:
        if self._answer is None:
            raise EngineError("no usable caption")
        return self._answer


class Mute:
    """A tagger that knows no word of any vocabulary."""

    digest = "mute"

    def tags(self, frame: np.ndarray) -> Sequence[str]:
        return ("beautiful", "run", "red")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "no caption"),
        (Captions("x", "xx", "xxx"), "poor caption"),
    ],
)
def test_nonsense_captions_are_counted(
    videos: Path, tmp_path: Path, answer: Captions | None, reason: str
):
    config = small_config(videos, tmp_path)
    engines = replace(EngineLoader.of(config)(), captioner=Babbler(answer))
    report = build_dataset(config, run_here(engines), Runtime())
    assert report.rejections[reason] >= 3
    assert report.rejections["no mask to paste"] == 3


def test_no_known_label_is_counted(videos: Path, tmp_path: Path):
    config = small_config(videos, tmp_path)
    engines = replace(EngineLoader.of(config)(), tagger=Mute())
    report = build_dataset(config, run_here(engines), Runtime())
    assert report.samples == 0
    assert report.rejections["no background"] == 3


def test_a_full_disk_stops_the_build_and_loses_nothing(
    videos: Path, whole: dict[str, str], tmp_path: Path
):
    class Full:
        digest = EngineLoader.of(small_config(videos, tmp_path))().captioner.digest
        left = 2

        def captions(self, crop: np.ndarray, label: str) -> Captions:
            self.left -= 1
            if self.left:
                return truth.captions(crop, label)
            raise MediaError("x: cannot be written") from OSError(errno.ENOSPC, "full")

    config = small_config(videos, tmp_path)
    engines = EngineLoader.of(config)()
    truth = engines.captioner
    with pytest.raises(MediaError):
        build_dataset(config, run_here(replace(engines, captioner=Full())), Runtime())
    assert not list((tmp_path / "work").rglob("failed/*.json"))
    build(config)
    assert files_of(tmp_path) == whole


def test_moved_and_changed_shards_are_named(built: Path, tmp_path: Path):
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    assert check_dataset(tmp_path).problems == ()
    first, second, *_ = sorted((tmp_path / "shards").iterdir())
    data = bytearray(first.read_bytes())
    at = data.index(b'"counts"') + 20
    data[at] ^= 1
    first.write_bytes(bytes(data))
    second.rename(tmp_path / "elsewhere.tar")
    problems = "\n".join(check_dataset(tmp_path).problems)
    assert f"shards/{first.name} was changed" in problems
    assert "masks.json was changed" in problems
    assert f"shards/{second.name} is missing" in problems
    with pytest.raises(InputError, match=f"{second.name} is missing: put it back"):
        open_dataset(tmp_path)


def test_shots_become_clips(tmp_path: Path):
    """Two scenes in one file: no clip goes over the cut."""
    rng = np.random.default_rng(0)
    shots = [np.repeat(rng.random((1, 48, 48, 3), np.float32), 8, axis=0) for _ in range(2)]
    (tmp_path / "videos").mkdir()
    write_clip(
        tmp_path / "videos" / "two.mkv",
        torch.from_numpy(np.concatenate(shots)),
        fps=Fraction(8),
    )
    config = small_config(tmp_path / "videos", tmp_path / "out")
    engines = EngineLoader.of(small_config(write_videos(tmp_path / "known"), tmp_path))()
    engines = replace(engines, tagger=Mute())
    report = build_dataset(config, run_here(engines), Runtime())
    assert report.failures == ()
    assert report.rejections == {"no foreground label": 2, "no background": 2}
