"""Masks from a video, a folder, an image, or COCO run lengths."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
import torch

from vivid_core.errors import MaskError, MediaError
from vivid_core.media import read_mask, save_image, save_masks, write_clip


@pytest.fixture
def masks() -> torch.Tensor:
    """A square that moves, 12 frames of 20x30; the first is empty."""
    values = torch.zeros(12, 20, 30)
    for i in range(1, 12):
        values[i, 4:12, i : i + 9] = 1
    return values


def as_rgb(masks: torch.Tensor) -> torch.Tensor:
    return masks[..., None].expand(-1, -1, -1, 3)


@pytest.mark.parametrize("name", ["m.mkv", "m.mp4", "folder"])
def test_video_and_folder(tmp_path, masks, name):
    write_clip(tmp_path / name, as_rgb(masks), fps=Fraction(8))
    read = read_mask(tmp_path / name, frames=12)
    assert torch.equal(read > 0.5, masks > 0.5)
    assert read.dtype == torch.float32 and 0 <= read.min() <= read.max() <= 1
    if name != "m.mp4":
        assert torch.equal(read, masks)


def test_json(tmp_path, masks):
    save_masks(tmp_path / "masks.json", masks)
    assert torch.equal(read_mask(tmp_path / "masks.json"), masks)
    data = json.loads((tmp_path / "masks.json").read_text())
    assert data["size"] == [20, 30] and len(data["frames"]) == 12


def test_json_of_plain_run_lists(tmp_path):
    data = {"size": [2, 3], "frames": [{"counts": [1, 2, 3]}]}
    (tmp_path / "masks.json").write_text(json.dumps(data))
    assert read_mask(tmp_path / "masks.json").tolist() == [[[0, 1, 0], [1, 0, 0]]]


def test_one_image_serves_every_frame(tmp_path, masks):
    save_image(tmp_path / "m.png", as_rgb(masks)[3])
    assert torch.equal(read_mask(tmp_path / "m.png"), masks[3:4])
    assert torch.equal(read_mask(tmp_path / "m.png", frames=5), masks[3:4].expand(5, -1, -1))


def test_folder_is_in_the_order_of_its_numbers(tmp_path, masks):
    for i, mask in enumerate(as_rgb(masks)):
        save_image(tmp_path / f"mask_{i}.png", mask)
    (tmp_path / "notes.txt").write_text("not a mask")
    assert torch.equal(read_mask(tmp_path), masks)


def test_soft_masks_keep_their_values(tmp_path):
    ramp = np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (4, 1, 3))
    save_image(tmp_path / "m.png", ramp)
    assert torch.allclose(read_mask(tmp_path / "m.png")[0, 0], torch.arange(256) / 255)


def with_alpha(rgb: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    return torch.cat([rgb, alpha[..., None]], -1)


def test_a_mask_in_the_alpha_channel_is_named_or_refused(tmp_path, masks):
    """What ComfyUI's mask editor saves, painted transparent, and a cut-out look the same."""
    mask, picture = masks[3], torch.rand(20, 30, 3)
    save_image(tmp_path / "painted.png", with_alpha(picture, 1 - mask))
    save_image(tmp_path / "cutout.png", with_alpha(picture, mask))
    assert torch.equal(read_mask(tmp_path / "painted.png@transparent"), mask[None])
    assert torch.equal(read_mask(tmp_path / "cutout.png@opaque"), mask[None])
    for name in ("painted.png", "cutout.png"):
        with pytest.raises(MaskError, match=rf"{name}@transparent .* mask editor .*{name}@opaque"):
            read_mask(tmp_path / name)
    save_image(tmp_path / "black.png", with_alpha(torch.zeros(20, 30, 3), mask))
    with pytest.raises(MaskError, match="has transparent pixels"):
        read_mask(tmp_path / "black.png")


def test_white_on_nothing_is_a_mask(tmp_path, masks):
    mask = masks[3]
    save_image(tmp_path / "white.png", with_alpha(torch.ones(20, 30, 3), mask))
    assert torch.equal(read_mask(tmp_path / "white.png"), mask[None])
    save_image(tmp_path / "opaque.png", with_alpha(as_rgb(masks)[3], torch.ones(20, 30)))
    assert torch.equal(read_mask(tmp_path / "opaque.png"), mask[None])


def test_alpha_of_a_folder(tmp_path, masks):
    folder = tmp_path / "painted"
    folder.mkdir()
    for i, mask in enumerate(masks):
        save_image(folder / f"{i}.png", with_alpha(torch.rand(20, 30, 3), 0.75 - 0.75 * mask))
    read = read_mask(tmp_path / "painted@transparent")
    assert torch.equal(read > 0.5, masks > 0.5)


def test_a_part_of_no_alpha_is_refused(tmp_path, masks):
    save_image(tmp_path / "m.png", as_rgb(masks)[3])
    save_masks(tmp_path / "masks.json", masks)
    with pytest.raises(MaskError, match=r"m\.png has no transparent pixels: leave @opaque out"):
        read_mask(tmp_path / "m.png@opaque")
    with pytest.raises(MaskError, match=r"masks\.json is no image: leave @opaque out"):
        read_mask(tmp_path / "masks.json@opaque")


def test_wrong_length(tmp_path, masks):
    save_masks(tmp_path / "masks.json", masks)
    with pytest.raises(MaskError, match="has 12 frames but the clip has 13: give one mask a"):
        read_mask(tmp_path / "masks.json", frames=13)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"masks\.json: is no JSON"),
        ("[]", "is no mask file"),
        ('{"size": [2], "frames": []}', "is no mask file"),
        ('{"size": [2, 3], "frames": []}', "holds no masks"),
        (
            '{"size": [2, 3], "frames": [{"counts": [1, 2]}]}',
            "frame 0 is damaged.*do not fill the mask",
        ),
        ('{"size": [2, 3], "frames": [{"counts": [-1, 7]}]}', "frame 0 is damaged"),
        ('{"size": [2, 3], "frames": [{"counts": "0~"}]}', "'~' is no character of"),
        ('{"size": [2, 3], "frames": [{"counts": "P"}]}', "ends in the middle of a number"),
        ('{"size": [2, 3], "frames": [{"counts": 7}]}', "frame 0 is damaged.*text or a list"),
        ('{"size": [2, 3], "frames": [{"counts": [1.5, 4.5]}]}', "frame 0 is damaged.*whole"),
    ],
)
def test_broken_json(tmp_path, text, message):
    (tmp_path / "masks.json").write_text(text)
    with pytest.raises(MediaError, match=message):
        read_mask(tmp_path / "masks.json")


def test_broken_folders(tmp_path):
    with pytest.raises(MediaError, match="there is no such mask: check the path"):
        read_mask(tmp_path / "nowhere")
    with pytest.raises(MediaError, match="holds no images"):
        read_mask(tmp_path)
    save_image(tmp_path / "1.png", np.zeros((4, 5, 3)))
    save_image(tmp_path / "2.png", np.zeros((4, 6, 3)))
    with pytest.raises(MaskError, match=r"differ in size \(5x4, 6x4\): make them equal"):
        read_mask(tmp_path)


def test_masks_that_cannot_be_saved(tmp_path):
    with pytest.raises(MaskError, match="has no frames"):
        save_masks(tmp_path / "m.json", [])
    with pytest.raises(MaskError, match="frames differ in size"):
        save_masks(tmp_path / "m.json", [np.zeros((2, 2)), np.zeros((2, 3))])
    assert not list(tmp_path.iterdir())
