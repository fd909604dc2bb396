"""A ViCLIP with random weights under the published names, small enough to be made for a test."""

from __future__ import annotations

import gzip
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from vivid_core.measure.viclip_network import Viclip, ViclipShape
from vivid_core.measure.words import PACKED

PAIRS = [("a", "l"), ("al", "l</w>"), ("r", "e")]
SHAPE = ViclipShape(
    frames=8,
    grid=2,
    patch=8,
    video_width=64,
    video_layers=1,
    words=512 + len(PAIRS) + 2,
    length=32,
    text_width=64,
    text_layers=1,
    vector=16,
)


def tiny_tensors() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    names = Viclip(SHAPE).state_dict()
    drawn = {n: torch.randn(t.shape, generator=generator) * 0.2 for n, t in names.items()}
    return drawn | {"temp": torch.tensor(0.01)}


def save_tiny_viclip(folder: Path) -> Path:
    """Weights and words, as in OpenGVLab's folder."""
    folder.mkdir(parents=True)
    save_file(tiny_tensors(), folder / "model.safetensors")
    lines = "".join(f"{a} {b}\n" for a, b in PAIRS)
    (folder / PACKED).write_bytes(gzip.compress(f'"version\n{lines}'.encode()))
    return folder
