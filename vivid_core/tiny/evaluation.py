"""The 48-case evaluation set: procedural scenes whose true results are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import InputError
from ..files.atomic import write_whole
from ..mask.augment import MaskMode, augment_mask
from ..measure.manifest import VERSION
from ..media import save_masks, write_clip
from ..settings import Task
from .cases import CASES, EVALUATION_MODES, Case, Sampling, held_out_scene

SCENES = 16  # each with one case a task: 48
TASKS: tuple[Task, ...] = ("add", "modify", "delete")
MANIFEST = "manifest.json"
_ANY = Sampling(steps=1, guidance=1.0)  # how a model would be asked; nothing is


def write_evaluation_set(folder: Path, *, scenes: int = SCENES) -> Path:
    """Write the clips, masks, truths and manifest.json; gives the manifest's path.

    Held-out scenes, an addition, a modification and a deletion of each, under the paper's three
    mask variants in turn. For a modification the truth is one of many. Everything is lossless in
    8 bits. Raises InputError where the folder is there already.
    """
    if folder.exists():
        raise InputError("folder", f"{folder} is there already: name a new one")
    with write_whole(folder) as unfinished:
        unfinished.mkdir()
        samples = [
            _write_sample(unfinished, scene, place, task)
            for scene in range(scenes)
            for place, task in enumerate(TASKS)
        ]
        content = {"version": VERSION, "samples": samples}
        (unfinished / MANIFEST).write_text(json.dumps(content, indent=1), encoding="utf-8")
    return folder / MANIFEST


def _write_sample(folder: Path, scene: int, place: int, task: Task) -> dict[str, Any]:
    """The entry of one case; tasks of a scene have different variants of the mask."""
    mode = EVALUATION_MODES[(scene + place) % len(EVALUATION_MODES)]
    case = CASES[task](scene, _ANY)
    name = f"{task}_{scene:02}"
    clip = case.material.clip
    write_clip(folder / f"{name}.mkv", clip.frames, fps=clip.fps)
    write_clip(folder / f"{name}_truth.mkv", case.truth, fps=clip.fps)
    save_masks(folder / f"{name}_mask.json", _hole(case, task, mode, scene))
    entry = {
        "id": name,
        "group": f"scene {scene}",
        "source": f"{name}.mkv",
        "mask": {mode: f"{name}_mask.json"},
        "truth": f"{name}_truth.mkv",
        "task": task,
        "instruction": _instruction(case, task, scene),
    }
    return entry | ({"caption": case.settings.caption} if case.settings.caption else {})


def _instruction(case: Case, task: Task, scene: int) -> str:
    """What the edit is to do, in words that need no mask."""
    thing, caption = held_out_scene(scene).target_thing.words, case.settings.caption
    if task == "delete":
        return f"Remove the {thing}."
    return f"Add {caption}." if task == "add" else f"Turn the {thing} into {caption}."


def _hole(case: Case, task: Task, mode: MaskMode, seed: int) -> Tensor:
    """The case's own mask; that of a deletion is grown already, and not in turn."""
    if task != "delete" or mode == "expand":
        return case.hole
    return augment_mask(case.hole, mode=mode, seed=seed)
