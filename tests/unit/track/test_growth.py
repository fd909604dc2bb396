"""Which masks are doubted for their size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vivid_core.track.growth import LEAST_GAIN, MOST_GROWTH, MOST_SHARE, find_growth

SHARES = st.floats(0.0, 1.0)
TRACKS = st.dictionaries(st.integers(0, 30), SHARES, min_size=1)


def jumps(areas, prompted=(0,), drawn=0.0):
    return [j.frame for j in find_growth(areas, prompted, drawn=drawn).jumps]


def by_number(*shares):
    return dict(enumerate(shares))


@given(TRACKS, st.lists(st.integers(0, 30), min_size=1, max_size=3), SHARES)
def test_doubt_has_a_reason(areas, prompted, drawn):
    growth = find_growth(areas, prompted, drawn=drawn)
    assert growth.doubted <= areas.keys()
    assert set(growth.large) <= growth.doubted
    for jump in growth.jumps:
        assert jump.frame in growth.doubted and jump.frame not in prompted
        assert jump.after > MOST_GROWTH * jump.before and jump.after - jump.before > LEAST_GAIN
    if not growth.large and not growth.jumps:
        assert not growth.doubted
    if drawn > MOST_SHARE:
        assert not growth.large


@given(st.lists(st.floats(0.01, 1.0), min_size=2, max_size=20), SHARES)
def test_backwards_is_forwards_in_a_mirror(shares, drawn):
    last = len(shares) - 1
    forward = find_growth(by_number(*shares), [0], drawn=drawn)
    mirrored = {last - frame: share for frame, share in enumerate(shares)}
    backward = find_growth(mirrored, [last], drawn=drawn)
    assert [last - j.frame for j in forward.jumps] == sorted(
        (j.frame for j in backward.jumps), reverse=True
    )
    assert {last - frame for frame in forward.doubted} == backward.doubted


@given(st.floats(0.01, MOST_SHARE), st.floats(1.0, 1.9), st.integers(2, 20))
def test_what_comes_nearer_is_not_doubted(start, times, frames):
    shares = [min(start * times**frame, MOST_SHARE) for frame in range(frames)]
    assert not find_growth(by_number(*shares), [0], drawn=0.0).doubted


def test_a_spill_is_doubted_until_it_is_gone():
    growth = find_growth(by_number(0.05, 0.05, 0.3, 0.32, 0.3, 0.06, 0.05), [0], drawn=0.0)
    assert [(j.frame, j.before, j.after) for j in growth.jumps] == [(2, 0.05, 0.3)]
    assert growth.doubted == {2, 3, 4}
    assert growth.large == ()


def test_a_correction_ends_the_doubt():
    areas = by_number(0.05, 0.3, 0.3, 0.3, 0.3)
    assert find_growth(areas, [0, 3], drawn=0.0).doubted == {1, 2}


def test_growth_that_is_no_spill():
    assert jumps(by_number(0.001, 0.015)) == []  # a few pixels
    assert jumps({0: 0.05, 1: 0.05, 4: 0.3}) == []  # hidden in between
    assert jumps(by_number(0.05, 0.3), prompted=(0, 1)) == []  # somebody said so


def test_a_third_of_the_picture():
    assert find_growth(by_number(0.4, 0.3), [0], drawn=0.0).large == (0,)
    assert find_growth(by_number(0.4, 0.3), [0], drawn=0.35).large == ()
