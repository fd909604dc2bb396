"""Records and shards: what is written is read again, and the same is written each time."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.data.built import INDEX, open_built, read_index, read_manifest, write_built
from vivid_core.data.record import Provenance, SampleRecord, format_record, parse_record
from vivid_core.data.shards import StoredSample, read_place
from vivid_core.errors import InputError

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
SHARES = st.floats(0, 1).map(lambda value: round(value, 4))


@st.composite
def facts(draw: st.DrawFn) -> dict[str, Any]:
    """Of a record, which is made outside: its types are checked at random places."""
    frames = draw(st.integers(1, 6))
    task = draw(st.sampled_from(["edit", "delete"]))
    captions = draw(st.lists(TEXTS, min_size=1, max_size=3)) if task == "edit" else []
    return {
        "clip": "c",
        "subset": "image" if frames == 1 else "video",
        "task": task,
        "label": draw(TEXTS),
        "captions": tuple(captions),
        "box": (0.0, 1.5, 2.0, 3.0),
        "height": draw(st.integers(1, 2000)),
        "width": draw(st.integers(1, 2000)),
        "frames": frames,
        "fps": "30000/1001",
        "propagation": draw(st.sampled_from(["tracked", "copied", "background"])),
        "source": (draw(TEXTS), draw(TEXTS)),
        "mask_seed": draw(st.integers(0, 2**48)),
        "scores": draw(st.dictionaries(st.sampled_from(["area", "motion"]), SHARES)),
        "empty": tuple(sorted(draw(st.sets(st.integers(0, frames - 1))))),
    }


def make(key: str, given_facts: dict[str, Any]) -> SampleRecord:
    path, licence = given_facts["source"]
    frames = given_facts["frames"]
    source = Provenance(path=path, start=0, stop=frames, digest="d", licence=licence)
    return SampleRecord(key=key, **given_facts | {"source": source})


@given(facts())
def test_a_record_is_read_as_it_was_written(given_facts: dict[str, Any]):
    record = make("a_1", given_facts)
    text = format_record(record)
    assert parse_record(text, where="x") == record
    assert format_record(parse_record(text, where="x")) == text
    assert {*record.masked} | {*record.empty} == {*range(record.frames)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x: is no JSON"),
        ("[]", "x: is no JSON object"),
        ('{"ky": 1}', "x: 'ky' is unknown: did you mean 'key'"),
        ('{"key": "a"}', "x: clip is missing"),
    ],
)
def test_what_is_no_record_is_named(text: str, message: str):
    with pytest.raises(InputError, match=message):
        parse_record(text, where="x")


@settings(max_examples=8)
@given(
    st.lists(st.tuples(facts(), st.binary(min_size=1, max_size=1500)), min_size=1, max_size=5),
    st.integers(1, 4000),
)
def test_shards_hold_what_was_given(given_samples: list[tuple[dict[str, Any], bytes]], most: int):
    made = [make(f"k{i}", one) for i, (one, _) in enumerate(given_samples)]
    parts = [part for _, part in given_samples]
    with TemporaryDirectory() as name:
        folder = Path(name)
        samples = []
        for record, part in zip(made, parts, strict=True):
            path = folder / f"{record.key}.bin"
            path.write_bytes(part)
            samples.append(StoredSample(record=record, members={"source.mkv": path}))
        first, second = folder / "one", folder / "two"
        for out in (first, second):
            out.mkdir()
            assert write_built(out, samples, shard_bytes=most) == len(parts)
        assert read_manifest(first) == read_manifest(second)
        entries = read_index(first / INDEX)
        assert [entry.record for entry in entries] == made
        for entry, part in zip(entries, parts, strict=True):
            assert read_place(first, entry.shard, entry.places["source.mkv"]) == part
        for file in sorted((first / "shards").iterdir()):
            assert file.read_bytes() == (second / "shards" / file.name).read_bytes()


def test_an_empty_dataset_is_named(tmp_path: Path):
    assert write_built(tmp_path, []) == 0
    with pytest.raises(InputError, match="holds no samples"):
        open_built(tmp_path, lambda done, total: None)
