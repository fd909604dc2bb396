"""Planned cost against torch's own counter, on the real classes without their weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers import T5Config, T5EncoderModel

from vivid_core.cogvideox import memory
from vivid_core.cogvideox.flops import (
    text_flops,
    transformer_flops,
    vae_decode_flops,
    vae_encode_flops,
)
from vivid_core.cogvideox.layout import layout_named
from vivid_core.cogvideox.model import CogVideoX
from vivid_core.cogvideox.placement import Placement
from vivid_core.cogvideox.vae import decode
from vivid_core.edit.cost import CostEstimate, estimate_cost
from vivid_core.edit.job import plan_unseen
from vivid_core.errors import InputError, MaskError, SizeError
from vivid_core.plan.windows import Constraints, plan_windows
from vivid_core.settings import Settings
from vivid_core.tiny import build as tiny
from vivid_core.video import FrameRange

TOLERANCE = 0.02
FULL, CROP = (480, 720), (240, 368)
TEXT = 226
STEPS = 50


def transformer_5b(**changes: Any) -> CogVideoXTransformer3DModel:
    config = {
        "num_attention_heads": 48,
        "num_layers": 42,
        "in_channels": 33,
        "use_rotary_positional_embeddings": True,
    }
    with torch.device("meta"):
        return CogVideoXTransformer3DModel(**config | changes)


@pytest.fixture(scope="module")
def bundle() -> CogVideoX:
    """CogVideoX-5B in the VIVID layout, in bfloat16, without weights."""
    with torch.device("meta"):
        vae = AutoencoderKLCogVideoX()
        text_encoder = T5EncoderModel(
            T5Config(
                d_model=4096,
                d_ff=10240,
                num_layers=24,
                num_heads=64,
                feed_forward_proj="gated-gelu",
            )
        )
    return CogVideoX(
        name="CogVideoX-5B",
        transformer=transformer_5b().to(torch.bfloat16),
        vae=vae.to(torch.bfloat16),
        text_encoder=text_encoder.bfloat16(),
        tokenizer=None,
        schedule={},
        layout=layout_named("vivid"),
        train_size=(49, *FULL),
    )


def counted(run: Any) -> int:
    """FLOPs that torch counts while something runs."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def transformer_inputs(
    model: Any, latents: tuple[int, int, int], *, text: int = TEXT
) -> dict[str, Any]:
    config, dtype = model.config, next(model.parameters()).dtype
    t, h, w = latents
    patch = config.patch_size
    tokens = t // (config.patch_size_t or 1) * (h // patch) * (w // patch)
    angles = torch.zeros(tokens, config.attention_head_dim, device="meta")
    return {
        "hidden_states": torch.zeros(1, t, config.in_channels, h, w, device="meta", dtype=dtype),
        "encoder_hidden_states": torch.zeros(
            1, text, config.text_embed_dim, device="meta", dtype=dtype
        ),
        "timestep": torch.zeros(1, device="meta", dtype=torch.long),
        "image_rotary_emb": (angles, angles),
    }


def count_transformer(model: Any, latents: tuple[int, int, int], text: int = TEXT) -> int:
    return counted(lambda: model(**transformer_inputs(model, latents, text=text)))


def count_text(model: Any, tokens: int) -> int:
    return counted(lambda: model(torch.zeros(1, tokens, device="meta", dtype=torch.long)))


