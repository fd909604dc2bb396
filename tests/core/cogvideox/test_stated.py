"""Configurations that no model has are refused in words, before anything is built from them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vivid_core.cogvideox.load import load_bundle
from vivid_core.cogvideox.sampling import NoiseSchedule
from vivid_core.cogvideox.save import save_bundle
from vivid_core.cogvideox.stated import (
    OWN,
    SCHEDULE,
    TEXT_ENCODER,
    TRANSFORMER,
    VAE,
    require_stated,
)
from vivid_core.errors import ModelError

FILES = {
    "transformer/config.json": TRANSFORMER,
    "vae/config.json": VAE,
    "text_encoder/config.json": TEXT_ENCODER,
    "scheduler/scheduler_config.json": SCHEDULE,
    "model_index.json": OWN,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from .conftest import build_bundle

    path = tmp_path_factory.mktemp("models") / "model"
    save_bundle(build_bundle("vivid"), path)
    return path


def load_with(folder: Path, file: str, name: str, value: Any) -> None:
    """Load the model with one entry of one file changed."""
    path = folder / file
    text = path.read_text()
    data = json.loads(text)
    (data["_vivid"] if file == "model_index.json" else data)[name] = value
    path.write_text(json.dumps(data))
    try:
        load_bundle(folder)
    finally:
        path.write_text(text)


@pytest.mark.parametrize(
    ("file", "name", "value"),
    [
        ("model_index.json", "max_text_tokens", 10**9),
        ("model_index.json", "train_size", [17, 64]),
        ("model_index.json", "train_size", [10**9, 64, 64]),
        ("model_index.json", "layout", ["vivid"]),
        ("transformer/config.json", "num_layers", 200_000),
        ("transformer/config.json", "num_layers", 3),
        ("transformer/config.json", "num_attention_heads", 0),
        ("transformer/config.json", "attention_head_dim", -4),
        ("transformer/config.json", "patch_size", 0),
        ("transformer/config.json", "patch_size", 16),
        ("transformer/config.json", "sample_height", 10**12),
        ("transformer/config.json", "max_text_seq_length", 10**9),
        ("transformer/config.json", "activation_fn", "none such"),
        ("transformer/config.json", "norm_eps", "small"),
        ("vae/config.json", "block_out_channels", []),
        ("vae/config.json", "block_out_channels", [8] * 4000),
        ("vae/config.json", "layers_per_block", 10**6),
        ("vae/config.json", "norm_num_groups", 0),
        ("vae/config.json", "norm_num_groups", 7),
        ("vae/config.json", "down_block_types", ["x"] * 4),
        ("vae/config.json", "temporal_compression_ratio", 0),
        ("vae/config.json", "scaling_factor", 0),
        ("text_encoder/config.json", "num_layers", 200_000),
        ("text_encoder/config.json", "num_heads", 0),
        ("text_encoder/config.json", "feed_forward_proj", "gated-none"),
        ("text_encoder/config.json", "relative_attention_num_buckets", 10**9),
        ("scheduler/scheduler_config.json", "snr_shift_scale", 0),
        ("scheduler/scheduler_config.json", "num_train_timesteps", 10**12),
        ("scheduler/scheduler_config.json", "beta_end", 5),
        ("scheduler/scheduler_config.json", "beta_start", 0),
        ("scheduler/scheduler_config.json", "trained_betas", [0.5, "x"]),
        ("scheduler/scheduler_config.json", "prediction_type", "sample"),
    ],
)
def test_refused_at_once(folder: Path, file: str, name: str, value: Any) -> None:
    started = time.monotonic()
    with pytest.raises(ModelError) as refused:
        load_with(folder, file, name, value)
    words = str(refused.value)
    assert len(words) < 900 and "\n" not in words
    assert time.monotonic() - started < 5


def test_the_model_itself_is_taken(folder: Path) -> None:
    assert load_bundle(folder).layout.name == "vivid"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data(), JSON)
def test_any_value_is_taken_or_refused(file: str, data: Any, value: Any) -> None:
    rules = FILES[file]
    name = data.draw(st.sampled_from(sorted(rules)))
    try:
        require_stated(file, {name: value}, rules)
    except ModelError as error:
        assert str(error).startswith(f"{file}: {name} is ")
    else:
        assert value == value, "NaN is no setting"


@given(
    st.floats(-1, 2) | st.just(float("nan")),
    st.floats(-1, 2),
    st.floats(-2, 1000) | st.just(float("inf")),
    st.integers(1, 40),
    st.booleans(),
)
def test_a_schedule_falls_or_is_refused(
    start: float, end: float, shift: float, steps: int, zero: bool
) -> None:
    config = {
        "beta_start": start,
        "beta_end": end,
        "beta_schedule": "linear",
        "snr_shift_scale": shift,
        "num_train_timesteps": steps,
        "rescale_betas_zero_snr": zero,
    }
    try:
        alphas = NoiseSchedule.from_config(config).alphas_cumprod
    except ModelError:
        return
    assert torch.isfinite(alphas).all() and alphas.min() >= 0 and alphas.max() < 1
    assert (alphas.diff() < 0).all()
