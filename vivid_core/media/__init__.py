"""Read and write video, images and masks, one frame at a time, with the colours kept right."""

from __future__ import annotations

from ..files.atomic import require_writable
from ._beside import SOUND_MODES, SoundMode, require_sound_fits
from ._formats import BitDepth, FormatName, written_depth
from ._images import IMAGE_SUFFIXES, load_image, load_layer, save_image, split_alpha
from ._info import VideoInfo, frame_times, frames_between, rate_words, read_info
from ._looks import Looks
from ._mask_colors import mask_of
from ._mask_parts import Color, Label, Part, split_part
from ._masks import format_masks, parse_masks, read_mask, read_runs, require_object, save_masks
from ._pictures import is_pictures
from ._pixels import full_scale, pixels_to_array
from ._properties import Kept, carried_beside, compare_properties, expected_losses
from ._reader import Frame, VideoReader, read_alpha, read_clip
from ._rle import decode_rle, encode_rle, rle_area, selects_any
from ._sound import Sound, read_sound, write_sound
from ._writer import VideoWriter, require_video_target, write_clip

__all__ = [
    "IMAGE_SUFFIXES",
    "BitDepth",
    "Color",
    "FormatName",
    "Frame",
    "Kept",
    "Label",
    "Looks",
    "Part",
    "SOUND_MODES",
    "SoundMode",
    "Sound",
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "carried_beside",
    "compare_properties",
    "decode_rle",
    "encode_rle",
    "expected_losses",
    "format_masks",
    "frame_times",
    "frames_between",
    "full_scale",
    "is_pictures",
    "load_image",
    "load_layer",
    "mask_of",
    "parse_masks",
    "pixels_to_array",
    "rate_words",
    "read_alpha",
    "read_clip",
    "read_info",
    "read_mask",
    "read_runs",
    "read_sound",
    "require_object",
    "require_sound_fits",
    "require_video_target",
    "require_writable",
    "rle_area",
    "save_image",
    "save_masks",
    "selects_any",
    "split_alpha",
    "split_part",
    "write_clip",
    "write_sound",
    "written_depth",
]
