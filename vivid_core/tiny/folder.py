"""A folder of procedural clips with masks and captions, as a training takes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from ..data.folder import CAPTIONS, CLIPS, DELETE, MASKS
from ..errors import InputError
from ..files.atomic import write_whole_file
from ..media import save_masks, write_clip
from .scenes.captions import local_caption
from .scenes.shapes import HELD_OUT_SEED, draw_scene

CAPTIONS_DRAWN = 3  # of different length (VIVID, app. A.5)
FPS = 8
SCENES = "scenes.json"  # which scenes they are, for the engines that know them


def write_scene_folder(
    folder: Path,
    *,
    clips: int,
    frames: int,
    size: tuple[int, int],
    deletions_every: int = 4,
    first_seed: int = 0,
    on_clip: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Clips clip_0, clip_1, ... of `size` (height, width) with all that belongs to them.

    Every so-many-th is a sample of deletion: its mask is that of a thing that is not there. The
    captions are written last, so that a folder with them is whole. `on_clip` is told how many of
    how many are done, before each. Raises InputError for seeds of the held-out scenes, which
    vivid-tiny is judged on.
    """
    if first_seed + clips > HELD_OUT_SEED:
        raise InputError("seed", f"must stay below {HELD_OUT_SEED - clips}: those are held out")
    for name in (CLIPS, MASKS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    lines = ["# name: caption"]
    scenes: list[dict[str, int | bool]] = []
    for number in range(clips):
        delete = number % deletions_every == deletions_every - 1
        on_clip(number, clips)
        name = f"clip_{number:0{len(str(clips - 1))}}"
        lines += _write_sample(folder, name, first_seed + number, frames, size, delete=delete)
        scenes.append({"seed": first_seed + number, "without_target": delete})
    facts = {"frames": frames, "height": size[0], "width": size[1], "scenes": scenes}
    write_whole_file(folder / SCENES, json.dumps(facts, indent=1).encode())
    write_whole_file(folder / CAPTIONS, ("\n".join(lines) + "\n").encode())
    return folder


def _write_sample(
    folder: Path, name: str, seed: int, frames: int, size: tuple[int, int], *, delete: bool
) -> list[str]:
    """Write clip and mask; its lines for the captions."""
    scene = draw_scene(seed, frames=frames, height=size[0], width=size[1])
    pixels = scene.background() if delete else scene.render()
    clip = folder / CLIPS / f"{name}.mkv"
    write_clip(clip, torch.from_numpy(pixels), fps=Fraction(FPS), format="ffv1")
    save_masks(folder / MASKS / f"{name}.json", list(scene.mask(visible=False)))
    if delete:
        return [f"{name}: {DELETE}"]
    rng = np.random.default_rng(seed)
    texts = dict.fromkeys(local_caption(scene, rng) for _ in range(CAPTIONS_DRAWN))
    return [f"{name}: {text}" for text in texts]
