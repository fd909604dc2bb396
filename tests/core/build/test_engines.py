"""Both pipelines with the classes of real models: Florence-2, Grounding DINO, SAM 2, CLIP; tiny."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch

from vivid_core.cli import main
from vivid_core.data.built import INDEX, ShardPixels, read_index, reference_picture
from vivid_core.data.formats.catalog import read_dataset
from vivid_core.media import load_image, read_clip, read_mask
from vivid_core.tiny.folder import write_scene_folder

from ...tiny_engines import make_florence_say, save_tiny_dino, save_tiny_florence
from ...tiny_sam2 import save_tiny_sam2

CONFIG = """\
videos: videos/clips
out: out
engines:
  tagger: florence2:{0}/florence
  detector: grounding-dino:{0}/dino
  segmenter: sam2:{0}/sam2
  captioner: labels
  device: cpu
clips: {{min_seconds: 0.1, min_side: 32}}
entities: {{score: 0.1, smallest: 0, largest: 1, overlap: 1, most: 4}}
filters: {{smallest: 0, largest: 1, stability: 0, agreement: 0, border: 1, hidden: 1}}
deletion: {{clearance: 0, confidence: 0}}
output: {{lossless: true, reference: true}}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset that `vivid build` made with engines of random weights."""
    root = tmp_path_factory.mktemp("engines")
    write_scene_folder(root / "videos", clips=4, frames=2, size=(48, 64))
    make_florence_say(save_tiny_florence(root / "florence"), ("dog", "sky"))
    save_tiny_dino(root / "dino")
    save_tiny_sam2(root / "sam2")
    (root / "build.yaml").write_text(CONFIG.format(root))
    assert main(["build", str(root / "build.yaml")]) == 0
    return root


def test_things_come_to_samples_and_background_is_tried(
    made: Path, capsys: pytest.CaptureFixture[str]
):
    """Masks of random weights fill most of a frame: they seldom find room on each other."""
    records = [entry.record for entry in read_index(made / "out" / INDEX)]
    assert {record.label for record in records if record.task == "edit"} == {"dog"}
    deletions = {record.label for record in records if record.task == "delete"}
    rejections = json.loads((made / "out" / "report.json").read_text())["rejections"]
    assert deletions == {"sky"} or rejections["no room to paste"] > 0
    units = [json.loads(path.read_text()) for path in made.glob("out/work/entities/*/unit.json")]
    areas = [area for unit in units for clip in unit["clips"] for area in clip["background"]]
    assert len(units) == 4 and {area["label"] for area in areas} == {"sky"}
    assert main(["build", str(made / "build.yaml"), "--check"]) == 0
    assert "are whole" in capsys.readouterr().out


def test_reference_pictures_are_the_thing_on_white(made: Path):
    entries = read_index(made / "out" / INDEX)
    for entry in entries:
        picture = reference_picture(made / "out", entry)
        if entry.record.task == "delete":
            assert picture is None
            continue
        assert picture is not None
        clip, mask = ShardPixels(folder=made / "out", sample=entry).read()
        inside = clip.frames[0][mask.values[0] > 0.5]
        shown = picture[(picture < 1).any(dim=-1)]
        dark = inside[(inside < 1).any(dim=-1)]
        assert torch.equal(shown, dark)


def test_quadruplets_are_written_and_read(made: Path, tmp_path: Path):
    target = tmp_path / "quadruplets"
    export = ["build", str(made / "build.yaml"), "--export", str(target)]
    assert main(export) == 0
    assert main(export) == 2  # it is there already
    records = read_dataset(target / "quadruplets.csv", "reference-quadruplets")
    entries = [e for e in read_index(made / "out" / INDEX) if e.record.reference]
    assert len(records) == len(entries) > 0
    with (target / "quadruplets.csv").open() as file:
        first = next(csv.reader(file))
    assert first[:4] == ["source_video", "target_video", "mask_video", "reference_image"]
    for record, entry in zip(records, entries, strict=True):
        clip, mask = ShardPixels(folder=made / "out", sample=entry).read()
        assert record.mask is not None and record.edited is not None
        selected = read_mask(record.mask.path) > 0.5
        assert torch.equal(selected, mask.values > 0.5)
        assert torch.equal(read_clip(record.edited).frames, clip.frames)
        source = read_clip(record.video).frames
        assert torch.equal(source[~selected], clip.frames[~selected])
        assert (source[selected] * 255 - 127.5).abs().max() <= 0.5
        picture = reference_picture(made / "out", entry)
        assert picture is not None and torch.equal(load_image(record.references[0]), picture)
        assert record.instruction == entry.record.captions[-1]
