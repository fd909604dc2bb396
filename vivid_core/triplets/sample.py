"""Write a triplet's clips, the mask of what differs, and its record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from ..build.footage import Stretch
from ..build.sample import mask_box, write_video
from ..build.sources import Source
from ..build.stage import Rejection
from ..build.units import UnitSample
from ..data.built import EDITED, MASKS, SOURCE
from ..data.pairs import changed_pixels
from ..data.record import EditFacts, Provenance, SampleRecord
from ..files.digest import digest_of
from ..media import format_masks
from ..track.frames import ClipFrames
from ..video import Clip, FrameRange
from .config import TripletConfig
from .wanted import Wanted
from .weigh import Weighed


@dataclass(frozen=True, kw_only=True)
class Triplet:
    """A clip, its edit and what leads from one to the other. `clip` is the key of its clip."""

    key: str
    clip: str
    source: Clip
    edited: Clip
    wanted: Wanted
    weighed: Weighed
    origin: Source
    facts: EditFacts
    frames: FrameRange  # of the source file

    @property
    def rejection(self) -> Rejection | None:
        """Why it is left out, if it is."""
        return self.weighed.rejection(self.key)


def write_triplet(
    folder: Path, triplet: Triplet, config: TripletConfig, digest: str
) -> UnitSample | None:
    """Its files and record; None where no pixel differs by more than compression does.

    `digest` stands for the source file.
    """
    changed = changed_pixels(triplet.source.frames, triplet.edited.frames) > 0.5
    if not changed.any():
        return None
    masks = [mask.numpy() for mask in changed]
    suffix = ".mkv" if config.form.lossless else ".mp4"
    names = {f"{kind}{suffix}": f"{triplet.key}.{kind}{suffix}" for kind in (SOURCE, EDITED)}
    for name, clip in zip(names.values(), (triplet.source, triplet.edited), strict=True):
        whole = FrameRange(start=0, stop=len(clip))
        stretch = Stretch(source=ClipFrames(clip), frames=whole)
        write_video(folder / name, stretch, stretch)
    (folder / f"{triplet.key}.{MASKS}").write_bytes(format_masks(masks))
    record = _record(triplet, config, digest, masks)
    return UnitSample(record=record, members=names | {MASKS: f"{triplet.key}.{MASKS}"})


def _record(
    triplet: Triplet, config: TripletConfig, digest: str, masks: list[Bool[np.ndarray, "h w"]]
) -> SampleRecord:
    height, width = triplet.source.size
    return SampleRecord(
        key=triplet.key,
        clip=triplet.clip,
        subset="video",
        task="instruct",
        label=triplet.facts.origin,
        captions=triplet.wanted.instructions,
        box=mask_box(np.any(masks, axis=0)),
        height=height,
        width=width,
        frames=len(masks),
        fps=str(triplet.source.fps),
        propagation="changed",
        source=Provenance(
            path=triplet.origin.name,
            start=triplet.frames.start,
            stop=triplet.frames.stop,
            digest=digest,
            licence=triplet.origin.licence,
            origin=triplet.origin.origin,
        ),
        mask_seed=int(digest_of(config.seed, triplet.key)[:12], 16),
        scores=triplet.weighed.scores,
        empty=tuple(i for i, mask in enumerate(masks) if not mask.any()),
        edit=triplet.facts,
    )
