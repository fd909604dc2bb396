"""Samples that somebody made by hand, one by one, as a dataset."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from ..data.built import append_built, is_built, read_entries
from ..data.shards import SHARDS, StoredSample
from ..files.atomic import remove_unfinished
from ..files.digest import digest_of, pixel_digest
from ..files.lock import sole_run
from ..track.frames import ClipFrames
from ..video import Clip, FrameRange, MaskTrack
from .config import BuildConfig, Output
from .footage import Stretch
from .owner import claim, require_owner
from .sample import ClipOrigin, Content, make_sample, write_video
from .sources import Source

SMALL_SHARD = 100_000_000  # bytes; the last one is copied with each sample
UNFINISHED = ".sample_"


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

    Those before stay where they are. Raises MaskError where the mask is empty on the first frame,
    whose box stands for the thing, and InputError for the folder of a build.
    """
    config = BuildConfig(videos=folder, out=folder, output=Output(lossless=lossless))
    key = f"sample_{sample.digest}"
    with sole_run(folder, argument="name"):
        require_owner(folder, "samples", argument="name")
        for stale in sorted(folder.glob(f"{UNFINISHED}*")):  # of runs that were killed
            shutil.rmtree(stale)
        for unfinished in (folder, folder / SHARDS):
            remove_unfinished(unfinished)
        known = {entry.record.key for entry in read_entries(folder)}
        if key in known and is_built(folder):
            return len(known)
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=folder) as place:
            stored = _write(Path(place), key, sample, config)
            claim(folder, "samples", argument="name")
            return append_built(folder, stored, shard_bytes=SMALL_SHARD)


def _write(folder: Path, key: str, sample: Handmade, config: BuildConfig) -> StoredSample:
    whole = FrameRange(start=0, stop=len(sample.clip))
    clip = Stretch(source=ClipFrames(sample.clip), frames=whole)
    source = Source(path=folder, name=key, licence=sample.licence, origin=sample.origin)
    origin = ClipOrigin(source=source, digest=sample.digest, clip=clip, key=key, config=config)
    video = f"{key}{origin.suffix}"
    write_video(folder / video, clip, clip)
    masks = [mask.numpy() for mask in torch.unbind(sample.mask.values > 0.5)]
    made = make_sample(folder, key, origin, sample.content, masks, video=video)
    members = {name: folder / file for name, file in made.members.items()}
    return StoredSample(record=made.record, members=members)
