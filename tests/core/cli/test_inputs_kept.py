"""No command writes over what it reads, and each refusal begins with the option at fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivid_core.cli import main
from vivid_core.files.lock import sole_writer


def content(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


EDIT = "edit --video clip.mkv --mask mask.mkv --task delete --steps 1 --device cpu"
KEYFRAME = "keyframe --video clip.mkv --mask mask.mkv --task delete --device cpu"
TRACK = "track --video clip.mkv --points 3,3"
ATTACKS = [
    (f"{EDIT} --out clip.mkv", "--out: clip.mkv is what --video reads"),
    (f"{EDIT} --out mask.mkv", "--out: mask.mkv is what --mask reads"),
    (f"{EDIT} --out a.mkv --report clip.mkv", "--report: clip.mkv is what --video reads"),
    (f"{EDIT} --out a.mkv --report a.mkv", "--report: a.mkv is written by --out too"),
    (f"{EDIT} --out a.mkv --keyframe key.png@0 --report key.png", "--report: key.png is what"),
    (f"{EDIT} --out a.mkv --report masks", "--report: "),
    (f"{EDIT} --out a.mkv --report none/r.json", "--report: "),
    (f"{EDIT} --out masks", "--out: "),
    (f"{EDIT} --out masks/a.mkv/b.mkv", "--out: "),
    (f"{EDIT} --out {'x' * 245}.mkv", "--out: "),
    (f"{EDIT} --out {'x' * 225}.mkv", "--out: "),
    (f"{EDIT} --mask out.effective_mask.mkv --out out.mkv", "--out (its effective mask): "),
    (f"{EDIT} --video none.mkv --out a.mkv", "--video: "),
    (f"{EDIT} --mask none.mkv --out a.mkv", "--mask: "),
    (f"{EDIT} --mask mask.png --keyframe none.png@0 --out a.mkv", "--keyframe: "),
    (f"{EDIT} --keyframe key.png@9 --out a.mkv", "--keyframe: "),
    (f"{EDIT} --model none --out a.mkv", "--model: "),
    (f"{EDIT} --model foreign.safetensors --out a.mkv", "--model: "),
    (f"{EDIT} --adapter none.safetensors --out a.mkv", "--adapter: "),
    (f"{EDIT} --adapter foreign.safetensors --out a.mkv", "--adapter: "),
    (f"{EDIT} --steps 0 --out a.mkv", "--steps: "),
    (f"{EDIT} --guidance nan --out a.mkv", "--guidance: "),
    (f"{EDIT} --strength nan --adapter none.safetensors --out a.mkv", "--"),
    (f"{EDIT} --device cuda:99 --out a.mkv", "--device: "),
    (f"{EDIT} --device meta --out a.mkv", "--device: 'meta' cannot be used here"),
    (f"{EDIT} --later-caption x@9999 --out a.mkv", "--later-caption: "),
    (f"{EDIT} --later-caption x@{'9' * 5000} --out a.mkv", "--later-caption: "),
    ("fill --video clip.mkv --mask mask.mkv --out clip.mkv", "--out: "),
    ("fill --video clip.mkv --mask mask.mkv --out mask.mkv", "--out: "),
    ("fill --video clip.mkv --mask mask.mkv --out a.mkv --never-seen a.mkv", "--never-seen: "),
    ("fill --video clip.mkv --mask none.mkv --out a.mkv", "--mask: "),
    (f"{TRACK} --out clip.mkv", "--out: "),
    (f"{TRACK} --out a.json --overlay clip.mkv", "--overlay: "),
    (f"{TRACK} --out a.mkv --overlay a.mkv", "--overlay: "),
    (f"{TRACK} --video none.mkv --out a.mkv", "--video: "),
    ("track --video clip.mkv --mask mask.mkv --out mask.mkv", "--out: "),
    ("track --video clip.mkv --mask none.png --out a.mkv", "--mask: "),
    ("track --video clip.mkv --prompts prompts.json --out prompts.json", "--out: "),
    ("track --video clip.mkv --prompts prompts.json --out a.mkv", "--prompts: "),
    (f"{TRACK} --engine sam2 --weights foreign.safetensors --out a.mkv", "--weights: "),
    ("augment --mask mask.mkv --mode hull --out mask.mkv", "--out: mask.mkv is what --mask reads"),
    ("augment --mask masks --mode hull --out masks/0.json", "--mask: "),
    (f"{KEYFRAME} --out picked", "--out: picked/candidate_01.png is there already"),
    (f"{KEYFRAME} --mask sheet.png --out .", "--out: "),
    (f"{KEYFRAME} --out clip.mkv", "--out: "),
    (f"{KEYFRAME} --video none.mkv --out new", "--video: "),
    ("plan --video none.mkv", "--video: "),
    ("plan --video clip.mkv --mask none.mkv", "--mask: "),
    ("plan --video clip.mkv --model none", "--model: "),
    ("merge --adapter foreign.safetensors --out foreign.safetensors", "--out: "),
    ("merge --adapter foreign.safetensors --out a.safetensors", "--adapter: "),
    ("merge --adapter none.safetensors --out masks/0.png/a.safetensors", "--out: "),
    ("demo --out clip.mkv", "--out: "),
    (
        "measure --source clip.mkv --edit clip.mkv --mask mask.mkv --task add --json clip.mkv",
        "--json: clip.mkv is what --source reads",
    ),
]


@pytest.mark.parametrize(("command", "words"), ATTACKS, ids=[a[:90] for a, _ in ATTACKS])
def test_refused_with_the_option_first_and_nothing_changed(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str, words: str
) -> None:
    before = content(folder)
    if command.startswith("augment --mask masks"):  # a new file beside the images that are read
        (folder / "masks" / "0.png").write_bytes(b"damaged")
        before = content(folder)
    assert main(command.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"vivid {command.split()[0]}: {words}")
    assert content(folder) == before


def test_two_runs_with_one_journal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second would remove what the first has not finished."""
    with sole_writer(Path("j"), argument="--work"):
        assert main(f"{EDIT} --rest classical --fill off --out a.mkv --work j".split()) == 2
    assert "--work: another run writes j" in capsys.readouterr().err
    assert not (folder / "j").exists() and not (folder / "a.mkv").exists()


@pytest.mark.parametrize("command", [EDIT, "augment --mask mask.mkv --mode hull"])
def test_two_runs_with_one_name(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    with sole_writer(Path("a.mkv"), argument="--out"):
        assert main([*command.split(), "--out", "a.mkv"]) == 2
    assert "--out: another run writes a.mkv" in capsys.readouterr().err
