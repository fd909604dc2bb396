"""Build a dataset from videos: both pipelines of VIVID (sec. 3), resumed wherever they stopped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..data.built import INDEX, MANIFEST, is_built, write_built
from ..data.shards import SHARDS, StoredSample
from ..files.atomic import write_whole_file
from ..files.digest import digest_of
from ..files.lock import sole_run
from ..files.targets import require_outside, require_own_folder
from ..runtime import Progress, Runtime
from .config import BuildConfig
from .deletions import choose_donors
from .duplicates import find_duplicates, find_near_duplicates
from .local import Executor
from .owner import MARKER, REPORT, claim, require_owner
from .pages import dropped_keys, read_answers
from .preview import Preview
from .sources import Source, list_sources
from .tally import Tally
from .tasks import Task, donors_of, work_of
from .units import Failure, Phase, UnitResult, WorkFolder

WRITTEN = (INDEX, MANIFEST, SHARDS, "work", MARKER, REPORT)  # below `config.out`
_PACKED = "packed.json"


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What a build gave. `rejections` counts by reason, `failures` are videos that broke it.

    `work_bytes` is what the finished units take beside the dataset.
    """

    folder: Path
    videos: int
    samples: int
    rejections: Mapping[str, int]
    failures: tuple[Failure, ...]
    work_bytes: int

    @property
    def text(self) -> str:
        lines = [f"{self.samples} samples of {self.videos} videos: {self.folder}"]
        lines += [f"rejected, {reason}: {n}" for reason, n in sorted(self.rejections.items())]
        lines += [f"failed: {item.name}: {item.error}" for item in self.failures]
        if self.failures:
            lines.append(f"tracebacks: {self.folder / 'work' / 'failed'}; run it again to retry")
        lines.append(
            f"work files: {self.work_bytes / 1e6:,.1f} MB in {self.folder / 'work'}; they only "
            "spare the next run what is done, and may be deleted"
        )
        return "\n".join(lines)


def build_dataset(config: BuildConfig, execute: Executor, runtime: Runtime) -> BuildReport:
    """Build, going on from what `config.out` holds; finished videos are kept.

    The dataset depends on videos, configuration and engines alone: not on the executor, nor on
    how often it was stopped. What `runtime.check_cancelled` raises stops it. Raises InputError for
    a folder or list that cannot be used, MediaError for a full disk.
    """
    require_videos_apart(config)
    sources = list_sources(config.videos, licence=config.licence, origin=config.origin)
    listed = (("videos", source.path) for source in sources)
    require_own_folder("out", config.out, WRITTEN, listed)
    with sole_run(config.out, argument="out"):
        claim(config.out, "build", argument="out")
        return _Build(config, sources, execute, runtime).run()


def require_videos_apart(
    config: BuildConfig, *, reads: str = "videos", writes: str = "out", file: Path | None = None
) -> None:
    """Raise InputError where the dataset would lie in what it is made from, or the reverse, or
    where another maker's is.

    `reads` and `writes` are how an error calls them, `file` is the YAML file of a command.
    """
    if config.videos.is_dir():
        require_outside(writes, config.out, [(reads, config.videos)])
    inputs = [(reads, config.videos), ("config", file)]
    require_own_folder(writes, config.out, WRITTEN, inputs)
    require_owner(config.out, "build", argument=writes)


