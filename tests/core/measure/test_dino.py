"""DINOv2 from a folder: the vectors of transformers' own class; what is none is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vivid_core.errors import ModelError
from vivid_core.flow.dis import DisFlow
from vivid_core.measure.dino import load_dino_model
from vivid_core.measure.figures import Instruments, measure_edit

CPU = torch.device("cpu")
SIDE = 28


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the real class with random weights."""
    from transformers import BitImageProcessor, Dinov2Config, Dinov2Model

    place = tmp_path_factory.mktemp("dino") / "tiny"
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    Dinov2Model(Dinov2Config(image_size=SIDE, patch_size=14, **shape)).save_pretrained(place)
    BitImageProcessor(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    ).save_pretrained(place)
    return place


def test_the_figure_is_the_mean_cosine_of_consecutive_frames(folder, make_edited):
    from transformers import BitImageProcessor, Dinov2Model

    edited = replace(make_edited(step=3), mask="no mask was made")
    instruments = Instruments(flow=DisFlow(), dino=load_dino_model(folder, device=CPU))
    found = measure_edit(edited, instruments)
    model = Dinov2Model.from_pretrained(folder).eval()
    frames = [(255 * frame).round().byte().numpy() for frame in edited.edit]
    pixels = BitImageProcessor.from_pretrained(folder)(images=frames, return_tensors="pt")
    with torch.no_grad():
        vectors = model(**pixels).pooler_output
    cosines = torch.cosine_similarity(vectors[1:], vectors[:-1])
    assert found["DINO"] == pytest.approx(100 * float(cosines.mean()), abs=1e-3)
    assert float(cosines.mean()) < 0.9999
    for name in ("BP", "EPE", "flicker", "warping error"):
        assert found[name] == "no mask was made"
    assert found["EPE, frames"] == 0  # it is the source


def test_what_is_no_dino_is_refused(folder, tmp_path):
    with pytest.raises(ModelError, match="there is no such folder"):
        load_dino_model(tmp_path / "none", device=CPU)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clip"}))
    with pytest.raises(ModelError, match="describes 'clip', not dinov2"):
        load_dino_model(tmp_path, device=CPU)
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    with pytest.raises(ModelError, match="cannot be loaded as DINOv2"):
        load_dino_model(tmp_path, device=CPU)
