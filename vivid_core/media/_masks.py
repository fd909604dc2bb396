"""Read masks: a mask video, a folder of images, one image, or a masks.json of COCO masks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError, MaskError, MediaError
from ..files.atomic import write_whole_file
from ..files.guarded import JsonError, decode_json, load_json
from ._mask_colors import mask_of
from ._mask_objects import absent, object_mask
from ._mask_parts import Color, Label, Part, split_part
from ._numbering import require_no_gap
from ._pictures import is_pictures, open_pictures
from ._reader import VideoReader
from ._rle import decode_rle, encode_rle

MOST_JSON = 2**30  # bytes of a masks.json; one of 100,000 frames has about a tenth


def read_mask(path: Path | str, *, frames: int | None = None) -> Float[Tensor, "t h w"]:
    """A mask in 0..1 (white = edit), as many frames as the file has.

    With `frames`, exactly that many: a single mask serves all, any other length is a MaskError.
    Every colour that is no grey is selected, or with "PATH@3" the label 3 of a palette (a grey of
    that value), with "PATH@#ff0000" that colour alone. Where pixels are transparent,
    "PATH@transparent" reads these as the mask (so ComfyUI's mask editor saves it), "PATH@opaque"
    the others (a cut-out); without either only white on transparent ground is understood, anything
    else is a MaskError. So are a folder whose numbers have a gap, and an object on no frame.
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
    if path.suffix.lower() == ".json":
        if part is not None:
            raise MaskError("mask", f"{path} is no image: leave @{part} out")
        return _decode(*read_runs(path), name=str(path))
    return _read_pictures(path, part) if is_pictures(path) else _read_video(path, part)


def _read_pictures(path: Path, part: Part | None) -> Tensor:
    """Those of a folder, or those inside one file."""
    pictures = open_pictures(path)
    assert pictures is not None, "is_pictures was asked"
    if path.is_dir():
        require_no_gap(path, pictures.files)
    read = pictures.numbered if isinstance(part, Label) else pictures.read
    masks = [mask_of(pixels, path, part) for pixels in read(0)]
    if isinstance(part, Label | Color) and not any(mask.any() for mask in masks):
        raise absent(path, part, read(0))
    sizes = {mask.shape for mask in masks}
    if len(sizes) > 1:
        listed = ", ".join(f"{w}x{h}" for h, w in sorted(sizes))
        raise MaskError("mask", f"the images in {path} differ in size ({listed}): make them equal")
    return torch.from_numpy(np.stack(masks))


def _read_video(path: Path, part: Part | None) -> Tensor:
    with VideoReader(path) as reader:
        if isinstance(part, Label | Color):
            require_object(path, part, reader)
        values = torch.empty(len(reader), reader.info.height, reader.info.width)
        for target, frame in zip(values, reader, strict=True):
            target.copy_(torch.from_numpy(mask_of(frame.pixels, path, part)))
    return values


def require_object(path: Path, part: Label | Color, reader: VideoReader) -> None:
    """Raise MaskError, which lists what there is, where no frame of a video holds the object."""
    if not any(object_mask(frame.pixels, part).any() for frame in reader):
        raise absent(path, part, (frame.pixels for frame in reader))


def parse_masks(text: str, *, name: str) -> Float[Tensor, "t h w"]:
    """The masks of a masks.json, 0 or 1. Raises MediaError, which calls the text by this name."""
    with _explained(name):
        runs = _runs_of(decode_json(text, most_bytes=MOST_JSON), name)
    return _decode(*runs, name=name)


def read_runs(path: Path) -> tuple[int, int, list[Any]]:
    """Height, width, and the run lengths of each frame of a masks.json, not decoded yet."""
    with _explained(str(path)):
        return _runs_of(load_json(path, most_bytes=MOST_JSON), str(path))


def _decode(height: int, width: int, counts: list[Any], *, name: str) -> Tensor:
    values: Tensor | None = None
    for index, runs in enumerate(counts):
        try:
            mask = decode_rle(runs, (height, width))
        except InputError as error:
            raise MediaError(
                f"{name}: frame {index} is damaged ({error}): write it again"
            ) from error
        if values is None:  # a size that the first mask has can be meant
            values = torch.empty(len(counts), height, width)
        values[index] = torch.from_numpy(mask.astype(np.float32))
    assert values is not None, "there is at least one"
    return values


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """What is wrong with the file or text of this name, as MediaError."""
    try:
        yield
    except OSError as error:
        raise MediaError(f"{name}: cannot be read ({error.strerror})") from error
    except JsonError as error:
        raise MediaError(f"{name}: {error}: write it again") from error


def _runs_of(data: Any, name: str) -> tuple[int, int, list[Any]]:
    try:
        height, width = data["size"]
        counts = [frame["counts"] for frame in data["frames"]]
        if type(height) is not int or type(width) is not int:
            raise ValueError("a size that is no whole numbers")
    except (ValueError, KeyError, TypeError) as error:
        raise MediaError(
            f"{name}: is no mask file: it needs "
            '{"size": [height, width], "frames": [{"counts": "..."}, ...]}'
        ) from error
    if not counts or height < 1 or width < 1:
        raise MediaError(f"{name}: holds no masks: write it again with at least one frame")
    return height, width, counts
