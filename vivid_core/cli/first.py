"""The demo's first part: a fox is clicked on, tracked and taken away, with no model at all."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..edit.composite import measure_change
from ..flow.dis import DisFlow
from ..flow.fill import BackgroundFill, fill_background
from ..mask.grow import grow_mask
from ..mask.overlay import overlay_mask
from ..media import save_image, write_clip
from ..metrics.psnr import psnr
from ..runtime import Runtime
from ..scenery.meadow import Meadow, draw_meadow
from ..scenery.sound import write_sound
from ..track.flow import FlowTracker
from ..track.frames import ClipFrames
from ..track.prompts import FramePrompt, ObjectPrompts, Point, Prompts
from ..track.track import track_objects
from ..video import Clip
from .shared import runtime_for

FPS = Fraction(24)
CLICK = Point(x=190.0, y=205.0)  # on the fox in frame 0 of seed 0
GROW = 14  # pixels round the tracked mask: the soft shadow between its feet
GAP, PAPER = 8, 0.98  # pixels between panels, and their grey
MARK = 7.0  # radius of the mark of a click, pixels

Frames = Float[Tensor, "t h w 3"]
Masks = Float[Tensor, "t h w"]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the known truth says about the mask and the filled clip."""

    frames: int
    tracked_frames: int
    iou: float
    worst_iou: float
    covered_share: float  # of all that the fox and its shadow change
    never_seen_share: float
    psnr_before: float  # dB inside the hole, to the meadow without the fox
    psnr: float
    max_difference_outside: float
    track_seconds: float
    fill_seconds: float

    def as_text(self) -> str:
        return (
            f"A fox walks through a meadow: clicked on, tracked, taken away; no model\n"
            f"  one click at ({CLICK.x:g}, {CLICK.y:g}) of frame 0: found on {self.tracked_frames} "
            f"of {self.frames} frames, {self.track_seconds:.1f} s\n"
            f"  mask and true mask: IoU {self.iou:.3f}, {self.worst_iou:.3f} on the worst frame\n"
            f"  grown by {GROW} pixels it holds {self.covered_share:.1%} of fox and soft shadow\n"
            f"  filled from other frames in {self.fill_seconds:.1f} s, {self.never_seen_share:.1%} "
            "never seen\n"
            f"  inside the hole: {self.psnr:.1f} dB to the true meadow ({self.psnr_before:.1f} dB "
            f"with the fox); outside it differs by {self.max_difference_outside:g}"
        )


def remove_fox(out: Path) -> dict[str, float]:
    """Track, fill, measure; write meadow_source.mp4, meadow.mp4 and meadow.jpg; print figures."""
    meadow, runtime = draw_meadow(0), runtime_for(torch.device("cpu"))
    source = (torch.from_numpy(meadow.render()) * 255).round() / 255
    started = time.monotonic()
    mask = _track(Clip(frames=source, fps=FPS), runtime)
    tracked = time.monotonic()
    hole = grow_mask(mask, GROW)
    fill = fill_background(source, hole, DisFlow(), runtime=runtime)
    seconds = tracked - started, time.monotonic() - tracked
    measured = _measure(meadow, (source, mask, hole), fill, seconds)
    _write(out, meadow, (source, mask, fill.frames))
    print(measured.as_text())
    return asdict(measured)


def _measure(
    meadow: Meadow,
    made: tuple[Frames, Masks, Masks],
    fill: BackgroundFill,
    seconds: tuple[float, float],
) -> Measured:
    source, mask, hole = made
    truth, footprint = (torch.from_numpy(a) for a in (meadow.background(), meadow.footprint()))
    overlap = iou_of_frames(mask, torch.from_numpy(meadow.mask()))
    return Measured(
        frames=len(source),
        tracked_frames=int(mask.flatten(1).any(dim=1).sum()),
        iou=float(overlap.mean()),
        worst_iou=float(overlap.min()),
        covered_share=float((hole * footprint).sum() / footprint.sum()),
        never_seen_share=float(fill.never_seen.sum() / hole.sum()),
        psnr_before=psnr(source, truth, hole),
        psnr=psnr(fill.frames, truth, hole),
        max_difference_outside=measure_change(source, fill.frames, hole).outside,
        track_seconds=round(seconds[0], 1),
        fill_seconds=round(seconds[1], 1),
    )


def draw_strip(source: Frames, mask: Masks, filled: Frames) -> Float[Tensor, "h strip 3"]:
    """The click on the first frame; mask and result on the middle one, side by side."""
    middle = len(source) // 2
    shown = overlay_mask(source[middle : middle + 1], mask[middle : middle + 1])[0]
    return beside(_with_click(source[0]), shown, filled[middle])


def _track(clip: Clip, runtime: Runtime) -> Masks:
    prompt = FramePrompt(frame=0, points=(CLICK,))
    prompts = Prompts(objects=(ObjectPrompts(id=1, frames=(prompt,)),))
    with tempfile.TemporaryDirectory() as folder:
        frames, place = ClipFrames(clip), Path(folder) / "track"
        track = track_objects(frames, prompts, FlowTracker(), place, runtime)
        return torch.from_numpy(np.stack(list(track.masks()))).float()


def iou_of_frames(mask: Masks, true: Masks) -> Float[Tensor, " t"]:
    """Of each frame: what both cover of what either covers."""
    one, other = mask > 0.5, true > 0.5
    return (one & other).flatten(1).sum(1) / (one | other).flatten(1).sum(1).clamp(min=1)


def _write(out: Path, meadow: Meadow, clips: tuple[Frames, Masks, Frames]) -> None:
    source = clips[0]
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.m4a"
        write_sound(sound, meadow.sound(float(FPS)))
        write_clip(out / "meadow_source.mp4", source, fps=FPS, audio_from=sound)
    video = out / "meadow.mp4"
    write_clip(video, _panels(*clips), fps=FPS, audio_from=out / "meadow_source.mp4")
    save_image(out / "meadow.jpg", draw_strip(*clips))


def _panels(source: Frames, mask: Masks, filled: Frames) -> Iterator[Tensor]:
    for t in range(len(source)):
        yield beside(source[t], overlay_mask(source[t : t + 1], mask[t : t + 1])[0], filled[t])


def beside(*panels: Float[Tensor, "*t h _ 3"]) -> Float[Tensor, "*t h _ 3"]:
    """Pictures or clips of equal height from left to right, with a gap between."""
    gap = torch.full((*panels[0].shape[:-2], GAP, 3), PAPER)
    return torch.cat([part for panel in panels for part in (gap, panel)][1:], dim=-2)


def _with_click(frame: Float[Tensor, "h w 3"]) -> Float[Tensor, "h w 3"]:
    """The frame with a mark where the click was."""
    y, x = torch.meshgrid(*(torch.arange(side) for side in frame.shape[:2]), indexing="ij")
    away = torch.hypot(x - CLICK.x, y - CLICK.y)[..., None]
    marked = frame
    for radius, color in ((MARK + 2, 0.1), (MARK, 1.0), (MARK - 3, 0.1)):
        cover = (radius - away + 0.5).clamp(0, 1)
        marked = marked * (1 - cover) + color * cover
    green = (MARK - 3.8 - away + 0.5).clamp(0, 1)
    return marked * (1 - green) + torch.tensor([0.2, 0.9, 0.35]) * green
