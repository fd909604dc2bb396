"""Kept fills come back to the bit, and broken or foreign files are as good as none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.flow import kept
from vivid_core.flow.kept import LEVELS, KeptFills
from vivid_core.flow.stretches import FilledStretch


def fill(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, FilledStretch]:
    """Frames, hole, what was made of it, and the fill."""
    generator = torch.Generator().manual_seed(seed)
    frames = torch.rand(3, 8, 12, 3, generator=generator)
    hole = torch.rand(3, 8, 12, generator=generator) < 0.3
    never = hole & (torch.rand(3, 8, 12, generator=generator) < 0.4)
    made = hole & ~never
    filled = frames.clone()
    filled[made] = (torch.rand(int(made.sum()), 3, generator=generator) * LEVELS).round() / LEVELS
    return frames, hole, made, FilledStretch(frames=filled, never_seen=never, lost=(7, 9))


@given(seed=st.integers(0, 2**32 - 1))
def test_what_was_kept_comes_back_to_the_bit(tmp_path_factory, seed: int) -> None:
    frames, hole, made, found = fill(seed)
    fills = KeptFills(tmp_path_factory.mktemp("kept"))
    fills.keep("abc", hole, made, found)
    back = fills.find("abc", frames, hole)
    assert back is not None
    assert torch.equal(back.frames, found.frames)
    assert torch.equal(back.never_seen, found.never_seen)
    assert back.lost == found.lost


def test_nothing_damaged_or_of_another_hole_comes_back(tmp_path: Path) -> None:
    frames, hole, made, found = fill(0)
    fills = KeptFills(tmp_path)
    assert fills.find("abc", frames, hole) is None
    fills.keep("abc", hole, made, found)
    assert fills.find("abc", frames[:2], hole[:2]) is None
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    assert fills.find("abc", frames, hole) is None


def test_the_oldest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, hole, made, found = fill(0)
    fills = KeptFills(tmp_path)
    fills.keep("first", hole, made, found)
    [file] = tmp_path.iterdir()
    monkeypatch.setattr(kept, "LARGEST_BYTES", 2 * file.stat().st_size)
    for name in ("second", "third"):
        fills.keep(name, hole, made, found)
    names = {path.name.split(".")[0] for path in tmp_path.iterdir()}
    assert "third" in names and "first" not in names


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, caplog) -> None:
    _, hole, made, found = fill(0)
    (tmp_path / "file").touch()
    KeptFills(tmp_path / "file").keep("abc", hole, made, found)
    assert "could not be kept" in caplog.text
