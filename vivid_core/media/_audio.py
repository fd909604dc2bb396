"""Pass the audio of one file through to another, packet by packet, untouched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from ..errors import MediaError
from ._source import Source, decoder_errors, open_media, source_name


class AudioPassthrough:
    """Copies all audio tracks of `source`, with time 0 at the start of its video."""

    def __init__(self, source: Source, output: OutputContainer) -> None:
        self._source, self._output = source, output
        self._files = ExitStack()
        container = self._files.enter_context(open_media(source))
        video = container.streams.best("video")
        self._start = Fraction(0)
        if video is not None and video.start_time and video.time_base:
            self._start = video.start_time * video.time_base
        self._streams = {s.index: self._add(s) for s in container.streams.audio}
        self._packets = _packets(container, source) if self._streams else iter(())
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

    def close(self) -> None:
        self._files.close()

    def _add(self, stream: AudioStream) -> AudioStream:
        try:
            return self._output.add_stream_from_template(stream)
        except (ValueError, av.FFmpegError) as error:
            raise MediaError(
                f"{source_name(self._source)}: its audio ({stream.codec_context.name}) does not "
                "fit into this kind of file: write .mkv, or leave the audio out"
            ) from error

    def _time(self, packet: Packet) -> Fraction:
        return (packet.dts or 0) * packet.time_base - self._start

    def _mux(self, packet: Packet) -> None:
        shift = round(self._start / packet.time_base)
        packet.dts = (packet.dts or 0) - shift
        packet.pts = packet.dts if packet.pts is None else packet.pts - shift
        packet.stream = self._streams[packet.stream_index]
        self._output.mux_one(packet)


def _packets(container: InputContainer, source: Source) -> Iterator[Packet]:
    packets = container.demux(container.streams.audio)
    while True:
        with decoder_errors(source):
            packet = next(packets, None)
        if packet is None:
            return
        if packet.size and packet.dts is not None:
            yield packet
