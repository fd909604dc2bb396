"""A training of an adapter: what it writes, that it resumes to the bit, and what it refuses."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vivid_core.cogvideox.adapter import apply_adapter, load_adapter
from vivid_core.cogvideox.layout import layout_named
from vivid_core.cogvideox.model import CogVideoX
from vivid_core.data.folder import open_folder
from vivid_core.errors import AdapterError, InputError, ModelError, SizeError, TrainingDiverged
from vivid_core.files.lock import sole_run
from vivid_core.files.weights import read_weights
from vivid_core.runtime import Progress, Runtime
from vivid_core.train.adapter.checks import require_sound
from vivid_core.train.adapter.config import AdapterConfig
from vivid_core.train.adapter.run import Training, train_adapter
from vivid_core.train.adapter.task import AdapterTask

from ....soak import record
from .conftest import Configure, Host, Stop


def train(tiny: CogVideoX, config: AdapterConfig) -> Training:
    return train_adapter(tiny, config, Runtime())


def same(one: Training, two: Training) -> bool:
    first, second = (t.adapter.lora | t.adapter.patch_embedder for t in (one, two))
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_a_training_leaves_an_adapter_that_fits(tiny: CogVideoX, configure: Configure):
    config = configure(licence="CC0-1.0")
    base = {name: p.clone() for name, p in tiny.transformer.named_parameters()}
    host = Host()
    training = train_adapter(tiny, config, host.runtime)
    assert [p.done for p in host.steps] == [1, 2, 3, 4, 5, 6]
    assert host.steps[3].preview is not None and host.steps[3].preview.shape[-1] == 3
    assert all(torch.equal(p, base[n]) for n, p in tiny.transformer.named_parameters())
    facts = load_adapter(training.path).facts
    assert (facts.layout, facts.rank, facts.alpha, facts.training_step) == ("vivid", 4, 4.0, 6)
    assert facts.licence == "CC0-1.0"
    assert facts.dataset == open_folder(config.data).digest
    assert json.loads(facts.configuration)["optimization"]["batch"] == 2
    adapted = apply_adapter(tiny, training.adapter)
    assert adapted.warnings == () and adapted.train_size == (9, 32, 32)
    assert "step 6 of 6, 12 samples seen" in training.report
    assert (config.out / "curves.png").is_file()


def test_a_plain_text_to_video_base_gets_the_channels(tiny: CogVideoX, configure: Configure):
    plain = tiny.with_(layout=layout_named("t2v"), transformer=_narrow(tiny))
    training = train(plain, configure())
    assert training.adapter.patch_embedder["weight"].shape[1] == 33
    assert apply_adapter(plain, training.adapter).layout.name == "vivid"


def _narrow(tiny: CogVideoX) -> torch.nn.Module:
    from vivid_core.cogvideox.surgery import clone_transformer, set_patch_embedder

    transformer = clone_transformer(tiny.transformer)
    weight = tiny.transformer.patch_embed.proj.weight[:, :16]
    set_patch_embedder(transformer, {"weight": weight})
    return transformer


def test_an_adapter_is_trained_over_one_that_is_there(tiny: CogVideoX, configure: Configure):
    first = apply_adapter(tiny, train(tiny, configure("first")).adapter, 0.5)
    second = train(first, configure("second"))
    both = apply_adapter(first, second.adapter)
    names = list(both.transformer.peft_config)
    scales = {both.transformer.transformer_blocks[0].attn1.to_q.scaling[name] for name in names}
    assert (names, scales) == (["vivid_0", "vivid_1"], {0.5, 1.0})


@pytest.mark.parametrize("stops", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_a_run_stopped_anywhere_gives_the_same_bits(
    tiny: CogVideoX, configure: Configure, stops: int
):
    """Optimizer, average, random numbers and order go on where they were."""
    steps = 3 * stops
    options = {"optimization": {"steps": steps, "batch": 2, "accumulate": 2}}
    options |= {"recipe": {"caption_dropout": 0.3}}
    whole = train(tiny, configure("whole", **options))
    for stop in random.Random(11).sample(range(1, steps), stops):
        config = configure(f"stopped_{stop}", **options)
        with pytest.raises(Stop):
            train_adapter(tiny, config, Host(stop_at=stop).runtime)
        assert load_adapter(config.out / "adapter.safetensors").facts.training_step == stop
        assert same(train(tiny, config), whole)
    if stops > 2:
        record("training stopped and resumed", f"{stops} of {stops} runs give the same bits")


def test_a_killed_run_goes_on_from_its_last_checkpoint(tiny: CogVideoX, configure: Configure):
    """What was done since is done again, and what was being written is passed over."""
    whole = train(tiny, configure("whole"))
    config = configure("killed")
    train(tiny, config)
    kept = sorted((config.out / "checkpoints").iterdir())
    kept[-1].rename(kept[-1].with_name(f".{kept[-1].name}.0123abcd.part"))
    (config.out / "adapter.safetensors").unlink()
    assert same(train(tiny, config), whole)
    assert not list((config.out / "checkpoints").glob(".*"))


def test_the_last_checkpoints_stay(tiny: CogVideoX, configure: Configure):
    config = configure(saving={"every": 1, "keep": 2})
    train(tiny, config)
    names = sorted(path.name for path in (config.out / "checkpoints").iterdir())
    assert names == ["step_000000005.safetensors", "step_000000006.safetensors"]


def test_more_steps_go_on_from_where_it_ended(tiny: CogVideoX, configure: Configure):
    long = configure("long", optimization={"steps": 8})
    train(tiny, configure("short", optimization={"steps": 5}))
    resumed = train(tiny, configure("short", optimization={"steps": 8}))
    assert same(resumed, train(tiny, long))
    assert "step 8 of 8" in resumed.report


def test_two_runs_on_one_folder_are_refused(tiny: CogVideoX, configure: Configure):
    config = configure()
    with sole_run(config.out, argument="out"), pytest.raises(InputError, match="out: another run"):
        train(tiny, config)
    train(tiny, config)


def test_a_changed_sample_is_named(tiny: CogVideoX, configure: Configure, tmp_path: Path):
    data = tmp_path / "data"
    shutil.copytree(configure().data, data)
    config = configure(data=data)
    train(tiny, config)
    captions = (data / "captions.txt").read_text()
    (data / "captions.txt").write_text(captions + "clip_1: a new line\n")
    with pytest.raises(InputError, match=r"data: clip_1 differs since the training in .*run began"):
        train(tiny, config)
    (data / "captions.txt").write_text(captions)
    train(tiny, config)


def test_another_base_is_named(tiny: CogVideoX, configure: Configure):
    config = configure()
    train(tiny, config)
    other = tiny.with_(name="another")
    with pytest.raises(InputError, match="model: another is new since the training"):
        train(other, config)
    with pytest.raises(InputError, match="config: lora differs since"):
        train(tiny, replace(config, lora=replace(config.lora, rank=2)))


def test_a_damaged_checkpoint_is_named(tiny: CogVideoX, configure: Configure):
    config = configure()
    train(tiny, config)
    newest = max((config.out / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:100])
    with pytest.raises(ModelError, match=newest.name):
        train(tiny, config)
    newest.unlink()
    train(tiny, config)


def test_going_on_from_an_adapter(tiny: CogVideoX, configure: Configure):
    first = train(tiny, configure("first")).adapter
    config = configure("second", optimization={"steps": 1, "learning_rate": 0.0})
    second = train_adapter(tiny, config, Runtime(), start=first).adapter
    assert all(torch.equal(first.lora[name], second.lora[name]) for name in first.lora)
    wrong = replace(config, lora=replace(config.lora, rank=2))
    with pytest.raises(InputError, match="start_from: adapter has rank 4, alpha 4"):
        train_adapter(tiny, replace(wrong, out=config.out / "x"), Runtime(), start=first)
    facts = replace(first.facts, base_signature=(1.0,) * len(first.facts.base_signature))
    with pytest.raises(AdapterError, match="whose weights are not those of"):
        train_adapter(tiny, config, Runtime(), start=replace(first, facts=facts))


def test_a_rate_that_is_too_high_stops_and_leaves_the_last_state(
    tiny: CogVideoX, configure: Configure
):
    """No loss is finite any more; nothing broken is written."""
    config = configure(optimization={"steps": 40, "learning_rate": 1e18}, saving={"every": 1})
    with pytest.raises(TrainingDiverged, match="lower the learning rate"):
        train(tiny, config)
    newest = max((config.out / "checkpoints").glob("*"), default=None)
    assert newest is None or all(
        torch.isfinite(t).all()
        for t in read_weights(newest).tensors.values()
        if t.is_floating_point()
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.lora[next(iter(a.lora))].fill_(float("nan")), "holds NaN or infinity"),
        (lambda a: a.patch_embedder["bias"].fill_(float("inf")), "bias holds NaN or infinity"),
        (lambda a: a.lora[next(iter(a.lora))].zero_(), "is zero everywhere"),
    ],
)
def test_a_broken_adapter_is_refused(
    tiny: CogVideoX, configure: Configure, change: Callable, message: str
):
    adapter = train(tiny, configure(optimization={"steps": 1})).adapter
    require_sound(adapter)
    change(adapter)
    with pytest.raises(ModelError, match=message):
        require_sound(adapter)


def test_what_cannot_be_trained_is_refused(tiny: CogVideoX, configure: Configure):
    with pytest.raises(InputError, match="model: vivid-tiny is a void model"):
        train(tiny.with_(layout=layout_named("void")), configure())
    epsilon = tiny.with_(schedule={**tiny.schedule, "prediction_type": "epsilon"})
    with pytest.raises(InputError, match="is for epsilon: adapters are trained for v-prediction"):
        train(epsilon, configure())
    with pytest.raises(SizeError, match="multiples of 8"):
        train(tiny, configure(recipe={"size": (9, 30, 32)}))
    with pytest.raises(InputError, match="longest clip has 9 frames, batches of video take 17"):
        train(tiny, configure(recipe={"size": (17, 32, 32), "images_per_video": 0}))
    with pytest.raises(InputError, match=r"clip_0: the caption has \d+ words"):
        train(tiny.with_(max_text_tokens=2), configure())


def test_what_an_artist_should_know_is_in_the_report(tiny: CogVideoX, configure: Configure):
    words = frozenset({"a", "the"})
    training = train(tiny.with_(known_words=words), configure(recipe={"size": (17, 32, 32)}))
    assert "does not know, and cannot learn: " in training.report
    assert "only single frames are trained on" in training.report


def test_a_host_may_stop_it_while_progress_is_reported(tiny: CogVideoX, configure: Configure):
    """ComfyUI does: its bar raises where Cancel was pressed, and forgets it."""
    config = configure(optimization={"steps": 50}, saving={"log_every": 1})

    def report(progress: Progress) -> None:
        if progress.stage == "train" and progress.done == 3:
            raise Stop

    with pytest.raises(Stop):
        train_adapter(tiny, config, Runtime(report=report))
    facts = load_adapter(config.out / "adapter.safetensors").facts
    assert facts is not None and facts.training_step == 3


def test_a_skipped_step_is_told_while_it_trains_and_in_the_report(
    tiny: CogVideoX, configure: Configure, monkeypatch: pytest.MonkeyPatch
):
    loss = AdapterTask.loss

    def overflowing(task: AdapterTask, generator: torch.Generator, /) -> dict[str, torch.Tensor]:
        values = loss(task, generator)
        if task.position == 2:
            nothing = sum((p * 0).sum() for p in task.parameters())
            values["loss"] = values["loss"] + torch.as_tensor(nothing).abs().sqrt()
        return values

    monkeypatch.setattr(AdapterTask, "loss", overflowing)
    host = Host()
    training = train_adapter(tiny, configure(optimization={"steps": 3}), host.runtime)
    words = "1 step skipped (gradients not finite, last at step 2)"
    assert [words in progress.words for progress in host.steps] == [False, True, True]
    assert words in training.report and "lower the learning rate" in training.report
