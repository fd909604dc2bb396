"""Read an evaluation set in the spirit of VIVID-10M-Eval (app. A.2): one JSON beside its files.

{"version": 1, "samples": [{"id": "beach", "source": "clips/beach.mp4", "task": "modify",
 "caption": "a red parasol", "source_caption": "a blue parasol",
 "instruction": "make the parasol red",
 "mask": {"expand": "...", "hull": "...", "box": "..."}, "truth": "truth/beach.mkv",
 "group": "beach"}]}

`mask` is a path, or one a variant; each variant is a case of its own, "beach_hull".
`source_caption` (for ViCLIP), `instruction` (for a judge), `truth` and `group` may be left out;
samples of one group are made of one clip (the source, unless named). Paths are relative to the
JSON's folder and may not leave it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ..errors import InputError
from ..files.guarded import JsonError, load_json
from ..settings import Task

VERSION = 1
MASK_VARIANTS = ("expand", "hull", "box")  # VIVID, app. A.2
OPTIONAL_TEXTS = ("instruction", "source_caption")
SAMPLE_KEYS = {"id", "source", "mask", "caption", "task", "truth", "group", *OPTIONAL_TEXTS}
ID = re.compile(r"[\w-]+")  # becomes part of a file's name
ARGUMENT = "manifest"


@dataclass(frozen=True, kw_only=True)
class EvaluationCase:
    """One edit that is asked for: a sample under one of its masks. Paths exist.

    `kind` is a benchmark's own word for this sort of edit, `instruction` what it asks for,
    `source_caption` what the source shows, and `whole_caption` says that the caption describes
    whole frames. `edit` is where a folder of edits keeps this one, without an ending; its name if
    empty. `beside` is where such a folder keeps the clip as it was fed in, if it does; only then
    `source` may be missing.
    """

    name: str
    source: Path
    mask: Path | None
    task: Task
    caption: str
    truth: Path | None
    group: str
    kind: str = ""
    instruction: str = ""
    source_caption: str = ""
    whole_caption: bool = False
    edit: str = ""
    beside: str = ""

    @property
    def label(self) -> str:
        """What tables call this sort of edit."""
        return self.kind or self.task


def read_manifest(path: Path) -> list[EvaluationCase]:
    """Every case of an evaluation set, in its order.

    Raises InputError that names the entry for what is missing, unknown, twice there, or outside
    the manifest's folder.
    """
    samples = _samples(path)
    cases = [case for i, sample in enumerate(samples) for case in _Entry(path, i, sample).cases()]
    seen: set[str] = set()
    for case in cases:
        if case.name in seen:
            raise InputError(ARGUMENT, f"{path}: {case.name!r} is there twice: give ids of one use")
        seen.add(case.name)
    return cases


def _samples(path: Path) -> list[Any]:
    try:
        data = load_json(path)
    except OSError as error:
        raise InputError(ARGUMENT, f"{path}: cannot be read ({error.strerror})") from error
    except JsonError as error:
        raise InputError(ARGUMENT, f"{path}: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("samples"), list):
        raise InputError(ARGUMENT, f'{path}: needs {{"version": 1, "samples": [...]}}')
    if data.get("version") != VERSION:
        raise InputError(
            ARGUMENT, f"{path}: is of version {data.get('version')!r}, {VERSION} is read here"
        )
    if not data["samples"]:
        raise InputError(ARGUMENT, f"{path}: has no samples")
    return data["samples"]


class _Entry:
    """One sample, as it is written."""

    def __init__(self, manifest: Path, index: int, values: Any) -> None:
        self._folder = manifest.parent
        self._values: dict[str, Any] = values if isinstance(values, dict) else {}
        name = self._values.get("id")
        self._where = f"{manifest.name}: samples[{index}]" + (f" ({name!r})" if name else "")
        if not isinstance(values, dict):
            raise self._error(f"must be an object, got {type(values).__name__}")

    def cases(self) -> Iterator[EvaluationCase]:
        unknown = sorted(set(self._values) - SAMPLE_KEYS)
        if unknown:
            raise self._error(f"has {', '.join(unknown)}, which is none of {sorted(SAMPLE_KEYS)}")
        name = self._text("id")
        if not ID.fullmatch(name):
            raise self._error("id may hold letters, digits, - and _ only: it names files")
        task, source = self._task(), self._path("source", self._values.get("source"))
        caption = self._text("caption") if task != "delete" or "caption" in self._values else ""
        texts = {key: self._text(key) for key in OPTIONAL_TEXTS if key in self._values}
        truth = self._values.get("truth")
        for variant, mask in self._masks().items():
            yield EvaluationCase(
                name=f"{name}_{variant}" if variant else name,
                source=source,
                mask=self._path(f"mask {variant}".strip(), mask),
                task=task,
                caption=caption,
                truth=None if truth is None else self._path("truth", truth),
                group=self._text("group") if "group" in self._values else str(source),
                instruction=texts.get("instruction", ""),
                source_caption=texts.get("source_caption", ""),
            )

    def _task(self) -> Task:
        for task in get_args(Task):
            if self._values.get("task") == task:
                return task
        raise self._error(
            f"task must be {', '.join(get_args(Task))}, got {self._values.get('task')!r}"
        )

    def _masks(self) -> dict[str, Any]:
        """By variant; "" where there is only one."""
        masks = self._values.get("mask")
        if not isinstance(masks, dict):
            return {"": masks}
        unknown = sorted(set(masks) - set(MASK_VARIANTS))
        if unknown or not masks:
            raise self._error(f"mask must have some of {', '.join(MASK_VARIANTS)}, got {unknown}")
        return masks

    def _text(self, key: str) -> str:
        value = self._values.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self._error(f"{key} must be text, got {value!r}")
        return value.strip()

    def _path(self, key: str, value: Any) -> Path:
        """A file or folder inside the manifest's own, links followed."""
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            raise self._error(f"{key} must be a path, got {value!r}")
        path = self._folder / value
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise self._error(f"{key} {value!r} leaves the folder of the manifest")
        if not path.exists():
            raise self._error(f"{key} {value!r} is not there")
        return path

    def _error(self, problem: str) -> InputError:
        return InputError(ARGUMENT, f"{self._where} {problem}")
