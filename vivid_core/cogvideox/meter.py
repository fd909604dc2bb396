"""What an edit really spent: forward passes counted while they run, and peak memory."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..edit.cost import CostEstimate, estimate_cost, transformer_flops
from ..edit.request import EditRequest
from .bundle import ModelBundle


class EditMeter:
    """Counts the transformer's forward passes inside a `with` block."""

    def __init__(self, bundle: ModelBundle, device: torch.device) -> None:
        self.bundle, self.device = bundle, device
        self.transformer_flops = 0.0
        self.peak_memory_bytes = 0

    def __enter__(self) -> EditMeter:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        self._hook = self.bundle.transformer.register_forward_pre_hook(
            self._count, with_kwargs=True
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hook.remove()
        self.peak_memory_bytes = peak_memory(self.device)

    def estimate(self, request: EditRequest, effective: Float[Tensor, "t h w"]) -> CostEstimate:
        """The planned cost of the same request."""
        return estimate_cost(
            self.bundle,
            frames=len(request.clip),
            height=request.clip.size[0],
            width=request.clip.size[1],
            steps=request.steps,
            guidance=request.guidance,
            mask=effective,
            focus=request.focus,
            keyframes=[keyframe.frame for keyframe in request.keyframes],
        )

    def _count(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        latents = kwargs["hidden_states"]
        batch, frames, _, height, width = latents.shape
        flops = transformer_flops(
            module.config,
            frames=frames,
            height=height,
            width=width,
            text_tokens=kwargs["encoder_hidden_states"].shape[1],
        )
        self.transformer_flops += batch * flops


def peak_memory(device: torch.device) -> int:
    """Bytes: of the device's tensors on a GPU, of the whole process so far on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
