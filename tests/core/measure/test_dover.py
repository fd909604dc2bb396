"""DOVER's scores put together, and what stands between it and a figure."""

from __future__ import annotations

import importlib.util
import random
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from vivid_core.errors import ModelError
from vivid_core.flow.dis import DisFlow
from vivid_core.measure.dover import NO_PACKAGE, fuse, load_dover
from vivid_core.measure.figures import Instruments, measure_edit

CPU = torch.device("cpu")
NAMES = ("DOVER", "DOVER, technical", "DOVER, aesthetic")
SCORES = st.floats(-1e3, 1e3)


@given(technical=SCORES, aesthetic=SCORES, more=st.floats(0, 1e3))
def test_scores_are_in_0_to_1_and_grow_with_each_branch(technical, aesthetic, more):
    low, high = fuse(technical, aesthetic), fuse(technical + more, aesthetic + more)
    for part in ("technical", "aesthetic", "overall"):
        assert 0 <= getattr(low, part) <= getattr(high, part) <= 1


def test_an_average_video_has_a_half():
    quality = fuse(0.1107, -0.08285)
    assert (quality.technical, quality.aesthetic, quality.overall) == (0.5, 0.5, 0.5)
    assert fuse(0.1107 + 0.07355, -0.08285).overall == pytest.approx(1 / (1 + np.exp(-0.6104)))


class Branch(nn.Module):
    """Mean of a view, times a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, view: torch.Tensor) -> torch.Tensor:
        return view * self.weight


class Network(nn.Module):
    """As the package's own behaves: it prints, keeps one branch, and gives a list of scores."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        sys.stdout.write("Setting backbone")
        kept = options["backbone_preserve_keys"]
        self.add_module(f"{kept}_backbone", Branch())
        self.add_module(f"{kept}_head", nn.Identity())

    def forward(self, views: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        assert {name: tuple(view.shape) for name, view in views.items()} == {
            "technical": (3, 3, 32, 224, 224),
            "aesthetic": (1, 3, 32, 224, 224),
        }
        sys.stdout.write("forward")
        return [getattr(self, f"{name}_backbone")(view) for name, view in views.items()]


class Sampler:
    """Evenly spaced frames; draws as the package does."""

    def __init__(self, size: int, parts: int, step: int) -> None:
        self._count = size * parts

    def __call__(self, frames: int) -> np.ndarray:
        return np.random.randint(0, frames, size=self._count).astype(np.int32)


def view(video: torch.Tensor, name: str, **options: int) -> torch.Tensor:
    assert video.dtype == torch.uint8 and len(video) == 3
    top = int(torch.randint(8, (1,)))
    cut = video[:, :, top : top + 8, :8].float()
    return cut.repeat(1, 1, 28, 28)


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with the real one's names, which is not installed where tests run."""
    names = {
        "dover": {},
        "dover.models": {"DOVER": Network, "convnext_3d_tiny": Branch, "VQAHead": head},
        "dover.datasets": {"UnifiedFrameSampler": Sampler, "get_single_view": view},
    }
    for name, values in names.items():
        module = ModuleType(name)
        vars(module).update(values)
        monkeypatch.setitem(sys.modules, name, module)
        if "." in name:
            setattr(sys.modules["dover"], name.split(".")[1], module)


def head(**options: int) -> nn.Module:
    assert options == {"in_channels": 768, "hidden_channels": 64}
    return nn.Identity()


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "DOVER.pth"
    names = ("technical_backbone.weight", "aesthetic_backbone.weight")
    torch.save({name: torch.full((1,), 0.1) for name in names}, path)
    return path


def test_the_same_clip_has_the_same_scores_and_nobody_elses_draws_are_touched(
    package, weights, make_edited, capsys
):
    instruments = Instruments(flow=DisFlow(), dover=load_dover(weights, device=CPU))
    edited = make_edited(step=3)
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    found = measure_edit(edited, instruments)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all() and random.getstate() == states[2]
    again = measure_edit(edited, instruments)
    for name in NAMES:
        assert 0 < found[name] < 1 and found[name] == again[name]
    assert capsys.readouterr().out == ""


def test_frames_that_are_too_small_or_alone_are_not_measured(package, weights, make_edited):
    instruments = Instruments(flow=DisFlow(), dover=load_dover(weights, device=CPU))
    found = measure_edit(make_edited(frames=1), instruments)
    assert {found[name] for name in NAMES} == {"needs two frames"}
    with pytest.raises(Exception, match="edit: DOVER needs 32 pixels a side, has 64x20"):
        instruments.dover.quality(torch.zeros(4, 20, 64, 3))


def test_weights_of_another_network_are_refused(package, weights, tmp_path):
    torch.save({"head.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ModelError, match="is no DOVER: the file looks like unknown tensors"):
        load_dover(tmp_path / "other.pth", device=CPU)
    tensors = torch.load(weights, weights_only=True) | {"technical_head.more": torch.zeros(1)}
    torch.save(tensors, weights)
    with pytest.raises(
        ModelError, match=r"DOVER.pth: the DOVER does not fit .*technical_head.more"
    ):
        load_dover(weights, device=CPU)


@pytest.mark.skipif(importlib.util.find_spec("dover") is not None, reason="it is installed here")
def test_without_the_package_the_figure_says_what_to_install(weights, make_edited):
    dover = load_dover(weights, device=CPU)
    assert dover == NO_PACKAGE
    found = measure_edit(make_edited(), Instruments(flow=DisFlow(), dover=dover))
    assert {found[name] for name in NAMES} == {NO_PACKAGE}


def test_a_package_that_does_not_run_here_says_so(weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "dover", ModuleType("dover"))
    assert "No module named 'dover.datasets'" in str(load_dover(weights, device=CPU))


def test_without_weights_it_is_named(make_edited):
    found = measure_edit(make_edited(), Instruments(flow=DisFlow()))
    assert {found[name] for name in NAMES} == {"needs DOVER's weights (dover_weights)"}
