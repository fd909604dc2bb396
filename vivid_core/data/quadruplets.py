"""Write the samples that have a reference picture as files for reference-guided training.

quadruplets.csv          source_video, mask_video, target_video, reference_image, prompt
KEY.source.mkv           the clip without what is inside the mask, which is grey there
KEY.mask.mkv  KEY.target.mp4  KEY.reference.png
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError
from ..files.atomic import write_whole
from ..media import write_clip
from .built import INDEX, REFERENCE, SOURCE, ShardPixels, read_index
from .formats.catalog import write_dataset
from .formats.record import MaskReference, Record
from .shards import ShardedSample, read_place

TABLE = "quadruplets.csv"
GREY = 0.5  # of what a model has to make, as its source shows it
_SOURCE_VIDEO, _MASK_VIDEO = "source.mkv", "mask.mkv"  # exact, as .mkv is


def write_quadruplets(dataset: Path, target: Path) -> int:
    """Fill a new folder; gives how many samples it holds.

    The prompt is the longest caption. Raises InputError where no sample has a picture, or where
    something has the folder's name.
    """
    entries = [entry for entry in read_index(dataset / INDEX) if entry.record.reference]
    if not entries:
        raise InputError("dataset", "has no reference pictures: build it with reference: true")
    if target.exists():
        raise InputError("export", f"{target} is there already: name a new folder")
    with write_whole(target) as unfinished:
        unfinished.mkdir()
        root = unfinished.resolve()
        records = [_write(dataset, entry, root) for entry in entries]
        write_dataset(root / TABLE, records, "reference-quadruplets")
    return len(entries)


def _write(dataset: Path, entry: ShardedSample, folder: Path) -> Record:
    clip, mask = ShardPixels(folder=dataset, sample=entry).read()
    place = {name: folder / f"{entry.record.key}.{name}" for name in (_SOURCE_VIDEO, _MASK_VIDEO)}
    selected = (mask.values > 0.5).float()[..., None]
    hidden = clip.frames * (1 - selected) + GREY * selected
    write_clip(place[_SOURCE_VIDEO], hidden, fps=clip.fps)
    write_clip(place[_MASK_VIDEO], selected.expand_as(clip.frames), fps=clip.fps)
    copied = dict(_copy_members(dataset, entry, folder))
    return Record(
        video=place[_SOURCE_VIDEO],
        mask=MaskReference(path=place[_MASK_VIDEO]),
        edited=copied[SOURCE],
        references=(copied[REFERENCE],),
        instruction=entry.record.captions[-1],
    )


def _copy_members(dataset: Path, entry: ShardedSample, folder: Path) -> Iterator[tuple[str, Path]]:
    """The clip itself, which is what an edit has to come to, and the picture; as they are."""
    for name, place in entry.places.items():
        kind = SOURCE if name.startswith(f"{SOURCE}.") else name
        if kind not in (SOURCE, REFERENCE):
            continue
        path = folder / f"{entry.record.key}.{name.replace(SOURCE, 'target')}"
        path.write_bytes(read_place(dataset, entry.shard, place))
        yield kind, path
