"""A folder of procedural clips, their edits and instructions, as a training takes it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from ..data.folder import CLIPS
from ..data.pairs import EDITS, INSTRUCTIONS
from ..errors import InputError
from ..files.atomic import write_whole_file
from ..media import save_image, write_clip
from .folder import FPS
from .scenes.instructions import SceneEdit, draw_edit
from .scenes.shapes import HELD_OUT_SEED

PAIRS = "pairs"  # beside the clips of a folder of scenes
PHRASES_DRAWN = 3
WHOLE = 17  # frames of the scene that a single picture is one of


def write_instruction_folder(
    folder: Path,
    *,
    pairs: int,
    frames: int,
    size: tuple[int, int],
    first_seed: int = 0,
    on_pair: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Pairs pair_SEED of `size` (height, width) in three wordings each; pictures for one frame.

    A folder that is there is added to, what it has stays; the instructions come last. `on_pair` is
    told how many of how many are done, before each. Raises InputError for seeds of the held-out
    scenes.
    """
    if first_seed + pairs > HELD_OUT_SEED:
        raise InputError("seed", f"must stay below {HELD_OUT_SEED - pairs}: those are held out")
    for name in (CLIPS, EDITS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    listed = folder / INSTRUCTIONS
    lines = listed.read_text().splitlines() if listed.is_file() else ["# name: instruction"]
    written = {line.partition(":")[0] for line in lines}
    for number in range(pairs):
        on_pair(number, pairs)
        name = f"pair_{first_seed + number:06}"
        if name not in written:
            lines += _write_pair(folder, name, first_seed + number, frames, size)
    write_whole_file(listed, ("\n".join(lines) + "\n").encode())
    return folder


def _write_pair(
    folder: Path, name: str, seed: int, frames: int, size: tuple[int, int]
) -> list[str]:
    """Write clip and edit; the lines of their instructions."""
    rng = np.random.default_rng(seed)
    length = WHOLE if frames == 1 else frames
    edit = draw_edit(seed, frames=length, height=size[0], width=size[1])
    times = range(frames) if frames > 1 else [int(rng.integers(length))]
    for kind, scene in ((CLIPS, edit.source), (EDITS, edit.edited)):
        pixels = torch.from_numpy(scene.render(times=times))
        if frames == 1:
            save_image(folder / kind / f"{name}.png", pixels[0])
        else:
            write_clip(folder / kind / f"{name}.mkv", pixels, fps=Fraction(FPS), format="ffv1")
    return [f"{name}: {text}" for text in _phrases(edit, rng)]


def _phrases(edit: SceneEdit, rng: np.random.Generator) -> list[str]:
    return list(dict.fromkeys(edit.phrase(rng) for _ in range(PHRASES_DRAWN)))
