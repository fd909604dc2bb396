"""Checks of full memory and of interrupts in ComfyUI's VAE.

Part of inside_core_model.py, in its process.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import torch

if __package__:  # to be listed by pytest
    from .core_models import WINDOW, clip_and_mask, edit, require_exact, vace
else:
    from core_models import WINDOW, clip_and_mask, edit, require_exact, vace


class Full:
    """A part of a VAE that runs out of memory the first few times."""

    def __init__(self, whole: Callable[..., Any], times: int) -> None:
        self._whole, self._left, self.calls = whole, times, 0

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        import comfy.model_management as management

        self.calls += 1
        if self.calls <= self._left:
            raise management.OOM_EXCEPTION("out of memory")
        return self._whole(*arguments, **options)


def full_memory_makes_tiles(nodes: Any) -> None:
    """ComfyUI decides on them, for encoding and for decoding."""
    frames, mask = clip_and_mask(frames=WINDOW)
    model = vace(nodes)
    network = model.bundle.vae.first_stage_model
    parts = {name: Full(getattr(network, name), 1) for name in ("encode", "decode")}
    with ExitStack() as patched:
        for name, part in parts.items():
            patched.enter_context(patch.object(network, name, part))
        edited, effective, *_ = edit(nodes, model, frames, mask)
    require_exact(edited, effective, frames)
    assert all(part.calls > 1 for part in parts.values())


def memory_that_stays_full_is_said_as_comfyui_says_it(nodes: Any) -> None:
    """And the model is as good as before."""
    import comfy.model_management as management

    frames, mask = clip_and_mask(frames=WINDOW)
    model = vace(nodes)
    before = edit(nodes, model, frames, mask)[0]
    network = model.bundle.vae.first_stage_model
    with patch.object(network, "decode", Full(network.decode, 1000)):
        try:
            edit(nodes, model, frames, mask)
            raise AssertionError("it had memory")
        except management.OOM_EXCEPTION as error:
            assert "out of memory" in f"{error}"
    assert torch.equal(edit(nodes, model, frames, mask)[0], before)


def a_stop_while_decoding_is_heard(nodes: Any) -> None:
    import comfy.model_management as management

    frames, mask = clip_and_mask(frames=WINDOW)
    model = vace(nodes)
    network = model.bundle.vae.first_stage_model
    whole = network.decode

    def stopped(*arguments: Any, **options: Any) -> Any:
        management.interrupt_current_processing(True)
        return whole(*arguments, **options)

    with patch.object(network, "decode", stopped):
        try:
            edit(nodes, model, frames, mask)
            raise AssertionError("it was not stopped")
        except management.InterruptProcessingException:
            pass
    assert not management.processing_interrupted()


CHECKS: dict[str, Callable[[Any], str | None]] = {
    check.__name__: check
    for check in (
        full_memory_makes_tiles,
        memory_that_stays_full_is_said_as_comfyui_says_it,
        a_stop_while_decoding_is_heard,
    )
}
