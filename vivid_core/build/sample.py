"""Write a sample's members and its record, the same for things and for deletions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8

from ..data.built import MASKS, REFERENCE, SOURCE
from ..data.record import Propagation, Provenance, SampleRecord, Subset
from ..data.samples import Task
from ..errors import MaskError
from ..files.digest import digest_of
from ..media import VideoWriter, format_masks
from .config import BuildConfig
from .footage import Stretch
from .sources import Source
from .units import UnitSample

Mask = Bool[np.ndarray, "h w"]


@dataclass(frozen=True, kw_only=True)
class ClipOrigin:
    """What all samples of a clip share. `digest` is of the source file."""

    source: Source
    digest: str
    clip: Stretch
    key: str  # of the clip
    config: BuildConfig

    @property
    def suffix(self) -> str:
        return ".mkv" if self.config.output.lossless else ".mp4"

    def provenance(self, frames: int) -> Provenance:
        start = self.clip.place.start
        return Provenance(
            path=self.source.name,
            start=start,
            stop=start + frames,
            digest=self.digest,
            licence=self.source.licence,
            origin=self.source.origin,
        )


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a sample says about its mask."""

    task: Task
    label: str
    captions: tuple[str, ...] = ()
    propagation: Propagation
    scores: dict[str, float]
    donor: str = ""


def write_video(path: Path, frames: Iterable[UInt8[np.ndarray, "h w 3"]], clip: Stretch) -> None:
    """Frames of a clip, one at a time."""
    with VideoWriter(path, fps=clip.fps, size=clip.size) as writer:
        for frame in frames:
            writer.write(frame)


def make_sample(
    folder: Path,
    key: str,
    origin: ClipOrigin,
    content: Content,
    masks: Sequence[Mask],
    *,
    video: str,
    reference: str = "",
) -> UnitSample:
    """Write the masks beside the `video`, which is there, and say what the sample is.

    One mask makes an image, more a video. `reference` is the file of a picture of the thing.
    """
    subset: Subset = "image" if len(masks) == 1 else "video"
    (folder / f"{key}.{MASKS}").write_bytes(format_masks(masks))
    height, width = origin.clip.size
    record = SampleRecord(
        key=key,
        clip=origin.key,
        subset=subset,
        task=content.task,
        label=content.label,
        captions=content.captions,
        box=mask_box(masks[0]),
        height=height,
        width=width,
        frames=len(masks),
        fps=str(origin.clip.fps),
        propagation=content.propagation,
        source=origin.provenance(len(masks)),
        mask_seed=int(digest_of(origin.config.seed, key)[:12], 16),
        scores=content.scores,
        empty=tuple(i for i, mask in enumerate(masks) if not mask.any()),
        donor=content.donor,
        reference=REFERENCE if reference else "",
    )
    members = {f"{SOURCE}{Path(video).suffix}": video, MASKS: f"{key}.{MASKS}"}
    if reference:
        members[REFERENCE] = reference
    return UnitSample(record=record, members=members)


def mask_box(mask: Mask) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a mask; right and bottom end it. Raises MaskError for none."""
    if not mask.any():
        raise MaskError("mask", "is empty on the first frame: begin where the thing can be seen")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
