"""The file that a long edit makes: the source, finished windows pasted in; and its check."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from torch import Tensor

from ..edit.composite import Change
from ..media import VideoReader, VideoWriter, write_clip
from ..video import FrameRange
from .footage import Footage
from .journal import StoredWindow
from .request import WrittenDifference
from .sources import Whole, to_float

Piece = tuple[FrameRange, int | None]  # frames, and which window makes them
WindowAt = Callable[[int], StoredWindow]


def compose(
    footage: Footage, pieces: Sequence[Piece], window_at: WindowAt
) -> Iterator[tuple[Whole, Whole]]:
    """Each frame of the source and of the result, in order, one at a time."""
    with closing(footage.open()) as frames:
        for piece, index in pieces:
            stored = None if index is None else window_at(index)
            parts = iter(()) if stored is None else stored.parts()
            for number in range(piece.start, piece.stop):
                source = frames.read(FrameRange(start=number, stop=number + 1))[0]
                result = source
                if stored is not None:
                    result = source.copy()
                    stored.facts.crop(result)[...] = next(parts)
                yield source, result


def write_output(
    footage: Footage, pieces: Sequence[Piece], window_at: WindowAt, path: Path
) -> None:
    """The finished file, with the timing and the audio of its source."""
    with VideoWriter(
        path,
        fps=footage.info.fps,
        size=footage.size,
        pts=footage.times(footage.whole),
        audio_from=footage.path,
        bit_depth=footage.bit_depth,
    ) as writer:
        for _, result in compose(footage, pieces, window_at):
            writer.write(result)


def write_part(footage: Footage, pieces: Sequence[Piece], window_at: WindowAt, path: Path) -> None:
    """What is finished of it, without audio. `pieces` begin at frame 0."""
    span = FrameRange(start=0, stop=pieces[-1][0].stop)
    write_clip(
        path,
        (result for _, result in compose(footage, pieces, window_at)),
        fps=footage.info.fps,
        pts=footage.times(span),
        bit_depth=footage.bit_depth,
    )


def write_effective_mask(footage: Footage, path: Path) -> None:
    """The effective mask of every frame, white on black."""
    with VideoWriter(
        path, fps=footage.info.fps, size=footage.size, pts=footage.times(footage.whole)
    ) as writer:
        for number in range(len(footage.whole)):
            mask = footage.effective(FrameRange(start=number, stop=number + 1))[0]
            writer.write(mask[..., None].expand(-1, -1, 3))


def remove_unfinished(target: Path) -> None:
    """What a killed run was writing under a temporary name beside `target`."""
    for path in target.parent.glob(f".{glob.escape(target.name)}.????????.part"):
        path.unlink(missing_ok=True)


def measure_output(
    footage: Footage,
    pieces: Sequence[Piece],
    window_at: WindowAt,
    path: Path,
    watch: Callable[[int], None],
) -> tuple[Change, WrittenDifference]:
    """What changed, and what the file shows of it, decoding everything once more.

    `watch` is called with the number of each frame.
    """
    inside, outside, encoding, written = (_Tally() for _ in range(4))
    with VideoReader(path) as reader:
        for number, ((source, result), frame) in enumerate(
            zip(compose(footage, pieces, window_at), reader, strict=True)
        ):
            watch(number)
            effective = footage.effective(FrameRange(start=number, stop=number + 1))[0] > 0
            before, after = to_float(source), to_float(result)
            decoded = to_float(frame.pixels[..., :3])
            change = (after - before).abs().amax(dim=-1)
            inside.add(change[effective])
            outside.add(change[~effective])
            encoding.add((decoded - after).abs())
            written.add((decoded - before).abs()[~effective])
    return (
        Change(outside=outside.most, inside_mean=inside.mean, inside_max=inside.most),
        WrittenDifference(
            written_max_difference_outside=written.most,
            encoding_error_max=encoding.most,
            encoding_error_mean=encoding.mean,
        ),
    )


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
