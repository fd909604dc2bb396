"""`vivid edit`: one edit of a video file of any length."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from ..chain.sources import open_masks
from ..edit.masks import MaskSource
from ..errors import InputError
from ..settings import DEFAULT_GUIDANCE, DEFAULT_STEPS, Fill, Focus, Rest, Sampler, Settings, Task
from .chained import MASK_HELP, add_file_arguments, add_keyframe_argument, run_chained
from .shared import is_frame, named


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("edit", help="add, modify or delete something inside a mask")
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--mask", type=Path, required=True, help=MASK_HELP)
    parser.add_argument("--task", choices=get_args(Task), required=True)
    parser.add_argument("--caption", default="", help="what the mask shall hold")
    parser.add_argument("--negative", default="", help="what it shall not")
    add_keyframe_argument(parser)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=DEFAULT_STEPS, help="1 to 1000")
    parser.add_argument("--guidance", type=float, default=DEFAULT_GUIDANCE)
    parser.add_argument("--sampler", choices=get_args(Sampler), default="ddim")
    parser.add_argument("--focus", choices=get_args(Focus), default="auto")
    parser.add_argument(
        "--fill",
        choices=get_args(Fill),
        default="auto",
        help="auto (default), to delete: copy what other frames show, make only the rest",
    )
    parser.add_argument(
        "--rest",
        choices=get_args(Rest),
        default="model",
        help="to delete, what no frame shows: the model's, classical (no model runs), or left",
    )
    parser.add_argument("--grow", type=int, help="pixels; 0, and 1/60 of the frame to delete")
    parser.add_argument("--feather", type=int, default=2, help="pixels inside the mask")
    parser.add_argument(
        "--later-caption",
        action="append",
        default=[],
        metavar="TEXT@N",
        help="the caption from frame N on",
    )
    parser.add_argument(
        "--anchor", action="store_true", help="hold the colours of the first edited frame"
    )
    add_file_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Edit inside a mask."""
    run_chained(arguments, _settings, _masks)


def _settings(arguments: argparse.Namespace) -> Settings:
    return Settings(
        task=arguments.task,
        caption=arguments.caption,
        later_captions=tuple(_later_caption(text) for text in arguments.later_caption),
        negative=arguments.negative,
        seed=arguments.seed,
        steps=arguments.steps,
        guidance=arguments.guidance,
        sampler=arguments.sampler,
        focus=arguments.focus,
        grow=arguments.grow,
        feather=arguments.feather,
        fill=arguments.fill,
        rest=arguments.rest,
        anchor=arguments.anchor,
    )


def _masks(arguments: argparse.Namespace) -> MaskSource:
    with named("--mask"):
        return open_masks(arguments.mask)


def _later_caption(text: str) -> tuple[int, str]:
    caption, _, frame = text.rpartition("@")
    if not caption.strip() or not is_frame(frame):
        raise InputError("--later-caption", f"need TEXT@FRAME such as 'a red car@48', got {text!r}")
    return int(frame), caption
