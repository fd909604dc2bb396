"""Read and write video, images and masks, one frame at a time, with the colours kept right."""

from __future__ import annotations

from ..files.atomic import require_writable
from ._images import load_image, save_image
from ._info import VideoInfo, frame_times, probe
from ._masks import read_mask, save_masks
from ._reader import Frame, VideoReader, read_clip
from ._rle import decode_rle, encode_rle
from ._writer import VideoWriter, require_video_target, write_clip

__all__ = [
    "Frame",
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "decode_rle",
    "encode_rle",
    "frame_times",
    "load_image",
    "probe",
    "read_clip",
    "read_mask",
    "require_video_target",
    "require_writable",
    "save_image",
    "save_masks",
    "write_clip",
]
