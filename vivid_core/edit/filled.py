"""Deletes in two steps: copy the background that other frames show, generate only the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from ..files.digest import digest_of, pixel_digest
from ..flow.dis import DisFlow
from ..flow.engine import SMALLEST_SIDE, FlowEngine
from ..flow.fill import fill_background
from ..mask.grow import grow_mask
from ..runtime import Runtime
from ..video import FrameRange
from .job import Job

JOIN_MARGIN = 2  # pixels of the fill beside the never-seen area that are generated too, ours
# Frames that are looked at for one stretch of background, and that are filled from them: so much
# of a clip is in memory, however long it is. Ours.
SEEN_FRAMES, FILLED_FRAMES = 96, 48
KEPT_SPANS = 2  # a window lies in two at most, unless it is longer


@dataclass(frozen=True, kw_only=True)
class FilledFrames:
    """A range of frames with their hole (0 or 1) filled as far as possible, the `rest` is left.

    Where nothing is filled `frames` are the source and the rest is all of the hole.
    """

    frames: Float[Tensor, "t h w 3"]
    rest: Float[Tensor, "t h w"]
    lost: tuple[int, ...] = ()  # frames of the clip whose background's motion is unknown


@dataclass(frozen=True, kw_only=True)
class _Span:
    """Frames that are filled together, and those that are looked at for them."""

    filled: FrameRange
    seen: FrameRange


class FilledFootage:
    """The background of a job's clip, a stretch of it at a time.

    What is left is the never-seen area, widened inside the effective mask by the feather and a
    margin, so that the join is blended. Keyframes are finished frames and may be copied from like
    any other. Shots of up to SEEN_FRAMES are filled as a whole; longer ones in stretches, each
    from the frames around it.
    """

    def __init__(self, job: Job, engine: FlowEngine | None = None) -> None:
        self._job, self._engine = job, engine or DisFlow()
        self._spans = [span for shot in job.shots for span in _spans(shot)]
        self._kept: dict[FrameRange, FilledFrames] = {}
        self._digests: dict[FrameRange, str] = {}

    @cached_property
    def problem(self) -> str:
        """Why nothing can be filled; empty if it can."""
        height, width = self._job.size
        if self._job.frames == 1:
            return "the clip has a single frame"
        if min(height, width) < SMALLEST_SIDE:
            return f"{width}x{height} is too small to find motion in"
        return ""

    def warnings(self, lost: int) -> Iterator[str]:
        """What an artist should be told, `lost` frames having been filled in vain."""
        if self.problem:
            yield (
                "nothing was filled from other frames, all of the mask is generated: "
                f"{self.problem}"
            )
            return
        if lost:
            yield (
                f"the background's motion could not be followed in {lost} frame(s): nothing was "
                "filled there"
            )
        shots = self._job.shots
        if len(shots) > 1:
            starts = ", ".join(str(shot.start) for shot in shots[1:])
            yield (
                f"the clip has {len(shots)} shots (cuts before frame {starts}): each was filled "
                "from its own frames only"
            )

    def read(self, frames: FrameRange, runtime: Runtime) -> FilledFrames:
        """Frames of one shot with what could be filled."""
        if self.problem:
            hole = self._job.masks.read(frames)
            return FilledFrames(frames=self._job.footage.read(frames), rest=hole)
        spans = self._of(frames)
        parts = [self._fill(span, runtime) for span in spans]
        cuts = [_overlap(span.filled, frames) for span in spans]
        return FilledFrames(
            frames=torch.cat([p.frames[cut] for p, cut in zip(parts, cuts, strict=True)]),
            rest=torch.cat([p.rest[cut] for p, cut in zip(parts, cuts, strict=True)]),
            lost=tuple(frame for part in parts for frame in part.lost),
        )

    def digest(self, frames: FrameRange) -> str:
        """Stands for all that decides what `read` gives."""
        engine = type(self._engine).__name__
        spans = self._of(frames)
        return digest_of(self.problem, engine, *(self._span_digest(span) for span in spans))

    def _of(self, frames: FrameRange) -> list[_Span]:
        """The spans that a range lies in."""
        return [
            span
            for span in self._spans
            if span.filled.start < frames.stop and frames.start < span.filled.stop
        ]

    def _fill(self, span: _Span, runtime: Runtime) -> FilledFrames:
        """A span; the last few are kept."""
        if span.filled not in self._kept:
            while len(self._kept) >= KEPT_SPANS:
                del self._kept[next(iter(self._kept))]
            self._kept[span.filled] = self._filled(span, runtime)
        return self._kept[span.filled]

    def _filled(self, span: _Span, runtime: Runtime) -> FilledFrames:
        frames, hole = self._with_keyframes(span.seen)
        at = _overlap(span.seen, span.filled)
        if not hole[at].any():
            return FilledFrames(frames=frames[at].clone(), rest=hole[at].clone())
        found = fill_background(
            frames,
            hole,
            self._engine,
            shots=[FrameRange(start=0, stop=len(frames))],
            only=FrameRange(start=at.start, stop=at.stop),
            runtime=runtime,
        )
        settings = self._job.settings
        left = grow_mask(found.never_seen[at], settings.feather + JOIN_MARGIN)
        return FilledFrames(
            frames=found.frames[at].clone(),
            rest=torch.minimum(left, hole[at]),
            lost=tuple(span.seen.start + frame for frame in found.lost),
        )

    def _with_keyframes(self, frames: FrameRange) -> tuple[Tensor, Tensor]:
        """The clip with its keyframes in place, and the hole that they leave."""
        job = self._job
        pixels, hole = job.footage.read(frames).clone(), job.masks.read(frames)
        for frame in job.given:
            if frames.start <= frame < frames.stop:
                at = frame - frames.start
                pixels[at], hole[at] = job.given_frame(frame, pixels[at]), 0.0
        return pixels, hole

    def _span_digest(self, span: _Span) -> str:
        if span.filled not in self._digests:
            frames, hole = self._with_keyframes(span.seen)
            digest = digest_of(pixel_digest(frames), pixel_digest(hole), span.filled.start)
            self._digests[span.filled] = digest
        return self._digests[span.filled]


def _spans(shot: FrameRange) -> Iterator[_Span]:
    if len(shot) <= SEEN_FRAMES:
        yield _Span(filled=shot, seen=shot)
        return
    around = (SEEN_FRAMES - FILLED_FRAMES) // 2
    for start in range(shot.start, shot.stop, FILLED_FRAMES):
        stop = min(start + FILLED_FRAMES, shot.stop)
        low = max(shot.start, min(start - around, shot.stop - SEEN_FRAMES))
        yield _Span(
            filled=FrameRange(start=start, stop=stop),
            seen=FrameRange(start=low, stop=min(shot.stop, low + SEEN_FRAMES)),
        )


def _overlap(whole: FrameRange, part: FrameRange) -> slice:
    """Where the frames that both have lie in `whole`."""
    start, stop = max(whole.start, part.start), min(whole.stop, part.stop)
    return slice(start - whole.start, stop - whole.start)
