"""Which finds are kept: rules of score and size, overlaps suppressed, boxes inside the frame."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import InputError
from vivid_core.perceive.protocols import Entity
from vivid_core.perceive.selection import (
    DetectionRules,
    SelectiveDetector,
    box_area,
    box_iou,
    entity_in_frame,
    select_entities,
    suppress_overlaps,
)

SIZE = (60, 80)
ANYTHING = DetectionRules(score=0, smallest=0, largest=1, overlap=1, most=1000)


def spans(end: int):
    return st.tuples(st.integers(0, end - 1), st.integers(1, end)).filter(lambda s: s[0] < s[1])


BOXES = st.builds(lambda x, y: (x[0], y[0], x[1], y[1]), spans(SIZE[1]), spans(SIZE[0]))
ENTITIES = st.lists(
    st.builds(
        lambda box, score, label: Entity(label=label, box=box, score=score),
        BOXES,
        st.floats(0, 1),
        st.sampled_from(["dog", "cat"]),
    ),
    max_size=12,
)


@given(BOXES, BOXES)
def test_iou_counts_pixels(a, b):
    cells = [
        {(x, y) for x in range(int(l), int(r)) for y in range(int(t), int(d))}
        for l, t, r, d in (a, b)  # noqa: E741
    ]
    assert box_iou(a, b) == pytest.approx(len(cells[0] & cells[1]) / len(cells[0] | cells[1]))
    assert box_iou(a, b) == box_iou(b, a)


@given(ENTITIES, st.floats(0, 1))
def test_what_is_kept_does_not_overlap_and_covers_what_is_dropped(entities, overlap):
    kept = suppress_overlaps(entities, overlap)
    for i, entity in enumerate(kept):
        assert all(box_iou(entity.box, other.box) <= overlap for other in kept[:i])
    for entity in entities:
        if entity not in kept:
            assert any(
                other.score >= entity.score and box_iou(entity.box, other.box) > overlap
                for other in kept
            )


@given(ENTITIES, st.floats(0, 1), st.integers(1, 4))
def test_the_surest_that_fit_are_selected(entities, score, most):
    rules = DetectionRules(score=score, smallest=0.01, largest=0.5, most=most)
    kept = select_entities(entities, SIZE, rules)
    scores = [entity.score for entity in kept]
    assert len(kept) <= most and scores == sorted(scores, reverse=True)
    whole = SIZE[0] * SIZE[1]
    assert all(e.score >= score and 0.01 <= box_area(e.box) / whole <= 0.5 for e in kept)
    assert len(select_entities(entities, SIZE, ANYTHING)) == len(entities)


@given(st.tuples(*[st.floats(-200, 200)] * 4), st.floats(-1, 2))
def test_a_box_is_cut_to_the_frame_or_lies_outside_of_it(box, score):
    entity = entity_in_frame("dog", box, score, SIZE)
    left, top, right, bottom = box
    meets = max(left, 0) < min(right, SIZE[1]) and max(top, 0) < min(bottom, SIZE[0])
    assert (entity is not None) == meets
    if entity is not None:
        assert entity.box[2] <= SIZE[1] and entity.box[3] <= SIZE[0]


class OneDog:
    """Finds a small and a large dog, whatever is asked for."""

    digest = "dogs"

    def detect(self, frame, labels):
        return (
            Entity(label="dog", box=(0, 0, 2, 2), score=0.9),
            Entity(label="dog", box=(0, 0, 40, 30), score=0.5),
        )


def test_a_detector_with_rules_hands_out_what_fits_and_its_digest_knows_the_rules(frame):
    rules = DetectionRules(smallest=0.1)
    chosen = SelectiveDetector(OneDog(), rules)
    assert [e.score for e in chosen.detect(frame(*SIZE), ["dog"])] == [0.5]
    assert chosen.digest == SelectiveDetector(OneDog(), DetectionRules(smallest=0.1)).digest
    assert chosen.digest != SelectiveDetector(OneDog(), DetectionRules(smallest=0.2)).digest


@pytest.mark.parametrize(
    ("rules", "words"),
    [({"score": 2}, "0 to 1"), ({"smallest": 0.9, "largest": 0.1}, "above"), ({"most": 0}, "1")],
)
def test_rules_that_nothing_fits_are_refused(rules, words):
    with pytest.raises(InputError, match=words):
        DetectionRules(**rules)
