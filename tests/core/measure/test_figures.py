"""Figures of an edit: what they say of edits that are known, and why they are missing."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from vivid_core.errors import CaptionError, InputError
from vivid_core.flow.dis import DisFlow
from vivid_core.measure.encoder import load_clip_model
from vivid_core.measure.figures import KINDS, Instruments, edited_regions, measure_edit
from vivid_core.measure.perceptual import NO_PACKAGE, Perceptual
from vivid_core.runtime import Runtime

NEEDS_CLIP = ("TA", "TC", "TC at 7.5 fps", "CLIP text")
NEEDS_TRUTH = ("PSNR", "SSIM", "EPE, truth")


@pytest.fixture
def plain() -> Instruments:
    return Instruments(flow=DisFlow())


@pytest.fixture(scope="module")
def with_clip(clip_folder) -> Instruments:
    return Instruments(
        flow=DisFlow(), clip=load_clip_model(clip_folder, device=torch.device("cpu"))
    )


def test_an_edit_that_changes_nothing(make_edited, plain):
    edited = make_edited()
    found = measure_edit(edited, plain)
    assert (found["BP"], found["EPE"], found["flicker"]) == (0, 0, 1)
    assert isinstance(found["warping error"], float)


def test_without_weights_and_truth_nothing_stands_in(make_edited, plain):
    found = measure_edit(make_edited(), plain)
    for name in NEEDS_CLIP:
        assert str(found[name]).startswith("needs a CLIP model")
    for name in NEEDS_TRUTH:
        assert found[name] == "the true result is not known"
    assert found["LPIPS"] == NO_PACKAGE
    assert set(found) == {kind.name for kind in KINDS}


def test_pick_score_is_the_mean_cosine_in_the_models_own_scale(make_edited, clip_folder):
    pick = load_clip_model(clip_folder, device=torch.device("cpu"))
    edited = make_edited(caption="a blue square")
    found = measure_edit(edited, Instruments(flow=DisFlow(), pick=pick))
    cosines = pick.images(list(edited.edit)) @ pick.text("a blue square")
    assert found["PickScore"] == pytest.approx(pick.scale * float(cosines.mean()))
    assert pick.scale > 1
    assert str(found["CLIP text"]).startswith("needs a CLIP model")
    deleted = measure_edit(
        make_edited(task="delete", caption=""), Instruments(flow=DisFlow(), clip=pick, pick=pick)
    )
    assert deleted["PickScore"] == deleted["CLIP text"] == "deletions have no caption of their own"


def test_clip_text_reads_whole_frames(make_edited, with_clip):
    edited = make_edited(caption="a blue square")
    clip = with_clip.clip
    cosines = clip.images(list(edited.edit)) @ clip.text("a blue square")
    found = measure_edit(edited, with_clip)
    assert found["CLIP text"] == pytest.approx(100 * float(cosines.mean()))
    assert found["PickScore"] == "needs the PickScore model (pick_model)"


def test_the_truth_itself_is_perfect(make_edited, plain):
    edited = make_edited(lambda edit: edit[:, 12:36, 20:44].fill_(0.5))
    perfect = make_edited(lambda edit: edit[:, 12:36, 20:44].fill_(0.5), truth=edited.edit)
    found = measure_edit(perfect, plain)
    assert found["PSNR"] == math.inf
    assert found["SSIM"] == pytest.approx(1)
    assert found["EPE, truth"] == 0


def test_psnr_and_flicker_look_inside_the_mask_only(make_edited, plain):
    def change(edit):
        edit[:, 12:36, 20:44] += 0.1
        edit[:, :6] = 0.7

    truth = make_edited().edit
    found = measure_edit(make_edited(change, truth=truth), plain)
    assert found["PSNR"] == pytest.approx(20, abs=1e-3)
    assert found["flicker"] == pytest.approx(1, abs=1e-4)
    assert found["BP"] > 10


def test_motion_that_stops_is_an_end_point_error_of_its_step(make_edited, plain):
    """The pattern moves by 2 pixels a frame; in the edit it stands still."""

    def stop(edit):
        edit[:] = edit[:1].clone()

    found = measure_edit(make_edited(stop, step=2), plain)
    assert found["EPE"] == pytest.approx(2, abs=0.3)
    assert found["flicker"] == 0


def test_motion_is_no_warping_error_and_noise_is(make_edited, plain):
    moving = measure_edit(make_edited(step=2), plain)

    def flicker(edit):
        edit[1::2] = (edit[1::2] + 0.3).clamp(max=1)

    shaking = measure_edit(make_edited(flicker, step=2), plain)
    assert moving["warping error"] < 0.5 * shaking["warping error"]
    assert shaking["flicker"] > 1.2


def test_a_still_clip_has_no_ratio_of_flicker(make_edited, plain):
    def shake(edit):
        edit[1::2] *= 0.5

    found = measure_edit(make_edited(shake, step=0), plain)
    assert found["flicker"] == "the clip that it is compared with stands still"


def test_a_single_frame_and_a_mask_of_everything_have_fewer_figures(make_edited, with_clip):
    found = measure_edit(make_edited(frames=1), with_clip)
    for name in ("TC", "TC at 7.5 fps", "EPE", "flicker", "warping error"):
        assert found[name] == "needs two frames"
    assert isinstance(found["TA"], float)


def test_clip_scores_are_cosines_of_its_vectors(make_edited, with_clip):
    edited = make_edited(lambda edit: edit[3:].fill_(0.2))
    found, clip = measure_edit(edited, with_clip), with_clip.clip
    vectors = clip.images(list(edited.edit))
    cosines = torch.nn.functional.cosine_similarity(vectors[:-1], vectors[1:])
    assert found["TC"] == pytest.approx(100 * float(cosines.mean()), abs=1e-3)
    apart = float(vectors[0] @ vectors[4])  # 30 frames a second, 7.5 wanted: every fourth
    assert found["TC at 7.5 fps"] == pytest.approx(100 * apart, abs=1e-3)
    scores = clip.images([frame[12:36, 20:44] for frame in edited.edit]) @ clip.text("a red ball")
    assert found["TA"] == pytest.approx(100 * float(scores.clamp(min=0).mean()), abs=1e-3)


def test_a_deletion_has_no_alignment_and_needs_no_caption(make_edited, with_clip):
    found = measure_edit(make_edited(task="delete", caption=""), with_clip)
    assert found["TA"] == "deletions have no caption of their own"
    assert isinstance(found["TC"], float)


def test_a_still_edit_is_wholly_consistent(make_edited, with_clip):
    found = measure_edit(make_edited(step=0), with_clip)
    assert found["TC"] == pytest.approx(100, abs=1e-3)


def test_lpips_is_the_mean_of_its_map_inside_the_mask(make_edited):
    class Network(torch.nn.Module):
        """Of the shape of lpips' own with spatial=True: [1, 3, H, W] in -1..1 to [1, 1, H, W]."""

        def forward(self, result, truth):
            assert result.min() >= -1 and result.max() <= 1 and result.min() < 0
            return (result - truth).abs().mean(dim=1, keepdim=True)

    def change(edit):
        edit[:, 12:36, 20:44] = edit[:, 12:36, 20:44] * 0.5
        edit[:, :6] = 0

    truth = make_edited().edit
    edited = make_edited(change, truth=truth)
    instruments = Instruments(flow=DisFlow(), perceptual=Perceptual(Network()))
    expected = 2 * float((truth * 0.5)[:, 12:36, 20:44].mean())
    assert measure_edit(edited, instruments)["LPIPS"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((slice(4, 8), slice(6, 10)), (4, 4)),  # a square stays as it is
        ((slice(4, 6), slice(0, 8)), (8, 8)),  # a flat one grows, moved away from the corner
        ((slice(0, 12), slice(0, 20)), (12, 20)),  # no more than the frame holds
    ],
)
def test_the_edited_region_is_a_square_inside_the_frame(place, expected):
    frames, mask = torch.rand(1, 12, 20, 3), torch.zeros(1, 12, 20)
    mask[0][place] = 1
    (region,) = edited_regions(frames, mask)
    assert region.shape[:2] == expected
    assert edited_regions(frames, torch.zeros_like(mask)) == []


