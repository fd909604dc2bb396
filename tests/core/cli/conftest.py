"""A working folder for commands: a clip, masks of several kinds, foreign weights."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from vivid_core.media import save_image, write_clip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder."""
    frames = torch.rand(3, 16, 16, 3)
    write_clip(tmp_path / "clip.mkv", frames, fps=Fraction(8))
    for name in ("mask.mkv", "out.effective_mask.mkv"):
        write_clip(tmp_path / name, (frames > 0.5).float(), fps=Fraction(8))
    (tmp_path / "masks").mkdir()
    for place in ("mask.png", "masks/0.png", "key.png", "sheet.png"):
        save_image(tmp_path / place, torch.ones(16, 16, 3))
    (tmp_path / "picked").mkdir()
    save_image(tmp_path / "picked" / "candidate_01.png", torch.ones(16, 16, 3))
    (tmp_path / "foreign.safetensors").write_bytes(b"none")
    (tmp_path / "prompts.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path
