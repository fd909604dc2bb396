"""Candidates on disk: each stays selectable, with its caption and seed, until someone deletes it.

A library is a folder, with one folder a group (the candidates of one node for one clip):

    group/0123456789abcdef.png     the picture, 8 bit
    group/0123456789abcdef.json    what it was made from; written last, so a record is complete

The name is the digest of the 8-bit pixels: the same name is always the same picture. Records hold
a checksum of themselves, but for those of version 1, which had none.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, get_args, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError, MediaError
from ..files.digest import digest_of
from ..files.guarded import JsonError, load_json
from ..files.seal import SEAL, require_sealed, write_sealed
from ..media import load_image, pixels_to_array, save_image
from ..settings import Aim

log = logging.getLogger(__name__)
FORMAT, VERSION, UNSEALED = "vivid-candidate", 2, 1
_NUMBER = re.compile(r"[0-9]{1,3}")
_DIGEST = re.compile(r"([0-9a-f]{16})(?: seed ([0-9]{1,20}))?")

Picture = Float[Tensor, "h w 3"]
Value = TypeVar("Value", str, int, float)


@runtime_checkable
class Made(Protocol):
    """A new candidate, as `keyframe.edit` makes them; reading records needs nothing of models."""

    @property
    def pixels(self) -> Picture: ...

    @property
    def caption(self) -> str: ...

    @property
    def seed(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class CandidateRecord:
    """A candidate that is kept in `folder`. `made` is in seconds since 1970, one a batch."""

    folder: Path
    digest: str
    caption: str
    seed: int
    frame: int
    task: Aim
    made: float
    number: int  # in its batch, from 1

    @property
    def path(self) -> Path:
        return self.folder / f"{self.digest}.png"

    def load(self) -> Picture:
        """The picture, float32 in 0..1. Raises MediaError if it is gone, or is another one."""
        pixels = load_image(self.path)
        if picture_digest(pixels) != self.digest:
            raise MediaError(
                f"{self.path}: was changed after it was made: delete it, and run Vivid Edit "
                f"Keyframe again with seed {self.seed}"
            )
        return pixels


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which picture: the `number`-th of the batch, from 1, or the one with this `digest`."""

    number: int = 0
    digest: str = ""
    seed: int | None = None  # that the picture was made from; only for messages


@dataclass(frozen=True, kw_only=True)
class Picked:
    """A chosen picture, always its 8-bit pixels; `record` is None for one made elsewhere."""

    pixels: Picture
    digest: str
    record: CandidateRecord | None


class CandidateLibrary:
    """The candidates below `root`, which need not exist yet."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def keep(self, group: str, made: Sequence[Made], *, frame: int, task: Aim) -> None:
        """Add the candidates of one run; one that is there already gets this run's record."""
        folder, now = self.root / group, time.time()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MediaError(f"{folder}: cannot be made ({error.strerror})") from error
        for number, candidate in enumerate(made, start=1):
            digest = picture_digest(candidate.pixels)
            about = {
                "format": FORMAT,
                "version": VERSION,
                "caption": candidate.caption,
                "seed": candidate.seed,
                "frame": frame,
                "task": task,
                "made": now,
                "number": number,
            }
            save_image(folder / f"{digest}.png", candidate.pixels)
            write_sealed(folder / f"{digest}.json", about, indent=1)

    def find(self, digest: str) -> CandidateRecord | None:
        """The newest record of a picture."""
        paths = [folder / f"{digest}.json" for folder in self._groups()]
        found = [_read(path) for path in paths if path.is_file()]
        return max(found, key=lambda record: record.made, default=None)

    def beside(self, digests: Sequence[str]) -> list[CandidateRecord]:
        """The other candidates of the groups that hold any of these pictures, newest first."""
        found: dict[str, CandidateRecord] = {}
        for folder in self._groups():
            if any((folder / f"{digest}.json").is_file() for digest in digests):
                found |= {record.digest: record for record in _readable(folder)}
        others = [record for digest, record in found.items() if digest not in digests]
        return sorted(others, key=lambda record: (-record.made, record.number))

    def _groups(self) -> list[Path]:
        return [path for path in self.root.glob("*") if path.is_dir()]


