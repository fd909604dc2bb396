"""InsViE's released code beside this project: network, three readings, sampler, blank text.

What runs of theirs, unchanged: `DiffusionTransformer` with the mixins of its configuration, on SAT
0.4.12's own `BaseModel`; `DiscreteDenoiser`, `VideoScaling`, `ZeroSNRDDPMDiscretization`,
`DynamicCFG_edit`, `VPSDEDPMPP2MSampler`; `GeneralConditioner` with `FrozenT5Embedder`. Imports that
none of these call are empty modules. Their VAE does not run here.
"""

from __future__ import annotations

import argparse
import importlib
import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from agreement_cases import NOISE_SEED, SCHEDULE, TEXT_TOKENS, TEXT_WIDTH, draw, fixed_weights
from diffusers import CogVideoXTransformer3DModel
from safetensors.torch import load_file
from torch import Tensor, nn

from vivid_core.cogvideox.conditioning import drop_source
from vivid_core.cogvideox.guidance import Reading, instruction_weights, weighted_predictor
from vivid_core.cogvideox.sampling import (
    NoiseSchedule,
    denoise,
    predicted_x0,
    timestep_pairs,
)
from vivid_core.cogvideox.sat import convert_checkpoint
from vivid_core.cogvideox.text import encode_caption
from vivid_core.settings import INSTRUCTION_GUIDANCE

STEPS, SHIFT, FRAMES = 50, 3.0, 9
HEIGHT, WIDTH = 4, 8  # of latents
HIDDEN, HEADS, LAYERS, TIME_WIDTH = 1920, 30, 1, 8  # the width tells that positions are sines
LOOKED_AT = (999, 799, 499, 259, 99, 19)  # timesteps of 50 steps
MODULES = "sgm.modules"
DIFFUSION = f"{MODULES}.diffusionmodules"
DIT = "dit_video_concat"


@dataclass(frozen=True)
class Row:
    """`judged`: whether both are to be equal; else the difference is only told."""

    what: str
    difference: float
    judged: bool = True


@torch.no_grad()
def compare_insvie(checkouts: Path) -> Iterator[Row]:
    """One row a thing that is compared."""
    with _released(checkouts / "InsViE" / "CogVideo" / "sat", checkouts / "sat") as theirs:
        network = _their_network(theirs)
        inputs = _Inputs()
        ours = _converted(network)
        yield from _patches(ours, network, inputs)
        yield from _networks(ours, network, inputs)
        table = _their_schedule(theirs)
        yield _schedules(table)
        yield _scales(theirs)
        yield from _guided(theirs, ours, network, inputs, table)
        yield from _sampled(theirs, ours, network, inputs, table)
        yield from _texts(theirs)


