"""Read masks: a mask video, a folder of images, one image, or a masks.json of COCO masks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError, MaskError, MediaError
from ..files.atomic import write_whole_file
from ._images import IMAGE_SUFFIXES, load_image
from ._pixels import full_scale
from ._reader import VideoReader
from ._rle import decode_rle, encode_rle


def read_mask(path: Path | str, *, frames: int | None = None) -> Float[Tensor, "t h w"]:
    """A mask in 0..1 (white = edit), as many frames as the file has.

    With `frames`, exactly that many: a single mask serves all, any other length is a MaskError.
    Colours are averaged; alpha is ignored.
    """
    values = _read(Path(path))
    if frames is None or len(values) == frames:
        return values
    if len(values) == 1:
        return values.expand(frames, -1, -1)
    raise MaskError(
        "mask",
        f"{path} has {len(values)} frames but the clip has {frames}: give one mask a frame, or a "
        "single one for all frames",
    )


def save_masks(path: Path | str, masks: Iterable[np.ndarray | Tensor]) -> None:
    """Write masks [H, W] (over 0.5 = selected) as COCO run lengths in a .json file."""
    arrays = [np.asarray(mask) > 0.5 for mask in masks]
    if not arrays:
        raise MaskError("mask", "has no frames: give at least one")
    if len({array.shape for array in arrays}) > 1:
        raise MaskError("mask", "frames differ in size: give every frame the same size")
    frames = [{"counts": encode_rle(array)} for array in arrays]
    data = {"size": list(arrays[0].shape), "frames": frames}
    write_whole_file(Path(path), json.dumps(data).encode())


def _read(path: Path) -> Tensor:
    if not path.exists():
        raise MediaError(f"{path}: there is no such mask: check the path")
    if path.is_dir():
        return _read_folder(path)
    if path.suffix.lower() == ".json":
        return _read_json(path)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return load_image(path).mean(-1)[None]
    return _read_video(path)


def _read_folder(path: Path) -> Tensor:
    images = [item for item in path.iterdir() if item.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise MediaError(f"{path}: holds no images: a mask folder has one image for each frame")
    masks = [load_image(image).mean(-1) for image in sorted(images, key=_natural_order)]
    sizes = {tuple(mask.shape) for mask in masks}
    if len(sizes) > 1:
        listed = ", ".join(f"{w}x{h}" for h, w in sorted(sizes))
        raise MaskError("mask", f"the images in {path} differ in size ({listed}): make them equal")
    return torch.stack(masks)


def _natural_order(path: Path) -> list[tuple[int, str]]:
    """frame2 before frame10."""
    parts = re.findall(r"\d+|\D+", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _read_video(path: Path) -> Tensor:
    with VideoReader(path) as reader:
        values = torch.empty(len(reader), reader.info.height, reader.info.width)
        for target, frame in zip(values, reader, strict=True):
            rgb = frame.pixels[..., :3]
            mean = rgb.mean(-1, dtype=np.float32) / full_scale(rgb)
            target.copy_(torch.from_numpy(mean))
    return values


def _read_json(path: Path) -> Tensor:
    height, width, counts = _parse_json(path)
    values = torch.empty(len(counts), height, width)
    for index, runs in enumerate(counts):
        try:
            mask = decode_rle(runs, (height, width))
        except InputError as error:
            raise MediaError(
                f"{path}: frame {index} is damaged ({error}): write it again"
            ) from error
        values[index] = torch.from_numpy(mask.astype(np.float32))
    return values


def _parse_json(path: Path) -> tuple[int, int, list[Any]]:
    try:
        data = json.loads(path.read_text())
        height, width = (int(side) for side in data["size"])
        counts = [frame["counts"] for frame in data["frames"]]
    except (ValueError, KeyError, TypeError) as error:
        raise MediaError(
            f"{path}: is no mask file: it needs "
            '{"size": [height, width], "frames": [{"counts": "..."}, ...]}'
        ) from error
    if not counts or height < 1 or width < 1:
        raise MediaError(f"{path}: holds no masks: write it again with at least one frame")
    return height, width, counts
