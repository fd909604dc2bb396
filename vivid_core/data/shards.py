"""Shards: samples in WebDataset tar files, the same bytes for the same samples.

A member is named KEY.source.mp4, KEY.masks.json, KEY.json ...: what lies behind the first dot says
what it is, so that any WebDataset reader groups the members of a sample. Owners, modes and times
are fixed.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..files.atomic import write_whole
from .record import SampleRecord, format_record

SHARDS = "shards"
SHARD_BYTES = 1_000_000_000  # a shard begins anew before it grows over this
RECORD = "json"
_MODE = 0o644


@dataclass(frozen=True, kw_only=True)
class StoredSample:
    """A sample whose parts lie in files: `members` maps "source.mp4", "masks.json" ... to them."""

    record: SampleRecord
    members: Mapping[str, Path]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Bytes of a shard. `sha256` is of these bytes alone."""

    offset: int
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ShardedSample:
    """A sample in a shard, which is named relative to the dataset's folder."""

    record: SampleRecord
    shard: str
    places: Mapping[str, Place]


def write_shards(
    folder: Path, samples: Iterable[StoredSample], *, shard_bytes: int = SHARD_BYTES
) -> Iterator[ShardedSample]:
    """Write samples in their order; gives them once their shard is on disk under its name."""
    for number, group in enumerate(_grouped(samples, shard_bytes)):
        name = _name(number)
        with _new_shard(folder / name) as archive:
            written = [_add_sample(archive, name, sample) for sample in group]
        yield from written


def append_to_shards(
    folder: Path,
    before: Sequence[ShardedSample],
    sample: StoredSample,
    *,
    shard_bytes: int = SHARD_BYTES,
) -> ShardedSample:
    """Write one sample behind all `before`, as `write_shards` would have placed it there.

    What lies in the last shard behind its samples (a run was killed) is dropped.
    """
    last = before[-1].shard if before else _name(0)
    beside = [one for one in before if one.shard == last]
    size = _size(sample)
    if beside and sum(map(_stored_size, beside)) + size > shard_bytes:
        last, beside = _name(len({one.shard for one in before})), []
    end = max((_end(place) for one in beside for place in one.places.values()), default=0)
    with _new_shard(folder / last, begins_with=end) as archive:
        return _add_sample(archive, last, sample)


def read_place(folder: Path, shard: str, place: Place) -> bytes:
    """The bytes of a member. Raises OSError where the shard is missing or shorter."""
    with (folder / shard).open("rb") as file:
        file.seek(place.offset)
        data = file.read(place.size)
    if len(data) < place.size:
        raise OSError(f"{shard} ends after {place.offset + len(data)} bytes")
    return data


def _grouped(samples: Iterable[StoredSample], most: int) -> Iterator[list[StoredSample]]:
    group, total = list[StoredSample](), 0
    for sample in samples:
        size = _size(sample)
        if group and total + size > most:
            yield group
            group, total = [], 0
        group.append(sample)
        total += size
    if group:
        yield group


def _name(number: int) -> str:
    return f"{SHARDS}/{number:06}.tar"


def _size(sample: StoredSample) -> int:
    return sum(path.stat().st_size for path in sample.members.values())


def _stored_size(sample: ShardedSample) -> int:
    """The same of one in a shard."""
    return sum(place.size for name, place in sample.places.items() if name != RECORD)


@contextmanager
def _new_shard(path: Path, *, begins_with: int = 0) -> Iterator[tarfile.TarFile]:
    """A shard to write; so many bytes of the one that is there stay in front."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as unfinished:
        if begins_with:
            shutil.copyfile(path, unfinished)
        with unfinished.open("r+b" if begins_with else "wb") as file:
            file.truncate(begins_with)
            file.seek(begins_with)
            with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
                yield archive


def _add_sample(archive: tarfile.TarFile, shard: str, sample: StoredSample) -> ShardedSample:
    record = format_record(sample.record).encode()
    places = {RECORD: _add(archive, f"{sample.record.key}.{RECORD}", record)}
    for name in sorted(sample.members):
        data = sample.members[name].read_bytes()
        places[name] = _add(archive, f"{sample.record.key}.{name}", data)
    return ShardedSample(record=sample.record, shard=shard, places=places)


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> Place:
    header = tarfile.TarInfo(name)
    header.size, header.mode, header.mtime = len(data), _MODE, 0
    archive.addfile(header, io.BytesIO(data))
    assert archive.fileobj is not None
    offset = archive.fileobj.tell() - _padded(len(data))
    return Place(offset=offset, size=len(data), sha256=hashlib.sha256(data).hexdigest())


def _end(place: Place) -> int:
    """Where the next member may begin."""
    return place.offset + _padded(place.size)


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
