"""What commands share that edit a video file of any length: files, journal, the run, the report."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..chain.footage import look_at, plan_video
from ..chain.journal import Journal
from ..chain.request import VideoFiles
from ..chain.run import PARTIAL, edit_video
from ..edit.job import Job
from ..edit.masks import MaskSource
from ..errors import InputError
from ..files.atomic import write_whole_file
from ..files.lock import sole_writer
from ..media import load_layer
from ..settings import Settings
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

MASK_HELP = (
    "video, image, animation, folder of images or masks.json; FILE@opaque, @transparent: that part "
    "of its alpha channel; @3, @#ff0000: that label or colour alone"
)


def add_keyframe_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keyframe",
        action="append",
        default=[],
        metavar="IMG@N",
        help="finished frame N; where it is transparent the source shows",
    )


def add_file_arguments(parser: argparse.ArgumentParser, *, model: str = "tiny") -> None:
    """What is written, and how the model is loaded; `model` is the bundled one."""
    parser.add_argument(
        "--work", type=Path, help="folder of the journal, from which a stopped run goes on"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on; an error where there is no journal"
    )
    add_model_arguments(parser, default=model)
    parser.add_argument("--out", type=Path, required=True, help=".mkv is lossless")
    parser.add_argument("--report", type=Path, help="JSON")
    add_sound_argument(parser)
    add_fps_argument(parser)


def run_chained(
    arguments: argparse.Namespace,
    settings: Callable[[argparse.Namespace], Settings],
    masks: Callable[[argparse.Namespace], MaskSource],
) -> None:
    """Edit, write, measure what was written, report."""
    _check_files(arguments)
    with sole_writer(arguments.out, argument="--out"):
        asked = settings(arguments)
        _edit(arguments, asked, _files(arguments, masks(arguments)))


def _edit(arguments: argparse.Namespace, settings: Settings, files: VideoFiles) -> None:
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


def _files(arguments: argparse.Namespace, masks: MaskSource) -> VideoFiles:
    out, work = arguments.out, _work(arguments)
    if arguments.resume and not Journal.exists(work):
        raise InputError("--resume", f"{work} holds no journal: name it with --work, or leave out")
    return VideoFiles(
        source=arguments.video,
        masks=masks,
        out=out,
        work=work,
        keyframes=tuple(_keyframe(text) for text in arguments.keyframe),
        sound=arguments.sound,
        fps=fps_named(arguments.fps),
        mask_out=_mask_out(out),
    )


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