def picture_digest(pixels: Picture) -> str:
    """16 hexadecimal digits that stand for the 8-bit pixels of a picture in 0..1."""
    array = pixels_to_array(pixels, depth=8)
    return digest_of(array.shape, array.tobytes())


def is_digest(text: str) -> bool:
    """Whether a text can be the digest of a picture, and so the name of a file."""
    return bool(re.fullmatch(r"[0-9a-f]{16}", text))


def parse_choice(text: str) -> Choice | None:
    """What a choice's text names: "3", "0123456789abcdef" or "0123456789abcdef seed 7".

    None if it is empty. Raises InputError for anything else.
    """
    text = text.strip()
    if not text:
        return None
    if _NUMBER.fullmatch(text) and int(text) > 0:
        return Choice(number=int(text))
    named = _DIGEST.fullmatch(text)
    if named is None:
        raise InputError(
            "choice",
            f"is {text!r}: click a picture in the node, or give a number from 1 or the digest "
            "(16 hexadecimal digits) of one",
        )
    digest, seed = named.groups()
    return Choice(digest=digest, seed=None if seed is None else int(seed))


def pick(batch: Float[Tensor, "n h w 3"], choice: Choice, library: CandidateLibrary) -> Picked:
    """The chosen picture of the batch, or an earlier one.

    Raises InputError for a number that the batch does not have, and for a picture that is
    neither in the batch nor kept.
    """
    if choice.number > len(batch):
        raise InputError(
            "choice", f"is {choice.number}, there are pictures 1 to {len(batch)}: choose again"
        )
    if choice.number:
        return _of_batch(batch[choice.number - 1], library)
    for pixels in batch:
        if picture_digest(pixels) == choice.digest:
            return _of_batch(pixels, library)
    record = library.find(choice.digest)
    if record is None or not record.path.is_file():
        again = "" if choice.seed is None else f" with seed {choice.seed}"
        raise InputError(
            "choice",
            f"the picture {choice.digest} is neither among these nor kept on disk: run Vivid Edit "
            f"Keyframe again{again}, or press 'Choose anew' in Vivid Pick Keyframe, run, and "
            "click another",
        )
    return Picked(pixels=record.load(), digest=record.digest, record=record)


def _of_batch(pixels: Picture, library: CandidateLibrary) -> Picked:
    array = pixels_to_array(pixels, depth=8)
    digest = picture_digest(pixels)
    eight_bit = torch.from_numpy(array.astype(np.float32) / 255)
    return Picked(pixels=eight_bit, digest=digest, record=library.find(digest))


def _readable(folder: Path) -> Iterator[CandidateRecord]:
    """The records of a group; a damaged one hides no other."""
    for path in folder.glob("*.json"):
        try:
            yield _read(path)
        except MediaError as error:
            log.warning("%s", error)


def _read(path: Path) -> CandidateRecord:
    try:
        data: dict[str, Any] = load_json(path)
        if data["format"] != FORMAT or data["version"] not in (VERSION, UNSEALED):
            raise ValueError(f"format {data['format']}, version {data['version']}")
        if data["version"] != UNSEALED or SEAL in data:
            require_sealed(data, path)
        return CandidateRecord(
            folder=path.parent,
            digest=path.stem,
            caption=_checked(data["caption"], str),
            seed=_checked(data["seed"], int),
            frame=_checked(data["frame"], int),
            task=_task(data["task"]),
            made=_checked(float(data["made"]), float),
            number=_checked(data["number"], int),
        )
    except (OSError, JsonError, MediaError, ValueError, KeyError, TypeError) as error:
        raise MediaError(f"{path}: is no record of a candidate ({error}): delete it") from error


def _checked(value: Any, kind: type[Value]) -> Value:
    """A text, or a number from 0."""
    outside = isinstance(value, int | float) and not 0 <= value < math.inf
    if not isinstance(value, kind) or isinstance(value, bool) or outside:
        raise ValueError(f"{value!r} is not what was written")
    return value


def _task(value: Any) -> Aim:
    if value not in get_args(Aim):
        raise ValueError(f"the task {value!r}")
    return value
