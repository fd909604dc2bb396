"""A module that leaves the device while nobody needs it, and comes back when it is called."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from ...cogvideox.bundle import ModelBundle

REST = torch.device("cpu")
_STAYING = ("none", "host")  # offloads that leave a module on the device once it is there


class RestingEncoder:
    """The text encoder of a bundle. One that moves by itself (offload) is left alone."""

    def __init__(self, bundle: ModelBundle) -> None:
        self._module = bundle.text_encoder
        self._may_rest = bundle.placement.offload in _STAYING
        self._home: torch.device | None = None  # while it rests
        self._hook: RemovableHandle | None = None

    def rest(self) -> None:
        """Send it off until it is called."""
        if not self._may_rest or self._home is not None:
            return
        self._home = self._module.device
        self._module.to(REST)
        if self._hook is None:
            self._hook = self._module.register_forward_pre_hook(self._before, with_kwargs=True)

    def close(self) -> None:
        """Leave it where it was."""
        self._return()
        if self._hook is not None:
            self._hook.remove()
            self._hook = None

    def _return(self) -> None:
        if self._home is not None:
            self._module.to(self._home)
            self._home = None

    def _before(self, module: nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """Whoever calls it found it at rest, and has put the inputs there."""
        from accelerate.utils import send_to_device

        self._return()
        device = next(module.parameters()).device
        return send_to_device(args, device), send_to_device(kwargs, device)
