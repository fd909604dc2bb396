"""Follow an object by optical flow and its colours; needs no weights.

Each pixel carries a belief (positive on the object). The belief moves along the flow where the
flow can be trusted: where it agrees forwards and backwards (|f + b|^2 < 0.01 (|f|^2 + |b|^2) +
0.5, Sundaram, Brox and Keutzer 2010) and the colours agree. Elsewhere, and slowly everywhere, the
colours of object and surroundings decide. Borders snap to the edges of the picture by a guided
filter (He, Sun and Tang 2010). An object whose colours are gone is lost, and found again only where
its colours and its size return and nothing else ever looked like it.

Confidence falls where the mask leaps away from its motion, and for good where another thing of its
looks came near: nothing here can tell twins apart that have met.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from ..files.digest import digest_of
from .engine import States
from .flow_memory import (
    DOUBT,
    FlowMemory,
    FlowView,
    forget,
    judge,
    pack,
    remember,
    search,
    unpack,
)
from .flow_move import move_belief
from .prompts import FramePrompt
from .segment import Segment, segment_object
from .steady import LEAST_AGREEMENT, agreement, is_lone_click
from .store import ObjectMask, State

METHOD = 3  # part of the digest: a change of method makes new masks


class FlowTracker:
    """The `flow` engine, or one that finds the thing of points and boxes by other means.

    `segment` does that, under the engine's `name`; `weights` is a digest of what it is made of.
    """

    def __init__(
        self, *, name: str = "flow", segment: Segment = segment_object, weights: str = ""
    ) -> None:
        self.name, self._segment, self._weights = name, segment, weights

    @property
    def digest(self) -> str:
        return digest_of(self.name, METHOD, *filter(None, [self._weights]))

    def view(self, pixels: UInt8[np.ndarray, "h w 3"]) -> FlowView:
        return FlowView.of(pixels)

    def follower(self, frames: int = 0) -> FlowFollower:
        return FlowFollower(self._segment)

    def restore(self, state: States, view: FlowView) -> FlowFollower:
        return FlowFollower(self._segment, unpack(state), view)


class FlowFollower:
    """Follows one object; see `engine.Follower`."""

    def __init__(
        self, segment: Segment, memory: FlowMemory | None = None, view: FlowView | None = None
    ) -> None:
        self._segment, self._memory, self._view = segment, memory, view

    def prompt(self, view: FlowView, prompt: FramePrompt) -> ObjectMask:
        """The object of a prompt; on a later frame, its mask is corrected and its colours added."""
        before = None
        if self._memory is not None:
            self._advance(view)
            before = self._memory.belief > 0
        mask = self._find(view, prompt, before)
        self._view = view
        if not mask.any():
            self._memory = self._memory or remember(view, np.ones_like(mask))
            self._memory = forget(self._memory)
            return _object_mask(view, self._memory.belief, "lost", 0.0)
        identity = 1.0
        if before is None and is_lone_click(prompt):
            steady = agreement(self._segment, view, prompt, mask) >= LEAST_AGREEMENT
            identity = 1.0 if steady else DOUBT
        self._memory = remember(view, mask, earlier=self._memory, identity=identity)
        return _object_mask(view, self._memory.belief, "prompted", identity)

    def follow(self, view: FlowView) -> ObjectMask:
        confidence = self._advance(view)
        assert self._memory is not None, "follow comes after prompt or restore"
        state = "lost" if self._memory.hidden else "tracked"
        return _object_mask(view, self._memory.belief, state, confidence)

    def state(self) -> dict[str, np.ndarray]:
        assert self._memory is not None, "there is no state before the first prompt"
        return pack(self._memory)

    def _find(
        self, view: FlowView, prompt: FramePrompt, before: Bool[np.ndarray, "h w"] | None
    ) -> Bool[np.ndarray, "h w"]:
        """The object of a prompt at the view's size; may be empty."""
        if prompt.mask is None:
            return self._segment(view.rgb, prompt, scale=view.scale, before=before)
        pixels = prompt.mask.pixels.astype(np.uint8)
        return cv2.resize(pixels, view.rgb.shape[1::-1], interpolation=cv2.INTER_AREA) > 0

    def _advance(self, view: FlowView) -> float:
        """Go to the next frame; how sure the mask is there, 0..1."""
        assert self._memory is not None and self._view is not None
        before, self._view = self._view, view
        if self._memory.hidden:
            self._memory = search(self._memory, view)
            return 0.0 if self._memory.hidden else self._memory.identity
        moved = move_belief(self._memory, before, view)
        self._memory, confidence = judge(self._memory, view, moved)
        return confidence


def _object_mask(
    view: FlowView, belief: Float32[np.ndarray, "h w"], state: State, confidence: float
) -> ObjectMask:
    if belief.shape != view.full_size:
        belief = cv2.resize(belief, view.full_size[::-1], interpolation=cv2.INTER_LINEAR)
    return ObjectMask(pixels=belief > 0, state=state, confidence=confidence)