def codec_inputs(vae: Any, frames: int, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """A clip of pixels, and latents that stand for it."""
    shrink = 2 ** (len(vae.config.block_out_channels) - 1)
    grid = (frames - 1) // 4 + 1, size[0] // shrink, size[1] // shrink
    pixels = torch.zeros(1, 3, frames, *size, device="meta", dtype=vae.dtype)
    return pixels, torch.zeros(1, 16, *grid, device="meta", dtype=vae.dtype)


@dataclass(frozen=True)
class Counts:
    """FLOPs that torch counts for one run of each network."""

    transformer: int
    encode: int
    decode: int
    text: int

    @property
    def edit_pflops(self) -> float:
        """A whole guided edit in the VIVID layout."""
        codec = self.encode + self.decode
        return (2 * STEPS * self.transformer + codec + 2 * self.text) / 1e15


CountEdit = Callable[..., Counts]


@pytest.fixture(scope="module")
def count_edit(bundle: CogVideoX) -> CountEdit:
    """Counts each size once."""

    @cache
    def count(frames: int, size: tuple[int, int] = FULL) -> Counts:
        vae: Any = bundle.vae
        pixels, z = codec_inputs(vae, frames, size)
        _, _, t, h, w = z.shape
        return Counts(
            transformer=count_transformer(bundle.transformer, (t, h, w)),
            encode=counted(lambda: vae.encode(pixels)),
            decode=counted(lambda: vae.decode(z)),
            text=count_text(bundle.text_encoder, TEXT),
        )

    return count


@pytest.mark.parametrize("frames", [49, 9, 1])
def test_the_5b_plan_equals_the_count(
    bundle: CogVideoX, count_edit: CountEdit, frames: int
) -> None:
    (height, width), latents, count = FULL, (frames - 1) // 4 + 1, count_edit(frames)
    config: Any = bundle.transformer.config
    planned = transformer_flops(
        config, frames=latents, height=height // 8, width=width // 8, text_tokens=TEXT
    )
    assert planned == pytest.approx(count.transformer, rel=TOLERANCE)
    config = bundle.vae.config
    planned = vae_encode_flops(config, frames=frames, height=height, width=width)
    assert planned == pytest.approx(count.encode, rel=TOLERANCE)
    planned = vae_decode_flops(config, latents=latents, height=height, width=width)
    assert planned == pytest.approx(count.decode, rel=TOLERANCE)


def test_the_t5_xxl_plan_equals_the_count(bundle: CogVideoX, count_edit: CountEdit) -> None:
    planned = text_flops(bundle.text_encoder.config, tokens=TEXT)
    assert planned == pytest.approx(count_edit(1).text, rel=TOLERANCE)


def test_the_counter_sees_attention() -> None:
    """Nearly half of a 49-frame pass is attention; a count without it would prove little."""
    model = transformer_5b(num_layers=1)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(**transformer_inputs(model, (13, 60, 90)))
    tokens = 13 * 30 * 45 + TEXT
    counts = counter.get_flop_counts()["Global"]
    assert counts[torch.ops.aten.bmm] == 4 * tokens**2 * 48 * 64


@pytest.mark.parametrize("frames", [21, 5])
def test_cogvideox_1_5_pairs_latent_frames(frames: int) -> None:
    """Its clips have an even count of latent frames, which the codec cuts as 1, 2, 2, ..., 1."""
    model = transformer_5b(patch_size_t=2, ofs_embed_dim=512, num_layers=2)
    latents = (frames - 1) // 4 + 1
    inputs = transformer_inputs(model, (latents, 48, 84))
    ofs = torch.zeros(1, device="meta")
    planned = transformer_flops(model.config, frames=latents, height=48, width=84, text_tokens=TEXT)
    assert planned == pytest.approx(counted(lambda: model(**inputs, ofs=ofs)), rel=TOLERANCE)

    with torch.device("meta"):
        vae = AutoencoderKLCogVideoX()
    _, z = codec_inputs(vae, frames, (384, 672))
    count = counted(lambda: decode(vae, z, frames=frames))
    planned = vae_decode_flops(vae.config, latents=latents, height=384, width=672)
    assert planned == pytest.approx(count, rel=TOLERANCE)


@pytest.mark.parametrize("frames", [17, 1])
def test_the_shipped_tiny_model(frames: int) -> None:
    with torch.device("meta"):
        transformer, vae = tiny.build_transformer(in_channels=33), tiny.build_vae()
        text_encoder = tiny.build_text_encoder(100)
    latents, (height, width) = (frames - 1) // 4 + 1, (64, 64)
    pixels, z = codec_inputs(vae, frames, (height, width))
    assert transformer_flops(
        transformer.config, frames=latents, height=16, width=16, text_tokens=32
    ) == count_transformer(transformer, (latents, 16, 16), text=32)
    assert vae_encode_flops(vae.config, frames=frames, height=height, width=width) == counted(
        lambda: vae.encode(pixels)
    )
    assert vae_decode_flops(vae.config, latents=latents, height=height, width=width) == counted(
        lambda: vae.decode(z)
    )
    assert text_flops(text_encoder.config, tokens=32) == count_text(text_encoder, 32)


@settings(max_examples=5)
@given(
    channels=st.lists(st.sampled_from([8, 16, 24]), min_size=3, max_size=4),
    layers=st.integers(1, 2),
    frames=st.integers(0, 2).map(lambda k: 8 * k + 1),
    sides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_any_vae_is_counted_exactly(
    channels: list[int], layers: int, frames: int, sides: tuple[int, int]
) -> None:
    with torch.device("meta"):
        vae = tiny.build_vae(tuple(channels), layers_per_block=layers, norm_groups=4)
    size = (16 * sides[0], 16 * sides[1])
    pixels, z = codec_inputs(vae, frames, size)
    config = SimpleNamespace(**vae.config)
    assert vae_encode_flops(config, frames=frames, height=size[0], width=size[1]) == counted(
        lambda: vae.encode(pixels)
    )
    assert vae_decode_flops(config, latents=z.shape[2], height=size[0], width=size[1]) == counted(
        lambda: vae.decode(z)
    )


def small_mask(frames: int = 1) -> Tensor:
    """A mask whose window is 240x368 in a frame of 480x720."""
    mask = torch.zeros(frames, *FULL)
    mask[:, 180:300, 260:460] = 1
    return mask


def plan(
    bundle: CogVideoX,
    mask: Tensor | None = None,
    *,
    frames: int = 49,
    size: tuple[int, int] = FULL,
    **changes: Any,
) -> CostEstimate:
    asked: dict[str, Any] = {"task": "delete", "grow": 0, "steps": STEPS, "guidance": 6.0}
    job = plan_unseen(bundle, Settings(**asked | changes), frames=frames, size=size, mask=mask)
    return estimate_cost(bundle, job)


def test_a_focus_crop_costs_at_most_a_fifth(bundle: CogVideoX, count_edit: CountEdit) -> None:
    focused, whole = plan(bundle, small_mask()), plan(bundle)
    assert focused.model_size == CROP and focused.crop == (120, 176, *CROP)
    crop, full = count_edit(49, CROP).edit_pflops, count_edit(49).edit_pflops
    assert focused.pflops == pytest.approx(crop, rel=TOLERANCE)
    assert whole.pflops == pytest.approx(full, rel=TOLERANCE)
    assert crop <= 0.2 * full and focused.pflops <= 0.2 * whole.pflops


def test_a_keyframe_candidate_costs_at_most_a_twentieth(
    bundle: CogVideoX, count_edit: CountEdit
) -> None:
    whole, candidate = plan(bundle), count_edit(1).edit_pflops
    assert whole.keyframe_pflops == pytest.approx(candidate, rel=TOLERANCE)
    assert candidate <= count_edit(49).edit_pflops / 20
    assert whole.keyframe_pflops <= whole.pflops / 20
    assert plan(bundle, frames=1).pflops == whole.keyframe_pflops


def test_long_clips_pay_per_window_and_only_where_there_is_mask(bundle: CogVideoX) -> None:
    size: dict[str, Any] = {"size": (64, 96)}
    assert plan(bundle, frames=97, **size).windows == 2
    once, twice = plan(bundle, frames=49, **size), plan(bundle, frames=97, **size)
    assert twice.work.denoise_pflops == 2 * once.work.denoise_pflops
    assert twice.work.codec_pflops == 2 * once.work.codec_pflops
    assert twice.work.text_pflops == once.work.text_pflops
    mask = torch.zeros(97, 64, 96)
    mask[60:] = 1
    assert plan(bundle, mask, frames=97, **size).windows == 1


def test_growing_the_mask_moves_the_window(bundle: CogVideoX) -> None:
    assert plan(bundle, small_mask(), grow=40).work.tokens > plan(bundle, small_mask()).work.tokens


def test_guidance_and_layout_set_the_passes(bundle: CogVideoX) -> None:
    whole, single = plan(bundle), plan(bundle, guidance=1.0)
    assert single.work.denoise_pflops == whole.work.denoise_pflops / 2
    assert single.work.text_pflops == whole.work.text_pflops / 2
    instruct = bundle.with_(layout=layout_named("insvie"))
    assert plan(instruct).work.passes == 3
    void = bundle.with_(layout=layout_named("void"))
    encode = vae_encode_flops(bundle.vae.config, frames=49, height=480, width=720) / 1e15
    assert plan(void).work.codec_pflops == pytest.approx(whole.work.codec_pflops + encode)


def test_the_report_names_the_largest_cost_and_what_cuts_it(bundle: CogVideoX) -> None:
    text = plan(bundle, small_mask(), focus="off").text
    assert "denoising costs most (99%)" in text
    assert "Cheaper: focus 'native', the model seeing 368x240: 5.75 PFLOPs (0.17x)" in text
    assert "30 steps" in text and "keyframe" in text and "GiB" in text
    cheap = plan(bundle, small_mask(), steps=20, guidance=1.0, frames=1)
    assert cheap.advice == ()


def test_given_frames_are_not_paid_for(bundle: CogVideoX) -> None:
    def spans(*keyframes: int, frames: int = 49, both: bool = False) -> list[int]:
        constraints = Constraints(
            active=[True] * frames,
            shots=[FrameRange(start=0, stop=frames)],
            keyframes=keyframes,
        )
        windows = plan_windows(constraints, longest=49, both_ends=both)
        return [bundle.limits.grid.legal_frames(len(window)) for window in windows]

    def cost(lengths: list[int]) -> float:
        return bundle.work([(n, FULL) for n in lengths], Settings(task="delete")).pflops

    assert spans(0, 48, both=True) == spans() == [49]
    assert spans(24) == [25, 25] and cost(spans(24)) < cost(spans())
    assert spans(0, 1, frames=2) == []


def test_values_no_edit_could_have(bundle: CogVideoX) -> None:
    with pytest.raises(InputError, match="steps: must be 1 to 1000, got 0"):
        plan(bundle, steps=0)
    with pytest.raises(SizeError):
        plan(bundle, frames=0)
    with pytest.raises(MaskError, match="empty"):
        plan(bundle, torch.zeros(1, *FULL))
    with pytest.raises(MaskError, match="has 2 frames but the clip has 49"):
        plan(bundle, torch.ones(2, *FULL))


def test_tiles_need_less_memory_and_cost_a_little_more(bundle: CogVideoX) -> None:
    with torch.device("meta"):
        vae: Any = tiny.build_vae((16, 24, 24))
    frame: dict[str, Any] = {"frames": 9, "size": (96, 128)}
    small = bundle.with_(vae=vae, train_size=(9, 96, 128))
    whole, (pixels, z) = plan(small, **frame), codec_inputs(vae, 9, (96, 128))
    vae.enable_tiling(48, 64, 0.25, 0.25)
    tiled = plan(small, **frame)
    count = counted(lambda: vae.encode(pixels)) + counted(lambda: vae.decode(z))
    assert tiled.work.codec_pflops == pytest.approx(count / 1e15, rel=TOLERANCE)
    assert tiled.memory.needed < whole.memory.needed == whole.memory.most


def test_offload_needs_less(bundle: CogVideoX) -> None:
    weights = memory.weight_bytes(bundle.transformer)
    assert weights == pytest.approx(10.4 * 2**30, rel=0.01)
    assert memory.weight_bytes(bundle.text_encoder) == pytest.approx(8.9 * 2**30, rel=0.01)
    loaded = plan(bundle).memory
    assert weights < loaded.least < loaded.most
    assert "transformer 10.38" in " ".join(loaded.notes)
    offloaded = bundle.with_(placement=Placement(offload="model"))
    assert plan(offloaded).memory.needed < loaded.needed == loaded.most
    assert plan(bundle, small_mask()).memory.needed < loaded.most
