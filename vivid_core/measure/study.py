"""A blind comparison of edits by people: a page, clips under neutral names, and the key."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from ..files.atomic import write_whole
from ..files.digest import digest_of
from ..mask.overlay import overlay_mask
from ..media import write_clip
from ..video import MaskTrack
from .edited import Edited
from .manifest import EvaluationCase
from .set import Method, read_edited

VERSION = 1
PAGE, KEY, CLIPS = "study.html", "key.json", "clips"
TEMPLATE = Path(__file__).with_name("study.html")
PLACE = "{{study}}"  # where the page has what it asks
SMALLEST_SIDE = 256  # pixels; smaller clips are enlarged, or the encoding would blur them
# VIVID, section 5.1: what its annotators compared.
CRITERIA = {
    "VQ": "Which looks more real, and better made?",
    "TA": "Which does better what was asked for?",
    "TC": "Which is steadier from frame to frame?",
    "BP": "Which keeps the rest of the picture better?",
}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Two edits of one case side by side: the methods on the left and on the right."""

    name: str
    case: str
    group: str
    task: str
    left: str
    right: str


def plan_trials(
    cases: Sequence[EvaluationCase], methods: Sequence[str], *, seed: int
) -> list[Trial]:
    """Every case by the first method beside each other one, in random order.

    The first method is on the left in half of the trials (one more or less where they are odd),
    drawn at random; the same seed gives the same study. Raises InputError for one method alone.
    """
    if len(methods) < 2:
        raise InputError("edits", f"a study compares two folders or more, got {len(methods)}")
    rng = np.random.default_rng(seed)
    pairs = [(case, other) for case in cases for other in methods[1:]]
    first_left = rng.permutation(np.arange(len(pairs)) % 2 == int(rng.integers(2)))
    trials = []
    for number, index in enumerate(rng.permutation(len(pairs))):
        case, other = pairs[index]
        sides = (methods[0], other) if first_left[number] else (other, methods[0])
        trials.append(
            Trial(
                name=f"t{number:04}",
                case=case.name,
                group=case.group,
                task=case.label,
                left=sides[0],
                right=sides[1],
            )
        )
    return trials


def write_study(
    folder: Path, cases: Sequence[EvaluationCase], methods: Sequence[Method], *, seed: int
) -> int:
    """Write study.html, its clips and key.json into a new folder; gives the number of trials.

    The page needs no network and does not know which method is where: only key.json does, so
    keep that from those who vote. Raises InputError where the folder is there already.
    """
    if folder.exists():
        raise InputError("study", f"{folder} is there already: name a new folder")
    trials = plan_trials(cases, [method.name for method in methods], seed=seed)
    by_name = {case.name: case for case in cases}
    folders = {method.name: method for method in methods}
    for trial in trials:  # before the first is encoded
        for side in (trial.left, trial.right):
            folders[side].files(by_name[trial.case])
    with write_whole(folder) as unfinished:
        (unfinished / CLIPS).mkdir(parents=True)
        for trial in trials:
            _write_clips(unfinished / CLIPS, trial, by_name[trial.case], folders)
        key = _key(trials, methods, seed)
        (unfinished / KEY).write_text(json.dumps(key, indent=1), encoding="utf-8")
        page = _page(trials, by_name, str(key["study"]))
        (unfinished / PAGE).write_text(page, encoding="utf-8")
    return len(trials)


def _write_clips(
    folder: Path, trial: Trial, case: EvaluationCase, methods: dict[str, Method]
) -> None:
    edits: dict[str, Edited] = {
        side: read_edited(case, *methods[name].files(case))
        for side, name in (("left", trial.left), ("right", trial.right))
    }
    source, mask = edits["left"].source, edits["left"].mask
    clips = {side: edited.edit for side, edited in edits.items()}
    clips["source"] = source.frames
    if isinstance(mask, MaskTrack):
        clips["source"] = overlay_mask(source.frames, mask.values, opacity=0.0)
    for side, frames in clips.items():
        write_clip(folder / f"{trial.name}_{side}.mp4", enlarge_pixels(frames), fps=source.fps)


def _key(trials: Sequence[Trial], methods: Sequence[Method], seed: int) -> dict[str, Any]:
    listed = [asdict(trial) for trial in trials]
    names = [method.name for method in methods]
    return {
        "version": VERSION,
        "study": digest_of(listed, names),
        "seed": seed,
        "methods": names,
        "trials": listed,
    }


def _page(trials: Sequence[Trial], cases: dict[str, EvaluationCase], study: str) -> str:
    """The page with what it asks: nothing in it tells the methods."""
    asked = [
        {"name": trial.name, "task": trial.task, "caption": case.instruction or case.caption}
        for trial in trials
        for case in [cases[trial.case]]
    ]
    content = {"version": VERSION, "study": study, "criteria": CRITERIA, "trials": asked}
    return fill_page(TEMPLATE, content)


def fill_page(template: Path, content: dict[str, Any]) -> str:
    """A page with what it asks in it, as JSON."""
    # A caption must not end the script that holds it.
    text = json.dumps(content, ensure_ascii=True).replace("<", "\\u003c")
    return template.read_text(encoding="utf-8").replace(PLACE, text)


def enlarge_pixels(frames: Float[Tensor, "t h w 3"]) -> Float[Tensor, "t y x 3"]:
    """Pixel by pixel, until the longer side is about `SMALLEST_SIDE`."""
    times = max(1, SMALLEST_SIDE // max(frames.shape[1:3]))
    return frames.repeat_interleave(times, dim=1).repeat_interleave(times, dim=2)
