"""Edit a video file of any length: window by window, joined, resumable, in constant memory."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import torch

from ..edit.editor import Editor
from ..edit.finished import Finished, MemoryStore
from ..edit.footage import Levels, to_float
from ..edit.job import Job
from ..errors import VividError
from ..files.atomic import write_errors
from ..files.lock import sole_writer
from ..inpainter import Inpainter
from ..media import compare_properties, rate_words, require_video_target
from ..plan.windows import find_pieces
from ..runtime import Progress, Runtime
from ..settings import Settings
from .footage import VideoFootage, plan_video
from .journal import Journal, remove_unfinished
from .output import (
    Composition,
    Piece,
    measure_output,
    write_effective_mask,
    write_output,
    write_part,
)
from .request import LongEditReport, VideoFiles
from .threads import POLL_SECONDS, Background, Shelf, prefetch

log = logging.getLogger(__name__)
PARTIAL = "partial"  # in the work folder, with the suffix of the file


def edit_video(
    model: Inpainter,
    files: VideoFiles,
    settings: Settings,
    runtime: Runtime | None = None,
    *,
    job: Job | None = None,
) -> LongEditReport:
    """Edit a video file inside its masks; everything outside stays exactly as it was.

    Windows are those of `edit_clip`, and so are their pixels; frames that have nothing to edit
    are copied. Each finished window is kept in the journal, so that a run that was stopped, even
    killed, goes on where it was and gives the same file to the byte; a changed caption, mask or
    keyframe makes only those windows again that depend on it. While one window is edited the next
    is read, and those before it are encoded.

    Where a run is stopped before its last window, what is finished of the video lies in the work
    folder as `partial` with the suffix of `out`. Raises InputError and MediaError for requests
    that cannot be served, and whatever `runtime.check_cancelled` raises. `job` is what
    `plan_video` made of the same, where it was called already.
    """
    host = runtime or Runtime()
    require_video_target(files.out)
    job = job or plan_video(model, files, settings, host)
    with torch.no_grad(), _sole_run(files.work):
        run = _Run(model, files, job, host)
        run.edit()
        return run.report()


@contextmanager
def _sole_run(work: Path | None) -> Generator[None, None, None]:
    """Hold the journal: a run that begins removes what it takes for the rest of a stopped one."""
    if work is None:
        yield
        return
    with write_errors(work):
        work.absolute().parent.mkdir(parents=True, exist_ok=True)
    with sole_writer(work, argument="work"):
        yield


class _Run:
    """One run over the windows of a job."""

    def __init__(self, model: Inpainter, files: VideoFiles, job: Job, host: Runtime) -> None:
        assert isinstance(job.footage, VideoFootage), "planned for a clip in memory"
        self._files, self._job, self._host, self._footage = files, job, host, job.footage
        self._writer: Background | None = None
        store = MemoryStore() if files.work is None else Journal(files.work, job.footage.fps)
        self._editor = Editor(model, job, store, replace(host, check_cancelled=self._check))
        self._pieces = list(find_pieces(job.windows, list(job.given), job.frames))
        self._shelf = Shelf[Finished]()
        self._composition = Composition(
            job=job,
            footage=job.footage,
            pieces=self._pieces,
            window_at=self._shelf.wait,
            check=self._shelf.check,
        )

    def edit(self) -> None:
        """Edit what the journal lacks, and write the file."""
        self._writer = writer = Background(self._write)
        try:
            with closing(prefetch(self._sources())) as sources:
                for index, levels in sources:
                    self._check()
                    self._shelf.put(index, self._editor.finish(index, to_float(levels)))
            while writer.running:
                self._check()
                writer.join(POLL_SECONDS)
            writer.check()
        except BaseException:
            self._shelf.stop()
            writer.join()
            self._keep_part()
            raise
        finally:
            self._footage.close()

    def report(self) -> LongEditReport:
        """Measure what was written, and sum up."""

        def watch(frame: int) -> None:
            self._host.advance(Progress(stage="write", done=frame + 1, total=self._job.frames))

        change, written = measure_output(self._composition, self._files.out, watch)
        given = self._job.given
        skipped = [len(f) for f, index in self._pieces if index is None and f.start not in given]
        return LongEditReport(
            edit=self._editor.report(change),
            written=written,
            output=self._files.out,
            windows_reused=len(self._job.windows) - self._editor.made,
            frames_skipped=sum(skipped),
            properties=compare_properties(self._files.source, self._files.out),
            rate=rate_words(self._footage.info, self._files.fps),
        )

    def _check(self) -> None:
        if self._writer is not None:
            self._writer.check()
        self._host.check_cancelled()

    def _write(self) -> None:
        for target in (self._files.mask_out, self._files.out):
            if target is not None:
                remove_unfinished(target)
        if self._files.mask_out is not None:
            write_effective_mask(self._composition, self._files.mask_out)
        write_output(self._composition, self._files.out, self._files.sound)

    def _sources(self) -> Iterator[tuple[int, Levels]]:
        """The frames of each window, in the order they run."""
        with closing(self._footage.again()) as frames:
            for index, window in enumerate(self._job.windows):
                yield index, frames.levels(window.frames)

    def _keep_part(self) -> None:
        """Write what is finished from the first frame on, so that it can be looked at."""
        done = list(takewhile(self._is_finished, self._pieces))
        if self._files.work is None or all(index is None for _, index in done):
            return
        if len(done) == len(self._pieces):
            log.warning("stopped: every window is finished; run again to write the file")
            return
        self._write_part(done, self._files.work / f"{PARTIAL}{self._files.out.suffix}")

    def _write_part(self, done: list[Piece], path: Path) -> None:
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
            self._job.frames,
            path,
        )

    def _is_finished(self, piece: Piece) -> bool:
        _, index = piece
        return index is None or self._shelf.get(index) is not None

    def _finished(self, index: int) -> Finished:
        stored = self._shelf.get(index)
        assert stored is not None
        return stored
