"""Find dissolves and fades: where one scene turns into another bit by bit.

Frames a stretch apart are compared (twin comparison, Zhang et al. 1993), since from one to the next
little changes. What tells a dissolve from motion: its frames are mixtures of the two at its ends,
more of the second with each (Alattar 1993).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from itertools import pairwise

from .glance import Glance, differs

SPANS = (4, 7, 10, 14, 20, 28, 40)  # frames from one end to the other
PROBES = (0.25, 0.5, 0.75)  # of the way: where mixtures are looked at
STEP = 0.1  # least growth of the second scene's share from probe to probe
# A mixture loses contrast: s (1 - s) of the squared difference of its parts for a share s (the
# parabola of Alattar). What moves keeps it, and leaves that much unexplained, or more.
MOST_KEPT = 0.7
FAINT = 0.5  # of the contrast that a scene has when it has appeared
FLAT = 3.0  # contrast, of 255, below which a frame is black, white or of one colour


@dataclass(frozen=True, kw_only=True)
class Gradual:
    """A change from frame `first` to `last`, both of one scene only; `middle` begins the next.

    `is_fade`: it goes over black, or another flat colour.
    """

    first: int
    last: int
    middle: int
    size: float  # squared difference of both ends
    is_fade: bool = False


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """A glance, and the number of its frame."""

    number: int
    glance: Glance


class GradualFinder:
    """Finds them in glances that are added one by one; keeps those of the longest span.

    `found` holds them in order; the next frames may change the last.
    """

    def __init__(self) -> None:
        self.found: list[Gradual] = []
        self._seen = deque[_Seen](maxlen=SPANS[-1] + 1)
        self._left: _Seen | None = None  # what was shown before the frames became flat
        self._flat: tuple[int, int] | None = None  # the first and the last of these

    def add(self, glance: Glance) -> None:
        """Take the next frame."""
        number = self._seen[-1].number + 1 if self._seen else 0
        flat = glance.contrast < FLAT
        if flat:
            self._note_flat(number)
        self._seen.append(_Seen(number=number, glance=glance))
        if flat:  # what it fades to is not known yet
            return
        for span in SPANS:
            found = self._over(span) if span < len(self._seen) else None
            if found is not None:
                self._note(found)

    def _note(self, found: Gradual) -> None:
        """Of changes that overlap, which are one that is seen several times, the largest counts."""
        last = self.found[-1] if self.found else None
        if last is None or found.first >= last.last:
            self.found.append(found)
        elif found.size > last.size:
            self.found[-1] = found

    def _note_flat(self, number: int) -> None:
        if self._flat is not None and self._flat[1] == number - 1:
            self._flat = self._flat[0], number
            return
        self._flat = number, number
        self._left = None
        for seen in reversed(self._seen):  # back to where it began to fade
            if self._left and seen.glance.contrast <= self._left.glance.contrast:
                break
            self._left = seen
        since = min(number - SPANS[0], self._left.number if self._left else number)
        if self.found and not self.found[-1].is_fade and self.found[-1].last >= since:
            self.found.pop()  # what seemed a darker scene was this fade

    def _over(self, span: int) -> Gradual | None:
        before, now = self._seen[-1 - span], self._seen[-1]
        if before.glance.contrast < FLAT:
            return self._from_flat(before, now, span)
        if self._rises(before, now) or not differs(before.glance, now.glance):
            return None
        return self._mixed(before, now, span)

    def _rises(self, before: _Seen, now: _Seen) -> bool:
        """Whether flat frames lie between, or a frame is still faint after some."""
        if self._flat is None or self._flat[1] < self._seen[0].number:
            return False
        faint = before.glance.contrast < FAINT * now.glance.contrast
        return faint or before.number < self._flat[1]

    def _from_flat(self, before: _Seen, now: _Seen, span: int) -> Gradual | None:
        """A scene that appears, if another one was left: it begins in the middle of the dark."""
        if self._left is None or self._flat is None or self._flat[1] < before.number:
            return None
        if not differs(self._left.glance, now.glance):
            return None
        found = self._mixed(before, now, span)
        middle = (self._flat[0] + self._flat[1] + 1) // 2
        return found and replace(found, first=self._left.number, middle=middle, is_fade=True)

    def _mixed(self, before: _Seen, now: _Seen, span: int) -> Gradual | None:
        """The change, if what lies between is a growing mixture of both ends."""
        between = list(self._seen)[-1 - span :]
        probes = [between[round(share * span)].glance for share in PROBES]
        mixture = _Mixture(before.glance, now.glance)
        shares = [mixture.share(probe) for probe in probes]
        if any(b - a < STEP for a, b in pairwise([0.0, *shares, 1.0])):
            return None
        lost = sum(share * (1 - share) for share in shares)
        if sum(map(mixture.unexplained, probes)) > MOST_KEPT * lost:
            return None
        middle = next(one.number for one in between if mixture.share(one.glance) >= 0.5)
        return Gradual(first=before.number, last=now.number, middle=middle, size=mixture.size)


class _Mixture:
    """Two frames, and how others are made of them by least squares."""

    def __init__(self, first: Glance, second: Glance) -> None:
        self._first, self._step = first.light, second.light - first.light
        self.size = max(float((self._step**2).sum()), 1.0)

    def share(self, mixed: Glance) -> float:
        """How much of the second there is."""
        return float(((mixed.light - self._first) * self._step).sum()) / self.size

    def unexplained(self, mixed: Glance) -> float:
        """What is neither, of the squared difference of both."""
        left = mixed.light - self._first - self.share(mixed) * self._step
        return float((left**2).sum()) / self.size
