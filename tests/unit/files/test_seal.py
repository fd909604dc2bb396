"""A sealed record or file comes back as it was written, or is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from vivid_core.errors import MediaError, ModelError
from vivid_core.files.seal import (
    SEAL,
    file_checksum,
    read_sealed,
    require_intact,
    sealed_metadata,
    sealed_text,
    write_sealed,
)
from vivid_core.files.weights import read_weights

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
TENSORS = {
    "a": torch.arange(6.0).reshape(2, 3),
    "b": torch.ones(4, dtype=torch.bfloat16),
    "empty": torch.from_numpy(np.array((), np.int64)),
    "one": torch.tensor(7),
}


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=4).filter(lambda key: key != SEAL), VALUES, max_size=4))
def test_a_record_comes_back(tmp_path_factory: pytest.TempPathFactory, record: dict) -> None:
    path = tmp_path_factory.mktemp("records") / "a.json"
    path.write_text(sealed_text(record))
    assert read_sealed(path) == record


def test_a_record_is_written_whole(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a.json", {"frames": (1, 2)})
    assert read_sealed(tmp_path / "a.json") == {"frames": [1, 2]}
    assert len(list(tmp_path.iterdir())) == 1


@settings(max_examples=100)
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_a_flipped_bit_of_a_record_is_refused(
    tmp_path_factory: pytest.TempPathFactory, place: float, bit: int
) -> None:
    record = {"frames": 12, "name": "fox", "sizes": [1.5, 0.25]}
    path = tmp_path_factory.mktemp("records") / "a.json"
    data = bytearray(sealed_text(record).encode())
    data[int(place * len(data))] ^= 1 << bit
    path.write_bytes(data)
    try:
        found = read_sealed(path)
    except MediaError as error:
        assert str(path) in str(error)
    else:
        assert found == record  # white space, or the case of an exponent


@pytest.mark.parametrize("text", ["[]", "{}", '{"checksum": null}', '{"checksum": {}}', "{", ""])
def test_what_is_no_sealed_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(MediaError, match="a.json: "):
        read_sealed(tmp_path / "a.json")


def test_a_file_has_another_checksum_with_one_other_bit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"fox")
    before = file_checksum(path)
    path.write_bytes(b"fox")
    assert file_checksum(path) == before
    path.write_bytes(b"foy")
    assert file_checksum(path) != before


def saved(path: Path, tensors: Any = TENSORS, **metadata: str) -> Path:
    save_file(tensors, path, sealed_metadata(TENSORS, {"format": "pt"}) | metadata)
    return path


def test_tensors_are_intact_to_the_bit(tmp_path: Path) -> None:
    require_intact(read_weights(saved(tmp_path / "a.safetensors")))
    changed = TENSORS["a"].clone()
    changed.view(torch.int32)[1, 2] ^= 1  # the last bit of one number
    others: list[Any] = [
        {**TENSORS, "a": changed},
        {**TENSORS, "a": TENSORS["a"].reshape(3, 2)},
        {**TENSORS, "b": TENSORS["b"].view(torch.int16)},
        {key.replace("b", "c"): value for key, value in TENSORS.items()},
        {key: value for key, value in TENSORS.items() if key != "empty"},
    ]
    for tensors in others:
        with pytest.raises(ModelError, match="was changed after it was written"):
            require_intact(read_weights(saved(tmp_path / "b.safetensors", tensors)))
    with pytest.raises(ModelError, match="was changed"):
        require_intact(read_weights(saved(tmp_path / "c.safetensors", format="np")))
    save_file(TENSORS, tmp_path / "d.safetensors")
    with pytest.raises(ModelError, match="has no checksum"):
        require_intact(read_weights(tmp_path / "d.safetensors"))


def test_a_seal_is_part_of_the_text() -> None:
    assert set(json.loads(sealed_text({"a": 1}))) == {"a", SEAL}
