"""All stages one after the other, a few steps each, give weights that load and resume."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vivid_core.errors import InputError
from vivid_core.tiny import load_tiny
from vivid_core.tiny.recipe.cache import VariantCache
from vivid_core.tiny.recipe.config import EncodeConfig, TrainConfig
from vivid_core.tiny.recipe.sampler import RecipeConfig
from vivid_core.tiny.recipe.stages import run_stage
from vivid_core.tiny.recipe.vae import VaeConfig
from vivid_core.train.loop import LoopConfig
from vivid_core.train.state import load_state


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> TrainConfig:
    return TrainConfig(
        stage="vae",
        work=tmp_path_factory.mktemp("work"),
        threads=1,
        loop=LoopConfig(
            steps=2, learning_rate=1e-3, warmup=1, save_every=1, validate_every=5, log_every=1
        ),
        vae=VaeConfig(channels=(4, 4, 4), norm_groups=2, draws=((9, 1, 0.5), (1, 2, 0.5))),
        encode=EncodeConfig(videos=2, images=4, held_out_videos=1, held_out_images=2, shard=2),
        recipe=RecipeConfig(image_batch=2, video_batch=2),
    )


def test_a_stage_without_the_one_before_says_so(config: TrainConfig):
    with pytest.raises(InputError, match="run the stage before"):
        run_stage(replace(config, stage="vivid", work=config.work / "empty"))


def test_encoding_takes_the_packs_vae_where_none_was_trained(config: TrainConfig):
    config = replace(config, stage="encode", work=config.work / "without_vae")
    run_stage(replace(config, encode=replace(config.encode, videos=1, images=1)))
    for medium, frames in (("video", 5), ("image", 1)):
        targets = VariantCache(config.work / "shards" / medium).targets
        assert {tuple(t.shape) for t in targets} == {(16, frames, 16, 16)}
        assert 0.5 < float(torch.stack(targets).float().std()) < 1.5


def test_training_goes_on_from_the_packs_weights(config: TrainConfig):
    """One step at rate 0 gives the pack's own weights again, rounded to float16 as they are."""
    shards = config.work / "without_vae" / "shards"
    config = replace(config, work=config.work / "without_vae", continue_pack=True)
    config = replace(config, loop=LoopConfig(steps=1, learning_rate=0.0, warmup=1))
    assert shards.is_dir()
    for stage in ("vivid", "export"):
        run_stage(replace(config, stage=stage))
    ours, pack = load_tiny(weights=config.work / "weights"), load_tiny()
    expected = pack.transformer.state_dict()
    assert ours.warnings == ()
    for name, tensor in ours.transformer.state_dict().items():
        assert torch.allclose(tensor, expected[name], atol=1e-6), name


def test_the_joint_stage_goes_on_from_the_packs_weights_too(config: TrainConfig):
    """Its sizes are the pack's in every stage, whatever those of a model from nothing are."""
    shards = config.work / "without_vae" / "shards"
    config = replace(config, work=config.work / "joint_pack", continue_pack=True)
    config.work.mkdir()
    (config.work / "shards").symlink_to(shards)
    still = LoopConfig(steps=1, learning_rate=0.0, warmup=1)
    run_stage(replace(config, stage="joint", loop=still))
    for stage in ("vivid", "export"):
        run_stage(replace(config, stage=stage, on_joint=True, loop=still))
    ours, pack = load_tiny(weights=config.work / "weights"), load_tiny()
    pack.transformer.fuse_lora()
    assert ours.max_text_tokens == pack.max_text_tokens
    for name in ("transformer_blocks.0.attn1.to_q.base_layer.weight", "patch_embed.proj.weight"):
        expected = pack.transformer.get_parameter(name)
        assert torch.allclose(ours.transformer.get_parameter(name), expected, 1e-3, 1e-3), name


def test_every_stage_in_turn(config: TrainConfig):
    config = replace(config, lora_targets=("to_q", "ff.net.2"))
    for stage in ("vae", "encode", "base", "vivid", "export"):
        run_stage(replace(config, stage=stage))
    assert len(VariantCache(config.work / "shards" / "video").targets) == 4
    tiny = load_tiny(weights=config.work / "weights")
    assert tiny.layout.name == "vivid"
    assert tiny.warnings == ()
    lora = {name for name, _ in tiny.transformer.named_parameters() if "lora_A" in name}
    assert {name.split(".")[2] for name in lora} == {"attn1", "ff"}
    for stage in ("vae", "base", "vivid"):
        assert (config.work / stage / "curves.png").stat().st_size > 1000
    trained = load_state(config.work / "vivid" / "state.pt")["average"]["averages"]
    embedder = tiny.transformer.patch_embed.proj.weight
    assert any(
        a.shape == embedder.shape and torch.allclose(a, embedder, atol=1e-2) for a in trained
    )


def test_the_joint_stage_gives_a_base_and_an_adapter_on_it(config: TrainConfig):
    """Its base is the same network without the condition channels; the adapter starts as it is."""
    recipe = RecipeConfig(
        image_batch=2, video_batch=2, images_per_video=1, scene_share=0.5, window=8, noise_power=0.7
    )
    config = replace(_after_vivid(config, "joint"), recipe=recipe)
    run_stage(replace(config, stage="joint", loop=replace(config.loop, steps=4)))
    still = LoopConfig(steps=1, learning_rate=0.0, warmup=1)
    for stage in ("vivid", "export"):
        run_stage(replace(config, stage=stage, on_joint=True, loop=still))
    tiny = load_tiny(weights=config.work / "weights")
    assert tiny.warnings == ()
    joint = load_state(config.work / "joint" / "state.pt")["average"]["averages"]
    wide = next(a for a in joint if a.shape == (128, 33, 1, 1))
    assert torch.allclose(tiny.transformer.patch_embed.proj.weight, wide, atol=1e-3)
    base = load_tiny(weights=config.work / "weights", adapter=False)
    assert torch.allclose(base.transformer.patch_embed.proj.weight, wide[:, :16], atol=1e-3)


def test_batches_of_text_to_video_leave_the_condition_weights_alone(config: TrainConfig):
    """With every batch a plain scene nothing reads the condition channels."""
    recipe = RecipeConfig(image_batch=2, video_batch=2, scene_share=1.0)
    config = replace(_after_vivid(config, "scenes"), stage="joint", recipe=recipe)
    still = LoopConfig(steps=1, learning_rate=0.0, warmup=1, weight_decay=0.0)
    run_stage(replace(config, loop=still))
    before = _wide_weights(config)
    run_stage(replace(config, loop=replace(config.loop, steps=4)))
    after = _wide_weights(config)
    assert torch.equal(before[:, 16:], after[:, 16:])
    assert not torch.equal(before[:, :16], after[:, :16])


def _after_vivid(config: TrainConfig, name: str) -> TrainConfig:
    """A work folder of its own after stage vivid."""
    work = config.work / name
    work.mkdir()
    for finished in ("vae", "shards", "base", "vivid"):
        (work / finished).symlink_to(config.work / finished)
    return replace(config, work=work, lora_targets=("to_q", "ff.net.2"))


def _wide_weights(config: TrainConfig) -> torch.Tensor:
    parameters = load_state(config.work / "joint" / "state.pt")["parameters"]
    return next(p for p in parameters if p.shape == (128, 33, 1, 1)).clone()
