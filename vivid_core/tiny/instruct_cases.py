"""Held-out edits by instruction with known results, and whether a result does as it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..metrics.psnr import psnr
from .cases import FRAMES, SIZE
from .scenes.instructions import KINDS, Kind, draw_edit
from .scenes.recognise import recognise
from .scenes.shapes import HELD_OUT_SEED, Scene

SAME = 1e-3  # values of 0..1 that differ by less are those of an untouched pixel
RIM = 3  # pixels around what changes in which the recogniser looks too
SHARE_SEEN = 0.5  # coverage of a pixel that shows a thing


@dataclass(frozen=True, kw_only=True)
class InstructionCase:
    """Frames are [T, H, W, 3] in 0..1. `looked_at` is where the recogniser looks.

    `expected` are the colour and shape that are seen there afterwards, or no more.
    """

    kind: Kind
    instruction: str
    source: Float[Tensor, "t h w 3"]
    truth: Float[Tensor, "t h w 3"]
    looked_at: Float[Tensor, "t h w"]
    expected: str

    @property
    def untouched(self) -> Float[Tensor, "t h w"]:
        """1 where the instruction changes nothing."""
        return ((self.source - self.truth).abs().amax(dim=-1) < SAME).float()

    def agrees(self, frames: Float[Tensor, "t h w 3"]) -> bool:
        """Whether the recogniser sees what was asked for; of a removal, its colour no more."""
        seen = recognise(frames.numpy(), self.looked_at.numpy())
        if self.kind == "remove":
            return seen.color != self.expected.split()[0]
        return seen.words == self.expected

    def kept(self, frames: Float[Tensor, "t h w 3"]) -> float:
        """PSNR in dB of what the instruction does not change."""
        return psnr(frames, self.source, self.untouched)


def instruction_case(number: int, *, frames: int = FRAMES) -> InstructionCase:
    """The case of a number: held-out scenes and wordings, the four kinds in turn.

    With one frame it is the middle one of the clip.
    """
    edit = draw_edit(
        HELD_OUT_SEED + number, KINDS[number % len(KINDS)], frames=FRAMES, height=SIZE, width=SIZE
    )
    times = range(frames) if frames > 1 else [FRAMES // 2]
    source, truth = (
        torch.from_numpy(scene.render(times=times)) for scene in (edit.source, edit.edited)
    )
    if edit.kind == "add":
        looked_at = 1 - _things(edit.source, times)
    else:
        looked_at = _grown(((source - truth).abs().amax(dim=-1) >= SAME).float())
    return InstructionCase(
        kind=edit.kind,
        instruction=edit.phrase(np.random.default_rng([number, 3])),
        source=source,
        truth=truth,
        looked_at=looked_at,
        expected=edit.expected,
    )


def _things(scene: Scene, times: Sequence[int]) -> Float[Tensor, "t h w"]:
    """Where a scene shows anything but its ground."""
    seen = [scene.mask(i, times=times) for i in range(len(scene.things))]
    whole = np.zeros((len(times), scene.height, scene.width), np.float32)
    return (torch.from_numpy(np.max([whole, *seen], axis=0)) > SHARE_SEEN).float()


def _grown(mask: Float[Tensor, "t h w"]) -> Float[Tensor, "t h w"]:
    return F.max_pool2d(mask[:, None], 2 * RIM + 1, stride=1, padding=RIM)[:, 0]
