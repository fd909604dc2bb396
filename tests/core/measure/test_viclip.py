"""ViCLIP from files: its figures told by hand from a tiny random one; what is none is refused."""

from __future__ import annotations

import gzip
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from vivid_core.errors import ModelError
from vivid_core.flow.dis import DisFlow
from vivid_core.measure.figures import Instruments, measure_edit
from vivid_core.measure.viclip import load_viclip
from vivid_core.measure.words import MOST_PAIRS, PACKED, PLAIN, Words, read_words

from ...tiny_viclip import PAIRS, save_tiny_viclip, tiny_tensors

CPU = torch.device("cpu")
BEFORE, AFTER = "a red ball", "a blue ball on grass"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_viclip(tmp_path_factory.mktemp("viclip") / "tiny")


def darken(edit: torch.Tensor) -> None:
    edit[:, 8:40, 8:50] *= 0.3


def figures(edited, folder: Path) -> dict[str, float | str]:
    viclip = load_viclip(folder, device=CPU)
    return measure_edit(edited, Instruments(flow=DisFlow(), viclip=viclip))


def test_figures_are_cosines_of_the_clip_and_of_its_change(folder, make_edited):
    edited = make_edited(darken, caption=AFTER, source_caption=BEFORE, frames=9)
    found, viclip = figures(edited, folder), load_viclip(folder, device=CPU)
    after, before = viclip.video(edited.edit), viclip.video(edited.source.frames)
    words = [viclip.text(caption) for caption in (BEFORE, AFTER)]
    assert float(after.norm()) == pytest.approx(1, abs=1e-5)
    assert found["ViCLIP out"] == pytest.approx(100 * float(after @ words[1]), abs=1e-4)
    change, said = after - before, words[1] - words[0]
    cosine = float(change @ said) / math.sqrt(float(change @ change) * float(said @ said))
    assert found["ViCLIP dir"] == pytest.approx(100 * cosine, abs=1e-2)
    assert abs(cosine) > 1e-4


def test_eight_frames_are_taken_evenly_and_their_order_counts(folder, make_edited):
    viclip, clip = load_viclip(folder, device=CPU), make_edited(step=5, frames=20).edit
    taken = clip[[0, 2, 5, 7, 10, 12, 15, 17]]
    assert torch.equal(viclip.video(clip), viclip.video(taken))
    assert not torch.allclose(viclip.video(clip), viclip.video(clip.flip(0)), atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "output", "direction"),
    [
        ({"caption": AFTER}, None, "needs a caption of the source (source_caption)"),
        (
            {"caption": AFTER, "source_caption": AFTER},
            None,
            "the captions of source and edit say the same",
        ),
        ({"caption": AFTER, "frames": 1}, "needs two frames", "needs two frames"),
        ({"task": "delete", "caption": ""}, *["deletions have no caption of their own"] * 2),
    ],
)
def test_what_is_not_measured_says_why(folder, make_edited, changes, output, direction):
    found = figures(make_edited(darken, **changes), folder)
    assert found["ViCLIP dir"] == direction
    assert found["ViCLIP out"] == output or (output is None and found["ViCLIP out"] != 0)


def test_without_one_it_is_named(make_edited):
    found = measure_edit(make_edited(), Instruments(flow=DisFlow()))
    assert found["ViCLIP out"] == found["ViCLIP dir"] == "needs ViCLIP (viclip_model)"


def test_published_pickles_and_lists_of_transformers_give_the_same(folder, tmp_path):
    torch.save({"model": tiny_tensors()}, tmp_path / "ViClip.pth")
    lines = "".join(f"{a} {b}\n" for a, b in PAIRS)
    (tmp_path / PLAIN).write_text(f"#version: 0.2\n{lines}", encoding="utf-8")
    expected = load_viclip(folder, device=CPU).text(AFTER)
    for place in (tmp_path, tmp_path / "ViClip.pth"):
        assert torch.equal(load_viclip(place, device=CPU).text(AFTER), expected)


