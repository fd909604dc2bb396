"""Several processes train what one does, under accelerate; only the main one writes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate.utils import DistributedType

from vivid_core.cli import main
from vivid_core.cogvideox.adapter import load_adapter
from vivid_core.errors import InputError
from vivid_core.media import load_image
from vivid_core.tiny.load import load_tiny
from vivid_core.train.adapter.checks import require_equal_shares, require_sharing
from vivid_core.train.adapter.config import load_adapter_config
from vivid_core.train.processes import (
    Processes,
    can_shard,
    compute_dtype,
    launched_device,
    open_processes,
)

from ...folders import write_folder
from . import watched_training
from .watched_training import held_bytes

PATIENCE = 300  # seconds
STEPS = 4


def write_config(
    folder: Path, out: str, *, steps: int = STEPS, accumulate: int = 1, lines: str = ""
) -> Path:
    path = folder / f"{out}.yaml"
    path.write_text(
        f"data: {folder / 'data'}\nout: {folder / out}\ndevice: cpu\nlora: {{rank: 2}}\n"
        "recipe: {size: [9, 32, 32], images_per_video: 1, caption_dropout: 0.3,"
        " weight_inside: 3}\n"
        f"optimization: {{batch: 4, steps: {steps}, accumulate: {accumulate}, clip: 1.0}}\n"
        f"saving: {{log_every: 1, validate_every: {STEPS}, every: 2}}\n"
        f"edits_shown: {{count: 1, steps: 1}}\n{lines}"
    )
    return path


def launch(configs: list[Path], processes: int) -> list[subprocess.Popen[str]]:
    """What `accelerate launch` starts on CPUs, for one training after the other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "ACCELERATE_USE_CPU": "true",
        "ACCELERATE_MIXED_PRECISION": "no",
        "OMP_NUM_THREADS": "1",
    }
    return [
        subprocess.Popen(
            [sys.executable, "-m", watched_training.__name__, *map(str, configs)],
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]


def finish(running: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each; none is left behind."""
    try:
        done = [(*one.communicate(timeout=PATIENCE), one) for one in running]
    finally:
        for one in running:
            one.kill()
    return [(one.returncode, out, errors) for out, errors, one in done]


def losses(folder: Path, name: str = "loss") -> list[float]:
    records = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    return [record[name] for record in records if name in record]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What two processes left in a folder, and what each printed at its end."""

    folder: Path
    printed: list[str]

    def ended(self, name: str) -> list[dict]:
        """How a training did in each."""
        return [json.loads((self.folder / f"{name}.{i}.json").read_text()) for i in range(2)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Two processes that go through several trainings while this one does some of them alone."""
    folder = tmp_path_factory.mktemp("processes")
    write_folder(folder / "data")
    assert main(["train", str(write_config(folder, "shared", steps=2, accumulate=2))]) == 0
    lines = "gradient_checkpointing: true\nshard_base: true\n"
    trainings = [write_config(folder, "two")]
    if can_shard():
        trainings.append(write_config(folder, "shared", accumulate=2, lines=lines))
        trainings.append(write_config(folder, "bad_shared", lines=lines))
    trainings += [write_config(folder, name) for name in ("bad_edits", "bad_checkpoints")]
    for name, blocked in (("bad_edits", "edits"), ("bad_shared", "edits")):
        (folder / name).mkdir()
        (folder / name / blocked).touch()
    (folder / "bad_checkpoints").mkdir()
    (folder / "bad_checkpoints" / "checkpoints").touch()
    running = launch([*trainings, write_config(folder, "endless", steps=100_000)], 2)
    assert main(["train", str(write_config(folder, "one"))]) == 0
    assert main(["train", str(write_config(folder, "parts", accumulate=2))]) == 0
    log = folder / "endless" / "log.jsonl"
    while not log.is_file() and all(one.poll() is None for one in running):
        time.sleep(0.05)
    running[1].terminate()
    both = finish(running)
    assert [code for code, _, _ in both] == [0, 0], both
    return Pair(folder=folder, printed=[out for _, out, _ in both])


def test_two_processes_and_two_parts_give_the_losses_of_one(pair: Pair):
    main_one, other = pair.ended("two")
    assert (main_one["code"], other["code"]) == (0, 0)
    assert f"step {STEPS} of {STEPS}, {4 * STEPS} samples seen" in main_one["out"]
    assert other["out"] == ""
    wanted = losses(pair.folder / "one")
    assert len(wanted) == STEPS
    for out in ("two", "parts"):
        assert losses(pair.folder / out) == pytest.approx(wanted, rel=1e-5), out
    one, two = (load_adapter(pair.folder / out / "adapter.safetensors") for out in ("one", "two"))
    for name, tensor in one.lora.items():
        torch.testing.assert_close(two.lora[name], tensor, rtol=0, atol=1e-4)
    checkpoints = sorted(path.name for path in (pair.folder / "two" / "checkpoints").iterdir())
    assert checkpoints == ["step_000000002.safetensors", "step_000000004.safetensors"]


def test_a_run_of_two_is_stopped_by_one_and_goes_on_alone(pair: Pair):
    assert [ended["code"] for ended in pair.ended("endless")] == [0, 0]
    folder = pair.folder
    step = load_adapter(folder / "endless" / "adapter.safetensors").facts.training_step
    assert main(["train", str(write_config(folder, "endless", steps=step + 1))]) == 0
    assert len(losses(folder / "endless")) == step + 1


@pytest.mark.skipif(not can_shard(), reason="this PyTorch cannot share a model out")
def test_two_that_share_the_base_go_on_with_what_one_began(pair: Pair):
    require_same_training(pair.folder / "shared", pair.folder / "one")
    frozen = load_tiny(adapter=False).transformer.requires_grad_(False)
    frozen.patch_embed.proj.requires_grad_(True)
    half = pytest.approx(held_bytes(frozen) / 2, rel=0.01)
    for ended in pair.ended("shared"):
        assert ended["code"] == 0
        assert ended["held"] == [half] * 5  # two steps of two parts, and the validation


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bad_edits", "step_0000004.png: cannot be written"),
        ("bad_checkpoints", "cannot write"),
        pytest.param(
            "bad_shared",
            "step_0000004.png: cannot be written",
            marks=pytest.mark.skipif(not can_shard(), reason="this PyTorch cannot share a model"),
        ),
    ],
)
def test_where_the_main_one_fails_all_end_with_its_error(pair: Pair, name: str, words: str):
    main_one, other = pair.ended(name)
    assert (main_one["code"], other["code"]) == (2, 2)
    lines = [ended["errors"].splitlines()[-1] for ended in (main_one, other)]
    assert lines[0] == lines[1] and words in lines[0]


def test_errors_that_nobody_has_thought_of_end_all_as_well(pair: Pair):
    first, second = pair.printed
    assert first.startswith("ZeroDivisionError")
    assert second.startswith("VividError(") and "the main process: ZeroDivisionError" in second


def require_same_training(out: Path, wanted: Path) -> None:
    """The losses, the edits shown, and an adapter that differs by what rounding becomes in Adam."""
    assert losses(out) == pytest.approx(losses(wanted), rel=1e-5)
    assert losses(out, "fixed_noise")[-1] == pytest.approx(losses(wanted, "fixed_noise")[-1], 1e-5)
    last = f"edits/step_{STEPS:07}.png"
    torch.testing.assert_close(load_image(out / last), load_image(wanted / last), rtol=0, atol=0.01)
    one, two = (load_adapter(folder / "adapter.safetensors") for folder in (wanted, out))
    for before, after in ((one.lora, two.lora), (one.patch_embedder, two.patch_embedder)):
        off = torch.cat([(after[name] - before[name]).abs().flatten() for name in before])
        assert off.max() < 1e-4
        assert (off > 1e-5).sum() <= 0.001 * len(off)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path / "data")
    return tmp_path


@dataclass
class TwoProcesses:
    """An accelerator as the second of two processes sees it, as far as sharing out goes."""

    num_processes: int = 2
    process_index: int = 1


def test_a_batch_is_shared_out_equally_or_not_at_all(folder: Path):
    config = load_adapter_config(write_config(folder, "run", accumulate=2))
    require_equal_shares(config, Processes(TwoProcesses()))
    config = load_adapter_config(write_config(folder, "run", accumulate=4))
    require_equal_shares(config, Processes())
    with pytest.raises(InputError, match="batch: 4 samples cannot be shared out equally among 2"):
        require_equal_shares(config, Processes(TwoProcesses()))


def test_a_base_is_shared_with_others_or_not_at_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    path = write_config(folder, "run", lines="shard_base: true\n")
    assert main(["train", str(path)]) == 2
    assert "shard_base: there is one process, and none to share" in capsys.readouterr().err
    config, two = load_adapter_config(path), Processes(TwoProcesses())
    monkeypatch.setattr("torch.distributed.fsdp.fully_shard", lambda module, *, mesh: module)
    with pytest.raises(InputError, match=r"shard_base: PyTorch .* has no fully_shard with ignored"):
        require_sharing(config, two)
    monkeypatch.delattr("torch.distributed.fsdp.fully_shard")
    assert not can_shard()
    require_sharing(replace(config, shard_base=False), Processes())


def test_what_accelerate_may_be_asked_for(monkeypatch: pytest.MonkeyPatch):
    assert launched_device("auto") is None
    assert open_processes(torch.device("cpu"), torch.float32).count == 1
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp16")
    with pytest.raises(InputError, match="mixed_precision: .* asks for fp16: use bf16, or no"):
        open_processes(torch.device("cpu"), torch.float32)
    with pytest.raises(InputError, match=r"device: got 'cuda:1': accelerate gives each process"):
        launched_device("cuda:1")


@pytest.mark.parametrize("kind", ["FSDP", "DEEPSPEED", "MEGATRON_LM"])
def test_what_would_share_out_the_model_is_refused(monkeypatch: pytest.MonkeyPatch, kind: str):
    asked = SimpleNamespace(distributed_type=DistributedType(kind))
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    monkeypatch.setattr("accelerate.Accelerator", lambda **_: asked)
    with pytest.raises(InputError, match=f"distributed_type: .* for {kind}: .* turn shard_base"):
        open_processes(torch.device("cpu"), torch.float32)


def test_one_process_agrees_with_itself():
    alone = Processes()
    assert (alone.count, alone.index, alone.main) == (1, 0, True)
    assert alone.mean({"loss": 0.1}) == {"loss": 0.1}
    assert (alone.any(True), alone.any(False)) == (True, False)
    module = torch.nn.Linear(2, 2)
    assert alone.distribute(module) is module
    alone.close()


@pytest.mark.parametrize(
    ("base", "wanted"),
    [
        (torch.float32, torch.float32),
        (torch.float16, torch.bfloat16),
        (torch.bfloat16, torch.bfloat16),
    ],
)
def test_half_precision_is_computed_in_bfloat16(base: torch.dtype, wanted: torch.dtype):
    assert compute_dtype(base) == wanted
