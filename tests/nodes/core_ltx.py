"""Checks of LTX, LTX-2 and IC-LoRAs: known frames are guides, as in a graph of ComfyUI's nodes.

Part of inside_core_model.py, in its process.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

if __package__:  # to be listed by pytest
    from .core_contracts import same, told
    from .core_models import (
        EDIT,
        SIDE,
        TOKENS,
        as_run,
        clip_and_mask,
        conditioning,
        edit,
        load_model,
        pack_module,
        random_state,
        refused,
        require_exact,
        use,
        vace,
    )
else:
    from core_contracts import same, told
    from core_models import (
        EDIT,
        SIDE,
        TOKENS,
        as_run,
        clip_and_mask,
        conditioning,
        edit,
        load_model,
        pack_module,
        random_state,
        refused,
        require_exact,
        use,
        vace,
    )

FRAMES = 9  # the shortest clip
HEADS = 32  # ComfyUI's detection takes that many
TEXT, TEXT_2 = 4096, 32
SIZES = {"cross_attention_dim": 4 * HEADS, "attention_head_dim": 4, "num_layers": 1}
SIZES_2 = SIZES | {
    "audio_cross_attention_dim": 2 * HEADS, "audio_attention_head_dim": 2,
    "caption_channels": TEXT_2, "connector_attention_head_dim": TEXT_2,
    "connector_num_attention_heads": 1, "connector_num_layers": 1,
}  # fmt: skip
VAE = {
    "_class_name": "CausalVideoAutoencoder", "dims": 3, "in_channels": 3, "out_channels": 3,
    "latent_channels": 128, "norm_layer": "pixel_norm", "patch_size": 4,
    "latent_log_var": "uniform", "causal_decoder": False, "timestep_conditioning": True,
    "encoder_base_channels": 8, "decoder_base_channels": 8,
    "blocks": [
        ["res_x", 1], ["compress_all", 1], ["res_x_y", 1], ["compress_all", 1], ["res_x", 1],
        ["compress_all", 1], ["res_x", 1],
    ],
}  # fmt: skip
LATER = {"iclora_parameters": {"reference_downscale_factor": 2}}


@cache
def ltx_vae() -> Any:
    import comfy.sd
    from comfy.ldm.lightricks.vae.causal_video_autoencoder import VideoVAE

    state = random_state(VideoVAE(config=VAE))
    state["per_channel_statistics.std-of-means"].fill_(1)
    metadata = {"config": json.dumps({"vae": VAE})}
    return comfy.sd.VAE(sd=state, dtype=torch.float32, metadata=metadata)


def ltx_state() -> dict[str, torch.Tensor]:
    import comfy.ldm.lightricks.model as lightricks
    import comfy.ops

    return random_state(
        lightricks.LTXVModel(
            num_attention_heads=HEADS, caption_channels=TEXT, dtype=torch.float32,
            operations=comfy.ops.disable_weight_init, **SIZES,
        )
    )  # fmt: skip


def load_ltx_2() -> Any:
    """Sizes of the part that makes sound are read from the file's metadata only."""
    import comfy.ldm.lightricks.av_model as lightricks
    import comfy.ops
    import comfy.sd

    network = lightricks.LTXAVModel(
        dtype=torch.float32, operations=comfy.ops.disable_weight_init, **SIZES_2
    )
    metadata = {"config": json.dumps({"transformer": SIZES_2})}
    return comfy.sd.load_diffusion_model_state_dict(
        random_state(network), {"dtype": torch.float32}, metadata=metadata
    )


def ltx(nodes: Any, model: Any = None, text: int = TEXT, **inputs: Any) -> Any:
    """Its text encoder always tells which tokens count."""
    counted = {"attention_mask": torch.ones(1, TOKENS, dtype=torch.int64)}
    positive, negative = ([[conditioning(text, seed)[0][0], dict(counted)]] for seed in (1, 2))
    given = {"window": FRAMES, "scheduler": "auto", "positive": positive, "negative": negative}
    given |= {"model": load_model(ltx_state()) if model is None else model}
    return use(nodes, None, ltx_vae(), text, **(given | inputs))


def ltx_2(nodes: Any) -> Any:
    return ltx(nodes, load_ltx_2(), 2 * TEXT_2)


def has_ltx_2() -> bool:
    import importlib.util

    return importlib.util.find_spec("comfy.ldm.lightricks.av_model") is not None