class _Inputs:
    """Noise, source latents and texts."""

    def __init__(self) -> None:
        shape = (1, (FRAMES - 1) // 4 + 1, 16, HEIGHT, WIDTH)
        noise = draw("noise", (4, *shape)).sum(0) - 2
        self.noise = noise * 3**0.5
        self.source = draw("source", shape) * 2 - 1
        self.text = draw("prompt", (1, TEXT_TOKENS, TEXT_WIDTH)) * 2 - 1
        self.blank = torch.zeros_like(self.text)


def _their_network(theirs: Any) -> nn.Module:
    """DiffusionTransformer as cogvideox_2b_lora_edit.yaml builds it, in small, without its LoRA."""

    def part(name: str, **params: Any) -> dict[str, Any]:
        return {"target": f"{DIT}.{name}", "params": params}

    modules = {
        "pos_embed_config": part(
            "Basic3DPositionEmbeddingMixin",
            text_length=TEXT_TOKENS,
            height_interpolation=1.875,
            width_interpolation=1.875,
        ),
        "patch_embed_config": part(
            "ImagePatchEmbeddingMixin",
            text_hidden_size=TEXT_WIDTH,
            is_edit=True,
            emb_ver="double_ch",
        ),
        "adaln_layer_config": part("AdaLNMixin", qk_ln=True),
        "final_layer_config": part("FinalLayerMixin"),
    }
    transformer_args = argparse.Namespace(
        vocab_size=1,
        max_sequence_length=64,
        layernorm_order="pre",
        skip_init=False,
        model_parallel_size=1,
        is_decoder=False,
        checkpoint_activations=False,
    )
    with redirect_stdout(io.StringIO()):
        network = theirs.dit.DiffusionTransformer(
            transformer_args=transformer_args,
            num_frames=FRAMES,
            time_compressed_rate=4,
            latent_width=WIDTH,
            latent_height=HEIGHT,
            patch_size=2,
            in_channels=16,
            out_channels=16,
            hidden_size=HIDDEN,
            num_layers=LAYERS,
            num_attention_heads=HEADS,
            elementwise_affine=True,
            time_embed_dim=TIME_WIDTH,
            adm_in_channels=256,
            modules=modules,
        )
    positions = network.mixins["pos_embed"].pos_embedding
    kept = positions.clone()
    fixed_weights(network)
    positions.copy_(kept)
    return network


def _converted(network: nn.Module) -> CogVideoXTransformer3DModel:
    """Their weights, saved as their trainer saves them, through `vivid convert`."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, out = Path(folder, "mp_rank_00_model_states.pt"), Path(folder, "a.safetensors")
        state = {f"model.diffusion_model.{k}": v for k, v in network.state_dict().items()}
        torch.save({"module": state}, checkpoint)
        convert_checkpoint(checkpoint, out)
        tensors = load_file(out)
    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=HEADS,
        attention_head_dim=HIDDEN // HEADS,
        in_channels=32,
        out_channels=16,
        time_embed_dim=TIME_WIDTH,
        text_embed_dim=TEXT_WIDTH,
        num_layers=LAYERS,
        sample_height=HEIGHT,
        sample_width=WIDTH,
        sample_frames=FRAMES,
        max_text_seq_length=TEXT_TOKENS,
        spatial_interpolation_scale=1.875,
        temporal_interpolation_scale=1.0,
    )
    missing = transformer.load_state_dict(tensors, strict=False).missing_keys
    if missing:
        raise AssertionError(f"not converted: {missing}")
    return transformer.eval()


def _patches(ours: Any, network: Any, inputs: _Inputs) -> Iterator[Row]:
    """Noise first, then the source; the text before both."""
    both = torch.cat([inputs.noise, inputs.source], dim=2)
    mixin = network.mixins["patch_embed"]
    found = mixin.word_embedding_forward(None, images=both, encoder_outputs=inputs.text)
    seated = network.mixins["pos_embed"].pos_embedding + found
    yield Row("patch embedder", _difference(ours.patch_embed(inputs.text, both), seated))


def _networks(ours: Any, network: Any, inputs: _Inputs) -> Iterator[Row]:
    for t in (999, 19):
        both = torch.cat([inputs.noise, inputs.source], dim=2)
        time = torch.tensor([t])
        mine = ours(both, inputs.text, time, return_dict=False)[0]
        yield Row(f"network, t {t}", _difference(mine, _run(network, both, time, inputs.text)))


def _run(network: Any, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
    return network(x, timesteps=time, context=text)


def _their_schedule(theirs: Any) -> dict[int, float]:
    """Root of the signal's power at each timestep that their sampler visits."""
    found = theirs.discretizer.ZeroSNRDDPMDiscretization(shift_scale=SHIFT)
    roots, times = found(STEPS, do_append_zero=False, return_idx=True)
    return dict(zip(reversed([int(t) for t in times]), roots.tolist(), strict=True))


def _our_schedule() -> NoiseSchedule:
    return NoiseSchedule.from_config({**SCHEDULE, "snr_shift_scale": SHIFT})


def _schedules(table: dict[int, float]) -> Row:
    """Theirs is rescaled to zero terminal SNR over 50 timesteps, ours over 1000, as in training."""
    ours = _our_schedule()
    times = [t for t, _ in timestep_pairs(STEPS, ours)]
    if times != list(table):
        return Row("timesteps", float("inf"))
    apart = max(abs(ours.alpha(t) ** 0.5 - root) for t, root in table.items())
    return Row("root of alpha", apart, judged=False)


def _as_theirs(table: dict[int, float]) -> NoiseSchedule:
    """Our schedule with their values at the timesteps of sampling."""
    alphas = _our_schedule().alphas_cumprod.clone()
    for t, root in table.items():
        alphas[t] = root**2
    return NoiseSchedule(alphas_cumprod=alphas)


def _guider(theirs: Any) -> dict[str, Any]:
    text, video = INSTRUCTION_GUIDANCE
    return {
        "target": f"{DIFFUSION}.guiders.DynamicCFG_edit",
        "params": {"scale": text, "scale_img": video, "exp": 5, "num_steps": STEPS},
    }


def _scales(theirs: Any) -> Row:
    """Weights of the three readings at all 50 timesteps."""
    guider = theirs.guiders.DynamicCFG_edit(**_guider(theirs)["params"])
    worst = 0.0
    for t, _ in timestep_pairs(STEPS, _our_schedule()):
        readings = torch.eye(3, dtype=torch.float64)[:, :, None]
        found = guider(readings, None, step_index=torch.tensor(STEPS - t))[0, :, 0]
        text, video = INSTRUCTION_GUIDANCE
        mine = instruction_weights("released", text, video, t=t, steps=STEPS)
        worst = max(worst, _difference(torch.tensor(mine, dtype=torch.float64), found))
    return Row("weights of the readings", worst)


def _sampler(theirs: Any) -> Any:
    discretization = {
        "target": f"{DIFFUSION}.discretizer.ZeroSNRDDPMDiscretization",
        "params": {"shift_scale": SHIFT},
    }
    return theirs.sampling.VPSDEDPMPP2MSampler(
        num_steps=STEPS,
        discretization_config=discretization,
        guider_config=_guider(theirs),
        device="cpu",
    )


def _denoiser(theirs: Any, network: Any, *, quantized: bool) -> Any:
    """Theirs moves each sigma to the nearest of its own 1000, unless that is left out."""
    denoiser = theirs.denoiser.DiscreteDenoiser(
        num_idx=1000,
        quantize_c_noise=False,
        weighting_config={"target": f"{DIFFUSION}.denoiser_weighting.EpsWeighting"},
        scaling_config={"target": f"{DIFFUSION}.denoiser_scaling.VideoScaling"},
        discretization_config={
            "target": f"{DIFFUSION}.discretizer.ZeroSNRDDPMDiscretization",
            "params": {"shift_scale": SHIFT},
        },
    )

    def inner(x: Tensor, time: Tensor, cond: dict[str, Tensor], **_: Any) -> Tensor:
        return _run(network, x, time, cond["crossattn"])

    if not quantized:
        vars(denoiser)["possibly_quantize_sigma"] = lambda sigma: sigma

    def call(x: Tensor, sigma: Tensor, cond: dict[str, Tensor], **more: Any) -> Tensor:
        return denoiser(inner, x, sigma, cond, **more)

    return call


def _conditions(inputs: _Inputs) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    return {"crossattn": inputs.text}, {"crossattn": inputs.blank}


def _predictor(ours: Any, inputs: _Inputs) -> Any:
    text, video = INSTRUCTION_GUIDANCE
    readings = (
        Reading(text=inputs.blank, conditioning=drop_source(inputs.source)),
        Reading(text=inputs.blank, conditioning=inputs.source),
        Reading(text=inputs.text, conditioning=inputs.source),
    )
    return weighted_predictor(
        ours,
        readings,
        lambda t: instruction_weights("released", text, video, t=t, steps=STEPS),
        None,
    )


def _guided(
    theirs: Any, ours: Any, network: Any, inputs: _Inputs, table: dict[int, float]
) -> Iterator[Row]:
    """What three readings say that clean latents are, at several timesteps."""
    sampler, denoiser = _sampler(theirs), _denoiser(theirs, network, quantized=False)
    predict, schedule = _predictor(ours, inputs), _as_theirs(table)
    for t in LOOKED_AT:
        root = torch.tensor([table[t]])
        noise = inputs.noise.clone()
        found = sampler.denoise_edit(
            noise, inputs.source, denoiser, root, *_conditions(inputs), timestep=torch.tensor(t)
        )
        mine = predicted_x0(predict(noise, t), noise, schedule.alpha(t), "v_prediction")
        yield Row(f"guided step, t {t}", _difference(mine, found))


def _sampled(
    theirs: Any, ours: Any, network: Any, inputs: _Inputs, table: dict[int, float]
) -> Iterator[Row]:
    """All 50 steps with the same noise: at the same alphas, and all as released beside ours."""
    for what, schedule, judged in (
        ("50 steps, equal alphas", _as_theirs(table), True),
        ("50 steps as released", _our_schedule(), False),
    ):
        generator = torch.Generator().manual_seed(NOISE_SEED)
        denoiser = _denoiser(theirs, network, quantized=not judged)
        with patch("torch.randn_like", lambda x, g=generator: torch.randn(x.shape, generator=g)):
            found = _sampler(theirs)(
                denoiser, inputs.noise.clone(), inputs.source, *_conditions(inputs)
            )
        mine = denoise(
            _predictor(ours, inputs),
            inputs.noise,
            schedule,
            steps=STEPS,
            sampler="dpm",
            generators=[torch.Generator().manual_seed(NOISE_SEED)],
        )
        yield Row(what, _difference(mine, found), judged)


def _texts(theirs: Any) -> Iterator[Row]:
    """A sentence through their embedder, and what their sampling reads where there is none."""
    from transformers import T5Config, T5EncoderModel

    encoder = fixed_weights(
        T5EncoderModel(T5Config(d_model=TEXT_WIDTH, d_kv=8, d_ff=64, num_layers=1, num_heads=4))
    )
    embedder = theirs.encoders.FrozenT5Embedder.__new__(theirs.encoders.FrozenT5Embedder)
    nn.Module.__init__(embedder)
    facts = {
        "tokenizer": _Tokens(),
        "transformer": encoder,
        "device": "cpu",
        "max_length": TEXT_TOKENS,
        "is_trainable": False,
        "ucg_rate": 0.1,
        "legacy_ucg_val": None,
        "input_key": "txt",
    }
    for name, value in facts.items():
        setattr(embedder, name, value)
    conditioner = theirs.encoders.GeneralConditioner([])
    conditioner.add_module("embedders", nn.ModuleList([embedder]))
    text, blank = conditioner.get_unconditional_conditioning(
        {"txt": ["make the fox red"]}, {"txt": [""]}, force_uc_zero_embeddings=["txt"]
    )
    bundle: Any = SimpleNamespace(
        tokenizer=embedder.tokenizer,
        text_encoder=encoder,
        max_text_tokens=TEXT_TOKENS,
        known_words=None,
        dtype=torch.float32,
        blank_is_zeros=True,
    )
    for what, words, found in (
        ("instruction", "make the fox red", text["crossattn"]),
        ("no instruction", "", blank["crossattn"]),
    ):
        mine = encode_caption(bundle, words, argument="caption").embeds
        yield Row(f"text: {what}", _difference(mine, found))


class _Tokens:
    """Letters as tokens."""

    def __call__(self, text: str | list[str], **options: Any) -> Any:
        words = text if isinstance(text, str) else text[0]
        ids = [3 + len(word) for word in words.split()] + [1]
        if options.get("padding") == "max_length":
            ids += [0] * (TEXT_TOKENS - len(ids))
        return _Batch(input_ids=torch.tensor([ids]) if "return_tensors" in options else ids)


class _Batch(dict[str, Any]):
    @property
    def input_ids(self) -> Any:
        return self["input_ids"]


def _difference(mine: Tensor, other: Tensor) -> float:
    return float((mine - other).abs().max()) if mine.shape == other.shape else float("inf")


@contextmanager
def _released(root: Path, sat: Path) -> Iterator[Any]:
    """Their modules by file, without what imports deepspeed, omegaconf or whole image models."""
    for folder in (root, sat):
        if not folder.is_dir():
            raise FileNotFoundError(f"there is no {folder}")
    before, path = set(sys.modules), list(sys.path)
    for name in ("sat", "sat.model", "sat.training"):
        _namespace(name, sat.parent)
    for name in ("sgm", MODULES, DIFFUSION, f"{MODULES}.encoders"):
        _namespace(name, root)
    _empty("sat.resources", auto_create=None)
    _empty("sat.training.model_io", load_checkpoint=None)
    _empty("omegaconf", ListConfig=list, OmegaConf=dict)
    _empty(f"{DIFFUSION}.openaimodel", Timestep=None)
    sys.path[:0] = [str(root), str(sat.parent)]
    try:
        base = importlib.import_module("sat.model.base_model")
        _empty("sat.model.mixins", BaseMixin=base.BaseMixin)
        yield SimpleNamespace(
            dit=importlib.import_module(DIT),
            encoders=importlib.import_module(f"{MODULES}.encoders.modules"),
            **{
                name: importlib.import_module(f"{DIFFUSION}.{name}")
                for name in ("sampling", "denoiser", "discretizer", "guiders")
            },
        )
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - before:
            if name.split(".")[0] in ("sat", "sgm", "omegaconf", DIT):
                del sys.modules[name]


def _namespace(name: str, root: Path) -> None:
    _empty(name, __path__=[str(root.joinpath(*name.split(".")))])


def _empty(name: str, **values: Any) -> None:
    module = ModuleType(name)
    vars(module).update(values)
    sys.modules[name] = module
