"""Buckets: every clip in the nearest one it is long enough for, every batch from one of them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.data.folder import FilePair
from vivid_core.data.samples import Task, TrainingSample
from vivid_core.errors import InputError
from vivid_core.files.parse import build_config
from vivid_core.train.adapter.buckets import Size, image_size, shortest_video, video_size
from vivid_core.train.adapter.config import AdapterConfig
from vivid_core.train.adapter.order import Order

SIDES = st.integers(1, 8).map(lambda n: 16 * n)
SIZES = st.lists(
    st.tuples(st.sampled_from([1, 9, 17, 25]), SIDES, SIDES), min_size=1, max_size=4, unique=True
).map(tuple)


FACTS = st.lists(
    st.tuples(
        st.sampled_from(["edit", "delete"]),
        st.integers(1, 30),
        st.tuples(st.integers(8, 200), st.integers(8, 200)),
    ),
    min_size=1,
    max_size=8,
)
Facts = list[tuple[Task, int, tuple[int, int]]]


def samples(facts: Facts) -> list[TrainingSample]:
    return [
        TrainingSample(
            name=f"s{i}",
            pixels=FilePair(clip=Path("c"), mask=Path("m")),
            task=task,
            captions=("a",),
            frames=frames,
            size=size,
            masked=(0,),
            digest=f"s{i}",
        )
        for i, (task, frames, size) in enumerate(facts)
    ]


def order(given_samples: list[TrainingSample], sizes: tuple[Size, ...], **changes) -> Order:
    one = Order(
        samples=given_samples,
        sizes=sizes,
        images_per_video=1,
        edits_per_deletion=1,
        keyframe_share=0.5,
        batch=3,
        seed=5,
    )
    return replace(one, **changes)


def distance(sample: TrainingSample, size: Size) -> float:
    return abs(math.log(sample.size[0] / sample.size[1]) - math.log(size[1] / size[2]))


@given(FACTS, SIZES)
def test_a_clip_goes_to_the_nearest_shape_that_it_is_long_enough_for(
    facts: Facts, sizes: tuple[Size, ...]
):
    for clip in samples(facts):
        fitting = [size for size in sizes if 1 < size[0] <= clip.frames]
        chosen = video_size(clip, sizes)
        assert (chosen is None) == (not fitting)
        if chosen is not None:
            assert chosen in fitting
            nearest = min(distance(clip, size) for size in fitting)
            assert distance(clip, chosen) == pytest.approx(nearest, abs=1e-8)
        still = image_size(clip, sizes)
        assert still[0] == 1 and still[1:] in {size[1:] for size in sizes}
        nearest = min(distance(clip, size) for size in sizes)
        assert distance(clip, still) == pytest.approx(nearest, abs=1e-8)


@given(FACTS, SIZES, st.integers(0, 300))
def test_a_batch_is_of_one_bucket_and_follows_from_its_step(
    facts: Facts, sizes: tuple[Size, ...], step: int
):
    clips = samples(facts)
    training = order(clips, sizes)
    size, picked = training.size(step), training.picked(step)
    assert len(picked) == 3
    if training.medium(step) == "image":
        assert {image_size(clip, sizes) for clip in picked} == {size} and size[0] == 1
    else:
        assert {video_size(clip, sizes) for clip in picked} == {size}
    again = order(clips, sizes)
    assert (again.size(step), again.picked(step)) == (size, picked)


@given(FACTS, SIZES)
def test_each_bucket_comes_as_often_as_it_has_clips(facts: Facts, sizes: tuple[Size, ...]):
    """And each of its clips as often as the next of its task."""
    clips = samples(facts)
    training = order(clips, sizes, images_per_video=math.inf)
    rounds = 4
    steps = range(rounds * len(clips))
    counted = Counter(training.size(step) for step in steps)
    assert counted == {
        size: rounds * count
        for size, count in Counter(image_size(clip, sizes) for clip in clips).items()
    }
    names = Counter(clip.name for step in steps for clip in training.picked(step))
    for size in counted:
        for task in ("edit", "delete"):
            inside = [c for c in clips if image_size(c, sizes) == size and c.task == task]
            times = [names[clip.name] for clip in inside]
            assert not times or max(times) - min(times) <= 1


@given(FACTS, st.tuples(st.sampled_from([1, 9, 17]), SIDES, SIDES), st.integers(0, 99))
def test_one_bucket_is_one_size(facts: Facts, size: Size, step: int):
    training = order(samples(facts), (size,))
    frames = size[0] if training.medium(step) == "video" else 1
    assert training.size(step) == (frames, *size[1:])


def test_the_shortest_video():
    assert shortest_video([(25, 16, 16), (9, 32, 16), (1, 8, 8)]) == 9
    assert shortest_video([(1, 8, 8)]) == 1


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"buckets": [[9, 0, 16]]}, r"recipe: buckets must be positive, got \(9, 0, 16\)"),
        ({"buckets": [[9, 16, 16], [9, 16, 16]]}, "buckets must differ"),
        ({"buckets": [[9, 16, 16]], "size": [9, 16, 16]}, "size and buckets exclude each other"),
        ({"buckets": [[9, 16]]}, r"recipe: buckets\[0\]: needs a list of 3"),
        ({"buckets": 9}, "recipe: buckets: needs a list"),
    ],
)
def test_a_mistake_is_told_with_its_place(recipe: dict, message: str):
    with pytest.raises(InputError, match=message):
        build_config(AdapterConfig, {"data": "d", "out": "o", "recipe": recipe}, where="x")
