"""Build a dataset from videos: both pipelines of VIVID (sec. 3), resumed wherever they stopped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ..data.built import INDEX, MANIFEST
from ..data.shards import SHARDS, StoredSample
from ..files.lock import sole_run
from ..files.targets import require_outside, require_own_folder
from ..runtime import Runtime
from .config import BuildConfig
from .deletions import choose_donors
from .duplicates import find_duplicates, find_near_duplicates
from .local import Executor
from .owner import MARKER, REPORT, claim, require_owner
from .pages import dropped_keys, read_answers
from .phases import BuildReport, Phases
from .sources import Source, list_sources
from .tasks import Task, donors_of
from .units import WORK, Phase, UnitResult, WorkFolder

WRITTEN = (INDEX, MANIFEST, SHARDS, WORK, MARKER, REPORT)  # below `config.out`


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
        self.config, self.sources = config, sources
        counts = {"videos": len(sources)}
        self.phases = Phases(config.out, counts, execute, runtime, chores=2 * len(sources))
        self.work: WorkFolder = self.phases.work
        self.dropped = dropped_keys([read_answers(path, "review") for path in config.review])

    def run(self) -> BuildReport:
        edits = self.phases.run([self._task("entities", source) for source in self.sources])
        same, near = self._duplicates(edits)
        duplicates = same | near
        deletions = self.phases.run(self._deletion_tasks(edits, duplicates))
        return self.phases.finish(
            [*edits.values(), *deletions.values()],
            self._stored(edits, deletions, duplicates),
            shard_bytes=self.config.output.shard_bytes,
            dropped=self.dropped,
            more={"duplicate": len(same), "near duplicate": len(near)},
        )

    def _duplicates(self, edits: Mapping[str, UnitResult]) -> tuple[dict[str, str], dict[str, str]]:
        """Clips that look like an earlier one, and others that an encoder takes for one."""
        clips = [clip for result in edits.values() for clip in result.clips]
        rules = self.config.filters
        same = find_duplicates(clips, rules.duplicate_bits)
        others = (clip for clip in clips if clip.key not in same)
        return same, find_near_duplicates(others, rules.near_duplicate)

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
