"""Whatever is wrong with an option of whatever command, one line says so and begins with it."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from vivid_core.cli import COMMANDS, main
from vivid_core.cli.parser import Parser
from vivid_core.tiny.load import ADAPTER_FILE, TINY_WEIGHTS

EDIT = "--video clip.mkv --mask mask.png --task delete --fill off --device cpu"
ONE = "--source clip.mkv --edit clip.mkv --mask mask.mkv --task delete"
BASES = {
    "augment": "--mask mask.png --mode hull --out a.json",
    "build": "config.yaml",
    "convert": "--checkpoint foreign.safetensors --out a.safetensors",
    "demo": "--out demo",
    "edit": f"{EDIT} --steps 1 --guidance 1 --out a.mkv",
    "fill": "--video clip.mkv --mask mask.mkv --out a.mkv",
    "filter": "--source clip.mkv --edit clip.mkv --instruction more --device cpu",
    "instruct": "--video clip.mkv --instruction more --steps 1 --out a.mkv --device cpu",
    "keyframe": "--video clip.mkv --mask mask.png --task delete --steps 1 --out new",
    "measure": f"{ONE} --device cpu",
    "merge": f"--adapter {TINY_WEIGHTS / ADAPTER_FILE} --out a.safetensors",
    "plan": "--video clip.mkv --device cpu",
    "track": "--video clip.mkv --points 3,3 --out a.json",
    "train": "config.yaml",
}
# Options that are read with others only, and what else they need.
BESIDE = {
    ("track", "weights"): "--engine sam2",
    ("augment", "radius"): "--unit pixels",
    ("measure", "key"): "--votes votes.json",
    ("edit", "base"): "--model foreign.safetensors",
    ("instruct", "base"): "--model foreign.safetensors",
    ("keyframe", "base"): "--model foreign.safetensors",
    ("plan", "base"): "--model foreign.safetensors",
    ("merge", "base"): "--model foreign.safetensors",
    ("build", "ratings"): "--stats",
    ("build", "workers"): "--engine ray",
    ("build", "gpus-per-worker"): "--engine ray",
}
INSTEAD = {  # of the usual rest of a command
    ("filter", "source"): "--edit clip.mkv --instruction more",
    ("filter", "edit"): "--source clip.mkv --instruction more",
    ("measure", "manifest"): "--edits masks",
    ("measure", "edits"): "--manifest set.json",
    ("measure", "votes"): "",
    ("measure", "key"): "",
    ("measure", "study"): "--manifest set.json --edits masks --edits picked",
    ("measure", "write-set"): "",
}
READ = {
    "video", "mask", "keyframe", "model", "base", "adapter", "entities", "prompts", "weights",
    "source", "edit", "truth", "manifest", "edits", "raft", "clip-model", "pick-model", "votes",
    "key", "ratings", "checkpoint", "dino-model", "viclip-model", "dover-weights",
}  # fmt: skip
WRITTEN = {
    "out", "report", "overlay", "never-seen", "json", "plot", "write-set", "study", "work",
    "export",
}  # fmt: skip
FRAMED = {"keyframe": "@0"}
NO_FILES = ("none/none.mkv", "pipe", "damaged.mkv", "damaged.json")
NO_TARGETS = ("damaged.mkv/a/b.mkv", "masks/\udcff/a.mkv", "x" * 300 + ".mkv")
NO_NUMBERS = ("x", "", "1" + "0" * 5000)
TEXTS = {
    "fps": ("0", "x", "1/0", "-1", "nan", "1e999999999", "9" * 5000),
    "points": ("1;2", "x", "1,nan", "1e999,1", "1,1,7"),
    "box": ("1,2", "1,1,nan,3", "5,5,1,1"),
    "radius": ("x", "nan,1", "5,1", "-1,2", "1,inf"),
    "judge": ("nobody", "vlm", "vlm:none"),
    "later-caption": ("x@y", "@3", "x@" + "9" * 5000),
}
FREE = {"caption", "negative", "address", "instruction", "source-caption"}  # any text is right


def options() -> Iterator[tuple[str, argparse.Action]]:
    """Every option of every command that takes a value."""
    parser = Parser(prog="vivid")
    commands = parser.add_subparsers()
    for module in COMMANDS:
        module.add_command(commands)
    for command, one in commands.choices.items():
        for action in one._actions:
            if action.option_strings and action.nargs != 0:
                yield command, action


def faults() -> Iterator[tuple[str, str, str]]:
    """Command, option, and a value that it cannot have."""
    for command, action in options():
        name = action.option_strings[-1].removeprefix("--")
        values: tuple[str, ...] = ()
        if action.choices:
            values = ("none-of-these",)
        elif action.type in (int, float):
            values = (*NO_NUMBERS, "-5") if name not in ("strength", "pages") else NO_NUMBERS
        elif name == "device":
            values = ("x", "cuda:77")
        elif name in READ:
            known = (
                NO_FILES[:1] if name == "base" else NO_FILES
            )  # the model's own faults come first
            values = tuple(f"{value}{FRAMED.get(name, '')}" for value in known)
        elif name in WRITTEN:
            values = NO_TARGETS
        elif name in TEXTS:
            values = TEXTS[name]
        else:
            assert name in FREE, f"{command} --{name}: say what is wrong for it"
        yield from ((command, name, value) for value in values)


def words_of(command: str, name: str, value: str) -> list[str]:
    """A whole command line; what stands last counts."""
    base = INSTEAD.get((command, name), BASES[command]).split()
    return [command, *base, *BESIDE.get((command, name), "").split(), f"--{name}={value}"]


@pytest.fixture
def place(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    for name in ("damaged.mkv", "damaged.json"):
        (folder / name).write_bytes(b"[damaged")
    sample = {"id": "a", "source": "clip.mkv", "mask": "mask.mkv", "task": "delete"}
    (folder / "set.json").write_text(json.dumps({"version": 1, "samples": [sample]}))
    (folder / "votes.json").write_text("{}")
    (folder / "config.yaml").write_text("videos: masks\nout: built\n")
    return folder


@pytest.mark.parametrize("command", sorted(BASES))
def test_one_line_that_begins_with_the_option(
    place: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    wrong = []
    for _, name, value in (fault for fault in faults() if fault[0] == command):
        try:
            code = main(words_of(command, name, value))
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr().err
        if (code, said.count("\n")) != (2, 1) or f"vivid {command}: --{name}: " not in said:
            wrong.append(f"--{name} {value!r:.40}: exit {code}, {said!r:.300}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "vivid: COMMAND: missing, give a value"),
        ("erase", "vivid: COMMAND: invalid choice: 'erase'"),
        ("edit --video a", "vivid edit: --mask, --task, --out: missing, give a value"),
        ("plan --video a --tune", "vivid: --tune: is unknown"),
        ("plan --video a --s 3", "vivid plan: --s: may mean --steps, --strength"),
        ("train none.yaml", "vivid train: config: none.yaml cannot be read"),
    ],
)
def test_what_the_parser_refuses(
    folder: Path, capsys: pytest.CaptureFixture[str], words: str, told: str
) -> None:
    try:
        assert main(words.split()) == 2
    except SystemExit as end:
        assert end.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(told)
