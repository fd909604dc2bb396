"""Bundles come back as they were saved, from folders and from single files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vivid_core.cogvideox.keys import respell
from vivid_core.cogvideox.load import load_bundle
from vivid_core.cogvideox.save import save_bundle, save_checkpoint

COMPONENTS = ("transformer", "vae", "text_encoder")


@pytest.mark.parametrize("layout", ["t2v", "vivid", "void", "i2v"])
def test_a_saved_bundle_comes_back(tmp_path: Path, bundle, same, layout: str):
    saved = bundle(layout)
    save_bundle(saved, tmp_path / "model")
    loaded = load_bundle(tmp_path / "model")
    assert all(same(getattr(saved, name), getattr(loaded, name)) for name in COMPONENTS)
    for fact in ("layout", "schedule", "train_size", "max_text_tokens", "known_words"):
        assert getattr(loaded, fact) == getattr(saved, fact), fact
    ids = loaded.tokenizer("a red circle").input_ids
    assert ids == saved.tokenizer("a red circle").input_ids
    assert dict(loaded.transformer.config)["in_channels"] == saved.layout.in_channels


def test_weights_may_be_stored_in_half(tmp_path: Path, bundle):
    saved = bundle()
    save_bundle(saved, tmp_path / "half", dtype=torch.float16)
    loaded = load_bundle(tmp_path / "half")
    assert loaded.dtype == torch.float32  # what the CPU computes in
    for name in COMPONENTS:
        for key, value in getattr(loaded, name).state_dict().items():
            assert torch.equal(value.half(), getattr(saved, name).state_dict()[key].half()), key


def test_the_tokenizer_has_the_name_that_every_transformers_knows(tmp_path: Path, bundle):
    save_bundle(bundle(), tmp_path / "model")
    for file in ("model_index.json", "tokenizer/tokenizer_config.json"):
        text = (tmp_path / "model" / file).read_text()
        assert '"PreTrainedTokenizerFast"' in text and "TokenizersBackend" not in text, file


def test_stock_diffusers_reads_our_folder(tmp_path: Path, bundle, same):
    from diffusers import CogVideoXPipeline

    saved = bundle()
    save_bundle(saved, tmp_path / "model")
    pipeline = CogVideoXPipeline.from_pretrained(tmp_path / "model")
    assert all(same(getattr(saved, name), getattr(pipeline, name)) for name in COMPONENTS)


def test_loaded_weights_are_frozen_and_not_inference_tensors(tmp_path: Path, bundle):
    save_bundle(bundle(), tmp_path / "model")
    with torch.inference_mode():
        loaded = load_bundle(tmp_path / "model")
    for name in COMPONENTS:
        module = getattr(loaded, name)
        assert not module.training
        for parameter in module.parameters():
            assert not parameter.requires_grad
            assert not parameter.is_inference()


@pytest.mark.parametrize("spelling", ["diffusers", "comfyui"])
@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
def test_a_single_file_beside_a_base(
    tmp_path: Path, bundle, transformer, forward, spelling: str, prefix: str
):
    save_bundle(bundle(), tmp_path / "base")
    inpaint = transformer(seed=9, in_channels=33)
    names = respell(inpaint.state_dict(), spelling)
    file = tmp_path / "whatever_the_name.safetensors"
    save_file({prefix + key: value for key, value in names.items()}, file)
    loaded = load_bundle(file, base=tmp_path / "base")
    assert loaded.layout.name == "fun_inp"
    assert loaded.name == "whatever_the_name"
    latents = torch.randn(1, 3, 33, 8, 8)
    assert torch.equal(forward(loaded.transformer, latents), forward(inpaint, latents))


@pytest.mark.parametrize(("name", "shift"), [("t2v", 3.0), ("fun_inp", 1.0), ("void", 1.0)])
def test_only_cogvideox_itself_shifts_its_noise(tmp_path: Path, bundle, name: str, shift: float):
    """CogVideoX-Fun and VOID train and sample with schedulers that do not know the shift."""
    saved = bundle(name)
    saved = saved.with_(schedule=saved.schedule | {"snr_shift_scale": 3.0})
    save_bundle(saved, tmp_path / "model")
    assert load_bundle(tmp_path / "model").schedule["snr_shift_scale"] == shift


def test_components_from_their_own_files(tmp_path: Path, bundle, same):
    saved = bundle()
    save_bundle(saved, tmp_path / "base")
    text, model = tmp_path / "t5xxl.safetensors", tmp_path / "model.pt"
    tensors = saved.text_encoder.state_dict()
    tensors.pop("shared.weight")
    save_file(tensors, text)
    torch.save({"module": saved.transformer.state_dict()}, model)
    loaded = load_bundle(
        model, text_encoder=text, vae=tmp_path / "base/vae", tokenizer=tmp_path / "base/tokenizer"
    )
    assert same(loaded.text_encoder, saved.text_encoder)
    assert same(loaded.vae, saved.vae)
    assert loaded.schedule["snr_shift_scale"] == 1.0


def test_a_single_vae_file(tmp_path: Path, bundle, vae, same):
    """Group count and scaling factor are not in the shapes: they are the published ones."""
    save_bundle(bundle(), tmp_path / "base")
    options = {"block_out_channels": (32,) * 4, "norm_num_groups": 32, "blocks": 4}
    published = vae(sample_height=480, sample_width=720, **options)
    file = tmp_path / "vae.safetensors"
    save_file({f"vae.{key}": value for key, value in published.state_dict().items()}, file)
    loaded = load_bundle(tmp_path / "base", vae=file)
    assert same(loaded.vae, published)
    assert loaded.geometry.space == 8
    for name in ("latent_channels", "layers_per_block", "scaling_factor", "norm_num_groups"):
        assert loaded.vae.config[name] == published.config[name]


@pytest.mark.parametrize("part", COMPONENTS)
def test_scaled_fp8_files_of_every_component(tmp_path: Path, bundle, part: str):
    """Weights stored as ComfyUI's scaled fp8 come back with their scale."""
    saved = bundle()
    save_bundle(saved, tmp_path / "base")
    tensors = {}
    for key, value in getattr(saved, part).state_dict().items():
        if key.endswith(".weight") and value.ndim > 1:
            scale = value.abs().max() / 448  # the largest number of e4m3
            tensors[f"{key.removesuffix('weight')}scale_weight"] = scale
            value = (value / scale).to(torch.float8_e4m3fn)
        tensors[key] = value.contiguous().clone()
    [file] = (tmp_path / "base" / part).glob("*.safetensors")
    save_file(tensors, file)
    loaded = getattr(load_bundle(tmp_path / "base"), part).state_dict()
    for key, value in getattr(saved, part).state_dict().items():
        limit = 0.07 * float(value.abs().max())  # 3 bits of mantissa
        assert float((loaded[key] - value).abs().max()) <= limit, key


