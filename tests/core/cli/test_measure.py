"""`vivid measure` on files: one edit, a set, a study and its votes; errors in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from vivid_core.cli import main
from vivid_core.measure.manifest import read_manifest
from vivid_core.media import read_clip, read_info, read_mask, save_masks, write_clip
from vivid_core.metrics.baselines import fill_mean_color
from vivid_core.tiny.evaluation import write_evaluation_set

from ...tiny_clip import save_tiny_clip
from ...tiny_viclip import save_tiny_viclip

SCENES = 2  # of the sixteen


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small set in set/, edited as well as can be in perfect/, and badly in mean/."""
    root = tmp_path_factory.mktemp("measure")
    manifest = write_evaluation_set(root / "set", scenes=SCENES)
    for method in ("perfect", "mean"):
        (root / method).mkdir()
    for case in read_manifest(manifest):
        clip, mask = read_clip(case.source), read_mask(case.mask)
        truth = read_clip(case.truth).frames
        perfect = torch.where(mask[..., None] > 0.5, truth, clip.frames)
        edits = {"perfect": perfect, "mean": fill_mean_color(clip.frames, mask)}
        for method, frames in edits.items():
            write_clip(root / method / f"{case.name}.mkv", frames, fps=clip.fps)
    save_tiny_clip(root / "clip")
    return root


def measure(*options: object) -> int:
    return main(["measure", *(str(option) for option in options)])


def one(folder: Path, **changes: object) -> list[object]:
    """Options of one edit; None leaves one out."""
    place = folder / "set"
    given = {
        "source": place / "add_00.mkv",
        "edit": folder / "mean" / "add_00_expand.mkv",
        "mask": place / "add_00_mask.json",
        "task": "add",
        "caption": "a thing",
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    return [
        part for name, value in given.items() if value is not None for part in (f"--{name}", value)
    ]


def many(folder: Path, *methods: str) -> list[object]:
    edits = [part for name in methods for part in ("--edits", folder / name)]
    return ["--manifest", folder / "set" / "manifest.json", *edits]


def test_one_edit_without_weights(folder, capsys):
    assert measure(*one(folder)) == 0
    printed = capsys.readouterr().out
    assert "BP [of 255], lower is better" in printed
    assert "the true result is not known" in printed and "needs a CLIP model" in printed


def test_one_edit_with_truth_and_clip(folder, tmp_path, capsys):
    truth = folder / "set" / "add_00_truth.mkv"
    models = ("--clip-model", folder / "clip", "--pick-model", folder / "clip")
    more = ("--truth", truth, *models, "--json", tmp_path / "r.json")
    assert measure(*one(folder), *more) == 0
    assert "CLIP: clip" in capsys.readouterr().out
    (clip,) = json.loads((tmp_path / "r.json").read_text())["clips"]
    numbers = {name for name, found in clip["figures"].items() if isinstance(found, float)}
    absent = {"LPIPS", "DINO"} | {
        name for name in clip["figures"] if name.startswith(("judged", "ViCLIP", "DOVER"))
    }
    assert numbers == set(clip["figures"]) - absent


def test_viclip_compares_what_changed_with_both_captions(folder, tmp_path):
    model = ("--viclip-model", save_tiny_viclip(tmp_path / "viclip"))
    captions = ("--source-caption", "grass", "--json", tmp_path / "r.json")
    assert measure(*one(folder), *model, *captions) == 0
    (clip,) = json.loads((tmp_path / "r.json").read_text())["clips"]
    assert isinstance(clip["figures"]["ViCLIP dir"], float)


def test_a_manifest_brings_the_captions_of_sources(folder, tmp_path):
    path = folder / "set" / "with_sources.json"
    content = json.loads((folder / "set" / "manifest.json").read_text())
    content["samples"][0]["source_caption"] = " grass "
    path.write_text(json.dumps(content))
    cases = read_manifest(path)
    assert (cases[0].source_caption, cases[-1].source_caption) == ("grass", "")


def test_a_set_by_two_methods(folder, tmp_path, capsys):
    more = ("--json", tmp_path / "r.json", "--plot", tmp_path / "r.png")
    assert measure(*many(folder, "perfect", "mean"), "--per-clip", *more) == 0
    printed = capsys.readouterr().out
    assert "\nmodify_00_hull, mean  " in printed
    assert f"{6 * SCENES} edits of {SCENES} clips" in printed
    tasks = json.loads((tmp_path / "r.json").read_text())["tasks"]
    for task in ("add", "modify", "delete"):
        assert tasks[task]["perfect"]["SSIM"]["mean"] > tasks[task]["mean"]["SSIM"]["mean"] + 0.2
        assert tasks[task]["perfect"]["BP"]["mean"] == 0
    assert (tmp_path / "r.png").stat().st_size > 10_000


def test_the_same_seed_gives_the_same_figures(folder, tmp_path):
    for name in ("a.json", "b.json"):
        assert measure(*many(folder, "mean"), "--seed", 5, "--json", tmp_path / name) == 0
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()


def test_a_study_is_blind_complete_and_scored(folder, tmp_path, capsys):
    place = tmp_path / "study"
    assert measure(*many(folder, "perfect", "mean"), "--study", place, "--seed", 1) == 0
    page, key = (place / "study.html").read_text(), json.loads((place / "key.json").read_text())
    for word in ("perfect", "mean", "expand", "add_00"):
        assert word not in page
    assert "http:" not in page and "https:" not in page and "src=" not in page
    assert len(key["trials"]) == 3 * SCENES
    for trial in key["trials"]:
        sizes = {
            side: read_info(place / "clips" / f"{trial['name']}_{side}.mp4")
            for side in ("left", "right", "source")
        }
        assert {(info.width, info.frame_count) for info in sizes.values()} == {(256, 17)}
    votes = [
        {
            "trial": trial["name"],
            "criterion": "VQ",
            "choice": "left" if trial["left"] == "perfect" else "right",
        }
        for trial in key["trials"]
    ]
    content = {"version": 1, "study": key["study"], "voter": "ann", "votes": votes}
    (place / "votes.json").write_text(json.dumps(content))
    capsys.readouterr()
    assert measure("--votes", place / "votes.json", "--json", tmp_path / "score.json") == 0
    assert "perfect against mean, all, VQ" in capsys.readouterr().out
    tallies = json.loads((tmp_path / "score.json").read_text())["tallies"]
    assert {tally["win_rate"]["mean"] for tally in tallies} == {1.0}


def test_votes_elsewhere_need_the_key_named(folder, tmp_path, capsys):
    (tmp_path / "votes.json").write_text("{}")
    assert measure("--votes", tmp_path / "votes.json") == 2
    assert (
        "--votes: there is no key.json beside them: name it with --key" in capsys.readouterr().err
    )


@pytest.mark.parametrize("said", ["caption", "instruction"])
def test_what_is_said_of_an_edit_cannot_leave_its_script(folder, tmp_path, said):
    place = shutil.copytree(folder / "set", tmp_path / "set")
    path = place / "manifest.json"
    content = json.loads(path.read_text())
    sample = {"instruction": "", **content["samples"][0], said: "</script><script>alert(1)"}
    if said == "caption":
        del sample["instruction"]  # voters are shown it, where there is one
    content["samples"] = [sample]
    path.write_text(json.dumps(content))
    edits = ("--edits", folder / "perfect", "--edits", folder / "mean")
    assert measure("--manifest", path, *edits, "--study", tmp_path / "study") == 0
    page = (tmp_path / "study" / "study.html").read_text()
    assert "alert(1)" in page and "</script><script>alert" not in page


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": None}, "--source: is missing: give --source, --edit, --mask, --task"),
        ({"edit": None}, "--edit: is missing"),
        ({"task": None}, "--task: is missing"),
        ({"source": "gone.mkv"}, "--source: gone.mkv"),
        ({"edit": "gone.mkv"}, "--edit: gone.mkv"),
        ({"mask": "gone.json"}, "--mask: gone.json"),
        ({"truth": "gone.mkv"}, "--truth: gone.mkv"),
        ({"caption": " "}, "--caption: is empty"),
        ({"clip_model": "nowhere"}, "--clip-model: nowhere: there is no such folder"),
        ({"raft": "gone.pth"}, "--raft: gone.pth"),
        ({"judge": "owl"}, "--judge: 'owl' is unknown: use vlm:FOLDER or endpoint"),
        ({"judge": "labels"}, "--judge: this one answers no questions"),
        ({"instruction": "x"}, "--instruction: is not read without --judge"),
        ({"source_caption": "x"}, "--source-caption: is not read without --viclip-model"),
        ({"viclip_model": "nowhere"}, "--viclip-model: nowhere: there is no such folder or file"),
        ({"dover_weights": "gone.pth"}, "--dover-weights: gone.pth"),
        ({"seed": -1}, "--seed: must be 0 or more, got -1"),
        ({"json": "nowhere/r.json"}, "--json: "),
        ({"plot": "nowhere/r.png"}, "--plot: "),
        ({"plot": "r.txt"}, "--plot: r.txt is no image file"),
        ({"edits": "."}, "--source: goes with"),
        ({"votes": "v.json"}, "--source: is not read beside --votes: leave it out"),
        ({"write_set": "set"}, "--source: is not read beside --write-set"),
        ({"study": "s"}, "--source: is not read beside --study"),
        ({"key": "k.json"}, "--key: is not read without --votes"),
        ({"manifest": "m.json"}, "--source: goes with"),
        ({"device": "toaster"}, "--device: 'toaster' is no device"),
    ],
)
def test_bad_input_is_one_line_that_names_the_option(
    folder, tmp_path, monkeypatch, capsys, changes, message
):
    monkeypatch.chdir(tmp_path)
    assert measure(*one(folder, **changes)) == 2
    printed = capsys.readouterr().err.strip()
    assert message in printed
    assert len(printed.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["edit", "truth", "mask"])
