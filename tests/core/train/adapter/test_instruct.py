"""Training of instruction editing: its layout, its losses, its dropouts, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from vivid_core.cogvideox.adapter import (
    Adapter,
    AdapterFacts,
    apply_adapter,
    describe_base,
    load_adapter,
)
from vivid_core.cogvideox.layout import layout_named
from vivid_core.cogvideox.model import CogVideoX
from vivid_core.cogvideox.surgery import clone_transformer, set_patch_embedder
from vivid_core.data.frames import FrameStore
from vivid_core.data.opened import open_dataset
from vivid_core.errors import InputError
from vivid_core.measure.perceptual import Perceptual
from vivid_core.runtime import Runtime
from vivid_core.train.adapter.config import AdapterConfig, Recipe, load_adapter_config
from vivid_core.train.adapter.decoded import decoded_distance
from vivid_core.train.adapter.draws import draw_batch, sample_generator
from vivid_core.train.adapter.model import lend_embedder
from vivid_core.train.adapter.run import train_adapter

from ....folders import write_pairs
from .conftest import Configure

ROOT = Path(__file__).resolve().parents[4]
RECIPES = sorted((ROOT / "vivid_core" / "train" / "recipes").glob("*.yaml"))
SIZE = (1, 32, 32)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs") / "data")


@pytest.fixture
def plain(tiny: CogVideoX) -> CogVideoX:
    """A text-to-video base."""
    transformer = clone_transformer(tiny.transformer)
    weight = tiny.transformer.patch_embed.proj.weight[:, :16]
    set_patch_embedder(transformer, {"weight": weight})
    return tiny.with_(layout=layout_named("t2v"), transformer=transformer)


def instruct(configure: Configure, pairs: Path, **changes: object) -> AdapterConfig:
    recipe = {"size": SIZE, **changes.pop("recipe", {})}  # pyright: ignore[reportGeneralTypeIssues]
    return replace(configure(recipe=recipe, **changes), data=pairs, layout="insvie")


def test_a_training_on_pairs_leaves_an_adapter_that_follows_instructions(
    plain: CogVideoX, configure: Configure, pairs: Path
):
    config = instruct(
        configure,
        pairs,
        recipe={"caption_dropout": 0.5, "source_dropout": 0.5, "noise_power": 0.6},
        optimization={"matrix_rate": 1e-3, "decay": True},
        latent_cache=True,
        stored_as="float16",
    )
    training = train_adapter(plain, config, Runtime())
    facts = load_adapter(training.path).facts
    assert facts is not None and facts.layout == "insvie"
    stored = load_adapter(training.path).lora.values()
    assert {tensor.dtype for tensor in stored} == {torch.float16}
    adapted = apply_adapter(plain, training.adapter)
    assert adapted.layout.name == "insvie" and adapted.transformer.config.in_channels == 32
    learnt = training.adapter.patch_embedder["weight"][:, 16:]
    assert bool(learnt.any())  # what reads the source began at zero
    assert any((config.out / "edits").glob("*.png"))
    assert len(list((config.out / "cache" / "sources").iterdir())) <= len(
        open_dataset(pairs).samples
    )


def test_the_same_training_gives_the_same_bits_with_and_without_a_cache(
    plain: CogVideoX, configure: Configure, pairs: Path
):
    optimization = {"steps": 2}
    one, two = (
        train_adapter(
            plain,
            instruct(
                configure, pairs, out=name, optimization=optimization, latent_cache=name == "kept"
            ),
            Runtime(),
        ).adapter
        for name in ("kept", "not")
    )
    assert all(torch.equal(one.lora[key], two.lora[key]) for key in one.lora)


def test_each_condition_is_left_out_as_often_as_asked(pairs: Path):
    samples = list(open_dataset(pairs).samples)[:1] * 200
    recipe = Recipe(caption_dropout=0.25, source_dropout=0.5)
    batch = draw_batch(
        samples,
        FrameStore(),
        recipe,
        size=SIZE,
        keyframe=False,
        generators=[sample_generator(0, 0, i) for i in range(len(samples))],
    )
    wordless = sum(not text for text in batch.captions)
    both = sum(blind and not text for blind, text in zip(batch.blind, batch.captions, strict=True))
    assert 30 < wordless < 70 and 75 < sum(batch.blind) < 125 and 12 < both < 40
    assert batch.source is not None and not torch.equal(batch.source, batch.pixels)
    same = batch.source[:, :, batch.hole[0, 0] == 0], batch.pixels[:, :, batch.hole[0, 0] == 0]
    assert float((same[0] - same[1]).abs().max()) <= 0.2 + 1e-6


def test_an_adapter_for_masks_lends_what_it_reads_of_a_video(tiny: CogVideoX, plain: CogVideoX):
    """With nothing masked, both read the same of noise and video."""
    facts = AdapterFacts(
        layout="vivid",
        rank=4,
        alpha=4.0,
        train_size=(9, 32, 32),
        training_step=1,
        **describe_base(tiny),
    )
    embedder = tiny.transformer.patch_embed.proj.state_dict()
    start = Adapter(name="masks", lora={}, patch_embedder=embedder, facts=facts)
    lent = lend_embedder(plain, start, layout_named("insvie"))
    noise, video = torch.randn(2, 16, 4, 4), torch.randn(2, 16, 4, 4)
    keep = torch.full((2, 1, 4, 4), float(plain.scaling_factor))
    step = plain.transformer.config.patch_size

    def read(weights: dict[str, torch.Tensor], *parts: torch.Tensor) -> torch.Tensor:
        return nn.functional.conv2d(
            torch.cat(parts, dim=1), weights["weight"], weights["bias"], stride=step
        )

    of_masks = read(start.patch_embedder, noise, keep, video)
    assert torch.allclose(read(lent, noise, video), of_masks, atol=1e-4)


class Network(nn.Module):
    """As LPIPS is called: a map of distances of two pictures."""

    def forward(self, one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
        return (one - two).square().mean(dim=1, keepdim=True)


def test_decoded_frames_pull_latents_towards_the_truth(tiny: CogVideoX):
    clean = torch.randn(2, 3, 16, 4, 4, generator=torch.Generator().manual_seed(1))
    guess = (clean + 0.5).requires_grad_()

    def distance(latents: torch.Tensor) -> torch.Tensor:
        generators = [torch.Generator().manual_seed(i) for i in range(2)]
        return decoded_distance(
            tiny.vae, latents, clean, Perceptual(Network()), latent_frames=2, generators=generators
        )

    before = distance(guess)
    before.backward()
    assert guess.grad is not None
    reached = guess.grad.flatten(2).abs().sum(dim=2) > 0
    assert reached.sum(dim=1).tolist() == [2, 2]  # two latent frames of each sample
    step = 1e-2 / float(guess.grad.abs().max())
    assert float(distance(guess.detach() - step * guess.grad)) < float(before.detach())
    assert float(distance(clean)) == 0


def test_lpips_without_its_package_or_weights_is_refused(
    plain: CogVideoX, configure: Configure, pairs: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TORCH_HOME", str(pairs))
    config = instruct(configure, pairs, recipe={"lpips_weight": 0.5})
    with pytest.raises(InputError, match="lpips_weight.*is 0.5.*LPIPS needs"):
        train_adapter(plain, config, Runtime())


def test_masks_and_instructions_do_not_mix(
    plain: CogVideoX, tiny: CogVideoX, configure: Configure, pairs: Path
):
    with pytest.raises(InputError, match="has not an edit and an instruction"):
        train_adapter(plain, replace(configure(), layout="insvie"), Runtime())
    with pytest.raises(InputError, match="has not a mask"):
        train_adapter(tiny, replace(configure(), data=pairs), Runtime())
    with pytest.raises(InputError, match="insvie adapters are trained on plain CogVideoX"):
        train_adapter(tiny, instruct(configure, pairs), Runtime())


def test_the_papers_three_stages_are_written_down():
    stages = [load_adapter_config(path) for path in RECIPES]
    assert [stage.optimization.steps for stage in stages] == [20_000, 10_000, 10_000]
    for before, after in zip(stages, stages[1:], strict=False):
        assert after.start_from == str(before.out / "adapter.safetensors")
    for stage in stages:
        chosen, recipe = stage.optimization, stage.recipe
        assert (stage.layout, stage.lora.rank, recipe.size) == ("insvie", 128, (25, 480, 720))
        assert (chosen.batch, chosen.learning_rate, chosen.betas) == (128, 1e-3, (0.9, 0.95))
        assert (chosen.weight_decay, chosen.ema_decay) == (1e-5, 0.9999)
        assert (recipe.caption_dropout, recipe.source_dropout) == (0.05, 0.05)
    losses = [(s.recipe.latent_weight, s.recipe.lpips_weight) for s in stages]
    assert losses == [(1.0, 0.0), (1.0, 0.0), (0.5, 0.5)]


def test_the_recipe_of_the_tiny_one_is_a_training_of_the_same_kind():
    config = load_adapter_config(ROOT / "vivid_core" / "tiny" / "recipe" / "10_instruct.yaml")
    assert (config.layout, config.start_from, config.recipe.size) == (
        "insvie",
        "tiny",
        (17, 64, 64),
    )
