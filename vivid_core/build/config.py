"""What a dataset is built from and how. Figures are VIVID's (arXiv 2411.15260) or "ours"."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..data.record import Subset
from ..data.shards import SHARD_BYTES
from ..mask.augment import DEFAULT_RADIUS, MaskLimits
from ..perceive.load import ROLES, Role
from ..perceive.selection import DetectionRules


@dataclass(frozen=True, kw_only=True)
class EngineNames:
    """What sees: each is the name of an engine, or NAME:WEIGHTS with a file or folder.

    "scenes" knows the procedural clips of the pack, and needs no weights; the others are those of
    `perceive.load`. One that several name is loaded once. `encoder` is the folder of a CLIP model,
    or its repository; near duplicates are found with it, and not looked for where it is "".
    """

    tagger: str = "scenes"
    detector: str = "scenes"
    segmenter: str = "scenes"
    captioner: str = "scenes"
    tracker: str = "flow"
    flow: str = "dis"
    encoder: str = ""
    device: str = "auto"

    @property
    def seeing(self) -> dict[Role, str]:
        """By what each is asked for."""
        return {role: getattr(self, role) for role in ROLES}


@dataclass(frozen=True, kw_only=True)
class ClipRules:
    """Which stretches of a video are used. Shots that are longer are cut into clips."""

    min_seconds: float = 5.0  # sec. 3
    max_seconds: float = 10.0  # ours
    min_side: int = 720  # ours: pixels of the shorter side
    most: int = 1000  # ours: clips of one video

    def __post_init__(self) -> None:
        _require(0 <= self.min_seconds <= self.max_seconds, "need 0 <= min_seconds <= max_seconds")
        _require(self.max_seconds > 0, "max_seconds must be above 0")
        _require(self.min_side >= 1 and self.most >= 1, "min_side and most must be 1 or more")


@dataclass(frozen=True, kw_only=True)
class FilterRules:
    """Which samples are good enough. All ours; the paper names no figures. Shares are 0..1."""

    smallest: float = MaskLimits.smallest  # of the frame, where the mask is largest
    largest: float = MaskLimits.largest
    stability: float = 0.5  # least ratio of a mask's area from one frame to the next
    agreement: float = 0.6  # mean IoU of a mask with the one before it, moved along the flow
    border: float = 0.5  # most of the frames in which the mask touches the frame's edge
    hidden: float = 0.25  # most of the frames that may have no mask
    duplicate_bits: int = 6  # of 64: pictures that differ in no more are the same
    near_duplicate: float = 0.95  # least cosine of pictures, seen by an encoder, that are too alike

    def __post_init__(self) -> None:
        MaskLimits(smallest=self.smallest, largest=self.largest)
        for name in ("stability", "agreement", "border", "hidden", "near_duplicate"):
            _require(0 <= getattr(self, name) <= 1, f"{name} must be 0 to 1")
        _require(0 <= self.duplicate_bits <= 64, "duplicate_bits must be 0 to 64")

    @property
    def limits(self) -> MaskLimits:
        return MaskLimits(smallest=self.smallest, largest=self.largest)


@dataclass(frozen=True, kw_only=True)
class DeletionRules:
    """Samples of deletion: masks of other videos, pasted onto background (sec. 3.2)."""

    per_clip: int = 1  # each gives two samples: the mask's own path, and the background's
    clearance: float = DEFAULT_RADIUS[1]  # ours: of the mask's size, kept free of things around it
    tries: int = 4  # ours: masks that are tried until one fits
    confidence: float = 0.5  # ours: least share of points that move as the background does

    def __post_init__(self) -> None:
        _require(self.per_clip >= 0 and self.tries >= 1, "per_clip must be 0 and tries 1 or more")
        _require(self.clearance >= 0, "clearance must be 0 or more")
        _require(0 <= self.confidence <= 1, "confidence must be 0 to 1")


@dataclass(frozen=True, kw_only=True)
class Output:
    """How samples are stored."""

    lossless: bool = False  # FFV1, as the source was decoded; else H.264
    shard_bytes: int = SHARD_BYTES
    subsets: tuple[Subset, ...] = ("video", "image")  # images are the first frames of clips
    reference: bool = False  # a picture of each thing, white around it, beside its samples

    def __post_init__(self) -> None:
        _require(self.shard_bytes >= 1, "shard_bytes must be 1 or more")
        _require(len({*self.subsets}) == len(self.subsets) > 0, "subsets must be one or two")


@dataclass(frozen=True, kw_only=True)
class BuildConfig:
    """A whole build: `videos` is a folder, a list of paths (.txt) or a table (.csv).

    `licence` and `origin` hold where a table does not say otherwise. `review` are JSON files of
    the review page: what somebody would drop or fix is left out.
    """

    videos: Path
    out: Path
    seed: int = 0
    licence: str = ""
    origin: str = ""
    review: tuple[Path, ...] = ()
    engines: EngineNames = field(default_factory=EngineNames)
    clips: ClipRules = field(default_factory=ClipRules)
    entities: DetectionRules = field(default_factory=DetectionRules)
    filters: FilterRules = field(default_factory=FilterRules)
    deletion: DeletionRules = field(default_factory=DeletionRules)
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
        _require(0 <= self.seed < 2**63, "seed must be 0 to 2^63 - 1")


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise ValueError(rule)
