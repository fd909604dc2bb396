"""Instruction datasets of videos, pairs and stills, and that a stop loses nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vivid_core.build.local import run_here
from vivid_core.cli import main
from vivid_core.data.built import INDEX, read_index
from vivid_core.data.check import check_dataset
from vivid_core.data.formats.catalog import read_dataset
from vivid_core.data.frames import FrameStore
from vivid_core.data.opened import open_dataset
from vivid_core.data.pairs import changed_pixels
from vivid_core.data.record import SampleRecord
from vivid_core.errors import InputError
from vivid_core.media import load_image, read_clip, save_image
from vivid_core.perceive.answers import ATTEMPTS
from vivid_core.runtime import Progress, Runtime
from vivid_core.tiny.triplet_engines import TripletEngineLoader
from vivid_core.triplets.config import Choice, Writing
from vivid_core.triplets.export import write_triplets
from vivid_core.triplets.run import build_triplets
from vivid_core.triplets.stats import read_triplet_stats
from vivid_core.video import FrameRange

from ...building import files_of
from ...triplets import PAIRS, build, triplet_config, write_sources


class Stopped(Exception):
    pass


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def built(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that was built without a stop; to copy."""
    out = tmp_path_factory.mktemp("built")
    report = build(triplet_config(sources, out))
    assert (report.failures, report.samples) == ((), 3)
    assert report.sources == {"videos": 1, "pairs": 1, "stills": 1}
    return out


def records(folder: Path) -> dict[str, SampleRecord]:
    """By where they come from."""
    return {entry.record.label: entry.record for entry in read_index(folder / INDEX)}


def test_each_kind_of_source_gives_a_triplet(sources: Path, built: Path):
    found = records(built)
    assert set(found) == {"video", "pair", "still"}
    assert check_dataset(built).problems == ()
    for sample in open_dataset(built).samples:
        window = FrameStore().read(sample, FrameRange(start=0, stop=5), sample.size)
        assert sample.task == "instruct" and window.edited is not None
        assert torch.equal(window.mask, changed_pixels(window.pixels, window.edited))
        assert sample.captions
    edit = found["still"].edit
    assert edit is not None and edit.motion and edit.source_caption and edit.edited_caption
    assert edit.source_size == (64, 64)
    listed = (sources / PAIRS / "instructions.txt").read_text()
    assert all(text in listed for text in found["pair"].captions)


def test_the_clips_of_a_pair_begin_with_its_pictures(sources: Path, built: Path):
    (sample,) = [s for s in open_dataset(built).samples if s.name.startswith("pair_")]
    window = FrameStore().read(sample, FrameRange(start=0, stop=5), sample.size)
    assert window.edited is not None
    for frames, kind in ((window.pixels, "clips"), (window.edited, "edits")):
        picture = load_image(next((sources / PAIRS / kind).iterdir()))
        assert torch.allclose(frames[0], picture, atol=1 / 255)
    assert not torch.equal(window.pixels[0], window.pixels[-1])


@pytest.mark.parametrize("units", [1, 2])
def test_a_build_that_is_stopped_goes_on_to_the_same_bytes(
    sources: Path, built: Path, tmp_path: Path, units: int
):
    """Amid the next unit: what it had written is thrown away."""
    config, done, left = triplet_config(sources, tmp_path), 0, 4

    def report(progress: Progress) -> None:
        nonlocal done
        done = progress.done

    def check() -> None:
        nonlocal left
        left -= done >= units
        if left <= 0:
            raise Stopped

    with pytest.raises(Stopped):
        build(config, Runtime(report=report, check_cancelled=check))
    assert not (tmp_path / "manifest.json").exists()
    assert len(list((tmp_path / "work" / "triplets").glob("*/unit.json"))) == units
    build(config)
    assert files_of(tmp_path) == files_of(built)


def test_a_second_run_makes_nothing_and_other_rules_make_what_they_decide(
    sources: Path, built: Path, tmp_path: Path
):
    out = shutil.copytree(built, tmp_path / "out")
    units = {p: p.stat().st_mtime_ns for p in (out / "work").rglob("unit.json")}
    words: list[str] = []
    config = triplet_config(sources, out, writing=Writing(count=1), videos=None)
    report = build(config, Runtime(report=lambda progress: words.append(progress.words)))
    assert "a minute" not in words[-1] and report.samples == 2
    assert {p: p.stat().st_mtime_ns for p in (out / "work").rglob("unit.json")} == units