def ltx_leaves_the_rest_exactly(nodes: Any) -> None:
    """At a size and a length that are none of its own; the same again."""
    frames, mask = clip_and_mask(52, 60, 7)
    models = {"LTX": ltx(nodes)}
    if has_ltx_2():
        models["LTX with an IC-LoRA"] = ltx(nodes, **LATER)
        models["LTX-2"] = ltx_2(nodes)
    for name, model in models.items():
        assert model.bundle.name == name
        edited, effective, report, _ = edit(nodes, model, frames, mask)
        require_exact(edited, effective, frames)
        assert ("#66FF00" if "IC" in name else "32x32 pixels and 8 frames") in report, report
        assert torch.equal(edit(nodes, model, frames, mask)[0], edited)


def ltx_keeps_keyframes_at_both_ends(nodes: Any) -> None:
    frames, mask = clip_and_mask(frames=FRAMES)
    image = (1 - frames[-1:]).mul(255).round().div(255)
    keyframe = nodes.UseKeyframe.execute(image, FRAMES - 1).args[0]
    asked = {name: value for name, value in EDIT.items() if name != "fill"}
    edited, effective, *_ = nodes.PropagateKeyframes.execute(
        ltx(nodes), frames, mask, keyframe=keyframe, match_colors=True, first_frame=-1,
        last_frame=-1, **asked,
    ).args  # fmt: skip
    require_exact(edited, effective, frames)
    inner = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    inner[20:36, 28:40] = True  # past the feather
    assert torch.equal(edited[-1][inner], image[0][inner])


def a_candidate_is_the_same_in_any_company(nodes: Any) -> None:
    """Though LTX's VAE adds noise as it decodes."""
    frames, mask = clip_and_mask(frames=FRAMES)
    asked = {name: value for name, value in EDIT.items() if name not in ("fill", "caption")}
    alone, two = (
        as_run(nodes.EditKeyframe)
        .execute(ltx(nodes), frames, mask, frame=0, captions="a", candidates=count, **asked)
        .args[0]
        for count in (1, 2)
    )
    assert torch.equal(alone[0], two[0]) and not torch.equal(two[0], two[1])


def core(node: str, **inputs: Any) -> Any:
    import nodes

    return nodes.NODE_CLASS_MAPPINGS[node].execute(**inputs).args


def both_ends() -> tuple[torch.Tensor, torch.Tensor]:
    """A clip of which the first and the last frame are known."""
    pixels, _ = clip_and_mask(frames=FRAMES)
    hole = torch.ones(FRAMES, SIDE, SIDE)
    hole[0] = hole[-1] = 0
    return pixels, hole


def require_told(ours: Any, positive: Any, negative: Any, latent: Any) -> None:
    """Whether our way gives all that a graph of ComfyUI's nodes gives, tensor by tensor."""
    for name, theirs in (("positive", positive), ("negative", negative)):
        ((words, values),), ((other_words, others),) = ours.conditions[0][name], theirs
        assert torch.equal(words, other_words) and same(values, others), name
    assert torch.equal(ours.latents, latent["samples"])
    assert torch.equal(ours.noise_mask, latent["noise_mask"])


def sampled_by_core(
    model: Any, positive: Any, negative: Any, latent: Any, *, sampler: str, scheduler: str
) -> Any:
    """As SamplerCustom does it."""
    import comfy.sample
    import comfy.samplers

    sampling = model.model.get_model_object("model_sampling")
    return comfy.sample.sample_custom(
        model.model, comfy.sample.prepare_noise(latent["samples"], 1), 3.0,
        comfy.samplers.sampler_object(sampler),
        comfy.samplers.calculate_sigmas(sampling, scheduler, 2), positive, negative,
        latent["samples"], noise_mask=latent["noise_mask"], disable_pbar=True, seed=1,
    )  # fmt: skip


def sampled_by_us(model: Any, sampled: Any) -> torch.Tensor:
    schedule = model.bundle.schedule
    stages = schedule.stages((model.bundle.model,), sampled.conditions[0], 3.0, 2)
    return model.bundle._sample(stages, sampled, 1, lambda *_: None)


