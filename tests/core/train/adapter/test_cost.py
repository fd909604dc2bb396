"""The cost of a training is what torch counts of one, and what one holds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import CogVideoXTransformer3DModel
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from vivid_core.cogvideox.flops import vae_encode_flops
from vivid_core.cogvideox.layout import layout_named
from vivid_core.cogvideox.memory import weight_bytes
from vivid_core.cogvideox.model import CogVideoX
from vivid_core.cogvideox.rotary import rotary_embedding
from vivid_core.train.adapter.config import AdapterConfig, LoraOptions
from vivid_core.train.adapter.cost import PETA, sample_flops, training_cost
from vivid_core.train.adapter.decoded import decode_frames
from vivid_core.train.adapter.memory import (
    GRADIENT_MAPS,
    SAVED_MAPS,
    activation_bytes,
    decoded_bytes,
    trained_values,
    training_memory,
)
from vivid_core.train.adapter.model import TrainedModel, prepare_model

from .conftest import Configure

CPU = torch.device("cpu")
SIZE = (9, 32, 48)
ALL = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2")


@pytest.fixture(scope="module")
def base(tiny: CogVideoX) -> CogVideoX:
    """Three blocks, wide enough that what lies between matrices does not count."""
    torch.manual_seed(0)
    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=4,
        attention_head_dim=32,
        in_channels=16,
        out_channels=16,
        time_embed_dim=32,
        text_embed_dim=64,
        num_layers=3,
        sample_width=8,
        sample_height=8,
        sample_frames=9,
        max_text_seq_length=tiny.max_text_tokens,
        use_rotary_positional_embeddings=True,
    )
    return tiny.with_(
        transformer=transformer.eval().requires_grad_(False), layout=layout_named("t2v")
    )


def run(model: TrainedModel, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    transformer, bundle = model.transformer, model.bundle
    frames, height, width = bundle.geometry.latent_shape(*SIZE)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype != torch.float32):
        out: Any = transformer(
            hidden_states=torch.randn(1, frames, 33, height, width),
            encoder_hidden_states=torch.randn(1, bundle.max_text_tokens, 64, dtype=dtype),
            timestep=torch.tensor([500]),
            image_rotary_emb=rotary_embedding(transformer.config, (frames, height, width)),
            return_dict=False,
        )[0]
    return out.float().square().mean()


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("targets", [LoraOptions().targets, ALL])
def test_the_operations_are_those_that_torch_counts(
    base: CogVideoX, configure: Configure, checkpointing: bool, targets: tuple[str, ...]
):
    config = configure(
        gradient_checkpointing=checkpointing,
        recipe={"size": SIZE},
        lora=LoraOptions(rank=4, targets=targets),
    )
    model = prepare_model(base, config, device=CPU)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run(model).backward()
    counted = counter.get_total_flops()
    assert sample_flops(base, config, SIZE) == pytest.approx(counted, rel=0.01)


def test_the_whole_run_is_the_mean_of_its_batches(base: CogVideoX, configure: Configure):
    config = configure(
        recipe={"size": SIZE, "images_per_video": 3}, optimization={"steps": 8, "batch": 2}
    )
    cost = training_cost(base, config)
    assert cost.video_pflops is not None
    encode = vae_encode_flops(base.vae.config, frames=9, height=32, width=48)
    one = sample_flops(base, config, SIZE) + 2 * encode
    assert cost.video_pflops * PETA == pytest.approx(2 * one)
    assert cost.image_pflops < cost.video_pflops
    assert cost.run_pflops == pytest.approx(6 * cost.image_pflops + 2 * cost.video_pflops)
    stills = replace(config, recipe=replace(config.recipe, size=(1, 32, 48)))
    assert training_cost(base, stills).video_pflops is None


def test_what_is_trained_is_counted_to_the_value(base: CogVideoX, configure: Configure):
    for config in (configure(), configure(lora=LoraOptions(rank=3, targets=ALL))):
        model = prepare_model(base, config, device=CPU)
        trained = sum(p.numel() for p in model.parameters)
        assert trained_values(base, config) == trained
        memory = training_memory(base, config)
        assert (memory.trained, memory.gradients, memory.average) == (4 * trained,) * 3
        assert memory.moments == 8 * trained
        assert (
            training_memory(base, config).beside_weights
            == memory.total - memory.base - memory.others
        )


def test_the_base_is_counted_as_it_is_held(base: CogVideoX, configure: Configure):
    half = base.with_(transformer=copy.deepcopy(base.transformer).bfloat16())
    for fp8 in (False, True):
        config = configure(gradient_checkpointing=True, base_fp8=fp8)
        model = prepare_model(half, config, device=CPU)
        trained = sum(4 * p.numel() for p in model.parameters)
        held = weight_bytes(model.transformer) - trained
        assert training_memory(half, config).base == held


def test_of_a_shared_base_a_part_is_counted_and_two_blocks(base: CogVideoX, configure: Configure):
    config = configure(gradient_checkpointing=True, shard_base=True)
    whole = training_memory(base, replace(config, shard_base=False)).base
    blocks = [weight_bytes(block) for block in base.transformer.transformer_blocks]
    assert len(blocks) == 3
    ends = whole - sum(blocks)
    assert training_memory(base, config, processes=1).base == whole
    assert training_memory(base, config, processes=8).base == whole // 8 + ends + 2 * blocks[0]
    assert training_memory(base, config, processes=2).base == whole  # of three blocks


@pytest.mark.parametrize("checkpointing", [False, True])
def test_activations_are_what_autograd_keeps(
    base: CogVideoX, configure: Configure, checkpointing: bool
):
    """Of a forward pass; gradients, and one block again with checkpointing, come on top."""
    config = configure(
        gradient_checkpointing=checkpointing, recipe={"size": SIZE}, optimization={"batch": 1}
    )
    half = base.with_(transformer=copy.deepcopy(base.transformer).bfloat16())
    model = prepare_model(half, config, device=CPU)
    kept = _kept_bytes(model.transformer, lambda: run(model, torch.bfloat16))
    one = half.geometry.tokens(*SIZE, half.max_text_tokens) * 128 * 2
    backward = GRADIENT_MAPS + (SAVED_MAPS if checkpointing else 0)
    planned = activation_bytes(half, config, 1) - backward * one
    assert planned == pytest.approx(kept, rel=0.2)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_of_decoded_frames_the_decoder_is_counted_with_what_it_keeps(
    base: CogVideoX, configure: Configure, frames: int
):
    """Within 15%, whatever is decoded; LPIPS itself is not in it."""
    config = configure(recipe={"size": SIZE, "lpips_weight": 0.5, "decoded_frames": frames})
    plain = replace(config, recipe=replace(config.recipe, lpips_weight=0.0))
    _, height, width = base.geometry.latent_shape(*SIZE)
    latents = torch.randn(frames, 16, height, width, requires_grad=True)
    measured = _kept_bytes(base.vae, lambda: decode_frames(base.vae, latents).square().mean())
    planned = decoded_bytes(base, config)
    assert planned == pytest.approx(measured, rel=0.15)
    assert decoded_bytes(base, plain) == 0
    more = training_memory(base, config).activations - activation_bytes(base, config, 1)
    assert more == planned


def _kept_bytes(module: torch.nn.Module, run: Callable[[], object]) -> int:
    """Of all that autograd keeps while this runs, the module's weights left out."""
    weights = {p.untyped_storage().data_ptr() for p in module.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept.setdefault(tensor.untyped_storage().data_ptr(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return sum(
        tensor.untyped_storage().nbytes() for at, tensor in kept.items() if at not in weights
    )


def test_more_parts_processes_and_bits_take_less(base: CogVideoX, configure: Configure):
    config = configure(optimization={"batch": 4})

    def total(config: AdapterConfig, processes: int = 1) -> int:
        return training_memory(base, config, processes=processes).total

    smaller = replace(config.optimization, accumulate=2)
    assert total(replace(config, optimization=smaller)) == total(config, 2) < total(config)
    assert total(replace(config, gradient_checkpointing=True)) < total(config)
    eight = replace(config.optimization, optimizer="adamw8bit")
    assert total(replace(config, optimization=eight)) < total(config)


def test_the_text_names_every_part(base: CogVideoX, configure: Configure):
    text = training_cost(base, configure(), processes=2).text
    for words in ("on each of 2 devices", "activations: ", "a step on images: ", "all 6 steps: "):
        assert words in text
