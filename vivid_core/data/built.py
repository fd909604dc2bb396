"""A built dataset: shards, an index that finds every sample in them, and a manifest of digests.

my_dataset/
    shards/000000.tar    WebDataset: KEY.source.mp4, KEY.masks.json, KEY.json ...; of an
                         instruction dataset KEY.edited.mp4 too
    index.parquet        one line a sample: its facts, and where its members lie
    manifest.json        SHA-256 and size of every file; written last
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxtyping import Float
from torch import Tensor

from ..errors import InputError, MediaError
from ..files.atomic import write_whole, write_whole_file
from ..files.digest import digest_of
from ..files.guarded import load_json
from ..media import parse_masks, read_clip
from ..video import Clip, MaskTrack
from .record import format_record, parse_record
from .samples import Dataset, TrainingSample
from .shards import (
    SHARD_BYTES,
    Place,
    ShardedSample,
    StoredSample,
    append_to_shards,
    read_place,
    write_shards,
)

if TYPE_CHECKING:
    import pyarrow

INDEX, MANIFEST = "index.parquet", "manifest.json"
FORMAT, VERSION = "vivid-dataset", 1
SOURCE, EDITED = "source", "edited"  # and the suffix of a video
MASKS, REFERENCE = "masks.json", "reference.png"
_NEEDS_ARROW = "needs the package pyarrow: pip install pyarrow"


@dataclass(frozen=True, kw_only=True)
class ShardPixels:
    """Clip and mask of a sample in a shard."""

    folder: Path
    sample: ShardedSample

    def read(self) -> tuple[Clip, MaskTrack]:
        with self._named():
            clip = self._clip(SOURCE)
            text = self._bytes(MASKS).decode("utf-8", "replace")
            return clip, MaskTrack.fit(parse_masks(text, name=MASKS), clip)

    def read_edited(self) -> Clip:
        """What the clip becomes. Raises InputError for a sample without an edit."""
        with self._named():
            return self._clip(EDITED)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Errors that say where the sample lies."""
        name = f"{self.folder / self.sample.shard}: {self.sample.record.key}"
        try:
            yield
        except (MediaError, OSError) as error:
            raise InputError("data", f"{name}: {error}") from error
        except InputError as error:
            raise InputError("data", f"{name}: {error.problem}") from error

    def _clip(self, kind: str) -> Clip:
        named = [name for name in self.sample.places if name.startswith(f"{kind}.")]
        if not named:
            raise InputError("data", f"has no {kind} video: build the dataset again")
        return read_clip(io.BytesIO(self._bytes(named[0])))

    def _bytes(self, member: str) -> bytes:
        return read_place(self.folder, self.sample.shard, self.sample.places[member])


def reference_picture(folder: Path, sample: ShardedSample) -> Float[Tensor, "_ _ 3"] | None:
    """The picture of a sample's thing, or None. Raises InputError for one that cannot be read."""
    name = sample.record.reference
    if not name:
        return None
    try:
        data = read_place(folder, sample.shard, sample.places[name])
        return read_clip(io.BytesIO(data)).frames[0]
    except (KeyError, MediaError, OSError) as error:
        where = f"{folder / sample.shard}: {sample.record.key}"
        raise InputError("data", f"{where}: {name} cannot be read: {error}") from error


def is_built(folder: Path) -> bool:
    """Whether a folder holds a built dataset."""
    return (folder / MANIFEST).is_file()


def write_built(
    folder: Path, samples: Iterable[StoredSample], *, shard_bytes: int = SHARD_BYTES
) -> int:
    """Write a dataset; gives the number of samples. The same samples give the same bytes.

    Shards of an earlier dataset in the folder are replaced, and those over its end removed.
    """
    (folder / MANIFEST).unlink(missing_ok=True)  # what follows is whole only when it is back
    written = list(write_shards(folder, samples, shard_bytes=shard_bytes))
    shards = {sample.shard for sample in written}
    for stale in sorted((folder / "shards").glob("*.tar")):
        if stale.relative_to(folder).as_posix() not in shards:
            stale.unlink()
    return _finish(folder, written, {})


def append_built(folder: Path, sample: StoredSample, *, shard_bytes: int = SHARD_BYTES) -> int:
    """Add a sample behind those of a dataset; gives how many there are then.

    Only the last shard is written again, and only where it has room. One whose key is there is not
    added twice. After a run that was killed here, the next one mends the dataset. Raises InputError
    where its index or manifest cannot be read.
    """
    entries = read_entries(folder)
    files = read_manifest(folder)["files"] if is_built(folder) else {}
    (folder / MANIFEST).unlink(missing_ok=True)
    if all(entry.record.key != sample.record.key for entry in entries):
        added = append_to_shards(folder, entries, sample, shard_bytes=shard_bytes)
        entries.append(added)
        files.pop(added.shard, None)
    return _finish(folder, entries, files)


def _finish(folder: Path, written: Sequence[ShardedSample], known: Mapping[str, Any]) -> int:
    """Write index and manifest; `known` are facts of shards that did not change."""
    write_index(folder / INDEX, written)
    shards = dict.fromkeys(sample.shard for sample in written)
    files = {name: known.get(name) or _file_facts(folder / name) for name in shards}
    files[INDEX] = _file_facts(folder / INDEX)
    data = {"format": FORMAT, "version": VERSION, "samples": len(written), "files": files}
    write_whole_file(folder / MANIFEST, json.dumps(data, indent=1, sort_keys=True).encode())
    return len(written)


