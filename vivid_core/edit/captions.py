"""Captions that change along a long video, written one a line."""

from __future__ import annotations

import re

from ..errors import InputError

_LINE = re.compile(r"([0-9]{1,9})\s*:\s*(\S.*)")
_SHOWN = 60  # characters of a line that is refused


def parse_later_captions(text: str) -> tuple[tuple[int, str], ...]:
    """Lines like "120: a blue car" as (first frame, caption), in ascending order of frames.

    Empty lines are passed over. Raises InputError for any other line, a frame that is named
    twice, and frame 0, which has the main caption.
    """
    captions: dict[int, str] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        match = _LINE.fullmatch(line)
        if match is None:
            raise InputError(
                "later_captions",
                f"the line {line[:_SHOWN]!r} is not FRAME: CAPTION; write for example '120: a blue "
                "car'",
            )
        frame = int(match[1])
        if frame == 0 or frame in captions:
            why = "has the main caption" if frame == 0 else "is named twice"
            raise InputError("later_captions", f"frame {frame} {why}: give each a frame of its own")
        captions[frame] = match[2]
    return tuple(sorted(captions.items()))
