"""The one reader of frame sockets, IMAGE or VIDEO, and the VIDEO that is given back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import folder_paths
from comfy_api.latest import InputImpl, Types
from torch import Tensor

if TYPE_CHECKING:
    from ..vivid_core.media import Sound, VideoInfo
    from ..vivid_core.video import Clip, FrameRange

Times = tuple[Fraction, ...]  # seconds at which frames start, then the end of the last


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A clip, and what a VIDEO has beside pixels.

    `times` are there where frames are not evenly spaced; `sound` is an AUDIO of ComfyUI; `depth`
    in bits.
    """

    clip: Clip
    times: Times | None = None
    sound: dict[str, Any] | None = None
    depth: int = 8
    losses: tuple[str, ...] = ()  # what a file has that frames in memory do not carry

    def video(self, frames: Tensor) -> Any:
        """Other frames [T, H, W, 3] as a VIDEO with the timing and the sound of this one."""
        parts = Types.VideoComponents(images=frames, audio=self.sound, frame_rate=self.clip.fps)
        known = hasattr(InputImpl.VideoFromComponents, "get_bit_depth")
        settings = {"bit_depth": 10} if known and self.depth > 8 else {}
        if self.times is None:
            return InputImpl.VideoFromComponents(parts, **settings)
        return TimedVideo(parts, self.times, **settings)


def read_recording(frames: Any) -> Recording:
    """An IMAGE batch [B, H, W, C] or a VIDEO, with everything that a VIDEO has."""
    if isinstance(frames, Tensor):
        return Recording(clip=read_frames(frames))
    source = stream_of(frames)
    if source is None:
        return _from_parts(frames)
    from ..vivid_core.media import losses_in_memory, read_clip, read_info

    span, info = span_of(frames, source), read_info(source)
    return Recording(
        clip=read_clip(source, range=span),
        times=times_of(source, span, info),
        sound=_audio(sound_of(source, span)),
        depth=info.bit_depth,
        losses=losses_in_memory(info),
    )


def read_frames(frames: Any) -> Clip:
    """The clip alone; alpha is left out."""
    from ..vivid_core.media import read_clip
    from ..vivid_core.video import Clip

    if isinstance(frames, Tensor):
        return Clip(frames=_pixels(frames))
    source = stream_of(frames)
    if source is not None:
        return read_clip(source, range=span_of(frames, source))
    parts = _components(frames)
    return Clip(frames=_pixels(parts.images), fps=Fraction(parts.frame_rate))


def stream_of(video: Any) -> Any:
    """The file or bytes that hold the frames of a VIDEO as they are; None where only it has them.

    Newer ComfyUI crops and resizes when the frames are asked for, other kinds of VIDEO stream what
    they please: only a plain file without such edits is streamed.
    """
    if type(video) is not InputImpl.VideoFromFile or _is_edited(video):
        return None
    return video.get_stream_source()


def whole_file(video: Any) -> Path | None:
    """The file that a VIDEO is all of."""
    source = stream_of(video)
    return Path(source) if isinstance(source, str) and not any(_trim(video)) else None


def span_of(video: Any, source: Any) -> FrameRange | None:
    """The frames of `source` that a VIDEO was trimmed to; None: all of them."""
    from ..vivid_core.media import frames_between

    start, duration = _trim(video)
    if not (start or duration):
        return None
    return frames_between(source, start=start, duration=duration)


def times_of(source: Any, span: FrameRange | None, info: VideoInfo) -> Times | None:
    """When the frames of a part of a file start, where they are not evenly spaced."""
    from ..vivid_core.media import frame_times

    return frame_times(source, range=span) if info.variable_frame_rate else None


def sound_of(source: Any, span: FrameRange | None) -> Sound | None:
    """The sound of that part."""
    from ..vivid_core.media import frame_times, read_sound

    if span is None:
        return read_sound(source)
    times = frame_times(source)
    return read_sound(source, start=times[span.start], stop=times[span.stop])


@contextmanager
def on_disk(video: Any) -> Iterator[Path]:
    """A file that holds a VIDEO; one that exists nowhere yet is written, lossless."""
    path = whole_file(video)
    if path is not None:
        yield path
        return
    with _temporary_folder() as folder:
        path, source = folder / "source.mkv", stream_of(video)
        if source is None:
            made = read_recording(video)
            _write(folder, path, made.clip.frames, made)
        else:
            _copy(folder, path, source, span_of(video, source))
        yield path


