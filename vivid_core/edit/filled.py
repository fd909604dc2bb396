"""Delete in two steps: copy the background that other frames show, generate only the rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..cogvideox.meter import peak_memory
from ..flow.dis import DisFlow
from ..flow.engine import SMALLEST_SIDE, FlowEngine
from ..flow.fill import fill_background
from ..mask.grow import grow_mask
from ..runtime import Runtime
from ..video import Clip, MaskTrack
from .composite import composite, effective_mask, measure_change
from .request import EditReport, EditRequest, EditResult

JOIN_MARGIN = 2  # pixels of the fill beside the never-seen area that are generated too, ours

Generate = Callable[[EditRequest], EditResult]  # an edit by the model alone


@dataclass(frozen=True, kw_only=True)
class _Filled:
    """A clip with its hole (0 or 1) filled as far as possible, and the `rest` to generate."""

    frames: Float[Tensor, "t h w 3"]
    hole: Float[Tensor, "t h w"]
    rest: Float[Tensor, "t h w"]
    warnings: tuple[str, ...]

    @property
    def generated_share(self) -> float:
        """Of the hole's pixels."""
        return float(self.rest.sum() / self.hole.sum())


def edit_filled(
    request: EditRequest,
    generate: Generate,
    runtime: Runtime,
    engine: FlowEngine | None = None,
) -> EditResult:
    """A delete whose hole is filled from other frames before `generate` sees what is left.

    What is left is the never-seen area, widened inside the effective mask by the feather and a
    margin, so that the join is blended; where nothing is, `generate` is not called. Keyframes
    are finished frames and may be copied from like any other. A clip in which no motion can be
    found is generated whole, with a warning.
    """
    problem = _why_no_fill(request.clip)
    if problem:
        return _generate_whole(request, generate, problem)
    started = time.monotonic()
    filled = _fill(request, runtime, engine or DisFlow())
    edited = _generate_rest(request, filled, generate)
    change = measure_change(request.clip.frames, edited.frames, filled.hole)
    report = replace(
        edited.report,
        fill="auto",
        filled_share=1 - filled.generated_share,
        generated_share=filled.generated_share,
        seconds=time.monotonic() - started,
        max_difference_outside=change.outside,
        mean_change_inside=change.inside_mean,
        nothing_changed=change.nothing_changed,
        warnings=(*request.mask.warnings, *filled.warnings, *edited.report.warnings),
    )
    return EditResult(frames=edited.frames, effective_mask=filled.hole, report=report)


def _why_no_fill(clip: Clip) -> str:
    """Why nothing can be filled; empty if it can."""
    height, width = clip.size
    if len(clip) == 1:
        return "the clip has a single frame"
    if min(height, width) < SMALLEST_SIDE:
        return f"{width}x{height} is too small to find motion in"
    return ""


def _generate_whole(request: EditRequest, generate: Generate, problem: str) -> EditResult:
    edited = generate(replace(request, fill="off"))
    warning = f"nothing was filled from other frames, all of the mask is generated: {problem}"
    report = replace(edited.report, warnings=(*edited.report.warnings, warning))
    return replace(edited, report=report)


def _fill(request: EditRequest, runtime: Runtime, engine: FlowEngine) -> _Filled:
    hole = effective_mask(request.mask.values, request.growth)
    frames, unfinished = _with_keyframes(request, hole)
    warnings: tuple[str, ...] = ()
    never_seen = unfinished
    if unfinished.any():
        found = fill_background(frames, unfinished, engine, runtime=runtime)
        frames, never_seen, warnings = found.frames, found.never_seen, found.warnings
    rest = torch.minimum(grow_mask(never_seen, request.feather + JOIN_MARGIN), unfinished)
    return _Filled(frames=frames, hole=hole, rest=rest, warnings=warnings)


def _with_keyframes(
    request: EditRequest, hole: Float[Tensor, "t h w"]
) -> tuple[Float[Tensor, "t h w 3"], Float[Tensor, "t h w"]]:
    """The clip with its keyframes in place, and the hole that they leave."""
    frames, unfinished = request.clip.frames.clone(), hole.clone()
    for keyframe in request.keyframes:
        at = slice(keyframe.frame, keyframe.frame + 1)
        feather = keyframe.feather(request.feather)
        frames[at] = composite(frames[at], keyframe.pixels[None], hole[at], feather=feather)
        unfinished[at] = 0.0
    return frames, unfinished


def _generate_rest(request: EditRequest, filled: _Filled, generate: Generate) -> EditResult:
    """The filled clip with the rest generated; warnings about the rest's own mask are left out."""
    if not filled.rest.any():
        return EditResult(
            frames=filled.frames, effective_mask=filled.rest, report=_report_without_model(request)
        )
    mask = MaskTrack(values=filled.rest)
    clip = Clip(frames=filled.frames, fps=request.clip.fps)
    edited = generate(replace(request, clip=clip, mask=mask, grow=0, fill="off"))
    warnings = tuple(w for w in edited.report.warnings if w not in mask.warnings)
    return replace(edited, report=replace(edited.report, warnings=warnings))


def _report_without_model(request: EditRequest) -> EditReport:
    """The facts of an edit that cost nothing."""
    return EditReport(
        frames=len(request.clip),
        size=request.clip.size,
        window=(0, 0, 0, 0),
        model_size=(0, 0),
        windows=0,
        tokens=0,
        planned_pflops=0.0,
        spent_pflops=0.0,
        seconds=0.0,
        peak_memory_bytes=peak_memory(torch.device("cpu")),
        max_difference_outside=0.0,
        mean_change_inside=0.0,
        nothing_changed=False,
    )
