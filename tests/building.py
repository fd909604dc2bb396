"""Small builds from procedural videos whose truth is known."""

from __future__ import annotations

import hashlib
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vivid_core.build.config import BuildConfig, ClipRules, Output
from vivid_core.build.engines import Engines
from vivid_core.build.local import run_here
from vivid_core.build.run import BuildReport, build_dataset
from vivid_core.perceive.protocols import Tagger
from vivid_core.runtime import Runtime
from vivid_core.tiny.engines import EngineLoader
from vivid_core.tiny.folder import write_scene_folder

WORK = "work"


def write_videos(folder: Path, *, clips: int = 3, frames: int = 5, size: int = 48) -> Path:
    """Procedural videos; every fourth lacks its target."""
    write_scene_folder(folder, clips=clips, frames=frames, size=(size, size))
    return folder / "clips"


def small_config(videos: Path, out: Path, **changes: Any) -> BuildConfig:
    """Rules that fit such videos."""
    config = BuildConfig(
        videos=videos,
        out=out,
        clips=ClipRules(min_seconds=0.5, min_side=32),
        output=Output(lossless=True, shard_bytes=200_000),
    )
    return replace(config, **changes)


def build(config: BuildConfig, runtime: Runtime | None = None) -> BuildReport:
    return build_dataset(config, run_here(EngineLoader.of(config)()), runtime or Runtime())


def files_of(dataset: Path) -> dict[str, str]:
    """Digests of all files of a dataset, without what was needed to make it."""
    return {
        path.relative_to(dataset).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(dataset.rglob("*"))
        if path.is_file() and path.relative_to(dataset).parts[0] != WORK and path.name != ".lock"
    }


@dataclass(frozen=True, kw_only=True)
class MortalEngines:
    """An `EngineMaker` whose tagger kills its process once: `deaths` is a folder of marks."""

    loader: EngineLoader
    deaths: Path
    after: int  # frames that all processes together have tagged by then

    def __call__(self) -> Engines:
        engines = self.loader()
        tagger = _MortalTagger(engines.tagger, self.deaths, self.after)
        return replace(engines, tagger=tagger)


class _MortalTagger:
    def __init__(self, living: Tagger, deaths: Path, after: int) -> None:
        self._living, self._deaths, self._after = living, deaths, after
        self.digest = living.digest

    def tags(self, frame: np.ndarray) -> tuple[str, ...]:
        seen = len(list(self._deaths.iterdir()))
        (self._deaths / f"{seen}_{os.getpid()}").touch()
        if seen >= self._after and not (self._deaths / "dead").exists():
            (self._deaths / "dead").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self._living.tags(frame)