class TimedVideo(InputImpl.VideoFromComponents):
    """Frames in memory that are not evenly spaced; saved with their own timing."""

    def __init__(self, components: Any, times: Times, **settings: Any) -> None:
        super().__init__(components, **settings)
        self.times = times

    def get_duration(self) -> float:
        return float(self.times[-1] - self.times[0])

    def save_to(
        self, path: Any, format: Any = "auto", codec: Any = "auto", metadata: Any = None, **how: Any
    ) -> None:
        """As ComfyUI's own VIDEO does. H.264 is made here, anything else by it from our file."""
        ours = codec in ("auto", "h264") and format in ("auto", "mp4")
        ours = ours and all(value is None for value in how.values())
        with _temporary_folder() as folder:
            file = folder / ("video.mp4" if ours else "video.mkv")
            made = _from_parts(self)
            _write(folder, file, made.clip.frames, made)
            how = {name: value for name, value in how.items() if value is not None}
            target = "h264" if codec == "auto" and not ours and format != "webm" else codec
            InputImpl.VideoFromFile(str(file)).save_to(
                path,
                format=Types.VideoContainer(format),
                codec=Types.VideoCodec(target),
                metadata=metadata,
                **how,
            )


def _from_parts(video: Any) -> Recording:
    """What a VIDEO says of itself, of whatever kind it is."""
    from ..vivid_core.video import Clip

    parts = _components(video)
    clip = Clip(frames=_pixels(parts.images), fps=Fraction(parts.frame_rate))
    return Recording(
        clip=clip,
        times=_times_by_count(video, len(clip)),
        sound=parts.audio,
        depth=getattr(video, "get_bit_depth", lambda: 8)(),
    )


def _components(video: Any) -> Any:
    """The parts of a VIDEO, of whatever kind. Raises MediaError where it cannot be read."""
    from ..vivid_core.errors import MediaError

    try:
        return video.get_components()
    except (OSError, ValueError, RuntimeError, ArithmeticError) as error:
        raise MediaError(
            f"cannot be read ({error}): export it again from where it came, as MP4"
        ) from error


def _times_by_count(video: Any, frames: int) -> Times | None:
    """Cropping and resizing leave the timing of a file as it is."""
    if isinstance(video, TimedVideo):
        return video.times
    if type(video) is not InputImpl.VideoFromFile:
        return None
    from ..vivid_core.media import read_info

    source = video.get_stream_source()
    times = times_of(source, span_of(video, source), read_info(source))
    return times if times is not None and len(times) == frames + 1 else None


def _write(folder: Path, path: Path, frames: Tensor, made: Recording) -> None:
    from ..vivid_core.media import Sound, write_clip, written_depth

    sound = None
    if made.sound is not None:
        sound = Sound(samples=made.sound["waveform"][0], rate=int(made.sound["sample_rate"]))
    write_clip(
        path,
        frames,
        fps=made.clip.fps,
        pts=made.times,
        audio_from=_sound_file(folder, sound),
        bit_depth=written_depth(path, made.depth),
    )


def _copy(folder: Path, path: Path, source: Any, span: FrameRange | None) -> None:
    """Write a part of a file, one frame at a time."""
    from ..vivid_core.media import VideoReader, write_clip, written_depth

    with VideoReader(source, range=span) as reader:
        write_clip(
            path,
            (frame.pixels for frame in reader),
            fps=reader.info.fps,
            pts=times_of(source, span, reader.info),
            audio_from=_sound_file(folder, sound_of(source, span)),
            bit_depth=written_depth(path, reader.info.bit_depth),
            looks=reader.info.looks,
        )


def _sound_file(folder: Path, sound: Sound | None) -> Path | None:
    from ..vivid_core.media import write_sound

    if sound is None:
        return None
    path = folder / "sound.mkv"
    write_sound(path, sound)
    return path


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    with TemporaryDirectory(dir=folder_paths.get_temp_directory()) as folder:
        yield Path(folder)


def _audio(sound: Sound | None) -> dict[str, Any] | None:
    if sound is None:
        return None
    return {"waveform": sound.samples[None], "sample_rate": sound.rate}


def _pixels(images: Tensor) -> Tensor:
    return images[..., :3].cpu().float()


def _is_edited(video: Any) -> bool:
    return getattr(video, "has_pending_frame_edits", lambda: False)()


def _trim(video: Any) -> tuple[float, float]:
    """Start and duration in seconds (newer ComfyUI only); a duration of 0: until the end."""
    return getattr(video, "get_active_trim_window", lambda: (0.0, 0.0))()
