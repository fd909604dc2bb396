"""What an edit is asked to do, apart from the clip it is asked of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .errors import CaptionError, InputError

Task = Literal["add", "modify", "delete"]
Sampler = Literal["ddim", "dpm"]
Focus = Literal["auto", "native", "enlarge", "off"]
Fill = Literal["off", "auto"]

DEFAULT_STEPS = 50  # CogVideoX
DEFAULT_GUIDANCE = 6.0  # CogVideoX
LARGEST_GUIDANCE = 100.0
DELETE_GROWTH_SHARE = 1 / 60  # of the shorter side: hides edges, soft shadows, tracking errors
MAX_STEPS = 1000  # length of the training schedule


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is wanted of an edit.

    `later_captions` are (first frame, caption) of what follows `caption`, in ascending order.
    `guidance` is the scale of the caption; a model with more than one scale takes all of them, the
    caption's first. `sampler` None is the model's own. `grow` widens the mask by that many pixels
    (default: 0; for delete 1/60 of the shorter side, and at least one more than the feather,
    through which the removed thing would show). `feather` softens the border over that many
    pixels inside the effective mask. `fill` "auto", for delete, copies the background that other
    frames show into the mask and generates only what none of them does.

    Where a clip takes more than one window, `match_colors` shifts what the model makes so that its
    surroundings match the source's, and `anchor` pulls the colours of the edited region to those
    of the first frame that was edited in its shot.

    Raises InputError for values out of range, CaptionError for a missing caption.
    """

    task: Task
    caption: str = ""
    later_captions: tuple[tuple[int, str], ...] = ()
    negative: str = ""
    seed: int = 0
    steps: int = DEFAULT_STEPS
    guidance: float | tuple[float, ...] = DEFAULT_GUIDANCE
    sampler: str | None = None
    focus: Focus = "auto"
    grow: int | None = None
    feather: int = 2
    fill: Fill = "off"
    match_colors: bool = True
    anchor: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MAX_STEPS:
            raise InputError("steps", f"must be 1 to {MAX_STEPS}, got {self.steps}")
        for scale in self.guidance_scales:
            if not 0.0 <= scale <= LARGEST_GUIDANCE:
                raise InputError("guidance", f"must be 0 to {LARGEST_GUIDANCE:g}, got {scale:g}")
        if self.feather < 0 or (self.grow is not None and self.grow < 0):
            raise InputError("grow, feather", "must be 0 or more pixels")
        if self.task != "delete" and self.fill != "off":
            raise InputError(
                "fill",
                f"{self.fill!r} brings back the background, so it is for delete only: leave it "
                f"'off' to {self.task}",
            )
        self._check_captions()

    def _check_captions(self) -> None:
        starts = self.caption_starts
        if any(b <= a for a, b in zip(starts, starts[1:], strict=False)):
            raise InputError(
                "later_captions",
                f"begin at frames {list(starts[1:])}: need ascending ones above 0",
            )
        if self.task != "delete" and not all(text.strip() for text in self.captions):
            raise CaptionError(
                "caption", f"is empty: say what to {self.task}, for example 'a red balloon'"
            )

    @property
    def guidance_scales(self) -> tuple[float, ...]:
        """All scales of guidance, the caption's first."""
        return self.guidance if isinstance(self.guidance, tuple) else (self.guidance,)

    @property
    def captions(self) -> tuple[str, ...]:
        """All captions in order."""
        return (self.caption, *(text for _, text in self.later_captions))

    @property
    def caption_starts(self) -> tuple[int, ...]:
        """The first frame of each caption."""
        return (0, *(frame for frame, _ in self.later_captions))

    def growth(self, size: tuple[int, int]) -> int:
        """Growth of the mask in pixels, in frames of `size` (height, width)."""
        if self.grow is not None:
            return self.grow
        if self.task != "delete":
            return 0
        return max(self.feather + 1, round(min(size) * DELETE_GROWTH_SHARE))
