"""Checks of CogVideoX edits: our own models beside the same weights in ComfyUI's classes.

Part of inside_core_model.py, in its process; benchmarks/core_parity.py prints all that is measured.
Both get the same noise, embeddings and steps. Where they differ, ComfyUI's side is given ours, one
thing after the other, by nothing but the inputs of Vivid Use Core Model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor

if __package__:  # to be listed by pytest
    from .core_models import (
        cogvideox_vae_of,
        has_cogvideox,
        load_model,
        pack_module,
        random_state,
        use,
    )
else:
    from core_models import (
        cogvideox_vae_of,
        has_cogvideox,
        load_model,
        pack_module,
        random_state,
        use,
    )

Model = Literal["vivid-tiny", "Fun-InP 1.5", "VOID"]
MODELS: tuple[Model, ...] = get_args(Model)
Ours = Literal["decoder", "positions", "conditioning", "last level"]  # given to ComfyUI's side
GIVEN: dict[Model, tuple[Ours, ...]] = {
    "vivid-tiny": ("decoder", "positions", "last level"),
    "Fun-InP 1.5": ("decoder", "last level"),
    "VOID": ("decoder", "conditioning", "last level"),
}
STEPS, SEED, GUIDANCE = 4, 1, 3.0
PURE_NOISE = 1e6  # a level at which nothing of the signal is left; ComfyUI's highest is 4519
OTHER = 0.1
LATE = 0.02  # in the mean; our decoder takes the first latent alone
SAME = 1e-4  # of pixels in 0..1; two implementations in float32
VAE_SIZES = {"block_out_channels": (32,) * 4, "layers_per_block": 1}
SIZES = {
    "num_attention_heads": 1, "attention_head_dim": 64, "time_embed_dim": 32, "text_embed_dim": 64,
    "num_layers": 2, "patch_size_t": 2, "patch_bias": False, "sample_height": 96,
    "sample_width": 170, "use_rotary_positional_embeddings": True,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One edit of a model of ours, and what both sides are asked."""

    ours: Any  # CogVideoX
    region: Any
    settings: Any

    @property
    def guided(self) -> bool:
        return self.settings.guidance_scales[0] != 1.0

    @property
    def space(self) -> int:
        return int(self.ours.geometry.space)

    def noise(self) -> Tensor:
        """As ours draws it, in ComfyUI's order of axes."""
        t, h, w = self.region.pixels.shape[:3]
        size = ((t - 1) // 4 + 1, 16, h // self.space, w // self.space)
        drawn = torch.randn(size, generator=torch.Generator().manual_seed(SEED))
        return drawn.transpose(0, 1)[None]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Of pixels in 0..1 inside the hole."""

    largest: float
    mean_square: float


def edit_of(model: Model) -> Edit:
    """vivid-tiny merged with its adapter on a scene of its own; the others have random weights."""
    cases, settings = pack_module("tiny.cases"), pack_module("settings")
    region = pack_module("inpainter").Region
    case = cases.modify_case(3, cases.Sampling(steps=STEPS, guidance=GUIDANCE))
    if model == "vivid-tiny":
        pixels = case.material.clip.frames
        return Edit(
            ours=tiny_merged(), region=region(pixels=pixels, hole=case.hole), settings=case.settings
        )
    frames = 5
    pixels, hole = case.material.clip.frames[:frames], case.hole[:frames]
    asked = {"task": "delete", "guidance": 1.0} if model == "VOID" else {"task": "modify"}
    asked = {"guidance": GUIDANCE, "caption": "a red circle", "steps": STEPS, **asked}
    return Edit(
        ours=random_model(model),
        region=region(pixels=pixels, hole=hole),
        settings=settings.Settings(seed=SEED, **asked),
    )


def tiny_merged() -> Any:
    tiny, adapters = pack_module("tiny.load"), pack_module("cogvideox.adapter")
    adapter = adapters.load_adapter(tiny.TINY_WEIGHTS / tiny.ADAPTER_FILE)
    base = tiny.load_tiny(adapter=False)
    return pack_module("cogvideox.merge").merged_bundle(base, adapter)


def random_model(model: Model) -> Any:
    from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel

    layout = pack_module("cogvideox.layout").layout_named(
        "void" if model == "VOID" else "fun_inp", version="1.5"
    )
    transformer: Any = CogVideoXTransformer3DModel(in_channels=layout.in_channels, **SIZES)
    blocks = {
        f"{way}_block_types": (f"CogVideoX{way.title()}Block3D",) * 4 for way in ("down", "up")
    }
    vae: Any = AutoencoderKLCogVideoX(
        latent_channels=16, scaling_factor=1.15258426, **blocks, **VAE_SIZES
    )
    for part in (transformer, vae):
        part.load_state_dict(random_state(part))
        part.eval().requires_grad_(False)
    base = pack_module("tiny.load").load_tiny(adapter=False)
    return base.with_(name=model, transformer=transformer, vae=vae, layout=layout)


class OurVae:
    """A VAE of ours with the face of ComfyUI's."""

    latent_dim, latent_channels = 3, 16
    device = torch.device("cpu")

    def __init__(self, vae: Any, space: int) -> None:
        self.codec = pack_module("cogvideox.vae")
        self.first_stage_model, self.scale = vae, vae.config.scaling_factor
        self.downscale_ratio = (lambda frames: (frames + 3) // 4, space, space)

    def encode(self, pixels: Tensor) -> Tensor:
        clip = pixels.movedim(-1, 0)[None] * 2 - 1
        return self.codec.encode(self.first_stage_model, clip) / self.scale

    def decode(self, latents: Tensor) -> Tensor:
        made = self.codec.decode(
            self.first_stage_model, latents * self.scale, frames=4 * latents.shape[2] - 3
        )
        return ((made + 1) / 2).clamp(0, 1).movedim(1, -1)

    def spacial_compression_encode(self) -> int:
        return int(self.downscale_ratio[-1])

    def temporal_compression_decode(self) -> int:
        return 4


def pixels_of_ours(edit: Edit) -> Tensor:
    ours, asked = edit.ours, edit.settings
    made = ours.inpaint(edit.region, [draw_of(ours, asked)], asked, **QUIETLY).pixels[0]
    return made.clamp(0, 1)


QUIETLY: dict[str, Any] = {"device": torch.device("cpu"), "on_stage": lambda *_: None}


def draw_of(model: Any, asked: Any) -> Any:
    return pack_module("inpainter").Draw(
        prompt=model.read(asked.caption, asked), negative=model.read_negative(asked), seed=SEED
    )


def pixels_of_core(nodes: Any, edit: Edit, given: tuple[Ours, ...]) -> Tensor:
    """Of Vivid Use Core Model, with some of what is ours in place of ComfyUI's own."""
    draw = draw_of(edit.ours, edit.settings)
    inputs: dict[str, Any] = {"model": model_in_core(edit, "positions" in given)}
    inputs["positive"] = [[draw.prompt.data.embeds, {}]]
    inputs["negative"] = None if draw.negative is None else [[draw.negative.data.embeds, {}]]
    if "conditioning" in given:
        inputs["guider"] = guider_with(edit, inputs)
    if "last level" in given:
        inputs["sigmas"] = sigmas_from_pure_noise(inputs["model"])
    vae = our_vae(edit) if "decoder" in given else vae_in_core(edit)
    t, h, w = edit.region.pixels.shape[:3]
    core = use(
        nodes, None, vae, 64, sampler=sampler_from(edit.noise()), window=t, width=w, height=h,
        **inputs,
    ).bundle  # fmt: skip
    asked = edit.settings
    return core.inpaint(edit.region, [draw_of(core, asked)], asked, **QUIETLY).pixels[0]


def model_in_core(edit: Edit, our_positions: bool) -> Any:
    respell = pack_module("cogvideox.keys").respell
    model = load_model(respell(dict(edit.ours.transformer.state_dict()), "comfyui"))
    if our_positions:
        rotary = pack_module("cogvideox.rotary").rotary_embedding
        config, patch = edit.ours.transformer.config, edit.ours.geometry.patch

        def positions(h: int, w: int, t: int, device: Any) -> Any:
            return rotary(config, (t, h * patch, w * patch), device=device)

        model.add_object_patch("diffusion_model._get_rotary_emb", positions)
    return model


def our_vae(edit: Edit) -> OurVae:
    return OurVae(edit.ours.vae, edit.space)


def vae_in_core(edit: Edit) -> Any:
    """ComfyUI's own class with our tensors, whose names are the same."""
    config = edit.ours.vae.config
    return cogvideox_vae_of(
        dict(edit.ours.vae.state_dict()),
        space=edit.space,
        block_out_channels=tuple(config.block_out_channels),
        layers_per_block=config.layers_per_block,
        groups=config.norm_num_groups,
    )


def sampler_from(noise: Tensor) -> Any:
    """ComfyUI's sampler for these models, from this noise."""
    from comfy_extras.nodes_void import VOID_DDIM

    class FromNoise(VOID_DDIM):
        def sample(
            self, model_wrap: Any, sigmas: Any, extra: Any, callback: Any, _: Any, *rest: Any,
            **more: Any,
        ) -> Any:  # fmt: skip
            return super().sample(model_wrap, sigmas, extra, callback, noise, *rest, **more)

    return FromNoise()


def sigmas_from_pure_noise(model: Any) -> Tensor:
    import comfy.samplers

    sampling = model.get_model_object("model_sampling")
    sigmas = comfy.samplers.calculate_sigmas(sampling, "simple", STEPS).clone()
    assert 4000 < sigmas[0] < PURE_NOISE
    sigmas[0] = PURE_NOISE
    return sigmas


def guider_with(edit: Edit, inputs: dict[str, Any]) -> Any:
    """Guidance whose conditions have our latents beside the noise."""
    import comfy.samplers
    import node_helpers

    ours, region = edit.ours, edit.region
    pixels = region.pixels.movedim(-1, 0)[None] * 2 - 1
    built = pack_module("cogvideox.conditioning").build_conditioning(
        ours.layout, ours.vae, pixels, region.hole[None, None]
    )
    values = {"concat_latent_image": built.transpose(1, 2) / ours.scaling_factor}

    class WithOurs(comfy.samplers.CFGGuider):
        def inner_set_conds(self, conds: Any) -> None:
            set_values = node_helpers.conditioning_set_values
            super().inner_set_conds({name: set_values(c, values) for name, c in conds.items()})

    guider = WithOurs(inputs["model"])
    guider.set_cfg(edit.settings.guidance_scales[0])
    return guider


def difference(edit: Edit, one: Tensor, other: Tensor) -> Difference:
    gap = (one - other)[edit.region.hole > 0]
    return Difference(largest=float(gap.abs().max()), mean_square=float(gap.square().mean()))


def steps_to_ours(nodes: Any, model: Model) -> Iterator[tuple[str, Difference]]:
    """From ComfyUI as it is to all that is ours, one thing after the other."""
    edit = edit_of(model)
    ours = pixels_of_ours(edit)
    for count in range(len(GIVEN[model]) + 1):
        given = GIVEN[model][:count]
        name = f"and our {given[-1]}" if given else "as it is"
        yield name, difference(edit, ours, pixels_of_core(nodes, edit, given))


def edits_are_ours_but_for_what_is_named(nodes: Any) -> str | None:
    """All of the difference is explained; without the largest part of it there is one."""
    if not has_cogvideox():
        return "this ComfyUI has no CogVideoX"
    for model in MODELS:
        edit = edit_of(model)
        ours = pixels_of_ours(edit)
        assert (ours - edit.region.pixels)[edit.region.hole > 0].abs().mean() > 0.01, model
        found = difference(edit, ours, pixels_of_core(nodes, edit, GIVEN[model]))
        assert found.largest < SAME, (model, found)
        for named in {"positions", "conditioning"} & set(GIVEN[model]):
            without = tuple(one for one in GIVEN[model] if one != named)
            found = difference(edit, ours, pixels_of_core(nodes, edit, without))
            assert found.largest > OTHER, (model, named, "say in docs/comfyui.md what is so now")
    return None


def an_even_clip_of_latents_is_not_late(nodes: Any) -> str | None:
    """vivid-tiny's VAE in ComfyUI's class, which makes three frames too many of it."""
    if not has_cogvideox():
        return "this ComfyUI has no CogVideoX"
    tiny = edit_of("vivid-tiny")
    frames = tiny.region.pixels[:5]
    vae = vae_in_core(tiny)
    latents = vae.encode(frames)
    assert latents.shape[2] == 2 and len(vae.decode(latents)[0]) == 8
    core = use(nodes, None, vae, 64, model=model_in_core(tiny, False)).bundle
    region = replace(tiny.region, pixels=frames, hole=tiny.region.hole[:5])
    made = core._decode(latents, core._span(region), 0)
    assert (made - our_vae(tiny).decode(latents)[0]).abs().mean() < LATE
    assert (vae.decode(latents)[0][:5] - frames).abs().mean() > (made - frames).abs().mean()
    return None


CHECKS: dict[str, Callable[[Any], str | None]] = {
    check.__name__: check
    for check in (edits_are_ours_but_for_what_is_named, an_even_clip_of_latents_is_not_late)
}
