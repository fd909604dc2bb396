"""What the page may ask for between runs, of a real server."""

from __future__ import annotations

import io
import json
import urllib.error
from fractions import Fraction
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
import torch
from PIL import Image

from vivid_core.keyframe.library import CandidateLibrary, picture_digest
from vivid_core.media import write_clip

from ..comfyui import ComfyServer

WIDTH, HEIGHT, LENGTH = 1280, 96, 20
CLIP = "routes_clip.mp4"


@pytest.fixture(scope="module")
def clip(comfy: ComfyServer) -> Path:
    """Each frame is as bright as its number says."""
    path = comfy.base / "input" / CLIP
    levels = torch.linspace(0.1, 0.9, LENGTH)[:, None, None, None]
    write_clip(path, levels.expand(-1, HEIGHT, WIDTH, 3), fps=Fraction(25, 2))
    return path


def ask(comfy: ComfyServer, what: str, **query: object) -> bytes:
    return comfy.read(f"/api/vivid/{what}?{urlencode(query, doseq=True)}")


def refused(comfy: ComfyServer, what: str, **query: object) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as found:
        ask(comfy, what, **query)
    return found.value.code, found.value.read().decode()


def test_a_clip_and_its_frames(comfy: ComfyServer, clip: Path) -> None:
    about = comfy.get(f"/api/vivid/clip?file={CLIP}")
    assert about.pop("stamp") == str(clip.stat().st_mtime_ns)
    assert about == {"width": WIDTH, "height": HEIGHT, "fps": 12.5, "frames": LENGTH}
    levels = []
    for number in (0, 7, 8, LENGTH - 1):  # in two blocks
        picture = Image.open(io.BytesIO(ask(comfy, "frame", file=CLIP, frame=number)))
        assert (picture.format, picture.size) == ("JPEG", (1024, 77))
        levels.append(float(np.asarray(picture).mean()) / 255)
    wanted = [0.1 + 0.8 * number / (LENGTH - 1) for number in (0, 7, 8, LENGTH - 1)]
    assert levels == pytest.approx(wanted, abs=0.02)


def test_frames_that_are_not_there(comfy: ComfyServer, clip: Path) -> None:
    assert refused(comfy, "frame", file=CLIP, frame=LENGTH)[0] == 404
    for number in ("", "-1", "1.5", "x", "9999999"):
        assert refused(comfy, "frame", file=CLIP, frame=number)[0] == 400


def test_only_videos_below_the_folders_of_comfyui(comfy: ComfyServer, clip: Path) -> None:
    outside = comfy.base / "secret.mp4"
    outside.write_bytes(clip.read_bytes())
    link = comfy.base / "input" / "link.mp4"
    if not link.is_symlink():
        link.symlink_to(outside)
    (comfy.base / "input" / "words.txt").write_text("no video")
    names = ["", "nothing.mp4", "../secret.mp4", str(outside), "link.mp4", "a\0.mp4", "x" * 2000]
    for name in [*names, "../secret.mp4 [output]", "."]:
        assert refused(comfy, "clip", file=name)[0] == 404
        assert refused(comfy, "frame", file=name, frame=0)[0] == 404
    assert refused(comfy, "clip", file="words.txt")[0] == 415
    (comfy.base / "output" / CLIP).write_bytes(clip.read_bytes())
    assert comfy.get(f"/api/vivid/clip?{urlencode({'file': f'{CLIP} [output]'})}")["frames"] == 20


def test_a_damaged_video_is_refused_without_its_path(comfy: ComfyServer, clip: Path) -> None:
    (comfy.base / "input" / "damaged.mp4").write_bytes(clip.read_bytes()[:200])
    assert refused(comfy, "clip", file="damaged.mp4") == (422, "the file cannot be shown")


def test_the_sample_clip_before_a_run(comfy: ComfyServer) -> None:
    scene = {"scene": "moving shapes", "seed": 9, "width": 64, "height": 48, "length": 5, "fps": 8}
    data = json.loads(ask(comfy, "sample", **scene))
    assert (data["width"], data["height"], len(data["files"])) == (64, 48, 5)
    inputs = {"prompts": "", "mask_frame": 0, "video": ["1", 0]}
    run = comfy.run(
        {
            "1": {"class_type": "Vivid_SampleClip", "inputs": scene},
            "2": {"class_type": "Vivid_TrackObject", "inputs": inputs},
        }
    )
    assert run.outputs["2"]["vivid_frames"][0] == data
    assert comfy.file(data | {"filename": data["files"][-1]})[:2] == b"\xff\xd8"
    for wrong in (
        {"scene": "x"}, {"seed": -1}, {"width": 1e9}, {"length": 0}, {"fps": ""},
        {"width": 1024, "height": 1024, "length": 200},
    ):  # fmt: skip
        assert refused(comfy, "sample", **scene | wrong)[0] == 400


def test_a_file_that_changes_is_read_again(comfy: ComfyServer) -> None:
    path = comfy.base / "input" / "changing.mp4"
    seen = []
    for level, count in ((0.2, 4), (0.8, 6)):
        write_clip(path, torch.full((count, 32, 32, 3), level), fps=Fraction(8))
        about = comfy.get(f"/api/vivid/clip?file={path.name}")
        file = ask(comfy, "frame", file=path.name, frame=3, stamp=about["stamp"])
        bright = float(np.asarray(Image.open(io.BytesIO(file))).mean()) / 255
        seen.append((about["frames"], round(bright, 1)))
    assert seen == [(4, 0.2), (6, 0.8)]


def test_candidates_that_are_still_there(comfy: ComfyServer) -> None:
    class Made:
        caption, seed = "a red circle", 7

        def __init__(self, level: float) -> None:
            self.pixels = torch.full((8, 8, 3), level)

    made = [Made(0.25), Made(0.5), Made(0.75)]
    digests = [picture_digest(one.pixels) for one in made]
    library = CandidateLibrary(comfy.base / "output" / "vivid" / "keyframes")
    library.keep("routes_test", made, frame=3, task="add")
    query = {"digest": [digests[1], "f" * 16, "../../secret", digests[0]]}
    found = comfy.get(f"/api/vivid/candidates?{urlencode(query, doseq=True)}")
    assert [card["digest"] for card in found["current"]] == [digests[1], digests[0]]
    assert [card["digest"] for card in found["earlier"]] == [digests[2]]
    card = found["current"][0]
    assert (card["caption"], card["seed"], card["frame"]) == ("a red circle", 7, 3)
    assert comfy.file(card | {"filename": card["file"]})[:4] == b"\x89PNG"
    assert refused(comfy, "candidates")[0] == 400
    assert refused(comfy, "candidates", digest=["0" * 16] * 65)[0] == 400
