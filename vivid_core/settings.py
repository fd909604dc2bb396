"""What an edit is asked to do, apart from the clip it is asked of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .errors import CaptionError, InputError

Task = Literal["add", "modify", "delete"]  # inside a mask
Aim = Literal["add", "modify", "delete", "instruct", "propagate", "animate"]
GuidanceFormula = Literal["released", "paper"]
Sampler = Literal["ddim", "dpm"]
Focus = Literal["auto", "native", "enlarge", "off"]
Fill = Literal["off", "auto"]
Rest = Literal["model", "classical", "leave"]

DEFAULT_STEPS = 50  # CogVideoX
DEFAULT_GUIDANCE = 6.0  # CogVideoX
INSTRUCTION_GUIDANCE = (7.5, 1.2)  # InsViE, of the text and of the video
LARGEST_GUIDANCE = 100.0
LARGEST_SEED = 2**64 - 1  # that ComfyUI gives and a torch.Generator takes
DELETE_GROWTH_SHARE = 1 / 60  # of the shorter side: hides edges, soft shadows, tracking errors
MAX_STEPS = 1000  # length of the training schedule


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is wanted of an edit.

    `task` add, modify and delete work inside a mask; "instruct" does what the caption, then an
    instruction, says ("make the parrot a magpie"); "propagate" carries finished frames through
    the clip along its own motion; "animate" makes a clip of its first frame and a caption. The
    last three edit the whole frame where no mask confines them.

    `later_captions` are (first frame, caption) of what follows `caption`, in ascending order.
    `guidance` is the scale of the caption; a model with more than one scale takes all of them, the
    caption's first. `guidance_formula` joins the two of instruct: "released" lets both swing
    between 1 and 1 more than asked, as InsViE's code does, "paper" holds them, by its eq. 2.
    `sampler` None is the model's own. `grow` widens the mask by that many pixels
    (default: 0; for delete 1/60 of the shorter side, and at least one more than the feather,
    through which the removed thing would show). `feather` softens the border over that many
    pixels inside the effective mask.

    Two are for delete, and ignored otherwise. `fill` "auto" copies the background that other
    frames show into the mask. `rest` is what becomes of the part that none of them shows (with
    fill "off" of all of it): the "model" generates it, or it is filled "classical"ly, from the
    frame around it, or "leave" keeps the source's pixels; the last two need no model.

    Where a clip takes more than one window, `match_colors` shifts what the model makes so that its
    surroundings match the source's, and `anchor` pulls the colours of the edited region to those
    of the first frame that was edited in its shot.

    Raises InputError for values out of range, CaptionError for a missing caption.
    """

    task: Aim
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
    fill: Fill = "auto"
    match_colors: bool = True
    anchor: bool = False
    rest: Rest = "model"
    guidance_formula: GuidanceFormula = "released"

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MAX_STEPS:
            raise InputError("steps", f"must be 1 to {MAX_STEPS}, got {self.steps}")
        for number, scale in enumerate(self.guidance_scales):
            if not 0.0 <= scale <= LARGEST_GUIDANCE:
                name = "video_guidance" if number else "guidance"
                raise InputError(name, f"must be 0 to {LARGEST_GUIDANCE:g}, got {scale:g}")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise InputError("seed", f"must be 0 to {LARGEST_SEED}, got {self.seed}")
        for name, pixels in (("grow", self.grow), ("feather", self.feather)):
            if pixels is not None and pixels < 0:
                raise InputError(name, f"must be 0 or more pixels, got {pixels}")
        if self.task == "delete" and (self.fill, self.rest) == ("off", "leave"):
            raise InputError(
                "rest",
                "'leave' with fill 'off' would leave everything as it is: choose fill 'auto', or "
                "rest 'classical' or 'model'",
            )
        self._check_captions()

    def _check_captions(self) -> None:
        starts = self.caption_starts
        if any(b <= a for a, b in zip(starts, starts[1:], strict=False)):
            raise InputError(
                "later_captions",
                f"begin at frames {list(starts[1:])}: need ascending ones above 0",
            )
        needs_none = self.task in ("delete", "propagate", "animate")
        if needs_none or all(text.strip() for text in self.captions):
            return
        example = "make the parrot a magpie" if self.task == "instruct" else "a red balloon"
        what = "change" if self.task == "instruct" else self.task
        raise CaptionError(
            self.caption_argument, f"is empty: say what to {what}, for example '{example}'"
        )

    @property
    def caption_argument(self) -> str:
        """What errors call the caption."""
        return "instruction" if self.task == "instruct" else "caption"

    @property
    def inside_mask(self) -> bool:
        """Whether a mask belongs to the task, so that one of everything looks like a mistake."""
        return self.task not in ("instruct", "propagate", "animate")

    @property
    def guidance_scales(self) -> tuple[float, ...]:
        """All scales of guidance, the caption's first."""
        return self.guidance if isinstance(self.guidance, tuple) else (self.guidance,)

    @property
    def copies(self) -> bool:
        """Whether the background that other frames show is copied."""
        return self.task == "delete" and self.fill == "auto"

    @property
    def needs_model(self) -> bool:
        """Whether anything is to be generated; else no model runs."""
        return self.task != "delete" or self.rest == "model"

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
