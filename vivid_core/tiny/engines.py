"""The engines of a build by their names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..build.config import BuildConfig, EngineNames
from ..build.engines import Engines
from ..errors import InputError
from ..flow.dis import DisFlow
from ..flow.engine import FlowEngine
from ..flow.raft import load_raft
from ..measure.encoder import ClipEncoder, load_clip_model
from ..perceive.frame_masks import TrackerSegmenter
from ..perceive.load import ENGINES, load_engine, require_role
from ..runtime import device_named
from ..track.engine import Engine
from ..track.flow import FlowTracker
from .folder import SCENES
from .known_truth import KnownTruth

KNOWN = "scenes"


@dataclass(frozen=True, kw_only=True)
class EngineLoader:
    """Loads the engines of a configuration; an `EngineMaker`."""

    names: EngineNames
    videos: Path

    @classmethod
    def of(cls, config: BuildConfig) -> EngineLoader:
        return cls(names=config.engines, videos=config.videos)

    def __call__(self) -> Engines:
        names, device = self.names, device_named(self.names.device, argument="engines: device")
        tracker = _tracker(names.tracker, device)
        named_once = dict.fromkeys(names.seeing.values())
        loaded = {named: self._engine(named, device, tracker) for named in named_once}
        for role, named in names.seeing.items():
            require_role(loaded[named], role, argument=f"engines: {role}")
        return Engines(
            **{role: loaded[named] for role, named in names.seeing.items()},
            tracker=tracker,
            flow=load_flow(names.flow, device),
            encoder=load_encoder(names.encoder, device),
        )

    def _engine(self, named: str, device: torch.device, tracker: Engine) -> Any:
        """One that sees, for all roles that name it."""
        if named == KNOWN:
            return known_truth(self.videos)
        name, weights = split_name(named)
        if name == "sam2":
            same = named == self.names.tracker
            return TrackerSegmenter(tracker if same else _tracker(named, device))
        if name not in ENGINES:
            known = ", ".join((KNOWN, *ENGINES))
            raise InputError("engines", f"{named!r} is unknown: use {known}; NAME:WEIGHTS")
        return load_engine(name, weights, device=device)


def known_truth(videos: Path) -> KnownTruth:
    """Of a folder of procedural clips, or of a list or table that lies in one."""
    folder = videos if videos.is_dir() else videos.parent
    return KnownTruth.of_folder(folder if (folder / SCENES).is_file() else folder.parent)


def _tracker(named: str, device: torch.device) -> Engine:
    name, weights = split_name(named)
    if name == "flow" and weights is None:
        return FlowTracker()
    if name == "minisam" and weights is not None:
        from ..perceive.minisam_tracker import load_minisam_tracker

        return load_minisam_tracker(weights)
    if name == "sam2" and weights is not None:
        from ..track.sam2 import load_sam2

        return load_sam2(weights, device=device)
    raise InputError(
        "engines: tracker", f"{named!r} is unknown: use flow, sam2:WEIGHTS or minisam:WEIGHTS"
    )


def load_flow(named: str, device: torch.device) -> FlowEngine:
    name, weights = split_name(named)
    if name == "dis" and weights is None:
        return DisFlow()
    if name == "raft" and weights is not None:
        return load_raft(weights, device=device)
    raise InputError("engines: flow", f"{named!r} is unknown: use dis, or raft:WEIGHTS")


def load_encoder(place: str, device: torch.device) -> ClipEncoder | None:
    return load_clip_model(place, device=device) if place else None


def split_name(named: str) -> tuple[str, Path | None]:
    """NAME, or NAME:WEIGHTS, in two."""
    name, _, weights = named.partition(":")
    return name, Path(weights).expanduser() if weights else None
