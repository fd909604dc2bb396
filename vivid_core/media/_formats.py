"""The formats that can be written: container, codec, pixel layout and encoder settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..errors import InputError

FormatName = Literal["h264", "ffv1", "prores4444", "png"]
BitDepth = Literal[8, 10, 16]

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
DEFAULT_FORMAT: dict[str, FormatName] = {
    ".mp4": "h264",
    ".m4v": "h264",
    ".mkv": "ffv1",
    ".mov": "prores4444",
    "": "png",
}


@dataclass(frozen=True, kw_only=True)
class Format:
    """`layouts` maps (bit depth, alpha) to a pixel format; alpha that it lacks cannot be kept."""

    name: FormatName
    suffixes: tuple[str, ...]
    codec: str
    layouts: dict[tuple[BitDepth, bool], str]
    options: dict[str, str] = field(default_factory=dict)

    @property
    def depths(self) -> list[BitDepth]:
        """Ascending."""
        return sorted({depth for depth, _ in self.layouts})


_FORMATS = (
    Format(
        name="h264",
        suffixes=(".mp4", ".m4v", ".mov", ".mkv"),
        codec="libx264",
        layouts={(8, False): "yuv420p", (10, False): "yuv420p10le"},
        # No B-frames: with them, x264 does not always write the same bytes for the same frames,
        # and MP4 cannot store how long the last frame lasts.
        options={"preset": "medium", "bf": "0"},
    ),
    Format(
        name="ffv1",
        suffixes=(".mkv",),
        codec="ffv1",
        layouts={
            (8, False): "bgr0",
            (8, True): "bgra",
            (16, False): "gbrp16le",
            (16, True): "gbrap16le",
        },
        options={"level": "3", "slices": "4", "slicecrc": "1"},
    ),
    Format(
        name="prores4444",
        suffixes=(".mov", ".mkv"),
        codec="prores_ks",
        layouts={(10, False): "yuv444p10le", (10, True): "yuva444p10le"},
        options={"profile": "4444", "vendor": "apl0", "alpha_bits": "16"},
    ),
    Format(
        name="png",
        suffixes=("",),
        codec="png",
        layouts={
            (8, False): "png",
            (8, True): "png",
            (16, False): "png",
            (16, True): "png",
        },
    ),
)
FORMATS: dict[FormatName, Format] = {item.name: item for item in _FORMATS}


def choose_format(path: Path, name: FormatName | None) -> Format:
    """The format of a name, or of the path's suffix. Raises InputError if they do not fit."""
    suffix = path.suffix.lower()
    if name is None and suffix not in DEFAULT_FORMAT:
        raise InputError(
            "path",
            f"{path} has no suffix of a video format: use .mp4 (H.264), .mkv (FFV1, lossless), "
            ".mov (ProRes 4444), or no suffix for a folder of PNG files",
        )
    chosen = FORMATS[name or DEFAULT_FORMAT[suffix]]
    if suffix not in chosen.suffixes:
        allowed = " or ".join(s or "a folder name without suffix" for s in chosen.suffixes)
        raise InputError("path", f"{path} cannot hold {chosen.name}: use {allowed}")
    return chosen


def written_depth(path: Path, source_depth: int) -> BitDepth:
    """The bits to write frames of a source with: over 8 where it has more and the format can.

    Raises InputError for a path without the suffix of a format.
    """
    depths = choose_format(path.absolute(), None).depths
    return depths[-1] if source_depth > 8 else depths[0]


def choose_depth(chosen: Format, depth: BitDepth | None) -> BitDepth:
    """The wanted depth, or the format's lowest. Raises InputError if it has no such depth."""
    depths = chosen.depths
    if depth is None:
        return depths[0]
    if depth not in depths:
        allowed = " or ".join(map(str, depths))
        raise InputError("bit_depth", f"{chosen.name} is written with {allowed} bits, not {depth}")
    return depth


def choose_layout(chosen: Format, depth: BitDepth, *, alpha: bool, size: tuple[int, int]) -> str:
    """The pixel format for frames of this kind. Raises InputError for alpha it cannot keep."""
    if (depth, alpha) not in chosen.layouts:
        raise InputError(
            "pixels",
            f"have alpha, which {chosen.name} cannot keep: write .mkv (FFV1) or .mov "
            "(ProRes 4444), or drop the fourth channel",
        )
    layout = chosen.layouts[depth, alpha]
    if any(side % 2 for side in size):
        # 4:2:0 halves both sides of the colour planes.
        return layout.replace("yuv420p", "yuv444p")
    return layout