def open_built(folder: Path, on_sample: Callable[[int, int], None]) -> Dataset:
    """The samples of a built dataset. Raises InputError for files that are gone or cut off.

    Digests are not verified here, see `check`: a terabyte takes hours.
    """
    require_files(folder, read_manifest(folder))
    entries = read_index(folder / INDEX)
    samples = []
    for done, entry in enumerate(entries):
        on_sample(done, len(entries))
        samples.append(_training_sample(folder, entry))
    if not samples:
        raise InputError("data", f"{folder} holds no samples: nothing passed the filters")
    return Dataset(folder=folder, samples=tuple(samples))


def read_manifest(folder: Path) -> dict[str, Any]:
    """Raises InputError for one that is missing, or not of this format."""
    path = folder / MANIFEST
    try:
        data = load_json(path)
        if (data["format"], data["version"]) != (FORMAT, VERSION):
            raise ValueError(f"format {data['format']}, version {data['version']}")
        dict(data["files"]).items()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("data", f"{path} is no manifest this pack reads ({error})") from error
    return data


def require_files(folder: Path, manifest: dict[str, Any]) -> None:
    """Raise InputError that names the first file which is not there with all its bytes."""
    for name, facts in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise InputError(
                "data", f"{path} is missing: put it back where the dataset's {MANIFEST} has it"
            )
        if path.stat().st_size != facts["bytes"]:
            raise InputError(
                "data",
                f"{path} has {path.stat().st_size} bytes, {MANIFEST} says {facts['bytes']}: copy "
                "it again",
            )


def write_index(path: Path, samples: Sequence[ShardedSample]) -> None:
    """One line a sample. Raises InputError where pyarrow is not installed."""
    pa, parquet = _arrow()
    table = pa.Table.from_pylist([_row(sample) for sample in samples], schema=_schema(pa))
    with write_whole(path) as unfinished:
        parquet.write_table(table, unfinished, compression="zstd")


def read_entries(folder: Path) -> list[ShardedSample]:
    """The samples that a folder's index lists; none where there is no index yet."""
    return read_index(folder / INDEX) if (folder / INDEX).is_file() else []


def read_index(path: Path) -> list[ShardedSample]:
    """Raises InputError where it cannot be read."""
    pa, parquet = _arrow()
    try:
        rows = parquet.read_table(path, columns=["record", "shard", "members"]).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise InputError("data", f"{path} cannot be read: {error}") from error
    return [_entry(row, f"{path}, line {number}") for number, row in enumerate(rows, start=1)]


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError("data", f"a built dataset {_NEEDS_ARROW}") from error
    return pyarrow, pyarrow.parquet


def _schema(pa: Any) -> pyarrow.Schema:
    text, whole, number = pa.string(), pa.int64(), pa.float64()
    member = pa.struct([("name", text), ("offset", whole), ("bytes", whole), ("sha256", text)])
    return pa.schema(
        [
            *((name, text) for name in ("key", "subset", "task", "label", "propagation", "fps")),
            *((name, whole) for name in ("frames", "height", "width")),
            ("captions", pa.list_(text)),
            ("box", pa.list_(number)),
            ("scores", pa.map_(text, number)),
            *((name, text) for name in ("source", "licence", "origin", "shard")),
            ("members", pa.list_(member)),
            ("record", text),
        ]
    )


def _row(sample: ShardedSample) -> dict[str, Any]:
    record = sample.record
    plain = ("key", "subset", "task", "label", "propagation", "fps", "frames", "height", "width")
    return {
        **{name: getattr(record, name) for name in plain},
        "captions": list(record.captions),
        "box": list(record.box),
        "scores": sorted(record.scores.items()),
        "source": record.source.path,
        "licence": record.source.licence,
        "origin": record.source.origin,
        "shard": sample.shard,
        "members": [
            {"name": name, "offset": place.offset, "bytes": place.size, "sha256": place.sha256}
            for name, place in sorted(sample.places.items())
        ],
        "record": format_record(record),
    }


def _entry(row: dict[str, Any], where: str) -> ShardedSample:
    places = {
        item["name"]: Place(offset=item["offset"], size=item["bytes"], sha256=item["sha256"])
        for item in row["members"]
    }
    record = parse_record(row["record"], where=where)
    return ShardedSample(record=record, shard=row["shard"], places=places)


def _training_sample(folder: Path, entry: ShardedSample) -> TrainingSample:
    record, pixels = entry.record, ShardPixels(folder=folder, sample=entry)
    return TrainingSample(
        name=record.key,
        pixels=pixels,
        edited=None if record.edit is None else pixels,
        task=record.task,
        captions=record.captions,
        frames=record.frames,
        size=(record.height, record.width),
        masked=record.masked,
        digest=digest_of({name: place.sha256 for name, place in entry.places.items()}),
    )


def _file_facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": sha256, "bytes": path.stat().st_size}
