"""Follow objects through a clip, shot by shot, forward and backward from their prompts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..files.digest import digest_of
from ..plan.cuts import Survey, survey_frames
from ..runtime import Progress, Runtime
from ..video import FrameRange
from .checkpoints import Checkpoint, Checkpoints
from .engine import Engine, Follower
from .frames import FrameSource, read_frames
from .plan import Gap, Lane, plan_lanes
from .prompts import Prompts, format_prompts
from .report import report_track
from .store import CHUNK_FRAMES, STATES, ObjectMask, StoredTrack, TrackHeader


def track_objects(
    source: FrameSource,
    prompts: Prompts,
    engine: Engine,
    folder: Path,
    runtime: Runtime | None = None,
    *,
    survey: Survey | None = None,
) -> StoredTrack:
    """Follow every object, and store the masks in `folder`, which an earlier run may have begun.

    Masks that are already there and made by the same pixels, engine and prompts are kept: an
    interrupted run goes on, and a correction makes only the frames that it decides (see `plan`).
    Frames are read one at a time; memory does not grow with the clip. The header's `report`
    says what happened in each shot; see `report.report_track`. `survey` spares reading the clip
    once more where its caller has surveyed it.

    Raises InputError for prompts outside the clip, MediaError for files, and whatever
    `runtime.check_cancelled` raises, which is called for every frame; what is done by then is
    kept.
    """
    runtime = runtime or Runtime()
    height, width = source.size
    prompts.require_fit(frames=len(source), height=height, width=width)
    survey = survey or survey_frames(_watched(source, runtime))
    lanes, gaps = plan_lanes(prompts.objects, survey, engine)
    header = TrackHeader(
        height=height,
        width=width,
        frames=len(source),
        fps=source.fps,
        objects=tuple((item.id, item.name) for item in prompts.objects),
        digest=digest_of(survey.digest, engine.digest, format_prompts(prompts)),
    )
    with StoredTrack.create(folder, header) as track:
        _fill_gaps(track, gaps)
        _run(_Job(source=source, engine=engine, track=track, runtime=runtime), survey, lanes)
        track.finish(report_track(track, survey.shots, prompts))
    return track


@dataclass(kw_only=True)
class _Job:
    """One run over the frames: what it reads, makes and reports."""

    source: FrameSource
    engine: Engine
    track: StoredTrack
    runtime: Runtime
    done: int = 0
    total: int = 0


@dataclass(kw_only=True)
class _Run:
    """One lane in a sweep: from where it goes on, which frames it lacks, and its follower."""

    lane: Lane
    missing: frozenset[int]
    last: int  # the last frame that is missing, in the lane's order
    checkpoints: Checkpoints
    checkpoint: Checkpoint | None
    follower: Follower | None = field(default=None)

    @property
    def first(self) -> int:
        return self.lane.anchor if self.checkpoint is None else self.checkpoint.frame

    def is_active(self, frame: int) -> bool:
        low, high = sorted((self.first, self.last))
        return low <= frame <= high


def _run(job: _Job, survey: Survey, lanes: Sequence[Lane]) -> None:
    sweeps = [
        [run for lane in lanes if _belongs(lane, shot, backward) if (run := _prepare(job, lane))]
        for shot in survey.shots
        for backward in (False, True)
    ]
    job.total = sum(len(run.missing) for runs in sweeps for run in runs)
    for runs in sweeps:
        if runs:
            _sweep(job, runs)


def _belongs(lane: Lane, shot: FrameRange, backward: bool) -> bool:
    return lane.shot == shot and lane.backward == backward


def _prepare(job: _Job, lane: Lane) -> _Run | None:
    """Where a lane goes on; None if all its masks are there."""
    missing = [f for f in lane.frames if job.track.made_by(f, lane.number) != lane.made_by(f)]
    if not missing:
        return None
    folder = job.track.folder / STATES
    checkpoints = Checkpoints(folder, number=lane.number, backward=lane.backward)
    return _Run(
        lane=lane,
        missing=frozenset(missing),
        last=missing[-1],
        checkpoints=checkpoints,
        checkpoint=_latest(checkpoints, lane, before=missing[0]),
    )


def _latest(checkpoints: Checkpoints, lane: Lane, *, before: int) -> Checkpoint | None:
    """The nearest usable checkpoint on the way to a frame."""
    passed = lane.frames[: lane.frames.index(before)]
    usable = [frame for frame in checkpoints.frames() if frame in passed]
    for frame in sorted(usable, reverse=not lane.backward):
        found = checkpoints.load(frame, made_by=lane.made_by(frame))
        if found is not None:
            return found
    return None


def _sweep(job: _Job, runs: Sequence[_Run]) -> None:
    """Take all lanes of one shot and direction through the frames together."""
    backward = runs[0].lane.backward
    ends = [frame for run in runs for frame in (run.first, run.last)]
    span = FrameRange(start=min(ends), stop=max(ends) + 1)
    for frame, pixels in read_frames(job.source, span, backward=backward):
        job.runtime.check_cancelled()
        active = [run for run in runs if run.is_active(frame)]
        if active:
            view = job.engine.view(pixels)
            for run in active:
                _take(job, run, frame, view)
        if _ends_chunk(frame, backward):
            job.track.flush()
            _save(active, frame)


def _take(job: _Job, run: _Run, frame: int, view: Any) -> None:
    """One frame of one lane."""
    if run.checkpoint is not None and frame == run.checkpoint.frame:
        run.follower = job.engine.restore(run.checkpoint.state, view)
        return
    prompt = run.lane.prompt_at(frame)
    if run.follower is None:
        run.follower = job.engine.follower(len(run.lane.shot))
    mask = run.follower.follow(view) if prompt is None else run.follower.prompt(view, prompt)
    if frame in run.missing:
        job.track.put(frame, run.lane.number, mask, made_by=run.lane.made_by(frame))
        job.done += 1
        job.runtime.advance(Progress(stage="track", done=job.done, total=job.total))


def _save(runs: Sequence[_Run], frame: int) -> None:
    for run in runs:
        if run.follower is not None and frame in run.missing:
            made_by = run.lane.made_by(frame)
            state = run.follower.state()
            run.checkpoints.save(Checkpoint(frame=frame, made_by=made_by, state=state))


def _ends_chunk(frame: int, backward: bool) -> bool:
    return frame % CHUNK_FRAMES == (0 if backward else CHUNK_FRAMES - 1)


def _fill_gaps(track: StoredTrack, gaps: Sequence[Gap]) -> None:
    empty = np.zeros((track.header.height, track.header.width), bool)
    for gap in gaps:
        for frame in range(gap.shot.start, gap.shot.stop):
            if track.made_by(frame, gap.number) != gap.made_by:
                mask = ObjectMask(pixels=empty, state="outside", confidence=0.0)
                track.put(frame, gap.number, mask, made_by=gap.made_by)


def _watched(source: FrameSource, runtime: Runtime) -> Iterator[np.ndarray]:
    for pixels in source.read(FrameRange(start=0, stop=len(source))):
        runtime.check_cancelled()
        yield pixels
