"""What an edit gives back: the facts, summed up over its windows, in words and as plain data."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..settings import Fill, Rest
from .composite import Change
from .masks import Bounds, EffectiveMasks, union

Edges = tuple[int, int, int, int]  # y, x, height, width
NOWHERE: Edges = (0, 0, 0, 0)
NOTHING_CHANGED = "NOTHING CHANGED inside the mask: the edit equals the source there."


@dataclass(frozen=True, kw_only=True)
class WindowFacts:
    """What one window did. `part` is where in the frame its pixels that are kept lie.

    `crop` is what the model saw of the frame, all 0 where it did not run; `generated` counts the
    pixels that are the model's, `unseen` those that no frame shows and that were filled
    classically or left, `lost` the frames in which nothing could be filled. Work that nobody
    knows is None.
    """

    part: Edges
    crop: Edges = NOWHERE
    model_size: tuple[int, int] = (0, 0)
    tokens: int = 0
    generated: int = 0
    unseen: int = 0
    lost: int = 0
    planned_pflops: float | None = 0.0
    spent_pflops: float | None = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def ran(self) -> bool:
        """Whether the model did."""
        return self.crop != NOWHERE

    @property
    def box(self) -> Bounds:
        y, x, height, width = self.part
        return Bounds(y=y, x=x, height=height, width=width)


@dataclass(frozen=True, kw_only=True)
class EditReport:
    """The facts of one edit, for `report_text` (what an artist reads) and `report_data`.

    `crop` is the part of the frame that the model saw, of all windows together; `fill` is what
    was done, "off" also where "auto" was asked for in vain. Where `windows` is 0 the model did not
    run, and what describes its work is 0 too. Work is None where nobody knows it. `rest` is what
    became of the mask's share that was not filled from other frames. `seconds` are those of the
    run, planning left out.
    """

    frames: int
    size: tuple[int, int]  # height, width
    crop: Edges  # y, x, height, width of the focus crop in the frame
    model_size: tuple[int, int]  # height, width the model worked at, of its largest window
    windows: int  # how many spans of time were edited
    tokens: int
    planned_pflops: float | None
    spent_pflops: float | None
    seconds: float
    peak_memory_bytes: int
    max_difference_outside: float
    mean_change_inside: float  # 0..1
    nothing_changed: bool
    fill: Fill = "off"
    filled_share: float = 0.0  # of the effective mask: copied from other frames or keyframes
    generated_share: float = 1.0  # of the effective mask: the model's, blended joins included
    rest: Rest = "model"
    rest_share: float = 0.0  # of the effective mask: filled classically, or left
    warnings: tuple[str, ...] = ()
    note: str = ""  # what is said before anything else; empty where the model did not run


@dataclass(frozen=True, kw_only=True)
class EditResult:
    """`frames` [T, H, W, 3] and `effective_mask` [T, H, W], both float32 in 0..1."""

    frames: Float[Tensor, "t h w 3"]
    effective_mask: Float[Tensor, "t h w"]
    report: EditReport


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a run measured of itself. `made` are the windows that it paid for."""

    made: Sequence[int]
    text_pflops: float | None
    seconds: float
    device: torch.device


def sum_up(
    windows: Sequence[WindowFacts],
    spent: Spent,
    change: Change,
    *,
    frames: int,
    masks: EffectiveMasks,
    filled: bool,
    rest: Rest = "model",
    warnings: Sequence[str] = (),
    note: str = "",
) -> EditReport:
    """The report of a whole edit from those of its windows. `filled`: a fill was really tried."""
    ran = [facts for facts in windows if facts.ran]
    largest = max(ran, key=lambda facts: facts.tokens, default=WindowFacts(part=NOWHERE))
    seen = union(Bounds(y=y, x=x, height=h, width=w) for y, x, h, w in (f.crop for f in ran))
    paid = [windows[index] for index in spent.made]
    share, others = _shares(windows, masks.area, filled=filled, rest=rest)
    return EditReport(
        frames=frames,
        size=masks.size,
        crop=NOWHERE if seen is None else (seen.y, seen.x, seen.height, seen.width),
        model_size=largest.model_size,
        windows=len(ran),
        tokens=largest.tokens,
        planned_pflops=_total([f.planned_pflops for f in ran], spent.text_pflops),
        spent_pflops=_total([f.spent_pflops for f in paid if f.ran], spent.text_pflops),
        seconds=spent.seconds,
        peak_memory_bytes=peak_memory(spent.device),
        max_difference_outside=change.outside,
        mean_change_inside=change.inside_mean,
        nothing_changed=change.nothing_changed,
        fill="auto" if filled else "off",
        filled_share=1 - share - others,
        generated_share=share,
        rest=rest,
        rest_share=others,
        warnings=_first_of_a_kind([*warnings, *(w for facts in windows for w in facts.warnings)]),
        note=note if ran else "",
    )


