"""Small builds from procedural videos whose truth is known."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from vivid_core.build.config import BuildConfig, ClipRules, Output
from vivid_core.build.local import run_here
from vivid_core.build.run import BuildReport, build_dataset
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
