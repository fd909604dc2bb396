"""The one reader of frame sockets, IMAGE or VIDEO, and the VIDEO that is given back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import folder_paths
import torch
from comfy_api.latest import InputImpl, Types
from torch import Tensor

if TYPE_CHECKING:
    from ..vivid_core.media import FormatName, Kept, Looks, Sound, VideoInfo
    from ..vivid_core.video import Clip, FrameRange

Times = tuple[Fraction, ...]  # seconds at which frames start, then the end of the last


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What a VIDEO has beside the pixels of its frames.

    `times` are there where frames are not evenly spaced; `alpha` is [T, H, W] in 0..1; `depth` in
    bits; `looks` None where nothing is known.
    """

    times: Times | None = None
    looks: Looks | None = None
    alpha: Tensor | None = None
    depth: int = 8

    @property
    def carried(self) -> Kept:
        """In words: what a VIDEO carries on, and what is lost."""
        from ..vivid_core.media import Looks, carried_beside

        return carried_beside(self.looks or Looks(), alpha=self.alpha is not None)


@dataclass(frozen=True, kw_only=True)
class Recording(Beside):
    """A clip, and what a VIDEO has beside it; `sound` is an AUDIO of ComfyUI."""

    clip: Clip
    sound: dict[str, Any] | None = None

    def video(self, frames: Tensor) -> Any:
        """Other frames [T, H, W, 3] as a VIDEO with everything that this one has beside them."""
        parts = _parts_of(frames, self)
        known = hasattr(InputImpl.VideoFromComponents, "get_bit_depth")
        settings = {"bit_depth": 10} if known and self.depth > 8 else {}
        if self.times is None and not self.carried.kept:
            return InputImpl.VideoFromComponents(parts, **settings)
        beside = {item.name: getattr(self, item.name) for item in fields(Beside)}
        return RecordedVideo(parts, Beside(**beside), **settings)

    def words(self) -> list[str]:
        """For a report: what the VIDEO output carries on, and what it does not."""
        carried, lines = self.carried, []
        if carried.kept:
            layers = "" if self.alpha is None else " (alpha where that is saved as mkv, codec auto)"
            lines = [f"kept in the video output: {'; '.join(carried.kept)}{layers}"]
        if carried.lost:
            lines.append(f"WARNING: not kept of the source: {'; '.join(carried.lost)}")
        return lines


def read_recording(frames: Any) -> Recording:
    """An IMAGE batch [B, H, W, C] or a VIDEO, with everything that a VIDEO has."""
    if isinstance(frames, Tensor):
        return Recording(clip=read_frames(frames))
    source = stream_of(frames)
    if source is None:
        return _from_parts(frames)
    from ..vivid_core.media import read_alpha, read_clip, read_info

    span, info = span_of(frames, source), read_info(source)
    return Recording(
        clip=read_clip(source, range=span),
        times=times_of(source, span, info),
        sound=_audio(sound_of(source, span)),
        depth=info.bit_depth,
        looks=info.looks,
        alpha=read_alpha(source, range=span) if info.has_alpha else None,
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


class RecordedVideo(InputImpl.VideoFromComponents):
    """Frames in memory that are saved with what their source had beside them."""

    def __init__(self, components: Any, beside: Beside, **settings: Any) -> None:
        super().__init__(components, **settings)
        self.beside = beside

    def get_duration(self) -> float:
        times = self.beside.times
        return float(times[-1] - times[0]) if times else super().get_duration()

    def save_to(
        self, path: Any, format: Any = "auto", codec: Any = "auto", metadata: Any = None, **how: Any
    ) -> None:
        """As ComfyUI's own VIDEO does. What we write is made here, the rest by it from our file."""
        how = {name: value for name, value in how.items() if value is not None}
        name, written, codec = _file_for(self.beside, format, codec, asked_more=bool(how))
        with _temporary_folder() as folder:
            made = _from_parts(self)
            _write(folder, folder / name, made.clip.frames, made, format=written)
            InputImpl.VideoFromFile(str(folder / name)).save_to(
                path,
                format=Types.VideoContainer(format),
                codec=Types.VideoCodec(codec),
                metadata=metadata,
                **how,
            )


def _file_for(
    beside: Beside, format: Any, codec: Any, *, asked_more: bool
) -> tuple[str, FormatName, Any]:
    """Name and format of the file that ComfyUI saves as asked, and the codec to ask it for."""
    automatic = codec == "auto"
    if asked_more or codec not in ("auto", "h264") or format not in ("auto", "mp4", "mkv"):
        return "video.mkv", "ffv1", "h264" if automatic and format != "webm" else codec
    if format != "mkv":
        return "video.mp4", "h264", codec
    has_layers = automatic and beside.alpha is not None  # H.264 has none
    return "video.mkv", "ffv1" if has_layers else "h264", codec


def _parts_of(frames: Tensor, made: Recording) -> Any:
    parts = Types.VideoComponents(images=frames, audio=made.sound, frame_rate=made.clip.fps)
    if made.alpha is not None and hasattr(parts, "alpha"):  # newer ComfyUI
        parts.alpha = made.alpha[..., None]
    return parts


def _from_parts(video: Any) -> Recording:
    """What a VIDEO says of itself, of whatever kind it is."""
    from ..vivid_core.video import Clip

    parts = _components(video)
    clip = Clip(frames=_pixels(parts.images), fps=Fraction(parts.frame_rate))
    own = video.beside if isinstance(video, RecordedVideo) else None
    layers = getattr(parts, "alpha", None)
    return Recording(
        clip=clip,
        times=own.times if own else _times_by_count(video, len(clip)),
        sound=parts.audio,
        depth=own.depth if own else getattr(video, "get_bit_depth", lambda: 8)(),
        looks=own.looks if own else None,
        alpha=own.alpha if own else _layers(layers, clip),
    )


def _layers(alpha: Tensor | None, clip: Clip) -> Tensor | None:
    """Alpha of ComfyUI's as [T, H, W]; none where nothing is transparent."""
    if alpha is None or bool((alpha >= 1).all()):
        return None
    return alpha.cpu().float().reshape(clip.frames.shape[:3])


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
    if type(video) is not InputImpl.VideoFromFile:
        return None
    from ..vivid_core.media import read_info

    source = video.get_stream_source()
    times = times_of(source, span_of(video, source), read_info(source))
    return times if times is not None and len(times) == frames + 1 else None


def _write(
    folder: Path, path: Path, frames: Tensor, made: Recording, *, format: FormatName = "ffv1"
) -> None:
    from ..vivid_core.media import Sound, write_clip, written_depth

    lossless = format == "ffv1"
    if lossless and made.alpha is not None:
        frames = torch.cat([frames, made.alpha[..., None]], dim=-1)
    sound = None
    if made.sound is not None:
        sound = Sound(samples=made.sound["waveform"][0], rate=int(made.sound["sample_rate"]))
    write_clip(
        path,
        frames,
        fps=made.clip.fps,
        pts=made.times,
        format=format,
        audio_from=_sound_file(folder, sound),
        bit_depth=written_depth(path if lossless else Path("a.mp4"), made.depth),
        looks=made.looks,
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
