"""When each frame of a stream is shown, found by reading its packets (or frames, if need be)."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from ..errors import MediaError
from ..video import FrameRange
from ._matroska import is_whole
from ._pictures import Pictures, open_pictures
from ._source import Source, decode_frames, no_frames, open_video, source_name

# Codecs that show exactly one frame for each packet; for others the frames are counted.
ONE_FRAME_A_PACKET = frozenset({"h264", "hevc", "av1", "vp9", "prores", "ffv1", "mjpeg", "png"})
ROUNDING_SECONDS = 1e-3  # Matroska rounds times to milliseconds
FALLBACK_RATE = Fraction(25)
LARGEST_DENOMINATOR = 1001  # of a frame rate: NTSC rates are n/1001


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """`starts` (sorted) and `end` in ticks of `time_base`, as the file counts them.

    `keys` are the starts at which decoding can begin; empty where seeking is not to be trusted.
    """

    starts: tuple[int, ...]
    end: int
    time_base: Fraction
    keys: tuple[int, ...]
    rate: Fraction
    variable: bool

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def duration(self) -> Fraction:
        if not self.variable:
            return len(self) / self.rate
        return (self.end - self.starts[0]) * self.time_base

    def time(self, frame: int) -> Fraction:
        """Seconds from the first frame; `frame` = len(self) gives the end."""
        if not self.variable:
            return frame / self.rate
        ticks = self.end if frame == len(self) else self.starts[frame]
        return (ticks - self.starts[0]) * self.time_base

    def times(self, span: FrameRange) -> tuple[Fraction, ...]:
        """Starts of the frames of a range, then the end of its last, from its first frame on."""
        first = self.time(span.start)
        return tuple(self.time(i) - first for i in range(span.start, span.stop + 1))

    def key_before(self, frame: int) -> int | None:
        """The tick to seek to in order to decode a frame; None means from the beginning."""
        position = bisect_right(self.keys, self.starts[frame])
        return self.keys[position - 1] if position > 1 else None


@dataclass(frozen=True, kw_only=True)
class _Ticks:
    starts: list[int]
    keys: list[int]
    end: int | None


def read_timeline(source: Source) -> Timeline:
    """The timeline of a file's video, or of pictures.

    Raises MediaError for empty or cut-off files.
    """
    pictures = open_pictures(source)
    if pictures is not None:
        return _timeline_of(pictures)
    with open_video(source) as (container, stream):
        time_base = stream.time_base or Fraction(1, 1000)
        ticks = _ticks_of_packets(container, stream, source)
        rates = _stated_rates(stream)
        stated_end = _stated_end(container, stream, time_base)
        is_matroska = "matroska" in container.format.name
    if ticks is None:
        ticks = _ticks_of_frames(source)
    if not ticks.starts:
        raise no_frames(source)
    timeline = _fit_rate(ticks, time_base, rates, stated_end)
    if is_matroska and stated_end is not None:
        _check_end(timeline, stated_end, source)
    return timeline


def _timeline_of(pictures: Pictures) -> Timeline:
    """Exact: pictures state whole milliseconds, or nothing."""
    clock = math.lcm(*(time.denominator for time in pictures.times))
    ticks = [int(time * clock) for time in pictures.times]
    found = _Ticks(starts=ticks[:-1], keys=[], end=ticks[-1])
    average = len(pictures) / pictures.times[-1]
    return _fit_rate(found, Fraction(1, clock), [average], None)


def _ticks_of_packets(
    container: InputContainer, stream: VideoStream, source: Source
) -> _Ticks | None:
    """Times of the packets, or None where packets and frames may differ."""
    starts: list[int | None] = []
    keys: list[int] = []
    read, expected, last = 0, _stated_packets(container, stream), None
    for packet in _whole_packets(container, stream):
        read += 1
        if packet.is_discard:
            continue
        starts.append(packet.pts)
        if last is None or (packet.pts or 0) >= (last.pts or 0):
            last = packet
        if packet.is_keyframe and packet.pts is not None:
            keys.append(packet.pts)
    if read < expected:
        raise MediaError(
            f"{source_name(source)}: is cut off: {read} of {expected} frames can be decoded: "
            "copy or download it again"
        )
    known = [start for start in starts if start is not None]
    if not _is_plain(starts, known, keys, stream):
        return None
    end = last.pts + last.duration if last and last.pts is not None and last.duration else None
    return _Ticks(starts=sorted(known), keys=sorted(keys), end=end)


def _is_plain(
    starts: list[int | None], known: list[int], keys: list[int], stream: VideoStream
) -> bool:
    """One frame a packet, each with its own time, none shown before the first key frame."""
    if not starts:
        return True
    return (
        stream.codec_context.codec.canonical_name in ONE_FRAME_A_PACKET
        and len(set(known)) == len(starts)
        and bool(keys)
        and keys[0] == min(known)
    )


def _whole_packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet]:
    """Packets up to the end of the file, or to where it breaks off."""
    packets = container.demux(stream)
    while True:
        try:
            packet: Packet | None = next(packets, None)
        except av.FFmpegError:
            return
        if packet is None or packet.is_corrupt:
            return
        if packet.size:
            yield packet


def _ticks_of_frames(source: Source) -> _Ticks:
    """Times of the decoded frames; evenly spaced where the file's own make no sense."""
    with open_video(source) as (container, stream):
        rate, time_base = _stated_rates(stream)[0], stream.time_base or Fraction(1, 1000)
        starts = [
            frame.dts if frame.pts is None else frame.pts
            for frame in decode_frames(container, stream, source)
        ]
    known = [start for start in starts if start is not None]
    if len(known) < len(starts) or any(b <= a for a, b in zip(known, known[1:], strict=False)):
        known = [round(i / rate / time_base) for i in range(len(starts))]
    return _Ticks(starts=known, keys=[], end=None)


