"""Write a mask track as a masks.json, a mask video, or an overlay on its frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..mask.overlay import DEFAULT_COLOR, overlay_mask
from ..media import VideoWriter
from ..video import FrameRange
from .frames import FrameSource
from .store import StoredTrack

PALETTE = (
    DEFAULT_COLOR,
    (1.0, 0.25, 0.9),
    (0.25, 0.95, 0.35),
    (1.0, 0.7, 0.1),
    (1.0, 0.25, 0.25),
    (0.6, 0.45, 1.0),
)


def write_masks(track: StoredTrack, path: Path) -> None:
    """All objects together: .json as COCO run lengths, else a black and white video or folder."""
    if path.suffix.lower() == ".json":
        track.save_json(path)
        return
    with VideoWriter(
        path, fps=track.header.fps, size=(track.header.height, track.header.width)
    ) as writer:
        for mask in track.masks():
            writer.write(np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255)


def write_overlay(
    track: StoredTrack, source: FrameSource, path: Path, *, audio_from: Path | None = None
) -> None:
    """The frames with each object tinted in its own colour; audio is copied if asked for."""
    with VideoWriter(path, fps=track.header.fps, size=source.size, audio_from=audio_from) as writer:
        for frame in overlay_frames(track, source):
            writer.write(frame)


def overlay_frames(
    track: StoredTrack, source: FrameSource, frames: FrameRange | None = None
) -> Iterator[Tensor]:
    """Frames float32 [H, W, 3] in 0..1 with each object tinted, one at a time."""
    span = frames or FrameRange(start=0, stop=len(track))
    for number, pixels in enumerate(source.read(span), span.start):
        shown = torch.from_numpy(pixels.astype(np.float32) / 255)[None]
        for index, item in enumerate(track.object_ids):
            mask = torch.from_numpy(track.object_mask(number, item))[None]
            shown = overlay_mask(shown, mask, PALETTE[index % len(PALETTE)])
        yield shown[0]
