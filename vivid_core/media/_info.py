"""The facts of a video file."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ..errors import InputError, MediaError
from ..video import FrameRange
from ._color import (
    bit_depth,
    clockwise_degrees,
    display_matrix,
    has_alpha,
    is_transposed,
)
from ._looks import Looks, looks_of
from ._pictures import Pictures, open_pictures
from ._source import Source, decode_frames, open_video, source_name
from ._timeline import Timeline, read_timeline


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What a video is. Width and height are as shown, that is after `rotation`.

    `fps` is the average rate and `frame_count` exact; `rotation` is clockwise, in degrees.
    """

    width: int
    height: int
    fps: Fraction
    frame_count: int
    duration_seconds: float
    has_audio: bool
    has_alpha: bool
    bit_depth: int
    rotation: int
    variable_frame_rate: bool
    timed: bool = True  # whether the source states its rate; else it is given or assumed
    looks: Looks = Looks()


def read_info(path: Source, *, fps: Fraction | None = None) -> VideoInfo:
    """Read the facts of a video file; reads the whole file, decodes one frame.

    `fps` is the rate of pictures that state none: of a folder, of TIFF pages. Raises MediaError if
    it cannot be read, holds no video, or is cut off, InputError for an `fps` beside a stated one.
    """
    info = describe(path, read_timeline(path))
    if fps is None:
        return info
    if info.timed:
        raise InputError(
            "fps",
            f"{source_name(path)} states when its frames are shown: leave it out, it is for "
            "folders of images and TIFF pages",
        )
    return replace(info, fps=fps, duration_seconds=float(info.frame_count / fps))


def rate_words(info: VideoInfo, fps: Fraction | None) -> str:
    """The rate of pictures that state none, and where it comes from; "" for all else."""
    if info.timed:
        return ""
    why = "as given" if fps is not None else "assumed, since pictures state none: fps sets another"
    return f"{float(info.fps):.6g} frames a second, {why}"


def frame_times(path: Source, *, range: FrameRange | None = None) -> tuple[Fraction, ...]:
    """Seconds at which each frame starts, the first at 0, and then the end of the last one.

    Give them to `VideoWriter(pts=...)` to write frames with exactly the timing of their source.
    """
    timeline = read_timeline(path)
    span = check_range(range, len(timeline), path)
    return timeline.times(span)


def frames_between(path: Source, *, start: float, duration: float) -> FrameRange:
    """The frames that ComfyUI keeps of a VIDEO trimmed to these seconds; at least one.

    It counts from the file's own zero, rounds to its ticks downwards, and takes a duration of 0
    for the rest of the file.
    """
    timeline = read_timeline(path)
    starts = timeline.starts
    first = min(bisect_left(starts, int(start / timeline.time_base)), len(starts) - 1)
    stop = len(starts)
    if duration:
        stop = bisect_left(starts, int((start + duration) / timeline.time_base))
    return FrameRange(start=first, stop=max(stop, first + 1))


def describe(source: Source, timeline: Timeline) -> VideoInfo:
    pictures = open_pictures(source)
    if pictures is not None:
        return _describe_pictures(pictures, timeline)
    with open_video(source) as (container, stream):
        frame = next(decode_frames(container, stream, source), None)
        if frame is None:
            raise MediaError(
                f"{source_name(source)}: 0 of {len(timeline)} frames can be decoded: "
                "export it again from where it came"
            )
        matrix = display_matrix(frame)
        height, width = frame.height, frame.width
        if is_transposed(matrix):
            height, width = width, height
        return VideoInfo(
            width=width,
            height=height,
            fps=timeline.rate,
            frame_count=len(timeline),
            duration_seconds=float(timeline.duration),
            has_audio=bool(container.streams.audio),
            has_alpha=has_alpha(frame.format),
            bit_depth=bit_depth(frame.format),
            rotation=clockwise_degrees(matrix),
            variable_frame_rate=timeline.variable,
            looks=looks_of(stream, frame, transposed=is_transposed(matrix)),
        )


def _describe_pictures(pictures: Pictures, timeline: Timeline) -> VideoInfo:
    first = next(pictures.read(0))
    return VideoInfo(
        width=first.shape[1],
        height=first.shape[0],
        fps=timeline.rate,
        frame_count=len(timeline),
        duration_seconds=float(timeline.duration),
        has_audio=False,
        has_alpha=pictures.has_alpha,
        bit_depth=8 if first.dtype == np.uint8 else 16,
        rotation=0,
        variable_frame_rate=timeline.variable,
        timed=pictures.timed,
    )


def check_range(range: FrameRange | None, frames: int, source: Source) -> FrameRange:
    """The range, or all frames. Raises InputError if it goes past the end."""
    if range is None:
        return FrameRange(start=0, stop=frames)
    if range.stop > frames:
        raise InputError(
            "range",
            f"frames {range.start} to {range.stop - 1} are asked for, but {source_name(source)} "
            f"has frames 0 to {frames - 1}: choose frames inside it",
        )
    return range
