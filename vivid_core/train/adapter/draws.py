"""What a training sample looks like this time: window, hole, keyframe, words (VIVID, sec. 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...cogvideox.text import DELETE_CAPTION
from ...data.frames import FrameStore
from ...data.samples import TrainingSample
from ...files.digest import digest_of
from ...mask.augment import augment_mask
from ...video import FrameRange
from .config import Recipe


@dataclass(frozen=True, kw_only=True)
class Batch:
    """`pixels` in -1..1, `hole` 0 or 1 (1 = edit); a caption, a digest and a generator a sample.

    `pixels` are what is to be learnt. Of instructions `source` is what they are given, nothing
    where `blind`, and `hole` where the two differ. `digests` stand for the pixels; the generators
    go on to draw times and noise.
    """

    pixels: Float[Tensor, "b 3 t h w"]
    hole: Float[Tensor, "b 1 t h w"]
    captions: tuple[str, ...]
    digests: tuple[str, ...]
    generators: tuple[torch.Generator, ...]
    source: Float[Tensor, "b 3 t h w"] | None = None
    blind: tuple[bool, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    pixels: Float[Tensor, "3 t h w"]
    hole: Float[Tensor, "1 t h w"]
    caption: str
    digest: str
    source: Float[Tensor, "3 t h w"] | None = None
    blind: bool = False


def sample_generator(seed: int, step: int, index: int) -> torch.Generator:
    """All random numbers of one sample: of the index-th of a step's whole batch.

    They do not depend on how a batch is shared out among processes and parts, nor on what was
    drawn before.
    """
    state = np.random.SeedSequence([seed, step, index]).generate_state(1)
    return torch.Generator().manual_seed(int(state[0]))


def draw_batch(
    samples: Sequence[TrainingSample],
    store: FrameStore,
    recipe: Recipe,
    *,
    size: tuple[int, int, int],
    keyframe: bool,
    generators: Sequence[torch.Generator],
) -> Batch:
    """Windows of `size` (frames, height, width), each drawn with a generator of its own.

    With `keyframe` the first frame is known.
    """
    drawn = [
        _draw_masked(sample, store, recipe, size, generator, keyframe=keyframe)
        if sample.edited is None
        else _draw_pair(sample, store, recipe, size, generator)
        for sample, generator in zip(samples, generators, strict=True)
    ]
    sources = [one.source for one in drawn if one.source is not None]
    return Batch(
        pixels=torch.stack([one.pixels for one in drawn]),
        hole=torch.stack([one.hole for one in drawn]),
        captions=tuple(one.caption for one in drawn),
        digests=tuple(one.digest for one in drawn),
        generators=tuple(generators),
        source=torch.stack(sources) if sources else None,
        blind=tuple(one.blind for one in drawn),
    )


def _draw_masked(
    sample: TrainingSample,
    store: FrameStore,
    recipe: Recipe,
    size: tuple[int, int, int],
    generator: torch.Generator,
    *,
    keyframe: bool,
) -> _Drawn:
    frames, height, width = size
    span = draw_span(sample, frames, generator)
    window = store.read(sample, span, (height, width))
    hole = draw_hole(window.mask, recipe, generator)
    return _Drawn(
        pixels=_signed(window.pixels),
        hole=(know_first_frame(hole) if keyframe else hole)[None],
        caption=draw_caption(sample, recipe, generator),
        digest=digest_of(sample.digest, [span.start, span.stop], [height, width]),
    )


def _draw_pair(
    sample: TrainingSample,
    store: FrameStore,
    recipe: Recipe,
    size: tuple[int, int, int],
    generator: torch.Generator,
) -> _Drawn:
    """Source, edit and instruction, of which either condition may be left out (InsViE, 4.2)."""
    frames, height, width = size
    span = draw_span(sample, frames, generator)
    window = store.read(sample, span, (height, width), generator)
    if window.edited is None:
        raise RuntimeError(f"{sample.name} was read without its edit")
    caption = draw_caption(sample, recipe, generator)
    return _Drawn(
        pixels=_signed(window.edited),
        hole=window.mask[None],
        source=_signed(window.pixels),
        caption=caption,
        digest=digest_of(
            sample.digest, [span.start, span.stop], [height, width], list(window.crop or ())
        ),
        blind=float(torch.rand((), generator=generator)) < recipe.source_dropout,
    )


def _signed(pixels: Float[Tensor, "t h w 3"]) -> Float[Tensor, "3 t h w"]:
    return pixels.permute(3, 0, 1, 2) * 2 - 1


def draw_span(sample: TrainingSample, frames: int, generator: torch.Generator) -> FrameRange:
    """A stretch of this many frames with a masked one among them, each as likely as the next."""
    last = sample.frames - frames
    starts = sorted(
        {start for at in sample.masked for start in range(max(0, at - frames + 1), at + 1)}
    )
    starts = [start for start in starts if start <= last]
    start = starts[_below(len(starts), generator)]
    return FrameRange(start=start, stop=start + frames)


def draw_hole(
    mask: Float[Tensor, "t h w"], recipe: Recipe, generator: torch.Generator
) -> Float[Tensor, "t h w"]:
    """One of the mask's variants (sec. 3.3)."""
    mode = recipe.mask_variants[_below(len(recipe.mask_variants), generator)]
    return augment_mask(mask, mode=mode, radius=recipe.mask_radius, seed=generator)


def know_first_frame(hole: Float[Tensor, "t h w"]) -> Float[Tensor, "t h w"]:
    """KIVE (sec. 4.3): the first frame is given. A hole of that frame alone stays."""
    known = hole.clone()
    known[0] = 0
    return known if known.any() else hole


def draw_caption(sample: TrainingSample, recipe: Recipe, generator: torch.Generator) -> str:
    """One of the sample's captions, or none; that of deletions is fixed (app. A.1)."""
    captions = _captions(sample)
    choice = captions[_below(len(captions), generator)]
    dropped = float(torch.rand((), generator=generator)) < recipe.caption_dropout
    return "" if dropped else choice


def possible_captions(samples: Sequence[TrainingSample], recipe: Recipe) -> set[str]:
    """All that `draw_caption` may give."""
    dropped = {""} if recipe.caption_dropout else set()
    return dropped.union(*map(_captions, samples))


def _captions(sample: TrainingSample) -> tuple[str, ...]:
    return (DELETE_CAPTION,) if sample.task == "delete" else sample.captions


def _below(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
