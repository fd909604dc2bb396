"""Pick the best of several edits of one picture: by a judge that sees, or by figures (InsViE, 3.1).

Figures alone never read the instruction, but for CLIP's, which need captions of source and edit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..edit.composite import UNCHANGED
from ..errors import InputError, MaskError
from ..measure.encoder import ClipEncoder
from ..media import pixels_to_array
from ..metrics.artifacts import burnt_share, roughness
from ..perceive.judge import ask_for_best
from ..perceive.protocols import Chat

MOST_JUDGED = 16  # pictures in one question
STEPS = 255  # of 8-bit pixels
Picture = Float[Tensor, "h w 3"]
OtherPicture = Float[Tensor, "_ _ 3"]  # as large as the source, or refused
LARGEST = "largest change"  # inside, of any value of any pixel, of 255
# Figures by name: whether more of it is better.
HIGHER = {
    "change inside": True,
    "change outside": False,
    "burnt": False,
    "roughness": False,
    "CLIP similarity": True,
    "CLIP direction": True,
    "CLIP text": True,
    "score": True,
    "EPE": False,
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the edits were to do. `mask` [H, W] is where, captions are for CLIP; both optional."""

    source: Picture
    instruction: str = ""
    mask: Float[Tensor, "h w"] | None = None
    source_caption: str = ""
    edit_caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Screening:
    """Which edit is best, counted from 1, and why. `figures` are those of each edit."""

    best: int
    by: str
    figures: tuple[dict[str, float], ...]
    points: tuple[float, ...]

    @property
    def report(self) -> str:
        """The choice first, then all figures."""
        lines = [f"best: {self.best} of {len(self.figures)}, {self.by}"]
        for number, (figures, points) in enumerate(
            zip(self.figures, self.points, strict=True), start=1
        ):
            told = ", ".join(f"{name} {value:.3g}" for name, value in figures.items())
            nothing = "; NOTHING CHANGED" if math.isinf(points) else f"; points {points:.2f}"
            lines.append(f"{number}: {told}{nothing}")
        return "\n".join(lines)


def screen_edits(
    edits: Sequence[OtherPicture],
    asked: Asked,
    *,
    judge: Chat | None = None,
    clip: ClipEncoder | None = None,
) -> Screening:
    """The best of these edits: the judge's choice where there is one, else by points.

    Points are the mean of an edit's places in each figure, from 0 (last) to 1 (best of all); an
    edit that changed nothing has none. Raises InputError for edits of another size than their
    source, MaskError for an empty mask, EngineError for a judge without a usable answer.
    """
    _require_fit(edits, asked)
    figures = [measure_candidate(edit, asked, clip=clip) for edit in edits]
    points = rank_by_figures(figures)
    if judge is not None:
        best = _judged(judge, edits, asked)
        by = "chosen by the judge"
    else:
        best = max(range(len(edits)), key=lambda i: points[i]) + 1
        by = "by figures alone" + ("" if clip else "; nobody read the instruction")
    return Screening(best=best, by=by, figures=tuple(figures), points=tuple(points))


def measure_candidate(
    edit: Picture, asked: Asked, *, clip: ClipEncoder | None = None
) -> dict[str, float]:
    """The figures of `HIGHER` that can be measured, and `LARGEST`.

    Changes are of 255, CLIP's are cosines.
    """
    every = STEPS * (edit - asked.source).abs()
    difference = every.mean(dim=-1)
    inside = torch.ones_like(difference) > 0 if asked.mask is None else asked.mask > 0.5
    found = {"change inside": float(difference[inside].mean())}
    found[LARGEST] = float(every[inside].max())
    if not inside.all():
        found["change outside"] = float(difference[~inside].mean())
    found["burnt"] = burnt_share(edit, asked.source)
    found["roughness"] = roughness(edit, asked.source)
    return found | ({} if clip is None else clip_figures(edit, asked, clip))


def clip_figures(edit: Picture, asked: Asked, clip: ClipEncoder) -> dict[str, float]:
    """Similarity of the pictures; with captions, direction (Gal et al. 2022) and alignment."""
    before, after = clip.images([asked.source, edit])
    found = {"CLIP similarity": float(before @ after)}
    if asked.edit_caption:
        found["CLIP text"] = float(after @ clip.text(asked.edit_caption))
    if asked.edit_caption and asked.source_caption:
        words = clip.text(asked.edit_caption) - clip.text(asked.source_caption)
        moved = after - before
        length = float(moved.norm() * words.norm())
        found["CLIP direction"] = float(moved @ words) / length if length else 0.0
    return found


def rank_by_figures(figures: Sequence[dict[str, float]]) -> list[float]:
    """Points of each, see `screen_edits`, by the figures of `HIGHER` that all of them have.

    What changed one small thing changed something: `LARGEST` decides that, not the mean.
    """
    changed = [one[LARGEST] > STEPS * UNCHANGED for one in figures]
    names = [name for name in HIGHER if all(name in one for one in figures)]
    points = []
    for mine, alive in zip(figures, changed, strict=True):
        places = [_place(name, mine, figures) for name in names]
        points.append(sum(places) / len(places) if alive else -math.inf)
    return points


def _place(name: str, mine: dict[str, float], figures: Sequence[dict[str, float]]) -> float:
    """Share of the others that are worse, equals counting half."""
    sign = 1 if HIGHER[name] else -1
    others = [sign * other[name] for other in figures if other is not mine]
    if not others:
        return 1.0
    own = sign * mine[name]
    return sum((own > other) + 0.5 * (own == other) for other in others) / len(others)


def _judged(judge: Chat, edits: Sequence[Picture], asked: Asked) -> int:
    if len(edits) > MOST_JUDGED:
        raise InputError(
            "candidates", f"are {len(edits)}, a judge compares {MOST_JUDGED} at most: give fewer"
        )
    source, *pictures = (pixels_to_array(p, depth=8) for p in (asked.source, *edits))
    return ask_for_best(judge, source, pictures, asked.instruction)


def _require_fit(edits: Sequence[OtherPicture], asked: Asked) -> None:
    source, mask = asked.source, asked.mask
    if mask is not None and not (mask > 0.5).any():
        raise MaskError(
            "mask", "is empty on this frame: take a frame where it is not, or leave the mask out"
        )
    if not edits:
        raise InputError("candidates", "there are none: connect edits of the source")
    for edit in edits:
        if edit.shape != source.shape:
            (height, width), (h, w) = source.shape[:2], edit.shape[:2]
            raise InputError(
                "candidates",
                f"are {w}x{h}, the source is {width}x{height}: connect edits of this source",
            )
