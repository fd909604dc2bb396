"""How the pixels of a video are to be shown: what its header says beside them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import Any, Literal

from av import VideoFrame
from av.video.stream import VideoStream

from ._color import HDR_TRANSFERS, SWS_MATRIX, TAG_BT709, UNTAGGED, default_matrix

FieldOrder = Literal["top", "bottom"]
# AVFieldOrder: which field is shown first, by the order of coding and of showing.
_FIELDS: dict[int, FieldOrder] = {2: "top", 3: "bottom", 4: "bottom", 5: "top"}
CODES: dict[FieldOrder, int] = {"top": 2, "bottom": 3}
_RESERVED = 0
HDR_EXTRAS = {  # FFmpeg's side data
    "MASTERING_DISPLAY_METADATA": "HDR10 mastering data",
    "CONTENT_LIGHT_LEVEL": "HDR10 light level",
    "DYNAMIC_HDR_PLUS": "HDR10+ metadata",
    "DOVI_METADATA": "Dolby Vision metadata",
}


@dataclass(frozen=True, kw_only=True)
class Looks:
    """Tags are H.273 code points, 2 where the file says nothing. `pixel_aspect` is width / height
    of one pixel; `fields` is which is shown first, None for whole frames. `hdr_extras` names what
    an HDR file tells screens beside its tags.
    """

    pixel_aspect: Fraction = Fraction(1)
    primaries: int = UNTAGGED
    transfer: int = UNTAGGED
    matrix: int = UNTAGGED
    fields: FieldOrder | None = None
    hdr_extras: tuple[str, ...] = ()

    @property
    def hdr(self) -> str:
        """PQ or HLG; empty for anything else."""
        return HDR_TRANSFERS.get(self.transfer, "")

    def matrix_for(self, height: int) -> int:
        """The matrix to write with: the source's, else what players assume."""
        return self.matrix if self.matrix in SWS_MATRIX else default_matrix(height)

    @property
    def written_primaries(self) -> int:
        return self.primaries if self.primaries not in (_RESERVED, UNTAGGED) else TAG_BT709

    @property
    def written_transfer(self) -> int:
        return self.transfer if self.transfer not in (_RESERVED, UNTAGGED) else TAG_BT709

    def display_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height of the same picture in square pixels, exact and no smaller."""
        height, width = size
        across, down = width * self.pixel_aspect.numerator, height * self.pixel_aspect.denominator
        common = gcd(across, down)
        across, down = across // common, down // common
        times = -(-height // down)
        return across * times, down * times


def looks_of(stream: VideoStream, frame: VideoFrame, *, transposed: bool) -> Looks:
    """What a stream and its first frame say; `transposed` where the picture is shown turned."""
    aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
    context: Any = stream.codec_context
    fields = _FIELDS.get(int(getattr(context, "field_order", 0)))
    return Looks(
        pixel_aspect=1 / aspect if transposed else aspect,
        primaries=_stated(frame, context, "color_primaries"),
        transfer=_stated(frame, context, "color_trc"),
        matrix=_stated(frame, context, "colorspace"),
        fields=None if transposed else fields,
        hdr_extras=tuple(name for kind, name in HDR_EXTRAS.items() if _has(frame, kind)),
    )


def _has(frame: VideoFrame, kind: str) -> bool:
    try:
        return frame.side_data.get(kind) is not None
    except ValueError:  # it holds a kind newer than PyAV
        return False


def _stated(frame: VideoFrame, context: Any, name: str) -> int:
    """By the frame, else by the header."""
    own = int(getattr(frame, name, UNTAGGED))
    return own if own != UNTAGGED else int(getattr(context, name))
