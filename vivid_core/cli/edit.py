"""`vivid edit`: one edit of a video file of any length."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from ..chain.footage import Footage, look_at
from ..chain.journal import Journal
from ..chain.request import LongEditRequest
from ..chain.run import edit_long_video
from ..chain.sources import open_masks
from ..cogvideox.bundle import ModelBundle
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
from ..media import load_image, read_clip, require_writable, write_clip
from ..runtime import Runtime
from ..video import FrameRange, MaskTrack
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
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Edit, write, measure what was written, report."""
    require_video_file("--out", arguments.out)
    if arguments.report:
        require_writable(arguments.report)
    request = _request(arguments)
    footage = look_at(request, Runtime())  # before a model is loaded
    device = device_named(arguments.device)
    bundle = load_model(arguments, device)
    runtime = runtime_for(device)
    if _wants_chain(arguments, footage.info.frame_count, bundle):
        text, data = _edit_chained(bundle, request, footage, runtime)
    else:
        text, data = _edit_whole(bundle, request, footage, runtime)
    print(text)
    print(
        f"written: {request.out} (decoded again: outside the mask differs by at most "
        f"{data['written_max_difference_outside']:g})"
    )
    if arguments.report:
        data |= {"effective_mask": str(request.mask_out), "output": str(request.out)}
        arguments.report.write_text(json.dumps(data, indent=2))


def _wants_chain(arguments: argparse.Namespace, frames: int, bundle: ModelBundle) -> bool:
    """Where asked for, and for clips over one window; but a fill looks through the whole clip."""
    if arguments.work or arguments.resume or arguments.later_caption or arguments.anchor:
        return True
    return frames > bundle.train_size[0] and arguments.fill == "off"


def _edit_chained(
    bundle: ModelBundle, request: LongEditRequest, footage: Footage, runtime: Runtime
) -> tuple[str, dict[str, Any]]:
    """Window by window, with a journal; memory does not grow with the clip."""
    report = edit_long_video(bundle, request, runtime, footage=footage)
    return f"{report.text}\njournal: {request.work}", report.data


def _edit_whole(
    bundle: ModelBundle, request: LongEditRequest, footage: Footage, runtime: Runtime
) -> tuple[str, dict[str, Any]]:
    """A clip in memory."""
    clip = read_clip(request.source)
    mask = request.masks.read(FrameRange(start=0, stop=len(request.masks)))
    edit = request.window_request(
        clip,
        MaskTrack.fit(mask, clip),
        caption=0,
        seed=request.seed,
        keyframes=request.keyframes,
    )
    if len(clip) <= bundle.train_size[0]:
        edit = replace(edit, match_colors=False)  # there are no joins
    result = edit_clip(bundle, edit, runtime)
    fps, pts = footage.info.fps, footage.times(footage.whole)
    write_clip(
        request.out,
        result.frames,
        fps=fps,
        pts=pts,
        bit_depth=footage.bit_depth,
        audio_from=request.source,
    )
    assert request.mask_out is not None
    white = result.effective_mask[..., None].expand(-1, -1, -1, 3)
    write_clip(request.mask_out, white, fps=fps, pts=pts)
    written = _measure_written(request.out, edit, result)
    return report_text(result.report), report_data(result.report) | written


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


def _request(arguments: argparse.Namespace) -> LongEditRequest:
    out = arguments.out
    work = arguments.work or out.with_name(f"{out.stem}.journal")
    if arguments.resume and not Journal.exists(work):
        raise InputError("--resume", f"{work} holds no journal: name it with --work, or leave out")
    return LongEditRequest(
        source=arguments.video,
        masks=open_masks(arguments.mask),
        out=out,
        work=work,
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
        keyframes=tuple(_keyframe(text) for text in arguments.keyframe),
        anchor=arguments.anchor,
        mask_out=out.with_name(f"{out.stem}.effective_mask.mkv"),
    )


def _keyframe(text: str) -> Keyframe:
    path, _, frame = text.rpartition("@")
    if not path or not frame.isdigit():
        raise InputError("--keyframe", f"need IMAGE@FRAME such as edit.png@0, got {text!r}")
    return Keyframe(frame=int(frame), pixels=load_image(Path(path)))


def _later_caption(text: str) -> tuple[int, str]:
    caption, _, frame = text.rpartition("@")
    if not caption.strip() or not frame.isdigit():
        raise InputError("--later-caption", f"need TEXT@FRAME such as 'a red car@48', got {text!r}")
    return int(frame), caption
