"""The loop resumes exactly, stops on demand, and refuses to go on when the loss explodes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from torch import nn

from vivid_core.errors import ModelError, TrainingDiverged
from vivid_core.train.checkpoints import Checkpoints
from vivid_core.train.loop import LoopConfig, Trainer, build_optimizers, rate_share
from vivid_core.train.state import StateFile


class Regression:
    """Fit a small linear layer to noisy targets drawn from the loop's generator."""

    def __init__(self, explode_at: int | None = None, by: float = 1e6) -> None:
        torch.manual_seed(0)
        self.layer, self.calls, self.explode_at = nn.Linear(4, 2), 0, explode_at
        self.by = by

    def parameters(self) -> list[nn.Parameter]:
        return list(self.layer.parameters())

    def matrices(self) -> list[nn.Parameter]:
        return [self.layer.weight]

    def slow(self) -> list[nn.Parameter]:
        return [self.layer.bias]

    def loss(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        self.calls += 1
        x = torch.randn(8, 4, generator=generator)
        loss = (self.layer(x) - x[:, :2]).square().mean()
        if self.explode_at is not None and self.calls >= self.explode_at:
            loss = loss * self.by
        return {"loss": loss}

    def validate(self) -> dict[str, float]:
        return {"weight": float(self.layer.weight.detach().sum())}


def config(steps: int, **changes) -> LoopConfig:
    options = {"steps": steps, "learning_rate": 1e-2, "warmup": 2, "save_every": 5}
    return LoopConfig(**(options | changes))


@pytest.mark.parametrize("matrix_rate", [None, 0.05])
def test_a_stopped_run_continues_to_the_same_weights(tmp_path: Path, matrix_rate: float | None):
    plan = config(12, matrix_rate=matrix_rate)
    straight = Regression()
    Trainer(straight, plan, tmp_path / "a").run()
    stopped = Trainer(first := Regression(), plan, tmp_path / "b")
    stopped.run(should_stop=lambda: first.calls >= 7)
    resumed = Trainer(second := Regression(), plan, tmp_path / "b")
    assert resumed.step == 7
    resumed.run()
    assert torch.equal(second.layer.weight, straight.layer.weight)
    assert resumed.average.averages[0].equal(
        Trainer(Regression(), plan, tmp_path / "a").average.averages[0]
    )


def test_muon_takes_the_matrices_and_adamw_the_rest():
    task = Regression()
    adamw, muon = build_optimizers(task, config(1, matrix_rate=0.05))
    assert [p is task.layer.weight for p in muon.param_groups[0]["params"]] == [True]
    assert [p is task.layer.bias for p in adamw.param_groups[0]["params"]] == [True]
    assert len(build_optimizers(task, config(1))) == 1


def test_averaged_weights_are_put_back(tmp_path: Path):
    task = Regression()
    trainer = Trainer(task, config(6), tmp_path)
    trainer.run()
    live = task.layer.weight.detach().clone()
    with trainer.averaged():
        assert not torch.equal(task.layer.weight, live)
    assert torch.equal(task.layer.weight, live)


def test_an_exploding_loss_stops_and_keeps_the_last_good_state(tmp_path: Path):
    trainer = Trainer(Regression(explode_at=8), config(50), tmp_path)
    with pytest.raises(TrainingDiverged, match="lower the learning rate"):
        trainer.run()
    assert Trainer(Regression(), config(50), tmp_path).step == 5


def test_the_log_is_one_json_object_a_line(tmp_path: Path):
    Trainer(Regression(), config(40, validate_every=20), tmp_path).run()
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [r["step"] for r in records if "loss" in r] == [20, 40]
    assert [r["step"] for r in records if "weight" in r] == [20, 40]


def test_the_rate_rises_then_falls():
    c = config(100, warmup=10)
    shares = [rate_share(step, c) for step in range(100)]
    assert shares[:10] == sorted(shares[:10])
    assert shares[10:] == sorted(shares[10:], reverse=True)
    assert max(shares) == 1.0 and min(shares) > 0


def test_a_damaged_state_is_named(tmp_path: Path):
    (tmp_path / "state.pt").write_bytes(b"cut off")
    with pytest.raises(ModelError, match=r"state\.pt: is damaged: delete it"):
        Trainer(Regression(), config(1), tmp_path)


def test_a_state_of_an_earlier_version_is_read(tmp_path: Path):
    torch.save({"step": 3}, tmp_path / "state.pt")
    assert StateFile(tmp_path / "state.pt").load() == {"step": 3}


def test_without_decay_the_rate_stays():
    c = config(100, warmup=2, decay=False)
    assert [rate_share(step, c) for step in (0, 1, 2, 50, 99)] == [0.5, 1, 1, 1, 1]


def test_an_explosion_is_seen_before_the_loss_has_settled(tmp_path: Path):
    """States that were saved since it began are deleted: the last good one is the newest."""
    store = Checkpoints(tmp_path / "states", keep=9, identity={})
    wanted = config(60, settle=50, save_every=1)
    with pytest.raises(TrainingDiverged, match="step_000000006"):
        Trainer(Regression(explode_at=8), wanted, tmp_path, store).run()
    assert Trainer(Regression(), wanted, tmp_path, store).step == 6


def test_a_stop_saves_before_it_looks_at_anything(tmp_path: Path):
    class Blind(Regression):
        def validate(self) -> dict[str, float]:
            raise AssertionError("nobody waits for it")

    Trainer(Blind(), config(30), tmp_path).run(should_stop=lambda: True)
    assert Trainer(Regression(), config(30), tmp_path).step == 1


class Overflowing(Regression):
    """Finite losses, whose gradients are not at some calls."""

    def __init__(self, at: Iterable[int]) -> None:
        super().__init__()
        self.at = set(at)

    def loss(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        values = super().loss(generator)
        if self.calls in self.at:  # the slope of a root at 0 is infinite
            values["loss"] = values["loss"] + (self.layer.weight.sum() * 0).abs().sqrt()
        return values


def test_a_step_whose_gradients_are_not_finite_is_told_once_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """A run that is stopped among them goes on counting, and ends in the same weights."""
    plan, at = config(30, log_every=5, save_every=1), (3, 4, 9)
    whole = Trainer(task := Overflowing(at), plan, tmp_path / "a")
    whole.run()
    assert (whole.skipped.count, whole.skipped.last) == (3, 9)
    told = [r.getMessage() for r in caplog.records if "not finite" in r.getMessage()]
    assert len(told) == 1 and told[0].startswith("step 3 is skipped") and "lower the" in told[0]
    records = [json.loads(line) for line in (tmp_path / "a" / "log.jsonl").read_text().splitlines()]
    assert [r["skipped"] for r in records[:3]] == [2, 3, 3]

    Trainer(first := Overflowing(at), plan, tmp_path / "b").run(
        should_stop=lambda: first.calls >= 4
    )
    resumed = Trainer(second := Overflowing([9 - 4]), plan, tmp_path / "b")
    assert (resumed.step, resumed.skipped.in_a_row) == (4, 2)
    resumed.run()
    assert resumed.skipped.state_dict() == whole.skipped.state_dict()
    assert torch.equal(second.layer.weight, task.layer.weight)


def test_gradients_that_are_not_finite_ten_times_in_a_row_end_it(tmp_path: Path):
    """Nine do not. The states of sound weights stay, however often one is saved."""
    wanted = config(60, save_every=1)
    store = Checkpoints(tmp_path / "nine", keep=2, identity={})
    Trainer(Overflowing(range(8, 17)), wanted, tmp_path, store).run()
    store = Checkpoints(tmp_path / "ten", keep=2, identity={})
    with pytest.raises(TrainingDiverged, match=r"10 steps in a row, the last at step 17, .*0006"):
        Trainer(Overflowing(range(8, 18)), wanted, tmp_path, store).run()
    resumed = Trainer(Regression(), wanted, tmp_path, store)
    assert resumed.step == 6 and all(map(torch.isfinite, map(torch.sum, resumed.parameters)))


class Constant(Regression):
    """The same loss every time, whatever is drawn."""

    def loss(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        return super().loss(torch.Generator().manual_seed(1))


def test_accumulated_losses_are_one_step_of_their_mean(tmp_path: Path):
    once, twice = Constant(), Constant()
    Trainer(once, config(5, clip=None), tmp_path / "a").run()
    Trainer(twice, config(5, clip=None, accumulate=2), tmp_path / "b").run()
    assert (once.calls, twice.calls) == (5, 10)
    assert torch.equal(once.layer.weight, twice.layer.weight)


def test_the_best_loss_is_looked_for_once_it_has_settled(tmp_path: Path):
    with pytest.raises(TrainingDiverged):
        Trainer(Regression(explode_at=8), config(12), tmp_path / "a").run()
    Trainer(Regression(explode_at=8, by=15), config(12, settle=12), tmp_path / "b").run()
    Trainer(Regression(explode_at=8), config(12, diverged_ratio=None), tmp_path / "c").run()


def test_slow_parameters_take_their_share_of_the_rate():
    optimizers = build_optimizers(Regression(), config(5, slow_share=0.5, matrix_rate=0.05))
    rates = {
        p: group["lr"] for o in optimizers for group in o.param_groups for p in group["params"]
    }
    assert sorted(rates.values()) == [0.005, 0.05]


def test_a_longer_schedule_leaves_the_rate_where_the_next_run_takes_it_up():
    first, second = config(10, schedule_steps=20), config(20)
    assert [rate_share(s, first) for s in range(10)] == [rate_share(s, second) for s in range(10)]
