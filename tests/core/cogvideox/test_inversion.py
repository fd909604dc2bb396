"""A clip's own noise, and first frames that are held."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.cogvideox.sampling import NoiseSchedule, denoise, invert
from vivid_core.errors import InputError

CONFIG = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "rescale_betas_zero_snr": True,
}
SCHEDULES = {
    "zero SNR": NoiseSchedule.from_config(CONFIG),
    "2B": NoiseSchedule.from_config(CONFIG | {"snr_shift_scale": 3.0}),
    "epsilon": NoiseSchedule.from_config(
        CONFIG | {"prediction_type": "epsilon", "rescale_betas_zero_snr": False}
    ),
}


def _random(seed: int) -> torch.Tensor:
    return torch.randn(1, 3, 4, 2, 3, generator=torch.Generator().manual_seed(seed))


def _smooth(x: torch.Tensor, t: int) -> torch.Tensor:
    """A predictor that is no model but depends on everything, as smoothly as one."""
    return 0.5 * torch.sin(x + t / 300) + 0.2 * x.flip(-1)


@given(steps=st.integers(20, 30), seed=st.integers(0, 99), name=st.sampled_from(sorted(SCHEDULES)))
@settings(max_examples=3, deadline=None)
def test_enough_rounds_undo_every_step(steps, seed, name):
    """Inverted and made again, latents come back."""
    schedule, clean = SCHEDULES[name], _random(seed)
    noise = invert(_smooth, clean, schedule, steps=steps, rounds=12)
    again = denoise(_smooth, noise, schedule, steps=steps)
    torch.testing.assert_close(again, clean, atol=1e-3, rtol=0)


def test_each_round_brings_the_way_back_nearer():
    """At the usual 50 steps one round is the plain inversion; the default is far better."""
    schedule, clean = SCHEDULES["zero SNR"], _random(7)
    errors = []
    for rounds in (1, 2, 3):
        noise = invert(_smooth, clean, schedule, steps=50, rounds=rounds)
        again = denoise(_smooth, noise, schedule, steps=50)
        errors.append(float((again - clean).abs().mean() / clean.abs().mean()))
    assert errors[0] > 4 * errors[1] > 8 * errors[2]
    assert errors[2] < 2e-3


def test_one_step_cannot_be_inverted():
    with pytest.raises(InputError, match="steps: must be 2 or more"):
        invert(_smooth, _random(0), SCHEDULES["2B"], steps=1)


@pytest.mark.parametrize("sampler", ["ddim", "dpm"])
def test_held_frames_come_out_as_they_went_in_and_others_follow(sampler):
    """A predictor that mixes frames: what is held is seen by the rest."""

    def mixing(x: torch.Tensor, t: int) -> torch.Tensor:
        return -x.mean(dim=1, keepdim=True).expand_as(x)

    def made(held: torch.Tensor | None) -> torch.Tensor:
        return denoise(
            mixing,
            _random(1),
            SCHEDULES["zero SNR"],
            steps=5,
            sampler=sampler,
            generators=[torch.Generator().manual_seed(0)],
            held=held,
        )

    held = torch.full((1, 1, 4, 2, 3), 3.0)
    free, low, high = made(None), made(-held), made(held)
    assert torch.equal(high[:, :1], held)
    assert torch.equal(low[:, :1], -held)
    assert not torch.allclose(high[:, 1:], low[:, 1:])
    assert not torch.allclose(high[:, 1:], free[:, 1:])


def test_a_held_frame_is_as_noisy_as_the_others():
    """It goes from its own noise to itself, on the straight way of the schedule."""
    noise, held, schedule = _random(2), _random(3)[:, :1], SCHEDULES["zero SNR"]

    def check(x: torch.Tensor, t: int) -> torch.Tensor:
        expected = schedule.add_noise(held, noise[:, :1], torch.tensor([t]))
        torch.testing.assert_close(x[:, :1], expected, atol=1e-6, rtol=0)
        return _smooth(x, t)

    denoise(check, noise, schedule, steps=7, held=held)
