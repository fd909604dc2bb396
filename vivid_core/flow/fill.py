"""Fill a hole with background that other frames show, and say what no frame shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from ..errors import InputError, MaskError
from ..files.digest import digest_of, pixel_digest
from ..plan.cuts import find_shots
from ..runtime import Runtime
from ..video import FrameRange
from .background import check_entities
from .camera import RELIABLE, CameraPath, FollowedClip, Pace
from .engine import SMALLEST_SIDE, FlowEngine, Repeatable
from .kept import LEVELS, KeptFills
from .rest import Gaps, Picture, fill_classically
from .reveal import Sights
from .source import fetch, place_round
from .spatial import fill_spatially, library
from .stretches import FilledStretch, Stretch, StretchCamera, plan_stretches
from .thin import Errors, beside, is_thin, share_painted
from .warp import Bools, Floats

MEASURED = 3  # frames of a stretch in which copied and painted pixels are compared
VERSION = 3  # of what a digest of a stretch stands for


@dataclass(frozen=True, kw_only=True)
class Broken:
    """Frames [T, H, W, 3] (0..1) with a `hole`; `entities` move by themselves: never a source."""

    frames: Float[Tensor, "t h w 3"]
    hole: Bool[Tensor, "t h w"]
    entities: Bool[Tensor, "t h w"] | None = None

    @property
    def hidden(self) -> Bool[Tensor, "t h w"]:
        """What of them is no background."""
        return self.hole if self.entities is None else self.hole | self.entities


@runtime_checkable
class BrokenFootage(Protocol):
    """What is filled, a range of frames at a time."""

    def read(self, frames: FrameRange) -> Broken: ...


@dataclass(frozen=True, kw_only=True)
class FillOptions:
    """What is done with a hole.

    `copy` what other frames show, at most `reach` frames away (all that are looked at, if None);
    then make the rest `classical`ly, or leave it. Raises InputError for a reach under 1.
    """

    reach: int | None = None
    copy: bool = True
    classical: bool = False

    def __post_init__(self) -> None:
        if self.reach is not None and self.reach < 1:
            raise InputError("reach", f"must be 1 or more frames, got {self.reach}")


class BackgroundFiller:
    """Fills the stretches of a clip, each from the frames around it.

    Each pixel takes a reliable frame that shows its place: found through the background's
    composed motion, corrected by an affine fit to the ring round the hole where that explains it
    better, its exposure matched to the ring. Frames that reveal most go first, near ones before
    far ones. What a stretch gives depends on its own frames only, or, where the rest is made
    classically, on those before it in its shot too; never on what was asked before.

    The idea of filling flow before pixels, and of a mask of what is left, is that of flow-guided
    completion (Gao et al. 2020; Zhou et al. 2023, "ProPainter", sec. 3.2); here the background's
    motion inside the hole is a fit and needs no network.
    """

    def __init__(
        self,
        footage: BrokenFootage,
        shots: Sequence[FrameRange],
        engine: FlowEngine,
        options: FillOptions,
    ) -> None:
        self._footage, self._engine, self._options = footage, engine, options
        self.stretches = tuple(stretch for shot in shots for stretch in plan_stretches(shot))
        self._camera = StretchCamera()
        self._last: tuple[int, FilledStretch] | None = None
        self._digests: dict[int, str] = {}

    def fill(self, index: int, pace: Pace | None = None) -> FilledStretch:
        """A stretch by its number; the last one is kept."""
        for i in self._since(index):
            if self._last is None or self._last[0] != i:
                before = self._last[1] if self._last and self._goes_on(i) else None
                self._last = i, self._found_or_filled(i, before, pace or Pace())
        assert self._last is not None
        return self._last[1]

    def digest(self, index: int) -> str:
        """Stands for all that decides what `fill` gives."""
        for i in range(index + 1) if self._goes_on(index) else [index]:
            if i not in self._digests:
                self._digests[i] = self._digest(i)
        return self._digests[index]

    def steps(self, indices: Iterable[int]) -> int:
        """How often filling these advances a pace, or a little less."""
        return sum(self.stretches[index].steps for index in indices)

    def _goes_on(self, index: int) -> bool:
        """Whether the rest of a stretch is gone on with from the one before."""
        if not self._options.classical or not index:
            return False
        return self.stretches[index - 1].shot == self.stretches[index].shot

    def _since(self, index: int) -> range:
        """The stretches that have to be filled for this one, itself included."""
        first = index
        while self._goes_on(first) and (self._last is None or self._last[0] != first):
            first -= 1
        return range(first, index + 1)

    def _digest(self, index: int) -> str:
        stretch = self.stretches[index]
        return digest_of(
            VERSION,
            type(self._engine).__name__,
            self._engine.digest if isinstance(self._engine, Repeatable) else "",
            [self._options.reach, self._options.copy],
            library() if self._options.classical else "",
            [stretch.filled.start - stretch.seen.start, len(stretch.filled)],
            _pixels_digest(self._footage.read(stretch.seen)),
            self._digests[index - 1] if self._goes_on(index) else "",
        )

    def _found_or_filled(
        self, index: int, before: FilledStretch | None, pace: Pace
    ) -> FilledStretch:
        """A stretch that the host keeps, or filled and kept there."""
        folder = pace.runtime.cache
        if folder is None or not isinstance(self._engine, Repeatable):
            return self._fill(index, before, pace)
        asked = self._footage.read(self.stretches[index].filled)
        if not asked.hole.any():
            return self._fill(index, before, pace)
        kept, digest = KeptFills(folder), self.digest(index)
        found = kept.find(digest, asked.frames, asked.hole)
        if found is None:
            found = self._fill(index, before, pace)
            made = asked.hole if self._options.classical else asked.hole & ~found.never_seen
            kept.keep(digest, asked.hole, made, found)
        return found

    def _fill(self, index: int, before: FilledStretch | None, pace: Pace) -> FilledStretch:
        stretch = self.stretches[index]
        broken = self._footage.read(stretch.seen)
        at = stretch.seen.place_of(stretch.filled)
        frames, left = broken.frames[at].float().clone(), broken.hole[at].clone()
        if not left.any():
            return FilledStretch(frames=frames, never_seen=left)
        camera, clip = self._follow(stretch, broken, pace)
        thin = self._options.classical and all(is_thin(hole) for hole in broken.hole[at].numpy())
        lost: list[int] = []
        if camera is not None and self._options.copy:
            work = _Work(clip, camera, stretch)
            sights = Sights.of(camera, np.stack([clip.view(t).hidden for t in stretch.seen]))
            lost = list(self._copy(work, sights, frames.numpy(), left.numpy()))
            if thin:
                copied = (broken.hole[at] & ~left).numpy()
                self._paint(work, sights, frames.numpy(), copied)
        never_seen = left.clone()
        if self._options.classical:
            hidden = broken.hole & False if broken.entities is None else broken.entities
            gaps = Gaps(
                frames=frames.numpy(),
                left=left.numpy(),
                hidden=hidden[at].numpy(),
                start=stretch.filled.start,
                whole=self._options.copy,
                thin=thin,
            )
            picture = None
            if before is not None:
                picture = self._picture(before, self.stretches[index - 1], stretch, hidden)
            fill_classically(gaps, camera, picture, pace.runtime.check_cancelled)
        made = broken.hole[at] & ~left
        frames[made] = (frames[made] * LEVELS).round() / LEVELS
        return FilledStretch(frames=frames, never_seen=never_seen, lost=tuple(lost))

    def _picture(
        self, found: FilledStretch, before: Stretch, now: Stretch, hidden: Tensor
    ) -> Picture | None:
        """The last frame of the stretch before whose rest was made, if it is still looked at."""
        lacking = found.never_seen.flatten(1).any(1).nonzero().flatten().tolist()
        at = before.filled.start + lacking[-1] - now.seen.start if lacking else -1
        if at < 0:
            return None
        made = found.never_seen[lacking[-1]].numpy()
        usable = ~hidden[at].numpy() if self._options.copy else made
        pixels = found.frames[lacking[-1]].numpy()
        return Picture(t=now.seen.start + at, pixels=pixels, made=made, usable=usable)

    def _follow(
        self, stretch: Stretch, broken: Broken, pace: Pace
    ) -> tuple[CameraPath | None, FollowedClip]:
        clip = FollowedClip(
            frames=broken.frames,
            hidden=broken.hidden,
            engine=self._engine,
            pace=pace,
            start=stretch.seen.start,
        )
        small = min(broken.frames.shape[1:3]) < SMALLEST_SIDE and self._options.classical
        if len(stretch.shot) == 1 or small:
            return None, clip
        return self._camera.follow(clip, stretch), clip

    def _copy(self, work: _Work, sights: Sights, frames: Floats, left: Bools) -> Iterator[int]:
        """Fill frames and what is left of them in place; those in vain."""
        for i, t in enumerate(work.stretch.filled):
            if _fill_frame(work, sights, (t, self._reach(work)), frames[i], left[i]):
                yield t
            work.clip.pace.advance()

    def _reach(self, work: _Work) -> int:
        return self._options.reach or len(work.stretch.seen)

    def _paint(self, work: _Work, sights: Sights, frames: Floats, copied: Bools) -> None:
        """Mix what was copied into thin holes with paint, by how good both are beside them."""
        filled = [i for i in range(len(frames)) if copied[i].any()]
        some = filled[:: max(1, len(filled) // MEASURED)][:MEASURED]
        found = [self._measure(work, sights, work.stretch.filled.start + i) for i in some]
        errors = [error for error in found if error is not None]
        share = share_painted(errors) if errors else 0.0
        for i in filled if share else []:
            work.clip.pace.runtime.check_cancelled()
            view = work.clip.view(work.stretch.filled.start + i)
            painted = fill_spatially(view.pixels.numpy(), view.hidden)
            frames[i][copied[i]] += share * (painted - frames[i])[copied[i]]

    def _measure(self, work: _Work, sights: Sights, t: int) -> Errors | None:
        """How far copied and painted pixels are off beside a frame's hole."""
        view = work.clip.view(t)
        left = beside(view.hidden, view.hidden)
        if left is None:
            return None
        truth, copied, hidden = view.pixels.numpy(), view.pixels.numpy().copy(), view.hidden | left
        asked = left.copy()
        _fill_frame(work, sights, (t, self._reach(work)), copied, left)
        known = asked & ~left
        painted = fill_spatially(truth, hidden)
        return Errors.of(truth[known], copied[known], painted[known]) if known.any() else None


