"""`vivid instruct`: edit a video file of any length by instruction, with or without a mask."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from ..chain.sources import open_masks
from ..edit.masks import MaskSource, WholeFrames
from ..media import read_info
from ..settings import (
    DEFAULT_STEPS,
    INSTRUCTION_GUIDANCE,
    Focus,
    GuidanceFormula,
    Sampler,
    Settings,
)
from .chained import MASK_HELP, add_file_arguments, add_keyframe_argument, run_chained
from .shared import fps_named, named


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("instruct", help="edit by instruction (InsViE models)")
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument(
        "--instruction", required=True, help="what to do, such as 'make the parrot a magpie'"
    )
    parser.add_argument("--negative", default="", help="what to steer away from")
    parser.add_argument("--mask", type=Path, help=f"nothing outside it changes; {MASK_HELP}")
    add_keyframe_argument(parser)
    text, video = INSTRUCTION_GUIDANCE
    parser.add_argument("--text-guidance", type=float, default=text)
    parser.add_argument("--video-guidance", type=float, default=video)
    parser.add_argument(
        "--guidance-formula",
        choices=get_args(GuidanceFormula),
        default="released",
        help="released: both swing between 1 and 1 more than asked; paper: eq. 2 of InsViE, held",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=DEFAULT_STEPS, help="1 to 1000")
    parser.add_argument("--sampler", choices=get_args(Sampler), default="ddim")
    parser.add_argument("--focus", choices=get_args(Focus), default="auto")
    parser.add_argument("--grow", type=int, help="pixels by which the mask is widened")
    parser.add_argument("--feather", type=int, default=2, help="pixels inside the mask")
    add_file_arguments(parser, model="tiny-instruct")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Edit as the instruction says."""
    run_chained(arguments, _settings, _masks)


def _settings(arguments: argparse.Namespace) -> Settings:
    return Settings(
        task="instruct",
        caption=arguments.instruction,
        negative=arguments.negative,
        seed=arguments.seed,
        steps=arguments.steps,
        guidance=(arguments.text_guidance, arguments.video_guidance),
        guidance_formula=arguments.guidance_formula,
        sampler=arguments.sampler,
        focus=arguments.focus,
        grow=arguments.grow,
        feather=arguments.feather,
    )


def _masks(arguments: argparse.Namespace) -> MaskSource:
    if arguments.mask is None:
        fps = fps_named(arguments.fps)
        with named("--video"):
            info = read_info(arguments.video, fps=fps)
        return WholeFrames((info.height, info.width))
    with named("--mask"):
        return open_masks(arguments.mask)
