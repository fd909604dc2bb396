"""What an instruction dataset is built from: videos, pairs of pictures, and stills."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ..build.sources import Source, list_sources
from ..data.folder import clips_beside, files_by_name
from ..data.formats.catalog import read_dataset
from ..data.formats.record import Record
from ..data.pairs import EDITS, INSTRUCTIONS
from ..data.record import Origin
from ..errors import InputError
from ..files.digest import digest_of
from .config import TripletConfig


@dataclass(frozen=True, kw_only=True)
class TripletSource:
    """A unit of work. A pair has its `edit` with `instructions`, and captions if known."""

    origin: Origin
    source: Source
    edit: Path | None = None
    instructions: tuple[str, ...] = ()
    source_caption: str = ""
    edited_caption: str = ""

    @property
    def key(self) -> str:
        """Of a pair another one for each edit of the same picture."""
        if self.edit is None:
            return self.source.key
        return f"{self.source.key}_{digest_of(self.edit.name, list(self.instructions))[:6]}"


def list_triplet_sources(config: TripletConfig) -> tuple[TripletSource, ...]:
    """All of them by their keys, which begin with their kind.

    Raises InputError where a folder or list holds none, or cannot be read.
    """
    found = [*_videos(config), *_pairs(config), *_stills(config)]
    by_key: dict[str, TripletSource] = {}
    for one in found:
        if one.key in by_key:
            raise InputError(
                f"{one.origin}s", f"{one.source.name} is named twice: leave one of them out"
            )
        by_key[one.key] = one
    return tuple(by_key[key] for key in sorted(by_key))


def _videos(config: TripletConfig) -> list[TripletSource]:
    if config.videos is None:
        return []
    listed = list_sources(config.videos, licence=config.licence, origin=config.origin)
    return [TripletSource(origin="video", source=replace(s, prefix="video_")) for s in listed]


def _stills(config: TripletConfig) -> list[TripletSource]:
    if config.stills is None:
        return []
    files = files_by_name(config.stills) if config.stills.is_dir() else {}
    if not files:
        raise InputError("stills", f"{config.stills} holds no pictures: put at least one there")
    return [
        TripletSource(origin="still", source=_picture(config, path, config.stills, "still_"))
        for path in files.values()
    ]


def _pairs(config: TripletConfig) -> list[TripletSource]:
    if config.pairs is None:
        return []
    if config.pairs_form:
        return [
            _listed_pair(config, config.pairs, number, record)
            for number, record in enumerate(read_dataset(config.pairs, config.pairs_form), start=1)
        ]
    clips, edits, instructions = clips_beside(
        config.pairs, EDITS, "edit", INSTRUCTIONS, "instruction"
    )
    return [
        TripletSource(
            origin="pair",
            source=_picture(config, clips[name], config.pairs, "pair_"),
            edit=edits[name],
            instructions=instructions[name],
        )
        for name in sorted(clips)
    ]


def _listed_pair(config: TripletConfig, index: Path, number: int, record: Record) -> TripletSource:
    if record.edited is None or not record.instruction:
        raise InputError("pairs", f"{index}, sample {number}: names no edit, or no instruction")
    return TripletSource(
        origin="pair",
        source=_picture(config, record.video, index.resolve().parent, "pair_"),
        edit=record.edited,
        instructions=(record.instruction,),
        source_caption=record.captions[-1] if record.captions else "",
        edited_caption=record.edited_caption,
    )


def _picture(config: TripletConfig, path: Path, folder: Path, prefix: str) -> Source:
    name = path.relative_to(folder) if path.is_relative_to(folder) else Path(path.name)
    return Source(
        path=path,
        name=name.as_posix(),
        licence=config.licence,
        origin=config.origin,
        prefix=prefix,
    )
