"""Small models with fixed weights, and this project's side of each agreement case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar
from zlib import crc32

import numpy as np
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from torch import Tensor, nn

from vivid_core.cogvideox.conditioning import REFERENCE_NOISE, build_conditioning
from vivid_core.cogvideox.guidance import guided_predictor
from vivid_core.cogvideox.layout import Layout, LayoutName, Version, layout_named
from vivid_core.cogvideox.rotary import rotary_embedding
from vivid_core.cogvideox.sampling import NoiseSchedule, denoise
from vivid_core.cogvideox.vae import decode
from vivid_core.settings import Sampler

SCHEDULE = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "clip_sample": False,
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
    "rescale_betas_zero_snr": True,
    "snr_shift_scale": 1.0,
}
Module = TypeVar("Module", bound=nn.Module)
TEXT_TOKENS, TEXT_WIDTH = 8, 32
NOISE_SEED = 11
MaskKind = Literal["moving", "soft", "keyframe", "all", "quad"]


@dataclass(frozen=True)
class Case:
    """One run of one layout on one reference. Sizes in pixels."""

    name: str
    layout: LayoutName
    version: Version
    reference: Literal["VideoX-Fun", "VOID", "diffusers"]
    frames: int
    size: tuple[int, int] = (16, 32)
    mask: MaskKind = "moving"
    sampler: Sampler = "ddim"
    scheduler: Literal["cogvideox", "plain"] = "cogvideox"  # plain: diffusers' own DDIMScheduler
    guidance: float = 6.0
    steps: int = 4
    reference_noise: float = 0.0
    rotary: bool = True
    snr_shift: float = 1.0

    @cached_property
    def record(self) -> Layout:
        return layout_named(self.layout, version=self.version)

    @property
    def file(self) -> str:
        return f"{self.name.replace(' ', '_')}.safetensors"

    @property
    def schedule(self) -> dict[str, Any]:
        return SCHEDULE | {"snr_shift_scale": self.snr_shift}


CASES = (
    Case("fun 1.1", "fun_inp", "1.1", "VideoX-Fun", 9),
    Case("fun 1.1 plain DDIM", "fun_inp", "1.1", "VideoX-Fun", 9, scheduler="plain"),
    Case("fun 1.1 DPM", "fun_inp", "1.1", "VideoX-Fun", 17, sampler="dpm", steps=5),
    Case("fun 1.1 soft mask", "fun_inp", "1.1", "VideoX-Fun", 9, mask="soft"),
    Case("fun 1.1 keyframe", "fun_inp", "1.1", "VideoX-Fun", 9, mask="keyframe"),
    Case("fun 1.1 all masked", "fun_inp", "1.1", "VideoX-Fun", 9, mask="all"),
    Case("fun 1.1 noise", "fun_inp", "1.1", "VideoX-Fun", 9, reference_noise=REFERENCE_NOISE),
    Case("fun 1.1 image", "fun_inp", "1.1", "VideoX-Fun", 1),
    Case("fun 1.1 guidance 1", "fun_inp", "1.1", "VideoX-Fun", 9, guidance=1.0),
    Case("fun 1.0 2B", "fun_inp", "1.0", "VideoX-Fun", 9, rotary=False),
    Case("fun 1.5", "fun_inp", "1.5", "VideoX-Fun", 5),
    Case("fun 1.5 long", "fun_inp", "1.5", "VideoX-Fun", 13, size=(32, 16)),
    Case("fun 1.5 DPM", "fun_inp", "1.5", "VideoX-Fun", 13, sampler="dpm", steps=5),
    Case("fun 1.5 image", "fun_inp", "1.5", "VideoX-Fun", 1),
    Case("void", "void", "1.5", "VOID", 13, scheduler="plain", guidance=1.0),
    Case("void quadmask", "void", "1.5", "VOID", 5, mask="quad", scheduler="plain", guidance=1.0),
    Case("void noise", "void", "1.5", "VOID", 5, reference_noise=REFERENCE_NOISE),
    Case("t2v 5B", "t2v", "1.0", "diffusers", 9),
    Case("t2v 5B DPM", "t2v", "1.0", "diffusers", 9, sampler="dpm", steps=5),
    Case("t2v 2B", "t2v", "1.0", "diffusers", 9, rotary=False, snr_shift=3.0),
    Case("t2v 1.5", "t2v", "1.5", "diffusers", 5),
    Case("i2v 5B", "i2v", "1.0", "diffusers", 9),
    Case("i2v 5B DPM", "i2v", "1.0", "diffusers", 9, sampler="dpm", steps=5),
    Case("i2v 1.5", "i2v", "1.5", "diffusers", 13),
)
# Kept in the repository as the references' word, so that no checkout is needed to notice a change.
GOLDEN = (
    "fun 1.1",
    "fun 1.1 DPM",
    "fun 1.1 soft mask",
    "fun 1.1 keyframe",
    "fun 1.1 noise",
    "fun 1.0 2B",
    "fun 1.5 long",
    "fun 1.5 image",
    "void",
    "void quadmask",
    "t2v 5B",
    "t2v 2B",
    "i2v 5B DPM",
    "i2v 1.5",
)
PIXEL_STRIDE = 8  # of the pixels, one in so many of each side is kept


@dataclass(frozen=True)
class Outcome:
    """What is compared; None where a case has no such thing."""

    conditioning: Tensor  # [b, t, c, h, w]
    first: Tensor  # latents after the first step, [b, t, 16, h, w]
    latents: Tensor  # after the last
    pixels: Tensor | None  # 0..1, [b, 3, t, h, w]
    rotary: Tensor | None = None


def stored(outcome: Outcome) -> dict[str, Tensor]:
    """The part of an outcome that is kept."""
    tensors = {name: getattr(outcome, name) for name in ("conditioning", "first", "latents")}
    if outcome.pixels is not None:
        tensors["pixels"] = outcome.pixels[..., ::PIXEL_STRIDE, ::PIXEL_STRIDE]
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


@dataclass(frozen=True)
class Inputs:
    pixels: Tensor  # [1, 3, t, h, w] in 0..1
    mask: Tensor  # [1, 1, t, h, w] in 0..1, 1 = edit
    noise: Tensor  # [1, t, 16, h, w]
    prompt: Tensor
    negative: Tensor


def transformer_config(case: Case) -> dict[str, Any]:
    height, width = (side // 8 for side in case.size)
    grid = (height, width) if not case.rotary else (12, 16)
    late = case.version == "1.5"
    return {
        "num_attention_heads": 2,
        "attention_head_dim": 16,
        "in_channels": case.record.in_channels,
        "out_channels": 16,
        "time_embed_dim": 8,
        "text_embed_dim": TEXT_WIDTH,
        "num_layers": 2,
        "sample_height": grid[0],
        "sample_width": grid[1],
        "sample_frames": case.frames,
        "max_text_seq_length": TEXT_TOKENS,
        "use_rotary_positional_embeddings": case.rotary,
        "patch_size_t": case.record.patch_time,
        "patch_bias": True,
        **({"ofs_embed_dim": 8} if case.layout == "i2v" and late else {}),
    }


def build_transformer(case: Case) -> CogVideoXTransformer3DModel:
    return fixed_weights(CogVideoXTransformer3DModel(**transformer_config(case)))


def build_vae(case: Case) -> AutoencoderKLCogVideoX:
    return fixed_weights(AutoencoderKLCogVideoX(**vae_config(case)))


def vae_config(case: Case) -> dict[str, Any]:
    return {
        "down_block_types": ("CogVideoXDownBlock3D",) * 4,
        "up_block_types": ("CogVideoXUpBlock3D",) * 4,
        "block_out_channels": (8,) * 4,
        "latent_channels": 16,
        "layers_per_block": 1,
        "norm_num_groups": 2,
        "sample_height": 64,
        "sample_width": 64,
        "scaling_factor": 0.7,
        "invert_scale_latents": case.layout == "i2v" and case.version == "1.5",
    }


@torch.no_grad()
def fixed_weights(module: Module) -> Module:
    """Weights drawn from each parameter's name: equal in every version of torch and diffusers."""
    for name, parameter in module.named_parameters():
        values = draw(name, tuple(parameter.shape)) * 2 - 1
        if parameter.ndim > 1:
            values = values * (3 / parameter[0].numel()) ** 0.5
        else:
            values = values * 0.1 + float(name.endswith("norm.weight"))
        parameter.copy_(values)
    return module.eval()


