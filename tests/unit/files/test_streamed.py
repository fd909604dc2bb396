"""Files that are written a tensor at a time are safetensors files, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from vivid_core.files.streamed import Pending, write_streamed

DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.uint8)


def pending(name: str, tensor: torch.Tensor) -> Pending:
    return Pending(name=name, shape=tuple(tensor.shape), dtype=tensor.dtype, make=lambda: tensor)


@given(
    shapes=st.lists(st.lists(st.integers(0, 4), max_size=3), max_size=5),
    dtype=st.sampled_from(DTYPES),
    note=st.text(max_size=8),
)
@settings(max_examples=25)
def test_what_is_written_is_read(shapes, dtype, note):
    tensors = {
        f"t{i}": (torch.arange(torch.Size(shape).numel()) % 50).reshape(shape).to(dtype).mT
        if len(shape) > 1
        else (torch.arange(torch.Size(shape).numel()) % 50).reshape(shape).to(dtype)
        for i, shape in enumerate(shapes)
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.safetensors"
        write_streamed(path, [pending(k, v) for k, v in tensors.items()], {"note": note})
        with safe_open(path, framework="pt") as file:
            assert file.metadata() == {"note": note}
            assert set(file.keys()) == set(tensors)
            for name, tensor in tensors.items():
                found = file.get_tensor(name)
                assert found.dtype == dtype
                assert torch.equal(found, tensor)


def test_a_failure_leaves_nothing(tmp_path):
    def fail() -> torch.Tensor:
        raise KeyboardInterrupt

    bad = Pending(name="a", shape=(2,), dtype=torch.float32, make=fail)
    with pytest.raises(KeyboardInterrupt):
        write_streamed(tmp_path / "a.safetensors", [bad], {})
    wrong = Pending(name="a", shape=(3,), dtype=torch.float32, make=lambda: torch.zeros(2))
    with pytest.raises(RuntimeError, match="not as stated"):
        write_streamed(tmp_path / "a.safetensors", [wrong], {})
    assert list(tmp_path.iterdir()) == []
