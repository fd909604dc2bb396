"""Edits of a few samples while an adapter is trained: what it can do so far, to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import shorten
from typing import get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.amp import autocast

from ...data.frames import FrameStore, Window
from ...data.samples import Task, TrainingSample
from ...edit.clip import edit_clip
from ...edit.job import Material
from ...files.atomic import write_errors
from ...media import save_image
from ...metrics.sheet import SheetRow, draw_sheet, mask_panel, shrink_panel
from ...runtime import Runtime
from ...settings import Aim, Settings
from ...video import Clip, FrameRange, MaskTrack
from ..processes import compute_dtype
from .config import EditsShown
from .model import TrainedModel

COLUMNS = ("source", "mask", "edit")
SIDE = 160  # pixels of a panel's longer side, at least half of it
LABEL = 46  # letters of a caption


class _Stopped(Exception):  # noqa: N818
    """The training is to stop: nobody waits for its edits."""


class ShownEdits:
    """Edits the same single frames with the same seeds whenever it is asked (VIVID, image mode).

    Additions, changes and deletions in turn, as far as there are samples of them. Pictures are
    kept in `folder`, one for each step that was asked for; None is for processes that only take
    part, where the model is sharded.
    """

    def __init__(
        self,
        model: TrainedModel,
        samples: Sequence[TrainingSample],
        store: FrameStore,
        shown: EditsShown,
        *,
        size: tuple[int, int],
        folder: Path | None,
        device: torch.device,
        stopped: Callable[[], bool],
    ) -> None:
        self._model, self._shown, self._size = model, shown, size
        self._samples = pick_shown(samples, shown.count)
        self._folder, self._store = folder, store
        self._stopped = stopped
        self._runtime = Runtime(device=device, check_cancelled=self._check)

    def draw(self, step: int) -> Path | None:
        """Edit with the weights as they are now, and write the picture.

        None if no edits are asked for, none is kept, or the training is to stop meanwhile.
        """
        try:
            rows = [self._row(sample, index) for index, sample in enumerate(self._samples)]
        except _Stopped:
            return None
        if not rows or self._folder is None:
            return None
        times = max(1, SIDE // max(self._size))
        path = self._folder / f"step_{step:07}.png"
        with write_errors(path):
            self._folder.mkdir(parents=True, exist_ok=True)
        save_image(path, draw_sheet(COLUMNS, rows, enlarge=times))
        return path

    def _check(self) -> None:
        if self._stopped():
            raise _Stopped

    def _row(self, sample: TrainingSample, index: int) -> SheetRow:
        at = sample.masked[len(sample.masked) // 2]
        window = self._store.read(sample, FrameRange(start=at, stop=at + 1), self._size)
        edit = self._edit(sample, window, seed=index)
        panels = (window.pixels[0], mask_panel(window.mask[0]), edit[0])
        words = sample.captions[-1] if sample.captions else "delete"
        return SheetRow(
            label=shorten(words, LABEL, placeholder=" ..."),
            panels=tuple(shrink_panel(panel, 2 * SIDE) for panel in panels),
        )

    def _edit(
        self,
        sample: TrainingSample,
        window: Window,
        *,
        seed: int,
    ) -> Float[Tensor, "1 h w 3"]:
        model, dtype = self._model, compute_dtype(self._model.bundle.dtype)
        trained = model.bundle.with_(transformer=model.transformer, layout=model.layout)
        device, clip = self._runtime.device, Clip(frames=window.pixels)
        where = MaskTrack(values=window.mask)
        if sample.task == "instruct":
            where = MaskTrack.of_everything(clip)
        material = Material(clip=clip, mask=where)
        with torch.no_grad(), autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
            edited = edit_clip(trained, material, self._settings(sample, seed), self._runtime)
        return edited.frames.float()

    def _settings(self, sample: TrainingSample, seed: int) -> Settings:
        """The raw output; of instructions the source is in both passes."""
        aims: dict[Task, Aim] = {"edit": "modify", "delete": "delete", "instruct": "instruct"}
        guidance = self._shown.guidance
        return Settings(
            task=aims[sample.task],
            caption="" if sample.task == "delete" else sample.captions[-1],
            seed=seed,
            steps=self._shown.steps,
            guidance=(guidance, 1.0) if sample.task == "instruct" else guidance,
            focus="off",
            fill="off",
            grow=0,
        )


def pick_shown(samples: Sequence[TrainingSample], count: int) -> list[TrainingSample]:
    """Of all tasks in turn, the first of each first."""
    kinds = [[s for s in samples if s.task == task] for task in get_args(Task)]
    picked: list[TrainingSample] = []
    while any(kinds):
        picked += [kind.pop(0) for kind in kinds if kind]
    return picked[:count]
