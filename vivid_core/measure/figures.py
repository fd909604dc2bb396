"""The figures of an edit: each a number, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Literal

import torch
from torch import Tensor

from ..errors import InputError, MaskError, SizeError
from ..flow.engine import FlowEngine
from ..metrics.background import STEPS, background_l1
from ..metrics.endpoint import endpoint_error
from ..metrics.flicker import Flow, flicker_ratio, temporal_flicker
from ..metrics.psnr import Frames, psnr
from ..metrics.ssim import ssim
from ..perceive.judge import HIGHEST, LOWEST, Aspect
from ..perceive.protocols import Chat
from ..runtime import Progress, Runtime
from ..video import MaskTrack
from .dino import DinoEncoder
from .dover import NO_WEIGHTS as NO_DOVER
from .dover import Dover, Quality
from .edited import Edited
from .encoder import ClipEncoder
from .judged import Judged
from .perceptual import NO_PACKAGE, Perceptual
from .timing import PAPER_RATE, frames_at_rate
from .viclip import ViclipEncoder

PERCENT = 100.0  # what CLIP figures are written in (VIVID, Tab. 3)
NO_CLIP = "needs a CLIP model (clip_model)"
NO_PICK = "needs the PickScore model (pick_model)"
NO_DINO = "needs a DINOv2 model (dino_model)"
NO_VICLIP = "needs ViCLIP (viclip_model)"
NO_SOURCE_CAPTION = "needs a caption of the source (source_caption)"
SAME_CAPTION = "the captions of source and edit say the same"
NO_CAPTION = "deletions have no caption of their own"
WHOLE_CAPTION = "this set's captions describe whole frames: see CLIP text"
NO_TRUTH = "the true result is not known"
ONE_FRAME = "needs two frames"
Found = float | str  # the figure, or why it was not measured
Better = Literal["lower", "higher", "near 1"]


@dataclass(frozen=True, kw_only=True)
class Instruments:
    """What measures: motion, and CLIP, PickScore, DINOv2, ViCLIP and a judge where they are given,
    LPIPS and DOVER or why not.

    `runtime` hears of progress, and is asked before every pair of frames whether to stop.
    """

    flow: FlowEngine
    clip: ClipEncoder | None = None
    pick: ClipEncoder | None = None
    dino: DinoEncoder | None = None
    viclip: ViclipEncoder | None = None
    dover: Dover | str = NO_DOVER
    perceptual: Perceptual | str = NO_PACKAGE
    judge: Chat | None = None
    runtime: Runtime = field(default_factory=Runtime)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A figure's name, unit, direction, and what it says."""

    name: str
    unit: str
    better: Better
    about: str
    measure: Callable[[Subject], Found]

    @property
    def title(self) -> str:
        name = f"{self.name} [{self.unit}]" if self.unit else self.name
        return f"{name}, {self.better} is better"


@dataclass(frozen=True)
class Subject:
    """An edit under instruments; what several figures need is computed once."""

    edited: Edited
    instruments: Instruments

    @property
    def mask(self) -> Tensor:
        """Raises MaskError where it is not known."""
        mask = self.edited.mask
        if isinstance(mask, str):
            raise MaskError("mask", mask)
        return mask.values

    @cached_property
    def pictures(self) -> Tensor | None:
        """CLIP's unit vectors of the edit's frames [T, D]."""
        clip = self.instruments.clip
        check = self.instruments.runtime.check_cancelled
        return None if clip is None else clip.images(list(self.edited.edit), check)

    @cached_property
    def judged(self) -> Judged:
        return Judged(self.edited, self.instruments.judge)

    @cached_property
    def seen(self) -> Tensor | str:
        """ViCLIP's unit vector of the edit [D], or why there is none."""
        viclip = self.instruments.viclip
        if self.edited.task == "delete":
            return NO_CAPTION
        if viclip is None:
            return NO_VICLIP
        if len(self.edited.edit) < 2:
            return ONE_FRAME
        self.instruments.runtime.check_cancelled()
        return viclip.video(self.edited.edit)

    @cached_property
    def quality(self) -> Quality | str:
        """DOVER's scores of the edit. Raises SizeError where it is too small for them."""
        dover = self.instruments.dover
        if isinstance(dover, str):
            return dover
        if len(self.edited.edit) < 2:
            return ONE_FRAME
        self.instruments.runtime.check_cancelled()
        return dover.quality(self.edited.edit)

    @cached_property
    def motion(self) -> Flow:
        """Of the edit."""
        return self.motion_of(self.edited.edit)

    @cached_property
    def source_motion(self) -> Flow:
        return self.motion_of(self.edited.source.frames)

    def motion_of(self, frames: Frames) -> Flow:
        """From each frame to the next, in pixels."""
        flows = []
        for first, second in zip(frames[:-1], frames[1:], strict=True):
            self.instruments.runtime.check_cancelled()
            flows.append(self.instruments.flow.estimate(first, second))
        return torch.stack(flows)


