"""Edit with a model that ComfyUI loads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import comfy.samplers
import torch
from comfy_api.latest import io

from ..schema import VividNode, advanced, require_choices, schema
from ..sockets import CoreICLoRA, VividModel

if TYPE_CHECKING:
    from ...vivid_core.inpainter import Grid
    from .family import Family
    from .inpainter import CoreModel

CATEGORY = "VIVID/1 Load"
AUTO = "auto"
SHARED = ("vace", "wan_inpaint", "noise_mask")  # contracts of which there are two experts
OWN = 0  # stands for "what the model was made for"


@dataclass(frozen=True, kw_only=True)
class HostedCoreModel:
    """What a VIVID_MODEL socket carries of a model that ComfyUI moves itself, as it samples."""

    bundle: CoreModel

    @property
    def dtype(self) -> torch.dtype:
        return self.bundle.model.model_dtype()

    def prepare(self, activation_bytes: int) -> None:
        """Nothing: ComfyUI makes room when it samples, encodes and decodes."""


class UseCoreModel(VividNode):
    """Vivid_UseCoreModel."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_UseCoreModel",
            display_name="Vivid Use Core Model (Wan, VOID)",
            category=CATEGORY,
            description="Makes a video model that ComfyUI loads edit inside a mask, with its LoRAs "
            "and patches: Wan VACE, Wan Fun-InP, LTX; from ComfyUI 0.21 on CogVideoX Fun-InP and "
            "VOID, from 0.33 on LTX-2 and MiniMax H3; others through the latent noise mask.",
            search_aliases=["wan vace", "wan inpaint", "void", "ltx", "minimax", "core model"],
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip="A video model, from any loader; its LoRAs and patches stay on it. "
                    "What it can do is told by what it is.",
                ),
                io.Vae.Input("vae", tooltip="The VAE that belongs to the model."),
                io.Combo.Input(
                    "sampler_name",
                    options=[AUTO, *comfy.samplers.SAMPLER_NAMES],
                    default=AUTO,
                    tooltip="How noise becomes pixels. auto: what is usual for this model. The "
                    "sampler of the editing nodes is not read.",
                ),
                io.Combo.Input(
                    "scheduler",
                    options=[AUTO, *comfy.samplers.SCHEDULER_NAMES],
                    default=AUTO,
                    tooltip="How much noise is left at each step. auto: what is usual for this "
                    "model.",
                ),
                io.Int.Input(
                    "width",
                    default=OWN,
                    min=OWN,
                    max=8192,
                    tooltip="With height: the area in pixels that the model sees at most; larger "
                    "parts of the frame are scaled down to it. 0: what it was made for.",
                    **advanced(),
                ),
                io.Int.Input(
                    "height",
                    default=OWN,
                    min=OWN,
                    max=8192,
                    tooltip="With width: the area in pixels that the model sees at most. 0: what "
                    "it was made for.",
                    **advanced(),
                ),
                io.Int.Input(
                    "window",
                    default=OWN,
                    min=OWN,
                    max=1000,
                    tooltip="Frames that the model sees at once; longer clips are edited in a "
                    "chain. Rounded down to a length that it can make. 0: what it was made for.",
                    **advanced(),
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=10.0,
                    step=0.05,
                    tooltip="How strongly the given pixels steer it: of Wan VACE, and of LTX with "
                    "an IC-LoRA.",
                    **advanced(),
                ),
                io.Clip.Input(
                    "clip",
                    optional=True,
                    tooltip="The text encoder that belongs to the model. It reads the captions of "
                    "the editing nodes.",
                ),
                io.Conditioning.Input(
                    "positive",
                    optional=True,
                    tooltip="Finished conditioning, in place of captions; with a CLIP only what "
                    "else is in it counts.",
                ),
                io.Conditioning.Input(
                    "negative",
                    optional=True,
                    tooltip="Finished conditioning to steer away from. Has no effect at guidance "
                    "1.",
                ),
                io.Guider.Input(
                    "guider",
                    optional=True,
                    tooltip="Guides in place of the guidance of the editing nodes, with its own "
                    "scales and conditioning. Make it of the same model.",
                ),
                io.Sampler.Input(
                    "sampler", optional=True, tooltip="Used in place of sampler_name."
                ),
                io.Sigmas.Input(
                    "sigmas",
                    optional=True,
                    tooltip="Used in place of scheduler and of the steps of the editing nodes.",
                ),
                io.Image.Input(
                    "reference",
                    optional=True,
                    tooltip="Of Wan VACE: a picture of what shall appear, for example on a white "
                    "ground. Its first image is used.",
                ),
                CoreICLoRA.Input(
                    "iclora_parameters",
                    optional=True,
                    tooltip="Of LTX with an IC-LoRA for in- and outpainting: from ComfyUI's Get "
                    "IC-LoRA Parameters. The model is then shown the clip, green where it edits.",
                ),
                io.Model.Input(
                    "model_low_noise",
                    optional=True,
                    tooltip="Of Wan 2.2 A14B: the expert for low noise; model is then that for "
                    "high noise. It takes over after half of the steps. With its own LoRAs and "
                    "the same shift.",
                ),
            ],
            outputs=[
                VividModel.Output(
                    "vivid_model", display_name="model", tooltip="The model, ready to edit."
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        vae: Any,
        sampler_name: str,
        scheduler: str,
        width: int,
        height: int,
        window: int,
        strength: float,
        clip: Any = None,
        positive: Any = None,
        negative: Any = None,
        guider: Any = None,
        sampler: Any = None,
        sigmas: Any = None,
        reference: Any = None,
        iclora_parameters: Any = None,
        model_low_noise: Any = None,
    ) -> io.NodeOutput:
        from .family import family_of, with_iclora
        from .inpainter import CoreModel
        from .sampling import Schedule

        require_choices(cls, sampler_name=sampler_name, scheduler=scheduler)
        _require_same_model(model, guider)
        family = with_iclora(family_of(model, vae), iclora_parameters)
        _require_reference(family, reference)
        _require_pair(family, model_low_noise, vae, guider)
        core = CoreModel(
            model=model,
            vae=vae,
            family=family,
            texts=_texts(clip, positive, negative, guider),
            schedule=Schedule(
                sampler_name=family.sampler if sampler_name == AUTO else sampler_name,
                scheduler=family.scheduler if scheduler == AUTO else scheduler,
                guider=guider,
                sampler=sampler,
                sigmas=sigmas,
            ),
            longest=_longest(family.grid, window) or family.longest,
            train_size=_size(height, width) or family.train_size,
            strength=strength,
            reference=reference,
            iclora=iclora_parameters,
            low_noise=model_low_noise,
        )
        return io.NodeOutput(HostedCoreModel(bundle=core))


def _texts(clip: Any, positive: Any, negative: Any, guider: Any) -> Any:
    """Where captions come from. Raises InputError where there are none."""
    from ...vivid_core.errors import InputError
    from .sampling import given_conditions
    from .texts import NEGATIVE, POSITIVE, Texts

    given = {} if guider is None else given_conditions(guider)
    for name, conditioning in ((POSITIVE, positive), (NEGATIVE, negative)):
        if conditioning is not None:
            given[name] = conditioning
    if clip is None and not given.get(POSITIVE):
        raise InputError(
            "clip",
            "is missing: connect the model's CLIP, so that captions are read, or finished "
            "conditioning to positive",
        )
    return Texts(clip=clip, given=given)


def _require_same_model(model: Any, guider: Any) -> None:
    from ...vivid_core.errors import InputError
    from .identity import patch_facts

    if guider is None:
        return
    if guider.model_patcher.model is not model.model:
        raise InputError("guider", "was made of another model: connect both to the same loader")
    if patch_facts(guider.model_patcher) != patch_facts(model):
        raise InputError(
            "guider",
            "was made of this model with other LoRAs, patches or options: connect the node before "
            "model to the guider too",
        )


def _require_pair(family: Family, low_noise: Any, vae: Any, guider: Any) -> None:
    """Raise InputError for two models that cannot share the steps of a sampling."""
    from ...vivid_core.errors import InputError
    from .family import family_of

    if low_noise is None:
        return
    if guider is not None:
        raise InputError(
            "guider", "samples with one model: disconnect it, or disconnect model_low_noise"
        )
    if family.contract not in SHARED:
        raise InputError("model_low_noise", f"{family.name} samples all steps: disconnect it")
    other = family_of(low_noise, vae)
    if other != family:
        raise InputError(
            "model_low_noise",
            f"is {other.name}, model is {family.name}: load the two experts of one model",
        )


def _require_reference(family: Family, reference: Any) -> None:
    from ...vivid_core.errors import InputError

    if reference is not None and family.contract != "vace":
        raise InputError(
            "reference", f"{family.name} takes no reference picture: Wan VACE does, disconnect it"
        )


def _longest(grid: Grid, window: int) -> int:
    """The longest legal window of at most that many frames; 0 for 0."""
    if window == OWN:
        return OWN
    return 1 if window < grid.shortest_video else grid.longest_within(window)


def _size(height: int, width: int) -> tuple[int, int] | None:
    """None where neither is asked for. Raises InputError for one without the other."""
    from ...vivid_core.errors import InputError

    if (height == OWN) != (width == OWN):
        raise InputError("width, height", f"got {width} and {height}: give both, or 0 for both")
    return (height, width) if height else None
