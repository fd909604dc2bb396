"""DOVER (Wu et al. 2023): how good a clip looks, by its authors' package where that is installed.

The package brings the network and the choice of views; weights are read by this project.
"""

from __future__ import annotations

import io
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import ModelError, SizeError
from ..files.modules import SHOWN, fill_module
from ..files.weights import describe, read_weights
from .encoder import to_bytes

NO_WEIGHTS = "needs DOVER's weights (dover_weights)"
NO_PACKAGE = (
    "needs the package dover (pip install --no-deps git+https://github.com/VQAssessment/DOVER, "
    "then decord, scikit-video and timm; not for commercial use)"
)
# What follows is dover.yml and evaluate_one_video.py of that repository.
CLIP, STEP = 32, 2  # frames of a view, and from one to the next
VIEWS: dict[str, dict[str, int]] = {
    "technical": {"fragments_h": 7, "fragments_w": 7, "fsize_h": 32, "fsize_w": 32, "aligned": 32},
    "aesthetic": {"size_h": 224, "size_w": 224},
}
TECHNICAL_CLIPS = 3
HEAD = {"in_channels": 768, "hidden_channels": 64}
MEAN, SPREAD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of 255
# Mean and spread of the scores of each branch, and its share of the whole.
TECHNICAL_SCORES, TECHNICAL_SHARE = (0.1107, 0.07355), 0.6104
AESTHETIC_SCORES, AESTHETIC_SHARE = (-0.08285, 0.03774), 0.3896
SMALLEST_SIDE = 32  # of what fragments are cut from
SEED = 0  # of the places of fragments, which the package draws


@dataclass(frozen=True, kw_only=True)
class Quality:
    """In 0..1: noise and sharpness, looks, and both in one."""

    technical: float
    aesthetic: float
    overall: float


class Dover:
    """DOVER's network with its package's choice of views."""

    def __init__(self, network: Any, datasets: Any) -> None:
        self._network, self._datasets = network, datasets

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        return (self._network,)

    def quality(self, frames: Float[Tensor, "_ _ _ 3"]) -> Quality:
        """Of a clip in 0..1. Raises SizeError for frames that are smaller than a fragment."""
        if min(frames.shape[1:3]) < SMALLEST_SIDE:
            height, width = frames.shape[1:3]
            raise SizeError(
                "edit", f"DOVER needs {SMALLEST_SIDE} pixels a side, has {width}x{height}"
            )
        views = {name: self._view(name, frames) for name in VIEWS}
        with redirect_stdout(io.StringIO()):
            technical, aesthetic = (float(score.mean()) for score in self._network(views))
        return fuse(technical, aesthetic)

    def _view(self, name: str, frames: Tensor) -> Tensor:
        """Clips of one branch [N, 3, T, H, W]."""
        technical = name == "technical"
        clips = TECHNICAL_CLIPS if technical else 1
        lengths = (CLIP, TECHNICAL_CLIPS, STEP) if technical else (1, CLIP, STEP)
        with _own_draws():
            picked = self._datasets.UnifiedFrameSampler(*lengths)(len(frames))
            seen = self._datasets.get_single_view(
                torch.from_numpy(to_bytes(frames[picked.tolist()])).permute(3, 0, 1, 2),
                name,
                **VIEWS[name],
            )
        mean, spread = (torch.tensor(values)[:, None, None, None] for values in (MEAN, SPREAD))
        scaled = (seen.float() - mean) / spread
        parts = scaled.unflatten(1, (clips, CLIP)).transpose(0, 1)
        return parts.to(next(self._network.parameters()).device)


def fuse(technical: float, aesthetic: float) -> Quality:
    """Scores of both branches as the authors tell them."""
    t, a = (
        (score - mean) / spread
        for score, (mean, spread) in (
            (technical, TECHNICAL_SCORES),
            (aesthetic, AESTHETIC_SCORES),
        )
    )
    return Quality(
        technical=_sigmoid(t),
        aesthetic=_sigmoid(a),
        overall=_sigmoid(TECHNICAL_SHARE * t + AESTHETIC_SHARE * a),
    )


def load_dover(path: Path, *, device: torch.device) -> Dover | str:
    """DOVER from its weights, or why it cannot be had here; nothing is downloaded.

    Raises ModelError for a file that is none of DOVER's.
    """
    tensors = read_weights(path).tensors
    if not all(any(n.startswith(f"{view}_backbone.") for n in tensors) for view in VIEWS):
        raise ModelError(
            f"{path}: is no DOVER: the file looks like {describe(tensors)}; DOVER.pth is one"
        )
    package = _package()
    if isinstance(package, str):
        return package
    models, datasets = package
    try:
        with _quietly():
            network = fill_module(
                lambda: _network(models), tensors, what="DOVER", dtype=torch.float32
            )
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return Dover(network.to(device), datasets)


def _package() -> tuple[Any, Any] | str:
    """The package's models and datasets, or why not."""
    state = random.getstate()  # which the package seeds
    try:
        with _quietly():
            import dover.datasets
            import dover.models

            return dover.models, dover.datasets
    except ImportError as error:
        return NO_PACKAGE if (error.name or "") == "dover" else f"{NO_PACKAGE}: {error}"
    except Exception as error:  # it was written for releases of others that are gone
        return f"the package dover cannot be imported here: {str(error)[:SHOWN]}"
    finally:
        random.setstate(state)


def _network(models: Any) -> Any:
    """As dover.yml builds it. Its own way to the aesthetic branch would download weights."""
    network = models.DOVER(
        backbone={"technical": {"type": "swin_tiny_grpb"}},
        backbone_preserve_keys="technical",
        divide_head=True,
        vqa_head=HEAD,
    )
    network.add_module("aesthetic_backbone", models.convnext_3d_tiny())
    network.add_module("aesthetic_head", models.VQAHead(**HEAD))
    return network


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what the package prints, and what it is warned of."""
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _own_draws() -> Iterator[None]:
    """The package draws from the global generators: give it its own numbers, and those back."""
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()
    torch.default_generator.manual_seed(SEED)
    np.random.seed(SEED)
    try:
        yield
    finally:
        torch.set_rng_state(torch_state)
        np.random.set_state(numpy_state)


def _sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))
