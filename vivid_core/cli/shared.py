"""What several commands share: the model argument, devices, progress on a terminal."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import runtime
from ..cogvideox.adapters import AdapterFile
from ..cogvideox.model import CogVideoX
from ..errors import InputError, MediaError, VividError
from ..faults import find_fault
from ..files.atomic import is_there, require_folder_target
from ..files.targets import require_apart
from ..media import (
    SOUND_MODES,
    read_info,
    require_video_target,
    require_writable,
    save_masks,
    write_clip,
)
from ..runtime import Progress, Runtime
from ..video import Clip

MASKS_SUFFIX = ".json"
RATE = re.compile(r"[0-9]{1,9}([./][0-9]{1,9})?")  # 1e999999999 would take for ever
MOST_FPS, FINEST_FPS = 1000, 1001  # frames a second; the denominator of 24000/1001
NO_OPTIONS = ("command", "run")
CONFIG = "config"  # a file that holds the options of a command


@contextmanager
def named(
    option: str, kinds: tuple[type[VividError], ...] = (InputError, MediaError)
) -> Iterator[None]:
    """Errors of these kinds inside this context name the option of the command line."""
    try:
        yield
    except kinds as error:
        text = error.problem if isinstance(error, InputError) else str(error)
        raise InputError(option, text) from error


def explained(error: VividError, arguments: argparse.Namespace) -> str:
    """An error's words, which begin with the option at fault wherever one can be told."""
    if isinstance(error, InputError) and error.argument.startswith("--"):
        return str(error)
    given = {name: value for name, value in vars(arguments).items() if name not in NO_OPTIONS}
    fault = find_fault(error, given, otherwise=CONFIG if CONFIG in given else None)
    if fault is None:
        return str(error)
    shown = fault.argument if fault.argument == CONFIG else option_of(fault.argument)
    return f"{shown}: {fault.problem}"


def option_of(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def require_files_apart(
    arguments: argparse.Namespace,
    *,
    reads: Iterable[str],
    writes: Iterable[str] = (),
    also: Mapping[str, Path] | None = None,
) -> None:
    """Raise InputError where the options `writes` name what the options `reads` read.

    `also` are more files that are written, by the words that errors call them. Before any work.
    """
    inputs = [
        (option_of(name), path) for name in reads for path in _paths(getattr(arguments, name))
    ]
    outputs = [(option_of(name), getattr(arguments, name)) for name in writes]
    require_apart(inputs, [*outputs, *(also or {}).items()])


def _paths(value: Any) -> list[Path]:
    """The files of an option that may be given once or often, with a frame or an alpha behind."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    found: list[Path] = []
    for item in values:
        path = Path(item)
        plain = Path(str(item).rpartition("@")[0] or str(item))
        found.append(path if path.exists() else plain)
    return found


def is_frame(text: str) -> bool:
    """Whether a text is the number of a frame that a clip can have."""
    return text.isascii() and text.isdecimal() and len(text) < 10


def require_file(option: str, path: Path | None) -> None:
    """Raise InputError where a file of this kind cannot be written: before long work."""
    if path is not None:
        with named(option):
            require_writable(path)


def require_work_folder(option: str, folder: Path) -> None:
    """Raise InputError where a folder, which is made with those above it, cannot be."""
    above = [folder.absolute(), *folder.absolute().parents]
    with named(option):
        require_folder_target(next(path for path in above if is_there(path.parent)))


def require_video_file(option: str, path: Path) -> None:
    """Raise InputError where no video file can be written: before long work, not after it."""
    with named(option):
        require_video_target(path)
    if not path.suffix:
        raise InputError(option, f"{path} has no suffix: name a video file, .mkv is lossless")


def require_mask_target(option: str, path: Path) -> None:
    """The same for what `write_masks` writes."""
    with named(option):
        if path.suffix.lower() == MASKS_SUFFIX:
            require_writable(path)
        else:
            require_video_target(path)


def write_masks(
    path: Path,
    masks: Iterable[NDArray[np.bool_] | Tensor],
    beside: Path,
    fps: Fraction | None = None,
) -> None:
    """.json as COCO run lengths, else a black and white video (as fast as `beside`) or folder."""
    if path.suffix.lower() == MASKS_SUFFIX:
        save_masks(path, masks)
    else:
        values = (torch.as_tensor(mask)[..., None].float() for mask in masks)
        write_clip(path, (value.expand(-1, -1, 3) for value in values), fps=fps or _rate_of(beside))


def _rate_of(path: Path) -> Fraction:
    """Frames a second of a video; a clip's default for what has no rate of its own."""
    try:
        return read_info(path).fps
    except MediaError:  # a folder, an image or a masks.json
        return Clip.fps


def add_model_arguments(parser: argparse.ArgumentParser, *, default: str = "tiny") -> None:
    parser.add_argument(
        "--model", default=default, help=f"{default} (bundled), or a folder or file"
    )
    add_adapter_arguments(parser)
    parser.add_argument("--base", type=Path, help="where a single file finds VAE and text encoder")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps ...")


def add_adapter_arguments(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    parser.add_argument(
        "--adapter",
        action="append",
        default=[],
        required=required,
        metavar="FILE[@STRENGTH]",
        help="VIVID adapter or LoRA for the model; several are applied in order",
    )
    parser.add_argument(
        "--strength", type=float, default=1.0, help="of the LoRA of adapters that name none"
    )


def adapter_files(arguments: argparse.Namespace) -> list[AdapterFile]:
    """What --adapter and --strength name."""
    if not math.isfinite(arguments.strength):
        raise InputError("--strength", f"must be a finite number, got {arguments.strength}")
    return [_adapter_file(text, arguments.strength) for text in arguments.adapter]


def _adapter_file(text: str, strength: float) -> AdapterFile:
    """A file whose own name has an @ is found all the same."""
    path, at, number = text.rpartition("@")
    if not at or Path(text).exists():
        return AdapterFile(path=Path(text), strength=strength)
    try:
        strength = float(number)
    except ValueError:
        strength = math.nan
    if not path or not math.isfinite(strength):
        raise InputError(
            "--adapter", f"need FILE or FILE@STRENGTH such as style.safetensors@0.8, got {text!r}"
        )
    return AdapterFile(path=Path(path), strength=strength)


def add_fps_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fps",
        metavar="RATE",
        help=f"of a folder of images or TIFF pages, such as 24 or 24000/1001; {Clip.fps} otherwise",
    )


def fps_named(text: str | None) -> Fraction | None:
    """The rate that --fps names. Raises InputError for one that no clip has."""
    if text is None:
        return None
    try:
        rate = Fraction(text) if RATE.fullmatch(text) else Fraction(0)
    except ZeroDivisionError:
        rate = Fraction(0)
    if not 0 < rate <= MOST_FPS:
        raise InputError("--fps", f"need a rate such as 24 or 24000/1001, got {text!r}")
    return rate.limit_denominator(FINEST_FPS)


def add_sound_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sound",
        choices=SOUND_MODES,
        default="copy",
        help="of the video: copied untouched, encoded anew as AAC, or left out",
    )


