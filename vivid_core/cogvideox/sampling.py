"""Denoising: the CogVideoX schedule, DDIM and DPM-Solver++, for any number of steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InputError, ModelError
from ..settings import Sampler

Prediction = Literal["v_prediction", "epsilon"]
Predictor = Callable[[Tensor, int], Tensor]  # (noisy latents, timestep) -> v or epsilon
OnStep = Callable[[int, int, Tensor], None]  # steps done, steps in all, current guess of x0
CLEAN = -1  # the timestep after the last one: no noise left
INVERSION_ROUNDS = 3  # of the fixed point that undoes a step


@dataclass(frozen=True, kw_only=True)
class NoiseSchedule:
    """How much signal is left at each training timestep.

    `alphas_cumprod` is float64 [T], decreasing; the last is exactly 0 with zero terminal SNR.
    """

    alphas_cumprod: Float[Tensor, " t"]
    prediction: Prediction = "v_prediction"

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> NoiseSchedule:
        """From a diffusers scheduler configuration. Raises ModelError for one it cannot sample.

        `timestep_spacing` is ignored: sampling always trails (Lin et al. 2023, sec. 3.3), as it
        must with zero terminal SNR.
        """
        prediction = config.get("prediction_type", "v_prediction")
        if prediction not in ("v_prediction", "epsilon"):
            raise ModelError(f"scheduler: prediction_type {prediction!r} is not supported")
        alphas = _betas(config).neg().add(1).cumprod(0)
        shift = float(config.get("snr_shift_scale", 1.0))
        alphas = alphas / (shift + (1 - shift) * alphas)  # SNR divided by `shift`
        if config.get("rescale_betas_zero_snr", False):
            if prediction == "epsilon":
                raise ModelError(
                    "scheduler: epsilon prediction with zero terminal SNR has no first step: "
                    "set rescale_betas_zero_snr to false or use a v_prediction model"
                )
            alphas = _zero_terminal_snr(alphas)
        _require_decreasing(alphas, prediction)
        return cls(alphas_cumprod=alphas, prediction=prediction)

    def __len__(self) -> int:
        return self.alphas_cumprod.shape[0]

    def alpha(self, t: int) -> float:
        """Signal power at timestep t; 1 once clean."""
        return 1.0 if t == CLEAN else float(self.alphas_cumprod[t])

    def add_noise(self, x0: Tensor, noise: Tensor, t: Int[Tensor, " b"]) -> Tensor:
        """Noisy latents at timesteps t, one a sample."""
        signal, spread = self._coefficients(t, x0)
        return signal * x0 + spread * noise

    def velocity(self, x0: Tensor, noise: Tensor, t: Int[Tensor, " b"]) -> Tensor:
        """The training target of v-prediction (Salimans & Ho 2022, app. D)."""
        signal, spread = self._coefficients(t, x0)
        return signal * noise - spread * x0

    def clean(self, noisy: Tensor, velocity: Tensor, t: Int[Tensor, " b"]) -> Tensor:
        """What a predicted velocity says that noisy latents were; keeps the gradient."""
        signal, spread = self._coefficients(t, noisy)
        return signal * noisy - spread * velocity

    def _coefficients(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        alpha = self.alphas_cumprod[t.cpu()].view(-1, *[1] * (like.ndim - 1))
        return alpha.sqrt().to(like), (1 - alpha).sqrt().to(like)


def _betas(config: Mapping[str, Any]) -> Tensor:
    name = config.get("beta_schedule", "scaled_linear")
    steps = int(config.get("num_train_timesteps", 1000))
    start, end = float(config.get("beta_start", 0.00085)), float(config.get("beta_end", 0.012))
    if config.get("trained_betas") is not None:
        return torch.as_tensor(config["trained_betas"], dtype=torch.float64)
    if name == "scaled_linear":
        return torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float64) ** 2
    if name == "linear":
        return torch.linspace(start, end, steps, dtype=torch.float64)
    raise ModelError(f"scheduler: beta_schedule {name!r} is not supported")


def _require_decreasing(alphas: Tensor, prediction: str) -> None:
    """Raise ModelError for a schedule that no noise follows: its betas or its shift are none."""
    last = float(alphas[-1]) if len(alphas) else -1.0
    lowest_is_fine = last >= 0 if prediction == "v_prediction" else last > 0
    falls = len(alphas) < 2 or bool((alphas.diff() < 0).all())
    if not (lowest_is_fine and falls and 0 < float(alphas[0]) < 1):
        raise ModelError(
            "scheduler: its betas and snr_shift_scale leave no schedule of falling signal: use the "
            "scheduler_config.json that the model was published with"
        )


def _zero_terminal_snr(alphas_cumprod: Tensor) -> Tensor:
    """Lin et al. 2023, algorithm 1: the last timestep is pure noise, the first is kept."""
    root = alphas_cumprod.sqrt()
    return ((root - root[-1]) * (root[0] / (root[0] - root[-1]))) ** 2


def timestep_pairs(steps: int, schedule: NoiseSchedule) -> list[tuple[int, int]]:
    """The (t, next t) of each step, from pure noise to CLEAN, evenly trailing.

    diffusers derives the next timestep from 1000 // steps, which misses its own rounded
    timesteps unless steps divides 1000; here each pair ends where the next one starts.
    """
    length = len(schedule)
    if not 1 <= steps <= length:
        raise InputError("steps", f"must be 1 to {length}, got {steps}")
    times = [round(Fraction(length * (steps - i), steps)) - 1 for i in range(steps)]
    return list(zip(times, [*times[1:], CLEAN], strict=True))


def predicted_x0(prediction: Tensor, x: Tensor, alpha: float, kind: Prediction) -> Tensor:
    """The clean latents that a prediction implies."""
    if kind == "epsilon":
        return (x - math.sqrt(1 - alpha) * prediction) / math.sqrt(alpha)
    return math.sqrt(alpha) * x - math.sqrt(1 - alpha) * prediction


def ddim_step(x: Tensor, x0: Tensor, *, alpha: float, alpha_next: float) -> Tensor:
    """DDIM without added noise (Song et al. 2021, eq. 12, sigma = 0)."""
    ratio = math.sqrt((1 - alpha_next) / (1 - alpha))
    return ratio * x + (math.sqrt(alpha_next) - math.sqrt(alpha) * ratio) * x0


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What a second-order step remembers of the step before."""

    x0: Tensor
    alpha: float


