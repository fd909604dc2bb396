"""The order of a training: ratios in every stretch, every sample as often as the next."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vivid_core.data.folder import FilePair
from vivid_core.data.samples import Task, TrainingSample
from vivid_core.train.adapter.order import Order, belongs, count_before, share_of

RATIOS = st.floats(min_value=0, max_value=100, allow_nan=False)


def sample(name: str, *, frames: int = 9, task: Task = "edit") -> TrainingSample:
    return TrainingSample(
        name=name,
        pixels=FilePair(clip=Path(name), mask=Path(name)),
        task=task,
        captions=("a",),
        frames=frames,
        size=(8, 8),
        masked=(0,),
        digest=name,
    )


def order(*samples: TrainingSample, images: float = 10, edits: float = 3, batch: int = 4) -> Order:
    return Order(
        samples=samples,
        sizes=((9, 8, 8),),
        images_per_video=images,
        edits_per_deletion=edits,
        keyframe_share=0.5,
        batch=batch,
        seed=3,
    )


@given(RATIOS, st.integers(0, 2000), st.integers(1, 300))
def test_a_ratio_holds_in_every_stretch(ratio: float, start: int, length: int):
    share = share_of(ratio)
    found = sum(belongs(position, share) for position in range(start, start + length))
    assert abs(found - length * share) <= 1 + 1e-9
    assert found == count_before(start + length, share) - count_before(start, share)


def test_the_papers_ratios_come_out():
    samples = [
        *(sample(f"e{i}") for i in range(5)),
        *(sample(f"d{i}", task="delete") for i in "ab"),
    ]
    training = order(*samples, batch=4)
    media = Counter(training.medium(step) for step in range(1100))
    assert (media["image"], media["video"]) == (1000, 100)
    known = [step for step in range(1100) if training.knows_keyframe(step)]
    assert 30 < len(known) < 70 and {training.medium(step) for step in known} == {"video"}
    tasks = Counter(s.task for step in range(1100) for s in training.picked(step))
    assert (tasks["edit"], tasks["delete"]) == (3300, 1100)
    names = Counter(s.name for step in range(1100) for s in training.picked(step))
    edits = [names[f"e{i}"] for i in range(5)]
    assert max(edits) - min(edits) <= 2  # one shuffle for images, one for video


def test_a_step_depends_on_nothing_but_its_number():
    samples = [sample(f"s{i}") for i in range(7)]
    assert order(*samples).picked(500) == order(*samples).picked(500)


@given(RATIOS, RATIOS, st.integers(0, 500))
def test_what_is_missing_is_made_up_by_what_is_there(images: float, edits: float, step: int):
    stills = order(sample("a", frames=1), sample("b", frames=8), images=images, edits=edits)
    assert stills.medium(step) == "image"
    deletions = order(sample("a", task="delete"), images=images, edits=edits)
    assert [s.name for s in deletions.picked(step)] == ["a"] * 4


def test_videos_are_long_enough():
    training = order(sample("short", frames=5), sample("long"), images=0)
    assert {s.name for step in range(9) for s in training.picked(step)} == {"long"}
    endless = order(sample("short", frames=5), sample("long"), images=float("inf"))
    assert {endless.medium(step) for step in range(99)} == {"image"}


def test_a_step_of_many_samples_takes_no_longer():
    """Where all were shuffled for each one it took 2 seconds, or 12 with several sizes."""
    training = order(*(sample("e"), sample("d", task="delete")) * 3_000, batch=56)
    training.picked(0)
    began = time.thread_time()
    for step in range(100, 200):
        training.picked(step)
    assert time.thread_time() - began < 1
