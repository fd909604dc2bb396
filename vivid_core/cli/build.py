"""`vivid build`: a dataset to train on, as a YAML file says; resumes, checks and counts it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..build.chores import EngineMaker
from ..build.config import BuildConfig
from ..build.histogram import draw_histograms
from ..build.local import Executor, run_here
from ..build.pages import rated_shares, read_answers, write_pages
from ..build.phases import BuildReport
from ..build.run import build_dataset, require_videos_apart
from ..build.stats import Stats, read_stats
from ..data.check import check_dataset
from ..data.quadruplets import write_quadruplets
from ..errors import InputError
from ..files.atomic import require_folder_target
from ..files.parse import read_config, read_yaml
from ..files.targets import require_apart
from ..media import save_image
from ..runtime import Runtime
from ..tiny.engines import EngineLoader
from ..tiny.triplet_engines import TripletEngineLoader
from ..triplets.config import KIND, TripletConfig
from ..triplets.export import write_triplets
from ..triplets.run import build_triplets, require_triplets_apart
from ..triplets.stats import TripletStats, read_triplet_stats
from .shared import device_named, named, runtime_for

STATS = "stats.png"


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "build",
        help="build a dataset, as a YAML file says",
        description="Finds, masks, follows and describes what is in videos, and pastes masks onto "
        "their background, as VIVID-10M was made. With 'kind: instructions' in the file: edits "
        "videos and pictures by instruction, lets clips follow, and keeps what is good enough, as "
        "InsViE-1M was made. Run again, it goes on where it was.",
    )
    parser.add_argument("config", type=Path)
    parser.add_argument("--check", action="store_true", help="verify digests, decode every sample")
    parser.add_argument("--stats", action="store_true", help="count samples; with a plot")
    parser.add_argument(
        "--pages", type=int, metavar="N", help="write pages to rate and to review N random samples"
    )
    parser.add_argument(
        "--export",
        type=Path,
        metavar="FOLDER",
        help="write plain files with a table: samples with reference pictures as quadruplets, or "
        "instructions with their clips",
    )
    parser.add_argument(
        "--ratings", type=Path, nargs="+", default=[], help="JSON of the rating page, for --stats"
    )
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    parser.add_argument("--workers", type=int, default=1, help="of ray")
    parser.add_argument("--gpus-per-worker", type=float, default=0.0, help="of ray, 0.5: two a GPU")
    parser.add_argument("--address", help="of a Ray cluster; without one, this machine")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Build, or look at what was built."""
    work = _work(arguments.config)
    require_apart([*work.reads, ("config", arguments.config)], [("export", arguments.export)])
    looks = [
        (arguments.check, _check),
        (arguments.stats, lambda w: _stats(w, arguments.ratings)),
        (arguments.pages is not None, lambda w: _pages(w, arguments.pages)),
        (arguments.export is not None, lambda w: _export(w, arguments.export)),
    ]
    wanted = [look for asked, look in looks if asked]
    if not wanted:
        runtime = runtime_for(device_named(work.device))
        print(work.build(_executor(arguments, work.loader), runtime).text)
    for look in wanted:
        look(work)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """A build of one of both kinds: how it is done, read, counted and exported."""

    reads: list[tuple[str, Path | None]]
    out: Path
    seed: int
    device: str
    loader: EngineMaker
    build: Callable[[Executor, Runtime], BuildReport]
    stats: Callable[[], Stats | TripletStats]
    export: Callable[[Path], str]


def _work(file: Path) -> _Work:
    """What a YAML file asks for. Raises InputError for what it names wrongly."""
    if read_yaml(file).get("kind") == KIND:
        return _work_on_triplets(file)
    config = read_config(BuildConfig, file)
    require_videos_apart(config, file=file)
    return _Work(
        reads=[("config: videos", config.videos), ("config: out", config.out)],
        out=config.out,
        seed=config.seed,
        device=config.engines.device,
        loader=EngineLoader.of(config),
        build=lambda execute, runtime: build_dataset(config, execute, runtime),
        stats=lambda: read_stats(config.out),
        export=lambda target: f"{write_quadruplets(config.out, target)} quadruplets",
    )


def _work_on_triplets(file: Path) -> _Work:
    config = read_config(TripletConfig, file)
    require_triplets_apart(config, file=file)
    inputs = [(f"config: {name}", path) for name, path in config.inputs.items()]
    return _Work(
        reads=[*inputs, ("config: out", config.out)],
        out=config.out,
        seed=config.seed,
        device=config.engines.device,
        loader=TripletEngineLoader.of(config),
        build=lambda execute, runtime: build_triplets(config, execute, runtime),
        stats=lambda: read_triplet_stats(config.out),
        export=lambda target: f"{write_triplets(config.out, target)} triplets",
    )


def _executor(arguments: argparse.Namespace, loader: EngineMaker) -> Executor:
    if arguments.engine == "local":
        return run_here(loader())
    from ..build.cluster import run_on_ray

    return run_on_ray(
        loader,
        workers=arguments.workers,
        gpus=arguments.gpus_per_worker,
        address=arguments.address,
    )


def _check(work: _Work) -> None:
    found = check_dataset(work.out)
    for problem in found.problems:
        print(problem)
    if found.problems:
        raise InputError("config", f"{work.out}: {len(found.problems)} problems, see above")
    print(f"{work.out}: {found.samples} samples in {found.files} files are whole")


def _stats(work: _Work, ratings: list[Path]) -> None:
    answers = [read_answers(path, "ratings") for path in ratings]
    stats = work.stats()
    print(stats.text)
    rated = rated_shares(answers)
    for name, (share, count) in rated.items():
        print(f"{name}: {share:.2f} of {count} answers")
    save_image(work.out / STATS, draw_histograms(stats.histograms))
    print(f"written: {work.out / STATS}")


def _export(work: _Work, target: Path) -> None:
    with named("--export"):
        require_folder_target(target)
    print(f"written: {work.export(target)} in {target}")


def _pages(work: _Work, count: int) -> None:
    for page in write_pages(work.out, count=count, seed=work.seed):
        print(f"written: {page}")
