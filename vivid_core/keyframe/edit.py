"""Candidates for one frame, in image mode: many looks for a fraction of a video edit (KIVE)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..cogvideox.bundle import ModelBundle
from ..cogvideox.render import Draw, Renderer
from ..cogvideox.text import EncodedCaption
from ..edit.composite import composite, effective_mask, match_surroundings
from ..edit.cost import CostEstimate, estimate_cost, flops_text
from ..edit.focus import FocusPlan, plan_focus
from ..edit.pipeline import check_layout, encode_captions, unknown_words_warning
from ..edit.request import EditRequest
from ..errors import InputError, MaskError
from ..metrics.sheet import SheetRow, draw_sheet
from ..runtime import Progress, Runtime, Stage
from ..video import Clip, MaskTrack

MOST_CANDIDATES = 256
SHEET_COLUMNS, SHEET_CELL = 4, 160  # panels in a row; least pixels of a panel's longer side


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One look of the frame, [H, W, 3] in 0..1; around the mask it is the source."""

    pixels: Float[Tensor, "h w 3"]
    caption: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class KeyframeResult:
    """Candidates of frame `frame`, captions in turn, seeds rising. `mask` [H, W] is effective."""

    frame: int
    candidates: tuple[Candidate, ...]
    mask: Float[Tensor, "h w"]
    cost: CostEstimate  # of the whole clip; its keyframe_pflops are for one candidate
    candidate_pflops: float
    seconds: float
    warnings: tuple[str, ...]

    @property
    def report(self) -> str:
        """What an artist reads: what a look costs beside the whole edit."""
        count, whole = len(self.candidates), self.cost.pflops
        lines = [f"WARNING: {warning}" for warning in self.warnings]
        return "\n".join(
            [
                *lines,
                f"{count} candidate(s) of frame {self.frame} in {self.seconds:.1f} s",
                f"one candidate costs {flops_text(self.candidate_pflops)}, the edit of all "
                f"{self.cost.frames} frames {flops_text(whole)}: "
                f"{whole / self.candidate_pflops:.0f} times as much",
            ]
        )


@torch.no_grad()
def edit_keyframe(
    bundle: ModelBundle,
    request: EditRequest,
    *,
    frame: int,
    captions: Sequence[str] = (),
    candidates: int = 1,
    runtime: Runtime | None = None,
) -> KeyframeResult:
    """Edit one frame of a clip as an image, `candidates` times a caption with seeds that rise.

    `captions` replace the request's own; a delete has one fixed caption. As many candidates run
    at once as together are no more work than one window of video. The same caption and seed give
    the same candidate, whatever is made beside it, up to the rounding of a batch. Raises
    InputError for a frame outside the clip, MaskError where the mask is empty on it.
    """
    host, started = runtime or Runtime(), time.monotonic()
    still, texts = _still(request, frame), list(captions) or [request.caption]
    if not 1 <= candidates * len(texts) <= MOST_CANDIDATES:
        raise InputError(
            "candidates",
            f"{candidates} for each of {len(texts)} caption(s): make 1 to {MOST_CANDIDATES} in all",
        )
    check_layout(bundle, still)
    host.advance(Progress(stage="encode", done=0, total=1))
    effective = effective_mask(still.mask.values, still.growth)
    plan = plan_focus(
        effective, still.clip.size, bundle.geometry, bundle.train_size[1:], still.focus
    )
    encoded = [encode_captions(bundle, replace(still, caption=text)) for text in texts]
    draws = [
        Draw(caption=caption, seed=(still.seed + i) % 2**63)
        for caption, _ in encoded
        for i in range(candidates)
    ]
    renderer = Renderer(
        bundle=bundle, plan=plan, request=still, negative=encoded[0][1], device=host.device
    )
    made = _render(renderer, still, effective, draws, host)
    words = [text for text in texts for _ in range(candidates)]
    return KeyframeResult(
        frame=frame,
        candidates=tuple(
            Candidate(pixels=pixels, caption=text, seed=draw.seed)
            for pixels, text, draw in zip(made, words, draws, strict=True)
        ),
        mask=effective[0],
        cost=_cost(bundle, request),
        candidate_pflops=_cost(bundle, still).pflops,
        seconds=time.monotonic() - started,
        warnings=(*bundle.warnings, *_unknown(bundle, encoded)),
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


def batch_size(bundle: ModelBundle, size: tuple[int, int]) -> int:
    """How many images of this size (height, width) are no more tokens than a window of video."""
    geometry = bundle.geometry
    frames = geometry.legal_frames(bundle.train_size[0])
    video = geometry.tokens(frames, *size, text_tokens=bundle.max_text_tokens)
    return max(1, video // geometry.tokens(1, *size, text_tokens=bundle.max_text_tokens))


def _still(request: EditRequest, frame: int) -> EditRequest:
    """The same edit of one frame alone."""
    if not 0 <= frame < len(request.clip):
        raise InputError("frame", f"is {frame}, the clip has frames 0 to {len(request.clip) - 1}")
    at = slice(frame, frame + 1)
    mask = request.mask.values[at]
    if not (mask > 0.5).any():
        seen = torch.nonzero((request.mask.values > 0.5).flatten(1).any(1)).flatten()
        raise MaskError(
            "frame",
            f"the mask is empty on frame {frame}: choose one of frames {int(seen[0])} to "
            f"{int(seen[-1])} on which it is not",
        )
    clip = Clip(frames=request.clip.frames[at], fps=request.clip.fps)
    return replace(
        request,
        clip=clip,
        mask=MaskTrack(values=mask),
        grow=request.growth,
        keyframes=(),
        fill="off",
    )


def _render(
    renderer: Renderer, still: EditRequest, effective: Tensor, draws: list[Draw], host: Runtime
) -> list[Float[Tensor, "h w 3"]]:
    """Whole frames, in batches."""
    source, plan = still.clip.frames, renderer.plan
    step = batch_size(renderer.bundle, plan.model)
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

        edited = renderer.render(source, effective, [0], batch, on_stage=on_stage)
        made += [_pasted(still, plan, effective, one) for one in edited]
    return made


def _pasted(still: EditRequest, plan: FocusPlan, effective: Tensor, edited: Tensor) -> Tensor:
    """The frame [H, W, 3] with the window's pixels [1, h, w, 3] inside the mask."""
    output = still.clip.frames.clone()
    source, hole = plan.crop(output), plan.crop(effective)
    if still.match_colors:
        edited = match_surroundings(edited, source, hole)
    plan.crop(output).copy_(composite(source, edited, hole, feather=still.feather))
    return output[0]


def _cost(bundle: ModelBundle, request: EditRequest) -> CostEstimate:
    height, width = request.clip.size
    return estimate_cost(
        bundle,
        frames=len(request.clip),
        height=height,
        width=width,
        steps=request.steps,
        guidance=request.guidance,
        mask=request.mask.values,
        focus=request.focus,
        grow=request.growth,
    )


def _unknown(
    bundle: ModelBundle, encoded: list[tuple[EncodedCaption, EncodedCaption | None]]
) -> list[str]:
    return unknown_words_warning(bundle, tuple(one for pair in encoded for one in pair))
