"""A dataset as an artist keeps it: a folder with clips, masks and a file of captions.

    my_data/
        clips/fox.mp4        a video, an image, an animation, or a folder of images
        masks/fox.mkv        the same name: a mask video, image, folder of images or masks.json
        captions.txt         lines of NAME: CAPTION

A name may have several lines, captions of several lengths (VIVID, app. A.5, has three); one of
them is drawn each time. The caption "@delete" marks a sample of deletion: its mask lies on
background, which the model learns to continue (VIVID, sec. 3.2). Lines with # are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

import torch

from ..errors import InputError, MediaError
from ..files.digest import digest_of, path_digest
from ..files.guarded import JsonError, read_text
from ..media import read_clip, read_mask
from ..video import Clip, MaskTrack
from .samples import Dataset, TrainingSample

CLIPS, MASKS, CAPTIONS = "clips", "masks", "captions.txt"
DELETE = "@delete"
Read = TypeVar("Read")


@dataclass(frozen=True, kw_only=True)
class FilePair:
    """A clip and its mask as files or folders of images."""

    clip: Path
    mask: Path

    def read(self) -> tuple[Clip, MaskTrack]:
        pixels = naming(self.clip, lambda: read_clip(self.clip))
        return pixels, naming(self.mask, lambda: MaskTrack.fit(read_mask(self.mask), pixels))


def _ignore(done: int, total: int) -> None:
    return None


def open_folder(folder: Path, on_sample: Callable[[int, int], None] = _ignore) -> Dataset:
    """Read every clip and mask of a folder once.

    `on_sample` is told how many of how many are done. Raises InputError for what cannot be
    trained on, with the name of the file: no clips, a clip without a mask or caption, a mask of
    another size or length or one that is empty, broken pixels.
    """
    clips, masks, captions = clips_beside(folder, MASKS, "mask", CAPTIONS, "caption")
    samples = []
    for done, name in enumerate(sorted(clips)):
        on_sample(done, len(clips))
        samples.append(_sample(name, clips[name], masks[name], captions[name]))
    return Dataset(folder=folder, samples=tuple(samples))


def clips_beside(
    folder: Path, beside: str, what: str, texts: str, said: str
) -> tuple[dict[str, Path], dict[str, Path], dict[str, tuple[str, ...]]]:
    """Clips by name, the files in the folder `beside`, and what the file `texts` says of each.

    Raises InputError for a folder without clips, and for a clip without one or the other.
    """
    clips, others = files_by_name(folder / CLIPS), files_by_name(folder / beside)
    if not clips:
        raise InputError("data", f"{folder / CLIPS} holds no clips: put at least one there")
    lines = read_captions(folder / texts, known=sorted(clips))
    for name in clips:
        if name not in others:
            wanted = folder / beside / name
            raise InputError("data", f"{clips[name]} has no {what}: put one at {wanted}.*")
        if name not in lines:
            raise InputError(
                "data", f"{clips[name]} has no {said}: add a line '{name}: ...' to {texts}"
            )
    return clips, others, lines


def read_captions(path: Path, *, known: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Captions by name. Raises InputError with the line's number."""
    if not path.is_file():
        raise InputError("data", f"{path} is missing: write a line 'NAME: CAPTION' for each clip")
    captions: dict[str, list[str]] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, caption = (part.strip() for part in line.partition(":"))
        if not colon or not name or not caption:
            raise InputError("data", f"{path}, line {number}: needs NAME: CAPTION, got {line!r}")
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0)
            raise InputError(
                "data",
                f"{path}, line {number}: there is no clip {name!r}: did you mean {near[0]!r}?",
            )
        captions.setdefault(name, []).append(caption)
    for name, texts in captions.items():
        if DELETE in texts and len(texts) > 1:
            raise InputError(
                "data", f"{path}: {name} is {DELETE} and has a caption: leave one of them out"
            )
    return {name: tuple(sorted(texts, key=len)) for name, texts in captions.items()}


def _lines(path: Path) -> list[str]:
    try:
        return read_text(path).splitlines()
    except (OSError, JsonError) as error:
        raise InputError("data", f"{path} cannot be read as UTF-8 text: {error}") from error


def files_by_name(folder: Path) -> dict[str, Path]:
    """Files and folders by name without suffix; hidden ones are passed over."""
    found: dict[str, Path] = {}
    items = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in (item for item in items if not item.name.startswith(".")):
        name = path.name if path.is_dir() else path.stem
        if name in found:
            raise InputError(
                "data", f"{found[name]} and {path} have the same name: rename one of them"
            )
        found[name] = path
    return found


def _sample(name: str, clip: Path, mask: Path, captions: tuple[str, ...]) -> TrainingSample:
    pair = FilePair(clip=clip, mask=mask)
    pixels, track = pair.read()
    masked = (track.values > 0.5).flatten(1).any(dim=1)
    deletes = captions == (DELETE,)
    return TrainingSample(
        name=name,
        pixels=pair,
        task="delete" if deletes else "edit",
        captions=() if deletes else captions,
        frames=len(pixels),
        size=pixels.size,
        masked=tuple(torch.nonzero(masked)[:, 0].tolist()),
        digest=digest_of(path_digest(clip), path_digest(mask), list(captions)),
    )


def naming(path: Path, read: Callable[[], Read]) -> Read:
    """What `read` gives; its errors become InputError with the path in front."""
    try:
        return read()
    except InputError as error:
        raise InputError("data", f"{path}: {error.problem.removeprefix(f'{path} ')}") from error
    except MediaError as error:
        raise InputError("data", str(error)) from error
