"""An error's words begin with an argument of whoever asked: by name, by file, by kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import (
    AdapterError,
    EngineError,
    InputError,
    MaskError,
    MediaError,
    ModelError,
    SizeError,
    VividError,
    WriteError,
)
from vivid_core.faults import find_fault

ASKED = {
    "model": "diffusion_models/fun.safetensors",
    "adapter": "loras/style.safetensors@0.8",
    "video": Path("in/clip.mkv"),
    "mask": Path("in/mask.mkv"),
    "out": Path("o"),
    "caption": "a red ball",
    "seed": 3,
    "rank": 8,
    "batch": 2,
    "later_caption": [],
    "dataset": None,
    "folder": "mine",
    "learning_rate": 1e-3,
}
names = st.sampled_from(sorted(ASKED))
words = st.text(st.characters(codec="cp1252", exclude_characters=":\n"), min_size=1).filter(
    lambda text: text.strip()
)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InputError("frames", "need [frames, h, w, 3]"), "video: need [frames, h, w, 3]"),
        (InputError("later_captions", "begin at 3"), "later_caption: begin at 3"),
        (InputError("config", "Train: loop: learning_rate: is NaN"), "learning_rate: is NaN"),
        (InputError("config", "Train: lora: rank: is 0"), "rank: is 0"),
        (InputError("memory", "is full: smaller batches"), "batch: is full: smaller batches"),
        (InputError("data", "holds no samples"), "folder: holds no samples"),
        (SizeError("size", "is 1x1"), "video: is 1x1"),
        (MaskError("mask", "is empty"), "mask: is empty"),
        (MediaError("in/clip.mkv: is damaged"), "video: in/clip.mkv: is damaged"),
        (MediaError("/x/mask.mkv: is damaged"), "mask: /x/mask.mkv: is damaged"),
        (ModelError("fun.safetensors: is cut off"), "model: fun.safetensors: is cut off"),
        (AdapterError("style.safetensors: is none"), "adapter: style.safetensors: is none"),
        (AdapterError("it has no rank"), "adapter: it has no rank"),
        (ModelError("made NaN: use fp32"), "model: made NaN: use fp32"),
        (WriteError("/tmp/x.part: the disk is full"), "out: /tmp/x.part: the disk is full"),
        (MediaError("the given stream: is cut off"), "video: the given stream: is cut off"),
    ],
)
def test_what_errors_are_about(error: VividError, told: str) -> None:
    fault = find_fault(error, ASKED)
    assert fault is not None
    assert f"{fault.argument}: {fault.problem}" == told


@given(names, words)
def test_an_error_that_names_an_argument_stays_as_it_is(name: str, problem: str) -> None:
    fault = find_fault(InputError(name, problem), ASKED)
    assert fault is not None
    assert (fault.argument, fault.problem) == (name, problem)


@given(names, words, words)
def test_places_in_a_file_lead_to_the_argument(name: str, place: str, problem: str) -> None:
    """Whatever stands before: no word of it is an argument."""
    fault = find_fault(InputError("config", f"{place}!: {name}: {problem}"), ASKED)
    assert fault is not None
    assert (fault.argument, fault.problem) == (name, problem)


@given(words)
def test_nothing_is_blamed_at_random(text: str) -> None:
    assert find_fault(VividError(text), {"seed": 3, "caption": "a", "out": Path("a")}) is None
    fault = find_fault(VividError(text), {"config": Path("a.yaml")}, otherwise="config")
    assert fault is not None and fault.argument == "config"


def test_of_two_files_the_longer_name_is_meant() -> None:
    asked = {"video": Path("a.mkv"), "mask": Path("a.mkv/a.mkv"), "engine": None}
    fault = find_fault(MediaError("a.mkv/a.mkv: is damaged"), asked)
    assert fault is not None and fault.argument == "mask"
    fault = find_fault(EngineError("no answer"), asked)
    assert fault is not None and fault.argument == "engine"
