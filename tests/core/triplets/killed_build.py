"""Builds an instruction dataset in a child that is killed at chosen moments, and then to the end.

`python -m ... SOURCES OUT KILLS` builds in OUT/whole, and once for each two kills in OUT/killed_N.
The moments are those at which a build makes, names, opens or removes a file of its folder; the
kills are spread evenly over them, an early one before a late one. The child is a fork, which has
all engines at once. Nothing here computes before it forks: PyTorch's threads would be missing in
the child.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from vivid_core.build.local import run_here
from vivid_core.runtime import Runtime
from vivid_core.tiny.triplet_engines import TripletEngineLoader
from vivid_core.triplets.config import Form, TripletConfig
from vivid_core.triplets.run import build_triplets

from ...triplets import PAIRS, VIDEOS, triplet_config

EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir"}
FEW_KILLS = 2  # for which stills are enough


def configuration(sources: Path, out: Path, kills: int) -> TripletConfig:
    """All kinds of sources for a long series."""
    few = kills <= FEW_KILLS
    return triplet_config(
        sources,
        out,
        videos=None if few else sources / VIDEOS / "clips",
        pairs=None if few else sources / PAIRS,
        form=Form(frames=2 if few else 5, lossless=True, shard_bytes=30_000),
    )


def watch_files(folder: Path, then: Callable[[], None]) -> None:
    """Call something before each event that is about a file in this folder."""
    inside = f"{folder}{os.sep}"

    def watch(event: str, about: tuple[object, ...]) -> None:
        if event in EVENTS and str(about[0]).startswith(inside):
            then()

    sys.addaudithook(watch)


def begin(build: Callable[[], object], folder: Path, die_at: int = 0) -> tuple[int, int]:
    """How a process that builds ended (a signal's number, or 0), and how many moments it had."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        with os.fdopen(reader, "rb") as told:
            moments = len(told.read())
        return os.waitpid(child, 0)[1], moments

    seen = 0

    def count() -> None:
        nonlocal seen
        seen += 1
        os.write(writer, b".")
        if seen == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    try:
        watch_files(folder, count)
        build()
        code = 0
    finally:
        os._exit(code)


def main(sources: Path, out: Path, kills: int) -> None:
    """Say how many builds died."""
    engines = TripletEngineLoader.of(configuration(sources, out, kills))()

    def build_in(folder: Path, die_at: int = 0) -> tuple[int, int]:
        config = configuration(sources, folder, kills)
        return begin(lambda: build_triplets(config, run_here(engines), Runtime()), folder, die_at)

    ended, moments = build_in(out / "whole")
    require(ended == 0, "a build that was not killed failed")
    died = 0
    for number in range(kills // 2):
        folder = out / f"killed_{number}"
        for kill in (number, kills - 1 - number):
            ended, _ = build_in(folder, moments * (kill + 1) // (kills + 1))
            require(ended in (0, signal.SIGKILL), f"ended with {ended}")
            died += ended == signal.SIGKILL
        require(build_in(folder)[0] == 0, "the last build failed")
    sys.stdout.write(str(died))


def require(condition: bool, problem: str) -> None:
    """End with an error where something is not so."""
    if not condition:
        raise SystemExit(problem)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
