"""`vivid track` on files: masks, an overlay, a run that goes on, errors in one line."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from vivid_core.cli import main
from vivid_core.media import read_info, read_mask, save_image, write_clip
from vivid_core.tiny.scenes.shapes import draw_scene
from vivid_core.track.store import StoredTrack

FRAMES = 6


@pytest.fixture(scope="module")
def truth() -> torch.Tensor:
    return torch.from_numpy(draw_scene(8, frames=FRAMES, height=64, width=96).mask() > 0.5)


@pytest.fixture
def files(tmp_path: Path, truth: torch.Tensor) -> Path:
    scene = draw_scene(8, frames=FRAMES, height=64, width=96)
    write_clip(tmp_path / "clip.mkv", torch.from_numpy(scene.render()), fps=Fraction(8))
    save_image(tmp_path / "mask.png", truth[2].float()[..., None].expand(-1, -1, 3))
    return tmp_path


def track(folder: Path, *more: object, out: str = "masks.json") -> int:
    options = ["--video", folder / "clip.mkv", "--out", folder / out, "--device", "cpu"]
    return main(["track", *(str(part) for part in (*options, *more))])


def overlap(a: torch.Tensor, b: torch.Tensor) -> float:
    a = a > 0.5
    return float((a & b).sum() / (a | b).sum())


def test_a_mask_on_a_later_frame(files, truth, capsys):
    overlay = files / "overlay.mp4"
    assert track(files, "--mask", f"{files / 'mask.png'}@2", "--overlay", overlay) == 0
    masks = read_mask(files / "masks.json", frames=FRAMES)
    assert overlap(masks, truth) > 0.9
    info = read_info(overlay)
    assert (info.frame_count, info.width, info.height) == (FRAMES, 96, 64)
    printed = capsys.readouterr().out
    assert "object 1: found on 6 of 6" in printed and "written" in printed
    assert StoredTrack.open(files / "masks.track").header.complete


def test_points_and_boxes_into_a_mask_video(files, truth):
    y, x = (int(values.float().mean()) for values in torch.where(truth[0]))
    points = f"{x},{y};2,2,0"
    assert track(files, "--points", points, out="masks.mkv") == 0
    assert overlap(read_mask(files / "masks.mkv", frames=FRAMES), truth) > 0.8
    y, x = torch.where(truth[1])
    box = f"{int(x.min())},{int(y.min())},{int(x.max()) + 1},{int(y.max()) + 1}@1#2"
    assert track(files, "--box", box, "--work", files / "w", out="box.json") == 0
    assert overlap(read_mask(files / "box.json"), truth) > 0.8
    assert StoredTrack.open(files / "w").object_ids == (2,)


def test_prompts_of_the_editor(files, truth):
    y, x = np.argwhere(truth[0].numpy()).mean(0)
    frames = {"0": {"points": [[float(x), float(y), 1]]}}
    data = {"size": [64, 96], "objects": [{"id": 3, "name": "it", "frames": frames}]}
    (files / "p.json").write_text(json.dumps(data))
    assert track(files, "--prompts", files / "p.json") == 0
    assert overlap(read_mask(files / "masks.json"), truth) > 0.8


@pytest.mark.parametrize(
    ("more", "argument"),
    [
        ((), "--points: say what to follow"),
        (("--points", "5"), "--points: cannot read '5': need 310,200"),
        (("--points", "5,5,2"), "--points: the label"),
        (("--points", "500,5"), "--points: object 1, frame 0: the point (500, 5) lies outside"),
        (("--points", "5,5@99"), "--points: object 1, frame 99: the clip has frames 0 to 5"),
        (("--points", "5,5,0"), "--points: object 1, frame 0: only says where the object is not"),
        (("--box", "5,5,4,9"), "--box: the box (5.0, 5.0, 4.0, 9.0) is empty"),
        (("--box", "1,2,3"), "--box: cannot read '1,2,3'"),
        (("--mask", "gone.png"), "gone.png"),
        (("--prompts", "gone.json"), "--prompts: gone.json cannot be read"),
        (("--points", "5,5", "--prompts", "p.json"), "--prompts: holds everything"),
        (("--points", "5,5", "--engine", "sam2"), "--weights: the sam2 engine needs"),
        (("--points", "5,5", "--weights", "x"), "--weights: the flow engine takes none"),
        (("--points", "5,5", "--overlay", "o.gif"), "o.gif has no suffix of a video format"),
        (("--points", "5,5", "--overlay", "o"), "--overlay: o has no suffix: name a video file"),
        (("--points", "5,5", "--out", "masks.txt"), "masks.txt has no suffix of a video format"),
        (("--points", "5,5", "--out", "no/folder.json"), "there is no folder"),
        (("--points", "5,5", "--video", "gone.mp4"), "gone.mp4"),
        (("--points", "5,5", "--device", "toaster"), "--device"),
    ],
)
def test_bad_input_exits_with_one_line_and_leaves_no_file(files, capsys, more, argument):
    before = sorted(files.rglob("*"))
    assert track(files, *more) == 2
    message = capsys.readouterr().err.strip()
    assert argument in message
    assert len(message.splitlines()) == 1
    assert sorted(files.rglob("*")) == before
