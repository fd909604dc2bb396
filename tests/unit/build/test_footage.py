"""Ranges of ranges of a clip's frames."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.build.footage import Stretch
from vivid_core.track.frames import ClipFrames
from vivid_core.video import Clip, FrameRange

LENGTH = 20


@given(st.data())
def test_a_range_of_a_range_knows_its_place_in_the_file(data: st.DataObject):
    frames = torch.arange(LENGTH)[:, None, None, None].expand(LENGTH, 2, 2, 3) / 255
    part = Stretch(
        source=ClipFrames(Clip(frames=frames.contiguous())),
        frames=FrameRange(start=0, stop=LENGTH),
    )
    for _ in range(data.draw(st.integers(0, 3))):
        start = data.draw(st.integers(0, len(part) - 1))
        stop = data.draw(st.integers(start + 1, len(part)))
        part = Stretch(source=part, frames=FrameRange(start=start, stop=stop))
    shown = [int(np.asarray(frame)[0, 0, 0]) for frame in part]
    assert shown == list(part.place)
