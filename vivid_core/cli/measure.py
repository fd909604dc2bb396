"""`vivid measure`: figures of an edit or of a set of edits, and a blind study of two methods."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import torch

from ..errors import InputError, ModelError
from ..files.atomic import require_folder_target, write_whole_file
from ..flow.dis import DisFlow
from ..flow.engine import FlowEngine
from ..flow.raft import load_raft
from ..measure.benchmarks.recognise import EvaluationSet, read_set
from ..measure.chart import draw_results
from ..measure.dino import DinoEncoder, load_dino_model
from ..measure.dover import NO_WEIGHTS as NO_DOVER
from ..measure.dover import Dover, load_dover
from ..measure.edited import Edited
from ..measure.encoder import ClipEncoder, load_clip_model
from ..measure.figures import Instruments
from ..measure.perceptual import load_perceptual
from ..measure.results import Result, Results, instrument_notes, measure_one
from ..measure.set import Method, measure_set, name_methods
from ..measure.study import CLIPS, CRITERIA, KEY, PAGE, write_study
from ..measure.viclip import ViclipEncoder, load_viclip
from ..measure.votes import read_key, read_votes, tally_json, tally_text, tally_votes
from ..media import IMAGE_SUFFIXES, read_clip, read_mask, require_writable, save_image
from ..settings import Task
from ..video import Clip, MaskTrack
from .judge import add_judge_option, load_judge
from .shared import device_named, named, option_of, require_files_apart

SINGLE, SET = ("source", "edit", "mask", "task"), ("manifest", "edits")
MODELS = ("clip_model", "pick_model", "dino_model", "viclip_model", "dover_weights")
INSTRUMENTS = (*MODELS, "judge", "raft", "json", "plot")
BESIDE = ("truth", "instruction", "source_caption")  # what may be said of one edit
# What goes with an option that asks for something else than figures.
ALONE: dict[str, tuple[str, ...]] = {
    "write_set": (),
    "votes": ("key", "json"),
    "study": SET,
}


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("measure", help="how good an edit, or a set of edits, is")
    one = parser.add_argument_group("one edit")
    one.add_argument("--source", type=Path, help="the clip before the edit")
    one.add_argument("--edit", type=Path, help="the clip after it")
    one.add_argument("--mask", type=Path, help="the effective mask: what was allowed to change")
    one.add_argument("--task", choices=get_args(Task))
    one.add_argument("--caption", default="", help="what was added, or what it was turned into")
    one.add_argument(
        "--instruction",
        help="for --judge, what the edit was to do; if left out, what --caption says of it",
    )
    one.add_argument(
        "--source-caption", help="for --viclip-model, what the source shows: for ViCLIP dir"
    )
    one.add_argument("--truth", type=Path, help="what a perfect edit shows, where that is known")
    several = parser.add_argument_group("a set of edits")
    several.add_argument(
        "--manifest",
        type=Path,
        help="the evaluation set: a JSON file, or the folder or file of TGVE, of EditVerseBench or "
        "of a table as TGVE+ (.csv or .jsonl with the columns video, instruction, output_caption; "
        "not tried on TGVE+ itself)",
    )
    several.add_argument(
        "--edits",
        type=Path,
        action="append",
        help="folder with a video for each case, called after it or as the benchmark wants it; "
        "again for another method",
    )
    several.add_argument(
        "--per-clip", action="store_true", help="print a line for each edit too; --json has them"
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--clip-model",
        help="CLIP for TA and TC: a folder, or owner/name on Hugging Face, which may be fetched",
    )
    how.add_argument(
        "--pick-model", help="PickScore: a folder, or owner/name (yuvalkirstain/PickScore_v1)"
    )
    add_judge_option(how)
    how.add_argument("--dino-model", type=Path, help="DINOv2 for DINO: a folder of transformers")
    how.add_argument(
        "--viclip-model",
        type=Path,
        help="ViCLIP for ViCLIP out and dir: the folder of OpenGVLab/ViCLIP-L-14-hf, or "
        "OpenGVLab's .pth with its words (bpe_simple_vocab_16e6.txt.gz) beside it",
    )
    how.add_argument(
        "--dover-weights",
        type=Path,
        help="DOVER.pth for DOVER, whose package has to be installed",
    )
    how.add_argument("--raft", type=Path, help="weights of RAFT for motion; DIS if left out")
    how.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps ...")
    how.add_argument("--seed", type=int, default=0, help="of the bootstrap, and of a study's sides")
    how.add_argument("--json", type=Path, help="write all figures into this file")
    how.add_argument("--plot", type=Path, help="draw means and intervals into this picture (.png)")
    study = parser.add_argument_group("what people say")
    study.add_argument(
        "--study",
        type=Path,
        help="with --manifest and two --edits or more: make a page in this new folder that "
        "compares the first one with each other, blind",
    )
    study.add_argument(
        "--votes", type=Path, nargs="+", help="score the files that voters saved on that page"
    )
    study.add_argument(
        "--key", type=Path, help="the study's key.json; beside the votes if left out"
    )
    parser.add_argument(
        "--write-set", type=Path, help="draw the 48-case evaluation set into this new folder"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """One edit, a set of them, a study, its votes, or a set to edit: what the options say."""
    _check_targets(arguments)
    _refuse_what_is_not_read(arguments)
    if arguments.write_set is not None:
        _write_set(arguments.write_set)
    elif arguments.votes is not None:
        _score(arguments)
    elif arguments.study is not None:
        _require(arguments, SET, instead=SINGLE)
        _make_study(arguments)
    else:
        _report(arguments)


def _report(arguments: argparse.Namespace) -> None:
    """Figures on the terminal and in files."""
    if arguments.manifest is None and arguments.edits is None:
        _require(arguments, SINGLE, instead=SET)
        results = _measure_one(arguments)
    else:
        _require(arguments, SET, instead=SINGLE)
        results = _measure_all(arguments)
    if arguments.per_clip:
        print(results.clips_text() + "\n")
    print(results.as_text())
    if arguments.json is not None:
        _write_json(arguments.json, results.as_json())
    if arguments.plot is not None:
        save_image(arguments.plot, draw_results(results))
        print(f"written: {arguments.plot}")


def _measure_one(arguments: argparse.Namespace) -> Results:
    edited, instruments = _read_edited(arguments), _instruments(arguments)
    return measure_one(edited, instruments, name=arguments.edit.name, seed=arguments.seed)


def _read_edited(arguments: argparse.Namespace) -> Edited:
    source = _read_video("--source", arguments.source)
    with named("--mask"):
        mask = MaskTrack.fit(read_mask(arguments.mask), source)
    truth = None if arguments.truth is None else _read_video("--truth", arguments.truth).frames
    edit = _read_video("--edit", arguments.edit).frames
    with _own_names():
        return Edited(
            source=source,
            edit=edit,
            mask=mask,
            task=arguments.task,
            caption=arguments.caption,
            instruction=arguments.instruction or "",
            source_caption=arguments.source_caption or "",
            truth=truth,
        )


def _measure_all(arguments: argparse.Namespace) -> Results:
    asked, methods = _read_set(arguments)
    cases, instruments = asked.cases, _instruments(arguments)
    with _own_names():
        found = tuple(_shown(measure_set(cases, methods, instruments), len(cases) * len(methods)))
    notes = instrument_notes(instruments, [case.caption for case in cases])
    return Results(results=found, notes=(*notes, *asked.notes), seed=arguments.seed)


def _read_set(arguments: argparse.Namespace) -> tuple[EvaluationSet, list[Method]]:
    with _own_names():
        return read_set(arguments.manifest), name_methods(arguments.edits)


def _instruments(arguments: argparse.Namespace) -> Instruments:
    device = device_named(arguments.device)
    flow: FlowEngine = DisFlow()
    if arguments.raft is not None:
        with named("--raft", (ModelError,)):
            flow = load_raft(arguments.raft, device=device)
    clip, pick = (_encoder(arguments, name, device) for name in ("clip_model", "pick_model"))
    return Instruments(
        flow=flow,
        clip=clip,
        pick=pick,
        dino=_dino(arguments.dino_model, device),
        viclip=_viclip(arguments.viclip_model, device),
        dover=_dover(arguments.dover_weights, device),
        perceptual=load_perceptual(),
        judge=load_judge(arguments.judge, device),
    )


def _dino(folder: Path | None, device: torch.device) -> DinoEncoder | None:
    if folder is None:
        return None
    with named("--dino-model", (ModelError,)):
        return load_dino_model(folder, device=device)


def _viclip(place: Path | None, device: torch.device) -> ViclipEncoder | None:
    if place is None:
        return None
    with named("--viclip-model", (ModelError,)):
        return load_viclip(place, device=device)


def _dover(weights: Path | None, device: torch.device) -> Dover | str:
    if weights is None:
        return NO_DOVER
    with named("--dover-weights", (ModelError,)):
        return load_dover(weights, device=device)


def _encoder(
    arguments: argparse.Namespace, option: str, device: torch.device
) -> ClipEncoder | None:
    """The CLIP that an option names, or none."""
    place = getattr(arguments, option)
    if place is None:
        return None
    with named(option_of(option), (ModelError,)):
        return load_clip_model(place, device=device)


def _read_video(option: str, path: Path) -> Clip:
    with named(option):
        return read_clip(path)


def _shown(results: Iterable[Result], total: int) -> Iterator[Result]:
    """With a progress bar on a terminal."""
    from tqdm import tqdm

    yield from tqdm(results, total=total, desc="measure", disable=not sys.stderr.isatty())


def _write_set(folder: Path) -> None:
    from ..tiny.evaluation import write_evaluation_set

    with _own_names("write-set"):
        manifest = write_evaluation_set(folder)
    print(f"written: {manifest} and the clips beside it")


def _make_study(arguments: argparse.Namespace) -> None:
    asked, methods = _read_set(arguments)
    with _own_names():
        trials = write_study(arguments.study, asked.cases, methods, seed=arguments.seed)
    print(f"{trials} pairs, {len(CRITERIA)} questions each")
    print(f"written: {arguments.study / PAGE} (for voters, with the folder {CLIPS} beside it)")
    print(f"written: {arguments.study / KEY} (not for voters: it says which method is where)")


def _score(arguments: argparse.Namespace) -> None:
    """Print win rates; write them with --json."""
    beside = arguments.votes[0].with_name(KEY)
    if not (arguments.key or beside.is_file()):
        raise InputError("--votes", f"there is no {KEY} beside them: name it with --key")
    with _own_names("key" if arguments.key else "votes"):
        key = read_key(arguments.key or beside)
    with _own_names():
        tallies = tally_votes(read_votes(arguments.votes, key), key, seed=arguments.seed)
    print(tally_text(tallies))
    if arguments.json is not None:
        _write_json(arguments.json, tally_json(tallies))


def _write_json(path: Path, data: dict[str, Any]) -> None:
    write_whole_file(path, json.dumps(data, indent=1, ensure_ascii=False).encode())
    print(f"written: {path}")


def _check_targets(arguments: argparse.Namespace) -> None:
    """Raise InputError for what could not be written, before long work."""
    if arguments.seed < 0:
        raise InputError("--seed", f"must be 0 or more, got {arguments.seed}")
    for option in ("json", "plot"):
        path = getattr(arguments, option)
        if path is not None:
            with named(f"--{option}"):
                require_writable(path)
    for option in ("write_set", "study"):
        path = getattr(arguments, option)
        if path is not None:
            with named(option_of(option)):
                require_folder_target(path)
    require_files_apart(
        arguments,
        reads=("source", "edit", "mask", "truth", "manifest", "votes", "key", "raft"),
        writes=("json", "plot"),
    )
    if arguments.plot is not None and arguments.plot.suffix.lower() not in IMAGE_SUFFIXES:
        raise InputError("--plot", f"{arguments.plot} is no image file: name it .png")


def _refuse_what_is_not_read(arguments: argparse.Namespace) -> None:
    """Raise InputError for options that another one would leave unread."""
    asked = next((name for name in ALONE if getattr(arguments, name) is not None), None)
    read = (*SINGLE, *SET, *INSTRUMENTS, *BESIDE) if asked is None else (asked, *ALONE[asked])
    known = (*SINGLE, *SET, *INSTRUMENTS, *BESIDE, "key", *ALONE)
    for name in known:
        if name not in read and getattr(arguments, name) is not None:
            beside = "without --votes" if asked is None else f"beside {_options((asked,))}"
            raise InputError(_options((name,)), f"is not read {beside}: leave it out")
    for words, reader in (("instruction", "judge"), ("source_caption", "viclip_model")):
        _check_words(arguments, words, reader)


def _check_words(arguments: argparse.Namespace, words: str, reader: str) -> None:
    """Raise InputError for words that nobody would read."""
    if getattr(arguments, words) is None:
        return
    if arguments.manifest is not None:
        raise InputError(option_of(words), "is of one edit: write those of a set into its manifest")
    if getattr(arguments, reader) is None:
        raise InputError(option_of(words), f"is not read without {option_of(reader)}: leave it out")


def _require(
    arguments: argparse.Namespace, wanted: tuple[str, ...], *, instead: tuple[str, ...]
) -> None:
    """Raise InputError for what one kind of measurement lacks, or what belongs to the other."""
    foreign = [name for name in instead if getattr(arguments, name) is not None]
    if foreign:
        raise InputError(
            f"--{foreign[0]}", f"goes with {_options(instead)}, not with --{wanted[0]}"
        )
    missing = [name for name in wanted if getattr(arguments, name) is None]
    if missing:
        raise InputError(
            f"--{missing[0]}",
            f"is missing: give {_options(SINGLE)} for one edit, {_options(SET)} for a set",
        )


def _options(names: tuple[str, ...]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


@contextmanager
def _own_names(name: str = "") -> Iterator[None]:
    """Errors name the option of the command line, or the one that is given here."""
    try:
        yield
    except InputError as error:
        raise InputError(f"--{name or error.argument}", error.problem) from error
