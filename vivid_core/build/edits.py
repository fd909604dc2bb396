"""Samples of things in a video, to add or to modify (VIVID, sec. 3.1)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8

from ..data.built import MASKS, REFERENCE
from ..files.digest import digest_of
from ..media import encode_rle, save_image
from ..perceive.crop import WHITE, masked_crop
from ..plan.cuts import Survey, survey_frames
from ..runtime import Runtime
from ..track.frames import VideoFrames
from ..track.prompts import FramePrompt, ObjectPrompts, PaintedMask, Prompts
from ..track.store import StoredTrack
from ..track.track import track_objects
from ..video import FrameRange
from .clips import ClipPlan, clip_hash, clip_views, plan_clips
from .config import BuildConfig
from .engines import Engines
from .entities import Found, find_background, find_entities, tag_frame
from .footage import Stretch
from .quality import MaskMeter, MaskScores, judge, measure_masks
from .sample import ClipOrigin, Content, make_sample, write_video
from .sources import Source
from .stage import Rejection, sort_out
from .units import BackgroundArea, ClipFacts, UnitResult, UnitSample
from .words import caption_entity

Mask = Bool[np.ndarray, "h w"]


@dataclass(frozen=True, kw_only=True)
class _Work:
    """One clip at work."""

    plan: ClipPlan
    origin: ClipOrigin
    engines: Engines
    folder: Path
    runtime: Runtime

    @property
    def clip(self) -> Stretch:
        return self.origin.clip

    @property
    def config(self) -> BuildConfig:
        return self.origin.config


def build_edits(
    source: Source,
    digest: str,
    engines: Engines,
    config: BuildConfig,
    folder: Path,
    *,
    made_by: str,
    runtime: Runtime,
) -> UnitResult:
    """All clips of a video with their samples; files go into `folder`, which is there.

    `digest` stands for the video's bytes. Raises MediaError for one that cannot be read,
    EngineError where an engine cannot be used at all, and what `runtime` raises to stop.
    """
    video = VideoFrames(source.path)
    whole = Stretch(source=video, frames=source.frames or FrameRange(start=0, stop=len(video)))
    survey = survey_frames(_watched(whole, runtime), gradual=True)
    clips: list[ClipFacts] = []
    samples: list[UnitSample] = []
    rejections: list[Rejection] = []
    for plan in plan_clips(source.key, whole, survey, config.clips):
        if isinstance(plan, Rejection):
            rejections.append(plan)
            continue
        clip = Stretch(source=whole, frames=plan.frames)
        origin = ClipOrigin(source=source, digest=digest, clip=clip, key=plan.key, config=config)
        work = _Work(plan=plan, origin=origin, engines=engines, folder=folder, runtime=runtime)
        facts, made, dropped = _build_clip(work)
        clips.append(facts)
        samples += made
        rejections += dropped
    return UnitResult(
        made_by=made_by,
        digest=digest,
        clips=tuple(clips),
        samples=tuple(samples),
        rejections=tuple(rejections),
    )


def _build_clip(work: _Work) -> tuple[ClipFacts, list[UnitSample], list[Rejection]]:
    key, first = work.plan.key, work.clip.frame(0)
    labels = tag_frame(first, work.engines)
    found, samples, rejections = list[Found](), list[UnitSample](), list[Rejection]()
    things = find_entities(key, first, labels.foreground, work.engines, work.config.entities)
    sort_out(things, found, rejections)
    background = find_background(first, labels.background, work.engines, work.config.entities)
    occupied = ""
    if found:
        with _Tracks(work, found) as tracks:
            occupied = tracks.save_union()
            sort_out(_things(work, tracks, found), samples, rejections)
    if samples or background:
        write_video(work.folder / f"{key}{work.origin.suffix}", work.clip, work.clip)
    encoder = work.engines.encoder
    facts = ClipFacts(
        key=key,
        start=work.plan.frames.start,
        stop=work.plan.frames.stop,
        fps=str(work.clip.fps),
        height=work.clip.size[0],
        width=work.clip.size[1],
        look=clip_hash(work.clip),
        source=f"{key}{work.origin.suffix}",
        occupied=occupied,
        views=() if encoder is None else clip_views(work.clip, encoder),
        background=tuple(
            BackgroundArea(label=label, counts=encode_rle(mask)) for label, mask in background
        ),
    )
    return facts, samples, rejections


class _Tracks:
    """The masks of all things of a clip, on disk while they are needed."""

    def __init__(self, work: _Work, found: Sequence[Found]) -> None:
        self._work, self._folder = work, work.folder / f".{work.plan.key}.track"
        objects = tuple(
            ObjectPrompts(
                id=number,
                name=thing.entity.label,
                frames=(FramePrompt(frame=0, mask=PaintedMask.of(thing.mask)),),
            )
            for number, thing in enumerate(found, start=1)
        )
        self.track: StoredTrack = track_objects(
            work.clip,
            Prompts(objects=objects),
            work.engines.tracker,
            self._folder,
            Runtime(check_cancelled=work.runtime.check_cancelled),
            survey=Survey(
                shots=(FrameRange(start=0, stop=len(work.clip)),),
                digest=digest_of(work.origin.digest, work.plan.key),
            ),
        )

    def __enter__(self) -> _Tracks:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def save_union(self) -> str:
        name = f"{self._work.plan.key}.occupied.{MASKS}"
        self.track.save_json(self._work.folder / name)
        return name

    def masks(self, number: int) -> list[Mask]:
        """Of the n-th thing, from 0."""
        frames = range(len(self._work.clip))
        return [self.track.object_mask(frame, number + 1) for frame in frames]

    def scores(self, count: int) -> list[MaskScores]:
        work = self._work
        masks = (
            [self.track.object_mask(frame, number + 1) for number in range(count)]
            for frame in range(len(work.clip))
        )
        return measure_masks(_watched(work.clip, work.runtime), masks, work.engines.flow)


def _things(
    work: _Work, tracks: _Tracks, found: Sequence[Found]
) -> Iterator[UnitSample | Rejection]:
    first = work.clip.frame(0)
    for number, (thing, scores) in enumerate(zip(found, tracks.scores(len(found)), strict=True)):
        work.runtime.check_cancelled()
        subsets = list(_wanted(work, thing, scores))
        yield from (subset for subset in subsets if isinstance(subset, Rejection))
        wanted = [subset for subset in subsets if not isinstance(subset, Rejection)]
        if not wanted:
            continue
        label, mask = thing.entity.label, thing.mask
        captions = caption_entity(thing.key, first, mask, label, work.engines.captioner)
        if isinstance(captions, Rejection):
            yield captions
            continue
        reference = _reference(work, thing, first)
        for key, measured in wanted:
            content = Content(
                task="edit",
                label=label,
                captions=tuple(captions),
                propagation="tracked",
                scores=measured.as_dict() | {"detection": round(thing.entity.score, 4)},
            )
            yield _write(work, key, content, tracks, number, reference)


def _wanted(
    work: _Work, thing: Found, scores: MaskScores
) -> Iterator[tuple[str, MaskScores] | Rejection]:
    """Keys of the subsets that a thing is good enough for; an image asks for its mask alone."""
    rules, subsets = work.config.filters, work.config.output.subsets
    still = MaskMeter()
    still.add(thing.mask)
    for subset, key, measured in (
        ("video", thing.key, scores),
        ("image", f"{thing.key}_i", still.scores),
    ):
        if subset not in subsets:
            continue
        reason = judge(measured, rules, follows_flow=True)
        if reason is None:
            yield key, measured
        else:
            yield Rejection(key=key, reason=reason, detail=thing.entity.label)


def _reference(work: _Work, thing: Found, first: UInt8[np.ndarray, "h w 3"]) -> str:
    """The file of a picture of the thing, which is written if it is asked for."""
    if not work.config.output.reference:
        return ""
    name = f"{thing.key}.{REFERENCE}"
    save_image(work.folder / name, masked_crop(first, thing.mask, blank=WHITE))
    return name


def _write(
    work: _Work, key: str, content: Content, tracks: _Tracks, number: int, reference: str
) -> UnitSample:
    masks, video = tracks.masks(number), f"{work.plan.key}{work.origin.suffix}"
    if key.endswith("_i"):
        masks, video = masks[:1], f"{work.plan.key}.first{work.origin.suffix}"
        if not (work.folder / video).is_file():
            write_video(work.folder / video, [work.clip.frame(0)], work.clip)
    return make_sample(
        work.folder, key, work.origin, content, masks, video=video, reference=reference
    )


def _watched(clip: Stretch, runtime: Runtime) -> Iterator[np.ndarray]:
    for frame in clip:
        runtime.check_cancelled()
        yield frame
