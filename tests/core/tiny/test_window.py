"""Training windows hold the whole hole wherever that is possible."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.tiny.recipe.window import PATCH, window_around


@given(
    used=st.lists(st.booleans(), min_size=4, max_size=24).filter(lambda u: len(u) % 2 == 0),
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_windows_lie_in_the_frame_and_hold_what_is_used(used, share, seed):
    side = 2 + 2 * int(share * (len(used) - 2) / 2)
    window = window_around(torch.tensor(used), side, torch.Generator().manual_seed(seed))
    assert window.stop - window.start == side
    assert window.start % PATCH == 0
    assert 0 <= window.start and window.stop <= len(used)
    places = [i for i, one in enumerate(used) if one]
    fits = [
        start
        for start in range(0, len(used) - side + 1, PATCH)
        if all(start <= place < start + side for place in places)
    ]
    if fits:
        assert window.start in fits
    else:
        middle = (places[0] + places[-1] + 1) / 2
        nearest = min(abs(s + side / 2 - middle) for s in range(0, len(used) - side + 1, PATCH))
        assert abs(window.start + side / 2 - middle) <= nearest + PATCH


def test_every_fitting_window_is_drawn():
    used = torch.zeros(16, dtype=torch.bool)
    used[7:9] = True
    generator = torch.Generator().manual_seed(0)
    starts = {window_around(used, 8, generator).start for _ in range(100)}
    assert starts == {2, 4, 6}