def measure_edit(edited: Edited, instruments: Instruments) -> dict[str, Found]:
    """Every figure of `KINDS` by its name: a number, or the reason why it was not measured."""
    subject, found = Subject(edited, instruments), {}
    for done, kind in enumerate(KINDS, start=1):
        found[kind.name] = _measure(kind, subject)
        progress = Progress(stage="measure", done=done, total=len(KINDS), alone=True)
        instruments.runtime.advance(progress)
    return found


def _measure(kind: Kind, subject: Subject) -> Found:
    try:
        found = kind.measure(subject)
    except (MaskError, SizeError) as error:  # nothing to compare, or too small to find motion
        return error.problem
    return "is not a number here" if isinstance(found, float) and math.isnan(found) else found


def _background(subject: Subject) -> Found:
    return background_l1(subject.edited.edit, subject.edited.source.frames, subject.mask)


def _consistency(subject: Subject) -> Found:
    if subject.pictures is None:
        return NO_CLIP
    return _mean_cosine(subject.pictures)


def _slow_consistency(subject: Subject) -> Found:
    if subject.pictures is None:
        return NO_CLIP
    source = subject.edited.source
    try:
        kept = frames_at_rate(len(source), source.fps, PAPER_RATE)
    except InputError as error:
        return str(error).replace("fps: ", "the clip's rate ", 1)
    return _mean_cosine(subject.pictures[kept])


def _consistency_of_pairs(subject: Subject) -> Found:
    pictures = subject.pictures
    if pictures is None:
        return NO_CLIP
    if len(pictures) < 2:
        return ONE_FRAME
    pairs = len(pictures) * (len(pictures) - 1)
    others = pictures @ pictures.T
    return PERCENT * float((others.sum() - others.diagonal().sum()) / pairs)


def _dino(subject: Subject) -> Found:
    dino = subject.instruments.dino
    if dino is None:
        return NO_DINO
    check = subject.instruments.runtime.check_cancelled
    return _mean_cosine(dino.images(list(subject.edited.edit), check))


def _mean_cosine(pictures: Tensor) -> Found:
    if len(pictures) < 2:
        return ONE_FRAME
    return PERCENT * float((pictures[:-1] * pictures[1:]).sum(dim=-1).mean())


def _alignment(subject: Subject) -> Found:
    edited, clip = subject.edited, subject.instruments.clip
    if edited.task == "delete":
        return NO_CAPTION
    if edited.whole_caption:
        return WHOLE_CAPTION
    if clip is None:
        return NO_CLIP
    regions = edited_regions(edited.edit, subject.mask)
    pictures = clip.images(regions, subject.instruments.runtime.check_cancelled)
    similar = pictures @ clip.text(edited.caption)
    return PERCENT * float(similar.clamp(min=0).mean())


def _text(subject: Subject) -> Found:
    edited, clip = subject.edited, subject.instruments.clip
    if edited.task == "delete":
        return NO_CAPTION
    if clip is None or subject.pictures is None:
        return NO_CLIP
    return PERCENT * float((subject.pictures @ clip.text(edited.caption)).mean())


def _pick(subject: Subject) -> Found:
    edited, pick = subject.edited, subject.instruments.pick
    if edited.task == "delete":
        return NO_CAPTION
    if pick is None:
        return NO_PICK
    pictures = pick.images(list(edited.edit), subject.instruments.runtime.check_cancelled)
    return pick.scale * float((pictures @ pick.text(edited.caption)).mean())


def _viclip_output(subject: Subject) -> Found:
    viclip, seen = subject.instruments.viclip, subject.seen
    if isinstance(seen, str) or viclip is None:
        return str(seen)
    return PERCENT * float(seen @ viclip.text(subject.edited.caption))


