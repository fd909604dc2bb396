"""A folder of clips and edits: what is read, how it is cropped, and what is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.data.formats.catalog import write_dataset
from vivid_core.data.formats.record import Record
from vivid_core.data.frames import FrameStore, Window, draw_crop
from vivid_core.data.opened import open_dataset
from vivid_core.data.pairs import add_pair, changed_pixels
from vivid_core.errors import InputError
from vivid_core.media import load_image, save_image
from vivid_core.video import Clip, FrameRange

from ...folders import write_pairs

Break = Callable[[Path], object]


def test_pairs_are_read_with_their_edits(tmp_path: Path):
    folder = write_pairs(tmp_path / "d", pairs=3)
    dataset = open_dataset(folder)
    assert [s.name for s in dataset.samples] == ["pair_000000", "pair_000001", "pair_000002"]
    sample = dataset.samples[1]
    assert (sample.task, sample.frames, sample.size) == ("instruct", 1, (32, 32))
    assert sample.captions and list(sample.captions) == sorted(sample.captions, key=len)
    window = FrameStore().read(sample, FrameRange(start=0, stop=1), (32, 32))
    source = load_image(folder / "clips" / "pair_000001.png")
    edited = load_image(folder / "edits" / "pair_000001.png")
    assert window.edited is not None
    assert torch.equal(window.pixels[0], source) and torch.equal(window.edited[0], edited)
    assert torch.equal(window.mask, changed_pixels(source[None], edited[None]))


def test_clips_of_several_frames_are_pairs_too(tmp_path: Path):
    folder = write_pairs(tmp_path / "d", pairs=1, frames=9)
    sample = open_dataset(folder).samples[0]
    window = FrameStore().read(sample, FrameRange(start=2, stop=7), (32, 32))
    assert sample.frames == 9 and window.edited is not None
    assert window.edited.shape == window.pixels.shape == (5, 32, 32, 3)


def test_another_edit_or_wording_is_another_sample(tmp_path: Path):
    folder = write_pairs(tmp_path / "d", pairs=2)
    before = open_dataset(folder).digests
    picture = load_image(folder / "edits" / "pair_000000.png")
    save_image(folder / "edits" / "pair_000000.png", 1 - picture)
    with (folder / "instructions.txt").open("a") as file:
        file.write("pair_000001: do something\n")
    after = open_dataset(folder).digests
    assert all(before[name] != after[name] for name in before)


@settings(max_examples=40, deadline=None)
@given(
    sides=st.tuples(st.integers(8, 40), st.integers(8, 40)),
    size=st.tuples(st.integers(4, 48), st.integers(4, 48)),
    at=st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)),
    seed=st.integers(0, 999),
)
def test_a_crop_has_the_size_and_shows_what_changes(
    sides: tuple[int, int], size: tuple[int, int], at: tuple[float, float], seed: int
):
    """Source and edit are cut at the same place, as they are where they are large enough."""
    row, column = (int(side * share) for side, share in zip(sides, at, strict=True))
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.rand(1, *sides, 3, generator=generator)
    mask = torch.zeros(1, *sides)
    mask[0, row, column] = 1
    window = Window(pixels=pixels, mask=mask, edited=1 - pixels)
    crop = draw_crop(window, size, generator)
    assert crop.edited is not None and crop.crop is not None
    assert crop.pixels.shape == (1, *size, 3) and crop.mask.shape == (1, *size)
    assert bool(crop.mask.any())
    assert torch.allclose(crop.pixels + crop.edited, torch.ones_like(crop.pixels), atol=1e-5)
    top, left, height, width = crop.crop
    assert 0 <= top <= row < top + height <= sides[0]
    assert 0 <= left <= column < left + width <= sides[1]
    if sides[0] >= size[0] and sides[1] >= size[1]:
        assert torch.equal(crop.pixels, pixels[:, top : top + height, left : left + width])


def test_pairs_of_other_datasets_are_read_by_their_index(tmp_path: Path):
    """What one form is written in is trained on like a folder."""
    folder = write_pairs(tmp_path / "d", pairs=2)
    records = [
        Record(
            video=folder / "clips" / f"pair_00000{n}.png",
            edited=folder / "edits" / f"pair_00000{n}.png",
            instruction=f"do {n}",
        )
        for n in range(2)
    ]
    for form in ("ditto", "openve", "kiwi-edit"):
        index = folder / f"{form}.csv"
        write_dataset(index, records, form)
        samples = open_dataset(index, form=form).samples
        assert [s.captions for s in samples] == [("do 0",), ("do 1",)]
        assert [s.masked for s in samples] == [s.masked for s in open_dataset(folder).samples]
    write_dataset(folder / "plain.csv", [replace(records[0], edited=None)], "insvie")
    with pytest.raises(InputError, match="sample 1: .* insvie does not list"):
        open_dataset(folder / "plain.csv", form="insvie")


def remove(name: str) -> Break:
    return lambda folder: (folder / name).unlink()


def put(name: str, picture: torch.Tensor) -> Break:
    return lambda folder: save_image(folder / name, picture)


def same(folder: Path) -> None:
    clip = load_image(folder / "clips" / "pair_000000.png")
    save_image(folder / "edits" / "pair_000000.png", clip)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (remove("edits/pair_000001.png"), "pair_000001.png has no edit"),
        (remove("instructions.txt"), "instructions.txt is missing"),
        (put("edits/pair_000000.png", torch.rand(16, 32, 3)), "1 frames of 32x16"),
        (same, "shows the same as"),
        (put("clips/new.png", torch.rand(32, 32, 3)), "new.png has no edit"),
    ],
)
def test_what_is_no_pair_is_refused_by_its_file(tmp_path: Path, change: Break, words: str):
    folder = write_pairs(tmp_path / "d", pairs=2)
    change(folder)
    with pytest.raises(InputError, match=words):
        open_dataset(folder)


@pytest.mark.parametrize("frames", [1, 3])
def test_a_pair_is_added_once_and_read_as_it_was(tmp_path: Path, frames: int):
    pixels = (torch.rand(frames, 16, 24, 3) * 255).round() / 255
    edited = pixels.clone()
    edited[:, 4:9, 5:12] = 1 - edited[:, 4:9, 5:12].round()
    source, edit = Clip(frames=pixels), Clip(frames=edited)
    assert add_pair(tmp_path, source, edit, ["do it", "", "  do   that "]) == 1
    assert add_pair(tmp_path, source, edit, ["do it", "do so"]) == 1
    assert add_pair(tmp_path, edit, source, ["undo it"]) == 2
    samples = {s.captions: s for s in open_dataset(tmp_path).samples}
    assert set(samples) == {("do it", "do so", "do that"), ("undo it",)}
    window = FrameStore().read(samples["undo it",], FrameRange(start=0, stop=frames), source.size)
    assert window.edited is not None
    assert torch.allclose(window.pixels, edited, atol=1e-6)
    assert torch.allclose(window.edited, pixels, atol=1e-6)


@pytest.mark.parametrize(
    ("edited", "texts", "words"),
    [
        (torch.zeros(1, 8, 8, 3), [" "], "instructions.*is empty"),
        (torch.zeros(2, 8, 8, 3), ["do"], "edited.*is 2 frames of 8x8"),
        (torch.ones(1, 8, 8, 3), ["do"], "shows the same"),
    ],
)
def test_a_pair_that_teaches_nothing_is_not_written(
    tmp_path: Path, edited: torch.Tensor, texts: list[str], words: str
):
    with pytest.raises(InputError, match=words):
        add_pair(tmp_path, Clip(frames=torch.ones(1, 8, 8, 3)), Clip(frames=edited), texts)
    assert not any(tmp_path.iterdir())
