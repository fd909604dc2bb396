"""A run over the chores of a build: their units, the dataset that is packed of them, the report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data.built import is_built, write_built
from ..data.shards import StoredSample
from ..files.atomic import write_whole_file
from ..files.digest import digest_of
from ..runtime import Progress, Runtime
from .chores import Chore
from .local import Executor
from .owner import REPORT
from .preview import Preview
from .tally import Tally
from .units import WORK, Failure, UnitResult, WorkFolder

_PACKED = "packed.json"


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What a build gave. `rejections` counts by reason, `failures` are sources that broke it.

    `sources` says how many of what were built from; `work_bytes` is what the finished units take
    beside the dataset.
    """

    folder: Path
    sources: Mapping[str, int]
    samples: int
    rejections: Mapping[str, int]
    failures: tuple[Failure, ...]
    work_bytes: int

    @property
    def text(self) -> str:
        of = ", ".join(f"{count} {what}" for what, count in self.sources.items())
        lines = [f"{self.samples} samples of {of}: {self.folder}"]
        lines += [f"rejected, {reason}: {n}" for reason, n in sorted(self.rejections.items())]
        lines += [f"failed: {item.name}: {item.error}" for item in self.failures]
        if self.failures:
            lines.append(f"tracebacks: {self.folder / WORK / 'failed'}; run it again to retry")
        lines.append(
            f"work files: {self.work_bytes / 1e6:,.1f} MB in {self.folder / WORK}; they only "
            "spare the next run what is done, and may be deleted"
        )
        return "\n".join(lines)


class Phases:
    """One run that fills the folder `out`; `chores` is how many there will be in all phases."""

    def __init__(
        self,
        out: Path,
        sources: Mapping[str, int],
        execute: Executor,
        runtime: Runtime,
        *,
        chores: int,
    ) -> None:
        self._out, self._sources, self._execute, self._runtime = out, sources, execute, runtime
        self.work = WorkFolder(out)
        self.work.clean()
        self._tally, self._preview = Tally(chores, " and ".join(sources)), Preview(self.work)

    def run(self, chores: Sequence[Chore]) -> dict[str, UnitResult]:
        """What each source gave, in the chores' order; those that failed are left out."""
        for outcome in self._execute(chores, self._runtime):
            self._tally.add(outcome)
            progress = Progress(
                stage="build",
                done=self._tally.done,
                total=self._tally.total,
                alone=True,
                preview=self._preview.of(outcome),
                words=self._tally.words,
            )
            self._runtime.advance(progress)
        failed = {(failure.phase, failure.key) for failure in self.work.failures()}
        results = {}
        for chore in chores:
            result = self.work.load(chore.phase, chore.key)
            if result is not None and (chore.phase, chore.key) not in failed:
                results[chore.key] = result
        return results

    def finish(
        self,
        results: Iterable[UnitResult],
        samples: Iterable[StoredSample],
        *,
        shard_bytes: int,
        dropped: Collection[str] = (),
        more: Mapping[str, int] | None = None,
    ) -> BuildReport:
        """Pack the samples, but those `dropped` in review, and write the report beside them.

        `more` are rejections that no unit names.
        """
        made, stored = list(results), list(samples)
        rejections = Counter(r.reason for result in made for r in result.rejections)
        counts = Counter[str](rejections) + Counter(more or {})
        kept = [sample for sample in stored if sample.record.key not in dropped]
        if len(kept) < len(stored):
            counts["dropped in review"] = len(stored) - len(kept)
        self._pack(kept, made, shard_bytes)
        failed = {*self._tally.failed}
        report = BuildReport(
            folder=self._out,
            sources=self._sources,
            samples=len(kept),
            rejections=counts,
            failures=tuple(f for f in self.work.failures() if f.name in failed),
            work_bytes=self.work.bytes,
        )
        self._write_report(report)
        return report

    def _pack(
        self, samples: list[StoredSample], results: list[UnitResult], shard_bytes: int
    ) -> None:
        """Write the dataset, unless it is there and nothing changed."""
        made_by = sorted(result.made_by for result in results)
        of = digest_of([sample.record.key for sample in samples], made_by, shard_bytes)
        marker = self.work.folder / _PACKED
        if is_built(self._out) and marker.is_file() and marker.read_text() == of:
            return
        write_built(self._out, samples, shard_bytes=shard_bytes)
        write_whole_file(marker, of.encode())

    def _write_report(self, report: BuildReport) -> None:
        data = {
            **report.sources,
            "samples": report.samples,
            "rejections": dict(sorted(report.rejections.items())),
            "failed": sorted(failure.name for failure in report.failures),
        }
        write_whole_file(self._out / REPORT, json.dumps(data, indent=1).encode())
