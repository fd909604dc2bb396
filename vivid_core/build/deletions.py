"""Samples of deletion: masks of other videos pasted onto background (VIVID, sec. 3.2).

Nothing is there that would have to be removed: the clip itself is the truth. The mask's own path is
copied, as for a thing that moves by itself, or it moves as the background does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..data.record import Propagation
from ..files.digest import digest_of
from ..media import decode_rle, read_mask
from ..runtime import Runtime
from ..track.frames import VideoFrames
from ..video import FrameRange
from .config import BuildConfig
from .engines import Engines
from .footage import Stretch
from .paste import ANALYSED_SIDE, Ground, follow_background
from .quality import MaskMeter, MaskScores, judge
from .sample import ClipOrigin, Content, make_sample, write_video
from .sources import Source
from .stage import Reason, Rejection, sort_out
from .units import BackgroundArea, ClipFacts, UnitResult, UnitSample

Mask = Bool[np.ndarray, "h w"]
DRAWS = 16  # for each mask that is wanted


@dataclass(frozen=True, kw_only=True)
class Donor:
    """A mask sequence that can be pasted: `masks` is its file, `video` its video's digest."""

    key: str
    video: str
    masks: Path


@dataclass(frozen=True, kw_only=True)
class DonorChoice:
    """Masks to try for one place in a clip, the first that fits is taken. `key` is the place's."""

    key: str
    clip: str
    donors: tuple[Donor, ...]


def choose_donors(
    edits: UnitResult, pool: Sequence[Donor], config: BuildConfig, *, without: Collection[str] = ()
) -> tuple[DonorChoice, ...]:
    """For each clip of a video, but those `without`, masks of other videos from the whole pool.

    The draw depends on the seed, the place's key and the pool alone.
    """
    choices = []
    for clip in edits.clips:
        if clip.key in without:
            continue
        for number in range(config.deletion.per_clip):
            key = f"{clip.key}_d{number:02}"
            donors = _draw_donors(key, edits.digest, pool, config)
            choices.append(DonorChoice(key=key, clip=clip.key, donors=donors))
    return tuple(choices)


def _draw_donors(
    key: str, video: str, pool: Sequence[Donor], config: BuildConfig
) -> tuple[Donor, ...]:
    """So many different ones, or as many as are met in a number of draws."""
    tries = config.deletion.tries
    rng = np.random.default_rng([int(digest_of(config.seed, key), 16), 1])
    drawn = rng.integers(len(pool), size=DRAWS * tries).tolist() if pool else []
    others = (pool[index] for index in dict.fromkeys(drawn) if pool[index].video != video)
    return tuple(islice(others, tries))


def build_deletions(
    source: Source,
    edits: UnitResult,
    edits_folder: Path,
    choices: Sequence[DonorChoice],
    engines: Engines,
    config: BuildConfig,
    folder: Path,
    *,
    made_by: str,
    runtime: Runtime,
) -> UnitResult:
    """Samples of deletion of the clips that `edits` found and `choices` name, in `folder`.

    Raises as `build_edits`.
    """
    video = VideoFrames(source.path)
    whole = Stretch(source=video, frames=source.frames or FrameRange(start=0, stop=len(video)))
    samples: list[UnitSample] = []
    rejections: list[Rejection] = []
    for facts in edits.clips:
        chosen = [choice for choice in choices if choice.clip == facts.key]
        if not chosen:
            continue
        clip = Stretch(source=whole, frames=FrameRange(start=facts.start, stop=facts.stop))
        origin = ClipOrigin(
            source=source, digest=edits.digest, clip=clip, key=facts.key, config=config
        )
        work = _Work(
            facts=facts,
            origin=origin,
            edits=edits_folder,
            engines=engines,
            folder=folder,
            runtime=runtime,
        )
        sort_out(_build_clip(work, chosen), samples, rejections)
    return UnitResult(
        made_by=made_by,
        digest=edits.digest,
        samples=tuple(samples),
        rejections=tuple(rejections),
    )


