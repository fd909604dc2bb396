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
from ._pixels import Pixels, full_scale, pixels_to_array
from ._source import require_file

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
ALPHA_SUFFIXES = frozenset({".png", ".webp", ".tif", ".tiff"})
JPEG_QUALITY = 95


def load_image(path: Path | str) -> Float[Tensor, "h w 3"]:
    """An image as RGB, float32 in 0..1, upright (EXIF), 8 or 16 bit; alpha is dropped."""
    import cv2

    bgr = _decode(Path(path), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return torch.from_numpy(rgb.astype(np.float32) / full_scale(rgb))


def list_images(folder: Path) -> list[Path]:
    """The images of a folder, frame2 before frame10."""
    images = [item for item in folder.iterdir() if item.suffix.lower() in IMAGE_SUFFIXES]
    return sorted(images, key=_natural_order)


def load_images(folder: Path) -> Float[Tensor, "t h w 3"]:
    """The images of a folder as frames. Raises MediaError for none, or for several sizes."""
    frames = [load_image(path) for path in list_images(folder)]
    if not frames:
        raise MediaError(f"{folder}: holds no images: a clip's folder has one image for each frame")
    if len({frame.shape for frame in frames}) > 1:
        raise MediaError(f"{folder}: its images differ in size: make them equal")
    return torch.stack(frames)


def _natural_order(path: Path) -> list[tuple[int, str]]:
    parts = re.findall(r"\d+|\D+", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def load_alpha(path: Path | str) -> Float[Tensor, "h w"] | None:
    """An image's alpha, float32 in 0..1; None where it has none or is opaque everywhere."""
    import cv2

    path = Path(path)
    if path.suffix.lower() not in ALPHA_SUFFIXES:
        return None
    pixels = _decode(path, cv2.IMREAD_UNCHANGED)
    if pixels.ndim != 3 or pixels.shape[2] != 4:
        return None
    alpha = pixels[..., 3].astype(np.float32) / full_scale(pixels)
    return None if alpha.min() == 1 else torch.from_numpy(alpha)


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


def _decode(path: Path, how: int) -> np.ndarray:
    import cv2

    require_file(path)
    try:
        data = np.fromfile(path, np.uint8)
    except FileNotFoundError as error:
        raise MediaError(f"{path}: there is no such file: check the path") from error
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise MediaError(f"{str(path)!r}: can be no file's name: check the path") from error
    pixels = cv2.imdecode(data, how) if data.size else None
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise MediaError(f"{path}: is damaged or not an image: save it as PNG or JPEG again")
    return pixels


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
