"""Latents and pixels have the sizes they stand for, tiled or not."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKLCogVideoX
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.cogvideox.placement import enable_tiling
from vivid_core.cogvideox.vae import decode, encode


def _build(levels: int = 4, trained: tuple[int, int] = (64, 64)) -> AutoencoderKLCogVideoX:
    torch.manual_seed(0)
    vae = AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * levels,
        up_block_types=("CogVideoXUpBlock3D",) * levels,
        block_out_channels=(4,) * levels,
        latent_channels=16,
        layers_per_block=1,
        norm_num_groups=2,
        sample_height=trained[0],
        sample_width=trained[1],
        scaling_factor=0.7,
    )
    return vae.eval().requires_grad_(False)


VAE = _build()


def _latents(frames: int, height: int = 2, width: int = 3) -> torch.Tensor:
    return torch.randn(1, 16, frames, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("levels", [3, 4])
@pytest.mark.parametrize("frames", [1, 5, 9, 13, 21])
def test_there_and_back_keeps_the_size(levels, frames):
    vae, space = _build(levels), 2 ** (levels - 1)
    pixels = torch.rand(2, 3, frames, 16, 24) * 2 - 1
    latents = encode(vae, pixels)
    assert latents.shape == (2, 16, (frames - 1) // 4 + 1, 16 // space, 24 // space)
    assert decode(vae, latents, frames=frames).shape == pixels.shape


def test_latents_are_scaled_and_drawn_on_request():
    pixels = torch.rand(1, 3, 5, 16, 16) * 2 - 1
    posterior = VAE.encode(pixels).latent_dist
    torch.testing.assert_close(encode(VAE, pixels), posterior.mode() * 0.7)
    drawn = [
        encode(VAE, pixels, mode=False, generator=torch.Generator().manual_seed(3))
        for _ in range(2)
    ]
    assert torch.equal(*drawn) and not torch.equal(drawn[0], encode(VAE, pixels))


@pytest.mark.parametrize("frames", [1, 3, 5])
def test_odd_numbers_of_latent_frames_decode_as_diffusers_does(frames):
    latents = _latents(frames)
    expected = VAE.decode(latents / 0.7).sample
    torch.testing.assert_close(decode(VAE, latents, frames=4 * (frames - 1) + 1), expected)


@pytest.mark.parametrize("frames", [2, 4, 6])
def test_even_numbers_start_with_the_first_frame_alone(frames):
    latents = _latents(frames)
    pixels = decode(VAE, latents, frames=4 * (frames - 1) + 1)
    image = decode(VAE, latents[:, :, :1], frames=1)
    torch.testing.assert_close(pixels[:, :, :1], image)
    later = latents.clone()
    later[:, :, -1] = 0
    changed = decode(VAE, later, frames=4 * (frames - 1) + 1) - pixels
    assert changed[:, :, -4:].abs().max() > 1e-3  # the last latent frame makes four frames


def test_both_frame_orders_agree_where_there_is_one_frame():
    assert torch.equal(
        decode(VAE, _latents(1), frames=1),
        decode(VAE, _latents(1), frames=1, first_frame_alone=True),
    )


def test_the_vae_is_left_as_it_was():
    decoder, size = VAE.decoder, VAE.num_latent_frames_batch_size
    decode(VAE, _latents(4), frames=13)
    with pytest.raises(RuntimeError):
        decode(VAE, _latents(4)[:, :8], frames=13)  # too few channels: fails inside
    assert VAE.decoder is decoder and VAE.num_latent_frames_batch_size == size
    assert not any("forward" in vars(module) for module in VAE.modules())


@pytest.mark.parametrize("shape", [(2, 16, 16), (4, 16, 16), (5, 12, 16), (5, 16, 20)])
def test_refuses_pixels_that_it_would_cut(shape):
    with pytest.raises(RuntimeError, match="pad them first"):
        encode(VAE, torch.zeros(1, 3, *shape))


def test_refuses_to_call_latents_a_number_of_frames_they_are_not():
    with pytest.raises(RuntimeError, match="decode to 9 frames, not 12"):
        decode(VAE, _latents(3), frames=12)


SIDES = st.integers(1, 8)


@given(
    trained=st.tuples(st.integers(1, 20), st.integers(1, 20)).map(lambda t: (t[0] * 8, t[1] * 8)),
    frames=st.sampled_from([1, 2, 3]),
    size=st.tuples(SIDES, SIDES),
)
@settings(max_examples=25, deadline=None)
def test_tiles_give_the_right_size(trained, frames, size):
    vae, latents = _build(trained=trained), _latents(frames, *size)
    enable_tiling(vae)
    pixels = decode(vae, latents, frames=4 * (frames - 1) + 1)
    assert pixels.shape[3:] == (size[0] * 8, size[1] * 8)
    assert encode(vae, pixels).shape == latents.shape


def test_one_large_tile_is_the_whole():
    vae, latents = _build(), _latents(4)
    whole = decode(vae, latents, frames=13)
    enable_tiling(vae)
    assert torch.equal(decode(vae, latents, frames=13), whole)


def test_small_tiles_differ_from_the_whole():
    vae, latents = _build(), _latents(2, 8, 8)
    whole = decode(vae, latents, frames=5)
    enable_tiling(vae)
    assert not torch.equal(decode(vae, latents, frames=5), whole)
