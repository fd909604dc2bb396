"""Read and write video, images and masks, one frame at a time, with the colours kept right."""

from __future__ import annotations

from ..files.atomic import require_writable
from ._formats import BitDepth, written_depth
from ._images import IMAGE_SUFFIXES, load_image, load_images, save_image
from ._info import VideoInfo, frame_times, frames_between, read_info
from ._masks import format_masks, parse_masks, read_mask, save_masks, split_part
from ._pixels import full_scale, pixels_to_array
from ._reader import Frame, VideoReader, read_clip
from ._rle import decode_rle, encode_rle, rle_area
from ._sound import Sound, read_sound, write_sound
from ._writer import VideoWriter, require_video_target, write_clip

__all__ = [
    "IMAGE_SUFFIXES",
    "BitDepth",
    "Frame",
    "Sound",
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "decode_rle",
    "encode_rle",
    "format_masks",
    "frame_times",
    "frames_between",
    "full_scale",
    "load_image",
    "load_images",
    "parse_masks",
    "pixels_to_array",
    "read_clip",
    "read_info",
    "read_mask",
    "read_sound",
    "require_video_target",
    "require_writable",
    "rle_area",
    "save_image",
    "save_masks",
    "split_part",
    "write_clip",
    "write_sound",
    "written_depth",
]
