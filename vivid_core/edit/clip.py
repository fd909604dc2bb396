"""Edit a clip in memory."""

from __future__ import annotations

import torch

from ..flow.engine import FlowEngine
from ..inpainter import Inpainter
from ..plan.windows import find_pieces
from ..runtime import Runtime
from ..settings import Settings
from ..video import FrameRange
from .composite import measure_change
from .editor import Editor
from .finished import MemoryStore, Store
from .footage import to_float
from .job import Job, Material, plan_edit
from .report import EditResult


def edit_clip(
    model: Inpainter,
    material: Material,
    settings: Settings,
    runtime: Runtime | None = None,
    *,
    flow_engine: FlowEngine | None = None,
) -> EditResult:
    """Edit a clip inside its mask; everything outside stays exactly as it was.

    A clip of more than one window, shot or stretch of masked frames is edited in a chain, as
    `plan_windows` says: the last edited frame of one window is the keyframe of the next (VIVID,
    app. D). From keyframes the chain runs both ways. What is made is rounded to 8 bits where all
    of the clip is, else to 16, so that the same edit of a file gives the same pixels.
    `flow_engine` finds the motion for `fill` (DIS if None). Raises InputError for requests this
    model cannot serve.
    """
    return run_edit(model, plan_edit(model, material, settings), runtime, flow_engine=flow_engine)


@torch.no_grad()
def run_edit(
    model: Inpainter,
    job: Job,
    runtime: Runtime | None = None,
    *,
    flow_engine: FlowEngine | None = None,
    store: Store | None = None,
) -> EditResult:
    """The same from a job that was planned before; finished windows are kept in the `store`."""
    editor = Editor(
        model, job, store or MemoryStore(), runtime or Runtime(), flow_engine=flow_engine
    )
    whole = FrameRange(start=0, stop=job.frames)
    source = job.footage.read(whole)
    for index, window in enumerate(job.windows):
        editor.finish(index, source[window.frames.slice])
    effective, output = job.masks.read(whole), source.clone()
    for piece, index in find_pieces(job.windows, list(job.given), job.frames):
        at = piece.slice
        if index is not None:
            _paste(editor, index, piece, output)
        elif piece.start in job.given:
            output[piece.start] = job.given_frame(piece.start, source[piece.start])
        output[at] = torch.where(effective[at][..., None] > 0, output[at], source[at])
    change = measure_change(source, output, effective)
    return EditResult(frames=output, effective_mask=effective, report=editor.report(change))


def _paste(editor: Editor, index: int, piece: FrameRange, output: torch.Tensor) -> None:
    stored = editor.finished[index]
    parts = stored.parts_from(piece.start)
    for frame, part in zip(range(piece.start, piece.stop), parts, strict=False):
        stored.facts.box.crop(output[frame]).copy_(to_float(part))
