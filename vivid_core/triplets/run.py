"""Build an instruction dataset, resumed wherever it stopped (InsViE, sec. 3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..build.chores import Outcome, keep_or_make
from ..build.duplicates import find_duplicates
from ..build.local import Executor
from ..build.owner import claim, require_owner
from ..build.pages import dropped_keys, read_answers
from ..build.phases import BuildReport, Phases
from ..build.run import WRITTEN
from ..build.tasks import require_file
from ..build.units import Phase, UnitResult, WorkFolder
from ..data.shards import StoredSample
from ..files.digest import digest_of
from ..files.lock import sole_run
from ..files.parse import plain_values
from ..files.targets import require_outside, require_own_folder
from ..runtime import Runtime
from .config import TripletConfig
from .engines import TripletEngines
from .make import Work, make_triplets
from .sources import TripletSource, list_triplet_sources

VERSION = 1  # a change of method makes everything anew
# Parts of the configuration that decide a unit, beside `seed` and `form`; what its kind reads.
_DECIDES: dict[str, tuple[str, ...]] = {
    "video": ("clips", "writing", "sweep", "editing", "following", "choice"),
    "pair": ("animating", "following", "choice"),
    "still": ("writing", "sweep", "editing", "choice"),
}
_PLURALS = {"video": "videos", "pair": "pairs", "still": "stills"}


@dataclass(frozen=True, kw_only=True)
class TripletChore:
    """One source of an instruction dataset; a `Chore`."""

    source: TripletSource
    config: TripletConfig
    phase: Phase = "triplets"

    @property
    def key(self) -> str:
        return self.source.key

    @property
    def name(self) -> str:
        return self.source.source.name

    @property
    def work(self) -> WorkFolder:
        return WorkFolder(self.config.out)

    def finish(self, engines: TripletEngines, runtime: Runtime) -> Outcome:
        """Make the unit, unless it is there. Raises MediaError for a file that is missing."""
        source = self.source
        digest = require_file(source.source.path)
        edit = "" if source.edit is None else require_file(source.edit)
        made_by = _made_by(self, engines, digest, edit)

        def make(folder: Path) -> UnitResult:
            work = Work(
                source=source,
                config=self.config,
                engines=engines,
                folder=folder,
                digest=digest,
                runtime=replace(runtime, device=engines.device),
            )
            return make_triplets(work, made_by=made_by)

        return keep_or_make(self, made_by, make)


def build_triplets(config: TripletConfig, execute: Executor, runtime: Runtime) -> BuildReport:
    """Build, going on from what `config.out` holds; finished sources are kept.

    The dataset depends on sources, configuration and engines alone, as that of `build_dataset`.
    Raises InputError for a folder or list that cannot be used, MediaError for a full disk.
    """
    require_triplets_apart(config)
    sources = list_triplet_sources(config)
    listed = [(f"{s.origin}s", s.source.path) for s in sources]
    listed += [("pairs", s.edit) for s in sources if s.edit is not None]
    require_own_folder("out", config.out, WRITTEN, listed)
    with sole_run(config.out, argument="out"):
        claim(config.out, "build", argument="out")
        return _build(config, sources, execute, runtime)


def require_triplets_apart(
    config: TripletConfig,
    *,
    reads: Mapping[str, str] | None = None,
    writes: str = "out",
    file: Path | None = None,
) -> None:
    """Raise InputError where the dataset would lie in what it is made from, or the reverse, or
    where another maker's is. `reads` and `writes` are how an error calls them.
    """
    inputs = [((reads or {}).get(name, name), path) for name, path in config.inputs.items()]
    folders = [(name, path) for name, path in inputs if path.is_dir()]
    require_outside(writes, config.out, folders)
    require_own_folder(writes, config.out, WRITTEN, [*inputs, ("config", file)])
    require_owner(config.out, "build", argument=writes)


def _build(
    config: TripletConfig,
    sources: tuple[TripletSource, ...],
    execute: Executor,
    runtime: Runtime,
) -> BuildReport:
    counted = Counter(_PLURALS[source.origin] for source in sources)
    phases = Phases(config.out, counted, execute, runtime, chores=len(sources))
    results = phases.run([TripletChore(source=source, config=config) for source in sources])
    clips = [clip for result in results.values() for clip in result.clips]
    duplicates = find_duplicates(clips, config.choice.duplicate_bits)
    return phases.finish(
        results.values(),
        _stored(phases.work, results, duplicates),
        shard_bytes=config.form.shard_bytes,
        dropped=dropped_keys([read_answers(path, "review") for path in config.review]),
        more={"duplicate": len(duplicates)},
    )


def _stored(
    work: WorkFolder, results: Mapping[str, UnitResult], duplicates: Mapping[str, str]
) -> Iterator[StoredSample]:
    """All samples in the order of their keys, but those of clips that look like earlier ones."""
    for key, result in results.items():
        kept = [
            sample
            for sample in work.samples("triplets", result, key)
            if sample.record.clip not in duplicates
        ]
        yield from sorted(kept, key=lambda sample: sample.record.key)


def _made_by(chore: TripletChore, engines: TripletEngines, digest: str, edit: str) -> str:
    """Stands for all that decides a unit; where things lie on this machine does not."""
    source, config = chore.source, plain_values(chore.config)
    rules = {name: config[name] for name in ("seed", *_DECIDES[source.origin])}
    form = {name: value for name, value in config["form"].items() if name != "shard_bytes"}
    origin = source.source
    facts = [origin.key, origin.name, origin.licence, origin.origin, digest, edit]
    words = [list(source.instructions), source.source_caption, source.edited_caption]
    return digest_of(VERSION, source.origin, engines.digest, rules, form, facts, words)
