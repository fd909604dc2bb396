"""A source video as a long edit sees it: read by ranges, looked at once for masks and cuts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from ..edit.footage import Depth, Levels, to_float
from ..edit.job import Job, plan_job, require_inside, require_mask
from ..edit.masks import EffectiveMasks
from ..files.targets import require_apart
from ..inpainter import Inpainter
from ..media import VideoInfo, expected_losses, frame_times, read_info, require_sound_fits
from ..plan.cuts import CutFinder
from ..runtime import Progress, Runtime
from ..settings import Settings
from ..video import FrameRange
from .request import VideoFiles
from .sources import VideoLevels

log = logging.getLogger(__name__)


class VideoFootage:
    """A video file. Frames are given at the depth of the file; only one thread may read one."""

    def __init__(self, path: Path, info: VideoInfo) -> None:
        self.path, self.info = path, info
        self.depth: Depth = 8 if info.bit_depth <= 8 else 16
        self._frames = VideoLevels(path, depth=self.depth)

    @property
    def size(self) -> tuple[int, int]:
        return self.info.height, self.info.width

    @property
    def fps(self) -> Fraction:
        return self.info.fps

    def __len__(self) -> int:
        return self.info.frame_count

    @property
    def whole(self) -> FrameRange:
        return FrameRange(start=0, stop=len(self))

    def read(self, frames: FrameRange) -> Float[Tensor, "t h w 3"]:
        return to_float(self.levels(frames))

    def levels(self, frames: FrameRange) -> Levels:
        """The same as whole numbers, a quarter or half as large."""
        return self._frames.read(frames)

    def frame(self, number: int) -> Levels:
        """One frame as whole numbers [H, W, 3]."""
        return self.levels(FrameRange(start=number, stop=number + 1))[0]

    def times(self, frames: FrameRange) -> Sequence[Fraction] | None:
        """When frames start, where they are not evenly spaced."""
        if not self.info.variable_frame_rate:
            return None
        return frame_times(self.path, range=frames)

    def again(self) -> VideoFootage:
        """The same for another thread."""
        return VideoFootage(self.path, self.info)

    def close(self) -> None:
        self._frames.close()


@dataclass(frozen=True, kw_only=True)
class Look:
    """What an edit's files hold, whatever model edits them."""

    footage: VideoFootage
    masks: EffectiveMasks


def look_at(files: VideoFiles, settings: Settings, runtime: Runtime | None = None) -> Look:
    """Read what needs no model: facts of the video, and the masks once.

    Raises InputError, MaskError and MediaError for what is wrong, the cheapest checks first.
    """
    host = runtime or Runtime()
    outputs = [("out", files.out), ("mask_out", files.mask_out)]
    require_apart([("video", files.source)], outputs)
    footage = VideoFootage(files.source, read_info(files.source, fps=files.fps))
    require_sound_fits(files.source, files.out, files.sound)
    _tell_losses(files, footage.info)
    require_inside(settings, files.keyframes, footage)
    masks = EffectiveMasks(
        files.masks,
        frames=len(footage),
        size=footage.size,
        growth=settings.growth(footage.size),
        packed=True,
        watch=host.check_cancelled,
    )
    for keyframe in files.keyframes:
        require_mask("keyframe", keyframe.frame, masks.active)
    return Look(footage=footage, masks=masks)


def plan_video(
    model: Inpainter,
    files: VideoFiles,
    settings: Settings,
    runtime: Runtime | None = None,
    *,
    look: Look | None = None,
) -> Job:
    """The job of editing a video file; reads it once for its cuts.

    `look` is what `look_at` found of the same, where it was called already. Raises InputError and
    MediaError for what is wrong.
    """
    host = runtime or Runtime()
    model.check(settings)
    look = look or look_at(files, settings, host)
    return plan_job(
        model.limits,
        settings,
        footage=look.footage,
        masks=look.masks,
        shots=find_video_shots(look.footage, host),
        keyframes=files.keyframes,
    )


def find_video_shots(footage: VideoFootage, host: Runtime) -> Sequence[FrameRange]:
    """The shots of a video, which is read once for them."""
    finder, total = CutFinder(), len(footage)
    with closing(footage.again()) as frames:
        for number in range(total):
            host.advance(Progress(stage="survey", done=number + 1, total=total))
            finder.add(frames.frame(number))
    return finder.shots


def _tell_losses(files: VideoFiles, info: VideoInfo) -> None:
    if info.looks.hdr:
        log.warning(
            "%s is HDR (%s): its values are edited as they are, without tone mapping, and its tags "
            "kept",
            files.source,
            info.looks.hdr,
        )
    for loss in expected_losses(info, files.out, files.sound):
        log.warning("%s will lose %s", files.source, loss)
    if info.looks.fields is not None:
        log.warning(
            "%s is interlaced: both fields of a frame are edited as one picture: deinterlace it "
            "first where things move fast",
            files.source,
        )