def _viclip_direction(subject: Subject) -> Found:
    """Cosine of the change of the clip and the change of its caption."""
    edited, viclip = subject.edited, subject.instruments.viclip
    before, after = edited.source_caption.strip(), edited.caption.strip()
    if isinstance(subject.seen, str) or viclip is None:
        return str(subject.seen)
    if not before or before == after:
        return SAME_CAPTION if before else NO_SOURCE_CAPTION
    changed = subject.seen - viclip.video(edited.source.frames)
    said = viclip.text(after) - viclip.text(before)
    return PERCENT * float(torch.cosine_similarity(changed, said, dim=0))


def _quality(subject: Subject, *, part: Callable[[Quality], float]) -> Found:
    quality = subject.quality
    return quality if isinstance(quality, str) else part(quality)


def edited_regions(frames: Frames, mask: Tensor) -> list[Tensor]:
    """The smallest square around each frame's mask, as much of it as the frame holds.

    Frames without a mask have none. The square is moved into the frame where it would leave it.
    """
    regions = []
    for frame, selected in zip(frames, mask > 0.5, strict=True):
        if not selected.any():
            continue
        rows, columns = selected.any(dim=1).nonzero(), selected.any(dim=0).nonzero()
        spans = [(int(line[0]), int(line[-1]) + 1) for line in (rows, columns)]
        side = max(stop - start for start, stop in spans)
        (top, bottom), (left, right) = (
            _widen(span, side, length) for span, length in zip(spans, selected.shape, strict=True)
        )
        regions.append(frame[top:bottom, left:right])
    return regions


def _widen(span: tuple[int, int], side: int, length: int) -> tuple[int, int]:
    """A span of this many pixels around the middle of another, inside 0..length."""
    start = sum(span) // 2 - side // 2
    start = max(0, min(start, length - side))
    return start, min(start + side, length)


def _psnr(subject: Subject) -> Found:
    truth = subject.edited.truth
    return NO_TRUTH if truth is None else psnr(subject.edited.edit, truth, subject.mask)


def _ssim(subject: Subject) -> Found:
    truth = subject.edited.truth
    return NO_TRUTH if truth is None else ssim(subject.edited.edit, truth, subject.mask)


def _lpips(subject: Subject) -> Found:
    truth, perceptual = subject.edited.truth, subject.instruments.perceptual
    if isinstance(perceptual, str):
        return perceptual
    if truth is None:
        return NO_TRUTH
    return perceptual.distance(subject.edited.edit, truth, subject.mask)


def _motion_beside_source(subject: Subject) -> Found:
    if len(subject.edited.edit) < 2:
        return ONE_FRAME
    mask = subject.mask  # before the motion, which is long work
    return endpoint_error(subject.motion, subject.source_motion, mask)


def _motion_of_frames(subject: Subject) -> Found:
    if len(subject.edited.edit) < 2:
        return ONE_FRAME
    everywhere = MaskTrack.of_everything(subject.edited.source).values
    return endpoint_error(subject.motion, subject.source_motion, everywhere)


def _motion_beside_truth(subject: Subject) -> Found:
    truth = subject.edited.truth
    if truth is None:
        return NO_TRUTH
    if len(truth) < 2:
        return ONE_FRAME
    return endpoint_error(subject.motion, subject.motion_of(truth), subject.mask)


def _flicker(subject: Subject) -> Found:
    if len(subject.edited.edit) < 2:
        return ONE_FRAME
    ratio = flicker_ratio(subject.edited.edit, subject.edited.reference, subject.mask)
    return "the clip that it is compared with stands still" if math.isinf(ratio) else ratio


def _warping(subject: Subject) -> Found:
    if len(subject.edited.edit) < 2:
        return ONE_FRAME
    mask = subject.mask
    return STEPS * temporal_flicker(subject.edited.edit, mask, subject.motion)


def _judged(subject: Subject, *, aspect: Aspect) -> Found:
    if subject.instruments.judge is not None:
        subject.instruments.runtime.check_cancelled()
    return subject.judged.score(aspect)


def _kind_of_quality(name: str, part: Callable[[Quality], float], about: str) -> Kind:
    return Kind(
        name=name,
        unit="0 to 1",
        better="higher",
        about=about,
        measure=partial(_quality, part=part),
    )


