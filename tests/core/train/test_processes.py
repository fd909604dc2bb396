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

PATIENCE = 180  # seconds
STEPS = 4


def write_config(folder: Path, out: str, *, accumulate: int = 1, lines: str = "") -> Path:
    path = folder / f"{out}.yaml"
    path.write_text(
        f"data: {folder / 'data'}\nout: {folder / out}\ndevice: cpu\nlora: {{rank: 2}}\n"
        "recipe: {size: [9, 32, 32], images_per_video: 1, caption_dropout: 0.3,"
        " weight_inside: 3}\n"
        f"optimization: {{batch: 4, steps: {STEPS}, accumulate: {accumulate}, clip: 1.0}}\n"
        f"saving: {{log_every: 1, validate_every: {STEPS}, every: 2}}\n{lines}"
    )
    return path


def launch(
    config: Path, processes: int, *, module: str = "vivid_core.train"
) -> list[subprocess.Popen[str]]:
    """What `accelerate launch -m vivid_core.train CONFIG` starts on CPUs."""
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
            [sys.executable, "-m", module, str(config)],
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path / "data")
    return tmp_path


def test_two_processes_and_two_parts_give_the_losses_of_one(folder: Path):
    assert main(["train", str(write_config(folder, "one"))]) == 0
    assert main(["train", str(write_config(folder, "parts", accumulate=2))]) == 0
    both = finish(launch(write_config(folder, "two"), 2))
    assert [code for code, _, _ in both] == [0, 0], both
    printed = [out for _, out, _ in both]
    assert f"step {STEPS} of {STEPS}, {4 * STEPS} samples seen" in printed[0]
    assert printed[1] == ""
    wanted = losses(folder / "one")
    assert len(wanted) == STEPS
    for out in ("two", "parts"):
        assert losses(folder / out) == pytest.approx(wanted, rel=1e-5), out
    one, two = (load_adapter(folder / out / "adapter.safetensors") for out in ("one", "two"))
    for name, tensor in one.lora.items():
        torch.testing.assert_close(two.lora[name], tensor, rtol=0, atol=1e-4)
    checkpoints = sorted(path.name for path in (folder / "two" / "checkpoints").iterdir())
    assert checkpoints == ["step_000000002.safetensors", "step_000000004.safetensors"]


def test_a_run_of_two_is_stopped_by_one_and_goes_on_alone(folder: Path):
    config = write_config(folder, "run")
    config.write_text(config.read_text().replace(f"steps: {STEPS}", "steps: 100000"))
    running = launch(config, 2)
    log = folder / "run" / "log.jsonl"
    while not log.is_file() and all(one.poll() is None for one in running):
        time.sleep(0.05)
    running[1].terminate()
    both = finish(running)
    assert [code for code, _, _ in both] == [0, 0], both
    step = load_adapter(folder / "run" / "adapter.safetensors").facts.training_step
    config.write_text(config.read_text().replace("steps: 100000", f"steps: {step + 1}"))
    assert main(["train", str(config)]) == 0
    assert len(losses(folder / "run")) == step + 1


@pytest.mark.skipif(not can_shard(), reason="this PyTorch cannot share a model out")
def test_two_that_share_the_base_go_on_with_what_one_began(folder: Path):
    lines = "gradient_checkpointing: true\nedits_shown: {count: 1, steps: 1}\n"
    assert main(["train", str(write_config(folder, "one", lines=lines))]) == 0
    config = write_config(folder, "shared", accumulate=2, lines=lines)
    text = config.read_text()
    config.write_text(text.replace(f"steps: {STEPS}", "steps: 2"))
    assert main(["train", str(config)]) == 0
    config.write_text(f"{text}shard_base: true\n")
    both = finish(launch(config, 2, module=watched_training.__name__))
    assert [code for code, _, _ in both] == [0, 0], both
    require_same_training(folder / "shared", folder / "one")
    frozen = load_tiny(adapter=False).transformer.requires_grad_(False)
    frozen.patch_embed.proj.requires_grad_(True)
    half = pytest.approx(held_bytes(frozen) / 2, rel=0.01)
    for rank in range(2):
        held = json.loads((folder / f"shared.held_{rank}.json").read_text())
        assert held == [half] * 5  # two steps of two parts, and the validation


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
