"""Load a model, and apply an adapter to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from comfy_api.latest import io

from . import host, memory
from .schema import VividNode, advanced, require_choices, schema
from .sockets import VividAdapter, VividModel

if TYPE_CHECKING:
    from ..vivid_core.cogvideox.adapter import Adapter
    from ..vivid_core.cogvideox.model import CogVideoX

CATEGORY = "VIVID/1 Load"
USUAL_GUIDANCE = 6.0
TILING: dict[str, bool | Literal["auto"]] = {"auto": "auto", "off": False, "on": True}
PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
Offload = Literal["auto", "off", "on"]


class LoadModel(VividNode):
    """Vivid_LoadModel."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_LoadModel",
            display_name="Vivid Load Model",
            category=CATEGORY,
            description="Loads a CogVideoX model that can edit inside a mask.",
            search_aliases=["cogvideox", "video inpaint", "video editing model"],
            inputs=[
                io.Combo.Input(
                    "model",
                    options=[*host.BUNDLED_MODELS, *host.choices("model")],
                    default=host.BUNDLED_MODEL,
                    tooltip="The transformer: a diffusers folder or a single .safetensors file. "
                    "vivid-tiny comes with this pack: small and quick, to try things out at "
                    "64x64 pixels. vivid-tiny base is the same without its adapter.",
                ),
                io.Combo.Input(
                    "base",
                    options=[host.FROM_MODEL, *host.choices("base")],
                    default=host.FROM_MODEL,
                    tooltip="For a single transformer file: the diffusers folder that has whatever "
                    "is not chosen below. Not needed where text encoder and VAE are chosen: the "
                    "tokenizer then is ComfyUI's own.",
                    **advanced(),
                ),
                io.Combo.Input(
                    "text_encoder",
                    options=[host.FROM_MODEL, *host.choices("text_encoder")],
                    default=host.FROM_MODEL,
                    tooltip="The T5 text encoder: the model's (or base's) own, or a file from "
                    "models/text_encoders, such as t5xxl_fp16.safetensors.",
                    **advanced(),
                ),
                io.Combo.Input(
                    "vae",
                    options=[host.FROM_MODEL, *host.choices("vae")],
                    default=host.FROM_MODEL,
                    tooltip="The VAE: the model's (or base's) own, or a file from models/vae.",
                    **advanced(),
                ),
                io.Combo.Input(
                    "precision",
                    options=["auto", *PRECISIONS],
                    default="auto",
                    tooltip="Number format of the weights. auto: bf16 where the graphics card "
                    "has it, else fp16; fp32 on a CPU. fp16 can turn CogVideoX 5B black.",
                    **advanced(),
                ),
                io.Combo.Input(
                    "offload",
                    options=["auto", "off", "on"],
                    default="auto",
                    tooltip="on: weights wait in main memory and visit the graphics card block by "
                    "block, which is slower and fits small cards. auto: only if they do not fit.",
                    **advanced(),
                ),
                io.Combo.Input(
                    "tiling",
                    options=["auto", "off", "on"],
                    default="auto",
                    tooltip="on: the VAE works tile by tile, which saves memory and can leave "
                    "faint seams. auto: on graphics cards with less than 40 GB.",
                    **advanced(),
                ),
            ],
            outputs=[
                VividModel.Output(
                    "vivid_model", display_name="model", tooltip="The model, ready to edit."
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, model: str | None = None) -> bool | str:
        return host.check_choice("model", model, *host.BUNDLED_MODELS) or True

    @classmethod
    def fingerprint_inputs(
        cls,
        model: str | None = None,
        base: str | None = None,
        text_encoder: str | None = None,
        vae: str | None = None,
        **_: Any,
    ) -> str:
        return "|".join(
            [
                host.fingerprint("model", model),
                host.fingerprint("base", base),
                host.fingerprint("text_encoder", text_encoder),
                host.fingerprint("vae", vae),
            ]
        )

    @classmethod
    def execute(
        cls,
        model: str,
        offload: Offload,
        precision: str = "auto",
        tiling: str = "auto",
        **parts: str,
    ) -> io.NodeOutput:
        require_choices(cls, offload=offload, precision=precision, tiling=tiling)
        with memory.normal_tensors():
            if model in host.BUNDLED_MODELS:
                return io.NodeOutput(memory.HostedModel.hold(_bundled(model)))
            found = _load(model, offload, precision=precision, tiling=tiling, **parts)
            return io.NodeOutput(found)


class ApplyAdapter(VividNode):
    """Vivid_ApplyAdapter."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_ApplyAdapter",
            display_name="Vivid Apply Adapter",
            category=CATEGORY,
            description="Adds a trained VIVID adapter (LoRA and patch embedder) or a plain "
            "CogVideoX LoRA to a model. The model that comes in stays as it is.",
            search_aliases=["lora", "vivid lora", "cogvideox lora"],
            inputs=[
                VividModel.Input("model", tooltip="The model to adapt."),
                io.Combo.Input(
                    "adapter",
                    options=[*host.BUILTIN_ADAPTERS, *host.choices("adapter")],
                    default=host.NO_ADAPTER,
                    tooltip="A VIVID adapter or a LoRA for this model, from models/loras or "
                    "models/CogVideo/loras. none: the model passes through unchanged. vivid-tiny "
                    "adapter fits vivid-tiny base.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=2.0,
                    step=0.05,
                    tooltip="Strength of the LoRA: 1 as trained, 0 without. A VIVID adapter's "
                    "patch embedder, which reads the mask, always applies fully.",
                ),
                VividAdapter.Input(
                    "trained",
                    optional=True,
                    tooltip="An adapter straight from training; used instead of the file.",
                ),
            ],
            outputs=[
                VividModel.Output(
                    "vivid_model", display_name="model", tooltip="The model with its adapter."
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, adapter: str | None = None) -> bool | str:
        return host.check_choice("adapter", adapter, *host.BUILTIN_ADAPTERS) or True

    @classmethod
    def fingerprint_inputs(cls, adapter: str | None = None, **_: Any) -> str:
        return host.fingerprint("adapter", adapter)

    @classmethod
    def execute(
        cls, model: memory.HostedModel, adapter: str, strength: float, trained: Any = None
    ) -> io.NodeOutput:
        if trained is None and adapter == host.NO_ADAPTER:
            return io.NodeOutput(model)
        from ..vivid_core.cogvideox.adapter import apply_adapter

        with memory.normal_tensors():
            chosen = _read_adapter(adapter) if trained is None else trained
            return io.NodeOutput(model.adapted(apply_adapter(model.bundle, chosen, strength)))


class LoadAdapter(VividNode):
    """Vivid_LoadAdapter."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_LoadAdapter",
            display_name="Vivid Load Adapter",
            category=CATEGORY,
            description="Loads an adapter or a LoRA from a file, to train on from it or to merge "
            "it. To edit with one, Vivid Apply Adapter is enough.",
            search_aliases=["load lora"],
            inputs=[
                io.Combo.Input(
                    "adapter",
                    options=[host.BUNDLED_ADAPTER, *host.choices("adapter")],
                    default=host.BUNDLED_ADAPTER,
                    tooltip="From models/loras or models/CogVideo/loras.",
                )
            ],
            outputs=[
                VividAdapter.Output(
                    "vivid_adapter",
                    display_name="adapter",
                    tooltip="For start of Vivid Train Adapter, and Vivid Merge Adapter.",
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, adapter: str | None = None) -> bool | str:
        return host.check_choice("adapter", adapter, host.BUNDLED_ADAPTER) or True

    @classmethod
    def fingerprint_inputs(cls, adapter: str | None = None) -> str:
        return host.fingerprint("adapter", adapter)

    @classmethod
    def execute(cls, adapter: str) -> io.NodeOutput:
        with memory.normal_tensors():
            return io.NodeOutput(_read_adapter(adapter))


def _load(
    model: str, offload: Offload, *, precision: str, tiling: str, **parts: str
) -> memory.HostedModel:
    """Read weights into main memory; they reach the device when an edit runs."""
    from ..vivid_core.cogvideox.load import load_bundle

    path = host.find("model", model)
    bundle = load_bundle(
        path,
        dtype=memory.best_dtype() if precision == "auto" else PRECISIONS[precision],
        device=memory.load_device(),
        offload="host",
        tiling=TILING[tiling],
        **_chosen(path, parts),
    )
    if offload == "on" or (offload == "auto" and not memory.fits(_usual_bytes(bundle))):
        return memory.HostedModel.offload(bundle)
    return memory.HostedModel.hold(bundle)


def _read_adapter(adapter: str) -> Adapter:
    from ..vivid_core.cogvideox.adapter import load_adapter
    from ..vivid_core.tiny.load import ADAPTER_FILE, TINY_WEIGHTS

    bundled = adapter == host.BUNDLED_ADAPTER
    return load_adapter(TINY_WEIGHTS / ADAPTER_FILE if bundled else host.find("adapter", adapter))


def _chosen(path: Path, parts: dict[str, str]) -> dict[str, Path]:
    """Files and folders of the parts that do not come with the model."""
    kinds: tuple[host.Kind, ...] = ("base", "text_encoder", "vae")
    chosen: dict[str, Path] = {
        k: host.find(k, parts[k]) for k in kinds if parts[k] != host.FROM_MODEL
    }
    if path.is_file() and "base" not in chosen:
        chosen["tokenizer"] = host.t5_tokenizer()
    return chosen


def _usual_bytes(bundle: CogVideoX) -> int:
    """Memory of an edit at the size the model was trained at, everything loaded."""
    from ..vivid_core.settings import Settings

    frames, *size = bundle.train_size
    settings = Settings(task="delete", steps=1, guidance=USUAL_GUIDANCE)
    return bundle.work([(frames, (size[0], size[1]))], settings).memory.needed


def _bundled(model: str) -> CogVideoX:
    from ..vivid_core.tiny import load_tiny
    from ..vivid_core.tiny.load import load_tiny_instruct

    if model == host.BUNDLED_INSTRUCT:
        return load_tiny_instruct()
    return load_tiny(adapter=model == host.BUNDLED_MODEL)
