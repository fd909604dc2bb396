"""An edit that is to be measured: source, result, mask, and what is known beside them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import CaptionError, InputError
from ..settings import Task
from ..video import Clip, MaskTrack

# What a caption says of an edit, to a judge without an instruction.
_REQUESTS: dict[Task, str] = {
    "add": "Add to the video: {}",
    "modify": "Turn what is there into: {}",
    "delete": "",
}
AnyFrames = Float[Tensor, "_ _ _ _"]  # of the source's shape, or refused


@dataclass(frozen=True, kw_only=True)
class Edited:
    """One edit. `edit` and `truth` are pixels in 0..1 of the source's own size and length.

    `mask` is what the edit was allowed to change, or why that is not known; `truth` what a perfect
    edit shows, where that is known; `caption` what was to be added or what something was turned
    into, or with `whole_caption` what whole frames show; `instruction` says to a judge what the
    edit was to do, and `source_caption` what the source shows. Raises InputError
    that names the argument for another size or length and for pixels that are NaN, CaptionError
    for an addition or a modification without a caption.
    """

    source: Clip
    edit: AnyFrames
    mask: MaskTrack | str
    task: Task
    caption: str = ""
    instruction: str = ""
    source_caption: str = ""
    truth: AnyFrames | None = None
    whole_caption: bool = False

    def __post_init__(self) -> None:
        self._check("edit", self.edit)
        if self.truth is not None:
            self._check("truth", self.truth)
        if self.task != "delete" and not self.caption.strip():
            raise CaptionError(
                "caption", f"is empty: say what the edit was to {self.task}, or choose delete"
            )

    @property
    def reference(self) -> Tensor:
        """What its flicker is compared with: the truth, or the source where none is known."""
        return self.source.frames if self.truth is None else self.truth

    @property
    def request(self) -> str:
        """What a judge is told: the instruction, or what the caption says of it; may be ""."""
        words = self.instruction.strip()
        return words or _REQUESTS[self.task].format(self.caption.strip())

    def _check(self, name: str, frames: Tensor) -> None:
        if frames.shape != self.source.frames.shape:
            (h, w), (t, eh, ew) = self.source.size, frames.shape[:3]
            raise InputError(
                name,
                f"is {t} frames of {ew}x{eh}, the source {len(self.source)} of {w}x{h}: give the "
                "clip that belongs to this source",
            )
        if not torch.isfinite(frames).all():
            raise InputError(name, "holds pixels that are NaN or infinite: make it again")
