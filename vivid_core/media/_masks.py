"""Read masks: a mask video, a folder of images, one image, or a masks.json of COCO masks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError, MaskError, MediaError
from ..files.atomic import write_whole_file
from ._images import IMAGE_SUFFIXES, list_images, load_alpha, load_image
from ._pixels import full_scale
from ._reader import VideoReader
from ._rle import decode_rle, encode_rle

Part = Literal["transparent", "opaque"]  # of an image's alpha
NEARLY_BLACK = 1 / 16


def read_mask(path: Path | str, *, frames: int | None = None) -> Float[Tensor, "t h w"]:
    """A mask in 0..1 (white = edit), as many frames as the file has.

    With `frames`, exactly that many: a single mask serves all, any other length is a MaskError.
    Colours are averaged. Where images have transparent pixels, "PATH@transparent" reads these as
    the mask (so ComfyUI's mask editor saves it), "PATH@opaque" the others (a cut-out); without
    either only white on transparent ground is understood, anything else is a MaskError.
    """
    values = _read(*split_part(Path(path)))
    if frames is None or len(values) == frames:
        return values
    if len(values) == 1:
        return values.expand(frames, -1, -1)
    raise MaskError(
        "mask",
        f"{path} has {len(values)} frames but the clip has {frames}: give one mask a frame, or a "
        "single one for all frames",
    )


def split_part(path: Path) -> tuple[Path, Part | None]:
    """A path and the part of its alpha that is named behind it."""
    name, _, part = path.name.rpartition("@")
    for known in get_args(Part):
        if name and part == known:
            return path.with_name(name), known
    return path, None


def save_masks(path: Path | str, masks: Iterable[np.ndarray | Tensor]) -> None:
    """Write masks [H, W] (over 0.5 = selected) as COCO run lengths in a .json file."""
    write_whole_file(Path(path), format_masks(masks))


def format_masks(masks: Iterable[np.ndarray | Tensor]) -> bytes:
    """The text of a masks.json that holds these masks [H, W] (over 0.5 = selected)."""
    sizes: set[tuple[int, ...]] = set()
    frames: list[dict[str, str]] = []
    for mask in masks:
        selected = np.asarray(mask) > 0.5
        sizes.add(selected.shape)
        frames.append({"counts": encode_rle(selected)})
    if not frames:
        raise MaskError("mask", "has no frames: give at least one")
    if len(sizes) > 1:
        raise MaskError("mask", "frames differ in size: give every frame the same size")
    return json.dumps({"size": list(sizes.pop()), "frames": frames}).encode()


def _read(path: Path, part: Part | None) -> Tensor:
    if not path.exists():
        raise MediaError(f"{path}: there is no such mask: check the path")
    if path.is_dir():
        return _read_folder(path, part)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return _read_image(path, part)[None]
    if part is not None:
        raise MaskError("mask", f"{path} is no image: leave @{part} out")
    if path.suffix.lower() == ".json":
        return parse_masks(path.read_bytes(), name=str(path))
    return _read_video(path)


def _read_image(path: Path, part: Part | None) -> Tensor:
    """[H, W], from the colours or the alpha."""
    alpha = load_alpha(path)
    if part is not None:
        if alpha is None:
            raise MaskError("mask", f"{path} has no transparent pixels: leave @{part} out")
        return alpha if part == "opaque" else 1 - alpha
    grey = load_image(path).mean(-1)
    if alpha is None:
        return grey
    if not _is_white_on_nothing(grey, alpha):
        raise MaskError(
            "mask",
            f"{path} has transparent pixels, and its colours are no mask (white = edit): write "
            f"{path.name}@transparent to edit what is transparent, as ComfyUI's mask editor saves "
            f"it, or {path.name}@opaque to edit what is not, as in a cut-out",
        )
    return grey * alpha


def _is_white_on_nothing(grey: Tensor, alpha: Tensor) -> bool:
    """Whether what can be seen is black and white, with some white."""
    seen = grey[alpha > 0.5]
    plain = (seen < NEARLY_BLACK) | (seen > 1 - NEARLY_BLACK)
    return bool(plain.all() and (seen > 0.5).any())


def _read_folder(path: Path, part: Part | None) -> Tensor:
    images = list_images(path)
    if not images:
        raise MediaError(f"{path}: holds no images: a mask folder has one image for each frame")
    masks = [_read_image(image, part) for image in images]
    sizes = {tuple(mask.shape) for mask in masks}
    if len(sizes) > 1:
        listed = ", ".join(f"{w}x{h}" for h, w in sorted(sizes))
        raise MaskError("mask", f"the images in {path} differ in size ({listed}): make them equal")
    return torch.stack(masks)


def _read_video(path: Path) -> Tensor:
    with VideoReader(path) as reader:
        values = torch.empty(len(reader), reader.info.height, reader.info.width)
        for target, frame in zip(values, reader, strict=True):
            rgb = frame.pixels[..., :3]
            mean = rgb.mean(-1, dtype=np.float32) / full_scale(rgb)
            target.copy_(torch.from_numpy(mean))
    return values


def parse_masks(text: str | bytes, *, name: str) -> Float[Tensor, "t h w"]:
    """The masks of a masks.json, 0 or 1. Raises MediaError, which calls the text by this name."""
    height, width, counts = _parse_json(text, name)
    values = torch.empty(len(counts), height, width)
    for index, runs in enumerate(counts):
        try:
            mask = decode_rle(runs, (height, width))
        except InputError as error:
            raise MediaError(
                f"{name}: frame {index} is damaged ({error}): write it again"
            ) from error
        values[index] = torch.from_numpy(mask.astype(np.float32))
    return values


def _parse_json(text: str | bytes, name: str) -> tuple[int, int, list[Any]]:
    try:
        data = json.loads(text)
        height, width = (int(side) for side in data["size"])
        counts = [frame["counts"] for frame in data["frames"]]
    except (ValueError, KeyError, TypeError) as error:
        raise MediaError(
            f"{name}: is no mask file: it needs "
            '{"size": [height, width], "frames": [{"counts": "..."}, ...]}'
        ) from error
    if not counts or height < 1 or width < 1:
        raise MediaError(f"{name}: holds no masks: write it again with at least one frame")
    return height, width, counts
