"""`vivid fill`: background that other frames show, copied into a mask."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from ..chain.fill import FillFiles, VideoFill, fill_video
from ..chain.sources import open_masks
from ..edit.masks import MaskSource
from ..errors import MaskError, SizeError
from ..files.lock import sole_writer
from ..flow.fill import FillOptions
from ..media import rate_words, read_info
from .shared import (
    add_fps_argument,
    add_sound_argument,
    fps_named,
    named,
    require_files_apart,
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
    parser.add_argument(
        "--rest",
        choices=("leave", "classical"),
        default="leave",
        help="what no frame shows: left as it is, or filled from the frame around it",
    )
    parser.add_argument("--out", type=Path, required=True, help=".mkv is lossless")
    parser.add_argument(
        "--never-seen", type=Path, help="mask of what no frame shows: .json, folder or video"
    )
    add_sound_argument(parser)
    add_fps_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Fill, write, measure what was written, report."""
    require_video_file("--out", arguments.out)
    if arguments.never_seen:
        require_mask_target("--never-seen", arguments.never_seen)
    require_files_apart(
        arguments, reads=("video", "mask", "entities"), writes=("out", "never_seen")
    )
    with sole_writer(arguments.out, argument="--out"):
        _fill(arguments)


def _fill(arguments: argparse.Namespace) -> None:
    options = FillOptions(reach=arguments.reach, classical=arguments.rest == "classical")
    files = FillFiles(
        source=arguments.video,
        masks=_masks("--mask", arguments.mask),
        out=arguments.out,
        entities=_masks("--entities", arguments.entities) if arguments.entities else None,
        sound=arguments.sound,
        fps=fps_named(arguments.fps),
    )
    with named("--video"):
        info = read_info(arguments.video)
    with named("--video", (SizeError,)), _masks_named():
        result = fill_video(files, options, runtime_for(torch.device("cpu")))
    if arguments.never_seen:
        write_masks(arguments.never_seen, result.never_seen(), arguments.video, files.fps)
    if rate := rate_words(replace(info, fps=files.fps or info.fps), files.fps):
        print(f"frame rate: {rate}")
    for line in _report_lines(arguments, result):
        print(line)


@contextmanager
def _masks_named() -> Iterator[None]:
    """Errors of masks name their option."""
    try:
        yield
    except MaskError as error:
        with named(f"--{error.argument}", (MaskError,)):
            raise


def _masks(option: str, path: Path) -> MaskSource:
    with named(option):
        return open_masks(path)


def _report_lines(arguments: argparse.Namespace, result: VideoFill) -> list[str]:
    left = result.never_seen_share
    became = " and was filled classically" if arguments.rest == "classical" and left else ""
    return [
        *(f"warning: {warning}" for warning in result.warnings),
        f"of the mask, {1 - left:.1%} was filled from other frames and {left:.1%} was never seen"
        + became,
        f"written: {arguments.out} (decoded again: outside the mask differs by at most "
        f"{result.outside:g})",
    ]
