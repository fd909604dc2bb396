"""finetrainers and the diffusers trainers before it: a list of clips and a list of captions.

videos.txt     one path a line, relative to the folder
prompt.txt     the caption of each, on the same line
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...errors import InputError
from ...files.atomic import write_whole_file
from .record import Record, confined, relative
from .rows import read_text

VIDEOS, PROMPTS = "videos.txt", ("prompt.txt", "prompts.txt")  # both names are in use


def read_finetrainers(path: Path, root: Path) -> tuple[Record, ...]:
    """The samples of a folder, or of the videos.txt in it."""
    folder = path if path.is_dir() else path.parent
    captions = next((folder / n for n in PROMPTS if (folder / n).is_file()), folder / PROMPTS[0])
    videos, words = _lines(folder / VIDEOS), _lines(captions)
    if len(videos) != len(words):
        raise InputError(
            "data",
            f"{folder}: {VIDEOS} has {len(videos)} lines, {captions.name} {len(words)}: give each "
            "clip one line of caption",
        )
    return tuple(
        Record(video=confined(root, video), captions=(caption,) if caption else ())
        for video, caption in zip(videos, words, strict=True)
    )


def write_finetrainers(path: Path, records: Iterable[Record], root: Path) -> None:
    """Raises InputError for a sample that has more than one clip with one caption on one line."""
    known = list(records)
    for record in known:
        plain = Record(video=record.video, captions=record.captions)
        lines = [relative(root, record.video), *record.captions]
        if record != plain or len(lines) > 2 or any(len(t.splitlines()) > 1 for t in lines):
            raise InputError(
                "data", f"{record.video}: this form holds a clip and one line of caption only"
            )
    folder = path if path.is_dir() else path.parent
    _write(folder / VIDEOS, [relative(root, record.video) for record in known])
    _write(folder / PROMPTS[0], [" ".join(record.captions) for record in known])


def _lines(path: Path) -> list[str]:
    """Lines without space around them; empty ones at the end do not count."""
    lines = [line.strip() for line in read_text(path).splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _write(path: Path, lines: list[str]) -> None:
    write_whole_file(path, "".join(f"{line}\n" for line in lines).encode())
