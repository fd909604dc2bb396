"""Fill a mask of a video file with background of other frames, in constant memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from ..edit.footage import Levels, to_float, to_levels
from ..edit.masks import EffectiveMasks, MaskSource
from ..errors import MaskError
from ..files.targets import require_apart
from ..flow.camera import Pace
from ..flow.dis import DisFlow
from ..flow.engine import FlowEngine
from ..flow.fill import BackgroundFiller, Broken, FillOptions, fill_warnings
from ..flow.stretches import Stretch
from ..media import (
    SoundMode,
    VideoReader,
    VideoWriter,
    decode_rle,
    encode_rle,
    read_info,
    require_sound_fits,
    rle_area,
)
from ..runtime import Runtime
from ..video import FrameRange
from .footage import VideoFootage, find_video_shots
from .output import writer_like

log = logging.getLogger(__name__)
READ_FRAMES = 16


@dataclass(frozen=True, kw_only=True)
class FillFiles:
    """A video file whose `masks` are filled into the file `out`.

    `entities` are other moving things: never copied from. `fps` is the rate of a folder of
    pictures.
    """

    source: Path
    masks: MaskSource
    out: Path
    entities: MaskSource | None = None
    sound: SoundMode = "copy"
    fps: Fraction | None = None


@dataclass(frozen=True, kw_only=True)
class VideoFill:
    """What was done. Shares are of the mask; `outside` is the largest difference (0..1) outside
    of it, measured in the file that was written."""

    never_seen_share: float
    outside: float
    warnings: tuple[str, ...]
    _size: tuple[int, int]
    _runs: list[str]

    def never_seen(self) -> Iterator[Bool[np.ndarray, "h w"]]:
        """What no frame shows, of each frame."""
        return (decode_rle(runs, self._size) for runs in self._runs)


def fill_video(
    files: FillFiles,
    options: FillOptions,
    runtime: Runtime | None = None,
    *,
    engine: FlowEngine | None = None,
) -> VideoFill:
    """Fill a video file, frame for frame as `fill_background` does, a stretch at a time.

    Timing and sound are the source's. Raises InputError, MaskError and MediaError for what does
    not fit.
    """
    host = runtime or Runtime()
    require_apart([("video", files.source)], [("out", files.out)])
    with closing(VideoFootage(files.source, read_info(files.source, fps=files.fps))) as footage:
        require_sound_fits(files.source, files.out, files.sound)
        if footage.info.has_alpha:
            log.warning("%s will lose its alpha channel: what is filled is opaque", files.source)
        masks = EffectiveMasks(
            files.masks, frames=len(footage), size=footage.size, growth=0, packed=True
        )
        entities = None if files.entities is None else _Entities(files.entities, footage)
        shots = find_video_shots(footage, host)
        broken = _BrokenVideo(footage, masks, entities)
        filler = BackgroundFiller(broken, shots, engine or DisFlow(), options)
        runs, lost = _write(files, broken, filler, host)
        size = footage.size
        return VideoFill(
            never_seen_share=sum(rle_area(r) for r in runs) / masks.area,
            outside=_difference_outside(files.out, footage, masks, host.check_cancelled),
            warnings=(*masks.warnings, *fill_warnings(shots, lost)),
            _size=size,
            _runs=runs,
        )


class _Entities:
    """Entity masks that fit a video; they may be empty."""

    def __init__(self, source: MaskSource, footage: VideoFootage) -> None:
        self._source, self._repeats = source, len(source) == 1
        first = source.read(FrameRange(start=0, stop=1))
        if len(source) not in (1, len(footage)) or tuple(first.shape[1:]) != footage.size:
            raise MaskError(
                "entities",
                f"are {(len(source), *first.shape[1:])} but the clip is "
                f"{(len(footage), *footage.size)} (frames, height, width): give one mask a frame, "
                "of the clip's size",
            )

    def read(self, frames: FrameRange) -> Float[Tensor, "t h w"]:
        if self._repeats:
            return self._source.read(FrameRange(start=0, stop=1)).expand(len(frames), -1, -1)
        return self._source.read(frames)


@dataclass(frozen=True)
class _BrokenVideo:
    """A video file with its masks."""

    footage: VideoFootage
    masks: EffectiveMasks
    entities: _Entities | None

    def read(self, frames: FrameRange) -> Broken:
        entities = None if self.entities is None else self.entities.read(frames) > 0.5
        return Broken(
            frames=self.footage.read(frames),
            hole=self.masks.read(frames) > 0.5,
            entities=entities,
        )

    def holds_hole(self, stretch: Stretch) -> bool:
        return any(self.masks.boxes[t] is not None for t in stretch.filled)


def _write(
    files: FillFiles, broken: _BrokenVideo, filler: BackgroundFiller, host: Runtime
) -> tuple[list[str], int]:
    """The file; what was never seen of each frame, and how many frames were filled in vain."""
    footage, runs, lost = broken.footage, list[str](), 0
    active = [i for i, stretch in enumerate(filler.stretches) if broken.holds_hole(stretch)]
    pace = Pace(runtime=host, stage="fill", total=filler.steps(active), alone=True)
    with writer_like(footage, files.out, files.sound) as writer:
        for index, stretch in enumerate(filler.stretches):
            if index not in active:
                nothing = encode_rle(np.zeros(footage.size, np.bool_))
                runs += [nothing] * len(stretch.filled)
                _copy(footage, stretch.filled, writer, host)
                continue
            made = filler.fill(index, pace)
            lost += len(made.lost)
            for frame, left in zip(made.frames, made.never_seen, strict=True):
                writer.write(to_levels(frame, footage.depth))
                runs.append(encode_rle(left.numpy()))
    return runs, lost


def _copy(footage: VideoFootage, frames: FrameRange, writer: VideoWriter, host: Runtime) -> None:
    for part in _parts(frames):
        host.check_cancelled()
        for levels in footage.levels(part):
            writer.write(levels)


def _difference_outside(
    out: Path, footage: VideoFootage, masks: EffectiveMasks, check: Callable[[], None]
) -> float:
    most = 0.0
    with closing(footage.again()) as again, VideoReader(out) as reader:
        for t, frame in enumerate(reader):
            check()
            here = FrameRange(start=t, stop=t + 1)
            kept = masks.read(here)[0].numpy() <= 0.5
            before, after = _float(again.frame(t)), _float(frame.pixels[..., :3])
            if kept.any():
                most = max(most, float(np.abs(after - before)[kept].max()))
    return most


def _float(levels: Levels) -> NDArray[np.float32]:
    return to_float(levels).numpy()


def _parts(frames: FrameRange) -> Iterator[FrameRange]:
    for start in range(frames.start, frames.stop, READ_FRAMES):
        yield FrameRange(start=start, stop=min(start + READ_FRAMES, frames.stop))
