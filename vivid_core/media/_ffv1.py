"""The checksums inside FFV1 packets, which the decoder reads, reports to its log, and passes over.

A packet of version 3 ends in the footer of its last slice, before which the others lie: 3 bytes
of length, 1 of errors that the encoder saw, 4 of a CRC with which the whole slice gives 0
(RFC 9043, sec. 4.9). Streams without checksums have the length only.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_LENGTH, _FOOTER = 3, 8  # bytes; of the footer with a checksum
# FFV1 takes bits from the highest on, zlib from the lowest.
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_ALL_ONES = 0xFFFFFFFF


class SliceCheck:
    """Looks at the packets of one stream, in any order. The first tells if there are checksums."""

    def __init__(self) -> None:
        self._has_checksums: bool | None = None

    def is_damaged(self, packet: bytes) -> bool:
        slices = list(_slices(packet))
        whole = sum(map(len, slices)) == len(packet)
        if self._has_checksums is None:
            self._has_checksums = whole and bool(slices)
        return self._has_checksums and not (whole and all(map(_is_intact, slices)))


def _slices(packet: bytes) -> Iterator[bytes]:
    """From the last to the first, as far as the lengths lead."""
    stop = len(packet)
    while stop >= _FOOTER:
        at = stop - _FOOTER
        start = at - int.from_bytes(packet[at : at + _LENGTH], "big")
        if start < 0:
            return
        yield packet[start:stop]
        stop = start


def _is_intact(data: bytes) -> bool:
    return zlib.crc32(data.translate(_MIRRORED), _ALL_ONES) ^ _ALL_ONES == 0
