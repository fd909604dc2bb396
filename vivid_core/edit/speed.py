"""How fast this machine multiplies matrices: measured once, so that costs can be told as time."""

from __future__ import annotations

import time
from functools import cache

import torch
from torch import Tensor

SMALLEST, LARGEST = 256, 4096  # sides of the matrices
LONG_ENOUGH_SECONDS = 0.005  # a product that takes this keeps the device busy; shorter ones grow
BUDGET_SECONDS = 0.2


@cache
def matmul_speed(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of a matrix product there, always above 0; a product n^3 counts 2 n^3.

    The fastest run counts, as other programs only slow a run down. Takes about 0.2 s on a device
    that is in use already; asked again, it answers at once.
    """
    begun, side, best = time.perf_counter(), SMALLEST, 0.0
    values = _matrix(side, device, dtype)
    _seconds(values)  # what is set up once is not counted
    while time.perf_counter() - begun < BUDGET_SECONDS or best == 0.0:
        seconds = _seconds(values)
        best = max(best, 2 * side**3 / seconds)
        if seconds < LONG_ENOUGH_SECONDS and side < LARGEST:
            side *= 2
            values = _matrix(side, device, dtype)
    return best


def _matrix(side: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Not random: nothing here may move the generator that others draw from. Not constant either:
    cards clock higher on numbers that are all the same.
    """
    return torch.linspace(-1, 1, side * side, device=device).to(dtype).view(side, side)


def _seconds(values: Tensor) -> float:
    begun = time.perf_counter()
    product = values @ values
    product[0, 0].item()  # waits for the device
    return max(time.perf_counter() - begun, time.get_clock_info("perf_counter").resolution)
