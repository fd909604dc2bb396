"""Configuration files: what is written is read again, a mistake is told with its place."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import InputError
from vivid_core.files.parse import build_config, plain_values, read_yaml


@dataclass(frozen=True, kw_only=True)
class Inner:
    rate: float = 0.5
    betas: tuple[float, float] = (0.9, 0.95)
    kinds: tuple[Literal["box", "hull"], ...] = ("box",)

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ValueError(f"rate must be 0 or more, got {self.rate}")


@dataclass(frozen=True, kw_only=True)
class Outer:
    data: Path
    steps: int = 3
    name: str = ""
    quick: bool = False
    clip: float | None = None
    inner: Inner = field(default_factory=Inner)


NUMBERS = st.floats(min_value=0, allow_nan=False)
INNERS = st.builds(
    Inner,
    rate=NUMBERS,
    betas=st.tuples(NUMBERS, NUMBERS),
    kinds=st.lists(st.sampled_from(["box", "hull"]), max_size=3).map(tuple),
)
OUTERS = st.builds(
    Outer,
    data=st.sampled_from(["clips", "/a/b", "a b"]).map(Path),
    steps=st.integers(),
    name=st.text(st.characters(min_codepoint=32, max_codepoint=126)),
    quick=st.booleans(),
    clip=st.none() | NUMBERS,
    inner=INNERS,
)


@given(OUTERS)
def test_what_is_written_is_read_again(config: Outer):
    text = yaml.safe_dump(plain_values(config))
    assert build_config(Outer, yaml.safe_load(text), where="x.yaml") == config


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.integers())))
def test_any_mapping_gives_a_configuration_or_a_sentence(data: dict[str, Any]):
    try:
        config = build_config(Outer, {"data": "clips"} | data, where="x.yaml")
    except InputError as error:
        assert str(error).startswith("config: x.yaml: ")
    else:
        assert isinstance(config, Outer)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"setps": 4}, "x.yaml: 'setps' is unknown: did you mean 'steps'?"),
        ({"inner": {"betes": [1, 2]}}, "x.yaml: inner: 'betes' is unknown: did you mean 'betas'?"),
        ({5: 1}, "x.yaml: '5' is unknown"),
        ({"steps": "many"}, "x.yaml: steps: needs a whole number, got 'many'"),
        ({"steps": 1.5}, "x.yaml: steps: needs a whole number, got 1.5"),
        ({"steps": True}, "x.yaml: steps: needs a whole number, got True"),
        ({"quick": 1}, "x.yaml: quick: needs true or false, got 1"),
        ({"clip": "off"}, "x.yaml: clip: needs a number, got 'off'"),
        ({"clip": float("nan")}, "x.yaml: clip: needs a number, got nan"),
        ({"data": 3}, "x.yaml: data: needs a path, got 3"),
        ({"inner": 3}, "x.yaml: inner: needs a mapping, got 3"),
        ({"inner": {"betas": [0.9]}}, "x.yaml: inner: betas: needs a list of 2"),
        ({"inner": {"betas": 0.9}}, "x.yaml: inner: betas: needs a list, got 0.9"),
        ({"inner": {"betas": [0.9, []]}}, r"x.yaml: inner: betas\[1\]: needs a number, got \[\]"),
        ({"inner": {"kinds": ["bax"]}}, r"kinds\[0\]: needs one of box, hull, got 'bax'"),
        ({"inner": {"rate": -1}}, "x.yaml: inner: rate must be 0 or more, got -1"),
    ],
)
def test_a_mistake_is_told_with_its_place(data: dict[Any, Any], message: str):
    with pytest.raises(InputError, match=message):
        build_config(Outer, {"data": "clips"} | data, where="x.yaml")


def test_what_has_no_default_is_asked_for():
    with pytest.raises(InputError, match="x.yaml: data is missing"):
        build_config(Outer, {}, where="x.yaml")


def test_numbers_that_yaml_takes_for_texts_are_numbers():
    config = build_config(Outer, yaml.safe_load("{data: a, clip: 1e-3}"), where="x.yaml")
    assert config.clip == 1e-3


@pytest.mark.parametrize("text", ["- a list", "a: [1", "", "\x00"])
def test_a_file_that_is_no_mapping_is_named(tmp_path: Path, text: str):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"broken\.yaml"):
        read_yaml(path)
    with pytest.raises(InputError, match=r"none\.yaml cannot be read"):
        read_yaml(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 20_000, "is nested too deeply"),
        ("a: " + "9" * 5000, "cannot be read"),
        ("a: 2001-99-99", "cannot be read"),
        ("a: \x01", "cannot be read"),
        ("a: " + "x" * 2**21, "bytes, 1,048,576 at most are read"),
        ("a: [b", "cannot be read"),
    ],
    ids=["deep", "digits", "date", "control", "long", "open"],
)
def test_yaml_that_is_none(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as refused:
        read_yaml(path)
    assert len(str(refused.value)) < 500 and "\n" not in str(refused.value)


def test_a_pipe_is_no_configuration(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")  # to open it would wait for ever
    with pytest.raises(InputError, match="is no file"):
        read_yaml(tmp_path / "pipe.yaml")
