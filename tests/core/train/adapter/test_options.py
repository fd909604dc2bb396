"""What is off unless asked for: a base in 8 bits, moments in 8 bits, TensorBoard."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch

from vivid_core.cogvideox.memory import weight_bytes
from vivid_core.cogvideox.model import CogVideoX
from vivid_core.errors import InputError
from vivid_core.runtime import Runtime
from vivid_core.train import board, loop
from vivid_core.train.adapter.model import prepare_model
from vivid_core.train.adapter.run import LOG, train_adapter

from .conftest import Configure, Host, Stop


@pytest.fixture
def half(tiny: CogVideoX) -> CogVideoX:
    """The model in bfloat16."""
    return tiny.with_(**{name: copy.deepcopy(p).bfloat16() for name, p in tiny.parts.items()})


def fixed_losses(folder: Path) -> list[float]:
    records = map(json.loads, (folder / LOG).read_text().splitlines())
    return [record["fixed_noise"] for record in records if "fixed_noise" in record]


def test_the_base_in_8_bits_takes_half_and_trains_alike(half: CogVideoX, configure: Configure):
    plain = configure("plain", gradient_checkpointing=True, optimization={"steps": 3})
    small = configure(
        "small", gradient_checkpointing=True, optimization={"steps": 3}, base_fp8=True
    )
    models = [prepare_model(half, c, device=torch.device("cpu")) for c in (plain, small)]
    blocks = [m.transformer.transformer_blocks[0] for m in models]
    bases = [(b.attn1.to_q.base_layer, b.attn1.to_out[0].base_layer, b.ff) for b in blocks]
    sixteen, eight = (sum(map(weight_bytes, parts)) for parts in bases)
    assert eight == sixteen / 2
    assert {p.dtype for p in models[1].parameters} == {torch.float32}
    assert {p.dtype for p in half.transformer.parameters()} == {torch.bfloat16}
    adapters = [train_adapter(half, c, Runtime()).adapter for c in (plain, small)]
    assert adapters[1].lora.keys() == adapters[0].lora.keys()
    wanted = fixed_losses(plain.out)
    assert fixed_losses(small.out) == pytest.approx(wanted, rel=0.02)
    assert fixed_losses(small.out) != wanted


def test_8_bits_without_checkpointing_are_refused(configure: Configure):
    with pytest.raises(ValueError, match="base_fp8 saves memory with gradient_checkpointing only"):
        configure(base_fp8=True)


def test_8_bits_and_a_shared_base_exclude_each_other(configure: Configure):
    with pytest.raises(ValueError, match="base_fp8 and shard_base exclude each other"):
        configure(gradient_checkpointing=True, base_fp8=True, shard_base=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tensorboard": True}, "tensorboard: the package tensorboard is not installed"),
        ({"optimization": {"optimizer": "adamw8bit"}}, "optimizer: adamw8bit needs the package"),
    ],
)
def test_a_missing_package_is_named(
    tiny: CogVideoX,
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
    change: dict,
    message: str,
):
    for module in (board, loop):
        monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=message):
        train_adapter(tiny, configure(**change), Runtime())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_has_the_scalars_of_the_log(tiny: CogVideoX, configure: Configure):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = configure(tensorboard=True)
    with pytest.raises(Stop):
        train_adapter(tiny, config, Host(stop_at=3).runtime)
    train_adapter(tiny, config, Runtime())
    events = EventAccumulator(str(config.out / board.FOLDER))
    events.Reload()
    records = [json.loads(line) for line in (config.out / LOG).read_text().splitlines()]
    for name in ("loss", "fixed_noise"):
        logged = [(r["step"], r[name]) for r in records if name in r]
        shown = [(event.step, event.value) for event in events.Scalars(name)]
        assert shown == [(step, pytest.approx(value, rel=1e-5)) for step, value in logged]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_moments_in_8_bits_are_saved_and_go_on(tiny: CogVideoX, configure: Configure):
    pytest.importorskip("bitsandbytes")
    options = {"optimization": {"steps": 4, "optimizer": "adamw8bit"}}
    whole = train_adapter(tiny, configure("whole", **options), Runtime()).adapter
    config = configure("stopped", **options)
    with pytest.raises(Stop):
        train_adapter(tiny, config, Host(stop_at=2).runtime)
    resumed = train_adapter(tiny, config, Runtime()).adapter
    assert all(torch.equal(resumed.lora[name], whole.lora[name]) for name in whole.lora)
