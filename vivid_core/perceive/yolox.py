"""Tag and detect the 80 things of COCO with YOLOX (Ge et al. 2021), through onnxruntime.

The file is the model's own export: a picture of 416x416 or 640x640, BGR 0..255, scaled to fit the
top left corner on grey; boxes come as offsets in grids of three strides.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from ..errors import ModelError
from ..files.digest import digest_of, path_digest
from .coco import COCO_LABELS
from .onnx import OnnxModel
from .protocols import Entity
from .selection import CANDIDATE_SCORE, entity_in_frame, suppress_overlaps
from .vocabulary import plain_label

METHOD = 1  # part of the digest
STRIDES = (8, 16, 32)
GREY = 114  # what the model was trained to see beside a picture
OVERLAP = 0.45  # as in YOLOX's own demo
TAG_SCORE = 0.35
SIDES = (416, 640)  # nano and tiny; the others


class Yolox:
    """Tagger and detector. `weights` is a digest of the file."""

    def __init__(self, model: OnnxModel, *, side: int, weights: str) -> None:
        self._model, self._side, self._weights = model, side, weights

    @property
    def digest(self) -> str:
        return digest_of("yolox", METHOD, self._weights)

    def tags(self, frame: UInt8[np.ndarray, "h w 3"]) -> tuple[str, ...]:
        """Labels of what is surely there, the surest first."""
        found = (e.label for e in self._find(frame, COCO_LABELS) if e.score >= TAG_SCORE)
        return tuple(dict.fromkeys(found))

    def detect(
        self, frame: UInt8[np.ndarray, "h w 3"], labels: Sequence[str]
    ) -> tuple[Entity, ...]:
        """Each thing as the likeliest of the labels that are asked for.

        A cat that looks more like a dog is found where only cats are looked for. Labels that COCO
        does not know find nothing.
        """
        wanted = {plain_label(label) for label in labels}
        known = tuple(label for label in COCO_LABELS if label in wanted)
        return self._find(frame, known) if known else ()

    def _find(
        self, frame: UInt8[np.ndarray, "h w 3"], labels: tuple[str, ...]
    ) -> tuple[Entity, ...]:
        scale = min(self._side / frame.shape[0], self._side / frame.shape[1])
        (raw,) = self._model.run(images=fit_picture(frame, self._side))
        rows = decode_grid(raw[0].astype(np.float32), self._side)
        columns = [5 + COCO_LABELS.index(label) for label in labels]
        scores = rows[:, 4:5] * rows[:, columns]
        best = scores.argmax(axis=1)
        entities = [
            entity_in_frame(
                labels[best[i]],
                (rows[i, :4] / scale).tolist(),
                float(scores[i, best[i]]),
                frame.shape,
            )
            for i in np.flatnonzero(scores.max(axis=1) >= CANDIDATE_SCORE)
        ]
        return suppress_overlaps([e for e in entities if e is not None], OVERLAP)


def load_yolox(path: Path) -> Yolox:
    """From an ONNX file as YOLOX exports it. Raises ModelError for any other."""
    model = OnnxModel(path, inputs={"images": (None, 3, None, None)}, outputs=1)
    for side in SIDES:
        if model.takes("images", (1, 3, side, side)):
            return Yolox(model, side=side, weights=path_digest(path))
    raise ModelError(f"{path.name}: takes pictures of no size that YOLOX has, {SIDES}")


def fit_picture(frame: UInt8[np.ndarray, "h w 3"], side: int) -> Float[np.ndarray, "1 3 s s"]:
    """BGR 0..255, in the top left corner of a grey square."""
    scale = min(side / frame.shape[0], side / frame.shape[1])
    size = (max(1, int(frame.shape[1] * scale)), max(1, int(frame.shape[0] * scale)))
    square = np.full((side, side, 3), GREY, np.uint8)
    square[: size[1], : size[0]] = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(square[..., ::-1].transpose(2, 0, 1)[None], np.float32)


def decode_grid(raw: Float[np.ndarray, "n c"], side: int) -> Float[np.ndarray, "n c"]:
    """Left, top, right, bottom in pixels of the square, then the model's own scores."""
    cells, strides = _cells(side)
    if len(raw) != len(cells):
        raise ModelError(f"YOLOX gave {len(raw)} boxes for {len(cells)} cells: another model")
    middles = (raw[:, :2] + cells) * strides
    halves = np.exp(raw[:, 2:4].clip(max=20)) * strides / 2
    return np.concatenate([middles - halves, middles + halves, raw[:, 4:]], axis=1)


def _cells(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows of all grids' cells, and their strides."""
    cells, strides = [], []
    for stride in STRIDES:
        count = side // stride
        rows, columns = np.divmod(np.arange(count * count), count)
        cells.append(np.stack([columns, rows], axis=1))
        strides.append(np.full((count * count, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)