def test_a_long_caption_is_cut_and_said_to_be(folder):
    viclip = load_viclip(folder, device=CPU)
    long = "z " * 40
    assert viclip.is_cut(long) and not viclip.is_cut("z " * 10)
    assert torch.equal(viclip.text(long), viclip.text(long + "and more"))


def damaged(folder: Path, how: str) -> None:
    tensors = tiny_tensors()
    if how == "no words":
        (folder / PACKED).unlink()
    elif how == "other words":
        (folder / PACKED).write_bytes(gzip.compress(b"version\na b\n"))
    elif how == "no list":
        (folder / PACKED).write_bytes(b"[damaged")
    elif how == "other tensors":
        save_file({"head.weight": torch.zeros(2)}, folder / "model.safetensors")
    elif how == "a layer less":
        tensors.pop("text_encoder.ln_final.bias")
        save_file(tensors, folder / "model.safetensors")
    elif how == "odd positions":
        tensors["vision_encoder.positional_embedding"] = torch.zeros(7, 64)
        save_file(tensors, folder / "model.safetensors")
    else:
        (folder / "model.safetensors").unlink()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no words", "lacks the words of its captions: put bpe_simple_vocab_16e6.txt.gz"),
        ("other words", "knows 517 words, and the list of them beside it has 515"),
        ("no list", r"txt\.gz: is damaged .*download it again"),
        ("other tensors", "is no ViCLIP: vision_encoder.conv1.weight is missing"),
        ("a layer less", r"missing text_encoder\.ln_final\.bias"),
        ("odd positions", r"is no ViCLIP: its positions are \[7, 64\]"),
        ("no weights", "holds no weights"),
    ],
)
def test_an_incomplete_folder_is_refused(tmp_path, how, message):
    folder = save_tiny_viclip(tmp_path / "tiny")
    damaged(folder, how)
    with pytest.raises(ModelError, match=message) as caught:
        load_viclip(folder, device=CPU)
    assert len(str(caught.value).splitlines()) == 1


def test_a_place_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelError, match="there is no such folder or file"):
        load_viclip(tmp_path / "none", device=CPU)


def test_captions_become_clips_own_numbers():
    words = Words([("r", "e"), ("re", "d</w>")])
    assert len(words) == 512 + 2 + 2
    letter_a = 256 + ord("a") - 33  # at the end of a word
    assert words.numbers("A  red") == [514, letter_a, 513, 515]
    assert words.numbers("&lt;") == [514, 256 + ord("<") - 33, 515]


@given(text=st.text(max_size=40))
def test_any_text_has_numbers_between_start_and_end(text):
    words = Words(PAIRS)
    numbers = words.numbers(text)
    assert (numbers[0], numbers[-1]) == (len(words) - 2, len(words) - 1)
    assert all(0 <= number < len(words) - 2 for number in numbers[1:-1])


def test_the_published_list_is_read_as_far_as_clip_does(tmp_path):
    letters = [*map(chr, range(33, 127)), *map(chr, range(174, 324))]
    lines = [f"{a} {b}" for a in letters for b in letters]
    assert len(lines) > MOST_PAIRS
    text = "\n".join(['"version', *lines])
    (tmp_path / PACKED).write_bytes(gzip.compress(text.encode()))
    assert len(read_words(tmp_path)) == 49408  # CLIP's vocabulary


def test_a_list_whose_pairs_join_nothing_is_refused(tmp_path):
    (tmp_path / PLAIN).write_text("version\nabc def\n")
    with pytest.raises(ModelError, match=r"merges.txt: is no list of CLIP's words"):
        read_words(tmp_path)


def test_whoever_measures_a_set_hears_which_one_it_was(folder, make_edited):
    from vivid_core.measure.results import measure_one

    viclip = load_viclip(folder, device=CPU)
    edited = replace(make_edited(), caption="z " * 40)
    notes = measure_one(edited, Instruments(flow=DisFlow(), viclip=viclip)).notes
    assert notes == ("ViCLIP: tiny", "warning: tiny reads only the beginning of 1 caption(s)")
