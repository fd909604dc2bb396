"""Clips made of pictures: animations, pages, folders; their times, their depth, their alpha."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vivid_core.chain.sources import open_masks
from vivid_core.errors import MediaError
from vivid_core.media import (
    VideoReader,
    frame_times,
    load_image,
    read_clip,
    read_info,
    read_mask,
    read_sound,
    save_image,
)
from vivid_core.media._mask_colors import mask_of
from vivid_core.video import FrameRange

ANIMATIONS = ["a.webp", "a.png", "a.tif", "a.gif"]
BLACK = np.zeros((24, 40, 3), np.uint8)


def frames(count: int = 7) -> list[np.ndarray]:
    """A white square that moves over black."""
    made = [BLACK.copy() for _ in range(count)]
    for number, frame in enumerate(made):
        frame[6:16, 3 * number : 3 * number + 10] = 255
    return made


def save(path: Path, pictures: list[np.ndarray], milliseconds: int | list[int] = 40) -> Path:
    first, *others = (Image.fromarray(picture) for picture in pictures)
    how = {".webp": {"lossless": True, "exact": True}}.get(path.suffix, {})
    first.save(path, save_all=True, append_images=others, duration=milliseconds, **how)
    return path


@pytest.mark.parametrize("name", ANIMATIONS)
def test_every_picture_of_a_mask_counts(tmp_path, name):
    path = save(tmp_path / name, frames())
    expected = np.stack(frames())[..., 0] > 127
    np.testing.assert_array_equal(read_mask(path).numpy() > 0.5, expected)
    opened = open_masks(path)
    assert len(opened) == 7
    np.testing.assert_array_equal(opened.read(FrameRange(start=2, stop=5)) > 0.5, expected[2:5])


@pytest.mark.parametrize("name", ANIMATIONS)
def test_an_animation_is_a_video(tmp_path, name):
    path = save(tmp_path / name, frames())
    info = read_info(path)
    assert (info.frame_count, info.height, info.width) == (7, 24, 40)
    assert info.fps == (8 if name == "a.tif" else 25) and not info.has_audio
    assert np.array_equal((read_clip(path).frames * 255).round(), np.stack(frames()))
    with VideoReader(path, range=FrameRange(start=4, stop=6)) as reader:
        found = [frame.pixels[..., :3] for frame in reader]
    np.testing.assert_array_equal(np.stack(found), np.stack(frames()[4:6]))
    assert name == "a.gif" or read_sound(path) is None


@pytest.mark.parametrize("name", ["a.webp", "a.png"])
def test_pictures_keep_their_own_times(tmp_path, name):
    path = save(tmp_path / name, frames(4), [40, 120, 40, 300])
    assert read_info(path).variable_frame_rate
    assert frame_times(path) == tuple(Fraction(t, 1000) for t in (0, 40, 160, 200, 500))


def test_pages_of_sixteen_bits_are_kept(tmp_path):
    pages = [np.full((8, 9, 3), 257 * n + 1, np.uint16) for n in (10, 99)]
    assert cv2.imwritemulti(str(tmp_path / "a.tif"), pages)
    assert read_info(tmp_path / "a.tif").bit_depth == 16
    found = read_clip(tmp_path / "a.tif").frames[:, 0, 0, 0] * 65535
    assert found.round().tolist() == [2571, 25444]


def test_a_reduced_page_is_no_frame(tmp_path):
    """Scanners and cameras put a thumbnail beside the picture."""
    small = Image.fromarray(BLACK[:4, :4])
    small.encoderinfo = {"tiffinfo": {254: 1}}
    large = Image.fromarray(frames()[3])
    large.save(tmp_path / "a.tif", save_all=True, append_images=[small])
    assert len(read_mask(tmp_path / "a.tif")) == 1


def test_a_folder_is_a_video_and_hidden_files_are_not_in_it(tmp_path):
    for number, frame in enumerate(frames()):
        save_image(tmp_path / f"frame{number}.png", frame)
    (tmp_path / "._frame0.png").write_bytes(b"what a Mac puts beside it")
    (tmp_path / "frame0.xmp").write_text("what an editor puts beside it")
    assert np.array_equal((read_clip(tmp_path).frames * 255).round(), np.stack(frames()))
    assert len(read_mask(tmp_path)) == 7


def test_a_folder_in_which_one_picture_has_alpha(tmp_path):
    save_image(tmp_path / "0.png", frames()[0])
    save_image(tmp_path / "1.png", np.dstack([frames()[1], BLACK[..., 0]]))
    with VideoReader(tmp_path) as reader:
        assert reader.info.has_alpha
        assert [int(frame.pixels[..., 3].max()) for frame in reader] == [255, 0]


def test_where_one_picture_is_needed_several_are_refused(tmp_path):
    path = save(tmp_path / "a.webp", frames())
    with pytest.raises(MediaError, match=r"a\.webp: holds 7 pictures, one is needed here"):
        load_image(path)
    with pytest.raises(MediaError, match=r"a\.webp: holds 7 pictures, and a clip's folder"):
        save_image(tmp_path / "b.png", BLACK)
        read_clip(tmp_path)


def test_a_cut_off_animation_is_damaged(tmp_path):
    path = save(tmp_path / "a.webp", frames())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(MediaError, match=r"a\.webp: is damaged"):
        read_clip(path)


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=9))
def test_every_colour_is_an_object_and_greys_keep_their_light(colors):
    pixels = np.array([colors], np.uint8)
    for value, color in zip(mask_of(pixels, Path("m.png"))[0], colors, strict=True):
        if max(color) - min(color) > 24:
            assert value == 1
        else:
            assert abs(value - sum(color) / 765) < 1e-6


def test_a_palette_of_labels_loses_no_object(tmp_path):
    """As DAVIS stores its masks: 1 is dark red, 2 dark green, 4 dark blue, 3 their mixture."""
    labels = np.repeat(np.arange(5, dtype=np.uint8), 8)[None].repeat(6, axis=0)
    image = Image.fromarray(labels, "L").convert("P")
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128])
    image.save(tmp_path / "davis.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "davis.png")[0] > 0.5, labels > 0)


def test_a_palette_entry_that_is_transparent(tmp_path):
    labels = np.repeat(np.arange(2, dtype=np.uint8), 8)[None].repeat(6, axis=0)
    image = Image.fromarray(labels, "L").convert("P")
    image.putpalette([255, 255, 255, 255, 255, 255])
    image.save(tmp_path / "keyed.png", transparency=0)
    np.testing.assert_array_equal(read_mask(tmp_path / "keyed.png")[0] > 0.5, labels > 0)


def test_an_empty_frame_of_white_on_nothing(tmp_path):
    """An animation whose object leaves the picture is wholly transparent then."""
    pictures = [np.dstack([np.full_like(f, 255), f[..., 0]]) for f in (frames()[0], BLACK)]
    path = save(tmp_path / "a.webp", pictures)
    assert read_mask(path).flatten(1).amax(dim=1).tolist() == [1.0, 0.0]
