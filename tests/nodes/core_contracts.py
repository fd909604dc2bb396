"""Checks of what reaches ComfyUI's models: the same as from a graph of ComfyUI's own nodes.

Part of inside_core_model.py, in its process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

if __package__:  # to be listed by pytest
    from .core_models import (
        EDIT,
        SIDE,
        WAN_TEXT,
        WINDOW,
        as_run,
        clip_and_mask,
        cogvideox,
        edit,
        has_cogvideox,
        load_model,
        load_vae,
        pack_module,
        refused,
        use,
        vace,
        void,
        wan,
        wan_state,
        wan_vae_state,
    )
else:
    from core_models import (
        EDIT,
        SIDE,
        WAN_TEXT,
        WINDOW,
        as_run,
        clip_and_mask,
        cogvideox,
        edit,
        has_cogvideox,
        load_model,
        load_vae,
        pack_module,
        refused,
        use,
        vace,
        void,
        wan,
        wan_state,
        wan_vae_state,
    )

Parts = dict[str, Any]


def contracts() -> Any:
    import importlib

    return importlib.import_module("vivid_pack.nodes.core_model.contracts")


def told(model: Any, pixels: Any, hole: Any) -> Any:
    """What is sampled for a window, by our way."""
    core = model.bundle
    region = pack_module("inpainter").Region(pixels=pixels, hole=hole)
    draws = [{name: core.texts.given[name] for name in ("positive", "negative")}]
    return contracts().condition(core._span(region), draws)


def graph(node: str, model: Any, frames: int, **inputs: Any) -> tuple[Parts, Any]:
    """What a graph with ComfyUI's own node gives: the positive values and all outputs."""
    import nodes

    core = model.bundle
    outputs = nodes.NODE_CLASS_MAPPINGS[node].execute(
        positive=core.texts.given["positive"], negative=core.texts.given["negative"],
        vae=core.vae, width=SIDE, height=SIDE, length=frames, batch_size=1, **inputs,
    ).args  # fmt: skip
    return outputs[0][0][1], outputs


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, dict):
        return set(ours) == set(theirs) and all(same(ours[key], theirs[key]) for key in ours)
    return torch.equal(ours, theirs) if isinstance(ours, torch.Tensor) else ours == theirs


def vace_is_told_what_cores_graph_tells(nodes: Any) -> None:
    """With a mask that stands still, which ComfyUI's node does not lose; other controls stay."""
    pixels, _ = clip_and_mask(frames=9)
    hole = torch.zeros(9, SIDE, SIDE)
    hole[:, 10:30, 20:50] = 1
    grey = torch.where(hole[..., None] > 0, 0.5, pixels)
    given = {"strength": 0.8, "control_video": grey, "control_masks": hole}
    for reference in (None, pixels[:1]):
        model = vace(nodes, strength=0.8, reference=reference)
        sampled = told(model, pixels, hole)
        values, outputs = graph("WanVaceToVideo", model, 9, reference_image=reference, **given)
        for name in ("positive", "negative"):
            ((_, ours),) = sampled.conditions[0][name]
            assert set(ours) == set(values)
            assert all(same(ours[key], values[key]) for key in values)
        assert same(sampled.latents, outputs[2]["samples"]) and sampled.lead == outputs[3]
    again, _ = graph("WanVaceToVideo", model, 9, **given)
    model.bundle.texts.given["positive"][0][1].update(again)
    ((_, ours),) = told(model, pixels, hole).conditions[0]["positive"]
    assert len(ours["vace_frames"]) == len(ours["vace_mask"]) == 2
    assert same(ours["vace_mask"][0], again["vace_mask"][0])


