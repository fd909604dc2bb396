"""How a host reaches into long work: device, precision, progress, cancel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from .errors import InputError

Stage = Literal[
    "survey",
    "encode",
    "denoise",
    "decode",
    "write",
    "track",
    "follow",
    "fill",
    "train",
    "measure",
    "build",
]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One step of long work. `preview` is float32 [T, h, w, 3] in 0..1 (small), or nothing.

    `words` say more than numbers can, where there is more to say.
    """

    stage: Stage
    done: int
    total: int
    window: int = 0  # which window of a chained clip, from 0
    windows: int = 1
    alone: bool = False  # no other stage follows in this window
    preview: Tensor | None = None
    words: str = ""


def duration_text(seconds: float) -> str:
    """How long, to the precision that a forecast has."""
    if seconds < 1:
        return "under a second"
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"about {seconds / size:.0f} {unit}"
    return f"about {seconds:.0f} seconds"


def _ignore(progress: Progress) -> None:
    return None


def _never() -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Where and how work runs.

    `check_cancelled` is called at least once a denoising step and raises to stop; whatever it
    raises passes through unchanged, and so do `stops`, which the host's own code raises by itself
    (models of ComfyUI look at its stop button, too). Random numbers never come from here: they are
    drawn on the CPU from the request's seed. `cache` is a folder for what can be made again:
    whatever lies there may be removed at any time.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    report: Callable[[Progress], None] = _ignore
    check_cancelled: Callable[[], None] = _never
    cache: Path | None = None
    stops: tuple[type[BaseException], ...] = ()

    def advance(self, progress: Progress) -> None:
        """Report progress, then stop if the host asked for it."""
        self.report(progress)
        self.check_cancelled()


def device_named(name: str, *, argument: str) -> torch.device:
    """The device, "auto" being a GPU where there is one. Raises InputError for no device's name."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise InputError(argument, f"{name!r} is no device: use auto, cpu or cuda") from error
