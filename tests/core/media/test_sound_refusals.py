"""Sound from elsewhere that is none."""

from __future__ import annotations

import pytest
import torch

from vivid_core.errors import InputError
from vivid_core.media import Sound, write_sound


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_broken_samples_are_named_before_a_file_is_begun(tmp_path, value):
    samples = torch.zeros(2, 4000)
    samples[1, 77] = value
    with pytest.raises(InputError, match="sound: contains NaN or infinity: the step before"):
        write_sound(tmp_path / "a.mkv", Sound(samples=samples, rate=16000))
    assert not list(tmp_path.iterdir())


def test_channels_that_no_layout_has(tmp_path):
    with pytest.raises(InputError, match="sound: has 3 channels: give it 1, 2, 6"):
        write_sound(tmp_path / "a.mkv", Sound(samples=torch.zeros(3, 4000), rate=16000))
