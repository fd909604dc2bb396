"""A folder stays below its limit; the oldest-used go, and never what is in use."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.train.adapter.config import AdapterConfig
from vivid_core.train.adapter.room import IN_USE_SECONDS, Room

LIMIT = 1000


def put(folder: Path, name: str, size: int, *, age: float = 0.0) -> Path:
    """An entry that was used `age` seconds ago."""
    path = folder / "latents" / f"{name}.safetensors"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - age,) * 2)
    return path


def names(folder: Path) -> set[str]:
    return {path.name.split(".")[0] for path in folder.glob("latents/*")}


@settings(max_examples=25)
@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=40),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
)
def test_it_stays_below_its_limit_whoever_writes(sizes: list[int], writers: int, random):
    """Nothing is in use; each process knows only what it wrote itself."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        rooms = [Room(folder, LIMIT, writers=writers) for _ in range(writers)]
        for i, size in enumerate(sizes):
            path = put(folder, f"e{i}", size, age=10_000 - i)
            random.choice(rooms).added(path)
            held = sum(path.stat().st_size for path in folder.glob("latents/*"))
            assert held <= LIMIT
            assert f"e{i}" in names(folder)  # the newest


def test_what_was_used_last_stays(tmp_path: Path):
    room = Room(tmp_path, LIMIT)
    old, older, oldest = (put(tmp_path, f"e{i}", 300, age=500 + i) for i in range(3))
    for path in (old, older):
        room.added(path)
    room.used(oldest)
    room.added(put(tmp_path, "new", 300))
    assert names(tmp_path) == {"e0", "e2", "new"}


def test_what_is_in_use_is_never_removed(tmp_path: Path):
    room = Room(tmp_path, LIMIT)
    paths = [put(tmp_path, f"e{i}", 400, age=IN_USE_SECONDS / 2) for i in range(5)]
    for path in paths:
        room.added(path)
    assert all(path.is_file() for path in paths)
    os.utime(paths[3], (1.0, 1.0))
    room.added(put(tmp_path, "new", 400))
    assert names(tmp_path) == {"e0", "e1", "e2", "e4", "new"}


def test_what_a_killed_run_was_writing_goes_and_what_is_not_ours_stays(tmp_path: Path):
    room = Room(tmp_path, LIMIT)
    part = put(tmp_path, "e0", 500, age=900)
    part = part.rename(part.with_name(f".{part.name}.0123abcd.part"))
    other = put(tmp_path, "notes", 500, age=900)
    other = other.rename(other.with_suffix(".txt"))
    room.added(put(tmp_path, "new", 600))
    assert not part.exists() and other.exists()


def test_without_a_limit_nothing_goes(tmp_path: Path):
    room = Room(tmp_path, None)
    for i in range(5):
        room.added(put(tmp_path, f"e{i}", LIMIT, age=900))
    assert len(names(tmp_path)) == 5


@pytest.mark.parametrize(
    ("gb", "limit"), [(0.0, None), (float("inf"), None), (1.5, 1_500_000_000), (1e-12, 1)]
)
def test_the_limit_that_is_asked_for(gb: float, limit: int | None):
    config = AdapterConfig(data=Path("d"), out=Path("o"), latent_cache_gb=gb)
    assert config.latent_cache_bytes == limit


def test_less_than_nothing_is_refused():
    with pytest.raises(ValueError, match="latent_cache_gb must be 0 or more, got -1"):
        AdapterConfig(data=Path("d"), out=Path("o"), latent_cache_gb=-1)