def add_guide(model: Any, held: torch.Tensor, pixels: torch.Tensor, **guide: Any) -> Any:
    """A user's graph for a window: the clip's latents, some of them held, and a guide."""
    texts, vae = model.bundle.texts.given, model.bundle.vae
    mask = held.view(1, 1, -1, 1, 1).expand(1, 1, -1, SIDE // 32, SIDE // 32)
    return core(
        "LTXVAddGuide", positive=texts["positive"], negative=texts["negative"], vae=vae,
        latent={"samples": vae.encode(pixels), "noise_mask": mask}, **guide,
    )  # fmt: skip


def ltx_is_told_what_cores_graph_tells(nodes: Any) -> None:
    """A first frame that is held and a last one as a guide; of LTX-2 as well."""
    pixels, hole = both_ends()
    for model in (ltx(nodes), ltx_2(nodes)) if has_ltx_2() else (ltx(nodes),):
        ours = told(model, pixels, hole)
        last = {"image": pixels[-1:], "frame_idx": -1, "strength": 1.0}
        require_told(ours, *add_guide(model, torch.tensor([0.0, 1.0]), pixels, **last))
        assert ours.tail == 1


def ltx_makes_what_cores_graph_makes(nodes: Any) -> None:
    """From empty latents with a first frame in place; sampled and cropped, the same."""
    pixels, hole = both_ends()
    model = ltx(nodes)
    ours = told(model, pixels, hole)
    vae, texts = model.bundle.vae, model.bundle.texts.given
    (empty,) = core("EmptyLTXVLatentVideo", width=SIDE, height=SIDE, length=FRAMES)
    first = vae.encode(pixels[:1])
    samples, mask = empty["samples"].clone(), torch.ones(1, 1, 2, 2, 2)
    samples[:, :, :1], mask[:, :, :1] = first, 0
    positive, negative, latent = core(
        "LTXVAddGuide", positive=texts["positive"], negative=texts["negative"], vae=vae,
        latent={"samples": samples, "noise_mask": mask}, image=pixels[-1:], frame_idx=-1,
        strength=1.0,
    )  # fmt: skip
    made = sampled_by_core(
        model.bundle, positive, negative, latent, sampler="euler", scheduler="linear_quadratic"
    )
    given = {"samples": made, "noise_mask": latent["noise_mask"]}
    made = core("LTXVCropGuides", positive=positive, negative=negative, latent=given)[2]["samples"]
    assert made.shape == first.shape[:2] + (2, 2, 2)
    assert torch.allclose(sampled_by_us(model, ours), made, atol=1e-3)


def an_iclora_is_told_what_cores_graph_tells(nodes: Any) -> str | None:
    """The whole clip is its guide, green where it is edited; a known last frame is one more."""
    if not has_ltx_2():
        return "this ComfyUI tells nothing of IC-LoRAs"
    pixels, _ = clip_and_mask(frames=FRAMES)
    model = ltx(nodes, strength=0.8, **LATER)
    for known in (False, True):
        hole = torch.zeros(FRAMES, SIDE, SIDE)
        hole[1 : FRAMES - known, 10:30, 20:50] = 1
        green = torch.where(hole[..., None] > 0, torch.tensor([0x66, 0xFF, 0]) / 255, pixels)
        ours = told(model, pixels, hole)
        whole = {"image": green, "frame_idx": 0, "strength": 0.8, **LATER}
        theirs = add_guide(model, torch.tensor([0.0, 1.0]), pixels, **whole)
        if known:
            names = ("positive", "negative", "latent")
            theirs = core(
                "LTXVAddGuide", **dict(zip(names, theirs, strict=True)), vae=model.bundle.vae,
                image=pixels[-1:], frame_idx=-1, strength=1.0,
            )  # fmt: skip
        require_told(ours, *theirs)
        assert ours.tail == 2 + known
    return None


def the_overlay_shows_what_ltx_makes(nodes: Any) -> None:
    causal = pack_module("mask.causal")
    pixels, _ = clip_and_mask(frames=FRAMES)
    hole = torch.zeros(FRAMES, SIDE, SIDE)
    hole[1:, 10:30, 40:50] = 1
    for inputs in ({}, LATER) if has_ltx_2() else ({},):
        model = ltx(nodes, **inputs)
        made = told(model, pixels, hole).noise_mask[0, 0, :2]
        spread = causal.spread_blocks(causal.spread_groups(made, 8), 32)
        assert torch.equal(model.bundle.seen_mask(hole), spread)
        assert bool(spread[1:].all()) == bool(inputs), "an IC-LoRA makes frames whole"


def what_ltx_cannot_take_is_refused(nodes: Any) -> None:
    refused("iclora_parameters", "Wan VACE", by=lambda: vace(nodes, **LATER))
    pixels, hole = both_ends()
    model = ltx(nodes)
    model.bundle.texts.given["positive"][0][1]["keyframe_idxs"] = torch.zeros(1, 3, 4, 2)
    refused("positive", "LTXVAddGuide", by=lambda: told(model, pixels, hole))


CHECKS: dict[str, Callable[[Any], str | None]] = {
    check.__name__: check
    for check in (
        ltx_leaves_the_rest_exactly,
        ltx_keeps_keyframes_at_both_ends,
        a_candidate_is_the_same_in_any_company,
        ltx_is_told_what_cores_graph_tells,
        ltx_makes_what_cores_graph_makes,
        an_iclora_is_told_what_cores_graph_tells,
        the_overlay_shows_what_ltx_makes,
        what_ltx_cannot_take_is_refused,
    )
}
