"""`vivid merge`: what is written loads as a VIVID model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vivid_core.cli import main
from vivid_core.cogvideox.load import load_bundle
from vivid_core.tiny.load import ADAPTER_FILE, TINY_WEIGHTS


def test_file_and_folder_are_the_same_model(tmp_path: Path):
    adapter = str(TINY_WEIGHTS / ADAPTER_FILE)
    folder, file = tmp_path / "merged", tmp_path / "merged.safetensors"
    for out in (folder, file):
        assert main(["merge", "--adapter", adapter, "--out", str(out)]) == 0
    one, two = load_bundle(folder), load_bundle(file, base=folder)
    assert one.layout.name == two.layout.name == "vivid"
    tensors = two.transformer.state_dict()
    assert all(torch.equal(tensors[k], v) for k, v in one.transformer.state_dict().items())


def test_a_folder_that_holds_something_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").touch()
    adapter = str(TINY_WEIGHTS / ADAPTER_FILE)
    assert main(["merge", "--adapter", adapter, "--out", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
