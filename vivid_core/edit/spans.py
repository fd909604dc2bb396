"""Split a clip of any length into windows of time the model can take."""

from __future__ import annotations

from dataclasses import dataclass

from ..latents import Geometry


@dataclass(frozen=True, kw_only=True)
class Span:
    """Frames start .. stop-1 of the clip, padded to `model_frames` for the model.

    Each span but the first begins at the last frame of the one before, which is its keyframe
    (KIVE, VIVID app. D).
    """

    start: int
    stop: int
    model_frames: int

    def __len__(self) -> int:
        return self.stop - self.start


def plan_spans(frames: int, geometry: Geometry, max_frames: int) -> tuple[Span, ...]:
    """The fewest spans of at most `max_frames` that cover a clip, chained by one shared frame."""
    if frames <= max_frames:
        return (Span(start=0, stop=frames, model_frames=geometry.legal_frames(frames)),)
    spans, start = [], 0
    while start < frames - 1:
        stop = min(start + max_frames, frames)
        length = geometry.legal_frames(stop - start)
        spans.append(Span(start=start, stop=stop, model_frames=length))
        start = stop - 1
    return tuple(spans)
