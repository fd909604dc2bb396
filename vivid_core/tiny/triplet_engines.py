"""The engines of an instruction dataset by their names: the pack's tiny ones, or real ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..build.instructions import EXAMPLES, ChatWriter, Writer
from ..errors import InputError
from ..perceive.load import ENGINES, load_engine, require_judge
from ..perceive.protocols import Chat
from ..runtime import device_named
from ..triplets.config import EngineNames, TripletConfig
from ..triplets.engines import TripletEngines
from .engines import KNOWN, load_encoder, load_flow, split_name
from .load import TINY, TINY_INSTRUCT, load_model
from .scene_writer import SceneWriter


@dataclass(frozen=True, kw_only=True)
class TripletEngineLoader:
    """Loads the engines of a configuration; an `EngineMaker`. What several name is loaded once."""

    names: EngineNames
    examples: tuple[str, ...] = ()
    animates: bool = True

    @classmethod
    def of(cls, config: TripletConfig) -> TripletEngineLoader:
        return cls(
            names=config.engines,
            examples=config.writing.examples,
            animates=config.pairs is not None,
        )

    def __call__(self) -> TripletEngines:
        names = self.names
        device = device_named(names.device, argument="engines: device")
        wanted = [names.editor, names.propagator, *([names.animator] if self.animates else [])]
        models = {name: _model(name, names.base, device) for name in dict.fromkeys(wanted)}
        spoken = [names.judge] if names.writer == KNOWN else [names.writer, names.judge]
        chats = {name: _chat(name, device) for name in dict.fromkeys(spoken) if name}
        return TripletEngines(
            writer=self._writer(chats),
            editor=models[names.editor],
            propagator=models[names.propagator],
            animator=models[names.animator] if self.animates else None,
            judge=chats.get(names.judge),
            encoder=load_encoder(names.encoder, device),
            flow=load_flow(names.flow, device),
            device=device,
        )

    def _writer(self, chats: dict[str, Chat]) -> Writer:
        if self.names.writer == KNOWN:
            return SceneWriter()
        return ChatWriter(chat=chats[self.names.writer], examples=self.examples or EXAMPLES)


def _model(name: str, base: Path | None, device: torch.device) -> Any:
    if name in (TINY, TINY_INSTRUCT):
        return load_model(name, device=device)
    place = Path(name).expanduser()
    return load_model(place, base=base if place.is_file() else None, device=device)


def _chat(named: str, device: torch.device) -> Chat:
    name, weights = split_name(named)
    if name not in ENGINES:
        known = ", ".join((KNOWN, *ENGINES))
        raise InputError("engines", f"{named!r} is unknown: use {known}; NAME:WEIGHTS")
    engine: Any = load_engine(name, weights, device=device)  # pyright: ignore[reportArgumentType]
    require_judge(engine, argument="engines")
    return engine
