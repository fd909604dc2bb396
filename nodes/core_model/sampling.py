"""Sample with ComfyUI's guiders, samplers and schedules."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import comfy.sample
import comfy.samplers
import comfy.utils
import torch
from torch import Tensor

from .core_nodes import call_node
from .texts import Conditions

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher

OnStep = Callable[[int, int, Tensor], None]  # done, total, clean latents as they look now


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How noise becomes latents: what was connected, else what was chosen by name.

    `sampler_name` is one of ComfyUI's, or the id of a node that makes a sampler.
    """

    sampler_name: str
    scheduler: str
    guider: Any = None
    sampler: Any = None
    sigmas: Tensor | None = None

    def sigmas_of(self, model: ModelPatcher, steps: int) -> Tensor:
        if self.sigmas is not None:
            return self.sigmas
        sampling = model.get_model_object("model_sampling")
        return comfy.samplers.calculate_sigmas(sampling, self.scheduler, steps)

    def chosen_sampler(self) -> Any:
        if self.sampler is not None:
            return self.sampler
        if self.sampler_name in comfy.samplers.SAMPLER_NAMES:
            return comfy.samplers.sampler_object(self.sampler_name)
        return call_node(self.sampler_name)[0]

    def guided(self, model: ModelPatcher, conditions: Conditions, scale: float) -> Any:
        """A guider of these conditions; the one that was connected stays as it is."""
        if self.guider is None:
            guider = comfy.samplers.CFGGuider(model)
            guider.set_cfg(scale)
        else:
            guider = copy.copy(self.guider)
        guider.original_conds = {}
        guider.inner_set_conds(conditions)
        return guider


def sample(
    guider: Any,
    sampler: Any,
    sigmas: Tensor,
    latents: Any,
    *,
    noise_mask: Any,
    seed: int,
    on_step: OnStep,
) -> Any:
    """Latents from noise, as ComfyUI's SamplerCustomAdvanced makes them; `on_step` may raise."""
    latents = comfy.sample.fix_empty_latent_channels(guider.model_patcher, latents)
    total = sigmas.shape[-1] - 1

    def callback(step: int, clean: Tensor, _noisy: Tensor, _steps: int) -> None:
        on_step(step + 1, total, clean)

    return guider.sample(
        comfy.sample.prepare_noise(latents, seed),
        latents,
        sampler,
        sigmas,
        denoise_mask=noise_mask,
        callback=callback,
        disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
        seed=seed,
    ).to(torch.float32)


def colors_of(latent_format: Any, clean: Tensor) -> Tensor | None:
    """Latents [1, C, T, h, w] as small frames [T, h, w, 3] in 0..1, by ComfyUI's own factors.

    None for latents whose colours ComfyUI does not know.
    """
    factors = latent_format.latent_rgb_factors
    if factors is None or getattr(latent_format, "latent_rgb_factors_reshape", None) is not None:
        return None
    bias = getattr(latent_format, "latent_rgb_factors_bias", None)
    frames = clean[0].movedim(0, -1).float().cpu() @ torch.tensor(factors)
    return ((frames + torch.tensor(bias or [0.0] * 3) + 1) / 2).clamp(0, 1)


def given_conditions(guider: Any) -> Conditions:
    """What a guider was told, in the form that ComfyUI's nodes take."""
    return {
        name: [
            [entry.get("cross_attn"), {k: v for k, v in entry.items() if k != "cross_attn"}]
            for entry in entries
        ]
        for name, entries in guider.original_conds.items()
    }
