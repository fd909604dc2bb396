"""Runs the published pipelines on the agreement cases, from checkouts that stay unchanged."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from agreement_cases import (
    NOISE_SEED,
    Case,
    Inputs,
    Outcome,
    build_transformer,
    build_vae,
    make_inputs,
    transformer_config,
    vae_config,
)
from diffusers import (
    CogVideoXDDIMScheduler,
    CogVideoXDPMScheduler,
    CogVideoXImageToVideoPipeline,
    CogVideoXPipeline,
    DDIMScheduler,
)
from torch import Tensor

FOLDERS = {"VideoX-Fun": "VideoX-Fun", "VOID": "void"}
# What the references import for several GPUs and never call on one.
ABSENT: dict[str, Any] = dict.fromkeys(
    (
        "get_sequence_parallel_rank",
        "get_sequence_parallel_world_size",
        "get_sp_group",
        "xFuserLongContextAttention",
        "CogVideoXMultiGPUsAttnProcessor2_0",
    )
)


@torch.no_grad()
def run_reference(case: Case, checkouts: Path) -> Outcome:
    """What the reference's own pipeline computes on the same weights, inputs and seeds."""
    if case.reference == "diffusers":
        vae, transformer = build_vae(case), build_transformer(case)
        kind = CogVideoXImageToVideoPipeline if case.layout == "i2v" else CogVideoXPipeline
        pipe = kind(None, None, vae, transformer, _scheduler(case))
    else:
        with _package(checkouts / FOLDERS[case.reference]) as fun:
            pipe = _fun_pipeline(case, fun)
    pipe.set_progress_bar_config(disable=True)
    return _run(case, pipe, make_inputs(case))


def _fun_pipeline(case: Case, fun: Any) -> Any:
    transformer = fun.CogVideoXTransformer3DModel(
        **transformer_config(case), add_noise_in_inpaint_model=case.reference_noise > 0
    )
    transformer.load_state_dict(build_transformer(case).state_dict())
    vae = fun.AutoencoderKLCogVideoX(**vae_config(case))
    vae.load_state_dict(build_vae(case).state_dict())
    return fun.CogVideoXFunInpaintPipeline(
        None, None, vae.eval(), transformer.eval(), _scheduler(case)
    )


def _scheduler(case: Case) -> Any:
    if case.sampler == "dpm":
        return CogVideoXDPMScheduler(**case.schedule)
    if case.scheduler == "cogvideox":
        return CogVideoXDDIMScheduler(**case.schedule)
    plain = {key: value for key, value in case.schedule.items() if key != "snr_shift_scale"}
    return DDIMScheduler(**plain)


def _run(case: Case, pipe: Any, inputs: Inputs) -> Outcome:
    calls: list[dict[str, Any]] = []
    visited: list[Tensor] = []
    pipe.transformer.register_forward_pre_hook(
        lambda module, args, kwargs: calls.append(kwargs), with_kwargs=True
    )

    def remember(pipe: Any, step: int, t: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        visited.append(kwargs["latents"].clone())
        return {}

    with _contiguous_draws():
        pipe(
            prompt_embeds=inputs.prompt,
            negative_prompt_embeds=inputs.negative,
            height=case.size[0],
            width=case.size[1],
            num_frames=case.frames,
            num_inference_steps=case.steps,
            guidance_scale=case.guidance,
            generator=torch.Generator().manual_seed(NOISE_SEED),
            latents=inputs.noise,
            output_type="latent",
            callback_on_step_end=remember,
            return_dict=True,
            **_video_arguments(case, inputs),
        )
    rotary = calls[0]["image_rotary_emb"]
    return Outcome(
        conditioning=_conditioning(calls[0]),
        first=visited[0],
        latents=visited[-1],
        pixels=_pixels(case, pipe, visited[-1]),
        rotary=None if rotary is None else torch.stack(rotary),
    )


def _contiguous_draws() -> Any:
    """The reference noise is drawn like a view, whose memory order decides the values."""
    generator = torch.Generator().manual_seed(NOISE_SEED)
    return patch("torch.randn_like", lambda like: torch.randn(like.shape, generator=generator))


def _video_arguments(case: Case, inputs: Inputs) -> dict[str, Any]:
    if case.reference == "VideoX-Fun":
        # It tells "everything masked" by 255 on every pixel; other masks may be in 0..1.
        full = bool((inputs.mask == 1).all())
        return {"video": inputs.pixels, "mask_video": inputs.mask * (255 if full else 1)}
    if case.reference == "VOID":
        flags = {"use_trimask": True, "use_vae_mask": True, "zero_out_mask_region": False}
        return {"video": inputs.pixels, "mask_video": inputs.mask, **flags}
    return {"image": inputs.pixels[:, :, 0]} if case.layout == "i2v" else {}


def _conditioning(call: dict[str, Any]) -> Tensor:
    """The conditional half of what followed the noise."""
    if "inpaint_latents" in call:
        return call["inpaint_latents"][-1:]
    return call["hidden_states"][-1:, :, 16:]


def _pixels(case: Case, pipe: Any, latents: Tensor) -> Tensor | None:
    """0..1. diffusers has no rule for an even number of latent frames: it makes 3 too many."""
    if case.reference == "diffusers" and latents.shape[1] % 2 == 0:
        return None
    decoded = pipe.decode_latents(latents)
    if isinstance(decoded, Tensor):
        return (decoded / 2 + 0.5).clamp(0, 1)
    return torch.from_numpy(decoded)


@contextmanager
def _package(checkout: Path) -> Iterator[Any]:
    """The reference's CogVideoX modules as one namespace, without the rest of its package."""
    if not (checkout / "videox_fun").is_dir():
        raise FileNotFoundError(f"no videox_fun in {checkout}")
    parts = ("", "models", "pipeline", "dist", "dist.cogvideox_xfuser")
    names = ["videox_fun" + (f".{part}" if part else "") for part in parts]
    modules = {name: ModuleType(name) for name in names}
    for name, module in modules.items():
        vars(module).update(ABSENT, __path__=[str(checkout.joinpath(*name.split(".")))])
    sys.modules |= modules
    try:
        yield _load(modules["videox_fun.models"])
    finally:
        for name in [key for key in sys.modules if key.split(".")[0] == "videox_fun"]:
            del sys.modules[name]


def _load(models: ModuleType) -> Any:
    transformer = importlib.import_module("videox_fun.models.cogvideox_transformer3d")
    vae = importlib.import_module("videox_fun.models.cogvideox_vae")
    found = {
        "CogVideoXTransformer3DModel": transformer.CogVideoXTransformer3DModel,
        "AutoencoderKLCogVideoX": vae.AutoencoderKLCogVideoX,
        "T5EncoderModel": object,
        "T5Tokenizer": object,
    }
    vars(models).update(found)
    pipeline = importlib.import_module("videox_fun.pipeline.pipeline_cogvideox_fun_inpaint")
    return SimpleNamespace(
        CogVideoXFunInpaintPipeline=pipeline.CogVideoXFunInpaintPipeline, **found
    )
