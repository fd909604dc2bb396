"""`vivid plan`: what an edit would cost, before it runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from ..edit.composite import effective_mask
from ..edit.cost import estimate_cost
from ..edit.request import DEFAULT_GUIDANCE, DEFAULT_STEPS, Fill, Focus
from ..media import probe, read_mask
from .shared import add_model_arguments, device_named, load_model

UPPER_LIMIT = (
    "With fill auto this is an upper limit: what other frames show is copied without the model. "
    "How much that is only the fill itself finds out; `vivid fill` tells, and needs no model"
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
        "--fill", choices=get_args(Fill), default="off", help="auto: says that less may be spent"
    )
    add_model_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    info = probe(arguments.video)
    mask = effective_mask(read_mask(arguments.mask), arguments.grow) if arguments.mask else None
    estimate = estimate_cost(
        load_model(arguments, device_named(arguments.device)),
        frames=info.frame_count,
        height=info.height,
        width=info.width,
        steps=arguments.steps,
        guidance=arguments.guidance,
        mask=mask,
        focus=arguments.focus,
    )
    print(estimate.text)
    if arguments.fill == "auto":
        print(UPPER_LIMIT)
