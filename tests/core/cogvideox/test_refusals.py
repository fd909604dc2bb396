"""Model files that are not what they claim are refused, with what was found and expected."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from vivid_core.cogvideox.load import load_bundle
from vivid_core.cogvideox.save import save_bundle
from vivid_core.errors import InputError, ModelError

WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tmp_path: Path, bundle) -> Path:
    save_bundle(bundle(), tmp_path / "model")
    return tmp_path / "model"


def refuse(path: Path, words: str, **options) -> None:
    with pytest.raises(ModelError, match=words):
        load_bundle(path, **options)


def change_tensors(path: Path, change) -> None:
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def test_missing_component(folder: Path):
    shutil.rmtree(folder / "vae")
    refuse(folder, "has no vae folder; found scheduler, text_encoder, tokenizer, transformer")


def test_missing_file(folder: Path, tmp_path: Path):
    refuse(tmp_path / "none", "no such file or folder")
    refuse(folder, "no such file or folder", base=tmp_path / "none")
    (folder / WEIGHTS).unlink()
    refuse(folder, "holds no weights; expected a .safetensors file")


def test_a_file_without_a_base(folder: Path):
    refuse(folder / WEIGHTS, "holds no vae: choose a base model folder, or give its own file")


def test_truncated_weights(folder: Path):
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])
    refuse(folder, "incomplete or damaged")


def test_missing_and_unexpected_tensors_are_listed(folder: Path):
    change_tensors(folder / WEIGHTS, lambda t: t.update(other=t.pop("norm_final.weight")))
    refuse(folder, "transformer does not fit .* missing norm_final.weight; unexpected other")


def test_misshapen_tensors(folder: Path):
    change_tensors(folder / WEIGHTS, lambda t: t.update({"norm_final.weight": torch.zeros(5)}))
    refuse(folder, r"norm_final.weight is \[5\], expected \[32\]")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_broken_numbers(folder: Path, value: float):
    change_tensors(folder / WEIGHTS, lambda t: t["norm_final.weight"].fill_(value))
    refuse(folder, "NaN or infinity in norm_final.weight")


def test_a_lora_is_no_model(folder: Path, tmp_path: Path):
    lora = tmp_path / "lora.safetensors"
    save_file({"transformer.transformer_blocks.0.attn1.to_q.lora_A.weight": torch.ones(2)}, lora)
    refuse(lora, "it looks like a LoRA", base=folder)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("model.diffusion_model.input_blocks.0.0.weight", "a Stable Diffusion checkpoint"),
        ("head.modulation", "a Wan model"),
    ],
)
def test_foreign_models(folder: Path, tmp_path: Path, key: str, words: str):
    file = tmp_path / "model.safetensors"
    save_file({key: torch.ones(2, 2)}, file)
    refuse(file, words, base=folder)
    refuse(folder, words, text_encoder=file)
    refuse(folder, words, vae=file)


def test_foreign_folders(folder: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    refuse(other, "expected a CogVideoX model folder .* found nothing")
    (other / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    refuse(other, "found a StableDiffusionPipeline")
    config = folder / "transformer/config.json"
    config.write_text('{"_class_name": "WanTransformer3DModel"}')
    refuse(folder, "expected a CogVideoXTransformer3DModel, found a WanTransformer3DModel")


def test_vae_of_another_model(folder: Path, vae):
    small = vae(latent_channels=4)
    shutil.rmtree(folder / "vae")
    small.save_pretrained(folder / "vae")
    refuse(folder, "4 latent channels, expected 16")
    file = folder / "vae/diffusion_pytorch_model.safetensors"
    refuse(folder, "4 latent channels, expected 16", vae=file)


def test_text_encoder_of_another_width(folder: Path, tmp_path: Path, text_encoder):
    file = tmp_path / "t5.safetensors"
    tensors = text_encoder(width=64).state_dict()
    save_file({k: v.clone() for k, v in tensors.items() if "embed_tokens" not in k}, file)
    refuse(folder, "gives 64 features a word, the transformer expects 32", text_encoder=file)


def test_text_encoder_of_another_kind(folder: Path):
    path = folder / "text_encoder/config.json"
    path.write_text(json.dumps({"model_type": "clip_text_model"}))
    refuse(folder, "expected a T5 text encoder, found clip_text_model")


def test_no_tokenizer(folder: Path):
    for file in (folder / "tokenizer").iterdir():
        file.unlink()
    refuse(folder, "no readable tokenizer")


def test_saving_does_not_overwrite(folder: Path, bundle):
    with pytest.raises(InputError, match="not empty"):
        save_bundle(bundle(), folder)


def test_a_failed_save_leaves_nothing(tmp_path: Path, bundle, monkeypatch: pytest.MonkeyPatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vivid_core.cogvideox.save.save_file", full)
    with pytest.raises(InputError, match="the disk is full"):
        save_bundle(bundle(), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
