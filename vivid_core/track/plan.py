"""Which prompts decide which frames: one lane for each object, shot and direction.

A prompt decides the frames from its own up to the next prompt of its object in the shot; the first
one also decides the frames before it. So a correction on frame n changes frame n and later ones,
and everything before it is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ..errors import InputError
from ..files.digest import digest_of
from ..plan.cuts import Survey
from ..video import FrameRange
from .engine import Engine
from .prompts import ARGUMENT, FramePrompt, ObjectPrompts, prompt_data

METHOD = 1  # part of every digest: a change of this scheme makes new masks


@dataclass(frozen=True, kw_only=True)
class Lane:
    """The frames of one object that are followed in one go.

    Forward: from the first prompt to the end of the shot, with the later prompts on the way.
    Backward: from the frame before the first prompt to the start of the shot.
    """

    number: int  # of the object
    shot: FrameRange
    prompts: tuple[FramePrompt, ...]
    backward: bool
    base: str  # digest of the pixels, the engine and the shot

    @property
    def anchor(self) -> int:
        """Where following starts: the first prompt's frame."""
        return self.prompts[0].frame

    @property
    def frames(self) -> range:
        """The frames that this lane makes, in the order in which it does."""
        if self.backward:
            return range(self.anchor - 1, self.shot.start - 1, -1)
        return range(self.anchor, self.shot.stop)

    def prompt_at(self, frame: int) -> FramePrompt | None:
        """The prompt to give on a frame, if any."""
        known = self.prompts[:1] if self.backward else self.prompts
        return next((prompt for prompt in known if prompt.frame == frame), None)

    def made_by(self, frame: int) -> str:
        """Digest of everything that decides this object's mask on a frame."""
        if self.backward:
            return self._digests[0]
        passed = sum(prompt.frame <= frame for prompt in self.prompts)
        return self._digests[max(passed - 1, 0)]

    @cached_property
    def _digests(self) -> list[str]:
        data = [{"frame": p.frame} | prompt_data(p) for p in self.prompts]
        kind = "backward" if self.backward else "forward"
        return [digest_of(self.base, kind, data[: i + 1]) for i in range(len(data))]


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A shot in which an object has no prompt."""

    number: int
    shot: FrameRange
    made_by: str


def plan_lanes(
    objects: Sequence[ObjectPrompts], survey: Survey, engine: Engine
) -> tuple[list[Lane], list[Gap]]:
    """The lanes and gaps of all objects. Raises InputError for a shot that starts with a "not"."""
    lanes: list[Lane] = []
    gaps: list[Gap] = []
    for shot in survey.shots:
        where = [METHOD, shot.start, shot.stop]
        base = digest_of(survey.digest, engine.digest, where)
        for item in objects:
            prompts = tuple(p for p in item.frames if shot.start <= p.frame < shot.stop)
            if not prompts:
                made_by = digest_of(base, "outside")
                gaps.append(Gap(number=item.id, shot=shot, made_by=made_by))
                continue
            _require_object(item, prompts[0], shot)
            for backward in (False, True):
                lanes.append(
                    Lane(number=item.id, shot=shot, prompts=prompts, backward=backward, base=base)
                )
    return lanes, gaps


def _require_object(item: ObjectPrompts, prompt: FramePrompt, shot: FrameRange) -> None:
    if not prompt.names_object:
        raise InputError(
            ARGUMENT,
            f"object {item.id}, frame {prompt.frame}: only says where the object is not, and it is "
            f"the first prompt in the shot of frames {shot.start} to {shot.stop - 1}: add a point "
            "on the object",
        )
