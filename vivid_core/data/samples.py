"""What a training takes: samples of clip, mask and captions, from whatever holds them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from ..files.digest import digest_of
from ..video import Clip, MaskTrack

Task = Literal["edit", "delete", "instruct"]


@runtime_checkable
class SamplePixels(Protocol):
    """Where clip and mask of a sample are read from. Raises InputError that names the place."""

    def read(self) -> tuple[Clip, MaskTrack]: ...


@runtime_checkable
class EditedPixels(Protocol):
    """Where the edit of a clip is read from. Raises InputError that names the place."""

    def read_edited(self) -> Clip: ...


@dataclass(frozen=True, kw_only=True)
class TrainingSample:
    """A clip with its mask. `masked` are the frames whose mask selects something.

    `captions` describe what is inside the mask, the shortest first; there is none to delete. A
    sample of "instruct" has an edit of its clip: its captions are instructions that lead to it,
    its mask is where the two differ.
    """

    name: str
    pixels: SamplePixels
    task: Task
    captions: tuple[str, ...]
    frames: int
    size: tuple[int, int]  # height, width
    masked: tuple[int, ...]
    digest: str  # of clip, mask or edit, and captions
    edited: EditedPixels | None = None


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Checked samples, in the order of their names, and the folder they lie in."""

    folder: Path
    samples: tuple[TrainingSample, ...]

    @property
    def digest(self) -> str:
        """Stands for the content of all samples."""
        return digest_of(self.digests)

    @property
    def digests(self) -> dict[str, str]:
        """Of each sample by its name, to tell which one was changed."""
        return {sample.name: sample.digest for sample in self.samples}