@dataclass(frozen=True)
class _Work:
    """A stretch that is being filled."""

    clip: FollowedClip
    camera: CameraPath
    stretch: Stretch


def _fill_frame(
    work: _Work, sights: Sights, what: tuple[int, int], filled: Floats, left: Bools
) -> bool:
    """Fill a frame's pixels, until nothing is left or no frame shows more.

    Whether it was in vain: nothing was filled because the motion is lost or no frame is alike.
    """
    t, reach = what
    if not left.any():
        return False
    if work.camera.pose(t).support < RELIABLE:
        return True
    place = place_round(work.clip.view(t), left)
    unlike, found = False, False
    for s in sights.order(t, left, reach):
        work.clip.pace.runtime.check_cancelled()
        matrix = work.camera.between(t, s)
        source = fetch(work.clip.engine, place, work.clip.view(s), matrix)
        if source is None:
            unlike = True
            continue
        new = left[place.crop] & source.seen
        found |= bool(new.any())
        filled[place.crop][new] = source.pixels[new]
        left[place.crop][new] = False
    return unlike and not found


@dataclass(frozen=True, kw_only=True)
class BackgroundFill:
    """`frames` float32 [T, H, W, 3] with what could be filled; `never_seen` [T, H, W], 0 or 1, is
    the part of the hole that no frame shows. Outside the hole frames are exact.
    """

    frames: Float[Tensor, "t h w 3"]
    never_seen: Float[Tensor, "t h w"]
    shots: tuple[FrameRange, ...]
    lost: tuple[int, ...]  # frames in which nothing was filled, since no motion was found
    warnings: tuple[str, ...]