def draw(name: str, shape: tuple[int, ...]) -> Tensor:
    """Uniform in 0..1. numpy promises that this stream never changes."""
    values = np.random.RandomState(crc32(name.encode())).random_sample(shape)
    return torch.from_numpy(values.astype(np.float32))


def make_inputs(case: Case) -> Inputs:
    (h, w), latents = case.size, (case.frames - 1) // 4 + 1
    noise = draw("noise", (4, 1, latents, 16, h // 8, w // 8)).sum(0) - 2  # variance 1/3
    return Inputs(
        pixels=draw("pixels", (1, 3, case.frames, h, w)),
        mask=make_mask(case),
        noise=noise * 3**0.5,
        prompt=draw("prompt", (1, TEXT_TOKENS, TEXT_WIDTH)) * 2 - 1,
        negative=draw("negative", (1, TEXT_TOKENS, TEXT_WIDTH)) * 2 - 1,
    )


def make_mask(case: Case) -> Tensor:
    shape = (1, 1, case.frames, *case.size)
    makers: dict[MaskKind, Callable[[], Tensor]] = {
        "moving": lambda: _box(shape),
        "keyframe": lambda: torch.cat([_box(shape)[:, :, :1] * 0, _box(shape)[:, :, 1:]], dim=2),
        "soft": lambda: draw("mask", shape),
        "all": lambda: torch.ones(shape),
        "quad": lambda: (
            torch.tensor([0.0, 128.0, 192.0, 255.0])[(draw("mask", shape) * 4).long().clamp(max=3)]
            / 255
        ),
    }
    return makers[case.mask]()


def _box(shape: tuple[int, ...]) -> Tensor:
    """A box that moves to the right."""
    mask = torch.zeros(shape)
    for frame in range(shape[2]):
        left = 2 + frame % (shape[4] // 2)
        mask[:, :, frame, 3 : shape[3] // 2 + 2, left : left + shape[4] // 3] = 1
    return mask


@torch.no_grad()
def run_ours(case: Case) -> Outcome:
    """This project's conditioning, sampling and decoding."""
    vae, transformer, inputs = build_vae(case), build_transformer(case), make_inputs(case)
    generator = torch.Generator().manual_seed(NOISE_SEED)
    conditioning = build_conditioning(
        case.record,
        vae,
        inputs.pixels * 2 - 1,
        inputs.mask,
        reference_noise=case.reference_noise,
        generator=generator,
    )
    _, frames, _, height, width = inputs.noise.shape
    rotary = rotary_embedding(transformer.config, (frames, height, width))
    predict = guided_predictor(
        transformer, conditioning, inputs.prompt, inputs.negative, case.guidance, rotary
    )
    visited: list[Tensor] = []

    def recording(latents: Tensor, t: int) -> Tensor:
        visited.append(latents)
        return predict(latents, t)

    latents = denoise(
        recording,
        inputs.noise,
        NoiseSchedule.from_config(case.schedule),
        steps=case.steps,
        sampler=case.sampler,
        generators=[generator],
    )
    pixels = decode(
        vae,
        latents.transpose(1, 2),
        frames=case.frames,
        first_frame_alone=case.reference != "diffusers",
    )
    return Outcome(
        conditioning=conditioning,
        first=visited[1],
        latents=latents,
        pixels=(pixels / 2 + 0.5).clamp(0, 1),
        rotary=None if rotary is None else torch.stack(rotary),
    )
