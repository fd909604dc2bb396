"""Samples that are added one by one lie where they would lie had they been written at once."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.data.record import Provenance, SampleRecord
from vivid_core.data.shards import (
    ShardedSample,
    StoredSample,
    append_to_shards,
    read_place,
    write_shards,
)


def stored(folder: Path, number: int, size: int) -> StoredSample:
    """A sample of two members that hold `size` bytes together."""
    key = f"s{number}"
    record = SampleRecord(
        key=key,
        clip=key,
        subset="image",
        task="delete",
        label="sky" * number,
        captions=(),
        box=(0.0, 0.0, 1.0, 1.0),
        height=2,
        width=2,
        frames=1,
        fps="8",
        propagation="copied",
        source=Provenance(path="x", start=0, stop=1, digest="d"),
        mask_seed=0,
    )
    members = {"a": folder / f"{key}.a", "b": folder / f"{key}.b"}
    members["a"].write_bytes(bytes([number]) * (size // 2))
    members["b"].write_bytes(bytes([255 - number]) * (size - size // 2))
    return StoredSample(record=record, members=members)


def shards_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "shards").iterdir())}


@settings(max_examples=12)
@given(st.lists(st.integers(0, 1500), min_size=1, max_size=6), st.integers(1, 4000), st.booleans())
def test_appended_shards_are_written_ones(sizes: list[int], shard_bytes: int, damaged: bool):
    """Also where a run that was killed left something behind the last sample."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        samples = [stored(folder, number, size) for number, size in enumerate(sizes)]
        whole = list(write_shards(folder / "whole", samples, shard_bytes=shard_bytes))
        found: list[ShardedSample] = []
        for sample in samples:
            found.append(append_to_shards(folder / "grown", found, sample, shard_bytes=shard_bytes))
            if damaged and sample is samples[0]:
                with (folder / "grown" / found[0].shard).open("ab") as file:
                    file.write(b"x" * 700)
        assert found == whole
        if not damaged or len(samples) > 1 and whole[1].shard == whole[0].shard:
            assert shards_of(folder / "grown") == shards_of(folder / "whole")
        for sample, entry in zip(samples, found, strict=True):
            for name, path in sample.members.items():
                data = read_place(folder / "grown", entry.shard, entry.places[name])
                assert data == path.read_bytes()
