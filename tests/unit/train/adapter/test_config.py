"""The defaults of a training are the paper's, and what cannot be trained is refused at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vivid_core.errors import InputError
from vivid_core.files.parse import build_config, plain_values
from vivid_core.mask.augment import MASK_MODES
from vivid_core.train.adapter.config import AdapterConfig, load_adapter_config
from vivid_core.train.loop import rate_share

SMALLEST = {"data": "clips", "out": "run"}


def read(tmp_path: Path, text: str) -> AdapterConfig:
    path = tmp_path / "train.yaml"
    path.write_text(text)
    return load_adapter_config(path)


def test_the_defaults_are_those_of_the_paper(tmp_path: Path):
    """VIVID, sec. 3.3, 4.4 and 5, app. B."""
    config = read(tmp_path, "data: clips\nout: run\n")
    lora, recipe, chosen = config.lora, config.recipe, config.optimization
    assert (lora.rank, lora.scale_numerator) == (32, 32.0)
    assert (chosen.batch, chosen.steps, chosen.learning_rate) == (56, 102_000, 1e-3)
    assert (chosen.betas, chosen.weight_decay, chosen.ema_decay) == ((0.9, 0.95), 1e-4, 0.9999)
    assert (recipe.images_per_video, recipe.edits_per_deletion) == (10, 3)
    assert recipe.keyframe_share == 0.5
    assert recipe.mask_variants == MASK_MODES and len(MASK_MODES) == 6


def test_what_the_paper_does_not_have_changes_nothing(tmp_path: Path):
    config = read(tmp_path, "data: clips\nout: run\n")
    chosen, recipe, loop = config.optimization, config.recipe, config.loop
    assert (chosen.warmup, chosen.clip, chosen.accumulate) == (0, None, 1)
    assert (recipe.caption_dropout, recipe.weight_inside, recipe.weight_outside) == (0, 1, 1)
    assert not config.gradient_checkpointing
    assert {rate_share(step, loop) for step in (0, 1, 50_000, 101_999)} == {1.0}


def test_a_resolved_configuration_can_be_read_again():
    config = build_config(AdapterConfig, SMALLEST, where="x")
    assert build_config(AdapterConfig, plain_values(config), where="x") == config


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lora: {rnak: 8}", "train.yaml: lora: 'rnak' is unknown: did you mean 'rank'"),
        ("lora: {rank: 0}", "train.yaml: lora: rank must be 1 or more, got 0"),
        ("optimization: {learning_rate: fast}", "optimization: learning_rate: needs a number"),
        ("optimization: {betas: [0.9, 1]}", "betas and ema_decay must be 0 to below 1, got 1"),
        ("optimization: {batch: 5, accumulate: 2}", "accumulate must divide batch"),
        ("recipe: {mask_variants: [boxes]}", "needs one of none, expand, hull, box"),
        ("recipe: {weight_inside: 0, weight_outside: 0}", "must be above 0"),
        ("recipe: {mask_radius: [0.3, 0.1]}", "mask_radius must be low, high"),
        ("recipe: {keyframe_share: 2}", "keyframe_share must be 0 to 1, got 2"),
        ("saving: {keep: 0}", "keep must be 1 or more"),
        ("seed: -1", "seed must be 0 to"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, line: str, message: str):
    with pytest.raises(InputError, match=message):
        read(tmp_path, f"data: clips\nout: run\n{line}\n")


def test_alpha_may_differ_from_the_rank():
    config = build_config(AdapterConfig, SMALLEST | {"lora": {"alpha": 16}}, where="x")
    assert replace(config.lora).scale_numerator == 16
