"""Checks of what tells two models of ComfyUI apart: a chain goes on with the same one only.

Part of inside_core_model.py, in its process.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch

if __package__:  # to be listed by pytest
    from .core_models import WAN_TEXT, conditioning, load_model, refused, vace, wan_state
else:
    from core_models import WAN_TEXT, conditioning, load_model, refused, vace, wan_state

LATE = 25  # of the sigmas, between any that a few samples would read


@cache
def loaded() -> Any:
    return load_model(wan_state(vace=True))


def digest(nodes: Any, model: Any = None, **inputs: Any) -> str:
    made = vace(nodes, model=loaded() if model is None else model, **inputs)
    return made.bundle.digest(torch.device("cpu"))


def all_that_changes_an_edit_is_told_apart(nodes: Any) -> None:
    """Samplers, schedules, pictures, words, guiders, patches: each in all that it is made of."""
    for name, variants in CHANGES.items():
        digests = [digest(nodes, **make()) for make in variants]
        assert len(set(digests)) == len(variants), (name, digests)
        assert digests == [digest(nodes, **make()) for make in variants], name


def work_leaves_no_trace(nodes: Any) -> None:
    """What an object notes down while it samples, behind an underscore, is not what it is."""
    handler = _Handler(0.5)
    patched = _with_options(context_handler=handler)
    before = digest(nodes, patched)
    handler._step = 7
    assert digest(nodes, patched) == before
    assert digest(nodes, _with_options(context_handler=_Handler(0.6))) != before


def a_guider_of_other_patches_is_refused(nodes: Any) -> None:
    """It would sample without them."""
    for patched in (_with_weights(0.5), _with_options(own=_doing(1.0)), _with_shift(3.0)):
        given = {"model": patched, "guider": _guider(loaded())}
        refused("guider", "other LoRAs", by=lambda given=given: vace(nodes, **given))
    assert vace(nodes, model=loaded(), guider=_guider(loaded().clone()))


class _Handler:
    """An option with a number of its own, and a step that it counts."""

    def __init__(self, share: float) -> None:
        self.share, self._step = share, 0


def _sampler(name: str, **options: Any) -> Callable[[], dict[str, Any]]:
    def make() -> dict[str, Any]:
        import comfy.samplers

        return {"sampler": comfy.samplers.ksampler(name, options)}

    return make


def _sigmas(last: float) -> Callable[[], dict[str, Any]]:
    sigmas = torch.linspace(1, 0, 31)
    sigmas[LATE] = last
    return lambda: {"sigmas": sigmas.clone()}


def _reference(color: float) -> Callable[[], dict[str, Any]]:
    picture = torch.ones(1, 64, 64, 3)
    picture[:, 20:40, 20:40, 1] = color
    return lambda: {"reference": picture.clone()}


def _words(value: float) -> Callable[[], dict[str, Any]]:
    words = conditioning(WAN_TEXT)
    words[0][0][0, 1, 3] = value
    return lambda: {"positive": words}


def _guider(model: Any, scale: float = 2.0) -> Any:
    import comfy.samplers

    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(conditioning(WAN_TEXT), conditioning(WAN_TEXT, 2))
    guider.set_cfg(scale)
    return guider


def _guided(first: float, second: float) -> Callable[[], dict[str, Any]]:
    def make() -> dict[str, Any]:
        from comfy_extras.nodes_custom_sampler import Guider_DualCFG

        guider, words = Guider_DualCFG(loaded()), conditioning(WAN_TEXT)
        guider.set_conds(words, words, conditioning(WAN_TEXT, 2))
        guider.set_cfg(first, second)
        return {"guider": guider}

    return make


def _doing(amount: float) -> Callable[..., Any]:
    """As RescaleCFG and its kin keep their amount."""

    def scale(arguments: Any) -> Any:
        return arguments["cond"] * amount

    return scale


def _with_options(**options: Any) -> Any:
    model = loaded().clone()
    model.model_options = {**model.model_options, **options}
    return model


def _with_weights(strength: float) -> Any:
    model, key = loaded().clone(), "diffusion_model.blocks.0.ffn.0.weight"
    weight = model.model.state_dict()[key]
    model.add_patches({key: ("diff", (torch.ones_like(weight),))}, strength)
    return model


def _with_shift(shift: float) -> Any:
    """As ModelSamplingSD3 does."""
    import comfy.model_sampling

    class Sampling(comfy.model_sampling.ModelSamplingDiscreteFlow, comfy.model_sampling.CONST):
        pass

    model = loaded().clone()
    sampling = Sampling(model.model.model_config)
    sampling.set_parameters(shift=shift, multiplier=1000)
    model.add_object_patch("model_sampling", sampling)
    return model


CHANGES: dict[str, tuple[Callable[[], dict[str, Any]], ...]] = {
    "sampler": (
        _sampler("euler"),
        _sampler("dpmpp_2m"),
        _sampler("euler_ancestral", eta=0.5),
        _sampler("euler_ancestral", eta=0.7),
        _sampler("dpm_adaptive"),
    ),
    "sigmas": (_sigmas(0.1), _sigmas(0.11)),
    "reference": (_reference(0.2), _reference(0.3)),
    "words": (_words(0.0), _words(0.5)),
    "guider": (_guided(2.0, 1.0), _guided(2.0, 1.5), _guided(2.5, 1.0)),
    "options": (
        lambda: {"model": _with_options(own=_doing(0.5))},
        lambda: {"model": _with_options(own=_doing(0.6))},
    ),
    "weights": (
        lambda: {"model": _with_weights(0.5)},
        lambda: {"model": _with_weights(0.6)},
        lambda: {"model": loaded()},
    ),
    "shift": (lambda: {"model": _with_shift(3.0)}, lambda: {"model": _with_shift(5.0)}),
}

CHECKS: dict[str, Callable[[Any], str | None]] = {
    check.__name__: check
    for check in (
        all_that_changes_an_edit_is_told_apart,
        work_leaves_no_trace,
        a_guider_of_other_patches_is_refused,
    )
}
