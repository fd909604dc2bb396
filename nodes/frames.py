"""The pictures that the editors on a node show: every frame of a clip, as small JPEG files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import folder_paths
import numpy as np
from PIL import Image

from . import host

if TYPE_CHECKING:
    from torch import Tensor

    from ..vivid_core.track.frames import FrameSource
    from ..vivid_core.video import Clip

LONGEST_SIDE = 1024  # pixels
QUALITY = 88  # JPEG, 0..100


def show_frames(source: FrameSource, digest: str) -> dict[str, Any]:
    """What the editor gets after a run: names of pictures of all frames.

    `digest` stands for the pixels: pictures that were made before are not made again.
    """
    return {"vivid_frames": (_pictures(source, digest),)}


def show_tracked(
    source: FrameSource, digest: str, overlay: Tensor, track_digest: str
) -> dict[str, Any]:
    """The same with the frames of a track's `overlay`: float [T, H, W, 3] in 0..1, on the CPU."""
    data = _pictures(source, digest)
    folder, _ = host.temp_folder(digest)
    shown = (_bytes(frame.numpy()) for frame in overlay)
    data["overlays"] = _save(shown, folder, f"mask_{track_digest}", len(source))
    return {"vivid_frames": (data,)}


def editor_frames(clip: Clip) -> dict[str, Any]:
    """The pictures of a clip in memory."""
    from ..vivid_core.plan.cuts import survey_frames
    from ..vivid_core.track.frames import ClipFrames
    from ..vivid_core.video import FrameRange

    source = ClipFrames(clip)
    digest = survey_frames(source.read(FrameRange(start=0, stop=len(source)))).digest
    return show_frames(source, digest)


def show_masks(masks: Tensor, kind: Literal["base", "between"]) -> dict[str, Any]:
    """What the mask painter gets: masks [T, H, W] as transparency of white pictures.

    "base" is what strokes are done on, "between" what unpainted frames became.
    """
    from ..vivid_core.files.digest import pixel_digest

    values = masks.cpu()
    folder, subfolder = host.temp_folder("painted")
    name = pixel_digest(values)
    files = [f"{name}_{number:05}.png" for number in range(len(values))]
    if not (folder / files[-1]).exists():
        for file, mask in zip(files, values, strict=True):
            alpha = Image.fromarray(_bytes(mask.numpy()))
            picture = Image.merge("LA", (Image.new("L", alpha.size, 255), alpha))
            picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            picture.save(folder / file)
    height, width = values.shape[1:]
    data = {"subfolder": subfolder, "type": "temp", "kind": kind, "files": files}
    data |= {"width": width, "height": height}
    return {"vivid_masks": (data,)}


def are_there(data: dict[str, Any]) -> bool:
    """Whether the pictures of an earlier answer are still in ComfyUI's temporary folder."""
    folder = Path(folder_paths.get_temp_directory()) / data["subfolder"]
    return (folder / data["files"][-1]).is_file()


def _pictures(source: FrameSource, digest: str) -> dict[str, Any]:
    """Every frame as a file, and what the page must know about them."""
    from ..vivid_core.video import FrameRange

    folder, subfolder = host.temp_folder(digest)
    height, width = source.size
    everything = FrameRange(start=0, stop=len(source))
    return {
        "subfolder": subfolder,
        "type": "temp",
        "width": width,
        "height": height,
        "fps": float(source.fps),
        "files": _save(source.read(everything), folder, "frame", len(source)),
        "overlays": [],
    }


def _save(frames: Iterable[np.ndarray], folder: Path, name: str, count: int) -> list[str]:
    files = [f"{name}_{number:05}.jpg" for number in range(count)]
    if not (folder / files[-1]).exists():
        for file, pixels in zip(files, frames, strict=True):
            small_picture(pixels).save(folder / file, quality=QUALITY)
    return files


def small_picture(pixels: np.ndarray) -> Image.Image:
    """A frame, uint8 [H, W, 3], not larger than a page needs it."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return picture


def _bytes(frame: np.ndarray) -> np.ndarray:
    return (frame.clip(0, 1) * 255).round().astype(np.uint8)
