"""What a work folder removes of runs that were killed, and what it keeps."""

from __future__ import annotations

from pathlib import Path

from vivid_core.build.units import WorkFolder

LEFT = (
    ".index.parquet.9a087672.part",
    "shards/.000000.tar.9a087672.part",
    "work/.packed.json.9a087672.part",
    "work/triplets/.still_a.9a087672.part/a.mkv",
    "work/failed/.triplets_still_a.json.9a087672.part",
)
WHOLE = (
    "index.parquet",
    "shards/000000.tar",
    "work/packed.json",
    "work/triplets/still_a/unit.json",
    "work/triplets/still_a/.b.part",
    ".lock",
)


def test_only_what_is_unfinished_is_removed(tmp_path: Path):
    for name in (*LEFT, *WHOLE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    WorkFolder(tmp_path).clean()
    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert left == set(WHOLE)
    WorkFolder(tmp_path / "new").clean()
