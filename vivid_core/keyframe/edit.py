"""Candidates for one frame, in image mode: many looks for a fraction of a video edit (KIVE)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..edit.composite import composite
from ..edit.cost import CostEstimate, estimate_cost
from ..edit.editor import from_region, require_finite, to_region, unknown_words_warning
from ..edit.footage import rounded
from ..edit.job import Job, Material, plan_edit, require_mask
from ..edit.report import flops_text
from ..errors import InputError
from ..inpainter import Draw, Inpainter
from ..metrics.sheet import SheetRow, draw_sheet
from ..runtime import Progress, Runtime, Stage
from ..settings import Settings
from ..video import FrameRange

MOST_CANDIDATES = 256
SHEET_COLUMNS, SHEET_CELL = 4, 160  # panels in a row; least pixels of a panel's longer side


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One look of the frame, [H, W, 3] in 0..1, at the depth of its clip; around the mask the
    source. `about` tells it from others of one caption and seed."""

    pixels: Float[Tensor, "h w 3"]
    caption: str
    seed: int
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class KeyframeResult:
    """Candidates of frame `frame`, captions in turn, seeds rising. `mask` [H, W] is effective."""

    frame: int
    candidates: tuple[Candidate, ...]
    mask: Float[Tensor, "h w"]
    cost: CostEstimate | None  # of the whole clip; None where the model cannot tell
    made_frames: tuple[int, int]  # by the model: of one candidate, of the whole clip
    candidate_pflops: float | None
    seconds: float
    warnings: tuple[str, ...]
    note: str = ""

    @property
    def report(self) -> str:
        """What an artist reads: what a look costs beside the whole edit."""
        count = len(self.candidates)
        lines = [self.note] if self.note else []
        lines += [f"WARNING: {warning}" for warning in self.warnings]
        lines.append(f"{count} candidate(s) of frame {self.frame} in {self.seconds:.1f} s")
        if self.cost is not None and self.candidate_pflops:
            whole = self.cost.pflops
            lines.append(
                f"one candidate costs {flops_text(self.candidate_pflops)}, the edit of all "
                f"{self.cost.frames} frames {flops_text(whole)}: "
                f"{whole / self.candidate_pflops:.0f} times as much"
            )
        else:
            one, whole = self.made_frames
            lines.append(
                f"what that costs is not known: the model makes {one} frame(s) for a candidate, "
                f"{whole} for the edit of the clip"
            )
        return "\n".join(lines)


@torch.no_grad()
def edit_keyframe(
    model: Inpainter,
    material: Material,
    settings: Settings,
    *,
    frame: int,
    captions: Sequence[str] = (),
    candidates: int = 1,
    runtime: Runtime | None = None,
    job: Job | None = None,
) -> KeyframeResult:
    """Edit one frame of a clip as an image, `candidates` times a caption with seeds that rise.

    `captions` replace the settings' own; a delete has one fixed caption. As many candidates run
    at once as together are no more work than one window of video. The same caption and seed give
    the same candidate, whatever is made beside it, up to the rounding of a batch. `job` is the
    edit of the whole clip, where it was planned already. Raises InputError for a frame outside
    the clip, MaskError where the mask is empty on it.
    """
    host, started = runtime or Runtime(), time.monotonic()
    texts = list(captions) or [settings.caption]
    if not 1 <= candidates * len(texts) <= MOST_CANDIDATES:
        raise InputError(
            "candidates",
            f"{candidates} for each of {len(texts)} caption(s): make 1 to {MOST_CANDIDATES} in all",
        )
    whole = job or plan_edit(model, replace(material, keyframes=()), settings)
    still = plan_still(model, material, whole, frame)
    host.advance(Progress(stage="encode", done=0, total=1))
    prompts = [model.read(text, replace(still.settings, caption=text)) for text in texts]
    negative = model.read_negative(still.settings)
    draws = [
        Draw(prompt=prompt, negative=negative, seed=(settings.seed + i) % 2**63)
        for prompt in prompts
        for i in range(candidates)
    ]
    made = render_still(model, still, draws, host)
    words = [text for text in texts for _ in range(candidates)]
    work = still.work(model)
    unknown = [*prompts, *([negative] if negative else [])]
    return KeyframeResult(
        frame=frame,
        candidates=tuple(
            Candidate(pixels=pixels, caption=text, seed=draw.seed)
            for pixels, text, draw in zip(made, words, draws, strict=True)
        ),
        mask=still.masks.read(FrameRange(start=0, stop=1))[0],
        cost=estimate_cost(model, whole),
        made_frames=made_frames(model, whole),
        candidate_pflops=None if work is None else work.pflops,
        seconds=time.monotonic() - started,
        warnings=(*model.warnings, *unknown_words_warning(model.name, unknown)),
        note=model.limits.note(model.name, whole.size),
    )


