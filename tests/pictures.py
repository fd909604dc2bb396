"""Pictures of workflows for the template browser: the source, and what became of it."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .comfyui import ComfyServer

UPDATE = bool(os.environ.get("UPDATE_THUMBNAILS"))
SIDE, LINE, QUALITY = 320, 4, 88  # pixels of one panel and of the line between; JPEG


def save_thumbnail(comfy: ComfyServer, file: dict[str, Any], path: Path) -> None:
    """A picture that a node shows, as it is."""
    shown = Image.open(io.BytesIO(comfy.file(file)))
    shown.convert("RGB").save(path, quality=QUALITY)


def draw_thumbnail(
    comfy: ComfyServer, view: dict[str, Any], path: Path, *, share: float = 0.5
) -> None:
    """Source and edit of a frame side by side: the middle one, or at another `share` of the clip.

    `view` is what Compare Edit told.
    """
    files = view["files"]
    file = comfy.file(view | {"filename": files[int(share * len(files))]})
    panels = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
    source, edit, _ = np.split(panels, 3)
    times = SIDE // len(source)
    line = np.full((len(source) * times, LINE, 3), 255, np.uint8)
    large = [panel.repeat(times, axis=0).repeat(times, axis=1) for panel in (source, edit)]
    picture = np.concatenate([large[0], line, large[1]], axis=1)
    Image.fromarray(picture).save(path, quality=QUALITY)
