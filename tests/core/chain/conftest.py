"""A quick model with windows of nine frames, and files to edit with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from vivid_core.chain.request import VideoFiles
from vivid_core.chain.sources import MasksInMemory
from vivid_core.cogvideox.model import CogVideoX
from vivid_core.media import write_clip
from vivid_core.settings import Settings
from vivid_core.tiny import load_tiny
from vivid_core.tiny.build import build_vae
from vivid_core.tiny.scenes.shapes import draw_scene

FRAMES, SIDE = 25, 32


@pytest.fixture(scope="session")
def quick() -> CogVideoX:
    """vivid-tiny with a smaller VAE of random weights."""
    torch.manual_seed(0)
    vae = build_vae((4, 4, 4), norm_groups=2).eval().requires_grad_(False)
    return load_tiny().with_(vae=vae, train_size=(9, SIDE, SIDE))


@pytest.fixture(scope="session")
def scene() -> tuple[torch.Tensor, torch.Tensor]:
    """Frames [T, H, W, 3] and masks [T, H, W] that move."""
    drawn = draw_scene(1_000_003, frames=FRAMES, height=SIDE, width=SIDE)
    return torch.from_numpy(drawn.render()), (torch.from_numpy(drawn.mask()) > 0.5).float()


FILES = {field.name for field in fields(VideoFiles)}


@pytest.fixture
def asked(
    tmp_path: Path, scene: tuple[torch.Tensor, torch.Tensor]
) -> Callable[..., tuple[VideoFiles, Settings]]:
    """An edit of the scene, which is written to a file first."""
    frames, masks = scene
    write_clip(tmp_path / "clip.mkv", frames, fps=Fraction(8))

    def make(**changes: Any) -> tuple[VideoFiles, Settings]:
        options: dict[str, Any] = {
            "source": tmp_path / "clip.mkv",
            "masks": MasksInMemory(masks),
            "out": tmp_path / "out.mkv",
            "work": tmp_path / "work",
            "task": "modify",
            "caption": "a red circle",
            "steps": 1,
            "guidance": 1.0,
        } | changes
        files = {name: options.pop(name) for name in FILES & options.keys()}
        return VideoFiles(**files), Settings(**options)

    return make


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    """A sound of three seconds in a file that has nothing else of use."""
    path = tmp_path / "tone.mkv"
    with av.open(str(path), "w") as file:
        video = file.add_stream("ffv1", rate=8)
        video.width = video.height = SIDE
        video.pix_fmt = "bgr0"
        sound = file.add_stream("aac", rate=48000)
        for i in range(24):
            picture = np.zeros((SIDE, SIDE, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="bgr0")
            frame.pts = i
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        for start in range(0, 3 * 48000, 1024):
            wave = np.sin(np.arange(start, start + 1024) / 17).astype(np.float32)
            samples = av.AudioFrame.from_ndarray(np.stack([wave, wave]), "fltp", "stereo")
            samples.sample_rate, samples.pts = 48000, start
            file.mux(sound.encode(samples))
        file.mux(sound.encode(None))
    return path
