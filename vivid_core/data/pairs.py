"""A folder of clips, their edits and instructions, as a training of instruction editing takes it.

    my_pairs/
        clips/fox.mp4         a video, an image, an animation, or a folder of images
        edits/fox.mp4         the same name: what it is to become, of the same size and length
        instructions.txt      lines of NAME: INSTRUCTION

A name may have several lines, of which one is drawn each time. Lines with # are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from ..files.atomic import write_errors, write_whole_file
from ..files.digest import digest_of, path_digest, pixel_digest
from ..media import read_clip, save_image, write_clip
from ..video import Clip, MaskTrack
from .folder import CLIPS, clips_beside, files_by_name, naming
from .formats.catalog import read_dataset
from .formats.rows import read_text
from .samples import Dataset, TrainingSample

EDITS, INSTRUCTIONS = "edits", "instructions.txt"
CHANGED = 0.1  # of a value in 0..1; compression changes less


@dataclass(frozen=True, kw_only=True)
class PairFiles:
    """A clip and what it becomes, as files or folders of images."""

    clip: Path
    edit: Path

    def read(self) -> tuple[Clip, MaskTrack]:
        """The clip, and where its edit differs from it."""
        source, edited = naming(self.clip, lambda: read_clip(self.clip)), self.read_edited()
        if edited.frames.shape != source.frames.shape:
            raise InputError(
                "data",
                f"{self.edit} has {_shape(edited)}, {self.clip} {_shape(source)}: an edit has the "
                "size and length of its clip",
            )
        changed = changed_pixels(source.frames, edited.frames)
        if not changed.any():
            raise InputError("data", f"{self.edit} shows the same as {self.clip}: drop the pair")
        return source, MaskTrack(values=changed)

    def read_edited(self) -> Clip:
        """What the clip becomes."""
        return naming(self.edit, lambda: read_clip(self.edit))


def changed_pixels(
    source: Float[Tensor, "t h w 3"], edited: Float[Tensor, "t h w 3"]
) -> Float[Tensor, "t h w"]:
    """1 where the two differ by more than compression does, else 0."""
    return ((source - edited).abs().amax(dim=-1) > CHANGED).float()


def is_pairs(folder: Path) -> bool:
    """Whether a folder is one of pairs."""
    return (folder / EDITS).is_dir()


def _ignore(done: int, total: int) -> None:
    return None


def open_pairs(folder: Path, on_sample: Callable[[int, int], None] = _ignore) -> Dataset:
    """Read every pair of a folder once. `on_sample` is told how many of how many are done.

    Raises InputError for what cannot be trained on, with the name of the file: no clips, a clip
    without edit or instruction, an edit of another size or length or one that changes nothing.
    """
    clips, edits, instructions = clips_beside(folder, EDITS, "edit", INSTRUCTIONS, "instruction")
    samples = []
    for done, name in enumerate(sorted(clips)):
        on_sample(done, len(clips))
        files = PairFiles(clip=clips[name], edit=edits[name])
        samples.append(pair_sample(name, files, instructions[name]))
    return Dataset(folder=folder, samples=tuple(samples))


def add_pair(folder: Path, source: Clip, edited: Clip, instructions: Sequence[str]) -> int:
    """Write a pair into a folder, without loss, and give how many there are then.

    The same pair is written once; new wordings are added to it. Raises InputError for a pair that
    could not be trained on.
    """
    texts = [" ".join(text.split()) for text in instructions if text.strip()]
    if not texts:
        raise InputError("instructions", "is empty: say what leads from the source to the edit")
    if source.frames.shape != edited.frames.shape:
        raise InputError(
            "edited", f"is {_shape(edited)}, the source {_shape(source)}: give clips of one kind"
        )
    if not changed_pixels(source.frames, edited.frames).any():
        raise InputError("edited", "shows the same as the source: there is nothing to learn")
    name = f"pair_{digest_of(pixel_digest(source.frames), pixel_digest(edited.frames))}"
    for kind, clip in ((CLIPS, source), (EDITS, edited)):
        _write_clip(folder / kind, name, clip)
    listed = folder / INSTRUCTIONS
    lines = read_text(listed).splitlines() if listed.is_file() else []
    lines += [line for text in texts if (line := f"{name}: {text}") not in lines]
    write_whole_file(listed, ("\n".join(lines) + "\n").encode())
    return len(files_by_name(folder / CLIPS))


def _write_clip(folder: Path, name: str, clip: Clip) -> None:
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if len(clip) == 1:
        save_image(folder / f"{name}.png", clip.frames[0])
    else:
        write_clip(folder / f"{name}.mkv", clip.frames, fps=clip.fps, format="ffv1")


def open_listed(index: Path, form: str, on_sample: Callable[[int, int], None] = _ignore) -> Dataset:
    """The pairs that the index file of somebody else's dataset lists, in its order (`formats`).

    Raises InputError for a form or a sample without edit and instruction, and like `open_pairs`.
    """
    records = read_dataset(index, form)
    samples = []
    for number, record in enumerate(records):
        on_sample(number, len(records))
        if record.edited is None or not record.instruction or record.frames is not None:
            raise InputError(
                "data",
                f"{index}, sample {number + 1}: a training by instruction needs whole clips, an "
                f"edit and an instruction each, which {form} does not list",
            )
        files = PairFiles(clip=record.video, edit=record.edited)
        name = f"{number:07}_{record.video.stem}"
        samples.append(pair_sample(name, files, (record.instruction,)))
    if not samples:
        raise InputError("data", f"{index} lists no samples")
    return Dataset(folder=index.parent, samples=tuple(samples))


def pair_sample(name: str, files: PairFiles, instructions: tuple[str, ...]) -> TrainingSample:
    """A pair as a training takes it; it is read once."""
    pixels, track = files.read()
    changed = track.values.flatten(1).any(dim=1)
    return TrainingSample(
        name=name,
        pixels=files,
        edited=files,
        task="instruct",
        captions=instructions,
        frames=len(pixels),
        size=pixels.size,
        masked=tuple(torch.nonzero(changed)[:, 0].tolist()),
        digest=digest_of(path_digest(files.clip), path_digest(files.edit), list(instructions)),
    )


def _shape(clip: Clip) -> str:
    height, width = clip.size
    return f"{len(clip)} frames of {width}x{height}"