def fill_background(
    frames: Float[Tensor, "t h w 3"],
    mask: Shaped[Tensor, "mask_t mask_h mask_w"],
    engine: FlowEngine,
    *,
    entities: Shaped[Tensor, "entity_t entity_h entity_w"] | None = None,
    reach: int | None = None,
    classical: bool = False,
    shots: Sequence[FrameRange] | None = None,
    runtime: Runtime | None = None,
) -> BackgroundFill:
    """Fill the hole (mask above 0.5) of a clip in memory, each shot by itself.

    `entities` (above 0.5) are other moving things: never a source, and no part of the motion.
    It looks at most `reach` frames away (at all that lie near, if None); what none of them shows
    stays as it is, or is filled `classical`ly. `shots` are found if None. Raises MaskError for
    masks that do not fit the clip, InputError for a reach under 1.
    """
    _check(frames, mask)
    check_entities(frames, entities)
    footage = _ClipInMemory(frames, mask, entities)
    shots = find_shots(frames) if shots is None else tuple(shots)
    options = FillOptions(reach=reach, classical=classical)
    filler = BackgroundFiller(footage, shots, engine, options)
    filled, never_seen, lost = frames.detach().cpu().float().clone(), torch.zeros(mask.shape), []
    broken = [
        i for i, stretch in enumerate(filler.stretches) if (mask[stretch.filled.slice] > 0.5).any()
    ]
    pace = Pace(runtime=runtime or Runtime(), stage="fill", total=filler.steps(broken), alone=True)
    for index in broken:
        made, at = filler.fill(index, pace), filler.stretches[index].filled.slice
        filled[at], never_seen[at] = made.frames, made.never_seen.float()
        lost += made.lost
    return BackgroundFill(
        frames=filled,
        never_seen=never_seen,
        shots=shots,
        lost=tuple(lost),
        warnings=tuple(fill_warnings(shots, len(lost))),
    )