class Judge:
    """Gives scores in turn, or nonsense."""

    digest = "judge"

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)

    def ask(self, picture: np.ndarray | Sequence[np.ndarray], words: str) -> str:
        return self._answers.pop(0) if self._answers else "lovely"


def score(value: int) -> str:
    return f"{{'score': {value}}}"


def judged(sources: Path, out: Path, *answers: str):
    """A build of the pair alone."""
    config = triplet_config(sources, out, videos=None, stills=None)
    engines = replace(TripletEngineLoader.of(config)(), judge=Judge(*answers))
    return build_triplets(config, run_here(engines), Runtime())


def test_the_best_seed_of_a_pair_is_kept_and_the_reasons_of_others_counted(
    sources: Path, tmp_path: Path
):
    report = judged(sources, tmp_path / "a", score(5), score(3), score(4))
    assert report.samples == 1 and not report.rejections
    record = records(tmp_path / "a")["pair"]
    assert record.key.endswith("_n01") and record.scores["score"] == 4
    report = judged(sources, tmp_path / "b", score(5), score(3), score(1))
    assert records(tmp_path / "b")["pair"].key.endswith("_n00")
    assert report.rejections == {"low score": 1}


def test_a_pair_that_is_no_good_itself_costs_no_clip(sources: Path, tmp_path: Path):
    report = judged(sources, tmp_path / "a", score(2))
    assert (report.samples, report.rejections) == (0, {"low score": 1})
    report = judged(sources, tmp_path / "b", *["no idea"] * ATTEMPTS)
    assert (report.samples, report.rejections) == (0, {"no usable score": 1})


def test_a_pair_of_two_sizes_is_a_reason(tmp_path: Path):
    sources = write_sources(tmp_path / "sources")
    (after,) = (sources / PAIRS / "edits").iterdir()
    save_image(after, load_image(after)[:32])
    report = judged(sources, tmp_path / "out")
    assert (report.samples, report.rejections) == (0, {"other size": 1})
    assert report.failures == ()


def test_motion_that_is_another_is_a_reason(sources: Path, tmp_path: Path):
    choice = Choice(candidates=1, highest_epe=0.0)
    report = build(triplet_config(sources, tmp_path, pairs=None, stills=None, choice=choice))
    assert (report.samples, report.rejections) == (0, {"other motion": 1})


def test_statistics_are_those_of_table_2(built: Path):
    text = read_triplet_stats(built).text
    assert "| image editing pairs | 1 | 64x64 | 1 | 64x64 | 5 | not measured | " in text
    assert "motions of the camera: " in text and "words of the instruction: " in text


def test_exported_files_are_read_again(built: Path, tmp_path: Path):
    assert write_triplets(built, tmp_path / "files") == 3
    rows = read_dataset(tmp_path / "files" / "triplets.json", "ditto")
    listed = read_dataset(tmp_path / "files" / "insvie.csv", "insvie-pairs")
    assert [r.instruction for r in rows] == [r.instruction for r in listed]
    assert all(record.captions and record.edited_caption for record in listed)
    for record in rows:
        assert record.edited is not None
        assert len(read_clip(record.video)) == len(read_clip(record.edited)) == 5
    with pytest.raises(InputError, match="export: .* is there already"):
        write_triplets(built, tmp_path / "files")


def test_the_command_builds_checks_counts_and_exports(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pairs = json.dumps(str(sources / PAIRS / "clips"))
    (tmp_path / "c.yaml").write_text(
        f"kind: instructions\nout: out\nstills: {pairs}\nsweep: {{count: 1}}\n"
        "editing: {steps: 1}\nchoice: {highest_epe: 100}\nform: {frames: 2, lossless: true}\n"
    )
    for flags in ([], ["--check"], ["--stats"], ["--export", str(tmp_path / "x")]):
        assert main(["build", str(tmp_path / "c.yaml"), *flags]) == 0
    said = capsys.readouterr().out
    assert "1 samples of 1 stills" in said and "1 samples in 2 files are whole" in said
    assert "static videos of pictures | 1 " in said and "1 triplets" in said


@pytest.mark.parametrize("out", ["pairs/new", "pairs", "."])
def test_a_dataset_lies_outside_of_its_sources(tmp_path: Path, out: str):
    sources = write_sources(tmp_path, videos=1, pairs=1, frames=1)
    before = files_of(tmp_path)
    with pytest.raises(InputError, match="out: .* lie in each other"):
        build(triplet_config(sources, tmp_path / out))
    assert files_of(tmp_path) == before
