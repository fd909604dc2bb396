"""The triplets of one source: of a video, a pair of pictures or a still (InsViE, 3.1 to 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import get_args

import numpy as np
from jaxtyping import UInt8

from ..build.clips import clip_hash, plan_clips
from ..build.footage import Stretch
from ..build.instructions import keyframe_places
from ..build.motion import CameraMotion, crop_path, follow_path
from ..build.stage import Rejection
from ..build.units import ClipFacts, UnitResult, UnitSample
from ..data.record import EditFacts
from ..errors import EngineError
from ..files.digest import digest_of
from ..plan.cuts import survey_frames
from ..runtime import Runtime
from ..track.frames import VideoFrames
from ..video import Clip, FrameRange
from .clips import animate_picture, fit_frames, follow_frame, read_stretch, round_levels
from .config import TripletConfig
from .engines import TripletEngines
from .frame import Picture, edit_picture
from .sample import Triplet, write_triplet
from .sources import TripletSource
from .wanted import Wanted, write_wanted
from .weigh import Weighed, best_of, weigh

MOTIONS: tuple[CameraMotion, ...] = get_args(CameraMotion)
ONE = FrameRange(start=0, stop=1)
Made = UnitSample | Rejection | ClipFacts


@dataclass(frozen=True, kw_only=True)
class Work:
    """One source at work. `digest` stands for the bytes of its file."""

    source: TripletSource
    config: TripletConfig
    engines: TripletEngines
    folder: Path
    digest: str
    runtime: Runtime

    def seed(self, key: str) -> int:
        """Of what is drawn for a key: the same whatever is made beside it."""
        return int(digest_of(self.config.seed, key)[:15], 16)

    def keep(self, triplet: Triplet) -> Made:
        """Write it, unless it is not good enough."""
        if triplet.rejection is not None:
            return triplet.rejection
        made = write_triplet(self.folder, triplet, self.config, self.digest)
        return made or Rejection(key=triplet.key, reason="nothing changed")

    def weigh(self, source: Clip, edited: Clip, wanted: Wanted) -> Weighed:
        choice = self.config.choice
        return weigh(source.frames, edited.frames, wanted, choice, self.engines, self.runtime)


def make_triplets(work: Work, *, made_by: str) -> UnitResult:
    """All of a source, with the reasons of those that are none.

    Raises MediaError for a file that cannot be read, EngineError and InputError where an engine
    cannot be used at all, and what `runtime` raises to stop.
    """
    kinds = {"video": _of_video, "pair": _of_pair, "still": _of_still}
    made = list(kinds[work.source.origin](work))
    return UnitResult(
        made_by=made_by,
        digest=work.digest,
        clips=tuple(one for one in made if isinstance(one, ClipFacts)),
        samples=tuple(one for one in made if isinstance(one, UnitSample)),
        rejections=tuple(one for one in made if isinstance(one, Rejection)),
    )


def _of_video(work: Work) -> Iterator[Made]:
    """Of each clip, its first frame is edited, and the clip made to follow."""
    source, config = work.source.source, work.config
    video = VideoFrames(source.path)
    whole = Stretch(source=video, frames=source.frames or FrameRange(start=0, stop=len(video)))
    survey = survey_frames(_watched(whole, work.runtime), gradual=True)
    for plan in plan_clips(source.key, whole, survey, config.clips):
        if isinstance(plan, Rejection):
            yield plan
            continue
        count = min(len(plan.frames), config.form.frames)
        span = FrameRange(start=plan.frames.start, stop=plan.frames.start + count)
        stretch = Stretch(source=whole, frames=span)
        yield _facts(plan.key, stretch)
        yield from _of_clip(work, plan.key, stretch)


def _of_clip(work: Work, key: str, stretch: Stretch) -> Iterator[Made]:
    keyframes = [stretch.frame(place) for place in keyframe_places(len(stretch))]
    clip = read_stretch(stretch, work.config)

    def follow(own: str, edited: Picture, wanted: Wanted) -> Triplet | Rejection:
        config, engines, seed = work.config, work.engines, work.seed(own)
        made = follow_frame(
            own, clip, edited, wanted, config, engines, seed=seed, runtime=work.runtime
        )
        if isinstance(made, Rejection):
            return made
        triplet = _triplet(work, own, key, (clip, made), wanted, stretch.size)
        return replace(triplet, frames=stretch.place)

    yield from _by_instructions(work, key, keyframes, clip.frames[0], follow)


def _of_still(work: Work) -> Iterator[Made]:
    """Its edit gets the same motion of a camera, drawn for each instruction."""
    key, config = work.source.key, work.config
    frame, size = _picture(work.source.source.path)
    picture = fit_frames([frame], config.form.longest)[0]

    def move(own: str, edited: Picture, wanted: Wanted) -> Triplet:
        motion = MOTIONS[work.seed(own) % len(MOTIONS)]
        path = crop_path(motion, config.form.frames, config.form.crop)
        before, after = (
            Clip(frames=round_levels(follow_path(still, path)), fps=config.form.rate)
            for still in (picture, edited)
        )
        triplet = _triplet(work, own, key, (before, after), wanted, size)
        return replace(triplet, facts=replace(triplet.facts, motion=motion))

    yield from _by_instructions(work, key, [frame], picture, move)


def _of_pair(work: Work) -> Iterator[Made]:
    """If the pair itself is good enough: the best of several clips that begin with it."""
    key, longest = work.source.key, work.config.form.longest
    assert work.source.edit is not None
    before, size = _picture(work.source.source.path)
    after, _ = _picture(work.source.edit)
    picture, edited = (fit_frames([frame], longest) for frame in (before, after))
    if picture.shape != edited.shape:
        yield Rejection(key=key, reason="other size", detail=_sizes_text(before, after))
        return
    wanted = _described_pair(work, before, after)
    if isinstance(wanted, Rejection):
        yield wanted
        return
    choice, engines = work.config.choice, work.engines
    itself = weigh(picture, edited, wanted, choice, engines, work.runtime)
    rejection = itself.rejection(key)
    if rejection is not None:
        yield rejection
        return
    candidates: list[Triplet] = []
    for number in range(choice.candidates):
        made = _candidate(work, f"{key}_n{number:02}", (picture[0], edited[0]), wanted, size)
        if isinstance(made, Triplet):
            candidates.append(made)
        else:
            yield made
    if candidates:
        yield work.keep(candidates[best_of([one.weighed for one in candidates])])


def _sizes_text(*pictures: UInt8[np.ndarray, "_ _ 3"]) -> str:
    return " and ".join(f"{picture.shape[1]}x{picture.shape[0]}" for picture in pictures)


def _candidate(
    work: Work, key: str, pictures: tuple[Picture, Picture], wanted: Wanted, size: tuple[int, int]
) -> Triplet | Rejection:
    """One seed's clip of the picture, and what follows its edit; if that is good enough."""
    seed, (before, after) = work.seed(key), pictures
    config, engines, runtime = work.config, work.engines, work.runtime
    clip = animate_picture(
        before, wanted.source_caption, config, engines, seed=seed, runtime=runtime
    )
    edited = follow_frame(key, clip, after, wanted, config, engines, seed=seed, runtime=runtime)
    if isinstance(edited, Rejection):
        return edited
    triplet = _triplet(work, key, work.source.key, (clip, edited), wanted, size)
    return triplet.rejection or triplet


