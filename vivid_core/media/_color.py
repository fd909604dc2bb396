"""Convert between decoded frames and RGB arrays with the right matrix, range and depth."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import numpy as np
from av import VideoFrame
from av.video.format import VideoFormat
from av.video.reformatter import VideoReformatter

from ..errors import MediaError

# H.273 code points, as FFmpeg uses them for tags.
TAG_RGB, TAG_BT709, TAG_BT601 = 0, 1, 6
UNSPECIFIED, LIMITED, FULL = 0, 1, 2
UNTAGGED = 2
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
SD_HEIGHT = 576  # untagged video up to this height is BT.601 to every common player

# libswscale numbers its matrices by its own table: H.273 tag -> that number.
SWS_MATRIX = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}

# SWS_BICUBIC | ACCURATE_RND | FULL_CHR_H_INT | BITEXACT. libswscale's default shifts the mean
# colour by over 1/255; these flags keep it within 0.1/255 and equal on every machine.
SCALING = 0x4 | 0x40000 | 0x2000 | 0x80000

# PyAV's rotation, degrees against the clock, as a display matrix.
_QUARTER_TURNS = {90: (0, -1, 1, 0), 180: (-1, 0, 0, -1), 270: (0, 1, -1, 0)}

PIXEL_FORMATS: dict[tuple[bool, bool], str] = {  # (deep, alpha)
    (False, False): "rgb24",
    (False, True): "rgba",
    (True, False): "rgb48le",
    (True, True): "rgba64le",
}


def default_matrix(height: int) -> Literal[1, 6]:
    """The matrix tag of video of this height: what players assume, so also what is written."""
    return TAG_BT601 if height <= SD_HEIGHT else TAG_BT709


def bit_depth(layout: VideoFormat) -> int:
    return max(component.bits for component in layout.components)


def has_alpha(layout: VideoFormat) -> bool:
    return any(component.is_alpha for component in layout.components)


class FrameDecoder:
    """Turns decoded frames into RGB(A) arrays: uint8, or uint16 for more than 8 bits."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._reformatter = VideoReformatter()

    def pixels(self, frame: VideoFrame) -> np.ndarray:
        """[H, W, 3 or 4], turned as the file's display matrix says."""
        deep = bit_depth(frame.format) > 8
        target = PIXEL_FORMATS[deep, has_alpha(frame.format)]
        if target == "rgb24" and not frame.format.is_rgb:
            target = "gbrp"  # the same values: libswscale has fast code for planes only
        matrix = SWS_MATRIX[self._matrix(frame)]
        rgb = self._reformatter.reformat(
            frame,
            format=target,
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=_range(frame),
            # RGB has no range; older PyAV ignores the matrix unless source and target differ.
            dst_color_range=UNSPECIFIED if _range(frame) == FULL else FULL,
            interpolation=SCALING,
        )
        pixels = rgb.to_ndarray()
        if deep and not frame.format.is_rgb:
            pixels = _to_full_scale(pixels, frame)
        return orient(pixels, display_matrix(frame))

    def _matrix(self, frame: VideoFrame) -> int:
        tag = int(frame.colorspace)
        if frame.format.is_rgb or tag in (TAG_RGB, UNTAGGED):
            return default_matrix(frame.height)
        if tag not in SWS_MATRIX:
            raise MediaError(
                f"{self._name}: uses colour matrix {tag}, which cannot be converted: "
                "convert the file to BT.709 first"
            )
        return tag


