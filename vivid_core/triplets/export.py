"""Write an instruction dataset as plain files with tables that others read.

insvie.csv           source, source caption, instruct, edit caption: InsViE's columns
triplets.json        source_path, instruction, edited_path: which edit belongs to which clip
KEY.source.mp4  KEY.edited.mp4
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..data.built import EDITED, INDEX, SOURCE, read_index
from ..data.formats.catalog import write_dataset
from ..data.formats.record import Record
from ..data.shards import ShardedSample, read_place
from ..errors import InputError
from ..files.atomic import write_whole

DESCRIBED, PAIRED = "insvie.csv", "triplets.json"  # no form of others has all of it


def write_triplets(dataset: Path, target: Path) -> int:
    """Fill a new folder, one row for each wording; gives how many triplets it holds.

    The videos are copied as they are stored. Raises InputError where no sample has an edit, or
    where something has the folder's name.
    """
    entries = [entry for entry in read_index(dataset / INDEX) if entry.record.edit is not None]
    if not entries:
        raise InputError("dataset", "has no edits by instruction: build it with kind: instructions")
    if target.exists():
        raise InputError("export", f"{target} is there already: name a new folder")
    with write_whole(target) as unfinished:
        unfinished.mkdir()
        root = unfinished.resolve()
        records = [row for entry in entries for row in _write(dataset, entry, root)]
        described = [replace(record, edited=None) for record in records]
        paired = [replace(record, captions=(), edited_caption="") for record in records]
        write_dataset(root / DESCRIBED, described, "insvie-pairs")
        write_dataset(root / PAIRED, paired, "ditto")
    return len(entries)


def _write(dataset: Path, entry: ShardedSample, folder: Path) -> list[Record]:
    files: dict[str, Path] = {}
    for name, place in entry.places.items():
        kind = name.partition(".")[0]
        if kind in (SOURCE, EDITED):
            files[kind] = folder / f"{entry.record.key}.{name}"
            files[kind].write_bytes(read_place(dataset, entry.shard, place))
    facts = entry.record.edit
    assert facts is not None
    return [
        Record(
            video=files[SOURCE],
            edited=files[EDITED],
            captions=(facts.source_caption,),
            edited_caption=facts.edited_caption,
            instruction=instruction,
        )
        for instruction in entry.record.captions
    ]