def test_another_size_or_length_is_named(folder, tmp_path, capsys, name):
    frames = torch.zeros(17, 32, 64, 3)
    if name == "mask":
        save_masks(tmp_path / "other.json", frames[..., 0] + 1)
        other = tmp_path / "other.json"
    else:
        write_clip(tmp_path / "other.mkv", frames, fps=read_info(one(folder)[1]).fps)
        other = tmp_path / "other.mkv"
    assert measure(*one(folder, **{name: other})) == 2
    printed = capsys.readouterr().err
    assert f"--{name}: is" in printed and "64x32" in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--edits", "nowhere"], "--edits: nowhere: there is no such folder"),
        ([], "--edits: is missing"),
        (["--edits", "empty"], "needs one add_00_expand.mkv (or .mp4 ..., or a folder"),
        (["--edits", "mean", "--edits", "mean"], "--edits: two folders are called mean"),
        (["--edits", "mean", "--study", "new"], "--edits: a study compares two folders or more"),
        (["--edits", "mean", "--edits", "perfect", "--study", "set"], "--study: set is there"),
    ],
)
def test_bad_sets_are_one_line_too(folder, monkeypatch, capsys, options, message):
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir(exist_ok=True)
    assert measure("--manifest", "set/manifest.json", *options) == 2
    printed = capsys.readouterr().err.strip()
    assert message in printed
    assert len(printed.splitlines()) == 1


def test_a_set_is_never_written_over(folder, capsys):
    assert measure("--write-set", folder / "set") == 2
    assert "--write-set: " in capsys.readouterr().err
