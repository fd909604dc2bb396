"""`vivid edit`: one edit of a video file of any length."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from ..chain.footage import look_at, plan_video
from ..chain.journal import Journal
from ..chain.request import VideoFiles
from ..chain.run import PARTIAL, edit_video
from ..chain.sources import open_masks
from ..edit.job import Job
from ..edit.masks import MaskSource
from ..errors import InputError
from ..files.atomic import write_whole_file
from ..files.lock import sole_writer
from ..media import load_layer
from ..settings import DEFAULT_GUIDANCE, DEFAULT_STEPS, Fill, Focus, Rest, Sampler, Settings, Task
from ..video import Keyframe
from .shared import (
    add_fps_argument,
    add_model_arguments,
    add_sound_argument,
    device_named,
    fps_named,
    is_frame,
    load_model,
    named,
    require_file,
    require_files_apart,
    require_video_file,
    require_work_folder,
    runtime_for,
)


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("edit", help="add, modify or delete something inside a mask")
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument(
        "--mask",
        type=Path,
        required=True,
        help="video, image, animation, folder of images or masks.json; FILE@opaque, @transparent: "
        "that part of its alpha channel; @3, @#ff0000: that label or colour alone",
    )
    parser.add_argument("--task", choices=get_args(Task), required=True)
    parser.add_argument("--caption", default="", help="what the mask shall hold")
    parser.add_argument("--negative", default="", help="what it shall not")
    parser.add_argument(
        "--keyframe",
        action="append",
        default=[],
        metavar="IMG@N",
        help="finished frame N; where it is transparent the source shows",
    )
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
    parser.add_argument(
        "--work", type=Path, help="folder of the journal, from which a stopped run goes on"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on; an error where there is no journal"
    )
    add_model_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help=".mkv is lossless")
    parser.add_argument("--report", type=Path, help="JSON")
    add_sound_argument(parser)
    add_fps_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Edit, write, measure what was written, report."""
    _check_files(arguments)
    with sole_writer(arguments.out, argument="--out"):
        _edit(arguments)


def _edit(arguments: argparse.Namespace) -> None:
    settings, files = _settings(arguments), _files(arguments)
    look = look_at(files, settings)  # before a model is loaded
    device = device_named(arguments.device)
    model, runtime = load_model(arguments, device), runtime_for(device)
    job = plan_video(model, files, settings, runtime, look=look)
    files = _with_journal(arguments, files, job)
    report = edit_video(model, files, settings, runtime, job=job)
    print(report.text)
    if files.work is not None:
        print(f"journal: {files.work}")
    print(
        f"written: {files.out} (decoded again: outside the mask differs by at most "
        f"{report.written.written_max_difference_outside:g})"
    )
    if arguments.report:
        data: dict[str, Any] = report.data | {"effective_mask": str(files.mask_out)}
        write_whole_file(arguments.report, json.dumps(data, indent=2).encode())


def _check_files(arguments: argparse.Namespace) -> None:
    require_video_file("--out", arguments.out)
    mask_out, work = _mask_out(arguments.out), _work(arguments)
    require_file("--out", mask_out)
    require_work_folder("--work", work)
    require_file("--report", arguments.report)
    part = work / f"{PARTIAL}{arguments.out.suffix}"
    require_files_apart(
        arguments,
        reads=("video", "mask", "keyframe", "model", "adapter", "base"),
        writes=("out", "report"),
        also={"--out (its effective mask)": mask_out, "--work": part},
    )


def _mask_out(out: Path) -> Path:
    return out.with_name(f"{out.stem}.effective_mask.mkv")


def _work(arguments: argparse.Namespace) -> Path:
    out: Path = arguments.out
    return arguments.work or out.with_name(f"{out.stem}.journal")


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


def _files(arguments: argparse.Namespace) -> VideoFiles:
    out, work = arguments.out, _work(arguments)
    if arguments.resume and not Journal.exists(work):
        raise InputError("--resume", f"{work} holds no journal: name it with --work, or leave out")
    return VideoFiles(
        source=arguments.video,
        masks=_masks(arguments.mask),
        out=out,
        work=work,
        keyframes=tuple(_keyframe(text) for text in arguments.keyframe),
        sound=arguments.sound,
        fps=fps_named(arguments.fps),
        mask_out=_mask_out(out),
    )


def _masks(path: Path) -> MaskSource:
    with named("--mask"):
        return open_masks(path)


def _with_journal(arguments: argparse.Namespace, files: VideoFiles, job: Job) -> VideoFiles:
    """A clip of a single window needs no journal, unless one was asked for."""
    if arguments.work or arguments.resume or len(job.windows) > 1:
        return files
    return replace(files, work=None)


def _keyframe(text: str) -> Keyframe:
    path, _, frame = text.rpartition("@")
    if not path or not is_frame(frame):
        raise InputError("--keyframe", f"need IMAGE@FRAME such as edit.png@0, got {text!r}")
    with named("--keyframe"):
        pixels, alpha = load_layer(Path(path))
    return Keyframe(frame=int(frame), pixels=pixels, alpha=alpha)


def _later_caption(text: str) -> tuple[int, str]:
    caption, _, frame = text.rpartition("@")
    if not caption.strip() or not is_frame(frame):
        raise InputError("--later-caption", f"need TEXT@FRAME such as 'a red car@48', got {text!r}")
    return int(frame), caption
