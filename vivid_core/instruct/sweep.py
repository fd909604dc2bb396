"""One frame at several strengths of guidance, to choose from (InsViE, 3.1 and 7.4)."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..edit.cost import estimate_cost
from ..edit.editor import unknown_words_warning
from ..edit.job import Job, Material, plan_edit
from ..errors import InputError
from ..inpainter import Draw, Inpainter
from ..keyframe.edit import (
    MOST_CANDIDATES,
    SHEET_CELL,
    SHEET_COLUMNS,
    Candidate,
    KeyframeResult,
    made_frames,
    plan_still,
    render_still,
)
from ..metrics.sheet import draw_gallery
from ..runtime import Progress, Runtime
from ..settings import INSTRUCTION_GUIDANCE, LARGEST_GUIDANCE, Settings
from ..video import FrameRange


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """`count` strengths of guidance in even steps, both ends included; InsViE takes 3 to 8."""

    text: tuple[float, float] = (3.0, 8.0)
    video: tuple[float, float] = (INSTRUCTION_GUIDANCE[1], INSTRUCTION_GUIDANCE[1])
    count: int = 6

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_CANDIDATES:
            raise InputError("count", f"is {self.count}: sweep 1 to {MOST_CANDIDATES} values")
        for name, ends in (("text", self.text), ("video", self.video)):
            for scale in ends:
                if not 0 <= scale <= LARGEST_GUIDANCE:
                    raise InputError(
                        f"{name} guidance", f"must be 0 to {LARGEST_GUIDANCE:g}, got {scale:g}"
                    )

    @property
    def scales(self) -> list[tuple[float, float]]:
        """(text, video) of each."""
        shares = [i / max(1, self.count - 1) for i in range(self.count)]
        return [(_between(self.text, share), _between(self.video, share)) for share in shares]


@torch.no_grad()
def sweep_guidance(
    model: Inpainter,
    material: Material,
    settings: Settings,
    *,
    frame: int = 0,
    sweep: Sweep | None = None,
    runtime: Runtime | None = None,
    job: Job | None = None,
) -> KeyframeResult:
    """Edit one frame once for each strength, from the same noise.

    A model with one scale takes the text's. `job` is the edit of the whole clip, where it was
    planned already. Raises InputError for a frame outside the clip.
    """
    host, started = runtime or Runtime(), time.monotonic()
    scales = (sweep or Sweep()).scales
    whole = job or plan_edit(model, replace(material, keyframes=()), settings)
    still = plan_still(model, material, whole, frame)
    draw = Draw(
        prompt=model.read(settings.caption, still.settings),
        negative=model.read_negative(still.settings),
        seed=settings.seed,
    )
    made = []
    for number, guidance in enumerate(scales):
        given = guidance[: len(model.limits.guidance)]
        asked = replace(still, settings=replace(still.settings, guidance=given))
        (pixels,) = render_still(model, asked, [draw], _part_of(host, number, len(scales)))
        about = ", ".join(
            f"{name} {value:g}" for name, value in zip(("text", "video"), given, strict=False)
        )
        one = Candidate(pixels=pixels, caption=settings.caption, seed=settings.seed, about=about)
        made.append(one)
    work = still.work(model)
    unknown = [draw.prompt, *([draw.negative] if draw.negative else [])]
    return KeyframeResult(
        frame=frame,
        candidates=tuple(made),
        mask=still.masks.read(FrameRange(start=0, stop=1))[0],
        cost=estimate_cost(model, whole),
        candidate_pflops=None if work is None else work.pflops,
        made_frames=made_frames(model, whole),
        seconds=time.monotonic() - started,
        warnings=(*model.warnings, *unknown_words_warning(model.name, unknown)),
        note=model.limits.note(model.name, whole.size),
    )


def sweep_sheet(result: KeyframeResult) -> Float[Tensor, "h w 3"]:
    """All candidates, numbered from 1 as the gallery numbers them, each with its guidance."""
    return draw_gallery(
        [candidate.pixels for candidate in result.candidates],
        [f"{i}: {candidate.about}" for i, candidate in enumerate(result.candidates, start=1)],
        columns=SHEET_COLUMNS,
        cell=SHEET_CELL,
    )


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + share * (ends[1] - ends[0])


def _part_of(host: Runtime, number: int, count: int) -> Runtime:
    """Each strength is a window of the progress."""

    def report(progress: Progress) -> None:
        host.report(replace(progress, window=number, windows=count))

    return replace(host, report=report)
