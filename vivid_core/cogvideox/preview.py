"""Cheap colour previews of latents: a linear map fitted on the clip that is being edited."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

RIDGE = 1e-3  # keeps the fit stable on flat clips


class LatentPreview:
    """Maps latents [T, C, h, w] to small frames [T, h, w, 3] in 0..1.

    Fitted by least squares on latents whose pixels are known, so that it serves any VAE without
    a table of factors.
    """

    def __init__(
        self, latents: Float[Tensor, "t c h w"], pixels: Float[Tensor, "frames 3 height width"]
    ) -> None:
        t, c, h, w = latents.shape
        picked = pixels[torch.linspace(0, len(pixels) - 1, t).round().long()]
        small = F.interpolate(picked.float(), size=(h, w), mode="area")
        x = self._rows(latents.float().cpu())
        y = small.permute(0, 2, 3, 1).reshape(-1, 3).cpu()
        gram = x.T @ x + RIDGE * len(x) * torch.eye(c + 1)
        self.weights = torch.linalg.solve(gram, x.T @ y)

    def __call__(self, latents: Float[Tensor, "t c h w"]) -> Float[Tensor, "t h w 3"]:
        t, _, h, w = latents.shape
        colors = self._rows(latents.float().cpu()) @ self.weights
        return ((colors + 1) / 2).clamp(0, 1).reshape(t, h, w, 3)

    @staticmethod
    def _rows(latents: Tensor) -> Tensor:
        """One row a latent pixel, with a constant column."""
        rows = latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
        return F.pad(rows, (0, 1), value=1.0)
