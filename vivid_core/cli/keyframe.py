"""`vivid keyframe`: looks for one frame, to choose from before the whole clip is edited."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import get_args

from ..edit.job import Material
from ..errors import InputError
from ..files.atomic import require_folder_target, write_whole_file
from ..keyframe.edit import KeyframeResult, candidate_sheet, edit_keyframe
from ..media import read_clip, read_mask, save_image
from ..settings import DEFAULT_GUIDANCE, DEFAULT_STEPS, Focus, Sampler, Settings, Task
from ..video import MaskTrack
from .shared import (
    add_model_arguments,
    device_named,
    load_model,
    named,
    require_files_apart,
    runtime_for,
)

SHEET, FACTS, CANDIDATES = "sheet.png", "candidates.json", "candidate_*.png"


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("keyframe", help="candidates for one frame, to choose from")
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument(
        "--mask", type=Path, required=True, help="video, folder of images, image or masks.json"
    )
    parser.add_argument("--frame", type=int, default=0, help="counted from 0")
    parser.add_argument("--task", choices=get_args(Task), required=True)
    parser.add_argument(
        "--caption", action="append", default=[], help="what the mask shall hold; may be repeated"
    )
    parser.add_argument("--negative", default="", help="what it shall not")
    parser.add_argument("--candidates", type=int, default=4, help="of each caption; seeds rise")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=DEFAULT_STEPS, help="1 to 1000")
    parser.add_argument("--guidance", type=float, default=DEFAULT_GUIDANCE)
    parser.add_argument("--sampler", choices=get_args(Sampler), default="ddim")
    parser.add_argument("--focus", choices=get_args(Focus), default="auto")
    parser.add_argument("--grow", type=int, help="pixels; 0, and 1/60 of the frame to delete")
    parser.add_argument("--feather", type=int, default=2, help="pixels inside the mask")
    add_model_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Write numbered pictures, a sheet of all of them, and what they were made from."""
    _check_folder(arguments)
    material, settings = _material(arguments), _settings(arguments)
    device = device_named(arguments.device)
    result = edit_keyframe(
        load_model(arguments, device),
        material,
        settings,
        frame=arguments.frame,
        captions=arguments.caption,
        candidates=arguments.candidates,
        runtime=runtime_for(device),
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    _write(arguments.out, result)
    print(result.report)
    print(f"written: {arguments.out / SHEET}")
    print(
        f"to use number 1: vivid edit ... --keyframe {arguments.out / _name(1)}@{arguments.frame}"
    )


def _check_folder(arguments: argparse.Namespace) -> None:
    """Raise InputError where pictures cannot be written, or would replace others."""
    out: Path = arguments.out
    with named("--out"):
        require_folder_target(out)
    earlier = next(iter(sorted(out.glob(CANDIDATES))), None)
    if earlier is not None:
        raise InputError("--out", f"{earlier} is there already: choose another folder")
    require_files_apart(
        arguments,
        reads=("video", "mask", "model", "adapter", "base"),
        also={"--out": out / SHEET, "--out (facts)": out / FACTS},
    )


def _write(folder: Path, result: KeyframeResult) -> None:
    facts = []
    for number, candidate in enumerate(result.candidates, start=1):
        save_image(folder / _name(number), candidate.pixels)
        facts.append(
            {
                "file": _name(number),
                "frame": result.frame,
                "caption": candidate.caption,
                "seed": candidate.seed,
            }
        )
    save_image(folder / SHEET, candidate_sheet(result))
    cost = {
        "candidate_pflops": result.candidate_pflops,
        "edit_pflops": None if result.cost is None else result.cost.pflops,
    }
    content = {"candidates": facts, "seconds": result.seconds} | cost
    write_whole_file(folder / FACTS, json.dumps(content, indent=2).encode())


def _name(number: int) -> str:
    return f"candidate_{number:02d}.png"


def _material(arguments: argparse.Namespace) -> Material:
    with named("--video"):
        clip = read_clip(arguments.video)
    if not 0 <= arguments.frame < len(clip):
        raise InputError(
            "--frame", f"is {arguments.frame}, the clip has frames 0 to {len(clip) - 1}"
        )
    with named("--mask"):
        return Material(clip=clip, mask=MaskTrack.fit(read_mask(arguments.mask), clip))


def _settings(arguments: argparse.Namespace) -> Settings:
    return Settings(
        task=arguments.task,
        caption=arguments.caption[0] if arguments.caption else "",
        negative=arguments.negative,
        seed=arguments.seed,
        steps=arguments.steps,
        guidance=arguments.guidance,
        sampler=arguments.sampler,
        focus=arguments.focus,
        grow=arguments.grow,
        feather=arguments.feather,
    )
