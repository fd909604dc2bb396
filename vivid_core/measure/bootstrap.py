"""How sure a mean is: bootstrap confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError

DRAWS = 2000  # resamples; Efron and Tibshirani 1993, chapter 13, advise 1000 or more
LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean of `count` values with the ends of its confidence interval, which may be infinite.

    The ends are None where all values come from one clip: nothing tells how others would be.
    """

    mean: float
    low: float | None
    high: float | None
    count: int


def bootstrap_mean(
    values: Sequence[float],
    *,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> Interval:
    """The mean and its percentile interval (Efron 1979), the same for the same seed.

    `groups` names where each value comes from: values of one clip under several masks are no
    independent ones, so whole groups are drawn.
    Raises InputError for no values, NaN, or a level outside 0 to 1.
    """
    found = np.asarray(values, np.float64)
    if not len(found) or np.isnan(found).any():
        raise InputError("values", f"need numbers, at least one; got {list(values)[:4]}")
    if not 0 < level < 1:
        raise InputError("level", f"must be between 0 and 1, got {level:g}")
    names = [str(i) for i in range(len(found))] if groups is None else list(groups)
    sums, counts = _by_group(found, names)
    mean = float(found.mean())
    if len(sums) == 1:
        return Interval(mean=mean, low=None, high=None, count=len(found))
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(sums), size=(draws, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    # No interpolation: between an infinite mean and another there is nothing.
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return Interval(mean=mean, low=float(low), high=float(high), count=len(found))


def _by_group(values: np.ndarray, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The sum and the number of values of each group, in the order of their first values."""
    if len(names) != len(values):
        raise InputError("groups", f"need one a value: {len(values)}, got {len(names)}")
    places = {name: i for i, name in enumerate(dict.fromkeys(names))}
    where = [places[name] for name in names]
    sums, counts = np.zeros(len(places)), np.zeros(len(places))
    np.add.at(sums, where, values)
    np.add.at(counts, where, 1)
    return sums, counts
