"""Edit a video file of any length: window by window, joined, resumable, in constant memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from ..cogvideox.bundle import ModelBundle
from ..cogvideox.render import SEED_STRIDE
from ..edit.pipeline import edit_clip
from ..edit.request import EditReport, EditRequest, EditResult, Keyframe
from ..errors import VividError
from ..files.digest import digest_of
from ..media import require_video_target
from ..runtime import Progress, Runtime
from ..video import Clip, FrameRange, MaskTrack
from .color import ColorStats, pull_colors
from .digest import model_digest, request_digest
from .footage import Footage, layout_of, look_at
from .journal import VERSION, Journal, StoredWindow, WindowFacts, remove_unfinished
from .output import (
    Composition,
    Piece,
    measure_output,
    write_effective_mask,
    write_output,
    write_part,
)
from .plan import ChainWindow, find_pieces, plan_chain
from .request import LongEditReport, LongEditRequest
from .sources import Whole, to_float, to_whole
from .summary import sum_up
from .threads import POLL_SECONDS, Background, Shelf, prefetch

log = logging.getLogger(__name__)


def edit_long_video(
    bundle: ModelBundle,
    request: LongEditRequest,
    runtime: Runtime | None = None,
    *,
    footage: Footage | None = None,
) -> LongEditReport:
    """Edit a video file inside its masks; everything outside stays exactly as it was.

    Windows of the model's length are chained (VIVID, app. D) as `plan_chain` says; frames that
    have nothing to edit are copied. Each finished window is kept in the journal, so that a run
    that was stopped, even killed, goes on where it was and gives the same file to the byte; a
    changed caption, mask or keyframe makes only those windows again that depend on it. While
    one window is edited the next is read, and those before it are encoded.

    Where a run is stopped before its last window, what is finished of the video lies in the work
    folder as `partial` with the suffix of `out`. Raises InputError and MediaError for requests
    that cannot be served, and whatever `runtime.check_cancelled` raises.
    `footage` is what `look_at` found, where it was called already.
    """
    started, host = time.monotonic(), runtime or Runtime()
    require_video_target(request.out)
    footage = footage or look_at(request, host)
    journal = Journal(request.work)
    windows = plan_chain(layout_of(bundle, request, footage, host))
    run = _Run(bundle, request, host, footage, windows, journal)
    run.edit()
    return run.report(started)


@dataclass(frozen=True, kw_only=True)
class _Material:
    """What a window is made of: its frames at the depth that is written, and its masks."""

    index: int
    window: ChainWindow
    source: Whole
    mask: Bool[Tensor, "t h w"]

    def at(self, frames: FrameRange) -> slice:
        """Where a range of frames of the video lies in it."""
        return slice(frames.start - self.window.start, frames.stop - self.window.start)


class _Run:
    """One run over the windows of a plan."""

    def __init__(
        self,
        bundle: ModelBundle,
        request: LongEditRequest,
        host: Runtime,
        footage: Footage,
        windows: Sequence[ChainWindow],
        journal: Journal,
    ) -> None:
        self._bundle, self._request, self._host = bundle, request, host
        self._footage, self._windows, self._journal = footage, windows, journal
        self._pieces = list(find_pieces(windows, footage.info.frame_count))
        self._model = model_digest(bundle, host.device)
        self._shelf = Shelf[StoredWindow]()
        self._composition = Composition(
            footage=footage,
            pieces=self._pieces,
            window_at=self._shelf.wait,
            check=self._shelf.check,
        )
        self._anchors: dict[int, ColorStats] = {}
        self._made: list[int] = []  # by this run, not by an earlier one

    def edit(self) -> None:
        """Edit what the journal lacks, and write the file."""
        writer = Background(self._write)
        host = replace(self._host, check_cancelled=lambda: self._check(writer))
        try:
            with closing(prefetch(self._materials())) as materials:
                for material in materials:
                    self._check(writer)
                    self._shelf.put(material.index, self._finish(material, host))
            while writer.running:
                self._check(writer)
                writer.join(POLL_SECONDS)
            writer.check()
        except BaseException:
            self._shelf.stop()
            writer.join()
            self._keep_part()
            raise

    def report(self, started: float) -> LongEditReport:
        """Measure what was written, and sum up."""
        total = self._footage.info.frame_count

        def watch(frame: int) -> None:
            self._host.advance(Progress(stage="write", done=frame + 1, total=total))

        change, written = measure_output(self._composition, self._request.out, watch)
        skipped = sum(len(frames) for frames, index in self._pieces if index is None)
        return LongEditReport(
            edit=sum_up(
                [self._finished(index).facts for index in range(len(self._windows))],
                self._made,
                self._footage,
                change,
                seconds=time.monotonic() - started,
                device=self._host.device,
            ),
            written=written,
            output=self._request.out,
            windows_reused=len(self._windows) - len(self._made),
            frames_skipped=skipped,
        )

    def _check(self, writer: Background) -> None:
        writer.check()
        self._host.check_cancelled()

    def _write(self) -> None:
        for target in (self._request.mask_out, self._request.out):
            if target is not None:
                remove_unfinished(target)
        if self._request.mask_out is not None:
            write_effective_mask(self._composition, self._request.mask_out)
        write_output(self._composition, self._request.out)

    def _materials(self) -> Iterator[_Material]:
        with closing(self._footage.open()) as frames:
            for index, window in enumerate(self._windows):
                yield _Material(
                    index=index,
                    window=window,
                    source=frames.read(window.frames),
                    mask=self._footage.masks.read(window.frames),
                )

    def _finish(self, material: _Material, host: Runtime) -> StoredWindow:
        """A window from the journal, or edited and put there."""
        window = material.window
        edit = self._edit_request(material)
        anchor = self._anchors.get(window.shot)
        pull = None if anchor is None else [anchor.mean, anchor.spread]
        depth, carried = self._footage.depth, window.carried
        digest = digest_of(VERSION, self._model, request_digest(edit), pull, depth, carried)
        stored = self._journal.find(window.own, digest)
        if stored is None:
            result = edit_clip(self._bundle, edit, self._numbered(host, material.index))
            stored = self._store(material, result, digest)
            self._made.append(material.index)
        if self._request.anchor and anchor is None:
            self._anchors[window.shot] = self._first_colors(material, stored)
        return stored

    def _edit_request(self, material: _Material) -> EditRequest:
        window = material.window
        given: list[Keyframe] = []
        if window.carried is not None:
            given.append(Keyframe(frame=window.carried, pixels=to_float(self._carry(material))))
        given += [k for k in self._request.keyframes if k.frame in window.keyframes]
        return self._request.window_request(
            Clip(frames=to_float(material.source), fps=self._footage.info.fps),
            MaskTrack(values=material.mask.float()),
            caption=window.caption,
            seed=self._request.seed + SEED_STRIDE * window.start,
            keyframes=tuple(replace(k, frame=k.frame - window.start) for k in given),
        )

    def _carry(self, material: _Material) -> Whole:
        """The finished frame that an earlier window left, read back from the journal."""
        frame = material.window.carried
        assert frame is not None
        owner = next(
            i
            for i, window in enumerate(self._windows)
            if window.own.start <= frame < window.own.stop
        )
        return self._result_frame(material, self._shelf.wait(owner), frame)

    def _result_frame(self, material: _Material, stored: StoredWindow, frame: int) -> Whole:
        result = material.source[frame - material.window.start].copy()
        stored.facts.crop(result)[...] = stored.part(frame)
        return result

    def _store(self, material: _Material, result: EditResult, digest: str) -> StoredWindow:
        own = material.window.own
        at = material.at(own)
        effective = result.effective_mask[at] > 0
        frames = self._pulled(material, result)[at]
        whole = to_whole(frames, self._footage.depth)
        whole = np.where(effective[..., None].numpy(), whole, material.source[at])
        facts = _facts(effective, result.report)
        return self._journal.store(own, digest, whole, facts, self._footage.info.fps)

    def _pulled(self, material: _Material, result: EditResult) -> Tensor:
        """The edited frames with the anchor's colours; those that were given stay as they are."""
        window = material.window
        target = self._anchors.get(window.shot)
        if target is None:
            return result.frames
        feather = self._request.feather if result.report.fill == "off" else 0
        made = result.effective_mask.clone()
        for frame in (window.carried, *window.keyframes):
            if frame is not None:
                made[frame - window.start] = 0.0
        return pull_colors(
            result.frames,
            to_float(material.source),
            made,
            target,
            feather=feather,
        )

    def _first_colors(self, material: _Material, stored: StoredWindow) -> ColorStats:
        """Of the frame that the shot's edit began with."""
        window = material.window
        frame = next(iter(window.keyframes), window.own.start)
        pixels = to_float(self._result_frame(material, stored, frame))[None]
        effective = self._footage.effective(FrameRange(start=frame, stop=frame + 1))
        return ColorStats.of(pixels, effective > 0)

    def _numbered(self, host: Runtime, index: int) -> Runtime:
        """Reports the progress of one window as that of all of them."""

        def report(progress: Progress) -> None:
            host.report(replace(progress, window=index, windows=len(self._windows)))

        return replace(host, report=report)

    def _keep_part(self) -> None:
        """Write what is finished from the first frame on, so that it can be looked at."""
        done = list(takewhile(self._is_finished, self._pieces))
        if all(index is None for _, index in done):
            return
        if len(done) == len(self._pieces):
            log.warning("stopped: every window is finished; run again to write the file")
            return
        path = self._journal.folder / f"partial{self._request.out.suffix}"
        finished = replace(
            self._composition, pieces=done, window_at=self._finished, check=lambda: None
        )
        try:
            write_part(finished, path)
        except VividError as error:
            log.warning("what is finished could not be written (%s)", error)
            return
        log.warning(
            "stopped: %d of %d frames are finished, see %s; run again to go on",
            done[-1][0].stop,
            self._footage.info.frame_count,
            path,
        )

    def _is_finished(self, piece: Piece) -> bool:
        _, index = piece
        return index is None or self._shelf.get(index) is not None

    def _finished(self, index: int) -> StoredWindow:
        stored = self._shelf.get(index)
        assert stored is not None
        return stored


def _facts(effective: Bool[Tensor, "t h w"], report: EditReport) -> WindowFacts:
    """With the smallest part of the frame that holds all of the mask."""
    seen = effective.any(dim=0)
    ys, xs = torch.nonzero(seen.any(dim=1)).flatten(), torch.nonzero(seen.any(dim=0)).flatten()
    return WindowFacts(
        y=int(ys[0]),
        x=int(xs[0]),
        height=int(ys[-1] - ys[0]) + 1,
        width=int(xs[-1] - xs[0]) + 1,
        area=int(effective.sum()),
        report=report,
    )
