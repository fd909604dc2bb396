"""One request, one result: in memory, by file, through a chain or from keyframes, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from vivid_core.chain.request import VideoFiles
from vivid_core.chain.run import edit_video
from vivid_core.chain.sources import MasksInMemory, open_masks
from vivid_core.cli import main
from vivid_core.edit.clip import edit_clip
from vivid_core.edit.job import Material
from vivid_core.errors import InputError, ModelError
from vivid_core.inpainter import Inpainter, Limits
from vivid_core.keyframe.edit import edit_keyframe
from vivid_core.keyframe.propagate import Again, propagate_keyframes
from vivid_core.media import load_image, read_clip, save_image, save_masks, write_clip
from vivid_core.runtime import Progress, Runtime
from vivid_core.settings import Settings
from vivid_core.tiny import load_tiny
from vivid_core.tiny.scenes.shapes import draw_scene
from vivid_core.video import Clip, FrameRange, Keyframe, MaskTrack

from .painter import Painter

FRAMES, CUT, GAP = 60, 33, slice(12, 14)
HEIGHT, WIDTH = 32, 40


def clip_and_masks(frames: int = FRAMES) -> tuple[torch.Tensor, torch.Tensor]:
    """8-bit frames of two scenes with a cut between, masks with a gap."""
    scenes = [
        draw_scene(1_000_003, frames=CUT, height=HEIGHT, width=WIDTH),
        draw_scene(1_000_011, frames=frames - CUT, height=HEIGHT, width=WIDTH),
    ]
    pixels = torch.cat([torch.from_numpy(scene.render()) for scene in scenes])
    pixels[CUT:] = 1 - pixels[CUT:]
    masks = torch.cat([torch.from_numpy(scene.mask()) for scene in scenes])
    masks = torch.maximum((masks > 0.5).float(), _corner(frames))
    masks[GAP] = 0
    return (pixels * 255).round() / 255, masks


def _corner(frames: int) -> torch.Tensor:
    """Something is selected on every frame."""
    corner = torch.zeros(frames, HEIGHT, WIDTH)
    corner[:, 2:9, 3:11] = 1
    return corner


def keyframes_at(places: tuple[int, ...]) -> tuple[Keyframe, ...]:
    """Flat pictures, 8 bit."""
    return tuple(
        Keyframe(frame=place, pixels=torch.full((HEIGHT, WIDTH, 3), (40 + place) / 255))
        for place in places
    )


@pytest.fixture(scope="module")
def tiny_model() -> Inpainter:
    return load_tiny().with_(train_size=(9, 32, 32))


def by_file(
    model: Inpainter, material: Material, settings: Settings, folder: Path, **changes
) -> torch.Tensor:
    source = folder / "source.mkv"
    write_clip(source, material.clip.frames, fps=Fraction(8))
    files = VideoFiles(
        source=source,
        masks=MasksInMemory(material.mask.values),
        keyframes=material.keyframes,
        **{"out": folder / "out.mkv", "work": folder / "work"} | changes,
    )
    edit_video(model, files, settings)
    return read_clip(files.out).frames


def eight_bit(frames: torch.Tensor) -> torch.Tensor:
    return (frames * 255).round() / 255


PLACES = [(), (0,), (20,), (59,), (0, 24, 59), (5, 30, 40)]


@pytest.mark.parametrize("both_ends", [False, True])
@pytest.mark.parametrize("places", PLACES)
def test_a_clip_in_memory_and_a_file_give_the_same_bits(tmp_path, places, both_ends):
    """Over more than three windows, a gap in the mask, a cut, and keyframes anywhere."""
    pixels, masks = clip_and_masks()
    clip = Clip(frames=pixels)
    material = Material(clip=clip, mask=MaskTrack.fit(masks, clip), keyframes=keyframes_at(places))
    settings = Settings(
        task="modify",
        caption="a red circle",
        later_captions=((45, "a blue square"),),
        steps=2,
        seed=7,
        anchor=True,
    )
    painter = Painter(both_ends=both_ends)
    result = edit_clip(painter, material, settings)
    assert result.report.windows > 3
    assert result.report.max_difference_outside == 0
    written = by_file(painter, material, settings, tmp_path)
    assert torch.equal(written, eight_bit(result.frames))
    held = by_file(painter, material, settings, tmp_path, work=None)
    assert torch.equal(held, written)
    if places:
        followed = propagate_keyframes(painter, material, settings)
        assert torch.equal(followed.frames, result.frames)


@pytest.mark.parametrize("fill", ["off", "auto"])
def test_the_real_model_and_the_command_line_give_the_same_bits(tmp_path, tiny_model, fill):
    pixels, masks = clip_and_masks(48)
    clip = Clip(frames=pixels)
    save_image(tmp_path / "key.png", keyframes_at((20,))[0].pixels)
    keyframe = Keyframe(frame=20, pixels=load_image(tmp_path / "key.png"))
    material = Material(clip=clip, mask=MaskTrack.fit(masks, clip), keyframes=(keyframe,))
    settings = Settings(task="delete", steps=1, guidance=1.0, seed=3, fill=fill)
    result = edit_clip(tiny_model, material, settings)
    assert torch.equal(by_file(tiny_model, material, settings, tmp_path), eight_bit(result.frames))
    assert result.report.fill == fill


@pytest.mark.parametrize("fill", ["off", "auto"])
def test_vivid_edit_gives_the_bits_of_a_clip_in_memory(tmp_path, fill):
    pixels, masks = clip_and_masks(56)
    write_clip(tmp_path / "clip.mkv", pixels, fps=Fraction(8))
    save_masks(tmp_path / "masks.json", masks)
    options = {
        "--video": "clip.mkv",
        "--mask": "masks.json",
        "--task": "delete",
        "--steps": 1,
        "--guidance": 1,
        "--seed": 5,
        "--fill": fill,
        "--device": "cpu",
        "--out": "out.mkv",
    }
    paths = ("--video", "--mask", "--out")
    words = [str(tmp_path / v if k in paths else v) for k, v in options.items() for v in (v,)]
    pairs = zip(options, words, strict=True)
    assert main(["edit", *(text for pair in pairs for text in pair)]) == 0
    clip = Clip(frames=pixels)
    result = edit_clip(
        load_tiny(),
        Material(clip=clip, mask=MaskTrack.fit(masks, clip)),
        Settings(task="delete", steps=1, guidance=1.0, seed=5, fill=fill),
    )
    assert torch.equal(read_clip(tmp_path / "out.mkv").frames, eight_bit(result.frames))


class Stop(Exception):
    """Raised by a host that cancels."""


def test_any_inpainter_edits_propagates_and_goes_on_after_a_stop(tmp_path):
    pixels, masks = clip_and_masks()
    clip, painter = Clip(frames=pixels), Painter()
    material = Material(clip=clip, mask=MaskTrack.fit(masks, clip), keyframes=keyframes_at((20,)))
    settings = Settings(task="add", caption="anything", steps=2)
    whole = by_file(painter, material, settings, tmp_path)
    seen: list[Progress] = []

    def check() -> None:
        if seen and seen[-1].stage == "denoise" and seen[-1].window == 3:
            raise Stop

    files = VideoFiles(
        source=tmp_path / "source.mkv",
        masks=MasksInMemory(masks),
        keyframes=material.keyframes,
        out=tmp_path / "again.mkv",
        work=tmp_path / "other",
    )
    with pytest.raises(Stop):
        edit_video(painter, files, settings, Runtime(report=seen.append, check_cancelled=check))
    report = edit_video(painter, files, settings)
    assert report.windows_reused == 3
    assert torch.equal(read_clip(files.out).frames, whole)
    assert report.edit.spent_pflops < report.edit.planned_pflops


def test_an_inpainter_sees_legal_regions_only():
    pixels, masks = clip_and_masks()
    clip, painter = Clip(frames=pixels), Painter()
    edit_clip(
        painter,
        Material(clip=clip, mask=MaskTrack.fit(masks, clip)),
        Settings(task="add", caption="anything", focus="native"),
    )
    assert painter.seen
    for region in painter.seen:
        frames, height, width = region.pixels.shape[:3]
        assert painter.limits.grid.legal_frames(frames) == frames <= painter.limits.longest
        assert painter.limits.grid.legal_size(height, width) == (height, width)
        assert region.hole is not None and region.hole.shape == region.pixels.shape[:3]


def test_a_range_is_made_again_by_any_inpainter():
    pixels, masks = clip_and_masks()
    clip, painter = Clip(frames=pixels), Painter(counts=False)
    material = Material(clip=clip, mask=MaskTrack.fit(masks, clip))
    settings = Settings(task="add", caption="anything")
    first = edit_clip(painter, material, settings)
    assert first.report.planned_pflops is None
    again = Again(previous=first.frames, span=FrameRange(start=22, stop=29))
    result = propagate_keyframes(painter, material, replace(settings, seed=9), again=again)
    kept = [*range(22), *range(29, FRAMES)]
    assert torch.equal(result.frames[kept], first.frames[kept])
    assert not torch.equal(result.frames[22:29], first.frames[22:29])


def test_a_range_made_again_has_the_captions_of_its_frames():
    pixels, masks = clip_and_masks()
    clip, painter = Clip(frames=pixels), Painter()
    material = Material(clip=clip, mask=MaskTrack.fit(masks, clip))
    later = Settings(task="add", caption="a", later_captions=((5, "b"), (25, "c"), (45, "d")))
    first = edit_clip(painter, material, later).frames
    again = Again(previous=first, span=FrameRange(start=22, stop=29))
    made = propagate_keyframes(painter, material, later, again=again).frames
    plain = Settings(task="add", caption="b", later_captions=((25, "c"),))
    assert torch.equal(propagate_keyframes(painter, material, plain, again=again).frames, made)


def test_a_keyframe_with_alpha_is_refused():
    pixels, masks = clip_and_masks()
    clip = Clip(frames=pixels)
    material = Material(clip=clip, mask=MaskTrack.fit(masks, clip))
    keyframe = Keyframe.__new__(Keyframe)
    vars(keyframe).update(frame=0, pixels=torch.zeros(HEIGHT, WIDTH, 4), finished=True)
    with pytest.raises(InputError, match="keyframe: has 4 channels"):
        edit_clip(Painter(), replace(material, keyframes=(keyframe,)), Settings(task="delete"))


def test_pixels_that_are_none_are_never_kept(tmp_path):
    pixels, masks = clip_and_masks()
    clip = Clip(frames=pixels)
    material = Material(clip=clip, mask=MaskTrack.fit(masks, clip))
    broken = Painter(tint=float("nan"))
    for edit in (edit_clip, propagate_keyframes):
        given = replace(material, keyframes=keyframes_at((20,)))
        with pytest.raises(ModelError, match="NaN"):
            edit(broken, given, Settings(task="add", caption="a"))
    with pytest.raises(ModelError, match="NaN"):
        edit_keyframe(broken, material, Settings(task="add", caption="a"), frame=3)
    with pytest.raises(ModelError, match="NaN"):
        by_file(broken, material, Settings(task="add", caption="a"), tmp_path)
    assert not list((tmp_path / "work").rglob("*.mkv"))


def test_halves_that_meet_in_a_gap_or_a_fill_add_up():
    picture = torch.full((11, HEIGHT, WIDTH, 3), 100 / 255)
    mask = torch.zeros(11, HEIGHT, WIDTH)
    mask[:, 4:12, 4:12] = 1
    clip, given = Clip(frames=picture), keyframes_at((0, 10))
    filled = edit_clip(
        Painter(),
        Material(clip=clip, mask=MaskTrack.fit(mask, clip), keyframes=given),
        Settings(task="delete", fill="auto"),
    ).report
    assert 0 <= filled.filled_share <= 1 and 0 < filled.generated_share <= 1
    mask[1:8] = 0
    gap = Material(clip=clip, mask=MaskTrack.fit(mask, clip), keyframes=given)
    result = edit_clip(Painter(), gap, Settings(task="delete", grow=0))
    assert torch.equal(result.frames[1:8], picture[1:8])
    assert not torch.equal(result.frames[8], picture[8])


def test_limits_are_legal():
    grid = Painter().limits.grid
    with pytest.raises(ValueError, match="legal length, got 9"):
        Limits(grid=grid, longest=9, train_size=(24, 32))


def test_what_a_model_does_not_offer_is_refused():
    pixels, masks = clip_and_masks()
    clip = Clip(frames=pixels)
    material = Material(clip=clip, mask=MaskTrack.fit(masks, clip))
    for changes, argument in (({"sampler": "ddim"}, "sampler"), ({"guidance": (6.0, 1.2)}, "guid")):
        with pytest.raises(InputError, match=argument):
            edit_clip(Painter(), material, Settings(task="delete", **changes))


class OwnSampler(Painter):
    """A painter that brings its sampler along."""

    @property
    def limits(self) -> Limits:
        return replace(super().limits, samplers=())


def test_where_a_model_brings_its_sampler_none_is_read():
    pixels, masks = clip_and_masks()
    clip = Clip(frames=pixels)
    material = Material(clip=clip, mask=MaskTrack.fit(masks, clip))
    one, other = (
        edit_clip(OwnSampler(), material, Settings(task="delete", sampler=sampler)).frames
        for sampler in ("ddim", None)
    )
    assert torch.equal(one, other)


def test_masks_from_a_file_and_from_memory_are_one(tmp_path):
    pixels, masks = clip_and_masks()
    clip = Clip(frames=pixels)
    material = Material(clip=clip, mask=MaskTrack.fit(masks, clip))
    settings = Settings(task="delete", grow=2)
    plain = by_file(Painter(), material, settings, tmp_path)
    save_masks(tmp_path / "masks.json", masks)
    files = VideoFiles(
        source=tmp_path / "source.mkv",
        masks=open_masks(tmp_path / "masks.json"),
        out=tmp_path / "other.mkv",
        work=tmp_path / "work",
    )
    report = edit_video(Painter(), files, settings)
    assert report.windows_reused == len({*(tmp_path / "work" / "windows").glob("*.mkv")})
    assert torch.equal(read_clip(files.out).frames, plain)
