"""What an instruction dataset is built from and how. Figures are InsViE's or "ours"."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from ..build.config import ClipRules
from ..data.shards import SHARD_BYTES
from ..instruct.filter import Thresholds
from ..instruct.screen import MOST_JUDGED
from ..instruct.sweep import Sweep
from ..settings import DEFAULT_STEPS, LARGEST_GUIDANCE, MAX_STEPS

KIND = "instructions"  # what a configuration says of itself


@dataclass(frozen=True, kw_only=True)
class EngineNames:
    """What describes, edits, follows and judges.

    `writer` and `judge` are "scenes" (the procedural clips of the pack; writes, but judges
    nothing), or NAME:WEIGHTS of an engine that answers questions; a judge of "" is none. The three
    models are tiny, tiny-instruct, or a folder or file of weights, which finds what it lacks in
    `base`. `animator` makes clips of pictures, and is needed for pairs alone. `encoder` is the
    folder of a CLIP model, or its repository, or "".
    """

    writer: str = "scenes"
    editor: str = "tiny-instruct"
    propagator: str = "tiny-instruct"
    animator: str = "tiny"
    judge: str = ""
    encoder: str = ""
    flow: str = "dis"
    base: Path | None = None
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a model makes a clip: steps, and its scales of guidance, the caption's first."""

    steps: int = DEFAULT_STEPS
    guidance: tuple[float, ...] = (6.0,)
    negative: str = ""

    def __post_init__(self) -> None:
        _require(1 <= self.steps <= MAX_STEPS, f"steps must be 1 to {MAX_STEPS}")
        _require(bool(self.guidance), "guidance needs a scale")
        scales = all(0 <= scale <= LARGEST_GUIDANCE for scale in self.guidance)
        _require(scales, f"guidance must be 0 to {LARGEST_GUIDANCE:g}")


@dataclass(frozen=True, kw_only=True)
class Writing:
    """Instructions of each clip and still, and the user's examples (`instruction -> caption`)."""

    count: int = 1  # ours
    examples: tuple[str, ...] = ()  # none: a few of this pack's

    def __post_init__(self) -> None:
        _require(1 <= self.count <= 20, "count must be 1 to 20")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which candidates are good enough; cosines of CLIP, where there is an encoder.

    The least similarity and direction are those with which InstructPix2Pix's own pairs were
    chosen (Brooks et al. 2023, in their code).
    """

    candidates: int = 3  # ours: seeds that are tried for each pair of pictures
    similarity: float = 0.7  # of source and edit
    direction: float = 0.2  # of the step in pictures, beside that in captions
    lowest_score: int = 3  # ours, of a judge
    highest_epe: float = 4.0  # ours, pixels
    duplicate_bits: int = 6  # ours, of 64: clips that differ in no more are the same

    def __post_init__(self) -> None:
        _require(1 <= self.candidates <= 64, "candidates must be 1 to 64")
        cosines = all(-1 <= value <= 1 for value in (self.similarity, self.direction))
        _require(cosines, "similarity and direction must be -1 to 1")
        _require(1 <= self.lowest_score <= 5, "lowest_score must be 1 to 5")
        _require(0 <= self.highest_epe < math.inf, "highest_epe must be 0 or more")
        _require(0 <= self.duplicate_bits <= 64, "duplicate_bits must be 0 to 64")

    @property
    def thresholds(self) -> Thresholds:
        return Thresholds(lowest_score=self.lowest_score, highest_epe=self.highest_epe)


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a triplet looks like: its longest side, its length and rate, and how it is stored."""

    longest: int = 1024  # pixels; larger ones are scaled down
    frames: int = 25  # of a clip that is longer, the first ones
    fps: float = 8.0  # of clips that are made of pictures
    crop: float = 0.9  # smallest share of a still that its camera sees (sec. 7.3)
    lossless: bool = False
    shard_bytes: int = SHARD_BYTES

    def __post_init__(self) -> None:
        _require(self.longest >= 16, "longest must be 16 or more")
        _require(self.frames >= 2, "frames must be 2 or more")
        _require(0 < self.fps <= 1000, "fps must be above 0, and 1000 at most")
        _require(0 < self.crop < 1, "crop must be above 0 and below 1")
        _require(self.shard_bytes >= 1, "shard_bytes must be 1 or more")

    @property
    def rate(self) -> Fraction:
        """Of clips that are made of pictures."""
        return Fraction(self.fps).limit_denominator(1001)


@dataclass(frozen=True, kw_only=True)
class TripletConfig:
    """A whole build, from one or more of three kinds of sources.

    `videos` is a folder, a list of paths (.txt) or a table (.csv) of real videos (InsViE, 3.1).
    `pairs` is a folder with clips/, edits/ and instructions.txt whose clips are pictures, or, with
    `pairs_form`, the index file of somebody else's dataset of such pairs (3.2). `stills` is a
    folder of pictures (3.3). `review` are JSON files of the review page.
    """

    kind: Literal["instructions"]
    out: Path
    videos: Path | None = None
    pairs: Path | None = None
    pairs_form: str = ""
    stills: Path | None = None
    seed: int = 0
    licence: str = ""
    origin: str = ""
    review: tuple[Path, ...] = ()
    engines: EngineNames = field(default_factory=EngineNames)
    clips: ClipRules = field(default_factory=ClipRules)
    writing: Writing = field(default_factory=Writing)
    sweep: Sweep = field(default_factory=Sweep)
    editing: Sampling = field(default_factory=Sampling)  # its guidance is the sweep's
    following: Sampling = field(default_factory=Sampling)
    animating: Sampling = field(default_factory=Sampling)
    choice: Choice = field(default_factory=Choice)
    form: Form = field(default_factory=Form)

    def __post_init__(self) -> None:
        _require(0 <= self.seed < 2**63, "seed must be 0 to 2^63 - 1")
        given = (self.videos, self.pairs, self.stills)
        _require(any(given), "videos, pairs or stills must be given")
        compared = not self.engines.judge or self.sweep.count <= MOST_JUDGED
        _require(compared, f"sweep: count must be 1 to {MOST_JUDGED}, for a judge compares no more")

    @property
    def inputs(self) -> dict[str, Path]:
        """What is read, by the names that errors use."""
        named = {"videos": self.videos, "pairs": self.pairs, "stills": self.stills}
        return {name: path for name, path in named.items() if path is not None}


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise ValueError(rule)
