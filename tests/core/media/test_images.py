"""Single images."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from vivid_core.media import load_image, save_image


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp", "jpg"])
def test_save_and_load(tmp_path, picture, suffix):
    save_image(tmp_path / f"a.{suffix}", picture[0])
    loaded = load_image(tmp_path / f"a.{suffix}")
    assert loaded.dtype == torch.float32 and loaded.shape == (48, 64, 3)
    error = (loaded * 255 - torch.from_numpy(picture[0])).abs().max()
    assert error < (1e-4 if suffix in ("png", "bmp", "tif") else 8)


def test_sixteen_bits(tmp_path):
    pixels = np.arange(6 * 7 * 3, dtype=np.uint16).reshape(6, 7, 3) * 500
    save_image(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal((load_image(tmp_path / "a.png") * 65535).round(), pixels)


def test_grey_alpha_and_names_with_umlauts(tmp_path, picture):
    path = tmp_path / "grün bild.png"
    path.write_bytes(cv2.imencode(".png", picture[0][..., 0])[1].tobytes())
    grey = load_image(path)
    assert grey[..., 0].equal(grey[..., 1]) and grey[..., 0].equal(grey[..., 2])
    save_image(path, np.dstack([picture[0], np.full((48, 64), 7, np.uint8)]))
    np.testing.assert_array_equal((load_image(path) * 255).round(), picture[0])
    with_alpha = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    assert (with_alpha[..., 3] == 7).all()


def test_camera_orientation_is_applied(tmp_path, picture):
    """EXIF orientation 6: turn clockwise to show."""
    image = pytest.importorskip("PIL.Image")
    exif = image.Exif()
    exif[0x0112] = 6
    image.fromarray(picture[0]).save(tmp_path / "a.jpg", exif=exif, quality=95)
    turned = (load_image(tmp_path / "a.jpg") * 255).numpy()
    assert np.abs(turned - np.rot90(picture[0], -1)).max() < 8
