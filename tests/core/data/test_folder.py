"""A folder of clips, masks and captions: what is read, and what is refused by its file's name."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from vivid_core.data.folder import open_folder
from vivid_core.data.frames import FrameStore, Window, fit_window
from vivid_core.errors import InputError
from vivid_core.media import save_image, save_masks, write_clip
from vivid_core.video import Clip, FrameRange, MaskTrack

from ...folders import write_folder

Break = Callable[[Path], object]


def add_line(text: str) -> Break:
    def change(folder: Path) -> None:
        with (folder / "captions.txt").open("a") as file:
            file.write(text + "\n")

    return change


def write_mask(shape: tuple[int, int, int], value: float) -> Break:
    return lambda folder: save_masks(folder / "masks" / "clip_0.json", [*np.full(shape, value)])


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path):
    seen = []
    dataset = open_folder(write_folder(tmp_path / "d"), lambda *at: seen.append(at))
    assert [s.name for s in dataset.samples] == ["clip_0", "clip_1", "clip_2"]
    assert [s.task for s in dataset.samples] == ["edit", "edit", "delete"]
    first, last = dataset.samples[0], dataset.samples[-1]
    assert (first.frames, first.size, last.captions) == (9, (32, 32), ())
    assert list(first.captions) == sorted(first.captions, key=len) != []
    assert seen == [(0, 3), (1, 3), (2, 3)]


def test_images_and_folders_of_images_are_clips(tmp_path: Path):
    folder = write_folder(tmp_path / "d", clips=1)
    save_image(folder / "clips" / "still.png", torch.rand(8, 12, 3))
    save_image(folder / "masks" / "still.png", torch.ones(8, 12, 3))
    for number in (2, 10, 1):
        picture = torch.full((8, 8, 3), number / 10)
        for kind in ("clips", "masks"):
            (folder / kind / "frames").mkdir(exist_ok=True)
            save_image(folder / kind / "frames" / f"f{number}.png", picture.round())
        save_image(folder / "clips" / "frames" / f"f{number}.png", picture)
    add_line("still: a still\nframes: some frames")(folder)
    still, frames = open_folder(folder).samples[-1], open_folder(folder).samples[1]
    assert (still.frames, still.size, frames.frames) == (1, (8, 12), 3)
    assert frames.masked == (2,)
    clip, _ = frames.pixels.read()
    assert clip.frames.mean(dim=(1, 2, 3)).argsort().tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: [p.unlink() for p in (f / "clips").iterdir()], "clips holds no clips"),
        (lambda f: (f / "masks" / "clip_1.json").unlink(), r"clip_1\.mkv has no mask"),
        (lambda f: (f / "captions.txt").unlink(), r"captions\.txt is missing"),
        (
            lambda f: (f / "captions.txt").write_text("clip_0: a\nclip_2: @delete"),
            r"clip_1\.mkv has no caption: add a line 'clip_1: ",
        ),
        (add_line("clip_3: a"), r"captions\.txt, line \d+: there is no clip 'clip_3': did you"),
        (add_line("clip_1 a fox"), r"captions\.txt, line \d+: needs NAME: CAPTION"),
        (add_line("clip_1: @delete"), "clip_1 is @delete and has a caption"),
        (write_mask((9, 16, 32), 1), r"clip_0\.json: is 32x16 but the clip is 32x32"),
        (write_mask((4, 32, 32), 1), r"clip_0\.json: has 4 frames but the clip has 9"),
        (write_mask((9, 32, 32), 0), r"clip_0\.json: is empty on every frame"),
        (lambda f: (f / "masks" / "clip_0.json").write_text("{}"), r"clip_0\.json: is no mask"),
        (lambda f: (f / "clips" / "clip_0.mkv").write_bytes(b"cut"), r"clip_0\.mkv"),
        (lambda f: (f / "clips" / "clip_0.mp4").write_bytes(b""), "have the same name"),
        (lambda f: (f / "clips" / "empty").mkdir(), "empty has no mask"),
    ],
)
def test_what_cannot_be_trained_on_is_named(tmp_path: Path, change: Break, message: str):
    folder = write_folder(tmp_path / "d")
    change(folder)
    with pytest.raises(InputError, match=message) as caught:
        open_folder(folder)
    assert "\n" not in str(caught.value)


def test_broken_pixels_are_named(tmp_path: Path):
    """Files of 8 and 16 bits hold no NaN; an image of floating point may, and is not read."""
    folder = write_folder(tmp_path / "d", clips=1)
    (folder / "clips" / "clip_0.mkv").unlink()
    broken = np.full((32, 32, 3), np.nan, np.float32)
    assert cv2.imwrite(str(folder / "clips" / "clip_0.tiff"), broken)
    with pytest.raises(InputError, match=r"clip_0\.tiff: is damaged or not an image"):
        open_folder(folder)


def test_the_digest_follows_the_content(tmp_path: Path):
    folder = write_folder(tmp_path / "d")
    before = open_folder(folder)
    assert open_folder(folder).digest == before.digest
    write_clip(
        folder / "clips" / "clip_1.mkv", torch.rand(9, 32, 32, 3), fps=Fraction(8), format="ffv1"
    )
    after = open_folder(folder)
    changed = [name for name, digest in after.digests.items() if digest != before.digests[name]]
    assert (changed, after.digest != before.digest) == (["clip_1"], True)


def test_windows_are_the_same_whether_clips_are_kept_or_not(tmp_path: Path):
    (sample,) = open_folder(write_folder(tmp_path / "d", clips=1)).samples
    frames = FrameRange(start=2, stop=5)
    kept, read = FrameStore(), FrameStore(budget=0)
    for size in ((32, 32), (16, 24)):
        first, second = kept.read(sample, frames, size), read.read(sample, frames, size)
        assert torch.equal(first.pixels, second.pixels) and torch.equal(first.mask, second.mask)
        assert tuple(first.pixels.shape) == (3, *size, 3)


def test_a_crop_keeps_the_mask_and_its_shape():
    mask = torch.zeros(1, 40, 120)
    mask[:, 10:20, 100:110] = 1
    pixels = mask[..., None].expand(-1, -1, -1, 3).clone()
    fitted = fit_window(Window(pixels=pixels, mask=mask), (20, 20))
    assert fitted.mask.sum() == 25 and torch.equal(fitted.pixels[..., 0] >= 0.5, fitted.mask > 0)
    tiny = torch.zeros(1, 40, 40)
    tiny[:, 3, 3] = 1
    apart = torch.zeros(1, 64, 256)
    apart[:, 30:34, :6] = apart[:, 30:34, -6:] = 1
    seen = fit_window(Window(pixels=torch.zeros(1, 64, 256, 3), mask=apart), (64, 64))
    assert seen.mask.any()  # two things, none in their middle
    lost = fit_window(Window(pixels=torch.zeros(1, 40, 40, 3), mask=tiny), (8, 8))
    assert lost.mask.sum() == 1
    assert MaskTrack.fit(tiny, Clip(frames=torch.zeros(1, 40, 40, 3))).share > 0
