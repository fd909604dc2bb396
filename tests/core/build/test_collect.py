"""Datasets that grow sample by sample: nothing is written twice, nothing is lost."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from vivid_core.build import collect
from vivid_core.build.collect import Handmade, add_sample
from vivid_core.build.sample import Content
from vivid_core.data.check import check_dataset
from vivid_core.data.opened import open_dataset
from vivid_core.errors import InputError, MaskError, MediaError
from vivid_core.video import Clip, MaskTrack

from ...building import build, files_of, small_config, write_videos


def handmade(seed: int, *, empty: bool = False) -> Handmade:
    frames = torch.rand(2, 16, 24, 3, generator=torch.Generator().manual_seed(seed))
    values = torch.zeros(2, 16, 24)
    values[:, 4:9, 6:12] = float(not empty)
    content = Content(
        task="edit", label="thing", captions=("a thing",), propagation="tracked", scores={}
    )
    clip = Clip(frames=(frames * 255).round() / 255, fps=Fraction(8))
    return Handmade(clip=clip, mask=MaskTrack(values=values), content=content)


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three samples in as many shards."""
    monkeypatch.setattr(collect, "SMALL_SHARD", 3000)
    folder = tmp_path / "made"
    assert [add_sample(folder, handmade(seed), lossless=True) for seed in range(3)] == [1, 2, 3]
    return folder


def test_samples_stay_where_they_are(three: Path):
    before, digests = files_of(three), [s.name for s in open_dataset(three).samples]
    times = {path: path.stat().st_mtime_ns for path in (three / "shards").iterdir()}
    assert add_sample(three, handmade(1), lossless=True) == 3
    assert files_of(three) == before
    assert add_sample(three, handmade(3), lossless=True) == 4
    assert {path: path.stat().st_mtime_ns for path in times} == times and len(times) == 3
    assert [s.name for s in open_dataset(three).samples][:3] == digests
    assert check_dataset(three).problems == ()
    assert not [path for path in three.iterdir() if path.is_dir() and path.name != "shards"]


def test_what_a_killed_run_left_is_mended(three: Path):
    """It died with a longer shard and without a manifest."""
    before = files_of(three)
    (three / "manifest.json").unlink()
    (three / ".sample_left").mkdir()
    for name in (".index.parquet.9a087672.part", "shards/.000002.tar.9a087672.part"):
        (three / name).write_bytes(b"half")
    last = max((three / "shards").iterdir())
    with last.open("ab") as file:
        file.write(b"left" * 999)
    assert add_sample(three, handmade(9), lossless=True) == 4
    assert check_dataset(three).problems == ()
    assert set(before) < set(files_of(three)) and not (three / ".sample_left").exists()


def test_a_mask_that_is_empty_claims_no_folder(tmp_path: Path):
    with pytest.raises(MaskError, match="empty on the first frame"):
        add_sample(tmp_path / "out", handmade(0, empty=True))
    assert not files_of(tmp_path / "out")


def test_a_folder_belongs_to_what_made_it(three: Path, tmp_path: Path):
    videos = write_videos(tmp_path / "videos", clips=1, frames=1)
    before = files_of(three)
    with pytest.raises(InputError, match="out: .*added one by one, which would be lost"):
        build(small_config(videos, three))
    assert files_of(three) == before
    build(small_config(videos, tmp_path / "built"))
    before = files_of(tmp_path / "built")
    with pytest.raises(InputError, match="name: .*built from videos, which would be lost"):
        add_sample(tmp_path / "built", handmade(0))
    assert files_of(tmp_path / "built") == before


def test_folders_of_earlier_versions_are_known(three: Path, tmp_path: Path):
    videos = write_videos(tmp_path / "videos", clips=1, frames=1)
    build(small_config(videos, tmp_path / "built"))
    for folder in (three, tmp_path / "built"):
        (folder / "made_by.json").unlink()
    with pytest.raises(InputError, match="one by one"):
        build(small_config(videos, three))
    with pytest.raises(InputError, match="from videos"):
        add_sample(tmp_path / "built", handmade(0))
    assert add_sample(three, handmade(7), lossless=True) == 4
    (three / "made_by.json").write_text("{}")
    with pytest.raises(MediaError, match="has no checksum"):
        add_sample(three, handmade(8), lossless=True)
