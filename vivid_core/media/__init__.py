"""Read and write video, images and masks, one frame at a time, with the colours kept right."""

from __future__ import annotations

from ..files.atomic import require_writable
from ._formats import BitDepth, written_depth
from ._images import IMAGE_SUFFIXES, load_image, save_image
from ._info import VideoInfo, frame_times, read_info
from ._masks import read_mask, save_masks
from ._pixels import full_scale, pixels_to_array
from ._reader import Frame, VideoReader, read_clip
from ._rle import decode_rle, encode_rle
from ._writer import VideoWriter, require_video_target, write_clip

__all__ = [
    "IMAGE_SUFFIXES",
    "BitDepth",
    "Frame",
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "decode_rle",
    "encode_rle",
    "frame_times",
    "full_scale",
    "load_image",
    "pixels_to_array",
    "read_clip",
    "read_info",
    "read_mask",
    "require_video_target",
    "require_writable",
    "save_image",
    "save_masks",
    "write_clip",
    "written_depth",
]
