"""`vivid build` on procedural clips: built once, looked at in every way; mistakes are named."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import transformers

from vivid_core.build.config import EngineNames
from vivid_core.build.engines import Engines
from vivid_core.cli import main
from vivid_core.data.opened import open_dataset
from vivid_core.errors import InputError
from vivid_core.media import read_info
from vivid_core.perceive.frame_masks import TrackerSegmenter
from vivid_core.tiny.engines import EngineLoader
from vivid_core.track.sam2 import Sam2Engine

from ...building import write_videos
from ...tiny_engines import save_tiny_dino, save_tiny_internvl
from ...tiny_sam2 import save_tiny_sam2

CONFIG = """\
videos: videos/clips
out: out
clips: {min_seconds: 0.5, min_side: 32}
output: {lossless: true, shard_bytes: 200000}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with videos, build.yaml and what was built."""
    folder = tmp_path_factory.mktemp("build")
    write_videos(folder / "videos")
    (folder / "build.yaml").write_text(CONFIG)
    assert vivid_build(folder) == 0
    return folder


@pytest.fixture
def place(built: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to be changed."""
    return shutil.copytree(built, tmp_path / "place")


def vivid_build(folder: Path, *options: object) -> int:
    return main(["build", str(folder / "build.yaml"), *map(str, options)])


def names_of(folder: Path) -> set[str]:
    return {sample.name for sample in open_dataset(folder / "out").samples}


def content_of(page: Path) -> dict[str, Any]:
    """What a page asks about."""
    found = re.search(
        r'<script type="application/json" id="content">(.*?)</script>', page.read_text()
    )
    assert found is not None
    return json.loads(found[1])


def save_answers(page: Path, choose: dict[str, str]) -> Path:
    """The file that the page saves once every question of every sample has its answer."""
    content = content_of(page)
    answers = [
        {"key": sample["key"], "note": ""}
        | {
            question["name"]: choose.get(question["name"], question["choices"][0])
            for question in content["questions"]
            if sample["kind"] in question.get("tasks", [sample["kind"]])
        }
        for sample in content["samples"]
    ]
    data = {name: content[name] for name in ("version", "kind", "sheet")}
    path = page.with_suffix(".json")
    path.write_text(json.dumps(data | {"voter": "ann", "answers": answers}))
    return path


def test_a_second_run_says_the_same_and_makes_nothing(built: Path, capsys):
    before = {path: path.stat().st_mtime_ns for path in (built / "out" / "shards").iterdir()}
    assert vivid_build(built) == 0
    samples = len(names_of(built))
    printed = capsys.readouterr().out
    assert f"{samples} samples of 3 videos: {built / 'out'}" in printed
    size = sum(p.stat().st_size for p in (built / "out" / "work").rglob("*") if p.is_file())
    assert f"work files: {size / 1e6:.1f} MB in {built / 'out' / 'work'}; " in printed
    assert {p: p.stat().st_mtime_ns for p in (built / "out" / "shards").iterdir()} == before


def test_a_check_names_what_was_changed(place: Path, capsys):
    assert vivid_build(place, "--check") == 0
    assert f"{len(names_of(place))} samples in " in capsys.readouterr().out
    shard = min((place / "out" / "shards").iterdir())
    data = bytearray(shard.read_bytes())
    data[data.index(b'"counts"') + 20] ^= 1
    shard.write_bytes(bytes(data))
    assert vivid_build(place, "--check") == 2
    printed = capsys.readouterr()
    assert f"shards/{shard.name} was changed" in printed.out
    assert "masks.json was changed" in printed.out
    problems = len(printed.out.splitlines())
    assert printed.err.startswith("vivid build: ") and f" {problems} problems" in printed.err


def test_samples_are_counted_and_drawn_without_work_files(place: Path, capsys):
    shutil.rmtree(place / "out" / "work")
    assert vivid_build(place, "--stats") == 0
    printed = capsys.readouterr().out
    rows = re.findall(r"^\| (image|video) \| (\d+) \| (\d+) \|", printed, re.MULTILINE)
    assert sum(int(n) for _, *counts in rows for n in counts) == len(names_of(place))
    assert "words of the long caption" in printed and "answers" not in printed
    assert read_info(place / "out" / "stats.png").width > 100