def dpm_step(
    x: Tensor,
    x0: Tensor,
    noise: Tensor,
    *,
    alpha: float,
    alpha_next: float,
    earlier: Earlier | None = None,
) -> Tensor:
    """SDE-DPM-Solver++ (Lu et al. 2022, app. B), second order where `earlier` is given."""
    here = _half_log_snr(alpha)
    h = _half_log_snr(alpha_next) - here
    target = x0
    if earlier is not None:
        r = (here - _half_log_snr(earlier.alpha)) / h
        target = (1 + 1 / (2 * r)) * x0 - 1 / (2 * r) * earlier.x0
    keep = math.sqrt((1 - alpha_next) / (1 - alpha)) * math.exp(-h)
    pull = math.expm1(-2 * h)  # -1 .. 0
    spread = math.sqrt((1 - alpha_next) * -pull)
    return keep * x - pull * math.sqrt(alpha_next) * target + spread * noise


def _half_log_snr(alpha: float) -> float:
    if alpha <= 0:
        return -math.inf
    return math.inf if alpha >= 1 else 0.5 * math.log(alpha / (1 - alpha))


def _ignore(done: int, total: int, x0: Tensor) -> None:
    return None


@torch.no_grad()
def denoise(
    predict: Predictor,
    noise: Float[Tensor, "b t c h w"],
    schedule: NoiseSchedule,
    *,
    steps: int,
    sampler: Sampler = "ddim",
    generators: Sequence[torch.Generator] = (),
    on_step: OnStep = _ignore,
    held: Float[Tensor, "1 k c h w"] | None = None,
) -> Float[Tensor, "b t c h w"]:
    """Clean latents, float32, from pure noise.

    `on_step` is called after each step and may raise to stop. `generators` (on the CPU, one a
    row) feed the noise that "dpm" adds; "ddim" draws none. `held` are clean latents of the first
    frames, which are known: at every step they are what they would be on the way from their own
    noise, so that the others are made to follow them.
    """
    if sampler == "dpm" and len(generators) != len(noise):
        raise InputError(
            "generators",
            f"the dpm sampler draws noise each step: give one a row ({len(noise)}), got "
            f"{len(generators)}",
        )
    x, earlier = noise.float(), None
    for done, (t, t_next) in enumerate(timestep_pairs(steps, schedule), start=1):
        alpha, alpha_next = schedule.alpha(t), schedule.alpha(t_next)
        x = _hold(x, held, noise, alpha)
        x0 = predicted_x0(predict(x, t).float(), x, alpha, schedule.prediction)
        if sampler == "ddim":
            x = ddim_step(x, x0, alpha=alpha, alpha_next=alpha_next)
        else:
            second = earlier if t_next != CLEAN else None
            added = _draw(x, generators, times=1 if second is None else 2)
            x = dpm_step(x, x0, added, alpha=alpha, alpha_next=alpha_next, earlier=second)
            earlier = Earlier(x0=x0, alpha=alpha)
        on_step(done, steps, x0)
    return _hold(x, held, noise, 1.0)


