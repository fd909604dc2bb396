"""Read and write single images."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError, MediaError
from ..files.atomic import write_whole_file
from ._picture_file import PictureFile
from ._pixels import Pixels, full_scale, pixels_to_array

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
ALPHA_SUFFIXES = frozenset({".png", ".webp", ".tif", ".tiff"})
JPEG_QUALITY = 95


def load_image(path: Path | str) -> Float[Tensor, "h w 3"]:
    """An image as RGB, float32 in 0..1, upright (EXIF), 8 or 16 bit; alpha is dropped.

    Raises MediaError for a file that cannot be read, or that holds several pictures.
    """
    return load_layer(path)[0]


def load_layer(path: Path | str) -> tuple[Float[Tensor, "h w 3"], Float[Tensor, "h w"] | None]:
    """The same with its alpha, straight, in 0..1; None where it has none or is opaque."""
    file = PictureFile(Path(path))
    if len(file) > 1:
        raise MediaError(
            f"{path}: holds {len(file)} pictures, one is needed here: save the one that is meant "
            "as a file of its own"
        )
    return split_alpha(file.first())


def split_alpha(pixels: np.ndarray) -> tuple[Tensor, Tensor | None]:
    """RGB and alpha of uint8 or uint16 [H, W, 3 or 4], in 0..1; no alpha where all is opaque."""
    values = torch.from_numpy(pixels.astype(np.float32) / full_scale(pixels))
    if values.shape[2] == 3 or bool((values[..., 3] == 1).all()):
        return values[..., :3], None
    return values[..., :3], values[..., 3]


def list_images(folder: Path) -> list[Path]:
    """The images of a folder, frame2 before frame10; hidden files are none."""
    images = [
        item
        for item in folder.iterdir()
        if item.suffix.lower() in IMAGE_SUFFIXES and not item.name.startswith(".")
    ]
    return sorted(images, key=_natural_order)


def _natural_order(path: Path) -> list[tuple[int, str]]:
    parts = re.findall(r"\d+|\D+", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def save_image(path: Path | str, pixels: Pixels) -> None:
    """Write [H, W, 3 or 4], float 0..1, uint8 or uint16 (PNG and TIFF), in the suffix's format."""
    path = Path(path)
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise InputError("path", f"{path} has no suffix of an image format: use .png or .jpg")
    deep = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint16
    array = pixels_to_array(pixels, depth=16 if deep else 8)
    if array.shape[2] == 4 and path.suffix.lower() not in ALPHA_SUFFIXES:
        raise InputError("pixels", f"have alpha, which {path.name} cannot keep: use .png")
    write_whole_file(path, encode_image(array, path.suffix.lower()))


def encode_image(pixels: np.ndarray, suffix: str) -> bytes:
    """An image file's bytes, from uint8 or uint16 RGB(A)."""
    import cv2

    code = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix in (".jpg", ".jpeg") else []
    ok, data = cv2.imencode(suffix, cv2.cvtColor(pixels, code), quality)
    if not ok:
        raise MediaError(
            f"an image of shape {pixels.shape} cannot be encoded as {suffix}: use .png"
        )
    return data.tobytes()
