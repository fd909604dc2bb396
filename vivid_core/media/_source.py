"""Open a media file, choose its video stream, and turn decoder errors into MediaError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import IOBase
from pathlib import Path

import av
from av import VideoFrame
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from ..errors import MediaError
from ._ffv1 import SliceCheck

Source = Path | str | IOBase  # a file, or its bytes as a seekable binary stream


# Playlists and scripts, which name other files to read, are none of these.
_ONLY_CONTAINERS = {
    "format_whitelist": ",".join(
        "3dostr 4xm aac ac3 aiff amr apng asf ast au av1 avi avif av_iff bink caf dv eac3 flac flv "
        "gif gif_pipe h261 h263 h264 hevc ico iff image2 ivf jpeg_pipe jpegxl_pipe m4v matroska "
        "webm mjpeg mov mp4 m4a 3gp 3g2 mj2 mp3 mpeg mpegts mpegvideo mxf nut obu ogg png_pipe "
        "rawvideo rm smjpeg swf tiff_pipe vc1 vvc w64 wav webp_pipe webp wtv yuv4mpegpipe".split()
    )
}


def require_file(path: Path) -> None:
    """Raise MediaError for a pipe or a device, which would be waited for without an end."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise MediaError(f"{path}: is a pipe or a device: choose a file")


def source_name(source: Source) -> str:
    return "the given stream" if isinstance(source, IOBase) else str(source)


def no_frames(source: Source) -> MediaError:
    return MediaError(
        f"{source_name(source)}: holds no video frames, or is cut off before the first: export "
        "it again from where it came"
    )


@contextmanager
def decoder_errors(source: Source) -> Iterator[None]:
    """Errors of the media library inside this context become MediaError."""
    name = source_name(source)
    try:
        yield
    except FileNotFoundError as error:
        raise MediaError(f"{name}: there is no such file: check the path") from error
    except IsADirectoryError as error:
        raise MediaError(f"{name}: is a folder, a video file is needed") from error
    except PermissionError as error:
        raise MediaError(f"{name}: may not be read: check its permissions") from error
    except EOFError as error:
        raise no_frames(source) from error
    except (av.FFmpegError, OSError) as error:
        raise MediaError(
            f"{name}: is damaged or not a video ({error.strerror}): "
            "download or export it again, or convert it to MP4"
        ) from error
    except ValueError as error:  # NUL, or half of a character
        raise MediaError(f"{name!r}: can be no file's name ({error}): check the path") from error


@contextmanager
def open_media(source: Source) -> Iterator[InputContainer]:
    """The opened container of a file or stream."""
    with decoder_errors(source):
        if isinstance(source, IOBase):
            source.seek(0)
        # Tags in a foreign encoding are common and of no interest here.
        # An absolute path is never taken for an address, as "http://..." or "a:b.mp4" would be.
        file = source if isinstance(source, IOBase) else str(Path(source).absolute())
        if isinstance(file, str):
            require_file(Path(file))
        container = av.open(file, "r", metadata_errors="replace", options=_ONLY_CONTAINERS)
    try:
        yield container
    finally:
        container.close()


@contextmanager
def open_video(source: Source) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The opened container and its best video stream. Raises MediaError if there is none."""
    with open_media(source) as container:
        stream = _best_video(container)
        if stream is None:
            kinds = ", ".join(sorted({s.type for s in container.streams}))
            raise (
                no_frames(source)
                if not kinds
                else MediaError(
                    f"{source_name(source)}: holds no video, only {kinds}: choose a file with a "
                    "video track"
                )
            )
        stream.thread_type = "AUTO"
        yield container, stream


def decode_frames(
    container: InputContainer, stream: VideoStream, source: Source
) -> Iterator[VideoFrame]:
    """All frames from where the container stands."""
    decoder = _alpha_decoder(stream) or stream.codec_context
    slices = SliceCheck() if stream.codec_context.name == "ffv1" else None
    packets = container.demux(stream)
    packet: Packet | None = next(packets, None)
    while packet is not None:
        if slices is not None and packet.size and slices.is_damaged(bytes(packet)):
            raise MediaError(
                f"{source_name(source)}: a frame does not have its checksum, the file is damaged: "
                "copy or download it again"
            )
        with decoder_errors(source):
            frames = decoder.decode(packet) if packet.size else []
            packet = next(packets, None)
        yield from frames
    with decoder_errors(source):
        frames = decoder.decode(None)
    yield from frames


def has_webm_alpha(stream: VideoStream) -> bool:
    """Whether the stream carries alpha beside its frames, as VP8 and VP9 in WebM do."""
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    return stream.codec_context.name.startswith(("vp8", "vp9", "libvpx")) and (
        tags.get("alpha_mode") == "1"
    )


def _alpha_decoder(stream: VideoStream) -> av.VideoCodecContext | None:
    """FFmpeg's own VP8 and VP9 decoders drop alpha; libvpx keeps it."""
    if not has_webm_alpha(stream):
        return None
    name = "libvpx" if stream.codec_context.name == "vp8" else "libvpx-vp9"
    decoder = av.CodecContext.create(name, "r")
    decoder.extradata = stream.codec_context.extradata
    return decoder


def _best_video(container: InputContainer) -> VideoStream | None:
    best = container.streams.best("video")
    if isinstance(best, VideoStream) and not _is_cover(best):
        return best
    return next((s for s in container.streams.video if not _is_cover(s)), None)


def _is_cover(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)
