"""Whether a built dataset is what its manifest says: digests, and every sample decoded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import VividError
from .built import INDEX, ShardPixels, read_index, read_manifest, reference_picture
from .record import format_record
from .shards import RECORD, ShardedSample, read_place


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was looked at, and one line for each thing that is broken."""

    samples: int
    files: int
    problems: tuple[str, ...]


def _ignore(done: int, total: int) -> None:
    return None


def check_dataset(folder: Path, on_sample: Callable[[int, int], None] = _ignore) -> Checked:
    """Read every byte of a dataset. Raises InputError where it has no manifest or index."""
    manifest = read_manifest(folder)
    problems = list(_broken_files(folder, manifest))
    entries = read_index(folder / INDEX)
    if len(entries) != manifest["samples"]:
        problems.append(f"{INDEX} lists {len(entries)} samples, not {manifest['samples']}")
    for done, entry in enumerate(entries):
        on_sample(done, len(entries))
        problems += [f"{entry.shard}, {entry.record.key}: {p}" for p in _broken(folder, entry)]
    return Checked(samples=len(entries), files=len(manifest["files"]), problems=tuple(problems))


def _broken_files(folder: Path, manifest: dict[str, Any]) -> Iterator[str]:
    for name, facts in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            yield f"{name} is missing"
            continue
        if path.stat().st_size != facts["bytes"]:
            yield f"{name} has {path.stat().st_size} bytes, not {facts['bytes']}"
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != facts["sha256"]:
                yield f"{name} was changed: its digest is another"
    for path in sorted((folder / "shards").glob("*")):
        name = path.relative_to(folder).as_posix()
        if name not in manifest["files"]:
            yield f"{name} does not belong to the dataset"


def _broken(folder: Path, entry: ShardedSample) -> Iterator[str]:
    """What is wrong with one sample: its members' digests, its record, its pixels."""
    try:
        for name, place in entry.places.items():
            data = read_place(folder, entry.shard, place)
            if hashlib.sha256(data).hexdigest() != place.sha256:
                yield f"{name} was changed: its digest is another"
            elif name == RECORD and data.decode() != format_record(entry.record):
                yield f"{name} is not what the index says"
        reference_picture(folder, entry)
        pixels = ShardPixels(folder=folder, sample=entry)
        clip, mask = pixels.read()
        edited = clip if entry.record.edit is None else pixels.read_edited()
    except (OSError, VividError) as error:
        yield str(error)
        return
    if edited.frames.shape != clip.frames.shape:
        yield "its edit has another size or length than its source"
    record = entry.record
    if (len(clip), clip.size) != (record.frames, (record.height, record.width)):
        yield f"has {len(clip)} frames of {clip.size}, its record says otherwise"
    masked = tuple(i for i, frame in enumerate(mask.values) if (frame > 0.5).any())
    if masked != record.masked:
        yield "its masks are empty on other frames than its record says"
