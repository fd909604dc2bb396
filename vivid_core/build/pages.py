"""Pages on which people rate and review samples, and what they answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..data.built import INDEX, ShardPixels, read_index
from ..data.shards import ShardedSample
from ..errors import InputError
from ..files.atomic import write_whole
from ..files.digest import digest_of
from ..files.guarded import load_json
from ..mask.overlay import overlay_mask
from ..measure.study import enlarge_pixels, fill_page
from ..media import write_clip

Kind = Literal["ratings", "review"]
VERSION = 1
TEMPLATE = Path(__file__).with_name("questions.html")
CLIPS = "clips"
YES, NO = "yes", "no"
KEEP, DROP, FIX = "keep", "drop", "fix"
# VIVID, Table 2: what its annotators looked at.
RATED: dict[str, str] = {
    "MG": "Mask generation: does the mask of the first frame hold the thing, and nothing else?",
    "MP": "Mask propagation: does it stay so in all frames?",
    "TA": "Text alignment: is what the captions say true?",
}
_TASKS = {"edit": "add or modify", "delete": "delete", "instruct": "edit by instruction"}


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What one person answered: for each sample's key, the choice of each question."""

    kind: Kind
    voter: str
    choices: dict[str, dict[str, str]]


def write_pages(folder: Path, *, count: int, seed: int) -> tuple[Path, Path]:
    """Two pages for the same random samples of a dataset: to rate them, and to keep or drop them.

    They lie in folder/look_SEED_COUNT with the clips that they show, need no network, and save
    JSON. Raises InputError where they are there already.
    """
    entries = read_index(folder / INDEX)
    if not entries or count < 1:
        raise InputError("pages", f"need a dataset with samples and 1 or more of them, got {count}")
    picked = np.random.default_rng(seed).permutation(len(entries))[:count]
    samples = [entries[index] for index in sorted(picked.tolist())]
    target = folder / f"look_{seed}_{len(samples)}"
    if target.exists():
        raise InputError("pages", f"{target} is there already: remove it, or show another number")
    with write_whole(target) as unfinished:
        (unfinished / CLIPS).mkdir(parents=True)
        for entry in samples:
            _write_clips(unfinished / CLIPS, folder, entry)
        for kind in ("ratings", "review"):
            page = fill_page(TEMPLATE, _content(kind, samples))
            (unfinished / f"{kind}.html").write_text(page, encoding="utf-8")
    return target / "ratings.html", target / "review.html"


def read_answers(path: Path, kind: Kind) -> Answers:
    """Raises InputError for a file that such a page did not write."""
    try:
        data = load_json(path)
        if (data["version"], data["kind"]) != (VERSION, kind):
            raise ValueError(f"holds {data['kind']} of version {data['version']}")
        choices = {
            str(answer["key"]): {k: str(v) for k, v in answer.items() if k not in ("key", "note")}
            for answer in data["answers"]
        }
        return Answers(kind=kind, voter=str(data["voter"]), choices=choices)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(kind, f"{path} was not saved by the page {kind}.html ({error})") from error


def rated_shares(answers: Sequence[Answers]) -> dict[str, tuple[float, int]]:
    """For each criterion the share of "yes", and of how many answers; HQ is all of a sample's."""
    given: dict[str, list[bool]] = {name: [] for name in (*RATED, "HQ")}
    for one in answers:
        for choices in one.choices.values():
            rated = {name: choices[name] == YES for name in RATED if name in choices}
            for name, good in rated.items():
                given[name].append(good)
            given["HQ"].append(all(rated.values()))
    return {name: (sum(v) / len(v), len(v)) for name, v in given.items() if v}


def dropped_keys(answers: Sequence[Answers]) -> set[str]:
    """Samples that somebody would not keep: to drop, or to fix first."""
    return {
        key
        for one in answers
        for key, choices in one.choices.items()
        if choices.get("verdict") in (DROP, FIX)
    }


def _write_clips(folder: Path, dataset: Path, entry: ShardedSample) -> None:
    pixels = ShardPixels(folder=dataset, sample=entry)
    clip, mask = pixels.read()
    if entry.record.edit is None:
        beside = overlay_mask(clip.frames, mask.values)
    else:
        beside = pixels.read_edited().frames
    for name, frames in (("source", clip.frames), ("mask", beside)):
        path = folder / f"{entry.record.key}_{name}.mp4"
        write_clip(path, enlarge_pixels(frames), fps=clip.fps)


def _content(kind: Kind, samples: Sequence[ShardedSample]) -> dict[str, Any]:
    shown = [
        {
            "key": entry.record.key,
            "kind": f"{entry.record.task} {entry.record.subset}",
            "task": _TASKS[entry.record.task],
            "label": entry.record.label,
            "captions": list(entry.record.captions),
        }
        for entry in samples
    ]
    return {
        "version": VERSION,
        "kind": kind,
        "sheet": digest_of(shown),
        "title": "How good are these samples?" if kind == "ratings" else "Which samples stay?",
        "questions": _questions(kind),
        "samples": shown,
    }


def _questions(kind: Kind) -> list[dict[str, Any]]:
    """An image has no propagation, a deletion no captions of its own."""
    if kind == "review":
        return [{"name": "verdict", "text": "What of it?", "choices": [KEEP, DROP, FIX]}]
    tasks = {
        "MG": ["edit image", "edit video", "delete image", "delete video"],
        "MP": ["edit video", "delete video"],
        "TA": ["edit image", "edit video", "instruct video"],
    }
    return [
        {"name": name, "text": text, "choices": [YES, NO], "tasks": tasks[name]}
        for name, text in RATED.items()
    ]
