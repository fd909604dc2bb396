"""Small folders to train on: procedural clips with masks and captions, or with edits."""

from __future__ import annotations

from pathlib import Path

from vivid_core.tiny.folder import write_scene_folder
from vivid_core.tiny.pairs import write_instruction_folder


def write_folder(
    folder: Path, *, clips: int = 3, frames: int = 9, size: tuple[int, int] = (32, 32)
) -> Path:
    """Clips clip_0, clip_1, ...; the last one is a sample of deletion where there are several."""
    every = max(clips, 2)
    return write_scene_folder(folder, clips=clips, frames=frames, size=size, deletions_every=every)


def write_pairs(
    folder: Path, *, pairs: int = 4, frames: int = 1, size: tuple[int, int] = (32, 32)
) -> Path:
    """Pairs pair_000000, ... of clips and their edits, with instructions."""
    return write_instruction_folder(folder, pairs=pairs, frames=frames, size=size)
