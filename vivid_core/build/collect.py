"""Samples that somebody made by hand, one by one, as a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from ..data.built import write_built
from ..data.shards import StoredSample
from ..files.digest import digest_of, pixel_digest
from ..files.lock import sole_run
from ..track.frames import ClipFrames
from ..video import Clip, FrameRange, MaskTrack
from .clips import clip_hash
from .config import BuildConfig, Output
from .footage import Stretch
from .sample import ClipOrigin, Content, make_sample, write_video
from .sources import Source
from .tasks import work_of
from .units import ClipFacts, UnitResult, WorkFolder, save_unit


@dataclass(frozen=True, kw_only=True)
class Handmade:
    """A clip, its mask and what they are."""

    clip: Clip
    mask: MaskTrack
    content: Content
    licence: str = ""
    origin: str = ""

    @property
    def digest(self) -> str:
        content = self.content
        words = [content.task, content.label, list(content.captions), self.licence, self.origin]
        mask = pixel_digest((self.mask.values > 0.5).contiguous())
        return digest_of(pixel_digest(self.clip.frames.contiguous()), mask, words)


def add_sample(folder: Path, sample: Handmade, *, lossless: bool = False) -> int:
    """Add a sample to a dataset, unless it is in it; gives how many there are then.

    Raises MaskError where the mask is empty on the first frame, whose box stands for the thing.
    """
    config = BuildConfig(videos=folder, out=folder, output=Output(lossless=lossless))
    work, key = work_of(config), f"sample_{sample.digest}"
    with sole_run(folder, argument="name"):
        work.clean()
        if work.load("entities", key) is None:
            with work.begin("entities", key) as unfinished:
                save_unit(unfinished, _write(unfinished, key, sample, config))
        return write_built(folder, _all_samples(work))


def _write(folder: Path, key: str, sample: Handmade, config: BuildConfig) -> UnitResult:
    whole = FrameRange(start=0, stop=len(sample.clip))
    clip = Stretch(source=ClipFrames(sample.clip), frames=whole)
    source = Source(path=folder, name=key, licence=sample.licence, origin=sample.origin)
    origin = ClipOrigin(source=source, digest=sample.digest, clip=clip, key=key, config=config)
    video = f"{key}{origin.suffix}"
    write_video(folder / video, clip, clip)
    masks = [mask.numpy() for mask in torch.unbind(sample.mask.values > 0.5)]
    made = make_sample(folder, key, origin, sample.content, masks, video=video)
    facts = ClipFacts(
        key=key,
        start=0,
        stop=len(clip),
        fps=str(clip.fps),
        height=clip.size[0],
        width=clip.size[1],
        look=clip_hash(clip),
        source=video,
    )
    return UnitResult(made_by=key, digest=sample.digest, clips=(facts,), samples=(made,))


def _all_samples(work: WorkFolder) -> Iterator[StoredSample]:
    """By their keys."""
    for folder in sorted((work.folder / "entities").iterdir()):
        result = work.load("entities", folder.name)
        if result is not None:
            yield from work.samples("entities", result, folder.name)
