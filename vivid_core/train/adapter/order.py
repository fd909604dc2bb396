"""Which batch and which samples come at a position: arithmetic, so that any position can resume.

Ratios are kept in every stretch of a run, not only in the mean: of the first n batches, those of
video are within one of their share, and each sample of a pool comes once before any comes again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np

from ...data.samples import Task, TrainingSample
from .buckets import Size, image_size, video_size
from .shuffles import Ints, Shuffles

Medium = Literal["image", "video"]
KEYFRAME = 99  # a stream of draws apart from those of samples
BUCKET = 1_000_000  # and from those of buckets, for images and video
STREAMS = 4  # of samples in a bucket: images and video, edits and deletions


def share_of(ratio: float) -> float:
    """Of the second of two kinds in the ratio `ratio` : 1."""
    return 1 / (ratio + 1)


def count_before(position: int, share: float) -> int:
    """How many of the first `position` places belong to a kind with this share."""
    return math.floor(position * share)


def belongs(position: int, share: float) -> bool:
    """Whether a place belongs to it."""
    return count_before(position + 1, share) > count_before(position, share)


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Samples of one medium and size, by task."""

    edit: list[TrainingSample] = field(default_factory=list)
    delete: list[TrainingSample] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.edit) + len(self.delete)


@dataclass(frozen=True, kw_only=True)
class Turns:
    """Which bucket each of so many batches is of, and how many of that bucket came before it."""

    bucket: Ints
    before: Ints


@dataclass(frozen=True, kw_only=True)
class Order:
    """The order of a whole training.

    `samples` are all that there are. A batch of video takes those that are long enough for one of
    the `sizes`; one of images a single frame of any. All samples of a batch are of one size:
    which one comes as often as samples belong to it. Where there is only one task, or no video,
    all come from what is there.
    """

    samples: Sequence[TrainingSample]
    sizes: tuple[Size, ...]
    images_per_video: float
    edits_per_deletion: float
    keyframe_share: float
    batch: int
    seed: int

    def medium(self, step: int) -> Medium:
        """Of all samples of a step (VIVID, sec. 4.4)."""
        if not self._pools["video"]:
            return "image"
        return "video" if belongs(step, share_of(self.images_per_video)) else "image"

    def knows_keyframe(self, step: int) -> bool:
        """Whether the first frame of a batch of video is known (KIVE, sec. 4.4)."""
        if self.medium(step) == "image":
            return False
        return bool(
            np.random.default_rng([self.seed, step, KEYFRAME]).random() < self.keyframe_share
        )

    def size(self, step: int) -> Size:
        """Of all samples of a step."""
        return self._bucket(step)[0]

    def picked(self, step: int) -> list[TrainingSample]:
        """The samples of a step."""
        size, batches = self._bucket(step)
        medium = self.medium(step)
        first = batches * self.batch
        return [self._sample(medium, size, first + i) for i in range(self.batch)]

    def _bucket(self, step: int) -> tuple[Size, int]:
        """The size of a step, and how many batches of its medium and size came before."""
        medium = self.medium(step)
        videos = self._videos_before(step)
        batches = videos if medium == "video" else step - videos
        pools = self._pools[medium]
        if len(pools) == 1:
            return next(iter(pools)), batches
        number, place = divmod(batches, sum(map(len, pools.values())))
        turns = self._turns(medium, number)
        size = list(pools)[turns.bucket[place]]
        return size, number * len(pools[size]) + int(turns.before[place])

    def _videos_before(self, step: int) -> int:
        if not self._pools["video"]:
            return 0
        return count_before(step, share_of(self.images_per_video))

    def _sample(self, medium: Medium, size: Size, n: int) -> TrainingSample:
        """The n-th sample of all batches of a medium and size."""
        pool, share = self._pools[medium][size], share_of(self.edits_per_deletion)
        task: Task = "edit" if pool.edit else "delete"
        if pool.edit and pool.delete:
            before = count_before(n, share)
            deletes = belongs(n, share)
            task, n = ("delete", before) if deletes else ("edit", n - before)
        chosen = pool.edit if task == "edit" else pool.delete
        mixed = STREAMS * list(self._pools[medium]).index(size) + (medium == "video") * 2
        stream = mixed + (task == "delete" and bool(pool.edit))
        return chosen[self._shuffles.nth(stream, n, len(chosen))]

    @cached_property
    def _shuffles(self) -> Shuffles:
        return Shuffles(self.seed, streams=STREAMS * len(self.sizes) + len(self._pools))

    @cached_property
    def _turns(self) -> Callable[[Medium, int], Turns]:
        """By medium and number of the shuffle in which each bucket comes once for each sample."""
        return lru_cache(maxsize=2 * len(self._pools))(self._shuffle_buckets)

    def _shuffle_buckets(self, medium: Medium, number: int) -> Turns:
        counts = [len(pool) for pool in self._pools[medium].values()]
        drawn = self._shuffles.whole(BUCKET + (medium == "video"), number, sum(counts))
        bucket = np.repeat(np.arange(len(counts)), counts)[drawn]
        before = np.empty_like(bucket)
        for i, count in enumerate(counts):
            before[bucket == i] = np.arange(count)
        return Turns(bucket=bucket, before=before)

    @cached_property
    def _pools(self) -> dict[Medium, dict[Size, Pool]]:
        """Samples by medium and size, in the order of the sizes."""
        pools: dict[Medium, dict[Size, Pool]] = {"image": {}, "video": {}}
        for sample in self.samples:
            still, video = image_size(sample, self.sizes), video_size(sample, self.sizes)
            _put(pools["image"], still, sample)
            if video is not None:
                _put(pools["video"], video, sample)
        return {medium: dict(sorted(by_size.items())) for medium, by_size in pools.items()}


def _put(pools: dict[Size, Pool], size: Size, sample: TrainingSample) -> None:
    pool = pools.setdefault(size, Pool())
    (pool.delete if sample.task == "delete" else pool.edit).append(sample)
