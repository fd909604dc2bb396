"""Attacks on what lies on disk: flipped bits, crafted model folders, JSON that is a bomb."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vivid_core.chain.journal import Journal
from vivid_core.cogvideox.load import load_bundle
from vivid_core.edit.report import WindowFacts
from vivid_core.files.seal import file_checksum
from vivid_core.keyframe.edit import Candidate
from vivid_core.keyframe.library import CandidateLibrary
from vivid_core.mask.animate import parse_path
from vivid_core.mask.paint import parse_painting
from vivid_core.media import read_mask
from vivid_core.tiny.load import TINY_WEIGHTS
from vivid_core.tiny.recipe.cache import read_shard, store_shard
from vivid_core.track.prompts import parse_prompts
from vivid_core.track.store import ObjectMask, StoredTrack, TrackHeader
from vivid_core.train.checkpoints import Checkpoints
from vivid_core.train.state import StateFile
from vivid_core.video import FrameRange

from ..soak import record
from .tally import Tally

COUNTS = [12, pytest.param(400, marks=pytest.mark.soak)]
SECONDS = 2  # of a processor that a refusal may take
MADE = FrameRange(start=0, stop=3)
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 24, 32, 3), np.uint8)
FACTS = WindowFacts(part=(2, 4, 24, 32), crop=(0, 0, 48, 64), tokens=9, spent_pflops=0.5)


class Store:
    """Something that a run stores; `found` gives it back, None where it will be made again.

    `asked_by` is the argument of whoever asks for it.
    """

    asked_by = "work"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def found(self) -> Any:
        raise NotImplementedError


class Windows(Store):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        Journal(folder).keep(MADE, "aa", PIXELS, FACTS)

    def files(self) -> list[Path]:
        return sorted((self.folder / "windows").iterdir())

    def found(self) -> Any:
        window = Journal(self.folder).find(MADE, "aa")
        return window and (window.facts, np.stack(list(window.parts_from(0))).tobytes())


class Tracks(Store):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with self.opened() as track:
            for frame in range(3):
                mask = ObjectMask(
                    pixels=PIXELS[frame, ..., 0] > 99, state="tracked", confidence=0.9
                )
                track.put(frame, 1, mask, made_by="k")

    def opened(self) -> StoredTrack:
        header = TrackHeader(
            height=24, width=32, frames=3, fps=Fraction(8), objects=((1, "a"),), digest="d"
        )
        return StoredTrack.create(self.folder, header)

    def files(self) -> list[Path]:
        return sorted((self.folder / "masks").iterdir())

    def found(self) -> Any:
        track = self.opened()
        return track.made_by(0, 1) and (track.status(1, 1), track.read().numpy().tobytes())


class Candidates(Store):
    asked_by = "choice"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.library = CandidateLibrary(folder)
        pixels = torch.from_numpy(PIXELS[0]) / 255
        self.library.keep("g", [Candidate(pixels=pixels, caption="a", seed=7)], frame=1, task="add")
        self.digest = next(folder.rglob("*.png")).stem

    def found(self) -> Any:
        kept = self.library.find(self.digest)
        return kept and (kept, kept.load().numpy().tobytes())


class States(Store):
    asked_by = "config"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.states = Checkpoints(folder, keep=1, identity={"data": {"a": "1"}})
        self.states.save({"step": 3, "weights": torch.from_numpy(PIXELS)})

    def found(self) -> Any:
        state = self.states.load()
        return state and (state["step"], state["weights"].numpy().tobytes())


class PlainStates(Store):
    asked_by = "config"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.file = StateFile(folder / "state.pt")
        self.file.save({"step": 3, "weights": torch.from_numpy(PIXELS)})

    def found(self) -> Any:
        state = self.file.load()
        return state and (state["step"], state["weights"].numpy().tobytes())


class Shards(Store):
    asked_by = "config"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        latents = torch.from_numpy(PIXELS).half()
        samples = [{"target": 0, "condition": 1, "task": "add", "captions": ["a"]}]
        store_shard(
            folder / "1.safetensors", {"targets": latents, "conditions": latents + 1}, samples
        )

    def found(self) -> Any:
        tensors, samples = read_shard(self.folder / "1.safetensors")
        return samples, {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


@pytest.mark.parametrize("kind", [Windows, Tracks, Candidates, States, PlainStates, Shards])
@pytest.mark.parametrize("count", COUNTS)
def test_flipped_bits(tmp_path: Path, kind: type[Store], count: int) -> None:
    logging.disable(logging.WARNING)
    store, dice, tally = kind(tmp_path / "store"), random.Random(count), Tally()
    before = store.found()
    assert before is not None
    for _ in range(count):
        path = dice.choice(store.files())
        whole = path.read_bytes()
        data = bytearray(whole)
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(data)
        tally.of(
            path.name,
            store.found,
            same=lambda found: found in (None, before),
            given={store.asked_by: store.folder},
        )
        path.write_bytes(whole)
    logging.disable(logging.NOTSET)
    if count > 100:
        record(f"attack: flipped bits in {kind.__name__.lower()}", tally.words)
    tally.require_good()


@dataclass(frozen=True, kw_only=True)
class Place:
    """An entry of a JSON file."""

    file: str
    keys: tuple[str, ...]


CONFIGS = (
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "tokenizer/tokenizer_config.json",
    "transformer/config.json",
    "vae/config.json",
)
VALUES = (
    None, 0, -1, 1, 3, 7, 10**9, 10**30, 200_000, 0.0, -0.5, 1e300, True, "", "x", "x" * 10_000,
    [], [0], [1] * 3000, {}, {"a": 1},
)  # fmt: skip


def places(folder: Path) -> Iterator[Place]:
    for file in CONFIGS:
        for key, value in json.loads((folder / file).read_text()).items():
            yield Place(file=file, keys=(key,))
            if isinstance(value, dict):
                yield from (Place(file=file, keys=(key, inner)) for inner in value)


def model_folder(folder: Path) -> Path:
    """The bundled model: its configurations as copies, all else as links."""
    source = TINY_WEIGHTS / "base"
    for path in source.rglob("*"):
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.relative_to(source).as_posix() in CONFIGS:
            target.write_bytes(path.read_bytes())
        elif path.is_file():
            target.symlink_to(path)
    return folder


@pytest.mark.parametrize("count", [8, pytest.param(400, marks=pytest.mark.soak)])
def test_crafted_models(tmp_path: Path, count: int) -> None:
    folder, dice, tally = model_folder(tmp_path / "model"), random.Random(count), Tally()
    known, slowest = list(places(folder)), 0.0
    for _ in range(count):
        place, value = dice.choice(known), dice.choice(VALUES)
        path = folder / place.file
        text = path.read_text()
        data = json.loads(text)
        entry = data[place.keys[0]] if len(place.keys) > 1 else data
        entry[place.keys[-1]] = value
        path.write_text(json.dumps(data))
        started = time.process_time()
        tally.of(
            (place, value),
            lambda: load_bundle(folder),
            same=lambda _: True,
            given={"model": folder},
        )
        slowest = max(slowest, time.process_time() - started)
        path.write_text(text)
    if count > 100:
        record("attack: crafted model folders", f"{tally.words}; the slowest took {slowest:.1f} s")
    tally.require_good()


def bombs() -> Iterator[tuple[str, str]]:
    yield "nesting", "[" * 900_000
    yield "closed nesting", '{"objects":' * 500 + "1" + "}" * 500
    yield "digits", '{"objects": [%s]}' % ("9" * 900_000)
    yield "infinity", '{"objects": [1e999]}'
    yield "NaN", '{"objects": [NaN]}'
    yield "doubled", '{"objects": [], "objects": []}'
    yield "text", '{"objects": ["%s"]}' % ("x" * 20_000_000)
    points = ",".join(["[1, 1, 1]"] * 10_000)
    yield "points", '{"objects": [{"id": 1, "frames": {"0": {"points": [%s]}}}]}' % points
    for size in ([40_000, 40_000], [10**30, 1], [1, 0], [8192, 8192]):
        for counts in ("0", "o" * 500_000, "oooooo0" * 70_000, "0" * 1_000_000, ""):
            mask = json.dumps({"size": size, "counts": counts})
            yield f"mask {size}", '{"objects": [{"id": 1, "frames": {"0": {"mask": %s}}}]}' % mask
            frames = json.dumps({"size": size, "frames": [{"counts": counts}]})
            yield f"masks.json {size}", frames


def test_json_bombs(tmp_path: Path) -> None:
    tally, slowest = Tally(), 0.0
    path = tmp_path / "masks.json"
    for name, text in bombs():
        path.write_text(text)
        for read in (
            lambda t=text: parse_prompts(t),
            lambda t=text: parse_path(t),
            lambda t=text: parse_painting(t),
            lambda: read_mask(path),
        ):
            started = time.process_time()
            asked = {"prompts": text, "path": text, "paint": text, "mask": path}
            tally.of(name, read, same=lambda _: False, given=asked)
            slowest = max(slowest, time.process_time() - started)
    tally.require_good()
    assert slowest < SECONDS


@pytest.mark.soak
def test_what_checksums_cost(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (9, 480, 720, 3), np.uint8)
    journal = Journal(tmp_path / "work")
    started = time.process_time()
    window = journal.keep(FrameRange(start=0, stop=9), "aa", pixels, FACTS)
    stored = time.process_time()
    size = window.path.stat().st_size
    file_checksum(window.path)
    hashed = time.process_time()
    decoded = sum(1 for _ in window.parts_from(0))
    record(
        "attack: what the checksum of a window costs (9 frames of noise, 480x720)",
        f"of a processor {hashed - stored:.2f} s for {size / 2**20:.0f} MiB, of "
        f"{stored - started:.1f} s to store it; earlier versions decoded it instead, "
        f"{time.process_time() - hashed:.1f} s",
    )
    assert decoded == 9 and hashed - stored < stored - started
