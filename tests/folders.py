"""A small folder of clips, masks and captions to train on: procedural scenes with known masks."""

from __future__ import annotations

from pathlib import Path

from vivid_core.tiny.folder import write_scene_folder


def write_folder(
    folder: Path, *, clips: int = 3, frames: int = 9, size: tuple[int, int] = (32, 32)
) -> Path:
    """Clips clip_0, clip_1, ...; the last one is a sample of deletion where there are several."""
    every = max(clips, 2)
    return write_scene_folder(folder, clips=clips, frames=frames, size=size, deletions_every=every)
