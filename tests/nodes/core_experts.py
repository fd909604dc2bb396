"""Checks of two models that share the steps of a sampling, as Wan 2.2's experts do.

Part of inside_core_model.py, in its process.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch

if __package__:  # to be listed by pytest
    from .core_contracts import told
    from .core_models import (
        EDIT,
        WINDOW,
        clip_and_mask,
        edit,
        has_cogvideox,
        load_model,
        pack_module,
        refused,
        vace,
        void,
        wan,
        wan_state,
    )
else:
    from core_contracts import told
    from core_models import (
        EDIT,
        WINDOW,
        clip_and_mask,
        edit,
        has_cogvideox,
        load_model,
        pack_module,
        refused,
        vace,
        void,
        wan,
        wan_state,
    )

CLOSE = 1e-5
FAMILIES = ({"vace": True}, {"channels": 36}, {})


@cache
def expert(seed: int, *, vace: bool = False, channels: int = 16) -> Any:
    return load_model(wan_state(vace=vace, channels=channels, seed=seed))


def pixels_of(model: Any, steps: int, on_stage: Any = lambda *_: None, **changes: Any) -> Any:
    """A window as the model makes it, before anything is pasted."""
    inpainter, settings = pack_module("inpainter"), pack_module("settings")
    pixels, hole = clip_and_mask(frames=WINDOW)
    asked = settings.Settings(
        task="modify", caption="any", guidance=EDIT["guidance"], steps=steps, **changes
    )
    core = model.bundle
    draw = inpainter.Draw(
        prompt=core.read("any", asked), negative=core.read_negative(asked), seed=EDIT["seed"]
    )
    return core.inpaint(
        inpainter.Region(pixels=pixels, hole=hole), [draw, draw], asked,
        device=torch.device("cpu"), on_stage=on_stage,
    ).pixels[0]  # fmt: skip


def two_ksamplers(model: Any, steps: int, first: int, sampler: str) -> Any:
    """As in ComfyUI's workflows of Wan 2.2: the first leaves noise, the other goes on."""
    import nodes as core_nodes

    core = model.bundle
    sampled = told(model, *clip_and_mask(frames=WINDOW))
    latent = {"samples": sampled.latents}
    if sampled.noise_mask is not None:
        latent["noise_mask"] = sampled.noise_mask
    given = {"steps": steps, "cfg": EDIT["guidance"], "sampler_name": sampler}
    given |= {"scheduler": "simple", **sampled.conditions[0]}
    sample = core_nodes.KSamplerAdvanced().sample
    (latent,) = sample(
        model=core.model, add_noise="enable", noise_seed=EDIT["seed"], latent_image=latent,
        start_at_step=0, end_at_step=first, return_with_leftover_noise="enable", **given,
    )  # fmt: skip
    (latent,) = sample(
        model=core.low_noise, add_noise="disable", noise_seed=0, latent_image=latent,
        start_at_step=first, end_at_step=10000, return_with_leftover_noise="disable", **given,
    )  # fmt: skip
    return core.vae.decode(latent["samples"])[0].float()


def two_experts_are_two_ksamplers(nodes: Any) -> None:
    """Samplers that keep what they saw start anew, and uni_pc leaves out a step, in both."""
    for kind in FAMILIES[:2]:
        for sampler, steps, first in (("euler", 4, 2), ("uni_pc", 4, 2), ("dpmpp_2m", 5, 3)):
            high, low = expert(0, **kind), expert(1, **kind)
            pair = wan(nodes, model=high, model_low_noise=low, sampler_name=sampler)
            made = pixels_of(pair, steps)
            theirs = two_ksamplers(pair, steps, first, sampler)
            assert torch.allclose(made, theirs, atol=CLOSE), (kind, sampler)
            alone = pixels_of(wan(nodes, model=high, sampler_name=sampler), steps)
            assert not torch.allclose(made, alone, atol=100 * CLOSE), (kind, sampler)


def a_model_twice_is_the_model(nodes: Any) -> None:
    """With what is held by a noise mask too, which two KSamplers would lose the noise of."""
    for kind in FAMILIES:
        model = expert(0, **kind)
        for steps in (1, 4):
            alone = pixels_of(wan(nodes, model=model), steps)
            twice = pixels_of(wan(nodes, model=model, model_low_noise=model.clone()), steps)
            assert torch.allclose(alone, twice, atol=CLOSE), (kind, steps)


def experts_tell_apart(nodes: Any) -> None:
    """Steps count through both, and a stop ends in the second as well."""
    high, low = (expert(seed, vace=True) for seed in (0, 1))
    device = torch.device("cpu")
    pairs = [(high, None), (high, low), (low, high)]
    models = [vace(nodes, model=one, model_low_noise=two) for one, two in pairs]
    assert len({model.bundle.digest(device) for model in models}) == len(pairs)
    again = vace(nodes, model=high, model_low_noise=low)
    assert again.bundle.digest(device) == models[1].bundle.digest(device)
    counted = []
    pixels_of(models[1], 3, lambda stage, *count: counted.append((stage, *count[:2])))
    steps = [(done, total) for stage, done, total in counted if stage == "denoise"]
    assert steps == [(done, 6) for done in range(1, 7)]  # two draws

    def stop(stage: str, done: int, *_: Any) -> None:
        if stage == "denoise" and done == 3:
            raise InterruptedError

    try:
        pixels_of(models[1], 4, stop)
        raise AssertionError("it was not stopped")
    except InterruptedError:
        pass
    frames, mask = clip_and_mask(frames=WINDOW)
    first, second = (edit(nodes, models[1], frames, mask)[0] for _ in range(2))
    assert torch.equal(first, second)


def pairs_that_do_not_fit_are_refused(nodes: Any) -> None:
    import comfy.samplers
    from comfy_extras.nodes_model_advanced import ModelSamplingSD3

    high, low = (expert(seed, vace=True) for seed in (0, 1))
    guider = comfy.samplers.CFGGuider(high)
    given = {"model": high, "model_low_noise": low}
    refused("guider", "model_low_noise", by=lambda: vace(nodes, guider=guider, **given))
    plain = given | {"model_low_noise": expert(0)}
    refused("model_low_noise", "WAN21", "Wan VACE", by=lambda: vace(nodes, **plain))
    (shifted,) = ModelSamplingSD3().patch(low, 3.0)
    other = vace(nodes, **given | {"model_low_noise": shifted})
    refused("model_low_noise", "same shift", by=lambda: pixels_of(other, 4))
    if has_cogvideox():
        refused("model_low_noise", "VOID", by=lambda: void(nodes, model_low_noise=low))


CHECKS: dict[str, Callable[[Any], str | None]] = {
    check.__name__: check
    for check in (
        two_experts_are_two_ksamplers,
        a_model_twice_is_the_model,
        experts_tell_apart,
        pairs_that_do_not_fit_are_refused,
    )
}
