"""What an edit is asked to do, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from ..errors import CaptionError, InputError
from ..video import Clip, MaskTrack

Task = Literal["add", "modify", "delete"]
Sampler = Literal["ddim", "dpm"]
Focus = Literal["auto", "native", "enlarge", "off"]
Fill = Literal["off", "auto"]

# VIVID, app. A.1: the one caption of every deletion sample.
DELETE_CAPTION = "Remove objects and generate areas that blend with the background."
DEFAULT_STEPS = 50  # CogVideoX
DEFAULT_GUIDANCE = 6.0  # CogVideoX
DELETE_GROWTH_SHARE = 1 / 60  # of the shorter side: hides edges, soft shadows, tracking errors
MAX_STEPS = 1000  # length of the training schedule


@dataclass(frozen=True, kw_only=True)
class Keyframe:
    """A frame that guides the others (KIVE). `pixels` is float32 [H, W, 3] in 0..1.

    A `finished` one, such as a candidate or a frame of an edit, stays inside the mask as it is.
    Any other picture is still blended into the source at the mask's border.
    """

    frame: int
    pixels: Float[Tensor, "h w 3"]
    finished: bool = True

    def feather(self, wanted: int) -> int:
        """Pixels over which it is to be softened, where edits are by `wanted`."""
        return 0 if self.finished else wanted


@dataclass(frozen=True, kw_only=True)
class EditRequest:
    """One edit of one clip.

    `grow` widens the mask by that many pixels (default: 0; for delete 1/60 of the shorter side,
    and at least one more than the feather, through which the removed thing would show).
    `feather` softens the border over that many pixels inside the effective mask.
    `match_colors` shifts what the model makes so that its surroundings match the source's.
    `fill` "auto", for delete, copies the background that other frames show into the mask and
    generates only what none of them does.
    Raises InputError for values out of range, MaskError and CaptionError for theirs.
    """

    clip: Clip
    mask: MaskTrack
    task: Task
    caption: str = ""
    negative: str = ""
    seed: int = 0
    steps: int = DEFAULT_STEPS
    guidance: float = DEFAULT_GUIDANCE
    sampler: Sampler = "ddim"
    focus: Focus = "auto"
    grow: int | None = None
    feather: int = 2
    keyframes: tuple[Keyframe, ...] = ()
    fill: Fill = "off"
    match_colors: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MAX_STEPS:
            raise InputError("steps", f"must be 1 to {MAX_STEPS}, got {self.steps}")
        if not 0.0 <= self.guidance <= 100.0:
            raise InputError("guidance", f"must be 0 to 100, got {self.guidance:g}")
        if self.feather < 0 or (self.grow is not None and self.grow < 0):
            raise InputError("grow, feather", "must be 0 or more pixels")
        if self.task != "delete" and not self.caption.strip():
            raise CaptionError(
                "caption", f"is empty: say what to {self.task}, for example 'a red balloon'"
            )
        if self.task != "delete" and self.fill != "off":
            raise InputError(
                "fill",
                f"{self.fill!r} brings back the background, so it is for delete only: leave it "
                f"'off' to {self.task}",
            )
        for keyframe in self.keyframes:
            self._check_keyframe(keyframe)

    def _check_keyframe(self, keyframe: Keyframe) -> None:
        if not 0 <= keyframe.frame < len(self.clip):
            raise InputError(
                "keyframe",
                f"is at frame {keyframe.frame}, the clip has frames 0 to {len(self.clip) - 1}",
            )
        if tuple(keyframe.pixels.shape) != (*self.clip.size, 3):
            h, w = self.clip.size
            kh, kw = keyframe.pixels.shape[:2]
            raise InputError("keyframe", f"is {kw}x{kh}, the clip is {w}x{h}: resize the keyframe")

    @property
    def model_caption(self) -> str:
        """The caption the model reads: fixed for delete (VIVID, app. A.1)."""
        return DELETE_CAPTION if self.task == "delete" else self.caption

    @property
    def growth(self) -> int:
        """Growth of the mask in pixels."""
        if self.grow is not None:
            return self.grow
        if self.task != "delete":
            return 0
        return max(self.feather + 1, round(min(self.clip.size) * DELETE_GROWTH_SHARE))


@dataclass(frozen=True, kw_only=True)
class EditReport:
    """The facts of one edit, for `report_text` (what an artist reads) and `report_data`.

    `fill` is what was done, "off" also where "auto" was asked for in vain. Where `windows` is 0
    the model did not run, and what describes its work is 0 too.
    """

    frames: int
    size: tuple[int, int]  # height, width
    window: tuple[int, int, int, int]  # y, x, height, width of the focus crop in the frame
    model_size: tuple[int, int]  # height, width the model worked at
    windows: int  # how many spans of time were chained
    tokens: int
    planned_pflops: float
    spent_pflops: float
    seconds: float
    peak_memory_bytes: int
    max_difference_outside: float
    mean_change_inside: float  # 0..1
    nothing_changed: bool
    fill: Fill = "off"
    filled_share: float = 0.0  # of the effective mask: copied from other frames or keyframes
    generated_share: float = 1.0  # of the effective mask: the model's, blended joins included
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EditResult:
    """`frames` [T, H, W, 3] and `effective_mask` [T, H, W], both float32 in 0..1."""

    frames: Float[Tensor, "t h w 3"]
    effective_mask: Float[Tensor, "t h w"]
    report: EditReport
