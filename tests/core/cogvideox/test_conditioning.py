"""What each layout reads beside the noise."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKLCogVideoX
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.cogvideox.conditioning import (
    add_reference_noise,
    build_conditioning,
    edit_mask,
    fill_hole,
    mask_to_latent,
    pad_latent_frames,
)
from vivid_core.cogvideox.layout import layout_named
from vivid_core.cogvideox.vae import encode

FUN = layout_named("fun_inp", version="1.1")
VOID = layout_named("void", version="1.5")
FRAMES, HEIGHT, WIDTH = 9, 16, 24


@pytest.fixture(scope="module")
def vae() -> AutoencoderKLCogVideoX:
    torch.manual_seed(0)
    return AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8,) * 4,
        latent_channels=16,
        layers_per_block=1,
        norm_num_groups=2,
        sample_height=64,
        sample_width=64,
        scaling_factor=0.7,
    ).eval()


def _pixels(seed: int = 0, frames: int = FRAMES, batch: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 3, frames, HEIGHT, WIDTH, generator=generator) * 2 - 1


def _box(frames: int = FRAMES, batch: int = 1) -> torch.Tensor:
    mask = torch.zeros(batch, 1, frames, HEIGHT, WIDTH)
    mask[..., 4:12, 6:20] = 1
    return mask


@pytest.mark.parametrize(
    ("name", "version", "frames", "channels"),
    [
        ("t2v", "1.0", 9, 0),
        ("i2v", "1.0", 9, 16),
        ("i2v", "1.5", 13, 16),
        ("fun_inp", "1.1", 1, 17),
        ("fun_inp", "1.5", 5, 17),
        ("vivid", "1.0", 17, 17),
        ("void", "1.5", 13, 32),
        ("insvie", "1.0", 9, 16),
    ],
)
def test_channels_and_shape(vae, name, version, frames, channels):
    layout = layout_named(name, version=version)
    condition = build_conditioning(layout, vae, _pixels(frames=frames), _box(frames))
    latents = (frames - 1) // 4 + 1
    assert condition.shape == (1, latents, channels, HEIGHT // 8, WIDTH // 8)
    assert condition.dtype == torch.float32
    assert channels == layout.in_channels - layout.noise_channels


def test_nothing_of_the_hole_reaches_the_model(vae):
    mask = _box()
    other = torch.where(mask > 0.5, _pixels(1), _pixels(0))
    assert torch.equal(
        build_conditioning(FUN, vae, _pixels(0), mask), build_conditioning(FUN, vae, other, mask)
    )


def test_void_reads_the_whole_video(vae):
    mask = _box(13)
    other = torch.where(mask > 0.5, _pixels(1, 13), _pixels(0, 13))
    ours = build_conditioning(VOID, vae, _pixels(0, 13), mask)
    theirs = build_conditioning(VOID, vae, other, mask)
    assert torch.equal(ours[:, :, :16], theirs[:, :, :16])  # the mask alone
    assert not torch.allclose(ours[:, :, 16:], theirs[:, :, 16:])


def test_a_keyframe_is_read_whole(vae):
    mask, other = _box(), _pixels(0)
    mask[:, :, 4] = 0
    other[:, :, 4, 6:10, 8:18] *= -1
    ours = build_conditioning(FUN, vae, _pixels(0), mask)
    assert not torch.allclose(ours, build_conditioning(FUN, vae, other, mask))


def test_an_empty_mask_gives_the_video_itself(vae):
    with torch.no_grad():
        video = encode(vae, _pixels()).transpose(1, 2)
    condition = build_conditioning(FUN, vae, _pixels(), torch.zeros_like(_box()))
    assert torch.equal(condition[:, :, 1:], video)
    torch.testing.assert_close(condition[:, :, :1], torch.full_like(condition[:, :, :1], 0.7))


def test_a_fully_masked_clip_is_all_zeros_alone_in_its_batch(vae):
    mask = torch.cat([torch.ones_like(_box()), _box()])
    condition = build_conditioning(FUN, vae, _pixels(batch=2), mask)
    assert condition[0].abs().max() == 0
    one = build_conditioning(FUN, vae, _pixels(batch=2)[1:], _box())
    torch.testing.assert_close(condition[1:], one)
    mask[0, 0, 3, 0, 0] = 0  # one known pixel is enough
    assert build_conditioning(FUN, vae, _pixels(batch=2), mask)[0].abs().max() > 0


def test_i2v_reads_the_first_frame_only(vae):
    layout, other = layout_named("i2v"), _pixels(1)
    other[:, :, 0] = _pixels(0)[:, :, 0]
    ours = build_conditioning(layout, vae, _pixels(0), _box())
    assert torch.equal(ours, build_conditioning(layout, vae, other, _box()))
    assert ours[:, 0].abs().max() > 0 and ours[:, 1:].abs().max() == 0
    drawn = build_conditioning(
        layout, vae, _pixels(0), _box(), generator=torch.Generator().manual_seed(0)
    )
    assert not torch.equal(drawn, ours)


def test_inputs_stay_as_they_are(vae):
    pixels, mask = _pixels(), _box()
    build_conditioning(FUN, vae, pixels, mask, reference_noise=0.1)
    assert torch.equal(pixels, _pixels()) and torch.equal(mask, _box())


@pytest.mark.parametrize("frames", [2, 3, 4, 6])
def test_refuses_lengths_that_the_vae_would_cut(vae, frames):
    with pytest.raises(RuntimeError, match="4k\\+1 frames"):
        build_conditioning(FUN, vae, _pixels(frames=frames), _box(frames))


GRID = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))


@given(grid=GRID, seed=st.integers(0, 99), value=st.floats(0, 1))
@settings(deadline=None)
def test_mask_to_latent_keeps_range_and_flat_masks(grid, seed, value):
    t, h, w = grid
    shape = (1, 1, (t - 1) * 4 + 1, h * 8, w * 8)
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    small = mask_to_latent(mask, grid)
    assert small.shape == (1, 1, *grid)
    assert small.min() >= mask.min() and small.max() <= mask.max()
    flat = mask_to_latent(torch.full(shape, value), grid)
    torch.testing.assert_close(flat, torch.full_like(flat, value))


def test_the_first_latent_frame_is_the_first_frame_alone():
    mask = _box()
    changed = mask.clone()
    changed[:, :, 1:] = 0
    size = (3, HEIGHT // 8, WIDTH // 8)
    assert torch.equal(mask_to_latent(mask, size)[:, :, 0], mask_to_latent(changed, size)[:, :, 0])
    assert mask_to_latent(changed, size)[:, :, 1:].abs().max() == 0
    changed = mask.clone()
    changed[:, :, 0] = 0
    assert torch.equal(
        mask_to_latent(mask, size)[:, :, 1:], mask_to_latent(changed, size)[:, :, 1:]
    )


def test_a_latent_mask_reads_two_of_its_four_frames():
    """The references sample, they do not average: a keyframe elsewhere shows in the video only."""
    weights = []
    for known in range(FRAMES):
        mask = torch.ones(1, 1, FRAMES, HEIGHT, WIDTH)
        mask[:, :, known] = 0
        weights.append(1 - mask_to_latent(mask, (3, 2, 3))[0, 0, :, 0, 0])
    expected = torch.zeros(FRAMES, 3)
    expected[0, 0] = 1
    expected[[2, 3], 1] = 0.5
    expected[[6, 7], 2] = 0.5
    torch.testing.assert_close(torch.stack(weights), expected)


@given(value=st.floats(0, 1, width=32))
def test_mask_levels(value):
    mask = torch.tensor([value]).view(1, 1, 1, 1, 1)
    assert edit_mask(FUN, mask).item() == float(value >= 0.5)
    levels = edit_mask(VOID, mask).item()
    if value > 0.75:
        assert levels == 1
    else:
        assert levels == (0 if value < 0.25 else pytest.approx(127 / 255))


@given(seed=st.integers(0, 99), strength=st.floats(0.01, 0.5))
@settings(deadline=None, max_examples=20)
def test_reference_noise_spares_black_and_repeats(seed, strength):
    pixels = fill_hole(_pixels(seed), _box(), -1.0)
    noisy, again = (
        add_reference_noise(pixels, strength, torch.Generator().manual_seed(seed)) for _ in range(2)
    )
    assert torch.equal(noisy, again)
    assert (noisy[pixels == -1] == -1).all()
    spread = (noisy - pixels)[pixels != -1].std()
    assert spread == pytest.approx(strength, rel=0.1)


def test_an_image_is_padded_with_zeros_to_the_temporal_patch():
    latents = torch.randn(2, 1, 16, 2, 3)
    padded = pad_latent_frames(latents, 2)
    assert padded.shape[1] == 2
    assert torch.equal(padded[:, :1], latents) and padded[:, 1].abs().max() == 0
    assert pad_latent_frames(latents, None) is latents
    assert pad_latent_frames(padded, 2) is padded