def _hold(x: Tensor, held: Tensor | None, noise: Tensor, alpha: float) -> Tensor:
    """Noisy latents whose first frames are known ones at the same level of noise."""
    if held is None:
        return x
    count = held.shape[1]
    known = math.sqrt(alpha) * held.to(x) + math.sqrt(1 - alpha) * noise[:, :count].to(x)
    return torch.cat([known, x[:, count:]], dim=1)


@torch.no_grad()
def invert(
    predict: Predictor,
    clean: Float[Tensor, "b t c h w"],
    schedule: NoiseSchedule,
    *,
    steps: int,
    rounds: int = INVERSION_ROUNDS,
    on_step: OnStep = _ignore,
) -> Float[Tensor, "b t c h w"]:
    """The noise from which "ddim" makes these latents in as many steps, float32.

    The steps of `denoise` are undone in reverse. What a step started from is known only through
    the prediction there: a fixed point, iterated `rounds` times from the step's own result. One
    round is the usual DDIM inversion; each more brings the way back nearer, where the steps are
    small (20 and more). Raises InputError for
    one step, which keeps nothing of its noise.
    """
    if steps < 2:
        raise InputError("steps", f"must be 2 or more to invert a clip, got {steps}")
    x = clean.float()
    pairs = timestep_pairs(steps, schedule)[::-1]
    for done, (t, t_next) in enumerate(pairs, start=1):
        alpha, alpha_next = schedule.alpha(t), schedule.alpha(t_next)
        result = x
        for _ in range(rounds):
            prediction = predict(x, t).float()
            x = _undone(result, prediction, alpha, alpha_next, schedule.prediction)
        on_step(done, steps, result)
    return x


def _undone(
    result: Tensor, prediction: Tensor, alpha: float, alpha_next: float, kind: Prediction
) -> Tensor:
    """What a DDIM step with this prediction started from: it is linear in both."""

    def result_of(x: Tensor, made: Tensor) -> float:
        x0 = predicted_x0(made, x, alpha, kind)
        return float(ddim_step(x, x0, alpha=alpha, alpha_next=alpha_next))

    one, none = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    return (result - result_of(none, one) * prediction) / result_of(one, none)


def _draw(like: Tensor, generators: Sequence[torch.Generator], *, times: int) -> Tensor:
    """The last of `times` draws: diffusers draws twice for a second-order step and uses one."""
    rows = [
        [torch.randn(like.shape[1:], generator=generator) for _ in range(times)][-1]
        for generator in generators
    ]
    return torch.stack(rows).to(like.device)