class _ClipInMemory:
    """A clip, its mask and its entities, as they are."""

    def __init__(self, frames: Tensor, mask: Tensor, entities: Tensor | None) -> None:
        self._frames, self._mask, self._entities = frames, mask, entities

    def read(self, frames: FrameRange) -> Broken:
        at, entities = frames.slice, self._entities
        return Broken(
            frames=self._frames[at].detach().cpu(),
            hole=(self._mask[at] > 0.5).cpu(),
            entities=None if entities is None else (entities[at] > 0.5).cpu(),
        )


def fill_warnings(shots: Sequence[FrameRange], lost: int) -> Iterator[str]:
    """What an artist should be told, `lost` frames having been filled in vain."""
    if lost:
        yield (
            f"the background's motion could not be followed in {lost} frame(s): nothing was filled "
            "there"
        )
    if len(shots) > 1:
        starts = ", ".join(str(shot.start) for shot in shots[1:])
        yield (
            f"the clip has {len(shots)} shots (cuts before frame {starts}): each was filled from "
            "its own frames only"
        )


def _pixels_digest(broken: Broken) -> str:
    masks = [broken.hole, *([] if broken.entities is None else [broken.entities])]
    return digest_of(pixel_digest(broken.frames), *(pixel_digest(mask) for mask in masks))


def _check(frames: Tensor, mask: Tensor) -> None:
    if mask.shape != frames.shape[:3]:
        raise MaskError(
            "mask",
            f"is {tuple(mask.shape)} but the clip is {tuple(frames.shape[:3])} (frames, height, "
            "width): give one mask a frame, of the clip's size",
        )
    if not (mask > 0.5).any():
        raise MaskError("mask", "is empty on every frame: paint the area to fill white")
