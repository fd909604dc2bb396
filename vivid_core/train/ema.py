"""Exponential moving average of trainable weights."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class WeightAverage:
    """Averages parameters with a warm-up: decay_t = min(decay, (1 + t) / (10 + t))."""

    def __init__(self, parameters: Iterable[nn.Parameter], *, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.averages = [p.detach().clone() for p in parameters]

    @torch.no_grad()
    def update(self, parameters: Iterable[nn.Parameter]) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.averages, [p.detach() for p in parameters], 1 - decay)

    @torch.no_grad()
    def swap(self, parameters: Iterable[nn.Parameter]) -> None:
        """Exchange the averages with the live weights; call again to undo."""
        for average, parameter in zip(self.averages, parameters, strict=True):
            live = parameter.detach().clone()
            parameter.copy_(average)
            average.copy_(live)

    def state_dict(self) -> dict[str, Tensor | int | list[Tensor]]:
        return {"steps": self.steps, "averages": self.averages}

    def load_state_dict(self, state: dict) -> None:
        self.steps = state["steps"]
        for average, saved in zip(self.averages, state["averages"], strict=True):
            average.copy_(saved)
