"""Sizes that are trained together: which clip goes to which, and which are legal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...cogvideox.bundle import ModelBundle
from ...data.samples import TrainingSample
from ...errors import SizeError
from .config import Recipe

Size = tuple[int, int, int]  # frames, height, width in pixels


def train_sizes(bundle: ModelBundle, recipe: Recipe) -> tuple[Size, ...]:
    """What is trained: the buckets, or the one size, by default the model's own.

    The first is the one of most tokens. Raises SizeError for one that the model cannot read.
    """
    if not recipe.buckets:
        frames, height, width = size = recipe.size or bundle.train_size
        bundle.geometry.latent_shape(frames, height, width)
        return (size,)
    for size in recipe.buckets:
        try:
            bundle.geometry.latent_shape(*size)
        except SizeError as error:
            raise SizeError("buckets", f"{list(size)}: {error.argument} {error.problem}") from error
    return tuple(sorted(recipe.buckets, key=lambda size: -bundle.geometry.tokens(*size)))


def shortest_video(sizes: Sequence[Size]) -> int:
    """Frames that a clip needs to be trained on as a video; 1 where all sizes are of images."""
    return min((frames for frames, _, _ in sizes if frames > 1), default=1)


def video_size(sample: TrainingSample, sizes: Sequence[Size]) -> Size | None:
    """Of the sizes whose length the clip has the one nearest to its shape, the longest of equals.

    None where the clip is too short for all.
    """
    fitting = [size for size in sizes if 1 < size[0] <= sample.frames]
    return min(fitting, key=lambda s: (_distance(sample, s), -s[0]), default=None)


def image_size(sample: TrainingSample, sizes: Sequence[Size]) -> Size:
    """A single frame at the frame size nearest to the clip's shape, the largest of equals."""
    _, height, width = min(sizes, key=lambda s: (_distance(sample, s), -s[1] * s[2]))
    return 1, height, width


def _distance(sample: TrainingSample, size: Size) -> float:
    """Between the shapes of two frames; rounded, so that equal ones are equal."""
    height, width = sample.size
    return round(abs(math.log(height / width * size[2] / size[1])), 9)
