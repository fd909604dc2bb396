"""Small instruction datasets from procedural videos, pairs and stills."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from vivid_core.build.config import ClipRules
from vivid_core.build.local import run_here
from vivid_core.build.phases import BuildReport
from vivid_core.instruct.sweep import Sweep
from vivid_core.runtime import Runtime
from vivid_core.tiny.folder import write_scene_folder
from vivid_core.tiny.pairs import write_instruction_folder
from vivid_core.tiny.triplet_engines import TripletEngineLoader
from vivid_core.triplets.config import Choice, Form, Sampling, TripletConfig
from vivid_core.triplets.run import build_triplets

VIDEOS, PAIRS = "videos", "pairs"
SIDE = 64  # what vivid-tiny was trained at


def write_sources(folder: Path, *, videos: int = 1, pairs: int = 1, frames: int = 9) -> Path:
    """Videos, and pairs of pictures whose sources are the stills."""
    write_scene_folder(folder / VIDEOS, clips=videos, frames=frames, size=(SIDE, SIDE))
    write_instruction_folder(folder / PAIRS, pairs=pairs, frames=1, size=(SIDE, SIDE))
    return folder


def triplet_config(sources: Path, out: Path, **changes: Any) -> TripletConfig:
    """Few steps, and rules that let nearly everything pass."""
    config = TripletConfig(
        kind="instructions",
        out=out,
        videos=sources / VIDEOS / "clips",
        pairs=sources / PAIRS,
        stills=sources / PAIRS / "clips",
        clips=ClipRules(min_seconds=0.5, min_side=32),
        sweep=Sweep(text=(4.0, 8.0), count=2),
        editing=Sampling(steps=1),
        following=Sampling(steps=1, guidance=(5.0,)),
        animating=Sampling(steps=1, guidance=(3.0,)),
        choice=Choice(candidates=2, highest_epe=1000.0),
        form=Form(frames=5, lossless=True, shard_bytes=200_000),
    )
    return replace(config, **changes)


def build(config: TripletConfig, runtime: Runtime | None = None) -> BuildReport:
    engines = TripletEngineLoader.of(config)()
    return build_triplets(config, run_here(engines), runtime or Runtime())
