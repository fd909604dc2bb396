"""Which batch and which samples come at a position: arithmetic, so that any position can resume.

Ratios are kept in every stretch of a run, not only in the mean: of the first n batches, those of
video are within one of their share, and each sample of a pool comes once before any comes again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from ...data.samples import TrainingSample
from .buckets import Size, image_size, video_size

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


def nth_of_shuffles(n: int, count: int, *seed: int) -> int:
    """The n-th element of endless shuffles of 0 .. count-1, each a new one."""
    shuffle, place = divmod(n, count)
    return int(np.random.default_rng([*seed, shuffle]).permutation(count)[place])


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
        sizes = [size for size, pool in pools.items() for _ in pool]
        shuffle, place = divmod(batches, len(sizes))
        seed = [self.seed, BUCKET + (medium == "video"), shuffle]
        drawn = np.random.default_rng(seed).permutation(len(sizes))[: place + 1]
        *before, size = (sizes[i] for i in drawn)
        return size, shuffle * len(pools[size]) + before.count(size)

    def _videos_before(self, step: int) -> int:
        if not self._pools["video"]:
            return 0
        return count_before(step, share_of(self.images_per_video))

    def _sample(self, medium: Medium, size: Size, n: int) -> TrainingSample:
        """The n-th sample of all batches of a medium and size."""
        pool, share = self._pools[medium][size], share_of(self.edits_per_deletion)
        edits = [s for s in pool if s.task == "edit"]
        deletions = [s for s in pool if s.task == "delete"]
        before = count_before(n, share)
        if not edits or not deletions:
            chosen, n = pool, n
        elif belongs(n, share):
            chosen, n = deletions, before
        else:
            chosen, n = edits, n - before
        stream = (medium == "video") * 2 + (chosen is deletions)
        stream += STREAMS * list(self._pools[medium]).index(size)
        return chosen[nth_of_shuffles(n, len(chosen), self.seed, stream)]

    @cached_property
    def _pools(self) -> dict[Medium, dict[Size, list[TrainingSample]]]:
        """Samples by medium and size, in the order of the sizes."""
        pools: dict[Medium, dict[Size, list[TrainingSample]]] = {"image": {}, "video": {}}
        for sample in self.samples:
            pools["image"].setdefault(image_size(sample, self.sizes), []).append(sample)
            size = video_size(sample, self.sizes)
            if size is not None:
                pools["video"].setdefault(size, []).append(sample)
        return {medium: dict(sorted(by_size.items())) for medium, by_size in pools.items()}
