"""Engines that know procedural scenes: tags, boxes, masks and captions as they are drawn.

They stand where real models stand in the building of a dataset, so that it can be tried with
nothing downloaded, and be judged by a truth.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8

from ..errors import EngineError
from ..files.digest import digest_of
from ..files.guarded import load_json
from ..media import pixels_to_array
from ..perceive.protocols import Box, Captions, Entity
from ..perceive.selection import box_iou
from .folder import SCENES
from .scenes.shapes import Scene, draw_scene

BACKGROUND = "background"  # a word of VIVID's app. A.4, as a tagger would say it
SEEN = 0.5  # coverage from which a pixel belongs to a thing
FEWEST_PIXELS = 4

Frame = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True, kw_only=True)
class KnownScene:
    """A scene as it was filmed; `hidden` are the things that were left out."""

    scene: Scene
    hidden: tuple[int, ...] = ()

    @property
    def shown(self) -> tuple[int, ...]:
        return tuple(i for i in range(len(self.scene.things)) if i not in self.hidden)

    def frame(self, time: int) -> Frame:
        pixels = self.scene.render(without=self.hidden, times=[time])[0]
        return pixels_to_array(pixels, depth=8)

    def masks(self, time: int) -> dict[str, Bool[np.ndarray, "h w"]]:
        """The visible part of each thing by its label, and the background."""
        masks = {self.label(i): self._visible(i, time) for i in self.shown}
        masks = {label: mask for label, mask in masks.items() if mask.sum() >= FEWEST_PIXELS}
        touched = [self.scene.mask(i, visible=False, times=[time])[0] > 0 for i in self.shown]
        size = (self.scene.height, self.scene.width)
        return masks | {BACKGROUND: ~np.any([np.zeros(size, bool), *touched], axis=0)}

    def label(self, index: int) -> str:
        thing = self.scene.things[index]
        return f"{thing.color} {thing.shape}"

    def _visible(self, index: int, time: int) -> Bool[np.ndarray, "h w"]:
        coverage = self.scene.mask(index, visible=False, times=[time])[0]
        for nearer in (i for i in self.shown if i > index):
            coverage = coverage * (1 - self.scene.mask(nearer, visible=False, times=[time])[0])
        return coverage > SEEN


class KnownTruth:
    """Tagger, detector, segmenter and captioner of the given scenes.

    A frame is known by its exact pixels: films of the scenes have to be lossless. Raises
    EngineError for a frame of none of them.
    """

    def __init__(self, scenes: Sequence[KnownScene]) -> None:
        self._scenes = tuple(scenes)
        self._frames: dict[bytes, tuple[KnownScene, int]] = {}
        self._drawing = self._draw_all()
        self.digest = digest_of("known truth", [repr(scene) for scene in self._scenes])

    @classmethod
    def of_folder(cls, folder: Path) -> KnownTruth:
        """Of the clips that `tiny.folder` wrote there. Raises EngineError where it did not."""
        path = folder / SCENES
        try:
            facts = load_json(path)
            size = {name: int(facts[name]) for name in ("frames", "height", "width")}
            listed = [(int(s["seed"]), bool(s["without_target"])) for s in facts["scenes"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EngineError(
                f"{path} does not say which scenes these are ({error}): the engine 'scenes' knows "
                "the pack's own clips only, choose engines with weights for others"
            ) from error
        scenes = [(draw_scene(seed, **size), hidden) for seed, hidden in listed]
        return cls(
            [KnownScene(scene=s, hidden=(s.target,) if hidden else ()) for s, hidden in scenes]
        )

    def tags(self, frame: Frame) -> tuple[str, ...]:
        return tuple(self._masks(frame))

    def detect(self, frame: Frame, labels: Sequence[str]) -> tuple[Entity, ...]:
        masks = self._masks(frame)
        return tuple(
            Entity(label=label, box=_box(masks[label]), score=1.0)
            for label in labels
            if label in masks and masks[label].any()
        )

    def masks(self, frame: Frame, boxes: Sequence[Box]) -> Bool[np.ndarray, "n h w"]:
        known = [mask for mask in self._masks(frame).values() if mask.any()]
        found = [max(known, key=lambda mask: box_iou(_box(mask), box)) for box in boxes]
        return np.stack(found) if found else np.zeros((0, *frame.shape[:2]), bool)

    def captions(self, crop: UInt8[np.ndarray, "h w 3"], label: str) -> Captions:
        shape = label.rpartition(" ")[2]
        short = f"The video shows a {label}"
        medium = f"{short}. The object is a {shape}"
        return Captions(
            short=short,
            medium=medium,
            long=f"{medium}, in front of others",  # twenty words are what vivid-tiny reads
        )

    def _masks(self, frame: Frame) -> dict[str, Bool[np.ndarray, "h w"]]:
        scene, time = self._find(frame)
        return scene.masks(time)

    def _find(self, frame: Frame) -> tuple[KnownScene, int]:
        wanted = _fingerprint(frame)
        while wanted not in self._frames:
            drawn = next(self._drawing, None)
            if drawn is None:
                raise EngineError(
                    "this is no frame of a known scene: the engine 'scenes' knows the pack's own "
                    "clips only, choose engines with weights for others"
                )
            self._frames[drawn[0]] = drawn[1]
        return self._frames[wanted]

    def _draw_all(self) -> Iterator[tuple[bytes, tuple[KnownScene, int]]]:
        """First frames first: clips begin with them."""
        longest = max((known.scene.frames for known in self._scenes), default=0)
        for time in range(longest):
            for known in self._scenes:
                if time < known.scene.frames:
                    yield _fingerprint(known.frame(time)), (known, time)


def _fingerprint(frame: Frame) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(frame).data).digest()


def _box(mask: Bool[np.ndarray, "h w"]) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
