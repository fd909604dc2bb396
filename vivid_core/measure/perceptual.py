"""LPIPS (Zhang et al. 2018), where its package and its weights are installed."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..metrics.psnr import Frames, Masks, selected_pixels

BACKBONE = "alexnet-owt-7be5be79.pth"  # what torchvision calls the weights that lpips takes
NO_PACKAGE = "needs the package lpips (pip install lpips)"
NO_WEIGHTS = f"needs AlexNet's weights: put {BACKBONE} of torchvision into {{folder}}"


class Perceptual:
    """LPIPS 0.1 with AlexNet, which its authors advise for comparing pictures."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def distance(self, result: Frames, truth: Frames, mask: Masks) -> float:
        """Mean of the map of distances inside the mask; 0 is equal. Frame by frame."""
        maps = []
        with torch.no_grad():
            for a, b in zip(result, truth, strict=True):
                pair = [2 * frame.permute(2, 0, 1)[None] - 1 for frame in (a, b)]
                maps.append(self._network(*pair)[0, 0])
        return float(torch.stack(maps)[selected_pixels(mask)].mean())

    def mean_distance(
        self, result: Float[Tensor, "n 3 h w"], truth: Float[Tensor, "n 3 h w"]
    ) -> Float[Tensor, ""]:
        """The same over whole frames in -1..1, with a gradient for `result`: to train by."""
        self._network.to(result.device)
        return self._network(result, truth).mean()


def load_perceptual() -> Perceptual | str:
    """LPIPS, or why it cannot be measured here; nothing is downloaded."""
    try:
        import lpips
    except ImportError:
        return NO_PACKAGE
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    if not (folder / BACKBONE).is_file():
        return NO_WEIGHTS.format(folder=folder)
    try:
        with torch.inference_mode(False), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it calls torchvision as torchvision no longer likes
            network = lpips.LPIPS(net="alex", spatial=True, verbose=False)
    except Exception as error:  # damaged weights raise whatever their reader raises
        return f"{folder / BACKBONE} cannot be loaded: {str(error).splitlines()[0]}"
    return Perceptual(network.eval().requires_grad_(False))
