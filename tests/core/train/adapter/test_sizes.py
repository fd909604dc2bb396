"""A training of several sizes and lengths: it runs, resumes, and refuses illegal ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vivid_core.cogvideox.model import CogVideoX
from vivid_core.data.frames import FrameStore
from vivid_core.errors import InputError, SizeError
from vivid_core.runtime import Runtime
from vivid_core.train.adapter.run import train_adapter

from ....folders import write_folder
from .conftest import Configure, Host, Stop

BUCKETS = ((9, 32, 32), (9, 16, 32), (17, 32, 16))


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Clips of three shapes and two lengths in one folder."""
    data = tmp_path / "mixed"
    for i, (frames, size) in enumerate([(9, (32, 32)), (9, (24, 48)), (17, (48, 24))]):
        one = write_folder(tmp_path / f"part_{i}", clips=1, frames=frames, size=size)
        for path in (*one.glob("clips/*"), *one.glob("masks/*")):
            target = data / path.parent.name / f"{i}{path.suffix}"
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    (data / "captions.txt").write_text("".join(f"{i}: a red circle\n" for i in range(3)))
    return data


def test_several_sizes_train_and_go_on(
    tiny: CogVideoX, configure: Configure, mixed: Path, monkeypatch: pytest.MonkeyPatch
):
    seen = set()
    read = FrameStore.read

    def note(self, sample, frames, size):
        seen.add((sample.name, len(range(frames.start, frames.stop)), size))
        return read(self, sample, frames, size)

    monkeypatch.setattr(FrameStore, "read", note)
    options = {"data": mixed, "recipe": {"buckets": BUCKETS}, "optimization": {"steps": 12}}
    whole = train_adapter(tiny, configure("whole", **options), Runtime()).adapter
    assert {("0", 9, (32, 32)), ("1", 9, (16, 32)), ("2", 17, (32, 16))} <= seen
    assert {frames for _, frames, _ in seen} == {1, 9, 17}
    assert whole.facts.train_size == (9, 32, 32)
    config = configure("stopped", **options)
    with pytest.raises(Stop):
        train_adapter(tiny, config, Host(stop_at=5).runtime)
    resumed = train_adapter(tiny, config, Runtime()).adapter
    assert all(torch.equal(resumed.lora[name], whole.lora[name]) for name in whole.lora)


@pytest.mark.parametrize(
    ("bucket", "message"),
    [
        ((9, 32, 30), r"buckets: \[9, 32, 30\]: .*must be multiples of 8"),
        ((8, 32, 32), r"buckets: \[8, 32, 32\]: frames must be 1 or 8k\+1, got 8"),
    ],
)
def test_an_illegal_size_is_named(
    tiny: CogVideoX, configure: Configure, bucket: tuple[int, int, int], message: str
):
    with pytest.raises(SizeError, match=message):
        train_adapter(tiny, configure(recipe={"buckets": (BUCKETS[0], bucket)}), Runtime())


def test_clips_too_short_for_all_sizes_are_refused(tiny: CogVideoX, configure: Configure):
    buckets = ((17, 32, 32), (25, 32, 32))
    with pytest.raises(InputError, match="longest clip has 9 frames, batches of video take 17"):
        train_adapter(
            tiny, configure(recipe={"buckets": buckets, "images_per_video": 0}), Runtime()
        )
