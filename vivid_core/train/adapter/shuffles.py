"""Endless shuffles, any element of which follows from its place."""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
from jaxtyping import Int64

Ints = Int64[np.ndarray, " n"]


class Shuffles:
    """Streams of shuffles of 0 .. count-1, one after the other, each a new one.

    The newest of each of the `streams` stay in memory: going on costs nothing but every count-th
    time, a leap one shuffle. Threads may share it.
    """

    def __init__(self, seed: int, *, streams: int) -> None:
        self._kept = lru_cache(maxsize=2 * streams)(partial(_shuffled, seed))

    def whole(self, stream: int, number: int, count: int) -> Ints:
        """The shuffle of this number. Not to be written to."""
        return self._kept(stream, number, count)

    def nth(self, stream: int, n: int, count: int) -> int:
        """The n-th element of a stream."""
        number, place = divmod(n, count)
        return int(self.whole(stream, number, count)[place])


def _shuffled(seed: int, stream: int, number: int, count: int) -> Ints:
    return np.random.default_rng([seed, stream, number]).permutation(count)
