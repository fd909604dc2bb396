"""Frame and latent arithmetic over every size and length people bring."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.cogvideox.latents import Geometry
from vivid_core.errors import SizeError

GEOMETRIES = st.builds(
    Geometry,
    space=st.sampled_from([2, 4, 8, 16]),
    time=st.sampled_from([1, 2, 4, 8]),
    patch=st.sampled_from([1, 2, 4]),
    patch_time=st.sampled_from([None, 1, 2, 4]),
)
FRAMES = st.integers(1, 200)
SIZES = st.tuples(st.integers(16, 1024), st.integers(16, 1024))


@given(GEOMETRIES, FRAMES)
def test_a_legal_length_is_the_smallest_that_holds_the_clip(geometry: Geometry, frames: int):
    legal = geometry.legal_frames(frames)
    assert legal >= frames
    assert geometry.legal_frames(legal) == legal
    assert all(geometry.legal_frames(shorter) != shorter for shorter in range(frames, legal))


@given(GEOMETRIES, FRAMES)
def test_legal_lengths_survive_the_round_trip_through_latents(geometry: Geometry, frames: int):
    legal = geometry.legal_frames(frames)
    latents = geometry.latent_frames(legal)
    assert (latents - 1) * geometry.time + 1 == legal
    if geometry.patch_time is None:
        assert latents % 2 == 1
    else:
        assert geometry.padded_latent_frames(legal) % geometry.patch_time == 0


@given(GEOMETRIES, SIZES)
def test_a_legal_size_is_the_smallest_that_holds_the_frame(
    geometry: Geometry, size: tuple[int, int]
):
    legal = geometry.legal_size(*size)
    for given_side, side in zip(size, legal, strict=True):
        assert given_side <= side < given_side + geometry.size_step
        assert side % (geometry.space * geometry.patch) == 0
    assert geometry.legal_size(*legal) == legal


@given(GEOMETRIES, FRAMES, SIZES)
def test_tokens_are_the_latents_cut_into_patches(
    geometry: Geometry, frames: int, size: tuple[int, int]
):
    frames, (height, width) = geometry.legal_frames(frames), geometry.legal_size(*size)
    t, h, w = geometry.latent_shape(frames, height, width)
    assert (h * geometry.space, w * geometry.space) == (height, width)
    patch_volume = geometry.patch**2 * (geometry.patch_time or 1)
    assert geometry.tokens(frames, height, width) * patch_volume == t * h * w
    assert (
        geometry.tokens(frames, height, width, 226) == geometry.tokens(frames, height, width) + 226
    )


@given(FRAMES)
def test_the_published_lengths(frames: int):
    """CogVideoX 1.0 works on 8k+1 frames, 1.5 and VOID on 8k+5."""
    assert (Geometry().legal_frames(frames) - 1) % 8 == 0
    if frames > 1:
        assert (Geometry(patch_time=2).legal_frames(frames) - 5) % 8 == 0


def test_the_published_token_counts():
    assert Geometry().tokens(49, 480, 720, 226) == 17_776
    assert Geometry().tokens(1, 240, 368, 226) == 571
    assert Geometry(patch_time=2).latent_shape(85, 384, 672) == (22, 48, 84)


def test_an_image_gets_a_zero_latent_frame_where_frames_are_paired():
    geometry = Geometry(patch_time=2)
    assert geometry.latent_frames(1) == 1
    assert geometry.latent_shape(1, 64, 64) == (2, 8, 8)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda g: g.latent_frames(50), "8k\\+1, got 50: pad the clip to 57"),
        (lambda g: g.latent_shape(49, 481, 720), "multiples of 16, got 720x481.* 720x496"),
        (lambda g: g.legal_frames(0), "must be 1 or more, got 0"),
        (lambda g: g.legal_size(0, 16), "must be 1 or more, got 0"),
    ],
)
def test_errors_say_what_to_do(call, words: str):
    with pytest.raises(SizeError, match=words):
        call(Geometry())