def _fit_rate(
    ticks: _Ticks, time_base: Fraction, rates: list[Fraction], stated_end: int | None
) -> Timeline:
    """Constant at the first rate that fits every frame; variable if none does."""
    starts, count = ticks.starts, len(ticks.starts)
    span = (starts[-1] - starts[0]) * time_base
    if count > 1:
        average = (count - 1) / span
        rates = [*rates, average.limit_denominator(LARGEST_DENOMINATOR)]
    fitting = next((rate for rate in rates if _fits(starts, time_base, rate)), None)
    step = round((span / (count - 1) if count > 1 else 1 / rates[0]) / time_base)
    ends = (stated_end, ticks.end, starts[-1] + step)
    end = next(end for end in ends if end is not None and end > starts[-1])
    return Timeline(
        starts=tuple(starts),
        end=end,
        time_base=time_base,
        keys=tuple(ticks.keys),
        rate=fitting or count / ((end - starts[0]) * time_base),
        variable=fitting is None,
    )


def _fits(starts: list[int], time_base: Fraction, rate: Fraction) -> bool:
    if rate <= 0:
        return False
    seconds = (np.asarray(starts, np.int64) - starts[0]) * float(time_base)
    error = np.abs(seconds - np.arange(len(starts)) / float(rate)).max()
    return bool(error <= max(float(time_base), ROUNDING_SECONDS) * 1.0001)


def _stated_rates(stream: VideoStream) -> list[Fraction]:
    stated = (stream.average_rate, stream.base_rate, stream.guessed_rate)
    return [rate for rate in stated if rate] or [FALLBACK_RATE]


def _stated_packets(container: InputContainer, stream: VideoStream) -> int:
    """How many packets the header promises; 0 where it does not say.

    In MP4 an edit list may hide frames that the header counts, so there the index is asked.
    """
    if "mov" in container.format.name and hasattr(stream, "index_entries"):
        return len(stream.index_entries)
    return stream.frames if "avi" not in container.format.name else 0


def _stated_end(container: InputContainer, stream: VideoStream, time_base: Fraction) -> int | None:
    """The tick at which the video ends, by the header of an MP4 or Matroska file."""
    seconds = None
    if "mov" in container.format.name and stream.duration:
        return (stream.start_time or 0) + stream.duration
    if "matroska" not in container.format.name:
        return None
    if tag := stream.metadata.get("DURATION"):
        seconds = _seconds_of(tag)
    elif len(container.streams) == 1 and container.duration:
        seconds = Fraction(container.duration, av.time_base)
    return None if seconds is None else round(seconds / time_base)


def _seconds_of(tag: str) -> Fraction | None:
    """HOURS:MINUTES:SECONDS; None for what other programs write there."""
    match = re.fullmatch(r"(\d{1,6}):(\d{1,2}):(\d{1,2}(?:\.\d{1,12})?)", tag.strip(), re.ASCII)
    if match is None:
        return None
    hours, minutes, rest = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + Fraction(rest)


def _check_end(timeline: Timeline, stated_end: int, source: Source) -> None:
    """Raise MediaError if the header promises more than there is: the file is cut off.

    MP4 says so by its index, and its edit lists make the stated end a worse witness.
    Where frames are held for different times, a long last one looks the same and is right. A file
    that is as long as its own segment is whole, and its header is wrong.
    """
    if timeline.variable or is_whole(source):
        return
    count = len(timeline)
    stated = (stated_end - timeline.starts[0]) * timeline.time_base * timeline.rate
    if stated > count + 1:
        raise MediaError(
            f"{source_name(source)}: is cut off: {count} of about {round(stated)} frames can "
            "be decoded: copy or download it again"
        )
