"""The masks that a record refers to, as pixels."""

from __future__ import annotations

import base64
import binascii
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from ...errors import InputError, MediaError
from ...files.atomic import write_whole, write_whole_file
from ...files.guarded import decode_json
from ...media import decode_rle, encode_rle, read_mask
from ...video import FrameRange
from .record import MaskReference
from .rows import read_text

LABELS = "arr_0"  # the only array of an .npz of labels
MASKLETS = "masklet_continues"
LARGEST_LABELS = 2**34  # bytes of a label map once unpacked; a small file may hide more
LARGEST_MASK = 2**28  # pixels
LARGEST_MASKLETS = 2**30  # bytes of JSON


def read_reference(mask: MaskReference) -> Bool[np.ndarray, "t h w"]:
    """The frames of a mask. Raises MediaError or InputError that names the file at fault."""
    if mask.kind == "file":
        selected = np.asarray(read_mask(mask.path)) > 0.5
        return selected[mask.frames.slice] if mask.frames else selected
    if mask.kind == "labels":
        return _one_label(mask)
    return _one_masklet(mask)


def write_labels(path: Path, labels: np.ndarray) -> None:
    """Write whole numbers [frames, height, width] as `read_reference` reads them."""
    with write_whole(path) as unfinished, unfinished.open("wb") as file:
        np.savez_compressed(file, labels)


def write_masklets(path: Path, masks: Bool[np.ndarray, "n t h w"]) -> None:
    """Write the masks of several things as `read_reference` reads them."""
    frames = [[_masklet(mask) for mask in frame] for frame in masks.swapaxes(0, 1)]
    write_whole_file(path, json.dumps({MASKLETS: frames}).encode())


def _one_label(mask: MaskReference) -> np.ndarray:
    labels = _labels(mask.path)
    frames = mask.frames.slice if mask.frames else slice(None)
    return labels[frames] == mask.number


def _labels(path: Path) -> np.ndarray:
    if not path.is_file():
        raise MediaError(f"{path}: no such file")
    try:
        _require_small(path)
        with np.load(path, allow_pickle=False) as arrays:
            labels = arrays[LABELS]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise MediaError(f"{path}: is no label map, or damaged ({error})") from error
    if labels.ndim != 3 or labels.dtype.kind not in "iub":
        raise MediaError(
            f"{path}: expected whole numbers [frames, height, width], got {labels.dtype} "
            f"{labels.shape}"
        )
    return labels


def _require_small(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > LARGEST_LABELS:
        raise MediaError(f"{path}: holds {size} bytes, more than {LARGEST_LABELS}: refused")


def _one_masklet(mask: MaskReference) -> np.ndarray:
    path = mask.path
    frames = _masklets(path)
    wanted = mask.frames or FrameRange(start=0, stop=len(frames))
    if wanted.stop > len(frames):
        raise MediaError(
            f"{path}: has {len(frames)} frames, {wanted.start} to {wanted.stop - 1} are asked for"
        )
    return np.stack([_decode(path, i, frames[i], mask.number) for i in wanted])


def _masklets(path: Path) -> list[Any]:
    if path.is_file() and path.stat().st_size > LARGEST_MASKLETS:
        raise MediaError(f"{path}: is larger than {LARGEST_MASKLETS} bytes: refused")
    try:
        frames = decode_json(read_text(path), most_bytes=LARGEST_MASKLETS)[MASKLETS]
    except (ValueError, KeyError, TypeError) as error:
        raise MediaError(f"{path}: holds no {MASKLETS} ({error})") from error
    if not isinstance(frames, list) or not frames:
        raise MediaError(f"{path}: {MASKLETS} is no list of frames")
    return frames


def _decode(path: Path, frame: int, masks: Any, number: int) -> np.ndarray:
    try:
        item = masks[number]
        height, width = (int(side) for side in item["size"])
        if not 0 < height * width <= LARGEST_MASK:
            raise InputError("size", f"is {height}x{width}")
        counts = base64.b64decode(item["counts"], validate=True).decode("ascii")
        return decode_rle(counts, (height, width))
    except (InputError, LookupError, TypeError, ValueError, binascii.Error) as error:
        raise MediaError(
            f"{path}, frame {frame}: has no mask {number}, or it is damaged ({error})"
        ) from error


def _masklet(mask: Bool[np.ndarray, "h w"]) -> dict[str, Any]:
    counts = base64.b64encode(encode_rle(mask).encode("ascii")).decode("ascii")
    return {"size": list(mask.shape), "counts": counts}
