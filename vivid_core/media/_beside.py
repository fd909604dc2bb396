"""Copy what a file has beside its pictures: sound, subtitles, chapters, titles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from ..errors import InputError
from ._formats import CONTAINERS
from ._pictures import is_pictures
from ._source import Source, decoder_errors, open_media, source_name

SoundMode = Literal["copy", "aac", "off"]
SOUND_MODES: tuple[SoundMode, ...] = ("copy", "aac", "off")
# What people wrote; the rest of a file's tags describes how it was made.
TITLES = ("title", "artist", "album", "comment", "description", "copyright", "date", "genre")
TRACK_TITLES = ("language", "title", "handler_name")
_AAC_RATES = (48000, 44100, 32000, 24000, 22050, 16000, 11025, 8000)
_AAC_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


@runtime_checkable
class _Copy(Protocol):
    """A track being written."""

    def packets(self, packet: Packet) -> list[Packet]: ...

    def rest(self) -> list[Packet]: ...


class Beside:
    """Everything beside the pictures of `source`, with time 0 at the start of its video.

    Sound is copied untouched, or encoded anew as AAC; subtitles and chapters are copied where
    this kind of file takes them.
    """

    def __init__(self, source: Source, output: OutputContainer, sound: SoundMode = "copy") -> None:
        self._output = output
        self._files = ExitStack()
        self._start = Fraction(0)
        self._tracks: dict[int, _Copy] = {}
        self._packets: Iterator[Packet] = iter(())
        if not is_pictures(source):
            container = self._files.enter_context(open_media(source))
            self._begin(container, source, sound)
        self._next = next(self._packets, None)

    def mux_until(self, seconds: Fraction) -> None:
        """Write the packets that come before this time."""
        while self._next is not None and self._time(self._next) <= seconds:
            self._mux(self._next)
            self._next = next(self._packets, None)

    def mux_rest(self) -> None:
        while self._next is not None:
            self._mux(self._next)
            self._next = next(self._packets, None)
        for track in self._tracks.values():
            for packet in track.rest():
                self._output.mux_one(packet)

    def close(self) -> None:
        self._files.close()

    def _begin(self, container: InputContainer, source: Source, sound: SoundMode) -> None:
        video = container.streams.best("video")
        if video is not None and video.start_time and video.time_base:
            self._start = video.start_time * video.time_base
        _copy_titles(container, self._output)
        _copy_chapters(container, self._output, self._start)
        wanted: list[Stream] = []
        for stream in container.streams.audio if sound != "off" else ():
            self._tracks[stream.index] = _add_sound(stream, self._output, sound)
            wanted.append(stream)
        for stream in container.streams.subtitles:
            with suppress(ValueError, av.FFmpegError):  # this kind of file does not take them
                copy = self._output.add_stream_from_template(stream)
                _name(copy, stream)
                self._tracks[stream.index] = _Untouched(copy, self._start)
                wanted.append(stream)
        if wanted:
            self._packets = _packets(container, wanted, source)

    def _time(self, packet: Packet) -> Fraction:
        return (packet.dts or 0) * packet.time_base - self._start

    def _mux(self, packet: Packet) -> None:
        for made in self._tracks[packet.stream_index].packets(packet):
            self._output.mux_one(made)


def require_sound_fits(source: Source, target: Path, sound: SoundMode = "copy") -> None:
    """Raise InputError, with a way that works, where a file cannot take the sound of a source.

    Found by beginning such a file in memory: kinds of files differ in more than a table can say.
    """
    if sound != "copy" or is_pictures(source):
        return
    with open_media(source) as container:
        streams = list(container.streams.audio)
        container_name = CONTAINERS.get(target.suffix.lower())
        if not streams or container_name is None or _takes(streams, container_name):
            return
        kinds = ", ".join(sorted({s.codec_context.name for s in streams if s.codec_context}))
        others = [
            suffix
            for suffix in (".mkv", ".mov", ".mp4")
            if suffix != target.suffix.lower() and _takes(streams, CONTAINERS[suffix])
        ]
    instead = f", or write {' or '.join(others)}, which takes it as it is" if others else ""
    raise InputError(
        "sound",
        f"{source_name(source)} has {kinds or 'unknown'} audio, which {target.suffix} cannot hold: "
        f"choose aac to encode it anew, off to leave it out{instead}",
    )


def _takes(streams: list[AudioStream], container: str) -> bool:
    try:
        with av.open(BytesIO(), "w", format=container) as trial:
            for stream in streams:
                trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (ValueError, av.FFmpegError):
        return False
    return True


class _Untouched:
    """A track whose packets are written as they are, moved to the start of the video."""

    def __init__(self, stream: Stream, start: Fraction) -> None:
        self._stream, self._start = stream, start

    def packets(self, packet: Packet) -> list[Packet]:
        shift = round(self._start / packet.time_base)
        packet.dts = (packet.dts or 0) - shift
        packet.pts = packet.dts if packet.pts is None else packet.pts - shift
        packet.stream = self._stream
        return [packet]

    def rest(self) -> list[Packet]:
        return []


class _Anew:
    """A sound track that is encoded as AAC."""

    def __init__(self, given: AudioStream, output: OutputContainer, start: Fraction) -> None:
        context = given.codec_context
        layout = _AAC_LAYOUTS.get(context.layout.nb_channels, "stereo")
        rate = context.sample_rate if context.sample_rate in _AAC_RATES else _AAC_RATES[0]
        stream = output.add_stream("aac", rate=rate, layout=layout)
        assert isinstance(stream, AudioStream)
        self.stream, self._start = stream, start
        self._resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)

    def packets(self, packet: Packet) -> list[Packet]:
        made = []
        for frame in packet.decode():
            if frame.pts is not None and frame.time_base is not None:
                frame.pts -= round(self._start / frame.time_base)
            for part in self._resampler.resample(frame):
                made += self.stream.encode(part)
        return made

    def rest(self) -> list[Packet]:
        tail = [p for part in self._resampler.resample(None) for p in self.stream.encode(part)]
        return [*tail, *self.stream.encode(None)]


def _add_sound(stream: AudioStream, output: OutputContainer, sound: SoundMode) -> _Copy:
    start = Fraction(0)
    video = stream.container.streams.best("video")
    if video is not None and video.start_time and video.time_base:
        start = video.start_time * video.time_base
    if sound == "aac":
        track = _Anew(stream, output, start)
        _name(track.stream, stream)
        return track
    copy = output.add_stream_from_template(stream)
    _name(copy, stream)
    return _Untouched(copy, start)


def _name(copy: Stream, stream: Stream) -> None:
    """Language, title and role of a track."""
    names = {k.lower(): v for k, v in stream.metadata.items() if k.lower() in TRACK_TITLES}
    if "title" in names:  # which MP4 holds under another name
        names["handler_name"] = names["title"]
    copy.metadata.update(names)
    with suppress(AttributeError):  # older PyAV only reads it
        copy.disposition = stream.disposition


def _copy_titles(container: InputContainer, output: OutputContainer) -> None:
    titles = {k: v for k, v in container.metadata.items() if k.lower() in TITLES}
    output.metadata.update(titles)


def _copy_chapters(container: InputContainer, output: OutputContainer, start: Fraction) -> None:
    chapters = container.chapters()
    for chapter in chapters:
        for end in ("start", "end"):
            chapter[end] = max(0, chapter[end] - round(start / (chapter["time_base"] or 1)))
    if chapters:
        output.set_chapters(chapters)


def _packets(container: InputContainer, streams: list[Stream], source: Source) -> Iterator[Packet]:
    packets = container.demux(streams)
    while True:
        with decoder_errors(source):
            packet = next(packets, None)
        if packet is None:
            return
        if packet.size and packet.dts is not None:
            yield packet
