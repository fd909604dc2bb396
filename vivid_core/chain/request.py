"""What a long edit is asked to do, and what it gives back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ..edit.report import report_data, report_text
from ..edit.request import (
    DEFAULT_GUIDANCE,
    DEFAULT_STEPS,
    EditReport,
    EditRequest,
    Fill,
    Focus,
    Keyframe,
    Sampler,
    Task,
)
from ..errors import InputError
from ..video import Clip, MaskTrack
from .sources import MaskSource


@dataclass(frozen=True, kw_only=True)
class LongEditRequest:
    """One edit of a video file of any length, into the video file `out`.

    `work` is the folder of the journal; one that an earlier run began is gone on with. What is
    not said here is as in `EditRequest`, keyframes being numbered through the whole video.
    `later_captions` are (first frame, caption) of what follows `caption`, in ascending order.
    `mask_out` is a file for the effective mask. `match_colors` keeps the colours of one window
    from drifting away from those of the source around the mask; `anchor` pulls those of the
    edited region to the first frame that was edited in its shot, across gaps of the mask too.
    Raises InputError for values out of range, CaptionError for captions.
    """

    source: Path
    masks: MaskSource
    out: Path
    work: Path
    task: Task
    caption: str = ""
    later_captions: tuple[tuple[int, str], ...] = ()
    negative: str = ""
    seed: int = 0
    steps: int = DEFAULT_STEPS
    guidance: float = DEFAULT_GUIDANCE
    sampler: Sampler = "ddim"
    focus: Focus = "auto"
    grow: int | None = None
    feather: int = 2
    keyframes: tuple[Keyframe, ...] = ()
    fill: Fill = "off"
    match_colors: bool = True
    anchor: bool = False
    mask_out: Path | None = None

    def __post_init__(self) -> None:
        if not self.out.suffix:
            raise InputError(
                "out", f"{self.out} has no suffix: name a video file, .mkv is lossless"
            )
        if self.mask_out is not None and self.mask_out.resolve() == self.out.resolve():
            raise InputError("mask_out", f"{self.out} is to hold the edit: choose another name")
        starts = [0, *(frame for frame, _ in self.later_captions)]
        if any(b <= a for a, b in zip(starts, starts[1:], strict=False)):
            raise InputError(
                "later_captions", f"begin at frames {starts[1:]}: need ascending ones above 0"
            )
        pixel, mask = Clip(frames=torch.zeros(1, 1, 1, 3)), MaskTrack(values=torch.ones(1, 1, 1))
        for number in range(len(starts)):
            self.window_request(pixel, mask, caption=number)

    @property
    def caption_starts(self) -> tuple[int, ...]:
        """The first frame of each caption."""
        return (0, *(frame for frame, _ in self.later_captions))

    def window_request(
        self,
        clip: Clip,
        mask: MaskTrack,
        *,
        caption: int,
        seed: int = 0,
        keyframes: tuple[Keyframe, ...] = (),
    ) -> EditRequest:
        """The edit of one window; `caption` counts from 0."""
        return EditRequest(
            clip=clip,
            mask=mask,
            keyframes=keyframes,
            task=self.task,
            caption=(self.caption, *(text for _, text in self.later_captions))[caption],
            negative=self.negative,
            seed=seed,
            steps=self.steps,
            guidance=self.guidance,
            sampler=self.sampler,
            focus=self.focus,
            grow=self.grow,
            feather=self.feather,
            fill=self.fill,
            match_colors=self.match_colors,
        )


@dataclass(frozen=True, kw_only=True)
class WrittenDifference:
    """Differences in the file itself, after decoding it; in 0..1.

    `written_max_difference_outside` is to the source, the encoding error to what was written.
    """

    written_max_difference_outside: float
    encoding_error_max: float
    encoding_error_mean: float


@dataclass(frozen=True, kw_only=True)
class LongEditReport:
    """The facts of a long edit.

    `edit` sums up its windows: its `window` is the part of the frame that all their focus crops
    lie in, `planned_pflops` what the whole costs, `spent_pflops` what this run spent.
    """

    edit: EditReport
    written: WrittenDifference
    output: Path
    windows_reused: int
    frames_skipped: int  # without a mask, or between chains: copied, at no cost

    @property
    def text(self) -> str:
        """What an artist reads, most important first."""
        lines = [report_text(self.edit), f"{self.frames_skipped} frame(s) had nothing to edit"]
        if self.windows_reused:
            lines.append(f"{self.windows_reused} window(s) were finished by an earlier run")
        if self.written.encoding_error_max:
            lines.append(
                f"encoding error: {self.written.encoding_error_mean:.2g} on average, at most "
                f"{self.written.encoding_error_max:.2g}"
            )
        return "\n".join(lines)

    @property
    def data(self) -> dict[str, Any]:
        """JSON-ready."""
        own = {"windows_reused": self.windows_reused, "frames_skipped": self.frames_skipped}
        return report_data(self.edit) | own | asdict(self.written) | {"output": str(self.output)}