@dataclass(frozen=True, kw_only=True)
class _Work:
    """One clip at work; `edits` is the folder with its files."""

    facts: ClipFacts
    origin: ClipOrigin
    edits: Path
    engines: Engines
    folder: Path
    runtime: Runtime

    @property
    def size(self) -> tuple[int, int]:
        return self.facts.height, self.facts.width

    @cached_property
    def ground(self) -> Ground:
        clearance = self.origin.config.deletion.clearance
        if self.facts.occupied:
            things = read_mask(self.edits / self.facts.occupied)
        else:
            things = torch.zeros(len(self.origin.clip), *self.size)
        return Ground(things=things, clearance=clearance)

    @cached_property
    def frames(self) -> Float[Tensor, "t h w 3"]:
        return self.origin.clip.shrunk(ANALYSED_SIDE)


@dataclass(frozen=True, kw_only=True)
class _Pasted:
    """A mask sequence on a clip."""

    donor: Donor
    label: str  # of the background
    values: Float[Tensor, "t h w"]


def _build_clip(work: _Work, choices: Sequence[DonorChoice]) -> Iterator[UnitSample | Rejection]:
    if not work.facts.background:
        yield Rejection(key=work.facts.key, reason="no background")
        return
    for choice in choices:
        work.runtime.check_cancelled()
        rng = np.random.default_rng(int(digest_of(work.origin.config.seed, choice.key), 16))
        area = work.facts.background[int(rng.integers(len(work.facts.background)))]
        pasted = _paste(work, area, choice.donors, rng)
        if pasted is None:
            reason: Reason = "no room to paste" if choice.donors else "no mask to paste"
            yield Rejection(key=choice.key, reason=reason, detail=area.label)
            continue
        for suffix, propagation, values in _propagated(work, pasted.values):
            yield _sample(work, f"{choice.key}_{suffix}", pasted, propagation, values)


def _paste(
    work: _Work, area: BackgroundArea, donors: Sequence[Donor], rng: np.random.Generator
) -> _Pasted | None:
    """The first of a few donors that finds room on the background, away from things."""
    ground = decode_rle(area.counts, work.size)
    for donor in donors:
        pasted = work.ground.paste(read_mask(donor.masks), ground, rng)
        if pasted is not None:
            return _Pasted(donor=donor, label=area.label, values=pasted.values)
    return None


def _propagated(
    work: _Work, values: Float[Tensor, "t h w"]
) -> Iterator[tuple[str, Propagation, Tensor | Reason]]:
    """An image, and both kinds of motion of a video (VIVID, sec. 3.2), as far as asked for."""
    subsets = work.origin.config.output.subsets
    if "image" in subsets:
        yield "i", "copied", values[:1]
    if "video" in subsets:
        yield "p", "copied", values
        yield "b", "background", _follow_background(work, values[0])


def _follow_background(work: _Work, key: Float[Tensor, "h w"]) -> Tensor | Reason:
    values, confidence = follow_background(
        key, work.frames, work.ground.things, work.engines.flow, work.runtime
    )
    if confidence < work.origin.config.deletion.confidence:
        return "background lost"
    return values


def _sample(
    work: _Work, key: str, pasted: _Pasted, propagation: Propagation, values: Tensor | Reason
) -> UnitSample | Rejection:
    if not isinstance(values, Tensor):
        return Rejection(key=key, reason=values, detail=pasted.label)
    masks = [mask.numpy() > 0.5 for mask in values]
    scores = _measure(masks)
    reason = judge(scores, work.origin.config.filters, follows_flow=False)
    if reason is None and work.ground.meets_things(values):
        reason = "on a thing"
    if reason is not None:
        return Rejection(key=key, reason=reason, detail=pasted.label)
    content = Content(
        task="delete",
        label=pasted.label,
        propagation=propagation,
        scores=scores.as_dict(),
        donor=pasted.donor.key,
    )
    return make_sample(
        work.folder, key, work.origin, content, masks, video=_video(work, len(masks))
    )


def _measure(masks: Sequence[Mask]) -> MaskScores:
    meter = MaskMeter()
    for mask in masks:
        meter.add(mask)
    return meter.scores


def _video(work: _Work, frames: int) -> str:
    """The clip's file among those of its things; an image's is written here."""
    if frames == len(work.origin.clip) and frames > 1:
        return f"../../entities/{work.origin.source.key}/{work.facts.source}"
    name = f"{work.facts.key}.first{work.origin.suffix}"
    if not (work.folder / name).is_file():
        write_video(work.folder / name, [work.origin.clip.frame(0)], work.origin.clip)
    return name