def device_named(name: str) -> torch.device:
    """A device that can be used here, "auto" being a GPU where there is one."""
    device = runtime.device_named(name, argument="--device")
    if name == "auto":
        return device
    try:
        torch.zeros(1, device=device).cpu()  # "meta" has no values to give back
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = str(error).partition("\n")[0].rstrip(".")
        raise InputError(
            "--device", f"{name!r} cannot be used here ({why}): use auto, cpu or cuda"
        ) from error
    return device


def load_model(arguments: argparse.Namespace, device: torch.device) -> CogVideoX:
    """The model that --model, --adapter, --strength and --base name."""
    from ..tiny import load_model

    return load_model(
        arguments.model,
        adapters=adapter_files(arguments),
        base=arguments.base,
        device=device,
    )


def runtime_for(device: torch.device) -> Runtime:
    """A runtime with a progress bar on a terminal, and none when piped."""
    if not sys.stderr.isatty():
        return Runtime(device=device)
    return Runtime(device=device, report=_TerminalBar())


SHOWN_STAGES = frozenset(
    {"denoise", "track", "follow", "fill", "train", "build"}
)  # those that take long


class _TerminalBar:
    """A bar for each stage that takes long; that of denoising runs over all windows."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""

    def __call__(self, progress: Progress) -> None:
        if progress.stage not in SHOWN_STAGES:
            return
        bar = self._bar if self._stage == progress.stage and self._bar else self._begin(progress)
        bar.set_postfix_str(progress.words, refresh=False)
        bar.n = progress.window * progress.total + progress.done
        bar.refresh()
        if bar.n >= bar.total:
            bar.close()
            self._bar = None

    def _begin(self, progress: Progress) -> Any:
        from tqdm import tqdm

        if self._bar is not None:
            self._bar.close()
        self._stage = progress.stage
        total = progress.total * progress.windows
        self._bar = tqdm(total=total, unit="step", desc=progress.stage)
        return self._bar
