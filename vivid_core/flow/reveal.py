"""Which frames show most of what a hole hides, found at few points of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import RELIABLE, CameraPath
from .warp import Bools, invert

POINTS = 512  # of what is left of a hole, that are looked up in every frame
LAST_POINTS = 4096  # the same where those show nothing more
NEARNESS = 3.0  # a frame twice as far away counts a fourth; ours


@dataclass(frozen=True)
class Sights:
    """Every frame of a path by its camera and by where it shows background."""

    camera: CameraPath
    shown: Bools  # [T, h, w], background with all of its neighbours

    @classmethod
    def of(cls, camera: CameraPath, hidden: Bools) -> Sights:
        cross = np.ones((3, 3), np.uint8)
        shown = [cv2.dilate(frame.astype(np.uint8), cross) == 0 for frame in hidden]
        return cls(camera, np.stack(shown))

    def order(self, t: int, left: Bools, reach: int) -> Iterator[int]:
        """Frames that show something of what is `left` [h, w] of frame t, the best first.

        Best is what reveals most, and a neighbour rather than a frame far away. `left` is looked
        at again for every frame, so that whoever fills it may change it meanwhile.
        """
        start = self.camera.shot.start
        near = [
            s
            for s in range(max(start, t - reach), min(self.camera.shot.stop, t + reach + 1))
            if s != t and self.camera.pose(s).support >= RELIABLE
        ]
        if not near:
            return
        worth = np.abs(np.array(near) - t) ** -NEARNESS
        for count in (POINTS, LAST_POINTS):
            rows, columns = _thinned(left, count)
            shown = self._show(t, near, (rows, columns))
            while (gains := shown @ left[rows, columns] * worth).any():
                best = int(gains.argmax())
                worth[best] = 0
                yield near[best]

    def _show(
        self, t: int, frames: list[int], at: tuple[NDArray[np.intp], NDArray[np.intp]]
    ) -> NDArray[np.float32]:
        """Whether (1 or 0) each frame [f] shows each of these points [n] of frame t."""
        rows, columns = at
        there = np.stack([self.camera.pose(s).matrix for s in frames])
        points = np.stack([columns, rows, np.ones_like(rows)]).astype(np.float64)
        moved = there @ (invert(self.camera.pose(t).matrix) @ points)
        x, y = np.rint(moved[:, :2] / moved[:, 2:]).clip(-1, 1 << 20).astype(np.intp).swapaxes(0, 1)
        height, width = self.shown.shape[1:]
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        which = np.array(frames)[:, None] - self.camera.shot.start
        found = self.shown[which, y.clip(0, height - 1), x.clip(0, width - 1)] & inside
        return found.astype(np.float32)


def _thinned(left: Bools, count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of up to so many pixels, evenly."""
    at = np.flatnonzero(left)
    step = max(1, -(-len(at) // count))
    rows, columns = np.divmod(at[step // 2 :: step], left.shape[1])
    return rows, columns
