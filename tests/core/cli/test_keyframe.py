"""`vivid keyframe` writes pictures that `vivid edit` takes as keyframes."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
import torch

from vivid_core.cli import main
from vivid_core.media import load_image, read_clip, save_masks, write_clip
from vivid_core.tiny.scenes.shapes import draw_scene

FRAMES, SIZE = 9, 64
SCENE = draw_scene(1_000_003, frames=FRAMES, height=SIZE, width=SIZE)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keyframe")
    write_clip(folder / "clip.mkv", torch.from_numpy(SCENE.background()), fps=Fraction(8))
    save_masks(folder / "masks.json", torch.from_numpy(SCENE.mask()))
    return folder


def command(files, *extra: str) -> list[str]:
    paths = ["--video", str(files / "clip.mkv"), "--mask", str(files / "masks.json")]
    return ["keyframe", *paths, "--task", "add", "--steps", "1", "--guidance", "1", *extra]


def test_candidates_become_keyframes(files, capsys):
    out = files / "looks"
    captions = ["--caption", "a red circle", "--caption", "a blue square"]
    some = ["--frame", "4", "--candidates", "2", "--seed", "7", "--out", str(out)]
    assert main(command(files, *captions, *some)) == 0
    facts = json.loads((out / "candidates.json").read_text())["candidates"]
    assert [(f["caption"], f["seed"], f["frame"]) for f in facts] == [
        (caption, seed, 4) for caption in ("a red circle", "a blue square") for seed in (7, 8)
    ]
    assert "times as much" in capsys.readouterr().out
    assert load_image(out / "sheet.png").shape[1] > 4 * SIZE

    edit = command(files, "--caption", "a red circle", "--keyframe", f"{out / facts[2]['file']}@4")
    edit[0] = "edit"
    assert main([*edit, "--feather", "0", "--out", str(files / "edit.mkv")]) == 0
    picked, made = load_image(out / facts[2]["file"]), read_clip(files / "edit.mkv").frames[4]
    assert torch.equal(picked, made)


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--frame", "9"], "--frame: is 9, the clip has frames 0 to 8"),
        (["--candidates", "0"], "candidates: 0 for each of 1 caption(s)"),
        (["--task", "modify", "--caption", " "], "caption: is empty"),
    ],
)
def test_what_is_wrong_is_named(files, capsys, extra, words):
    out = files / "refused"
    base = ["--caption", "a red circle"] if "--caption" not in extra else []
    assert main(command(files, *base, *extra, "--out", str(out))) == 2
    assert words in capsys.readouterr().err
    assert not out.exists()