@pytest.mark.parametrize("name", ["edit", "truth"])
@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (torch.zeros(6, 40, 64, 3), "is 6 frames of 64x40, the source 6 of 64x48"),
        (torch.zeros(5, 48, 64, 3), "is 5 frames of 64x48, the source 6 of 64x48"),
        (torch.full((6, 48, 64, 3), math.nan), "holds pixels that are NaN"),
    ],
)
def test_what_does_not_fit_is_named(make_edited, name, frames, message):
    with pytest.raises(InputError, match=message) as caught:
        make_edited(**{name: frames})
    assert caught.value.argument == name


def test_an_addition_needs_a_caption(make_edited):
    with pytest.raises(CaptionError, match="caption: is empty: say what the edit was to modify"):
        make_edited(caption=" ")


def test_a_host_hears_of_progress_and_can_stop_between_frames(make_edited, with_clip):
    heard, asked = [], []
    runtime = Runtime(report=heard.append, check_cancelled=lambda: asked.append(len(heard)))
    edited = make_edited(truth=make_edited().edit)
    measure_edit(edited, replace(with_clip, runtime=runtime))
    assert [progress.done for progress in heard] == list(range(1, len(KINDS) + 1))
    assert heard[-1].done == heard[-1].total
    pairs, batches = 3 * 5, 2  # motion of edit, source and truth; frames and regions for CLIP
    assert len(asked) == pairs + batches + len(KINDS)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_edit(edited, replace(with_clip, runtime=Runtime(check_cancelled=stop)))