def candidate_sheet(result: KeyframeResult) -> Float[Tensor, "h w 3"]:
    """All candidates in rows, numbered from 1 as the gallery numbers them."""
    panels = [candidate.pixels for candidate in result.candidates]
    blank = torch.ones_like(panels[0])
    width = min(SHEET_COLUMNS, len(panels))
    enlarge = max(1, SHEET_CELL // max(panels[0].shape[:2]))
    rows = []
    for start in range(0, len(panels), width):
        row = panels[start : start + width]
        numbers = ", ".join(str(start + i + 1) for i in range(len(row)))
        seeds = ", ".join(str(c.seed) for c in result.candidates[start : start + width])
        label = f"{numbers}: seeds {seeds}"
        rows.append(SheetRow(label=label, panels=(*row, *[blank] * (width - len(row)))))
    return draw_sheet([""] * width, rows, enlarge=enlarge)


def batch_size(model: Inpainter, size: tuple[int, int], settings: Settings) -> int:
    """How many images of this size (height, width) are no more tokens than a window of video."""
    video = model.work([(model.limits.longest, size)], settings)
    image = model.work([(1, size)], settings)
    return 1 if video is None or image is None else max(1, video.tokens // image.tokens)


def candidate_bytes(model: Inpainter, whole: Job) -> int:
    """What a full batch of candidates needs beside the weights, on any frame of a planned edit."""
    spans = [(model.limits.longest, plan.model) for plan in whole.focus]
    work = model.work(spans, whole.settings)
    return 0 if work is None else work.memory.activations


def made_frames(model: Inpainter, whole: Job) -> tuple[int, int]:
    """What the model makes: for one candidate, and for the whole clip."""
    return model.limits.least, sum(whole.length(window) for window in whole.windows)


def plan_still(model: Inpainter, material: Material, whole: Job, frame: int) -> Job:
    """The same edit of one frame alone."""
    clip, settings = material.clip, whole.settings
    if not 0 <= frame < len(clip):
        raise InputError(
            "frame", f"is {frame}, the clip has frames 0 to {len(clip) - 1}: choose one"
        )
    require_mask("frame", frame, whole.masks.active)
    alone = material.part(FrameRange(start=frame, stop=frame + 1))
    return plan_edit(model, alone, replace(settings, later_captions=(), fill="off", rest="model"))


def render_still(
    model: Inpainter, still: Job, draws: list[Draw], host: Runtime
) -> list[Float[Tensor, "h w 3"]]:
    """Whole frames, in batches."""
    (plan,), only = still.focus, FrameRange(start=0, stop=1)
    source, effective = still.footage.read(only), still.masks.read(only)
    region = to_region(plan, source, effective, [0])
    step = batch_size(model, plan.model, still.settings)
    batches = [draws[i : i + step] for i in range(0, len(draws), step)]
    made = []
    for number, batch in enumerate(batches):

        def on_stage(stage: Stage, done: int, total: int, shown: Tensor | None, n=number) -> None:
            host.advance(
                Progress(
                    stage=stage,
                    done=done,
                    total=total,
                    window=n,
                    windows=len(batches),
                    preview=shown,
                )
            )

        painted = model.inpaint(
            region, batch, still.settings, device=host.device, on_stage=on_stage
        )
        require_finite(painted.pixels, model.name)
        for one in painted.pixels:
            frame = source.clone()
            pasted = composite(
                plan.crop(source),
                from_region(plan, one),
                plan.crop(effective),
                feather=still.settings.feather,
            )
            plan.crop(frame).copy_(pasted)
            made.append(rounded(frame, source, effective, still.footage.depth)[0])
    return made