class FrameEncoder:
    """Turns RGB(A) arrays into frames of the pixel format that is written, tagged as such."""

    def __init__(self, layout: str, *, matrix: int, primaries: int, transfer: int) -> None:
        self.layout, self.primaries, self.transfer = layout, primaries, transfer
        self.is_rgb = VideoFormat(layout).is_rgb
        self.depth = bit_depth(VideoFormat(layout))
        self.matrix = TAG_RGB if self.is_rgb else matrix
        self.range = FULL if self.is_rgb else LIMITED
        self._sws_matrix = SWS_MATRIX[matrix]
        self._reformatter = VideoReformatter()

    def frame(self, pixels: np.ndarray, *, pts: int, time_base: Fraction) -> VideoFrame:
        """A frame to encode, from uint8 or uint16 [H, W, 3 or 4]."""
        source_layout = PIXEL_FORMATS[pixels.dtype == np.uint16, pixels.shape[2] == 4]
        if pixels.dtype == np.uint16 and not self.is_rgb:
            pixels = _to_swscale_white(pixels)
        source = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), source_layout)
        frame = self._reformatter.reformat(
            source,
            format=self.layout,
            src_colorspace=self._sws_matrix,
            dst_colorspace=self._sws_matrix,
            src_color_range=FULL,
            dst_color_range=self.range,
            interpolation=SCALING,
        )
        frame.colorspace, frame.color_range = self.matrix, self.range
        frame.color_primaries, frame.color_trc = self.primaries, self.transfer
        frame.pts, frame.time_base = pts, time_base
        return frame


def _to_full_scale(pixels: np.ndarray, frame: VideoFrame) -> np.ndarray:
    """White at 65535. libswscale gives 255 * 256 for limited range, else the code value shifted."""
    bits = bit_depth(frame.format)
    scaled = _stretch(pixels, 8 if _range(frame) == LIMITED else bits)
    if pixels.shape[2] == 4:
        scaled[..., 3] = _stretch(pixels[..., 3], bits)
    return scaled


def _stretch(values: np.ndarray, bits: int) -> np.ndarray:
    """Repeat the upper bits in the lower ones, so that the highest value becomes 65535."""
    clipped = np.minimum(values, (2**bits - 1) << (16 - bits)).astype(np.uint16)
    return clipped + (clipped >> bits)


def _to_swscale_white(pixels: np.ndarray) -> np.ndarray:
    """White at 255 * 256, where libswscale expects it on the way to YUV; alpha as it is."""
    scaled = pixels - (pixels >> 8)
    scaled[..., 3:] = pixels[..., 3:]
    return scaled


def _range(frame: VideoFrame) -> int:
    if frame.format.is_rgb or frame.format.name.startswith("yuvj"):
        return FULL
    return FULL if int(frame.color_range) == FULL else LIMITED


def display_matrix(frame: VideoFrame) -> tuple[int, int, int, int] | None:
    """a, b, c, d of x' = a x + c y, y' = b x + d y; None where the file says nothing."""
    try:
        data = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # it holds a kind newer than PyAV: only how far to turn is told then
        return _QUARTER_TURNS.get(round(frame.rotation / 90) * 90 % 360)
    if data is None:
        return None
    values = np.frombuffer(bytes(data), np.int32)
    a, b, c, d = (int(values[i]) for i in (0, 1, 3, 4))
    return a, b, c, d


def is_transposed(matrix: tuple[int, int, int, int] | None) -> bool:
    if matrix is None:
        return False
    a, b, c, d = matrix
    return abs(b) + abs(c) > abs(a) + abs(d)


def clockwise_degrees(matrix: tuple[int, int, int, int] | None) -> int:
    """0, 90, 180 or 270: how far the stored picture is turned to be shown."""
    if matrix is None:
        return 0
    return round(float(np.degrees(np.arctan2(matrix[1], matrix[0]))) / 90) * 90 % 360


def orient(pixels: np.ndarray, matrix: tuple[int, int, int, int] | None) -> np.ndarray:
    """Turn and mirror a picture by its display matrix, to the nearest quarter turn."""
    if matrix is None:
        return pixels
    a, b, c, d = matrix
    flip_x, flip_y = a < 0, d < 0
    if is_transposed(matrix):
        pixels, flip_x, flip_y = pixels.swapaxes(0, 1), c < 0, b < 0
    rows, columns = (slice(None, None, -1 if flip else 1) for flip in (flip_y, flip_x))
    return np.ascontiguousarray(pixels[rows, columns])
