"""CLIP from a folder: vectors of length 1, and what is no CLIP is refused in one line."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from vivid_core.errors import ModelError
from vivid_core.measure.encoder import BATCH, load_clip_model

CPU = torch.device("cpu")


def test_vectors_have_length_one_and_do_not_depend_on_the_batch(clip_folder):
    clip = load_clip_model(clip_folder, device=CPU)
    noise = torch.rand(BATCH + 3, 40, 50, 3, generator=torch.Generator().manual_seed(0))
    pictures = [*noise[:-1], noise[-1][:20, :20]]
    vectors = clip.images(pictures)
    assert vectors.shape == (BATCH + 3, 16)
    assert torch.allclose(vectors.norm(dim=-1), torch.ones(BATCH + 3), atol=1e-5)
    assert torch.allclose(vectors[-1:], clip.images(pictures[-1:]), atol=1e-5)
    assert float(clip.text("a fox").norm()) == pytest.approx(1, abs=1e-5)
    assert clip.name == "tiny-clip"


def test_words_are_read_and_a_long_caption_is_cut(clip_folder):
    clip = load_clip_model(clip_folder, device=CPU)
    assert not torch.allclose(clip.text("a fox"), clip.text("a hen"))
    long = "a very long caption " * 20
    assert clip.is_cut(long) and not clip.is_cut("a fox")
    assert torch.equal(clip.text(long), clip.text(long + "and more"))


def test_weights_loaded_inside_comfyuis_inference_mode_can_be_used_outside(clip_folder):
    with torch.inference_mode():
        clip = load_clip_model(clip_folder, device=CPU)
    assert clip.text("a fox").shape == (16,)


def broken(folder, name: str) -> None:
    """Damage a CLIP folder in a way that has a name."""
    if name == "another model":
        config = json.loads((folder / "config.json").read_text()) | {"model_type": "siglip"}
        (folder / "config.json").write_text(json.dumps(config))
    elif name == "weights are missing":
        path = folder / "model.safetensors"
        tensors = load_file(path)
        tensors.pop("visual_projection.weight")
        save_file(tensors, path, metadata={"format": "pt"})
    else:
        (folder / name).unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("another model", "describes 'siglip', not a CLIP model"),
        ("weights are missing", r"weights are missing: visual_projection\.weight"),
        ("config.json", "missing; is the model folder complete"),
        ("model.safetensors", "cannot be loaded as CLIP"),
        ("preprocessor_config.json", "cannot be loaded as CLIP"),
    ],
)
def test_an_incomplete_folder_is_refused(clip_folder, tmp_path, damage, message):
    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    names = {path.name for path in folder.iterdir()}
    if damage == "preprocessor_config.json" and damage not in names:
        damage = "processor_config.json"
    broken(folder, damage)
    with pytest.raises(ModelError, match=message) as caught:
        load_clip_model(folder, device=CPU)
    assert len(str(caught.value).splitlines()) == 1


def test_a_name_that_is_no_folder_and_no_repository_is_refused_without_network():
    with pytest.raises(ModelError, match="there is no such folder"):
        load_clip_model("models/clip/nowhere", device=CPU)


def test_a_repository_that_is_not_there_offline_is_named():
    with pytest.raises(ModelError, match="nobody/no-such-clip: cannot be loaded as CLIP"):
        load_clip_model("nobody/no-such-clip", device=CPU)
