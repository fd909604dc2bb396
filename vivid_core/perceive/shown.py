"""Pictures that are shown with several questions: what is sent of them is made once."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import overload

import cv2
import numpy as np
from jaxtyping import UInt8

LONGEST_SIDE = 1024  # pixels of a picture that is sent
Picture = UInt8[np.ndarray, "_ _ 3"]


class ShownPictures(Sequence[Picture]):
    """Pictures in the order in which they are shown; nobody may change them."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        self._pictures = tuple(pictures)

    def __len__(self) -> int:
        return len(self._pictures)

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Picture]: ...
    def __getitem__(self, index: int | slice) -> Picture | Sequence[Picture]:
        return self._pictures[index]

    def __iter__(self) -> Iterator[Picture]:
        return iter(self._pictures)

    @cached_property
    def addresses(self) -> tuple[str, ...]:
        """Each as a JPEG that is its own address; larger ones than `LONGEST_SIDE` made smaller."""
        return tuple(
            f"data:image/jpeg;base64,{base64.b64encode(_jpeg(picture)).decode('ascii')}"
            for picture in self._pictures
        )


def _jpeg(picture: Picture) -> bytes:
    scale = min(1.0, LONGEST_SIDE / max(picture.shape[:2]))
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert done, "OpenCV encodes every 8-bit picture"
    return data.tobytes()