def _shares(
    windows: Sequence[WindowFacts], area: int, *, filled: bool, rest: Rest
) -> tuple[float, float]:
    """Of the effective mask: what is the model's, and what was filled classically or left."""
    if rest == "model":
        return (sum(f.generated for f in windows) / area if filled else 1.0), 0.0
    return 0.0, (sum(f.unseen for f in windows) / area if filled else 1.0)


def peak_memory(device: torch.device) -> int:
    """Bytes: of the device's tensors on a GPU, of the whole process so far on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def report_text(report: EditReport, *, lead: str = "") -> str:
    """What an artist reads after an edit, most important first; `lead` says how it was made."""
    lines = [line for line in (report.note, lead) if line]
    if report.nothing_changed:
        lines.append(NOTHING_CHANGED)
    lines += [f"WARNING: {warning}" for warning in report.warnings]
    lines += [
        f"outside the mask: max difference {report.max_difference_outside:g}",
        f"inside the mask: mean change {report.mean_change_inside * 255:.1f} of 255",
        *_fill_lines(report),
        *_model_lines(report),
        f"{report.seconds:.1f} s, peak memory {report.peak_memory_bytes / 2**30:.2f} GiB",
    ]
    return "\n".join(lines)


def report_data(report: EditReport) -> dict[str, Any]:
    """The report as JSON-ready data."""
    return asdict(report)


def flops_text(pflops: float | None) -> str:
    if pflops is None:
        return "unknown work"
    if pflops >= 0.1:
        return f"{pflops:.3g} PFLOPs"
    return f"{pflops * 1e3:.3g} TFLOPs" if pflops >= 1e-4 else f"{pflops * 1e6:.3g} GFLOPs"


def _fill_lines(report: EditReport) -> list[str]:
    if report.fill == "off" and report.rest == "model":
        return []
    others = {
        "model": f"{report.generated_share:.1%} generated",
        "classical": f"{report.rest_share:.1%} classically, from the frame around it",
        "leave": f"{report.rest_share:.1%} left as it was",
    }
    return [
        f"of the mask, {report.filled_share:.1%} was filled from other frames and "
        + others[report.rest]
    ]


def _model_lines(report: EditReport) -> list[str]:
    (height, width), (y, x, crop_height, crop_width) = report.size, report.crop
    clip = f"{report.frames} frames of {width}x{height}"
    if report.windows == 0:
        why = "nothing was left to generate" if report.rest == "model" else "nothing was generated"
        return [f"{clip}; {why}: the model did not run"]
    return [
        f"{clip}, {report.windows} window(s) of time",
        f"focus crop {crop_width}x{crop_height} at ({x}, {y}), "
        f"seen by the model at {report.model_size[1]}x{report.model_size[0]}",
        *_work_lines(report),
    ]


def _work_lines(report: EditReport) -> list[str]:
    """Nothing where the model cannot tell."""
    if report.planned_pflops is None and report.spent_pflops is None:
        return []
    return [
        f"{report.tokens:,} tokens; planned {flops_text(report.planned_pflops)}, "
        f"spent {flops_text(report.spent_pflops)}"
    ]


def _total(parts: Sequence[float | None], text: float | None) -> float | None:
    """Of windows, and the captions read for them; nothing where there are none."""
    if not parts:
        return 0.0
    known = [part for part in (*parts, text) if part is not None]
    return sum(known) if len(known) == len(parts) + 1 else None


def _first_of_a_kind(texts: Sequence[str]) -> tuple[str, ...]:
    """Warnings that differ in their numbers only are one."""
    return tuple({re.sub(r"\d+", "", text): text for text in reversed(texts)}.values())[::-1]
