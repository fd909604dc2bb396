"""`vivid plan`: what an edit would cost, before it runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from ..edit.cost import estimate_cost
from ..edit.job import plan_unseen
from ..edit.speed import matmul_speed
from ..media import read_info, read_mask
from ..settings import DEFAULT_GUIDANCE, DEFAULT_STEPS, Fill, Focus, Rest, Settings
from .shared import add_model_arguments, device_named, load_model, named

UPPER_LIMIT = (
    "For a delete with fill auto this is an upper limit: what other frames show is copied without "
    "the model. How much that is only the fill itself finds out; `vivid fill` tells, and needs no "
    "model"
)


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("plan", help="the cost of an edit before the run")
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--mask", type=Path, help="to see what the focus crop saves")
    parser.add_argument("--grow", type=int, default=0, help="pixels the mask will grow by")
    parser.add_argument("--steps", type=int, default=DEFAULT_STEPS)
    parser.add_argument("--guidance", type=float, default=DEFAULT_GUIDANCE)
    parser.add_argument("--focus", choices=get_args(Focus), default="auto")
    parser.add_argument(
        "--fill",
        choices=get_args(Fill),
        default="auto",
        help="auto (default): says that a delete may spend less",
    )
    parser.add_argument(
        "--rest",
        choices=get_args(Rest),
        default="model",
        help="to delete with classical or leave, no model runs",
    )
    add_model_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    with named("--video"):
        info = read_info(arguments.video)
    with named("--mask"):
        mask = read_mask(arguments.mask) if arguments.mask else None
    settings = Settings(
        task="delete",
        grow=arguments.grow,
        steps=arguments.steps,
        guidance=arguments.guidance,
        focus=arguments.focus,
        rest=arguments.rest,
    )
    model = load_model(arguments, device_named(arguments.device))
    job = plan_unseen(
        model,
        settings,
        frames=info.frame_count,
        size=(info.height, info.width),
        mask=mask,
    )
    device = model.placement.device
    estimate = estimate_cost(model, job, speed=matmul_speed(device, model.dtype))
    print("This model cannot tell its cost" if estimate is None else estimate.text)
    if arguments.fill == "auto" and settings.needs_model:
        print(UPPER_LIMIT)
