"""`vivid edit`: one edit of a video file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import get_args

from ..edit.composite import measure_change
from ..edit.pipeline import edit_clip
from ..edit.report import report_data, report_text
from ..edit.request import (
    DEFAULT_GUIDANCE,
    DEFAULT_STEPS,
    EditRequest,
    EditResult,
    Fill,
    Focus,
    Keyframe,
    Sampler,
    Task,
)
from ..errors import InputError
from ..media import (
    load_image,
    read_clip,
    read_mask,
    require_writable,
    write_clip,
)
from ..video import MaskTrack
from .shared import (
    add_model_arguments,
    device_named,
    load_model,
    require_video_file,
    runtime_for,
)


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("edit", help="add, modify or delete something inside a mask")
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument(
        "--mask", type=Path, required=True, help="video, folder of images, image or masks.json"
    )
    parser.add_argument("--task", choices=get_args(Task), required=True)
    parser.add_argument("--caption", default="", help="what the mask shall hold")
    parser.add_argument("--negative", default="", help="what it shall not")
    parser.add_argument(
        "--keyframe", action="append", default=[], metavar="IMG@N", help="finished frame N"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=DEFAULT_STEPS, help="1 to 1000")
    parser.add_argument("--guidance", type=float, default=DEFAULT_GUIDANCE)
    parser.add_argument("--sampler", choices=get_args(Sampler), default="ddim")
    parser.add_argument("--focus", choices=get_args(Focus), default="auto")
    parser.add_argument(
        "--fill",
        choices=get_args(Fill),
        default="off",
        help="auto, to delete: copy what other frames show, generate only the rest",
    )
    parser.add_argument("--grow", type=int, help="pixels; 0, and 1/60 of the frame to delete")
    parser.add_argument("--feather", type=int, default=2, help="pixels inside the mask")
    add_model_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help=".mkv is lossless")
    parser.add_argument("--report", type=Path, help="JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Edit, write, measure what was written, report."""
    require_video_file("--out", arguments.out)
    if arguments.report:
        require_writable(arguments.report)
    request = _request(arguments)
    device = device_named(arguments.device)
    result = edit_clip(load_model(arguments, device), request, runtime_for(device))
    fps = request.clip.fps
    write_clip(arguments.out, result.frames, fps=fps, audio_from=arguments.video)
    mask_path = arguments.out.with_name(f"{arguments.out.stem}.effective_mask.mkv")
    write_clip(mask_path, result.effective_mask[..., None].expand(-1, -1, -1, 3), fps=fps)
    written = _measure_written(arguments.out, request, result)
    print(report_text(result.report))
    print(
        f"written: {arguments.out} (decoded again: outside the mask differs by at most "
        f"{written['written_max_difference_outside']:g})"
    )
    if arguments.report:
        data = report_data(result.report)
        data |= {"effective_mask": str(mask_path), "output": str(arguments.out)} | written
        arguments.report.write_text(json.dumps(data, indent=2))


def _measure_written(path: Path, request: EditRequest, result: EditResult) -> dict[str, float]:
    """Differences outside the mask in the file itself, after decoding it."""
    decoded = read_clip(path).frames
    against_source = measure_change(request.clip.frames, decoded, result.effective_mask)
    encoding = (decoded - result.frames).abs()
    return {
        "written_max_difference_outside": against_source.outside,
        "encoding_error_max": float(encoding.max()),
        "encoding_error_mean": float(encoding.mean()),
    }


def _request(arguments: argparse.Namespace) -> EditRequest:
    clip = read_clip(arguments.video)
    return EditRequest(
        clip=clip,
        mask=MaskTrack.fit(read_mask(arguments.mask), clip),
        task=arguments.task,
        caption=arguments.caption,
        negative=arguments.negative,
        seed=arguments.seed,
        steps=arguments.steps,
        guidance=arguments.guidance,
        sampler=arguments.sampler,
        focus=arguments.focus,
        grow=arguments.grow,
        feather=arguments.feather,
        fill=arguments.fill,
        keyframes=tuple(_keyframe(text) for text in arguments.keyframe),
    )


def _keyframe(text: str) -> Keyframe:
    path, _, frame = text.rpartition("@")
    if not path or not frame.isdigit():
        raise InputError("--keyframe", f"need IMAGE@FRAME such as edit.png@0, got {text!r}")
    return Keyframe(frame=int(frame), pixels=load_image(Path(path)))
