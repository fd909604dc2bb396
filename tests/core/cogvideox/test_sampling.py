"""The schedule equals diffusers', and sampling is exact for any number of steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import CogVideoXDDIMScheduler, CogVideoXDPMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid_core.cogvideox.sampling import (
    CLEAN,
    NoiseSchedule,
    denoise,
    predicted_x0,
    timestep_pairs,
)
from vivid_core.errors import InputError, ModelError

CONFIG = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
    "rescale_betas_zero_snr": True,
    "snr_shift_scale": 1.0,
}
SCHEDULE = NoiseSchedule.from_config(CONFIG)
STEPS = st.integers(1, 1000)
SHAPE = (1, 2, 16, 2, 3)


def _random(seed: int) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def _oracle(x0: torch.Tensor, schedule: NoiseSchedule):
    """A predictor that knows the clean latents."""

    def predict(x: torch.Tensor, t: int) -> torch.Tensor:
        a = schedule.alpha(t)
        if schedule.prediction == "epsilon":
            return (x - a**0.5 * x0) / (1 - a) ** 0.5
        return (a**0.5 * x - x0) / (1 - a) ** 0.5

    return predict


def _crooked(x: torch.Tensor, t: int) -> torch.Tensor:
    """A predictor that is wrong in a way that depends on everything."""
    return torch.sin(3 * x + t / 100)


@pytest.mark.parametrize("shift", [1.0, 3.0])
@pytest.mark.parametrize("zero_snr", [True, False])
def test_schedule_equals_diffusers(shift, zero_snr):
    config = CONFIG | {"snr_shift_scale": shift, "rescale_betas_zero_snr": zero_snr}
    ours = NoiseSchedule.from_config(config).alphas_cumprod
    torch.testing.assert_close(
        ours, CogVideoXDDIMScheduler(**config).alphas_cumprod, atol=1e-14, rtol=0
    )
    assert (ours[-1] == 0) == zero_snr


def test_pairs_run_from_pure_noise_to_clean_for_every_number_of_steps():
    for steps in range(1, 1001):
        pairs = timestep_pairs(steps, SCHEDULE)
        assert len(pairs) == steps
        assert pairs[0][0] == 999
        assert pairs[-1][1] == CLEAN
        assert all(later[0] == earlier[1] for earlier, later in zip(pairs, pairs[1:], strict=False))
        assert all(t > t_next for t, t_next in pairs)


def test_timesteps_equal_diffusers_for_every_number_of_steps():
    scheduler = CogVideoXDDIMScheduler(**CONFIG)
    for steps in range(1, 1001):
        scheduler.set_timesteps(steps)
        theirs = scheduler.timesteps.numpy()[:steps]
        # diffusers rounds sums of floats: a tie may fall the other way
        ours = np.array([t for t, _ in timestep_pairs(steps, SCHEDULE)])
        assert np.abs(ours - theirs).max() <= (0 if 1000 % steps == 0 else 1)


@given(steps=STEPS, seed=st.integers(0, 99), epsilon=st.booleans())
@settings(max_examples=12, deadline=None)
def test_ddim_stays_on_the_line_from_noise_to_clean(steps, seed, epsilon):
    schedule = SCHEDULE
    if epsilon:
        plain = {"prediction_type": "epsilon", "rescale_betas_zero_snr": False}
        schedule = NoiseSchedule.from_config(CONFIG | plain)
    x0, eps = _random(seed), _random(seed + 1)
    oracle = _oracle(x0, schedule)

    def checked(x: torch.Tensor, t: int) -> torch.Tensor:
        a = schedule.alpha(t)
        torch.testing.assert_close(x, a**0.5 * x0 + (1 - a) ** 0.5 * eps, atol=2e-4, rtol=0)
        return oracle(x, t)

    start = schedule.add_noise(x0, eps, torch.tensor([len(schedule) - 1]))
    torch.testing.assert_close(
        denoise(checked, start, schedule, steps=steps), x0, atol=1e-4, rtol=0
    )


@given(steps=STEPS, seed=st.integers(0, 99))
@settings(max_examples=12, deadline=None)
def test_dpm_ends_at_the_clean_latents(steps, seed):
    x0 = _random(seed)
    generator = torch.Generator().manual_seed(seed)
    result = denoise(
        _oracle(x0, SCHEDULE),
        _random(seed + 1),
        SCHEDULE,
        steps=steps,
        sampler="dpm",
        generators=[generator],
    )
    torch.testing.assert_close(result, x0, atol=1e-4, rtol=0)


@pytest.mark.parametrize("steps", [1, 2, 5, 20, 50])
def test_ddim_equals_diffusers(steps):
    scheduler = CogVideoXDDIMScheduler(**CONFIG)
    scheduler.set_timesteps(steps)
    x = noise = _random(0)
    for t in scheduler.timesteps:
        x = scheduler.step(_crooked(x, int(t)), t, x, return_dict=False)[0]
    ours = denoise(_crooked, noise, SCHEDULE, steps=steps)
    torch.testing.assert_close(ours, x, atol=1e-5, rtol=0)


@pytest.mark.parametrize("steps", [1, 2, 5, 20, 50])
def test_dpm_equals_diffusers_with_the_same_seed(steps):
    scheduler = CogVideoXDPMScheduler(**CONFIG)
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(7)
    x, old, back = _random(0), None, None
    for t in scheduler.timesteps:
        x, old = scheduler.step(_crooked(x, int(t)), old, t, back, x, generator=generator)
        back = t
    generator = torch.Generator().manual_seed(7)
    ours = denoise(
        _crooked, _random(0), SCHEDULE, steps=steps, sampler="dpm", generators=[generator]
    )
    torch.testing.assert_close(ours, x, atol=1e-5, rtol=0)


def test_dpm_repeats_bit_by_bit_from_its_seed():
    def run(seed: int) -> torch.Tensor:
        torch.randn(5)  # the global generator must not matter
        generator = torch.Generator().manual_seed(seed)
        return denoise(
            _crooked, _random(0), SCHEDULE, steps=9, sampler="dpm", generators=[generator]
        )

    assert torch.equal(run(3), run(3))
    assert not torch.equal(run(3), run(4))


def test_on_step_reports_every_step_and_stops_at_once():
    seen: list[int] = []

    def stop_at_three(done: int, total: int, x0: torch.Tensor) -> None:
        assert total == 8 and x0.shape == SHAPE
        seen.append(done)
        if done == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        denoise(_crooked, _random(0), SCHEDULE, steps=8, on_step=stop_at_three)
    assert seen == [1, 2, 3]


@given(t=st.integers(0, 999), seed=st.integers(0, 99))
@settings(deadline=None)
def test_velocity_leads_back_to_the_clean_latents(t, seed):
    x0, eps, times = _random(seed), _random(seed + 1), torch.tensor([t])
    noisy = SCHEDULE.add_noise(x0, eps, times)
    velocity = SCHEDULE.velocity(x0, eps, times)
    back = predicted_x0(velocity, noisy, SCHEDULE.alpha(t), "v_prediction")
    torch.testing.assert_close(back, x0, atol=1e-5, rtol=0)
    diffusers = CogVideoXDDIMScheduler(**CONFIG)
    torch.testing.assert_close(noisy, diffusers.add_noise(x0, eps, times), atol=1e-5, rtol=0)
    torch.testing.assert_close(velocity, diffusers.get_velocity(x0, eps, times), atol=1e-5, rtol=0)


def test_each_sample_of_a_batch_gets_its_own_noise_level():
    x0, eps = _random(0).repeat(2, 1, 1, 1, 1), _random(1).repeat(2, 1, 1, 1, 1)
    noisy = SCHEDULE.add_noise(x0, eps, torch.tensor([0, 999]))
    torch.testing.assert_close(noisy[1], eps[1])
    assert (noisy[0] - x0[0]).abs().max() < 0.2


@pytest.mark.parametrize("steps", [0, -1, 1001])
def test_refuses_a_number_of_steps_outside_the_schedule(steps):
    with pytest.raises(InputError, match="1 to 1000"):
        timestep_pairs(steps, SCHEDULE)


def test_refuses_dpm_without_a_generator():
    with pytest.raises(InputError, match="generator"):
        denoise(_crooked, _random(0), SCHEDULE, steps=2, sampler="dpm")


@pytest.mark.parametrize(
    "change",
    [
        {"prediction_type": "sample"},
        {"prediction_type": "epsilon"},  # with zero terminal SNR the first step divides by 0
        {"beta_schedule": "squaredcos_cap_v2"},
    ],
)
def test_refuses_a_scheduler_it_cannot_sample(change):
    with pytest.raises(ModelError, match="scheduler"):
        NoiseSchedule.from_config(CONFIG | change)
