"""Time the six mask variants, and growth against what artists use today, in one run.

    python benchmarks/masks.py [--frames 49] [--height 480] [--width 720] [--radius 16]

The others are their published algorithms in the fewest lines: grey dilation by a 3x3 cross, once
for every pixel of the radius (ComfyUI's GrowMask and KJNodes' GrowMaskWithBlur without its blur),
and torch's max-pooling by rows, then columns. The mask is the target of a procedural scene.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable

import cv2
import numpy as np
import scipy.ndimage
import torch
import torch.nn.functional as F
from torch import Tensor

from vivid_core.mask.augment import MASK_MODES, MaskMode, augment_mask
from vivid_core.mask.grow import feather_inside, grow_mask
from vivid_core.tiny.scenes.shapes import HELD_OUT_SEED, draw_scene

CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])
OURS = "grow_mask: exact disc"


def grow_like_comfyui(mask: Tensor, radius: int) -> Tensor:
    grown = []
    for frame in mask:
        output = frame.numpy()
        for _ in range(radius):
            output = scipy.ndimage.grey_dilation(output, footprint=CROSS)
        grown.append(torch.from_numpy(output))
    return torch.stack(grown)


def grow_like_kjnodes(mask: Tensor, radius: int) -> tuple[Tensor, Tensor]:
    """The same dilation; the node also returns the inverted mask."""
    grown = grow_like_comfyui(mask, radius)
    return grown, 1.0 - grown


def grow_by_pooling(mask: Tensor, radius: int) -> Tensor:
    """A square of the same radius."""
    size = 2 * radius + 1
    rows = F.max_pool2d(mask[:, None], (size, 1), stride=1, padding=(radius, 0))
    return F.max_pool2d(rows, (1, size), stride=1, padding=(0, radius))[:, 0]


def best_milliseconds(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Fewest milliseconds of wall clock and of this thread's own time."""
    walls, owns = [], []
    for _ in range(repeats):
        wall, own = time.perf_counter(), time.thread_time()
        work()
        walls.append(time.perf_counter() - wall)
        owns.append(time.thread_time() - own)
    return 1e3 * min(walls), 1e3 * min(owns)


def main() -> None:
    arguments = _parser().parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    size = {"frames": arguments.frames, "height": arguments.height, "width": arguments.width}
    mask = torch.from_numpy(draw_scene(HELD_OUT_SEED, **size).mask())
    print(
        f"{arguments.frames} frames {arguments.width}x{arguments.height}, radius "
        f"{arguments.radius}, one thread, {platform.machine()}, torch {torch.__version__}, "
        f"OpenCV {cv2.__version__}; best of {arguments.repeats}\n"
    )
    print(f"{'what':44} {'wall ms':>9} {'CPU ms':>9} {'x ours':>7}")
    _compare_growth(mask, arguments.radius, arguments.repeats)
    _time_variants(mask, arguments.radius, arguments.repeats)


def _compare_growth(mask: Tensor, radius: int, repeats: int) -> None:
    methods: dict[str, Callable[[], object]] = {
        OURS: lambda: grow_mask(mask, radius),
        "feather_inside": lambda: feather_inside(mask, radius),
        "ComfyUI GrowMask (diamond)": lambda: grow_like_comfyui(mask, radius),
        "KJNodes GrowMaskWithBlur (diamond)": lambda: grow_like_kjnodes(mask, radius),
        "torch max-pooling, separable (square)": lambda: grow_by_pooling(mask, radius),
    }
    ours = 0.0
    for name, work in methods.items():
        wall, own = best_milliseconds(work, repeats)
        ours = own if name == OURS else ours
        print(f"{name:44} {wall:9.1f} {own:9.1f} {own / ours:7.1f}")


def _time_variants(mask: Tensor, radius: int, repeats: int) -> None:
    """From a mask of numbers, as nodes give it, and from one selected once for all six."""
    for name, source in (("of numbers", mask), ("selected once", mask > 0.5)):
        total_wall = total_own = 0.0

        def augment(mode: MaskMode, source: Tensor = source) -> Tensor:
            return augment_mask(source, mode=mode, radius=(radius, radius), unit="pixels")

        for mode in MASK_MODES:
            wall, own = best_milliseconds(lambda mode=mode: augment(mode), repeats)
            total_wall, total_own = total_wall + wall, total_own + own
            print(f"{f'augment_mask: {mode}, {name}':44} {wall:9.1f} {own:9.1f}")
        print(f"{f'all six variants, {name}':44} {total_wall:9.1f} {total_own:9.1f}")
    wall, own = best_milliseconds(lambda: mask > 0.5, repeats)
    print(f"{'selecting':44} {wall:9.1f} {own:9.1f}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=49)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--width", type=int, default=720)
    parser.add_argument("--radius", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    return parser


if __name__ == "__main__":
    main()
