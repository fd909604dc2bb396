"""Sample with ComfyUI's guiders, samplers and schedules."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import comfy.sample
import comfy.samplers
import comfy.utils
import torch
from torch import Tensor

from ...vivid_core.errors import InputError
from .core_nodes import call_node
from .texts import Conditions

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher

LEVELS_MEET = 1e-3  # relative
OnStep = Callable[[int, int, Tensor], None]  # done, total, clean latents as they look now


_LEAVING_OUT = comfy.samplers.KSampler.DISCARD_PENULTIMATE_SIGMA_SAMPLERS


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Some of the steps, by one model."""

    guider: Any
    sigmas: Tensor

    @property
    def steps(self) -> int:
        return len(self.sigmas) - 1


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

    def stages(
        self, models: Sequence[ModelPatcher], conditions: Conditions, scale: float, steps: int
    ) -> tuple[Stage, ...]:
        """All steps by one model; the first half by the first of two, as ComfyUI's workflows do.

        Raises InputError where the two would meet at different levels of noise.
        """
        whole = [self.sigmas_of(model, steps) for model in models]
        guiders = [self._guided(model, conditions, scale) for model in models]
        if len(models) == 1:
            return (Stage(guider=guiders[0], sigmas=whole[0]),)
        half = len(whole[0]) // 2  # of the steps, which are one less; an odd one is the first's
        _require_same_level(whole[0][half], whole[1][half])
        parts = (whole[0][: half + 1], whole[1][half:])
        halves = zip(guiders, parts, strict=True)
        return tuple(Stage(guider=one, sigmas=part) for one, part in halves if len(part) > 1)

    def sigmas_of(self, model: ModelPatcher, steps: int) -> Tensor:
        """As ComfyUI's KSampler takes them, which for some samplers leaves out the last but one."""
        if self.sigmas is not None:
            return self.sigmas
        sampling = model.get_model_object("model_sampling")
        uneven = self.sampler is None and self.sampler_name in _LEAVING_OUT
        sigmas = comfy.samplers.calculate_sigmas(sampling, self.scheduler, steps + uneven)
        return torch.cat([sigmas[:-2], sigmas[-1:]]) if uneven else sigmas

    def chosen_sampler(self) -> Any:
        if self.sampler is not None:
            return self.sampler
        if self.sampler_name in comfy.samplers.SAMPLER_NAMES:
            return comfy.samplers.sampler_object(self.sampler_name)
        return call_node(self.sampler_name)[0]

    def _guided(self, model: ModelPatcher, conditions: Conditions, scale: float) -> Any:
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
    stages: Sequence[Stage],
    new_sampler: Callable[[], Any],
    latents: Any,
    *,
    noise_mask: Any,
    seed: int,
    on_step: OnStep,
) -> Any:
    """Latents from noise, as ComfyUI's samplers make them one after the other; `on_step` may raise.

    Each stage goes on from where the one before it stopped.
    """
    latents = comfy.sample.fix_empty_latent_channels(stages[0].guider.model_patcher, latents)
    noise = comfy.sample.prepare_noise(latents, seed)
    total, done, made = sum(stage.steps for stage in stages), 0, latents
    for stage in stages:

        def callback(
            step: int, clean: Tensor, _noisy: Tensor, _steps: int, before: int = done
        ) -> None:
            on_step(before + step + 1, total, clean)

        made = stage.guider.sample(
            noise,
            latents,
            new_sampler(),
            stage.sigmas,
            denoise_mask=noise_mask,
            callback=callback,
            disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
            seed=seed,
        )
        done += stage.steps
        if done < total:
            noise, latents = _go_on(noise, latents, made.to(latents), noise_mask)
    return made.to(torch.float32)


def _go_on(
    noise: Tensor, latents: Tensor, made: Tensor, noise_mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Noise and latents of the next stage: what was made has its noise in it.

    What is held keeps its own noise, else it would be without any from here on.
    """
    if noise_mask is None:
        return torch.zeros_like(noise), made
    mask = noise_mask.to(noise)
    return noise * (1 - mask), torch.lerp(latents, made, mask)


def _require_same_level(first: Tensor, second: Tensor) -> None:
    if not torch.allclose(first, second, rtol=LEVELS_MEET):
        raise InputError(
            "model_low_noise",
            f"begins at a noise level of {float(second):.3g}, where the other one ends at "
            f"{float(first):.3g}: give both models the same shift (ModelSamplingSD3)",
        )


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
