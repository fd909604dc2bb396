"""What an edit really spent: forward passes of the transformer, counted while they run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from .flops import transformer_flops


class PassCounter:
    """FLOPs of the forward passes it was told of."""

    def __init__(self) -> None:
        self.flops = 0.0

    def count(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A forward pre-hook."""
        latents = kwargs["hidden_states"]
        batch, frames, _, height, width = latents.shape
        self.flops += batch * transformer_flops(
            module.config,
            frames=frames,
            height=height,
            width=width,
            text_tokens=kwargs["encoder_hidden_states"].shape[1],
        )


@contextmanager
def counted_passes(transformer: nn.Module) -> Iterator[PassCounter]:
    """Counts the transformer's forward passes inside a `with` block."""
    counter = PassCounter()
    hook = transformer.register_forward_pre_hook(counter.count, with_kwargs=True)
    try:
        yield counter
    finally:
        hook.remove()