def test_pages_show_samples_and_their_answers_count(place: Path, capsys):
    count = len(names_of(place))
    assert vivid_build(place, "--pages", count) == 0
    (look,) = (place / "out").glob("look_*")
    for kind in ("ratings", "review"):
        content = content_of(look / f"{kind}.html")
        shown = {sample["key"] for sample in content["samples"]}
        assert content["kind"] == kind and shown == names_of(place)
        for key in shown:
            assert read_info(look / "clips" / f"{key}_mask.mp4").frame_count >= 1
    assert vivid_build(place, "--pages", count) == 2
    assert "is there already" in capsys.readouterr().err
    ratings_page = look / "ratings.html"
    ratings = save_answers(ratings_page, {"TA": "no"})
    assert vivid_build(place, "--stats", "--ratings", ratings) == 0
    printed = capsys.readouterr().out
    described = sum("edit" in sample["kind"] for sample in content_of(ratings_page)["samples"])
    assert 0 < described < count
    assert (
        f"MG: 1.00 of {count} answers" in printed and f"TA: 0.00 of {described} answers" in printed
    )
    assert f"HQ: {1 - described / count:.2f} of {count} answers" in printed
    assert vivid_build(place, "--stats", "--ratings", look / "review.json") == 2
    assert "was not saved by the page ratings.html" in capsys.readouterr().err


def test_what_a_review_drops_is_left_out(place: Path, capsys):
    before = names_of(place)
    assert vivid_build(place, "--pages", 2) == 0
    (look,) = (place / "out").glob("look_*")
    review = save_answers(look / "review.html", {"verdict": "drop"})
    dropped = {sample["key"] for sample in content_of(look / "review.html")["samples"]}
    (place / "build.yaml").write_text(CONFIG + f"review: [{review.relative_to(place)}]\n")
    assert vivid_build(place) == 0
    assert "dropped in review: 2" in capsys.readouterr().out
    assert names_of(place) == before - dropped
    assert vivid_build(place, "--check") == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("clip: {}\n", "'clip' is unknown: did you mean 'clips'?"),
        ("engines: {tager: scenes}\n", "engines: 'tager' is unknown: did you mean 'tagger'?"),
        ("clips: {min_seconds: 9, max_seconds: 1}\n", "need 0 <= min_seconds <= max_seconds"),
        ("engines: {tagger: eagle}\n", "'eagle' is unknown: use scenes, yolox"),
        ("engines: {tagger: yolox}\n", "yolox needs some: YOLOX's .onnx file"),
        (
            "engines: {tracker: eagle}\n",
            "'eagle' is unknown: use flow, sam2:WEIGHTS or minisam:WEIGHTS",
        ),
        ("engines: {flow: dis:file}\n", "'dis:file' is unknown: use dis, or raft:WEIGHTS"),
        ("engines: {device: abacus}\n", "'abacus' is no device: use auto, cpu or cuda"),
    ],
)
def test_mistakes_are_named_in_one_line(built: Path, tmp_path: Path, capsys, text: str, words: str):
    videos = built / "videos" / "clips"
    (tmp_path / "build.yaml").write_text(f"videos: {videos}\nout: out\n{text}")
    assert vivid_build(tmp_path) == 2
    error = capsys.readouterr().err
    assert words in error and len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def engines_of(built: Path, **names: str) -> Engines:
    videos = built / "videos" / "clips"
    return EngineLoader(names=EngineNames(device="cpu", **names), videos=videos)()


def test_an_engine_that_is_named_twice_is_loaded_once(built: Path, tmp_path: Path):
    vlm = f"vlm:{save_tiny_internvl(tmp_path / 'vlm')}"
    engines = engines_of(built, tagger=vlm, captioner=vlm)
    assert engines.tagger is engines.captioner
    assert engines.detector is engines.segmenter is not engines.tagger


def test_an_engine_in_a_role_that_it_cannot_have_is_refused(tmp_path: Path, built: Path):
    dino = f"grounding-dino:{save_tiny_dino(tmp_path / 'dino')}"
    with pytest.raises(InputError, match="engines: captioner: this one is no captioner: load"):
        engines_of(built, detector=dino, captioner=dino)


@pytest.mark.skipif(
    int(transformers.__version__.split(".")[0]) < 5, reason="SAM 2 needs transformers 5"
)
def test_one_sam2_masks_and_follows(built: Path, tmp_path: Path):
    sam2 = f"sam2:{save_tiny_sam2(tmp_path / 'sam2')}"
    engines = engines_of(built, segmenter=sam2, tracker=sam2)
    assert isinstance(engines.segmenter, TrackerSegmenter)
    assert isinstance(engines.tracker, Sam2Engine)
    assert engines.segmenter._engine is engines.tracker
    alone = engines_of(built, segmenter=sam2)
    assert alone.segmenter.digest == engines.segmenter.digest
    assert alone.tracker.digest != engines.tracker.digest