def test_a_checkpoint_says_itself_what_it_is(tmp_path: Path, bundle, same):
    saved = bundle("vivid")
    save_bundle(bundle(), tmp_path / "base")
    save_checkpoint(
        tmp_path / "merged.safetensors",
        respell(saved.transformer.state_dict(), "comfyui"),
        config=dict(saved.transformer.config),
        layout=saved.layout,
        train_size=saved.train_size,
    )
    loaded = load_bundle(tmp_path / "merged.safetensors", base=tmp_path / "base")
    assert same(loaded.transformer, saved.transformer)
    assert loaded.layout.name == "vivid"
    assert loaded.train_size == saved.train_size
    assert loaded.transformer.config.sample_width == saved.transformer.config.sample_width


def test_sharded_folders(tmp_path: Path, bundle, same):
    saved = bundle()
    save_bundle(saved, tmp_path / "model")
    saved.transformer.save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    (tmp_path / "model/transformer/diffusion_pytorch_model.safetensors").unlink()
    for part in (tmp_path / "shards").iterdir():
        part.rename(tmp_path / "model/transformer" / part.name)
    assert same(load_bundle(tmp_path / "model").transformer, saved.transformer)


@pytest.mark.parametrize("blocks", [2, 3, 4])
def test_geometry_agrees_with_the_real_vae(bundle, vae, blocks: int):
    """Encode and decode really give the counts that latents.py computes."""
    geometry = bundle().with_(vae=vae(blocks=blocks)).geometry
    module = vae(blocks=blocks)
    for frames in (1, geometry.legal_frames(2), geometry.legal_frames(18)):
        pixels = torch.zeros(1, 3, frames, geometry.size_step, geometry.size_step)
        latents = module.encode(pixels).latent_dist.mode()
        assert tuple(latents.shape[2:]) == geometry.latent_shape(frames, *pixels.shape[3:])
        assert module.decode(latents).sample.shape == pixels.shape


def test_extra_configuration_of_other_programs_is_passed_over(tmp_path: Path, bundle):
    save_bundle(bundle("fun_inp"), tmp_path / "model")
    path = tmp_path / "model/transformer/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"add_noise_in_inpaint_model": True}))
    assert load_bundle(tmp_path / "model").layout.version == "1.1"
