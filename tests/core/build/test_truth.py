"""Datasets of procedural videos are what the scenes say: masks, words and clean background."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from webdataset.tariterators import group_by_keys, tar_file_expander

from vivid_core.data.built import INDEX, ShardPixels, read_index
from vivid_core.data.opened import open_dataset
from vivid_core.data.shards import ShardedSample
from vivid_core.tiny.known_truth import KnownScene
from vivid_core.tiny.scenes.shapes import Scene, draw_scene

from ...building import build, small_config, write_videos

CLIPS, FRAMES, SIZE = 5, 4, 160


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("truth")
    videos = write_videos(folder / "videos", clips=CLIPS, frames=FRAMES, size=SIZE)
    report = build(small_config(videos, folder / "out"))
    assert (report.failures, report.sources) == ((), {"videos": CLIPS})
    return folder / "out"


@pytest.fixture(scope="module")
def entries(dataset: Path) -> list[ShardedSample]:
    return read_index(dataset / INDEX)


def scene_of(entry: ShardedSample) -> KnownScene:
    """The scene that a sample's video shows: clip_N is that of seed N."""
    seed = int(Path(entry.record.source.path).stem.removeprefix("clip_"))
    scene = draw_scene(seed, frames=FRAMES, height=SIZE, width=SIZE)
    return KnownScene(scene=scene, hidden=(scene.target,) if seed % 4 == 3 else ())


def is_unoccluded(scene: KnownScene, index: int) -> bool:
    """Nothing comes before it, and it stays whole inside the frame."""
    whole = scene.scene.mask(index, visible=False)
    edge = whole[:, [0, -1]].any() or whole[:, :, [0, -1]].any()
    nearer = [i for i in scene.shown if i > index]
    covered = any((scene.scene.mask(i, visible=False) * whole).any() for i in nearer)
    return not (edge or covered)


def tracked_things(entries: list[ShardedSample]) -> Iterator[tuple[ShardedSample, Scene, int]]:
    for entry in entries:
        if entry.record.task != "edit" or entry.record.subset != "video":
            continue
        known = scene_of(entry)
        (index,) = [i for i in known.shown if known.label(i) == entry.record.label]
        if is_unoccluded(known, index):
            yield entry, known.scene, index


def test_tracked_masks_are_those_of_the_scene(dataset: Path, entries: list[ShardedSample]):
    overlaps = []
    for entry, scene, index in tracked_things(entries):
        _, mask = ShardPixels(folder=dataset, sample=entry).read()
        truth = scene.mask(index, visible=False) > 0.5
        found = mask.values.numpy() > 0.5
        overlaps.append((truth & found).sum() / (truth | found).sum())
    assert len(overlaps) >= 3
    assert min(overlaps) >= 0.9


def test_nothing_is_lost_or_made_up(entries: list[ShardedSample]):
    """Labels are those of the scenes, and each thing comes once in each subset at most."""
    for entry in entries:
        record = entry.record
        if record.task == "edit":
            known = scene_of(entry)
            assert record.label in {known.label(i) for i in known.shown}
            assert all(record.label in caption for caption in record.captions)
            assert list(record.captions) == sorted(record.captions, key=len)
    keys = [entry.record.key for entry in entries]
    assert keys == sorted({*keys})
    tasks = {(entry.record.task, entry.record.subset) for entry in entries}
    assert len(tasks) == 4


def test_the_truth_of_deletions_is_clean_background(dataset: Path, entries: list[ShardedSample]):
    looked_at = 0
    for entry in entries:
        if entry.record.task != "delete":
            continue
        clip, mask = ShardPixels(folder=dataset, sample=entry).read()
        known = scene_of(entry)
        every = tuple(range(len(known.scene.things)))
        times = range(entry.record.frames)
        clean = torch.from_numpy(known.scene.render(without=every, times=times))
        inside = mask.values > 0.5
        difference = (clip.frames - clean).abs().amax(dim=-1)[inside]
        assert float(difference.max()) <= 0.5 / 255 + 1e-6
        looked_at += 1
    assert looked_at >= 4


def test_masks_to_delete_come_from_other_videos(entries: list[ShardedSample]):
    sources = {entry.record.key: entry.record.source.digest for entry in entries}
    donors = [entry for entry in entries if entry.record.donor]
    assert donors
    for entry in donors:
        assert sources[entry.record.donor] != entry.record.source.digest


def test_both_kinds_of_motion_are_there(dataset: Path, entries: list[ShardedSample]):
    kinds = {e.record.propagation for e in entries if e.record.task == "delete"}
    assert kinds == {"copied", "background"}
    for entry in entries:
        if entry.record.propagation != "background":
            continue
        _, mask = ShardPixels(folder=dataset, sample=entry).read()
        assert (mask.values > 0.5).flatten(1).any(dim=1).all()


def samples_of(shard: Path) -> list[dict[str, Any]]:
    """What the webdataset package reads in a shard."""
    with shard.open("rb") as file:
        files = tar_file_expander([{"url": shard.name, "stream": file}])
        return list(group_by_keys(files))


def test_other_tools_read_the_shards(dataset: Path, entries: list[ShardedSample]):
    shards = sorted((dataset / "shards").glob("*.tar"))
    assert len(shards) > 1
    read = [sample for shard in shards for sample in samples_of(shard)]
    assert [sample["__key__"] for sample in read] == [entry.record.key for entry in entries]
    for sample, entry in zip(read, entries, strict=True):
        assert json.loads(sample["json"])["key"] == entry.record.key
        assert {"source.mkv", "masks.json"} <= sample.keys()


def test_a_training_takes_its_samples(dataset: Path):
    samples = open_dataset(dataset).samples
    assert {sample.task for sample in samples} == {"edit", "delete"}
    for sample in samples[:3]:
        clip, mask = sample.pixels.read()
        masked = tuple(np.flatnonzero((mask.values > 0.5).flatten(1).any(dim=1).numpy()).tolist())
        assert (len(clip), clip.size, masked) == (sample.frames, sample.size, sample.masked)
