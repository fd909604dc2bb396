"""Long edits of files: timing, cuts, gaps, captions, keyframes, colours, errors."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from vivid_core.chain.run import edit_video
from vivid_core.chain.sources import MasksInMemory, open_masks
from vivid_core.errors import CaptionError, InputError, MaskError, MediaError
from vivid_core.media import frame_times, read_clip, read_info, save_image, save_masks, write_clip
from vivid_core.runtime import Progress, Runtime
from vivid_core.video import Keyframe

NTSC = Fraction(30000, 1001)


def masks_without(masks: torch.Tensor, start: int, stop: int) -> MasksInMemory:
    holed = masks.clone()
    holed[start:stop] = 0
    return MasksInMemory(holed)


def test_only_the_mask_changes_and_the_report_says_so(quick, asked, scene):
    frames, masks = scene
    request = asked()
    report = edit_video(quick, *request)
    before, after = read_clip(request[0].source).frames, read_clip(request[0].out).frames
    assert torch.equal(after[masks == 0], before[masks == 0])
    changed = (after != before).any(-1)
    assert all(changed[t][masks[t] > 0].any() for t in range(len(frames)))
    assert report.edit.windows == 3
    assert report.edit.frames == len(frames)
    assert report.edit.max_difference_outside == 0
    assert report.written.written_max_difference_outside == 0
    assert report.written.encoding_error_max == 0
    assert 0 < report.edit.spent_pflops == pytest.approx(report.edit.planned_pflops)


def test_a_lossy_file_has_its_encoding_error_apart(quick, asked, tmp_path):
    report = edit_video(quick, *asked(out=tmp_path / "out.mp4"))
    assert report.edit.max_difference_outside == 0
    assert report.written.encoding_error_max > report.written.encoding_error_mean > 0
    assert "encoding error" in report.text


@pytest.mark.parametrize("timing", ["ntsc", "variable"])
def test_timing_and_audio_are_those_of_the_source(quick, asked, scene, tmp_path, tone, timing):
    frames, _ = scene
    times = None
    if timing == "variable":
        steps = np.cumsum([0] + [40 + 23 * (i % 5) for i in range(len(frames))])
        times = [Fraction(int(step), 1000) for step in steps]
    write_clip(tmp_path / "s.mkv", frames, fps=NTSC, pts=times, audio_from=tone)
    request = asked(source=tmp_path / "s.mkv", out=tmp_path / "o.mkv", mask_out=tmp_path / "m.mkv")
    edit_video(quick, *request)
    assert read_info(request[0].source).variable_frame_rate == (timing == "variable")
    assert read_info(request[0].out).has_audio
    assert frame_times(request[0].out) == frame_times(request[0].source)
    assert frame_times(tmp_path / "m.mkv") == frame_times(request[0].source)
    assert read_info(request[0].out).frame_count == len(frames)


def test_over_a_cut_nothing_is_carried(quick, asked, scene, tmp_path):
    frames, masks = scene
    frames = frames.clone()
    frames[12:] = 1 - frames[12:].flip(1)
    write_clip(tmp_path / "cut.mkv", frames, fps=Fraction(8))
    first = edit_video(quick, *asked(source=tmp_path / "cut.mkv"))
    other = masks_without(masks, 0, 1)
    again = edit_video(quick, *asked(source=tmp_path / "cut.mkv", masks=other))
    assert first.edit.windows == 4
    assert again.windows_reused == 2


def test_frames_without_a_mask_cost_nothing(quick, asked, scene):
    request = asked(masks=masks_without(scene[1], 9, 17))
    report = edit_video(quick, *request)
    before, after = read_clip(request[0].source).frames, read_clip(request[0].out).frames
    assert report.frames_skipped == 8
    assert report.edit.windows == 2
    assert torch.equal(after[9:17], before[9:17])


def test_a_later_caption_is_made_anew_from_its_frame_on_only(quick, asked, tmp_path):
    edit_video(quick, *asked(later_captions=((20, "a green square"),)))
    before = read_clip(tmp_path / "out.mkv").frames
    report = edit_video(quick, *asked(later_captions=((20, "a blue star"),)))
    after = read_clip(tmp_path / "out.mkv").frames
    assert report.edit.windows - report.windows_reused == 1
    assert torch.equal(after[:20], before[:20])
    assert not torch.equal(after[20:], before[20:])


def test_a_keyframe_is_in_the_result_and_both_sides_follow_it(quick, asked, scene):
    frames, masks = scene
    pixels = torch.full_like(frames[0], 0.25)
    request = asked(keyframes=(Keyframe(frame=15, pixels=pixels),), feather=0)
    edit_video(quick, *request)
    result = read_clip(request[0].out).frames
    assert torch.allclose(result[15][masks[15] > 0], torch.tensor(0.25), atol=1 / 255)
    other = edit_video(quick, *asked(keyframes=(Keyframe(frame=15, pixels=pixels * 2),), feather=0))
    assert other.windows_reused == 0


def test_an_anchor_changes_the_windows_after_the_first(quick, asked):
    plain = edit_video(quick, *asked())
    report = edit_video(quick, *asked(anchor=True))
    assert plain.windows_reused == 0
    assert report.windows_reused == 1
    assert report.written.written_max_difference_outside == 0


def test_a_deep_source_stays_exact_outside(quick, asked, scene, tmp_path):
    frames, masks = scene
    deep = torch.linspace(0, 1, frames[0].numel()).reshape(frames[0].shape) * 0.3 + frames * 0.7
    write_clip(tmp_path / "deep.mkv", deep[:12], fps=Fraction(8), bit_depth=16)
    request = asked(source=tmp_path / "deep.mkv", masks=MasksInMemory(masks[:12]))
    report = edit_video(quick, *request)
    assert read_info(request[0].out).bit_depth == 16
    assert report.written.written_max_difference_outside == 0


def test_progress_counts_all_windows(quick, asked):
    seen: list[Progress] = []
    edit_video(quick, *asked(), Runtime(report=seen.append))
    denoising = [(p.window, p.windows) for p in seen if p.stage == "denoise"]
    assert denoising == [(i, 3) for i in range(3)]
    assert all(p.preview is not None for p in seen if p.stage == "denoise")


@pytest.mark.parametrize("name", ["masks.json", "masks.mkv", "mask.png"])
def test_masks_come_from_files_of_any_kind(quick, asked, scene, tmp_path, name):
    masks = scene[1]
    if name == "masks.json":
        save_masks(tmp_path / name, masks)
    elif name == "masks.mkv":
        write_clip(tmp_path / name, masks[..., None].expand(-1, -1, -1, 3), fps=Fraction(8))
    else:
        masks = masks[:1].expand(len(masks), -1, -1)
        save_image(tmp_path / name, masks[0][..., None].expand(-1, -1, 3))
    edit_video(quick, *asked(masks=MasksInMemory(masks)))
    report = edit_video(quick, *asked(masks=open_masks(tmp_path / name)))
    assert report.windows_reused == report.edit.windows


@pytest.mark.parametrize(
    ("changes", "error", "argument"),
    [
        ({"masks": MasksInMemory(torch.ones(3, 32, 32))}, MaskError, "mask"),
        ({"masks": MasksInMemory(torch.ones(1, 8, 32))}, MaskError, "32x8"),
        ({"masks": MasksInMemory(torch.zeros(1, 32, 32))}, MaskError, "empty"),
        ({"source": Path("missing.mkv")}, MediaError, "missing"),
        ({"out": Path("nowhere/o.mkv")}, MediaError, "nowhere"),
        ({"keyframes": (Keyframe(frame=99, pixels=torch.zeros(32, 32, 3)),)}, InputError, "99"),
        ({"keyframes": (Keyframe(frame=0, pixels=torch.zeros(8, 32, 3)),)}, InputError, "32x8"),
        ({"later_captions": ((25, "a"),)}, InputError, "frame 25, the clip has frames 0 to 24"),
        ({"caption": "red " * 5000}, CaptionError, "caption"),
        ({"mask_out": Path("nowhere/m.mkv")}, MediaError, "nowhere"),
    ],
)
def test_what_cannot_be_served_is_named_and_leaves_no_file(
    quick, asked, tmp_path, changes, error, argument
):
    with pytest.raises(error, match=argument):
        edit_video(quick, *asked(**changes))
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("name", ["clip.mkv", "sub/../clip.mkv", "linked.mkv", "same.mkv"])
@pytest.mark.parametrize("argument", ["out", "mask_out"])
def test_the_source_is_never_written_over(quick, asked, tmp_path, name, argument):
    request = asked(**{argument: tmp_path / name})
    before = request[0].source.read_bytes()
    (tmp_path / "sub").mkdir()
    (tmp_path / "linked.mkv").symlink_to(request[0].source)
    (tmp_path / "same.mkv").hardlink_to(request[0].source)
    with pytest.raises(InputError, match=f"^{argument}: .*is what video reads"):
        edit_video(quick, *request)
    assert request[0].source.read_bytes() == before


def test_edit_and_mask_need_two_files(asked, tmp_path):
    (tmp_path / "sub").mkdir()
    with pytest.raises(InputError, match=r"^mask_out: .*is to hold the edit"):
        asked(out=tmp_path / "a.mkv", mask_out=tmp_path / "sub" / ".." / "a.mkv")


def test_a_keyframe_where_the_mask_is_empty_is_refused(quick, asked, scene):
    frames, masks = scene
    keyframe = Keyframe(frame=20, pixels=frames[20])
    hidden = MasksInMemory(
        masks * ((torch.arange(25) >= 2) & (torch.arange(25) < 18)).view(-1, 1, 1)
    )
    with pytest.raises(MaskError, match="keyframe: .*on frame 20: .* 2 to 17 on"):
        edit_video(quick, *asked(masks=hidden, keyframes=(keyframe,)))


@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        ({"out": Path("folder")}, "out"),
        ({"later_captions": ((9, "a"), (5, "b"))}, "later_captions"),
        ({"later_captions": ((9, ""),)}, "caption"),
        ({"steps": 0}, "steps"),
    ],
)
def test_wrong_settings_are_refused_at_once(asked, changes, argument):
    with pytest.raises(InputError, match=argument):
        asked(**changes)
