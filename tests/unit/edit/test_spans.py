"""Spans cover every frame once, chained by one shared frame."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vivid_core.edit.spans import plan_spans
from vivid_core.latents import Geometry

geometries = st.sampled_from(
    [(Geometry(), 49), (Geometry(space=4), 17), (Geometry(patch_time=2), 85)]
)


@given(st.integers(1, 400), geometries)
def test_spans_cover_the_clip(frames, model):
    geometry, longest = model
    spans = plan_spans(frames, geometry, longest)
    assert spans[0].start == 0 and spans[-1].stop == frames
    for before, after in zip(spans, spans[1:], strict=False):
        assert after.start == before.stop - 1
    for span in spans:
        assert len(span) <= longest
        assert span.model_frames == geometry.legal_frames(len(span)) >= len(span)
        assert len(span) > 1 or frames == 1


@given(st.integers(1, 400), geometries)
def test_no_more_spans_than_needed(frames, model):
    geometry, longest = model
    fresh = longest - 1
    assert len(plan_spans(frames, geometry, longest)) == max(1, -(-(frames - 1) // fresh))
