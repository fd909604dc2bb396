"""Which frames of a clip are seen at another frame rate."""

from __future__ import annotations

from fractions import Fraction

from ..errors import InputError

PAPER_RATE = Fraction(15, 2)  # frames a second; VIVID, section 5.2 and appendix C


def frames_at_rate(frames: int, fps: Fraction, rate: Fraction) -> list[int]:
    """The frame that is on screen at the times 0, 1/rate, 2/rate, ...; 30 to 7.5 is every fourth.

    Rates are in frames a second. Raises InputError for a rate above the clip's own: frames would
    be counted twice.
    """
    if not 0 < rate <= fps:
        raise InputError("fps", f"is {float(fps):g}, which gives no {float(rate):g} a second")
    step = fps / rate
    count = -(-frames * step.denominator // step.numerator)
    return [int(k * step) for k in range(count)]
