"""Deletes in two steps: copy the background that other frames show, then make or leave the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..files.digest import digest_of
from ..flow.camera import Pace
from ..flow.dis import DisFlow
from ..flow.engine import SMALLEST_SIDE, FlowEngine
from ..flow.fill import BackgroundFiller, Broken, FilledStretch, FillOptions, fill_warnings
from ..mask.grow import grow_mask
from ..runtime import Runtime
from ..settings import Rest
from ..video import FrameRange
from .job import Job

JOIN_MARGIN = 2  # pixels of the fill beside the never-seen area that are generated too, ours
KEPT_STRETCHES = 2  # a window lies in two at most, unless it is longer


@dataclass(frozen=True, kw_only=True)
class FilledFrames:
    """A range of frames with their hole (0 or 1) filled as far as possible, the `rest` is left.

    Where nothing is filled `frames` are the source and the rest is all of the hole. `unseen`
    counts the pixels of each frame that no other shows.
    """

    frames: Float[Tensor, "t h w 3"]
    rest: Float[Tensor, "t h w"]
    unseen: Int[Tensor, " t"]
    lost: tuple[int, ...] = ()  # frames of the clip whose background's motion is unknown


class FilledFootage:
    """The background of a job's clip, a stretch of it at a time.

    What is left for a model is the never-seen area, widened inside the effective mask by the
    feather and a margin, so that the join is blended; nothing where none is wanted. Keyframes are
    finished frames and may be copied from like any other.
    """

    def __init__(self, job: Job, engine: FlowEngine | None = None) -> None:
        self._job, settings = job, job.settings
        options = FillOptions(
            copy=settings.copies and not self.problem,
            classical=not settings.needs_model and settings.rest == "classical",
        )
        self._does_nothing = not (options.copy or options.classical)
        self._filler = BackgroundFiller(_HoledFootage(job), job.shots, engine or DisFlow(), options)
        self._kept: dict[int, FilledFrames] = {}

    @cached_property
    def problem(self) -> str:
        """Why nothing can be copied; empty if it can."""
        height, width = self._job.size
        if self._job.frames == 1:
            return "the clip has a single frame"
        if min(height, width) < SMALLEST_SIDE:
            return f"{width}x{height} is too small to find motion in"
        return ""

    def warnings(self, lost: int) -> Iterator[str]:
        """What an artist should be told, `lost` frames having been filled in vain."""
        settings = self._job.settings
        if settings.copies and self.problem:
            yield (
                "nothing was filled from other frames, all of the mask is "
                f"{_WHAT_BECAME[settings.rest]}: {self.problem}"
            )
        elif settings.copies:
            yield from fill_warnings(self._job.shots, lost)

    def read(self, frames: FrameRange, runtime: Runtime) -> FilledFrames:
        """Frames of one shot with what could be filled."""
        if self._does_nothing:
            return self._untouched(frames)
        indices = self._of(frames)
        missing = [index for index in indices if index not in self._kept]
        pace = Pace(runtime=runtime, stage="fill", total=max(1, self._filler.steps(missing)))
        parts = [self._fill(index, pace) for index in indices]
        cuts = [self._filler.stretches[index].filled.place_of(frames) for index in indices]
        found = list(zip(parts, cuts, strict=True))
        return FilledFrames(
            frames=torch.cat([part.frames[cut] for part, cut in found]),
            rest=torch.cat([part.rest[cut] for part, cut in found]),
            unseen=torch.cat([part.unseen[cut] for part, cut in found]),
            lost=tuple(frame for part in parts for frame in part.lost),
        )

    def digest(self, frames: FrameRange) -> str:
        """Stands for all that decides what `read` gives."""
        if self._does_nothing:
            return digest_of(self.problem)
        return digest_of(*(self._filler.digest(index) for index in self._of(frames)))

    def _untouched(self, frames: FrameRange) -> FilledFrames:
        hole = self._job.masks.read(frames)
        rest = hole if self._job.settings.needs_model else torch.zeros_like(hole)
        source = self._job.footage.read(frames)
        return FilledFrames(frames=source, rest=rest, unseen=_counted(hole))

    def _of(self, frames: FrameRange) -> list[int]:
        """The stretches that a range lies in."""
        return [
            index
            for index, stretch in enumerate(self._filler.stretches)
            if stretch.filled.start < frames.stop and frames.start < stretch.filled.stop
        ]

    def _fill(self, index: int, pace: Pace) -> FilledFrames:
        """A stretch; the last few are kept."""
        if index not in self._kept:
            while len(self._kept) >= KEPT_STRETCHES:
                del self._kept[next(iter(self._kept))]
            self._kept[index] = self._with_rest(index, self._filler.fill(index, pace))
        return self._kept[index]

    def _with_rest(self, index: int, found: FilledStretch) -> FilledFrames:
        settings, unseen = self._job.settings, found.never_seen.float()
        rest = torch.zeros_like(unseen)
        if settings.needs_model and unseen.any():
            hole = self._job.masks.read(self._filler.stretches[index].filled)
            rest = torch.minimum(grow_mask(unseen, settings.feather + JOIN_MARGIN), hole)
        return FilledFrames(
            frames=found.frames, rest=rest, unseen=_counted(unseen), lost=found.lost
        )


_WHAT_BECAME: dict[Rest, str] = {
    "model": "generated",
    "classical": "filled classically",
    "leave": "left as it was",
}


class _HoledFootage:
    """A job's clip with its keyframes in place, and the hole that they leave."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def read(self, frames: FrameRange) -> Broken:
        job = self._job
        pixels, hole = job.footage.read(frames).clone(), job.masks.read(frames)
        for frame in job.given:
            if frames.start <= frame < frames.stop:
                at = frame - frames.start
                pixels[at], hole[at] = job.given_frame(frame, pixels[at]), 0.0
        return Broken(frames=pixels, hole=hole > 0.5)


def _counted(mask: Tensor) -> Tensor:
    return (mask > 0.5).flatten(1).sum(1)
