"""A source video as a long edit sees it: what there is, where to edit, where its shots end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ..cogvideox.bundle import ModelBundle
from ..edit.composite import effective_mask
from ..edit.request import Keyframe
from ..errors import InputError, MaskError
from ..latents import Geometry
from ..media import VideoInfo, frame_times, probe
from ..media._formats import BitDepth, choose_format
from ..runtime import Runtime
from ..track.frames import VideoFrames as SurveyFrames
from ..track.shots import survey_frames
from ..video import Clip, FrameRange, MaskTrack
from .plan import Layout
from .request import LongEditRequest
from .sources import FittedMasks, VideoFrames


@dataclass(frozen=True, kw_only=True)
class Footage:
    """A source video as an edit sees it: its pixels at the depth that is written, its masks."""

    path: Path
    info: VideoInfo
    masks: FittedMasks
    growth: int  # of the masks, in pixels
    bit_depth: BitDepth  # of the file that is written

    @property
    def depth(self) -> int:
        """Of the pixels given to the writer: 8 or 16."""
        return 8 if self.bit_depth == 8 else 16

    @property
    def size(self) -> tuple[int, int]:
        """Height, width."""
        return self.info.height, self.info.width

    @property
    def whole(self) -> FrameRange:
        return FrameRange(start=0, stop=self.info.frame_count)

    def times(self, frames: FrameRange) -> Sequence[Fraction] | None:
        """When frames start, where they are not evenly spaced."""
        if not self.info.variable_frame_rate:
            return None
        return frame_times(self.path, range=frames)

    def open(self) -> VideoFrames:
        """Its frames, for one thread."""
        return VideoFrames(self.path, depth=self.depth)

    def effective(self, frames: FrameRange) -> Float[Tensor, "t h w"]:
        """The limit of all change: 0 or 1."""
        return effective_mask(self.masks.read(frames).float(), self.growth)


def look_at(request: LongEditRequest, host: Runtime) -> Footage:
    """What a request names, read once. Raises InputError and MediaError for what is wrong."""
    _keep_source(request)
    info = probe(request.source)
    size = info.height, info.width
    _require_captions_inside(request.caption_starts, info.frame_count)
    for keyframe in request.keyframes:
        _require_fit(keyframe, info.frame_count, size)
    masks = FittedMasks(
        request.masks, frames=info.frame_count, size=size, watch=host.check_cancelled
    )
    for keyframe in request.keyframes:
        _require_mask(keyframe.frame, masks.active)
    frame = Clip(frames=torch.zeros(1, *size, 3))
    one = request.window_request(frame, MaskTrack(values=frame.frames[..., 0]), caption=0)
    return Footage(
        path=request.source,
        info=info,
        masks=masks,
        growth=one.growth,
        bit_depth=_bit_depth(request.out, info.bit_depth),
    )


def _keep_source(request: LongEditRequest) -> None:
    source = request.source
    for name, target in (("out", request.out), ("mask_out", request.mask_out)):
        if target is None or not target.exists() or not source.exists():
            continue
        if target.samefile(source):
            raise InputError(name, f"{target} is the source itself: choose another name")


def _require_captions_inside(starts: Sequence[int], frames: int) -> None:
    if starts[-1] >= frames:
        raise InputError(
            "later_captions",
            f"one begins at frame {starts[-1]}, the clip has frames 0 to {frames - 1}: leave it "
            "out, or begin it earlier",
        )


def _require_mask(frame: int, active: Sequence[bool]) -> None:
    if not active[frame]:
        seen = [number for number, selected in enumerate(active) if selected]
        raise MaskError(
            "keyframe",
            f"the mask is empty on frame {frame}: choose one of frames {seen[0]} to {seen[-1]} on "
            "which it is not",
        )


def _require_fit(keyframe: Keyframe, frames: int, size: tuple[int, int]) -> None:
    height, width = keyframe.pixels.shape[:2]
    if not 0 <= keyframe.frame < frames:
        raise InputError(
            "keyframe", f"is at frame {keyframe.frame}, the clip has frames 0 to {frames - 1}"
        )
    if (height, width) != size:
        raise InputError(
            "keyframe",
            f"is {width}x{height}, the clip is {size[1]}x{size[0]}: resize the keyframe",
        )


def layout_of(
    bundle: ModelBundle, request: LongEditRequest, footage: Footage, host: Runtime
) -> Layout:
    """What a plan for this model has to respect; reads the video once to find its cuts."""
    frames = SurveyFrames(request.source)

    def watched() -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        for pixels in frames.read(footage.whole):
            host.check_cancelled()
            yield pixels

    return Layout(
        active=footage.masks.active,
        shots=survey_frames(watched()).shots,
        longest=_longest_window(bundle.geometry, bundle.train_size[0]),
        keyframes=[keyframe.frame for keyframe in request.keyframes],
        captions=request.caption_starts,
    )


def _longest_window(geometry: Geometry, trained: int) -> int:
    """The longest legal window of at most as many frames as a model was trained with."""
    steps = max(0, trained - geometry.shortest_video) // geometry.frame_step
    return geometry.shortest_video + steps * geometry.frame_step


def _bit_depth(out: Path, source_depth: int) -> BitDepth:
    """The depth a file is written with: deep where the source is, if its format can."""
    depths = sorted({depth for depth, _ in choose_format(out.absolute(), None).layouts})
    chosen = depths[-1] if source_depth > 8 else depths[0]
    return 8 if chosen == 8 else 10 if chosen == 10 else 16
