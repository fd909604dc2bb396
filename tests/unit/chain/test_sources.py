"""Frames of a file in any order, and masks packed and unpacked."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from vivid_core.chain.sources import MasksInMemory, MaskVideo, VideoLevels, open_masks
from vivid_core.edit.footage import ClipFootage, to_float, to_levels
from vivid_core.edit.masks import EffectiveMasks
from vivid_core.errors import MaskError, MediaError
from vivid_core.media import write_clip
from vivid_core.video import Clip, FrameRange

COUNT, SIZE = 12, (10, 14)


def pictures(depth: type[np.unsignedinteger]) -> np.ndarray:
    top = np.iinfo(depth).max
    return np.random.default_rng(0).integers(0, top, (COUNT, *SIZE, 3), depth, endpoint=True)


@pytest.fixture
def frames(tmp_path: Path) -> Iterator[VideoLevels]:
    write_clip(tmp_path / "a.mkv", iter(pictures(np.uint8)), fps=Fraction(8))
    opened = VideoLevels(tmp_path / "a.mkv", depth=8)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "ranges",
    [
        [(0, 5), (4, 9), (8, 12)],  # as in a chain: one frame shared
        [(0, 1), (1, 2), (2, 12)],
        [(8, 12), (4, 9), (0, 5)],  # backwards
        [(3, 6), (3, 6), (5, 6), (5, 7)],
        [(0, 2), (9, 12)],  # over a gap
    ],
)
def test_any_order_gives_the_same_frames(frames, ranges):
    for start, stop in ranges:
        found = frames.read(FrameRange(start=start, stop=stop))
        np.testing.assert_array_equal(found, pictures(np.uint8)[start:stop])


@pytest.mark.parametrize(("kind", "depth"), [(np.uint8, 8), (np.uint16, 16)])
def test_floats_give_back_every_value(kind, depth):
    values = np.arange(np.iinfo(kind).max + 1, dtype=kind)
    pixels = np.broadcast_to(values.reshape(1, -1, 1, 1), (1, len(values), 1, 3)).copy()
    np.testing.assert_array_equal(to_levels(to_float(pixels), depth), pixels)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_clip_in_memory_is_as_deep_as_its_values(depth):
    kind = np.uint8 if depth == 8 else np.uint16
    frames = to_float(pictures(kind))
    assert ClipFootage(Clip(frames=frames)).depth == depth
    assert ClipFootage(Clip(frames=frames * 0.999)).depth == 16


def fit(values: torch.Tensor, *, packed: bool = True, growth: int = 0) -> EffectiveMasks:
    return EffectiveMasks(
        MasksInMemory(values), frames=COUNT, size=SIZE, growth=growth, packed=packed
    )


@pytest.mark.parametrize("growth", [0, 2])
def test_packed_and_held_masks_are_one(growth):
    values = (torch.rand(COUNT, *SIZE, generator=torch.Generator().manual_seed(1)) > 0.9).float()
    packed, held = fit(values, growth=growth), fit(values, growth=growth, packed=False)
    whole = FrameRange(start=0, stop=COUNT)
    assert torch.equal(packed.read(whole), held.read(whole))
    assert packed.boxes == held.boxes
    assert packed.area == held.area == int(packed.read(whole).sum())
    assert packed.share == pytest.approx(float(values.mean()))


def test_masks_are_unpacked_as_they_were():
    values = (torch.rand(COUNT, *SIZE, generator=torch.Generator().manual_seed(1)) > 0.4).float()
    values[5] = 0
    masks = fit(values)
    assert masks.active == [frame != 5 for frame in range(COUNT)]
    assert torch.equal(masks.read(FrameRange(start=2, stop=9)), values[2:9])


@pytest.mark.parametrize("shape", [SIZE, (1, *SIZE)])
def test_one_mask_serves_every_frame(shape):
    values = torch.zeros(shape)
    values[..., 3, 4] = 1
    masks = fit(values)
    assert masks.active == [True] * COUNT
    assert int(masks.read(FrameRange(start=7, stop=12)).sum()) == 5


@pytest.mark.parametrize("name", ["masks.mkv", "masks.mpg", "masks.TS", "masks.wmv", "masks"])
def test_a_mask_video_of_any_name_is_read_frame_by_frame(tmp_path, name):
    values = (torch.rand(COUNT, *SIZE, generator=torch.Generator().manual_seed(2)) > 0.5).float()
    write_clip(tmp_path / "a.mkv", values[..., None].expand(-1, -1, -1, 3), fps=Fraction(8))
    masks = open_masks((tmp_path / "a.mkv").rename(tmp_path / name))
    assert isinstance(masks, MaskVideo)
    assert torch.equal(masks.read(FrameRange(start=3, stop=8)), values[3:8])


@pytest.mark.parametrize("name", ["none.mkv", "none.png", "none.json", "none"])
def test_masks_that_are_not_there_are_named(tmp_path, name):
    with pytest.raises(MediaError, match=name):
        open_masks(tmp_path / name)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (torch.ones(5, *SIZE), "has 5 frames but the clip has 12"),
        (torch.ones(1, 14, 10), "is 10x14 but the clip is 14x10"),
        (torch.zeros(COUNT, *SIZE), "is empty on every frame"),
        (torch.full((1, *SIZE), torch.nan), "NaN"),
        (torch.ones(1, 1, *SIZE), "need"),
    ],
)
def test_masks_that_do_not_fit_are_refused(values, problem):
    with pytest.raises(MaskError, match=problem):
        fit(values)
