"""`vivid augment`: one of the six mask variants that a VIVID model is trained on."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from torch import Tensor

from ..errors import InputError
from ..files.lock import sole_writer
from ..mask.augment import (
    DEFAULT_RADIUS,
    MASK_MODES,
    Components,
    MaskLimits,
    Unit,
    augment_mask,
    is_usable,
)
from ..media import read_mask
from ..settings import LARGEST_SEED
from .shared import named, require_files_apart, require_mask_target, write_masks


def add_command(commands: argparse._SubParsersAction) -> None:
    low, high = DEFAULT_RADIUS
    parser = commands.add_parser("augment", help="grow a mask, or take its hull or box")
    parser.add_argument(
        "--mask", type=Path, required=True, help="video, folder of images, image or masks.json"
    )
    parser.add_argument("--mode", choices=MASK_MODES, required=True)
    parser.add_argument(
        "--radius",
        metavar="MIN,MAX",
        help=f"growth is drawn from it, in --unit; {low:g},{high:g} of the mask's size",
    )
    parser.add_argument(
        "--unit", choices=get_args(Unit), default="share", help="share: of the mask's own size"
    )
    parser.add_argument("--seed", type=int, default=0, help="draws the growth")
    parser.add_argument("--per-frame", action="store_true", help="a new growth for every frame")
    parser.add_argument(
        "--components",
        choices=get_args(Components),
        default="together",
        help="one hull or box around everything, or one each",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="masks.json, a folder, or a video (.mkv: lossless)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read, change, write, report."""
    require_mask_target("--out", arguments.out)
    require_files_apart(arguments, reads=("mask",), writes=("out",))
    if not 0 <= arguments.seed <= LARGEST_SEED:
        raise InputError("--seed", f"must be 0 to {LARGEST_SEED}, got {arguments.seed}")
    with sole_writer(arguments.out, argument="--out"):
        _augment(arguments)


def _augment(arguments: argparse.Namespace) -> None:
    radius = _radius(arguments.radius, arguments.unit)
    mask = _mask(arguments.mask)
    with named("--radius", (InputError,)):
        augmented = augment_mask(
            mask,
            mode=arguments.mode,
            radius=radius,
            unit=arguments.unit,
            seed=arguments.seed,
            per_frame=arguments.per_frame,
            components=arguments.components,
        )
    write_masks(arguments.out, augmented, arguments.mask)
    for line in _report_lines(mask, augmented):
        print(line)
    print(f"written: {arguments.out}")


def _radius(text: str | None, unit: Unit) -> tuple[float, float]:
    if text is None:
        if unit == "pixels":
            raise InputError("--radius", "say how many pixels, for example 4,16")
        return DEFAULT_RADIUS
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError("--radius", f"cannot read {text!r}: need MIN,MAX as in 4,16") from error
    return low, high


def _mask(path: Path) -> Tensor:
    with named("--mask"):
        values = read_mask(path)
    if not (values > 0.5).any():
        raise InputError("--mask", f"{path} is empty on every frame: nothing is white in it")
    return values


def _report_lines(before: Tensor, after: Tensor) -> Iterator[str]:
    was, now = (float((mask > 0.5).float().mean()) for mask in (before, after))
    yield f"{len(after)} frames, the mask grew from {was:.2%} to {now:.2%} of the pixels"
    limits = MaskLimits()
    if not is_usable(after, limits):
        yield (
            f"warning: in its largest frame the mask is not between {limits.smallest:.1%} and "
            f"{limits.largest:.0%} of the pixels: too small or too large for a good edit"
        )
