"""The engines of an instruction dataset: what describes, edits, follows, sees and judges."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..build.instructions import Writer
from ..files.digest import digest_of
from ..flow.engine import FlowEngine
from ..inpainter import Inpainter
from ..measure.encoder import ClipEncoder
from ..perceive.protocols import Chat


@dataclass(frozen=True, kw_only=True)
class TripletEngines:
    """All that works on a triplet. `device` is where the models run.

    Without a `judge` figures alone decide, without an `encoder` nothing is measured with CLIP.
    `animator` is needed for pairs of pictures alone.
    """

    writer: Writer
    editor: Inpainter
    propagator: Inpainter
    flow: FlowEngine
    device: torch.device
    animator: Inpainter | None = None
    judge: Chat | None = None
    encoder: ClipEncoder | None = None

    @property
    def digest(self) -> str:
        """Stands for settings and weights of all of them."""
        models = (self.editor, self.propagator, self.animator)
        others = (self.writer, self.flow, self.judge, self.encoder)
        return digest_of(
            ["" if model is None else model.digest(self.device) for model in models],
            [getattr(other, "digest", "") for other in others],
        )