class _Build:
    """One run over all videos."""

    def __init__(
        self,
        config: BuildConfig,
        sources: tuple[Source, ...],
        execute: Executor,
        runtime: Runtime,
    ) -> None:
        self.config, self.sources, self.execute, self.runtime = config, sources, execute, runtime
        self.work: WorkFolder = work_of(config)
        self.work.clean()
        self.tally = Tally(2 * len(sources))
        self.preview = Preview(self.work)
        self.dropped = dropped_keys([read_answers(path, "review") for path in config.review])

    def run(self) -> BuildReport:
        edits = self._phase([self._task("entities", source) for source in self.sources])
        same, near = self._duplicates(edits)
        duplicates = same | near
        deletions = self._phase(self._deletion_tasks(edits, duplicates))
        rejections = _count([*edits.values(), *deletions.values()])
        rejections += Counter({"duplicate": len(same), "near duplicate": len(near)})
        stored = list(self._stored(edits, deletions, duplicates))
        kept = [sample for sample in stored if sample.record.key not in self.dropped]
        if len(kept) < len(stored):
            rejections["dropped in review"] = len(stored) - len(kept)
        self._pack(kept, [*edits.values(), *deletions.values()])
        failures = tuple(f for f in self.work.failures() if f.name in {*self.tally.failed})
        report = BuildReport(
            folder=self.config.out,
            videos=len(self.sources),
            samples=len(kept),
            rejections=rejections,
            failures=failures,
            work_bytes=self.work.bytes,
        )
        self._write_report(report)
        return report

    def _duplicates(self, edits: Mapping[str, UnitResult]) -> tuple[dict[str, str], dict[str, str]]:
        """Clips that look like an earlier one, and others that an encoder takes for one."""
        clips = [clip for result in edits.values() for clip in result.clips]
        rules = self.config.filters
        same = find_duplicates(clips, rules.duplicate_bits)
        others = (clip for clip in clips if clip.key not in same)
        return same, find_near_duplicates(others, rules.near_duplicate)

    def _phase(self, tasks: list[Task]) -> dict[str, UnitResult]:
        """What each video gave, by the keys' order; those that failed are left out."""
        for outcome in self.execute(tasks, self.runtime):
            self.tally.add(outcome)
            progress = Progress(
                stage="build",
                done=self.tally.done,
                total=self.tally.total,
                alone=True,
                preview=self.preview.of(outcome),
                words=self.tally.words,
            )
            self.runtime.advance(progress)
        failed = {(failure.phase, failure.key) for failure in self.work.failures()}
        results = {}
        for task in tasks:
            result = self.work.load(task.phase, task.source.key)
            if result is not None and (task.phase, task.source.key) not in failed:
                results[task.source.key] = result
        return results

    def _task(self, phase: Phase, source: Source) -> Task:
        return Task(phase=phase, source=source, config=self.config)

    def _deletion_tasks(
        self, edits: Mapping[str, UnitResult], duplicates: Mapping[str, str]
    ) -> list[Task]:
        pool = [
            donor
            for key, result in edits.items()
            for donor in donors_of(self.work, key, result, without=duplicates)
        ]
        return [
            Task(
                phase="deletions",
                source=source,
                config=self.config,
                choices=choose_donors(edits[source.key], pool, self.config, without=duplicates),
            )
            for source in self.sources
            if source.key in edits
        ]

    def _pack(self, samples: list[StoredSample], results: list[UnitResult]) -> None:
        """Write the dataset, unless it is there and nothing changed."""
        shard_bytes = self.config.output.shard_bytes
        made_by = sorted(result.made_by for result in results)
        of = digest_of([sample.record.key for sample in samples], made_by, shard_bytes)
        marker = self.work.folder / _PACKED
        if is_built(self.config.out) and marker.is_file() and marker.read_text() == of:
            return
        write_built(self.config.out, samples, shard_bytes=shard_bytes)
        write_whole_file(marker, of.encode())

    def _stored(
        self,
        edits: Mapping[str, UnitResult],
        deletions: Mapping[str, UnitResult],
        duplicates: Mapping[str, str],
    ) -> Iterator[StoredSample]:
        """All samples in the order of their keys."""
        for key, result in edits.items():
            units: list[tuple[Phase, UnitResult]] = [("entities", result)]
            if key in deletions:
                units.append(("deletions", deletions[key]))
            stored = [s for phase, unit in units for s in self.work.samples(phase, unit, key)]
            kept = [s for s in stored if s.record.clip not in duplicates]
            yield from sorted(kept, key=lambda sample: sample.record.key)

    def _write_report(self, report: BuildReport) -> None:
        data = {
            "videos": report.videos,
            "samples": report.samples,
            "rejections": dict(sorted(report.rejections.items())),
            "failed": sorted(failure.name for failure in report.failures),
        }
        write_whole_file(self.config.out / REPORT, json.dumps(data, indent=1).encode())


def _count(results: list[UnitResult]) -> Counter[str]:
    return Counter(rejection.reason for result in results for rejection in result.rejections)