def _described_pair(
    work: Work, before: UInt8[np.ndarray, "h w 3"], after: UInt8[np.ndarray, "_ _ 3"]
) -> Wanted | Rejection:
    """With captions that somebody gave, or the writer's."""
    source, writer = work.source, work.engines.writer
    captions = []
    for given, frame in ((source.source_caption, before), (source.edited_caption, after)):
        try:
            captions.append(given or writer.describe([frame]))
        except EngineError as error:
            return Rejection(key=source.key, reason="no caption", detail=str(error))
    return Wanted(
        instructions=source.instructions, source_caption=captions[0], edited_caption=captions[1]
    )


def _by_instructions(
    work: Work,
    key: str,
    keyframes: Sequence[UInt8[np.ndarray, "h w 3"]],
    picture: Picture,
    become_clips: Callable[[str, Picture, Wanted], Triplet | Rejection],
) -> Iterator[Made]:
    """By each instruction for the keyframes the picture is edited, and both become clips."""
    written = write_wanted(key, keyframes, work.engines, count=work.config.writing.count)
    if isinstance(written, Rejection):
        yield written
        return
    for number, wanted in enumerate(written):
        work.runtime.check_cancelled()
        own = f"{key}_t{number:02}"
        edited = edit_picture(
            own,
            picture,
            wanted,
            work.config,
            work.engines,
            seed=work.seed(own),
            runtime=work.runtime,
        )
        made = edited if isinstance(edited, Rejection) else become_clips(own, edited, wanted)
        yield made if isinstance(made, Rejection) else work.keep(made)


def _triplet(
    work: Work,
    key: str,
    clip: str,
    clips: tuple[Clip, Clip],
    wanted: Wanted,
    size: tuple[int, int],
) -> Triplet:
    """Of a picture, until somebody says otherwise."""
    return Triplet(
        key=key,
        clip=clip,
        source=clips[0],
        edited=clips[1],
        wanted=wanted,
        weighed=work.weigh(*clips, wanted),
        origin=work.source.source,
        facts=EditFacts(
            origin=work.source.origin,
            source_size=size,
            source_caption=wanted.source_caption,
            edited_caption=wanted.edited_caption,
        ),
        frames=ONE,
    )


def _facts(key: str, clip: Stretch) -> ClipFacts:
    """What tells a clip from others that look the same."""
    return ClipFacts(
        key=key,
        start=clip.frames.start,
        stop=clip.frames.stop,
        fps=str(clip.fps),
        height=clip.size[0],
        width=clip.size[1],
        look=clip_hash(clip),
        source="",
    )


def _picture(path: Path) -> tuple[UInt8[np.ndarray, "h w 3"], tuple[int, int]]:
    """A file's first frame, and its height and width."""
    file = VideoFrames(path, fps=Fraction(1)) if path.is_dir() else VideoFrames(path)
    return next(file.read(ONE)), file.size


def _watched(clip: Stretch, runtime: Runtime) -> Iterator[np.ndarray]:
    for frame in clip:
        runtime.check_cancelled()
        yield frame
