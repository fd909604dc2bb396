"""Which files a long edit reads and writes, and what it gives back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..edit.masks import MaskSource
from ..edit.report import EditReport, report_data, report_text
from ..errors import InputError
from ..media import Kept, SoundMode
from ..video import Keyframe


@dataclass(frozen=True, kw_only=True)
class VideoFiles:
    """A video file of any length that is edited into the video file `out`.

    `keyframes` are numbered through the whole video. `work` is the folder of the journal, one
    that an earlier run began is gone on with; None keeps finished windows in memory. `mask_out`
    is a file for the effective mask. `sound` is copied untouched, encoded anew, or left out. `fps`
    is the rate of a folder of pictures. Raises InputError for targets that cannot be.
    """

    source: Path
    masks: MaskSource
    out: Path
    work: Path | None
    keyframes: tuple[Keyframe, ...] = ()
    mask_out: Path | None = None
    sound: SoundMode = "copy"
    fps: Fraction | None = None

    def __post_init__(self) -> None:
        if not self.out.suffix:
            raise InputError(
                "out", f"{self.out} has no suffix: name a video file, .mkv is lossless"
            )
        if self.mask_out is not None and self.mask_out.resolve() == self.out.resolve():
            raise InputError("mask_out", f"{self.out} is to hold the edit: choose another name")


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

    `edit` sums up its windows: `planned_pflops` is what the whole costs, `spent_pflops` what this
    run spent.
    """

    edit: EditReport
    written: WrittenDifference
    output: Path
    windows_reused: int
    frames_skipped: int  # without a mask, or between chains: copied, at no cost
    properties: Kept = Kept()  # of the source, beside its pixels; read from the file itself
    rate: str = ""  # where the source states none, see `media.rate_words`

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
        if self.rate:
            lines.append(f"frame rate: {self.rate}")
        if self.properties.kept:
            lines.append(f"kept of the source: {'; '.join(self.properties.kept)}")
        if self.properties.lost:
            lines.append(f"WARNING: not kept of the source: {'; '.join(self.properties.lost)}")
        return "\n".join(lines)

    @property
    def data(self) -> dict[str, Any]:
        """JSON-ready."""
        own: dict[str, Any] = {
            "windows_reused": self.windows_reused,
            "frames_skipped": self.frames_skipped,
        }
        own |= {"frame_rate": self.rate} if self.rate else {}
        own |= {"kept": list(self.properties.kept), "lost": list(self.properties.lost)}
        return report_data(self.edit) | own | asdict(self.written) | {"output": str(self.output)}
