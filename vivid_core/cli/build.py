"""`vivid build`: a dataset from videos; resumes, checks and counts it."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..build.config import BuildConfig, load_build_config
from ..build.local import Executor, run_here
from ..build.pages import rated_shares, read_answers, write_pages
from ..build.run import build_dataset, require_videos_apart
from ..build.stats import draw_stats, read_stats
from ..data.check import check_dataset
from ..data.quadruplets import write_quadruplets
from ..errors import InputError
from ..files.atomic import require_folder_target
from ..files.targets import require_apart
from ..media import save_image
from ..tiny.engines import EngineLoader
from .shared import device_named, named, runtime_for

STATS = "stats.png"


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "build",
        help="build a dataset from videos, as a YAML file says",
        description="Finds, masks, follows and describes what is in videos, and pastes masks onto "
        "their background, as VIVID-10M was made. Run again, it goes on where it was.",
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
        help="write the samples with reference pictures as quadruplets of files",
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
    config = load_build_config(arguments.config)
    require_videos_apart(config, file=arguments.config)
    read = [("config: videos", config.videos), ("config: out", config.out)]
    require_apart([*read, ("config", arguments.config)], [("export", arguments.export)])
    looks = [
        (arguments.check, _check),
        (arguments.stats, lambda c: _stats(c, arguments.ratings)),
        (arguments.pages is not None, lambda c: _pages(c, arguments.pages)),
        (arguments.export is not None, lambda c: _export(c, arguments.export)),
    ]
    wanted = [look for asked, look in looks if asked]
    if not wanted:
        runtime = runtime_for(device_named(config.engines.device))
        print(build_dataset(config, _executor(arguments, config), runtime).text)
    for look in wanted:
        look(config)


def _executor(arguments: argparse.Namespace, config: BuildConfig) -> Executor:
    loader = EngineLoader.of(config)
    if arguments.engine == "local":
        return run_here(loader())
    from ..build.cluster import run_on_ray

    return run_on_ray(
        loader,
        workers=arguments.workers,
        gpus=arguments.gpus_per_worker,
        address=arguments.address,
    )


def _check(config: BuildConfig) -> None:
    found = check_dataset(config.out)
    for problem in found.problems:
        print(problem)
    if found.problems:
        raise InputError("config", f"{config.out}: {len(found.problems)} problems, see above")
    print(f"{config.out}: {found.samples} samples in {found.files} files are whole")


def _stats(config: BuildConfig, ratings: list[Path]) -> None:
    answers = [read_answers(path, "ratings") for path in ratings]
    stats = read_stats(config.out)
    print(stats.text)
    rated = rated_shares(answers)
    for name, (share, count) in rated.items():
        print(f"{name}: {share:.2f} of {count} answers")
    save_image(config.out / STATS, draw_stats(stats))
    print(f"written: {config.out / STATS}")


def _export(config: BuildConfig, target: Path) -> None:
    with named("--export"):
        require_folder_target(target)
    count = write_quadruplets(config.out, target)
    print(f"written: {count} quadruplets in {target}")


def _pages(config: BuildConfig, count: int) -> None:
    for page in write_pages(config.out, count=count, seed=config.seed):
        print(f"written: {page}")
