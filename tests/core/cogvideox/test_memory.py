"""Planned activations against the tensors that the real classes keep alive, without weights."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vivid_core.cogvideox.memory import denoise_bytes, tiled_vae_bytes, vae_bytes
from vivid_core.tiny import build as tiny

TOLERANCE = 0.25
FULL, CROP = (480, 720), (240, 368)


class LiveBytes(TorchDispatchMode):
    """The most bytes that tensors made in this context held at one time."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.peak, self._now = 0, 0
        self._known = {p.untyped_storage()._cdata for p in module.parameters()}

    def __torch_dispatch__(self, function: Any, _types: Any, args: Any = (), kwargs: Any = None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._add(tensor.untyped_storage())
        return result

    def _add(self, storage: Any) -> None:
        if storage._cdata in self._known:
            return
        self._known.add(storage._cdata)
        self._now += storage.nbytes()
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._remove, storage._cdata, storage.nbytes())

    def _remove(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._now -= size


def live_bytes(module: Any, run: Callable[[], Any]) -> int:
    with torch.no_grad(), LiveBytes(module) as live:
        run()
    return live.peak


@pytest.fixture(scope="module")
def vae() -> Any:
    """CogVideoX's."""
    with torch.device("meta"):
        return AutoencoderKLCogVideoX()


def codec_peak(vae: Any, frames: int, size: tuple[int, int]) -> int:
    """Live bytes of encode or decode, whichever has more."""
    shrink = 2 ** (len(vae.config.block_out_channels) - 1)
    pixels = torch.zeros(1, 3, frames, *size, device="meta")
    grid = (frames - 1) // 4 + 1, size[0] // shrink, size[1] // shrink
    latents = torch.zeros(1, 16, *grid, device="meta")
    encode = live_bytes(vae, lambda: vae.encode(pixels))
    return max(encode, live_bytes(vae, lambda: vae.decode(latents)))


@pytest.mark.parametrize("size", [FULL, CROP])
@pytest.mark.parametrize("frames", [17, 9])
def test_vae(vae: Any, frames: int, size: tuple[int, int]) -> None:
    height, width = size
    planned = vae_bytes(
        vae.config,
        frames=frames,
        latents=(frames - 1) // 4 + 1,
        height=height,
        width=width,
        element=4,
    )
    assert planned == pytest.approx(codec_peak(vae, frames, size), rel=TOLERANCE)


def test_vae_in_tiles() -> None:
    with torch.device("meta"):
        vae: Any = tiny.build_vae((16, 24, 24))
    vae.enable_tiling(48, 64, 0.25, 0.25)
    planned = tiled_vae_bytes(
        vae.config, frames=9, latents=3, size=(96, 128), tile=(48, 64), element=4
    )
    assert planned == pytest.approx(codec_peak(vae, 9, (96, 128)), rel=TOLERANCE)


@pytest.mark.parametrize(("frames", "batch"), [(13, 1), (13, 2), (1, 2)])
def test_transformer(monkeypatch: pytest.MonkeyPatch, frames: int, batch: int) -> None:
    # Fused attention keeps no scores; the meta device has only the kind that does.
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda q, k, v, **_: torch.empty_like(q))
    with torch.device("meta"):
        model: Any = CogVideoXTransformer3DModel(
            num_attention_heads=48, num_layers=2, use_rotary_positional_embeddings=True
        ).bfloat16()
        tokens = frames * 30 * 45
        angles = torch.zeros(tokens, 64)
        inputs = {
            "hidden_states": torch.zeros(batch, frames, 16, 60, 90, dtype=torch.bfloat16),
            "encoder_hidden_states": torch.zeros(batch, 226, 4096, dtype=torch.bfloat16),
            "timestep": torch.zeros(batch, dtype=torch.long),
            "image_rotary_emb": (angles, angles),
        }
    measured = live_bytes(model, lambda: model(**inputs))
    planned = denoise_bytes(model.config, tokens=tokens + 226, batch=batch, element=2)
    assert planned == pytest.approx(measured, rel=0.1)