def no_frame_of_a_mask_is_lost(nodes: Any) -> None:
    """ComfyUI's own resize reads one frame of every four."""
    side = 32
    pixels, _ = clip_and_mask(side, side, frames=9)
    models = [vace(nodes), wan(nodes, channels=36), wan(nodes)]
    for frame in range(9):
        hole = torch.zeros(9, side, side)
        hole[frame, 3:5, 28:30] = 1
        expected = [group == (frame + 3) // 4 for group in range(3)]
        for model in models:
            sampled = told(model, pixels, hole)
            ((_, values),) = sampled.conditions[0]["positive"]
            mask = sampled.noise_mask
            mask = values["concat_mask"] if mask is None and "concat_mask" in values else mask
            mask = values["vace_mask"][0] if mask is None else mask
            assert mask.amax((0, 1, 3, 4)).bool().tolist() == expected
            assert mask[..., 0, 3].any() and not mask[..., 1:, :].any()


def what_is_shown_is_what_is_told(nodes: Any) -> None:
    """Vivid Overlay Mask's "what the model edits" is the mask that reaches the model."""
    causal = pack_module("mask.causal")
    frames, _ = clip_and_mask(frames=9)
    generator = torch.Generator().manual_seed(3)
    hole = (torch.rand(9, SIDE, SIDE, generator=generator) > 0.997).float()
    firsts = [0, 1, 5]  # frames of the latents' groups

    def shown(model: Any) -> Any:
        seen = as_run(nodes.OverlayMask).execute(
            frames, hole, "blue", 0.5, True, "what the model edits", model
        )
        assert model.bundle.mask_rule in seen.args[1]
        assert (seen.args[2] >= hole).all(), "nothing that is edited is hidden"
        return seen.args[2]

    model, given = vace(nodes), {"window": 9}
    ((_, values),) = told(model, frames, hole).conditions[0]["positive"]
    seen = shown(vace(nodes, **given))
    assert torch.equal(causal.fold_blocks(seen, 8)[:, firsts], values["vace_mask"][0][0])
    model = wan(nodes, channels=36, **given)
    ((_, values),) = told(model, frames, hole).conditions[0]["positive"]
    blocks = causal.max_over_blocks(shown(model), 8)
    assert torch.equal(causal.fold_groups(blocks, 4), values["concat_mask"][0])
    model = wan(nodes, **given)
    mask = told(model, frames, hole).noise_mask
    spread = causal.spread_groups(causal.spread_blocks(mask[0, 0], 8), 4)
    assert torch.equal(shown(model), spread)
    if has_cogvideox():
        model = cogvideox(nodes, channels=33, paired=False)
        ((_, values),) = told(model, frames, hole).conditions[0]["positive"]
        kept = values["concat_latent_image"][0, 0]
        seen = model.bundle.seen_mask(hole)
        assert torch.allclose(seen[firsts, ::8, ::8], 1 - kept, atol=1e-6)
        assert torch.equal(shown(void(nodes, window=13)), hole)


def wan_inpaint_is_told_what_cores_graph_tells(nodes: Any) -> None:
    pixels, _ = clip_and_mask(frames=9)
    hole = torch.ones(9, SIDE, SIDE)
    hole[0] = hole[-1] = 0
    model = wan(nodes, channels=36)
    sampled = told(model, pixels, hole)
    values, outputs = graph(
        "WanFunInpaintToVideo", model, 9, start_image=pixels[:1], end_image=pixels[-1:]
    )
    ((_, ours),) = sampled.conditions[0]["positive"]
    assert set(ours) == set(values) and all(same(ours[key], values[key]) for key in values)
    assert same(sampled.latents, outputs[2]["samples"])


def void_is_told_what_cores_graph_tells(nodes: Any) -> str | None:
    """With what is affected, at the levels of a quadmask."""
    if not has_cogvideox():
        return "this ComfyUI has no VOID"
    pixels, mask = clip_and_mask(frames=WINDOW)
    shadow = torch.zeros_like(mask)
    shadow[:, 30:50, 10:40] = 1
    levels = pack_module("edit.masks").affected_levels(mask, shadow)
    quad = torch.full_like(mask, 255.0)
    quad[shadow > 0] = 127
    quad[mask > 0] = 0
    quad[(mask > 0) & (shadow > 0)] = 63
    import nodes as core

    ready = core.NODE_CLASS_MAPPINGS["VOIDQuadmaskPreprocess"].execute(quad).args[0]
    assert torch.equal(levels, ready)
    model = void(nodes)
    sampled = told(model, pixels, levels)
    values, _ = graph("VOIDInpaintConditioning", model, WINDOW, video=pixels, quadmask=ready)
    ((_, ours),) = sampled.conditions[0]["positive"]
    assert same(ours["concat_latent_image"], values["concat_latent_image"])
    return None


def what_is_affected_may_change_too(nodes: Any) -> None:
    frames, mask = clip_and_mask(frames=WINDOW)
    shadow = torch.zeros_like(mask)
    shadow[:, 44:60, 10:40] = 1
    refused(
        "affected_mask",
        "Wan VACE",
        "VOID",
        by=lambda: edit(nodes, vace(nodes), frames, mask, affected_mask=shadow),
    )  # noqa: E501
    if not has_cogvideox():
        return
    asked = {"task": "delete", "affected_mask": shadow}
    edited, effective, *_ = edit(nodes, void(nodes), frames, mask, **asked)
    assert torch.equal(effective[shadow > 0], shadow[shadow > 0])
    assert (edited[shadow > 0] != frames[shadow > 0]).any()
    assert torch.equal(edited[effective == 0], frames[effective == 0])
    whole = edit(nodes, void(nodes), frames, torch.maximum(mask, shadow), task="delete", grow=0)
    told_apart = edit(nodes, void(nodes), frames, mask, grow=0, **asked)
    assert torch.equal(whole[1], told_apart[1]) and not torch.equal(whole[0], told_apart[0])


def pixels_are_those_of_cores_graph(nodes: Any) -> None:
    """Sampled, decoded and pasted by hand, with what was connected and without."""
    import comfy.sample
    import comfy.samplers

    pixels, hole = clip_and_mask(frames=WINDOW)
    model = vace(nodes)
    core, (positive, negative) = model.bundle, ([], [])
    sampled = told(model, pixels, hole)
    positive, negative = (sampled.conditions[0][name] for name in ("positive", "negative"))
    sampling = core.model.get_model_object("model_sampling")
    sigmas = comfy.samplers.calculate_sigmas(sampling, "simple", EDIT["steps"])
    latents = comfy.sample.sample_custom(
        core.model, comfy.sample.prepare_noise(sampled.latents, EDIT["seed"]), EDIT["guidance"],
        comfy.samplers.sampler_object("euler"), sigmas, positive, negative, sampled.latents,
        seed=EDIT["seed"], disable_pbar=True,
    )  # fmt: skip
    theirs = core.vae.decode(latents)[0]
    edited, effective, *_ = edit(nodes, model, pixels, hole, feather=0)
    levels = (theirs.clamp(0, 1) * 255).round() / 255
    assert torch.allclose(edited[effective == 1], levels[effective == 1], atol=1e-6)
    guider = comfy.samplers.CFGGuider(core.model)
    guider.set_conds(core.texts.given["positive"], core.texts.given["negative"])
    guider.set_cfg(EDIT["guidance"])
    before = {name: list(entries) for name, entries in guider.original_conds.items()}
    connected = vace(
        nodes, model=core.model, guider=guider, sigmas=sigmas, positive=None, negative=None,
        sampler=comfy.samplers.sampler_object("euler"), sampler_name="ddim",
    )  # fmt: skip
    again, _, report, _ = edit(nodes, connected, pixels, hole, feather=0, steps=9, guidance=1.0)
    assert torch.equal(edited, again)
    assert "connected sigmas" in report and "connected guider" in report
    assert guider.original_conds == before


def loras_stay_on_the_model(nodes: Any) -> None:
    pixels, hole = clip_and_mask(frames=WINDOW)
    model = vace(nodes)
    plain, digest = edit(nodes, model, pixels, hole)[0], model.bundle.digest(torch.device("cpu"))
    patched = model.bundle.model.clone()
    key = "diffusion_model.blocks.0.ffn.0.weight"
    weight = patched.model.state_dict()[key]
    patched.add_patches({key: ("diff", (torch.ones_like(weight),))}, 0.5)
    other = vace(nodes, model=patched)
    changed = edit(nodes, other, pixels, hole)[0]
    assert not torch.equal(plain, changed)
    assert other.bundle.digest(torch.device("cpu")) != digest
    assert torch.equal(edit(nodes, model, pixels, hole)[0], plain)
    assert model.bundle.digest(torch.device("cpu")) == digest


def what_cannot_be_is_refused(nodes: Any) -> None:
    import comfy.samplers

    state = wan_state()
    refused("clip", "is missing", by=lambda: vace(nodes, positive=None, negative=None))
    refused("positive", "connect a CONDITIONING", by=lambda: vace(nodes, positive=[[1, 2]]))
    refused("reference", "Wan VACE", by=lambda: wan(nodes, reference=torch.zeros(1, 8, 8, 3)))
    pixels, hole = clip_and_mask(frames=WINDOW)
    alone = vace(nodes, negative=None)
    refused("guidance", "3 steers away", by=lambda: edit(nodes, alone, pixels, hole))
    refused("width", "give both", by=lambda: vace(nodes, height=0))
    other = comfy.samplers.CFGGuider(load_model(state))
    refused("guider", "another model", by=lambda: vace(nodes, guider=other))
    if has_cogvideox():
        wrong = load_vae(wan_vae_state())
        wrong.latent_channels = 4
        refused("vae", "4 channels", by=lambda: use(nodes, state, wrong, WAN_TEXT))
        refused("task", "VOID", "delete", by=lambda: edit(nodes, void(nodes), pixels, hole))
    adapter = {"adapter": "vivid-tiny adapter (bundled)", "strength": 1.0}
    refused(
        "model", "loaded by ComfyUI",
        by=lambda: nodes.ApplyAdapter.execute(model=vace(nodes), **adapter),
    )  # fmt: skip


def what_to_load_instead_is_said_with_versions(nodes: Any) -> None:
    """Of models that this ComfyUI may be too old for."""
    model = load_model(wan_state())
    kind = type(model.model)
    model.model.__class__ = type("WAN21_CausalAR", (kind,), {})
    words = ("WAN21_CausalAR", "0.21 on CogVideoX Fun-InP or VOID", "0.33 on LTX-2 or MiniMax H3")
    refused("model", *words, by=lambda: wan(nodes, model=model))


def changed_nodes_are_named(nodes: Any) -> None:
    import importlib

    call = importlib.import_module("vivid_pack.nodes.core_model.core_nodes").call_node
    for node, inputs, words in (
        ("NoSuchNode", {}, ("NoSuchNode", "update ComfyUI", "(9.9 has it)")),
        ("WanVaceToVideo", {"mask": 1}, ("WanVaceToVideo", "other inputs", "mask", "positive")),
    ):
        try:
            call(node, since="9.9", **inputs)
        except Exception as error:
            assert all(word in f"{error}" for word in words), error
        else:
            raise AssertionError(node)


CHECKS: dict[str, Callable[[Any], str | None]] = {
    check.__name__: check
    for check in (
        vace_is_told_what_cores_graph_tells,
        no_frame_of_a_mask_is_lost,
        what_is_shown_is_what_is_told,
        wan_inpaint_is_told_what_cores_graph_tells,
        void_is_told_what_cores_graph_tells,
        what_is_affected_may_change_too,
        pixels_are_those_of_cores_graph,
        loras_stay_on_the_model,
        what_cannot_be_is_refused,
        what_to_load_instead_is_said_with_versions,
        changed_nodes_are_named,
    )
}