def _kind_of_judge(name: str, aspect: Aspect) -> Kind:
    return Kind(
        name=name,
        unit=f"{LOWEST} to {HIGHEST}",
        better="higher",
        about=f"{aspect} to a vision-language model (InsViE, 5.1)",
        measure=partial(_judged, aspect=aspect),
    )


KINDS: tuple[Kind, ...] = (
    Kind(
        name="BP",
        unit="of 255",
        better="lower",
        about="mean absolute difference outside the mask (VIVID, 5.1)",
        measure=_background,
    ),
    Kind(
        name="TA",
        unit="%",
        better="higher",
        about="CLIP score of the edited region and the caption; not of deletions (VIVID, 5.2)",
        measure=_alignment,
    ),
    Kind(
        name="TC",
        unit="%",
        better="higher",
        about="CLIP cosine of consecutive frames at the clip's own rate (VIVID, 5.1)",
        measure=_consistency,
    ),
    Kind(
        name="TC at 7.5 fps",
        unit="%",
        better="higher",
        about="the same with frames left out down to 7.5 a second (VIVID, 5.2)",
        measure=_slow_consistency,
    ),
    Kind(
        name="TC, all pairs",
        unit="%",
        better="higher",
        about="the same of every frame and every other one (TGVE's frame consistency)",
        measure=_consistency_of_pairs,
    ),
    Kind(
        name="DINO",
        unit="%",
        better="higher",
        about="DINOv2 cosine of consecutive frames (EditVerseBench)",
        measure=_dino,
    ),
    Kind(
        name="CLIP text",
        unit="%",
        better="higher",
        about="CLIP cosine of whole frames and the caption (InsViE, 5.1)",
        measure=_text,
    ),
    Kind(
        name="PickScore",
        unit="",
        better="higher",
        about="of whole frames and the caption (Kirstain et al. 2023; InsViE, 5.1)",
        measure=_pick,
    ),
    Kind(
        name="ViCLIP out",
        unit="%",
        better="higher",
        about="ViCLIP cosine of the clip and its caption (InsViE, 5.1; EditVerseBench)",
        measure=_viclip_output,
    ),
    Kind(
        name="ViCLIP dir",
        unit="%",
        better="higher",
        about="ViCLIP cosine of what changed from the source's clip and from its caption (InsViE, "
        "5.1, after EVE)",
        measure=_viclip_direction,
    ),
    _kind_of_quality(
        "DOVER", lambda q: q.overall, "quality without words (Wu et al. 2023; InsViE, 5.1)"
    ),
    _kind_of_quality("DOVER, technical", lambda q: q.technical, "its part of noise and sharpness"),
    _kind_of_quality("DOVER, aesthetic", lambda q: q.aesthetic, "its part of looks"),
    Kind(
        name="PSNR",
        unit="dB",
        better="higher",
        about="inside the mask, beside the known truth",
        measure=_psnr,
    ),
    Kind(
        name="SSIM",
        unit="",
        better="higher",
        about="inside the mask, beside the known truth (Wang et al. 2004)",
        measure=_ssim,
    ),
    Kind(
        name="LPIPS",
        unit="",
        better="lower",
        about="inside the mask, beside the known truth (Zhang et al. 2018, AlexNet)",
        measure=_lpips,
    ),
    Kind(
        name="EPE",
        unit="px",
        better="lower",
        about="end-point error of the motion inside the mask, beside the source's: what a "
        "modification keeps; additions and deletions have to change it",
        measure=_motion_beside_source,
    ),
    Kind(
        name="EPE, frames",
        unit="px",
        better="lower",
        about="the same over whole frames, which needs no mask (InsViE, 5.1)",
        measure=_motion_of_frames,
    ),
    Kind(
        name="EPE, truth",
        unit="px",
        better="lower",
        about="the same beside the motion of the known truth",
        measure=_motion_beside_truth,
    ),
    Kind(
        name="flicker",
        unit="x",
        better="near 1",
        about="change from frame to frame inside the mask, as a multiple of the truth's own, or "
        "of the source's where no truth is known",
        measure=_flicker,
    ),
    Kind(
        name="warping error",
        unit="of 255",
        better="lower",
        about="what is left of that change along the edit's own motion (Lai et al. 2018)",
        measure=_warping,
    ),
    _kind_of_judge("judged TC", "temporal consistency"),
    _kind_of_judge("judged TA", "textual alignment"),
    _kind_of_judge("judged VQ", "video quality"),
)
