"""finetrainers' two lists, and the masks that label maps and masklets hold."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.data.formats.catalog import read_dataset, write_dataset
from vivid_core.data.formats.masks import read_reference, write_labels, write_masklets
from vivid_core.data.formats.record import MaskReference, Record
from vivid_core.errors import MediaError
from vivid_core.media import save_masks
from vivid_core.video import FrameRange

LINES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"))).map(str.strip)
SHAPE = (5, 6, 7)
FEW = settings(max_examples=20)  # each writes a file and waits for the disk


@FEW
@given(st.lists(st.tuples(st.from_regex(r"[a-z]{1,6}\.mp4", fullmatch=True), LINES.filter(bool))))
def test_two_lists_come_back(pairs):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        known = tuple(Record(video=root / name, captions=(text,)) for name, text in pairs)
        write_dataset(root, known, "finetrainers")
        assert read_dataset(root / "videos.txt", "finetrainers") == known


def test_both_names_of_the_captions_file_are_known(tmp_path):
    (tmp_path / "videos.txt").write_text("videos/1.mp4\n")
    (tmp_path / "prompts.txt").write_text("A dog\n\n")
    (record,) = read_dataset(tmp_path, "finetrainers")
    assert record.captions == ("A dog",) and record.video.name == "1.mp4"


@FEW
@given(st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_a_label_of_a_map_is_a_mask(seed, number):
    labels = np.random.default_rng(seed).integers(0, 4, SHAPE, np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all_masks.npz"
        write_labels(path, labels)
        whole = MaskReference(path=path, kind="labels", number=number)
        assert (read_reference(whole) == (labels == number)).all()
        part = MaskReference(
            path=path, kind="labels", number=number, frames=FrameRange(start=1, stop=3)
        )
        assert (read_reference(part) == (labels == number)[1:3]).all()


@FEW
@given(st.integers(0, 2**32 - 1), st.integers(0, 2))
def test_a_masklet_is_a_mask(seed, number):
    masks = np.random.default_rng(seed).random((3, *SHAPE)) < 0.5
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "1.json"
        write_masklets(path, masks)
        frames = FrameRange(start=1, stop=4)
        found = read_reference(
            MaskReference(path=path, kind="masklets", number=number, frames=frames)
        )
        assert (found == masks[number, 1:4]).all()


def test_a_mask_in_a_file_of_its_own_is_read_too(tmp_path):
    masks = np.random.default_rng(0).random(SHAPE) < 0.5
    save_masks(tmp_path / "masks.json", masks)
    assert (read_reference(MaskReference(path=tmp_path / "masks.json")) == masks).all()


class Trap:
    """Would call something when unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def write_damaged(path: Path, name: str) -> None:
    if name == "pickle":
        np.savez(path, np.array([[[Trap()]]], dtype=object))
    elif name == "flat":
        np.savez(path, np.zeros((3, 4), np.uint8))
    elif name == "float":
        np.savez(path, np.zeros(SHAPE))
    elif name == "other name":
        np.savez(path, masks=np.zeros(SHAPE, np.uint8))
    elif name == "cut off":
        np.savez(path, np.zeros(SHAPE, np.uint8))
        path.write_bytes(path.read_bytes()[:-40])
    elif name == "no archive":
        path.write_bytes(b"not an archive")


@pytest.mark.parametrize(
    "damage", ["pickle", "flat", "float", "other name", "cut off", "no archive", "absent"]
)
def test_a_damaged_or_hostile_label_map_is_refused(tmp_path, damage):
    path = tmp_path / "all_masks.npz"
    write_damaged(path, damage)
    with pytest.raises(MediaError, match=r"all_masks\.npz"):
        read_reference(MaskReference(path=path, kind="labels", number=1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "holds no masklet_continues"),
        ("[]", "holds no masklet_continues"),
        ('{"masklet_continues": []}', "no list of frames"),
        ('{"masklet_continues": [[]]}', "frame 0: has no mask 0"),
        ('{"masklet_continues": [[{"size": [2, 2], "counts": "!!"}]]}', "damaged"),
        ('{"masklet_continues": [[{"size": [2, 2], "counts": "MQ=="}]]}', "damaged"),
        ('{"masklet_continues": [[{"size": [99999, 99999], "counts": ""}]]}', "99999x99999"),
        ('{"masklet_continues": [[{"size": 3, "counts": ""}]]}', "damaged"),
    ],
)
def test_damaged_masklets_are_refused(tmp_path, text, words):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(MediaError, match=words):
        read_reference(MaskReference(path=tmp_path / "a.json", kind="masklets"))


def test_frames_that_a_masklet_lacks_are_named(tmp_path):
    write_masklets(tmp_path / "a.json", np.ones((1, *SHAPE), bool))
    with pytest.raises(MediaError, match="has 5 frames, 3 to 6"):
        read_reference(
            MaskReference(
                path=tmp_path / "a.json", kind="masklets", frames=FrameRange(start=3, stop=7)
            )
        )
