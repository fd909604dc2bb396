"""What every model that edits has to offer: a window of pixels in, pixels out.

Focus, masks, keyframes, chaining, compositing and reports are the same for all models and know of
them only what stands here. How a model encodes, conditions, samples and decodes is its own matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from .errors import InputError, SizeError
from .runtime import Stage
from .settings import Aim, Settings, Task

USUAL_SHARE = 0.5  # of the speed of matrix products that large transformers reach; see work.py
OnStage = Callable[[Stage, int, int, Tensor | None], None]  # stage, done, total, preview frames


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The sizes and lengths that a model takes. A single frame is always legal (image mode).

    Height and width are multiples of `size_step` pixels. Legal lengths of more than one frame are
    `frame_step` apart, from `shortest_video` on.
    """

    size_step: int
    frame_step: int
    shortest_video: int

    def __post_init__(self) -> None:
        if min(self.size_step, self.frame_step, self.shortest_video) < 1:
            raise ValueError(f"steps must be 1 or more, got {self}")

    def legal_frames(self, frames: int) -> int:
        """The smallest legal length that holds this many frames."""
        _require_positive("frames", frames)
        if frames == 1:
            return 1
        steps = -(-max(0, frames - self.shortest_video) // self.frame_step)
        return self.shortest_video + steps * self.frame_step

    def longest_within(self, frames: int) -> int:
        """The longest legal length of at most that many frames; never under the shortest."""
        steps = max(0, frames - self.shortest_video) // self.frame_step
        return self.shortest_video + steps * self.frame_step

    def legal_size(self, height: int, width: int) -> tuple[int, int]:
        """The smallest legal height and width that hold a frame of this size."""
        _require_positive("size", min(height, width))
        step = self.size_step
        return -(-height // step) * step, -(-width // step) * step


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a model can be asked.

    `longest` is the most frames of one window, `train_size` the (height, width) it was trained at:
    larger regions are scaled down to that area. `known_ends` says which frames of a window may be
    finished before it runs: the first one, or both ends. `samplers` begin with the default one;
    there are none where the model brings its own, whatever the settings say. `guidance` names its
    scales, the caption's first. `demo_of` is what a demo model was made for, in words; empty for a
    model that is meant for footage. `reads_affected`: it tells what is removed from what that only
    affects, by the levels of a region's hole. A single frame is edited as `least` of them, the
    shortest clip that it makes.
    """

    grid: Grid
    longest: int
    train_size: tuple[int, int]
    tasks: tuple[Aim, ...] = get_args(Task)
    samplers: tuple[str, ...] = ("",)
    guidance: tuple[str, ...] = ("caption",)
    known_ends: Literal["first", "both"] = "first"
    demo_of: str = ""
    reads_affected: bool = False
    least: int = 1

    def __post_init__(self) -> None:
        if self.grid.legal_frames(self.longest) != self.longest:
            raise ValueError(f"the longest window must be a legal length, got {self.longest}")
        if not self.tasks or not self.guidance or min(self.train_size) < 1:
            raise ValueError(f"tasks, guidance and sizes are needed, got {self}")

    @property
    def both_ends(self) -> bool:
        return self.known_ends == "both"

    def note(self, name: str, size: tuple[int, int]) -> str:
        """What is said first of an edit of frames of this (height, width); mostly empty.

        Clips of another size than a demo model was trained at are not of its world.
        """
        if not self.demo_of or size == self.train_size:
            return ""
        height, width = self.train_size
        return (
            f"{name} is a demo model for {self.demo_of} at {width}x{height}: for footage get the "
            "files that the help of Vivid Load Model names (README, 'Weights for real work')"
        )

    def check(self, settings: Settings, name: str) -> None:
        """Raise InputError for settings that no model of these limits can serve."""
        if settings.task not in self.tasks:
            raise InputError(
                "task", f"{name} cannot {settings.task}: it can {', '.join(self.tasks)}"
            )
        if self.samplers and settings.sampler not in (None, *self.samplers):
            raise InputError(
                "sampler",
                f"{name} has no {settings.sampler!r}: choose {' or '.join(self.samplers)}",
            )
        given = len(settings.guidance_scales)
        if given > len(self.guidance):
            raise InputError(
                "guidance",
                f"has {given} scales, {name} takes {len(self.guidance)}: "
                f"{', '.join(self.guidance)}",
            )


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A caption as a model reads it. `data` is the model's own; nobody else looks inside."""

    data: Any
    unknown_words: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One result to make: what it shows, what it avoids (None: nothing), the seed of its noise."""

    prompt: Prompt
    negative: Prompt | None
    seed: int


@dataclass(frozen=True, kw_only=True)
class Region:
    """A window of time of the part of the frame that is edited, at a legal size and length.

    `pixels` are float32 in 0..1; `hole` is 0 where they are given (keyframes included) and over
    0.5 where they are to be made, less than 1 where they are only affected by what is removed;
    None where a model edits everything. `source` are the pixels before any edit, keyframes left
    out, for models that read them; None: the same.
    """

    pixels: Float[Tensor, "t h w 3"]
    hole: Float[Tensor, "t h w"] | None
    source: Float[Tensor, "t h w 3"] | None = None

    @property
    def before(self) -> Float[Tensor, "t h w 3"]:
        """The pixels before any edit."""
        return self.pixels if self.source is None else self.source

    @property
    def starts_finished(self) -> bool:
        """Whether the first of several frames is a finished one, from which the others follow."""
        return self.hole is not None and len(self.hole) > 1 and not bool(self.hole[0].any())


@dataclass(frozen=True, kw_only=True)
class Painted:
    """What a model made of a region, one result a draw: float32, about 0..1, on the CPU.

    `pflops` is the work that was really done, None where a model cannot tell.
    """

    pixels: Float[Tensor, "b t h w 3"]
    pflops: float | None = None


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes that an edit needs: as the model is loaded now, beside its weights, at most, at least.

    `most` is with everything loaded at once, `least` with all that saves memory turned on.
    `notes` are lines for people.
    """

    needed: int
    activations: int
    most: int
    least: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Work:
    """What windows will cost a model, in 10^15 operations; captions are read once for all.

    `tokens` is the length of the longest sequence the model sees, `passes` how often it runs in
    each step. `matmul_pflops` is the work of plain matrix products that would take as long: more,
    as no network keeps a device as busy as those do; None where a model does not know.
    """

    denoise_pflops: float
    codec_pflops: float
    text_pflops: float
    tokens: int
    passes: int
    memory: Memory
    matmul_pflops: float | None = None

    @property
    def pflops(self) -> float:
        return self.denoise_pflops + self.codec_pflops + self.text_pflops

    @property
    def effort_pflops(self) -> float:
        """The work of plain matrix products that would take as long."""
        if self.matmul_pflops is not None:
            return self.matmul_pflops
        return self.pflops / USUAL_SHARE


@runtime_checkable
class MaskReader(Protocol):
    """A model, or what is known of one, that can say what it makes of a mask."""

    @property
    def limits(self) -> Limits: ...

    @property
    def mask_rule(self) -> str:
        """How the mask is read, in words."""
        ...

    def seen_mask(self, hole: Float[Tensor, "t h w"]) -> Float[Tensor, "t h w"]:
        """A region's hole as it is really read, over the region's own pixels: 0..1, 1 = made."""
        ...


@runtime_checkable
class Inpainter(Protocol):
    """A model that edits a window of pixels inside a hole."""

    @property
    def name(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences that an artist should read with every edit."""
        ...

    def check(self, settings: Settings) -> None:
        """Raise InputError for what this model cannot do, captions included; nothing is run."""
        ...

    def digest(self, device: torch.device) -> str:
        """Stands for all of the model, and of where it runs, that decides what it makes."""
        ...

    def reads_caption(self, settings: Settings) -> bool:
        """Whether the user's caption changes anything."""
        ...

    def read(self, text: str, settings: Settings) -> Prompt:
        """A caption as the model reads it for this task.

        Raises CaptionError for one that it cannot read.
        """
        ...

    def read_negative(self, settings: Settings) -> Prompt | None:
        """The negative caption; None where nothing reads it."""
        ...

    def inpaint(
        self,
        region: Region,
        draws: Sequence[Draw],
        settings: Settings,
        *,
        device: torch.device,
        on_stage: OnStage,
    ) -> Painted:
        """One result a draw, of the region's own size and length.

        The same draw gives the same result, whatever ran before. `on_stage` is called at least
        once a denoising step and raises to stop.
        """
        ...

    def work(
        self, windows: Sequence[tuple[int, tuple[int, int]]], settings: Settings
    ) -> Work | None:
        """What windows of these (frames, (height, width)) cost; None if nobody knows."""
        ...


def _require_positive(name: str, value: int) -> None:
    if value < 1:
        raise SizeError(name, f"must be 1 or more, got {value}")
