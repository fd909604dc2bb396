"""RAFT: any size in, the very size out; weights told by their shapes; wrong files named."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from vivid_core.errors import InputError, ModelError
from vivid_core.flow.engine import FlowEngine
from vivid_core.flow.raft import RaftFlow, build_raft, load_raft, raft_from_tensors


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    return build_raft("tiny")


def frames(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    pair = torch.rand(2, height, width, 3, generator=torch.Generator().manual_seed(1))
    return pair[0], pair[1]


@pytest.mark.parametrize(("height", "width"), [(40, 64), (128, 136), (131, 133), (16, 200)])
def test_any_size_comes_back_as_it_went_in(tiny, height, width):
    flow = RaftFlow(tiny, updates=2).estimate(*frames(height, width))
    assert flow.shape == (height, width, 2)
    assert flow.dtype == torch.float32
    assert torch.isfinite(flow).all()
    assert not flow.requires_grad


def test_flow_is_the_model_s_own_where_nothing_is_padded(tiny):
    first, second = frames(128, 136)
    pair = [2 * frame.permute(2, 0, 1)[None] - 1 for frame in (first, second)]
    with torch.no_grad():
        expected = tiny(*pair, num_flow_updates=3)[-1][0].permute(1, 2, 0)
    flow = RaftFlow(tiny, updates=3).estimate(first, second)
    torch.testing.assert_close(flow, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_are_recognised_and_read(tiny, tmp_path, suffix):
    path = tmp_path / f"any_name{suffix}"
    if suffix == ".pth":
        torch.save(tiny.state_dict(), path)
    else:
        save_file(tiny.state_dict(), path)
    loaded = load_raft(path)
    assert isinstance(loaded, FlowEngine)
    expected = RaftFlow(tiny, updates=2).estimate(*frames(64, 64))
    restored = raft_from_tensors(tiny.state_dict())
    assert torch.equal(RaftFlow(restored, updates=2).estimate(*frames(64, 64)), expected)


@pytest.mark.parametrize("size", ["large", "small"])
def test_torchvision_s_two_sizes_are_told_apart(size):
    with torch.device("meta"):
        tensors = build_raft(size).state_dict()
    tensors = {key: torch.zeros(value.shape, dtype=value.dtype) for key, value in tensors.items()}
    restored = raft_from_tensors(tensors)
    assert (restored.mask_predictor is not None) == (size == "large")


def test_wrong_files_are_named(tmp_path, tiny):
    with pytest.raises(ModelError, match="no such file"):
        load_raft(tmp_path / "absent.pth")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ModelError, match=r"ending in \.txt are not read"):
        load_raft(tmp_path / "notes.txt")
    for name in ("broken.pth", "broken.safetensors"):
        (tmp_path / name).write_bytes(b"not weights at all")
        with pytest.raises(ModelError, match="damaged"):
            load_raft(tmp_path / name)
    torch.save(tiny, tmp_path / "whole_model.pth")
    with pytest.raises(ModelError, match="more than tensors"):
        load_raft(tmp_path / "whole_model.pth")
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(ModelError, match="expected a state dict, found list"):
        load_raft(tmp_path / "list.pth")


@pytest.mark.parametrize(
    ("tensors", "found"),
    [
        ({}, "no tensors"),
        ({"fnet.conv1.weight": torch.zeros(1)}, "its authors' tensor names"),
        ({"feature_encoder.convnormrelu.0.weight": torch.zeros(1)}, "RAFT of other sizes"),
        ({"decoder.conv_in.weight": torch.zeros(1)}, r"other tensors \(decoder.conv_in.weight\)"),
    ],
)
def test_other_weights_are_described(tensors, found):
    with pytest.raises(ModelError, match=f"expected torchvision's raft_large.*{found}"):
        raft_from_tensors(tensors)


def test_at_least_one_update(tiny):
    with pytest.raises(InputError, match="updates: must be 1 or more"):
        RaftFlow(tiny, updates=0)
