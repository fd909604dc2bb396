"""`vivid train` with a folder of clips: trains, stops on a signal, goes on, and names mistakes."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vivid_core.cli import main
from vivid_core.cogvideox.adapter import load_adapter

from ...folders import write_folder

PATIENCE = 120  # seconds


def write_config(folder: Path, steps: int) -> Path:
    write_folder(folder / "data", clips=1, frames=1)
    path = folder / "train.yaml"
    path.write_text(
        f"data: {folder / 'data'}\nout: {folder / 'run'}\ndevice: cpu\nlora: {{rank: 2}}\n"
        f"recipe: {{size: [1, 32, 32]}}\noptimization: {{batch: 1, steps: {steps}}}\n"
        "saving: {every: 10000, log_every: 1}\n"
    )
    return path


@pytest.mark.parametrize(
    ("out", "start", "words"),
    [
        ("data", None, "out: .*data is what data reads"),
        ("run", "run/adapter.safetensors", "out: .* would replace what start_from reads"),
        ("run", "run/checkpoints/a.safetensors", "out: .* would replace what start_from reads"),
    ],
)
def test_no_training_replaces_what_it_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str, start: str | None, words: str
):
    config = write_config(tmp_path, 1)
    text = config.read_text().replace(f"out: {tmp_path / 'run'}", f"out: {tmp_path / out}")
    if start:
        (tmp_path / start).parent.mkdir(parents=True)
        (tmp_path / start).write_bytes(b"kept")
        text += f"start_from: {tmp_path / start}\n"
    config.write_text(text)
    before = sorted(tmp_path.rglob("*"))
    assert main(["train", str(config)]) != 0
    assert re.search(words, capsys.readouterr().err)
    assert sorted(tmp_path.rglob("*")) == before


def test_sigterm_saves_and_the_next_run_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config = write_config(tmp_path, 100_000)
    command = [sys.executable, "-m", "vivid_core.cli", "train", str(config)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log, until = tmp_path / "run" / "log.jsonl", time.monotonic() + PATIENCE
    while not log.is_file() and running.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    printed, errors = running.communicate(timeout=PATIENCE)
    assert (running.returncode, "stopped: run it again" in printed) == (0, True), errors
    step = load_adapter(tmp_path / "run" / "adapter.safetensors").facts.training_step
    config.write_text(config.read_text().replace("100000", str(step + 2)))
    handlers = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    assert main(["train", str(config)]) == 0
    for name, handler in handlers.items():
        signal.signal(name, handler)
    assert f"step {step + 2} of {step + 2}, {step + 2} samples seen" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lera: {}", "'lera' is unknown: did you mean 'lora'?"),
        ("seed: x", "seed: needs a whole number, got 'x'"),
        ("model: /nowhere", "/nowhere: no such file or folder"),
        ("start_from: /nowhere.safetensors", "nowhere.safetensors: no such file"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, message: str
):
    config = write_config(tmp_path, 1)
    config.write_text(config.read_text() + line + "\n")
    assert main(["train", str(config)]) == 2
    printed = capsys.readouterr().err
    assert message in printed and printed.count("\n") == 1


def test_a_plan_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["train", "--plan", str(write_config(tmp_path, 10))]) == 0
    assert "all 10 steps: " in capsys.readouterr().out
    assert not (tmp_path / "run").exists()
