"""`vivid fill`: background that other frames show, copied into a mask."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from ..edit.composite import measure_change
from ..errors import SizeError
from ..flow.background import check_entities
from ..flow.dis import DisFlow
from ..flow.fill import BackgroundFill, fill_background
from ..media import read_clip, read_mask, write_clip
from ..video import Clip, MaskTrack
from .shared import (
    named,
    require_mask_target,
    require_video_file,
    runtime_for,
    write_masks,
)


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("fill", help="fill a mask with background of other frames")
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument(
        "--mask", type=Path, required=True, help="video, folder of images, image or masks.json"
    )
    parser.add_argument("--entities", type=Path, help="mask of what else moves: never copied")
    parser.add_argument("--reach", type=int, help="frames to look away at most; any if left out")
    parser.add_argument("--out", type=Path, required=True, help=".mkv is lossless")
    parser.add_argument(
        "--never-seen", type=Path, help="mask of what no frame shows: .json, folder or video"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Fill, write, measure what was written, report."""
    require_video_file("--out", arguments.out)
    if arguments.never_seen:
        require_mask_target("--never-seen", arguments.never_seen)
    with named("--video"):
        clip = read_clip(arguments.video)
    with named("--mask"):
        mask = MaskTrack.fit(read_mask(arguments.mask), clip)
    with named("--video", (SizeError,)):
        result = fill_background(
            clip.frames,
            mask.values,
            DisFlow(),
            entities=_entities(arguments.entities, clip),
            reach=arguments.reach,
            runtime=runtime_for(torch.device("cpu")),
        )
    write_clip(arguments.out, result.frames, fps=clip.fps, audio_from=arguments.video)
    if arguments.never_seen:
        write_masks(arguments.never_seen, result.never_seen, arguments.video)
    for line in _report_lines(arguments, clip, mask, result):
        print(line)


def _entities(path: Path | None, clip: Clip) -> Tensor | None:
    """Empty masks are fine: then nothing else moves."""
    if path is None:
        return None
    with named("--entities"):
        entities = read_mask(path, frames=len(clip))
        check_entities(clip.frames, entities)
    return entities


def _report_lines(
    arguments: argparse.Namespace, clip: Clip, mask: MaskTrack, result: BackgroundFill
) -> list[str]:
    hole = (mask.values > 0.5).float()
    left = float(result.never_seen.sum() / hole.sum())
    written = measure_change(clip.frames, read_clip(arguments.out).frames, hole)
    return [
        *(f"warning: {warning}" for warning in (*mask.warnings, *result.warnings)),
        f"of the mask, {1 - left:.1%} was filled from other frames and {left:.1%} was never seen",
        f"written: {arguments.out} (decoded again: outside the mask differs by at most "
        f"{written.outside:g})",
    ]
