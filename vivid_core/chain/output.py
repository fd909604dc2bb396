"""The file that a long edit makes: the source, finished windows pasted in; and its check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..edit.composite import Change
from ..edit.finished import Finished
from ..edit.footage import Levels, to_float, to_levels
from ..edit.job import Job
from ..media import (
    SoundMode,
    VideoInfo,
    VideoReader,
    VideoWriter,
    expected_losses,
    write_clip,
    written_depth,
)
from ..video import FrameRange
from .footage import VideoFootage
from .request import WrittenDifference
from .sources import VideoLevels

Piece = tuple[FrameRange, int | None]  # frames, and which window makes them


@dataclass(frozen=True, kw_only=True)
class Composition:
    """A source with windows pasted in. `check` is called for every frame, and raises to stop."""

    job: Job
    footage: VideoFootage
    pieces: Sequence[Piece]
    window_at: Callable[[int], Finished]
    check: Callable[[], None]

    def frames(self) -> Iterator[tuple[Levels, Levels]]:
        """Each frame of the source and of the result, in order, one at a time."""
        with closing(self.footage.again()) as frames:
            for piece, index in self.pieces:
                stored = None if index is None else self.window_at(index)
                for number, part in _numbered(piece, stored):
                    self.check()
                    source = frames.frame(number)
                    yield source, self._result(number, source, stored, part)

    def effective(self, frame: int) -> Tensor:
        """The effective mask [H, W] of a frame, 0 or 1."""
        return self.job.masks.read(FrameRange(start=frame, stop=frame + 1))[0]

    def _result(
        self, number: int, source: Levels, stored: Finished | None, part: Levels | None
    ) -> Levels:
        if stored is not None and part is not None:
            result = source.copy()
            stored.facts.box.crop(result)[...] = part
            return result
        if number in self.job.given:
            frame = self.job.given_frame(number, to_float(source))
            return to_levels(frame, self.footage.depth)
        return source


def _numbered(piece: FrameRange, stored: Finished | None) -> Iterator[tuple[int, Levels | None]]:
    """The frames of a piece, and what its window made of each; it may have made more."""
    numbers = range(piece.start, piece.stop)
    if stored is None:
        yield from ((number, None) for number in numbers)
    else:
        yield from zip(numbers, stored.parts_from(piece.start), strict=False)


def writer_like(footage: VideoFootage, path: Path, sound: SoundMode = "copy") -> VideoWriter:
    """A file to be written with all that a video has but its pixels."""
    return VideoWriter(
        path,
        fps=footage.fps,
        size=footage.size,
        pts=footage.times(footage.whole),
        audio_from=footage.path,
        bit_depth=written_depth(path, footage.info.bit_depth),
        looks=footage.info.looks,
        sound=sound,
    )


def keeps_alpha(footage: VideoFootage, path: Path) -> bool:
    """Whether a file of this name has the alpha of a video."""
    return footage.info.has_alpha and not expected_losses(
        replace(footage.info, has_audio=False), path
    )


def write_output(made: Composition, path: Path, sound: SoundMode = "copy") -> None:
    """The finished file, with all that its source has beside the edited pixels."""
    with writer_like(made.footage, path, sound) as writer:
        for result in _layered(made, path):
            writer.write(result)
        made.check()


def _layered(made: Composition, path: Path) -> Iterator[Levels]:
    """The frames of the result, with the alpha of the source where the file can hold it."""
    if not keeps_alpha(made.footage, path):
        yield from (result for _, result in made.frames())
        return
    footage = made.footage
    with closing(VideoLevels(footage.path, depth=footage.depth, alpha=True)) as layers:
        for number, (_, result) in enumerate(made.frames()):
            span = FrameRange(start=number, stop=number + 1)
            yield np.concatenate([result, layers.read(span)[0, ..., 3:]], axis=-1)


def write_part(made: Composition, path: Path) -> None:
    """What is finished of it, without audio. Its pieces begin at frame 0."""
    footage = made.footage
    span = FrameRange(start=0, stop=made.pieces[-1][0].stop)
    write_clip(
        path,
        (result for _, result in made.frames()),
        fps=footage.fps,
        pts=footage.times(span),
        bit_depth=written_depth(path, footage.info.bit_depth),
        looks=footage.info.looks,
    )


def write_effective_mask(made: Composition, path: Path) -> None:
    """The effective mask of every frame, white on black."""
    footage = made.footage
    with VideoWriter(
        path, fps=footage.fps, size=footage.size, pts=footage.times(footage.whole)
    ) as writer:
        for number in range(len(footage)):
            made.check()
            writer.write(made.effective(number)[..., None].expand(-1, -1, 3))


def measure_output(
    made: Composition, path: Path, watch: Callable[[int], None]
) -> tuple[Change, WrittenDifference]:
    """What changed, and what the file shows of it, decoding everything once more.

    `watch` is called with the number of each frame.
    """
    inside, outside, encoding, written = (_Tally() for _ in range(4))
    with VideoReader(path) as reader, closing(_Layers(made.footage, reader.info)) as layers:
        for number, ((source, result), frame) in enumerate(zip(made.frames(), reader, strict=True)):
            watch(number)
            effective = made.effective(number) > 0
            before, after = to_float(source), to_float(result)
            decoded = to_float(frame.pixels[..., :3])
            change = (after - before).abs().amax(dim=-1)
            inside.add(change[effective])
            outside.add(change[~effective])
            encoding.add((decoded - after).abs())
            written.add((decoded - before).abs()[~effective])
            written.add(layers.difference(number, frame.pixels))
    return (
        Change(outside=outside.most, inside_mean=inside.mean, inside_max=inside.most),
        WrittenDifference(
            written_max_difference_outside=written.most,
            encoding_error_max=encoding.most,
            encoding_error_mean=encoding.mean,
        ),
    )


class _Layers:
    """The alpha of a source beside that of the written file; nothing where one has none."""

    def __init__(self, footage: VideoFootage, written: VideoInfo) -> None:
        both = footage.info.has_alpha and written.has_alpha
        self._frames = VideoLevels(footage.path, depth=16, alpha=True) if both else None

    def difference(self, number: int, pixels: Levels) -> Tensor:
        if self._frames is None:
            return torch.zeros(0)
        source = self._frames.read(FrameRange(start=number, stop=number + 1))[0]
        return (_share(source[..., 3]) - _share(pixels[..., 3])).abs()

    def close(self) -> None:
        if self._frames is not None:
            self._frames.close()


def _share(alpha: Levels) -> Tensor:
    return torch.as_tensor(alpha.astype(np.float32) / np.float32(np.iinfo(alpha.dtype).max))


class _Tally:
    """Mean and maximum of values that come bit by bit."""

    def __init__(self) -> None:
        self.most = 0.0
        self._sum, self._count = 0.0, 0

    def add(self, values: Tensor) -> None:
        if values.numel():
            self.most = max(self.most, float(values.max()))
            self._sum += float(values.double().sum())
            self._count += values.numel()

    @property
    def mean(self) -> float:
        return self._sum / max(1, self._count)
