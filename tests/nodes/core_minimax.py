"""Checks of MiniMax H3, which makes sound together with pictures.

Part of inside_core_model.py, in its process.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache, partial
from typing import Any
from unittest.mock import patch

import torch

if __package__:  # to be listed by pytest
    from .core_contracts import same, told
    from .core_ltx import core, sampled_by_core, sampled_by_us
    from .core_models import (
        SIDE,
        clip_and_mask,
        edit,
        load_model,
        load_vae,
        random_state,
        require_exact,
        use,
    )
else:
    from core_contracts import same, told
    from core_ltx import core, sampled_by_core, sampled_by_us
    from core_models import (
        SIDE,
        clip_and_mask,
        edit,
        load_model,
        load_vae,
        random_state,
        require_exact,
        use,
    )

FRAMES, TEXT = 22, 64
SPANS = [1, 4, 4, 4, 4, 1, 4]  # frames of each latent
SIZES = {
    "hidden_size": 64, "num_layers": 1, "token_refiner_num_layers": 1, "num_attention_heads": 2,
    "attention_head_dim": 32, "ffn_hidden_size": 64, "text_dim": TEXT, "timestep_input_dim": 32,
    "time_embed_hidden_size": 32, "time_embed_dim": 32, "rope_inv_freq_len": 4,
}  # fmt: skip


def has_minimax() -> bool:
    return importlib.util.find_spec("comfy.ldm.minimax") is not None


@cache
def minimax_vae() -> Any:
    """ComfyUI builds this VAE at its full size only: here with fewer channels."""
    import comfy.ldm.minimax.vae as minimax

    whole, decoder = minimax.MiniMaxH3VideoVAE, minimax.ViT3DDecoder
    small = partial(whole, ch=32, ch_mult=(1,) * 6, num_res_blocks=1)
    shallow = partial(decoder, num_layers=1, heads=1)
    with (
        patch.object(minimax, "ViT3DDecoder", shallow),
        patch.object(minimax, "MiniMaxH3VideoVAE", small),
    ):
        return load_vae(random_state(small()))


def minimax(nodes: Any, **inputs: Any) -> Any:
    import comfy.ldm.minimax.model as network
    import comfy.ops

    state = random_state(
        network.MiniMaxH3Model(
            operations=comfy.ops.disable_weight_init, dtype=torch.float32, **SIZES
        )
    )
    given = {"window": FRAMES, "sampler_name": "auto", "scheduler": "auto", **inputs}
    return use(nodes, None, minimax_vae(), TEXT, model=load_model(state), **given)


def minimax_leaves_the_rest_exactly(nodes: Any) -> str | None:
    """At a size and a length that are none of its own; the same again."""
    if not has_minimax():
        return "this ComfyUI has no MiniMax H3"
    frames, mask = clip_and_mask(52, 60, 7)
    model = minimax(nodes)
    assert model.bundle.name == "MiniMax H3"
    edited, effective, report, _ = edit(nodes, model, frames, mask, guidance=1.0)
    require_exact(edited, effective, frames)
    assert "sound is thrown away" in report
    again = edit(nodes, minimax(nodes), frames, mask, guidance=1.0)[0]
    assert torch.equal(again, edited)
    return None


def minimax_is_told_what_cores_graph_tells(nodes: Any) -> str | None:
    """What is known beside something edited is a guide; the rest is held in its latents.

    Tensor by tensor, and sampled: pictures and sound.
    """
    if not has_minimax():
        return "this ComfyUI has no MiniMax H3"
    pixels, _ = clip_and_mask(frames=FRAMES)
    hole = torch.ones(FRAMES, SIDE, SIDE)
    hole[0] = hole[-1] = 0
    model = minimax(nodes)
    ours = told(model, pixels, hole)
    told_to_both, latent = cores_graph(model, pixels)
    for name, theirs in told_to_both.items():
        ((words, values),), ((other_words, others),) = ours.conditions[0][name], theirs
        assert torch.equal(words, other_words) and same(values, others), name
    for mine, others in ((ours.latents, "samples"), (ours.noise_mask, "noise_mask")):
        pairs = zip(mine.unbind(), latent[others].unbind(), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs), others
    made = sampled_by_core(
        model.bundle, *told_to_both.values(), latent, sampler="res_multistep", scheduler="simple"
    )
    pictures = sampled_by_us(model, ours)
    assert pictures.shape == made.unbind()[0].shape and pictures.isfinite().all()
    assert torch.equal(pictures, made.unbind()[0])
    return None


def cores_graph(model: Any, pixels: torch.Tensor) -> tuple[dict[str, Any], Any]:
    """Conditions and latents of a user's own graph: the first frame held, a guide at the last."""
    vae, held = model.bundle.vae, torch.ones(1, 1, len(SPANS), SIDE // 16, SIDE // 16)
    held[:, :, 0] = 0
    (empty,) = core("EmptyMiniMaxH3LatentAV", width=SIDE, height=SIDE, length=FRAMES)
    (latent,) = core(
        "LTXVConcatAVLatent", video_latent={"samples": vae.encode(pixels), "noise_mask": held},
        audio_latent={"samples": empty["samples"].unbind()[1]},
    )  # fmt: skip
    guide = {"latent": latent, "frame_idx": -1, "vae": vae, "image": pixels[-1:]}
    given = model.bundle.texts.given
    told_to_both = {
        name: core("MiniMaxH3AddGuide", positive=given[name], **guide)[0]
        for name in ("positive", "negative")
    }
    return told_to_both, latent


def no_frame_is_lost_to_minimax(nodes: Any) -> str | None:
    """Its latents stand for one and four times four frames, over and over."""
    if not has_minimax():
        return "this ComfyUI has no MiniMax H3"
    pixels, _ = clip_and_mask(frames=FRAMES)
    model = minimax(nodes)
    latents = [number for number, span in enumerate(SPANS) for _ in range(span)]
    for frame in (4, 17, 18):
        hole = torch.zeros(FRAMES, SIDE, SIDE)
        hole[frame, 3:5, 60:62] = 1
        mask = told(model, pixels, hole).noise_mask.unbind()[0][0, 0]
        assert mask.amax((1, 2)).nonzero().flatten().tolist() == [latents[frame]]
        shown = model.bundle.seen_mask(hole)
        assert torch.equal(shown[:, ::16, ::16], mask[latents]) and (shown >= hole).all()
        assert mask[:, 0, 3].any() and not mask[:, 1:].any()
    return None


CHECKS: dict[str, Callable[[Any], str | None]] = {
    check.__name__: check
    for check in (
        minimax_leaves_the_rest_exactly,
        minimax_is_told_what_cores_graph_tells,
        no_frame_is_lost_to_minimax,
    )
}
