"""What several commands share: the model argument, devices, progress on a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..cogvideox.model import CogVideoX
from ..errors import InputError, MediaError, VividError
from ..media import read_info, require_video_target, require_writable, save_masks, write_clip
from ..runtime import Progress, Runtime
from ..video import Clip

MASKS_SUFFIX = ".json"


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


def write_masks(path: Path, masks: Iterable[NDArray[np.bool_] | Tensor], beside: Path) -> None:
    """.json as COCO run lengths, else a black and white video (as fast as `beside`) or folder."""
    if path.suffix.lower() == MASKS_SUFFIX:
        save_masks(path, masks)
    else:
        values = (torch.as_tensor(mask)[..., None].float() for mask in masks)
        write_clip(path, (value.expand(-1, -1, 3) for value in values), fps=_rate_of(beside))


def _rate_of(path: Path) -> Fraction:
    """Frames a second of a video; a clip's default for what has no rate of its own."""
    try:
        return read_info(path).fps
    except MediaError:  # a folder, an image or a masks.json
        return Clip.fps


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="tiny", help="tiny (bundled), or a folder or file")
    parser.add_argument("--adapter", type=Path, help="VIVID adapter or LoRA for the model")
    parser.add_argument("--strength", type=float, default=1.0, help="of the adapter's LoRA")
    parser.add_argument("--base", type=Path, help="where a single file finds VAE and text encoder")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps ...")


def device_named(name: str) -> torch.device:
    """The device, "auto" being a GPU where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise InputError("--device", f"{name!r} is no device: use auto, cpu or cuda") from error


def load_model(arguments: argparse.Namespace, device: torch.device) -> CogVideoX:
    """The model that --model, --adapter, --strength and --base name."""
    from ..tiny import load_model

    return load_model(
        arguments.model,
        adapter=arguments.adapter,
        strength=arguments.strength,
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
