"""What model folders state about themselves, checked for type and range before anything is built.

A limit here is far above what any published model has, and far below what fills a machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ModelError

Rule = Callable[[Any], bool]
MOST_SHOWN = 60  # characters of a refused value
MOST_POSITIONS = 2**17  # tokens in a table of positions; CogVideoX 1.0 has 17,550


def require_stated(where: object, given: Any, rules: Mapping[str, tuple[Rule, str]]) -> None:
    """Raise ModelError unless each entry that a rule knows is as the rule says."""
    if not isinstance(given, Mapping):
        raise ModelError(f"{where}: expected a JSON object, got {_shown(given)}: download it again")
    for name, (holds, words) in rules.items():
        if name in given and not holds(given[name]):
            raise ModelError(
                f"{where}: {name} is {_shown(given[name])}, expected {words}: download it again"
            )


def require_count(where: object, name: str, stated: Any, found: int) -> None:
    """Raise ModelError where a configuration states another number of parts than there are."""
    if stated is not None and stated != found:
        raise ModelError(
            f"{where}: {name} is {_shown(stated)}, the weights have {found}: download both again"
        )


def require_positions(where: object, config: Mapping[str, Any]) -> None:
    """Raise ModelError for a table of positions that no model has; most models have none."""
    rotary = config.get("use_rotary_positional_embeddings")
    if rotary and not config.get("use_learned_positional_embeddings"):
        return
    patch = config.get("patch_size") or 1
    frames = (config.get("sample_frames") or 1) // (config.get("temporal_compression_ratio") or 1)
    sides = [(config.get(f"sample_{side}") or 1) // patch for side in ("height", "width")]
    if (frames + 1) * math.prod(sides) > MOST_POSITIONS:
        raise ModelError(
            f"{where}: sample_frames, sample_height and sample_width make over {MOST_POSITIONS:,} "
            "tokens: download it again"
        )


def whole(low: int, high: int) -> tuple[Rule, str]:
    """A whole number in a range."""
    words = f"a whole number from {low} to {high:,}"
    return (lambda value: type(value) is int and low <= value <= high), words


def number(low: float, high: float) -> tuple[Rule, str]:
    """A number in a range, the lower end left out where it is 0."""

    def holds(value: Any) -> bool:
        return type(value) in (int, float) and low <= value <= high and (value > low or low != 0)

    return holds, f"a number above {low:g} to {high:g}" if low == 0 else f"{low:g} to {high:g}"


def maybe(rule: tuple[Rule, str]) -> tuple[Rule, str]:
    """The same, or null."""
    holds, words = rule
    return (lambda value: value is None or holds(value)), f"null or {words}"


def several(rule: tuple[Rule, str], low: int, high: int) -> tuple[Rule, str]:
    """A list of these."""
    holds, words = rule

    def all_hold(value: Any) -> bool:
        return isinstance(value, list) and low <= len(value) <= high and all(map(holds, value))

    return all_hold, f"a list of {low} to {high}, each {words}"


def one_of(*values: str) -> tuple[Rule, str]:
    return (lambda value: isinstance(value, str) and value in values), f"one of {', '.join(values)}"


FLAG: tuple[Rule, str] = (lambda value: isinstance(value, bool)), "true or false"
TEXT: tuple[Rule, str] = (lambda value: isinstance(value, str) and len(value) < 200), "a text"
_CHANNELS, _WIDTH, _LAYERS = whole(1, 4096), whole(1, 65536), whole(1, 512)

TRANSFORMER = {
    "num_attention_heads": whole(1, 512),
    "attention_head_dim": _CHANNELS,
    "in_channels": _CHANNELS,
    "out_channels": _CHANNELS,
    "time_embed_dim": _WIDTH,
    "ofs_embed_dim": maybe(_WIDTH),
    "text_embed_dim": _WIDTH,
    "num_layers": _LAYERS,
    "sample_width": whole(1, 1024),
    "sample_height": whole(1, 1024),
    "sample_frames": whole(1, 1024),
    "patch_size": whole(1, 16),
    "patch_size_t": maybe(whole(1, 16)),
    "temporal_compression_ratio": whole(1, 64),
    "max_text_seq_length": whole(1, 4096),
    "spatial_interpolation_scale": number(0, 1000),
    "temporal_interpolation_scale": number(0, 1000),
    "norm_eps": number(0, 1),
    "dropout": number(-1e-9, 1),
    **dict.fromkeys(("activation_fn", "timestep_activation_fn"), TEXT),
    **dict.fromkeys(("attention_bias", "norm_elementwise_affine", "patch_bias"), FLAG),
    "use_rotary_positional_embeddings": FLAG,
    "use_learned_positional_embeddings": FLAG,
    "add_noise_in_inpaint_model": FLAG,
}
VAE = {
    "in_channels": _CHANNELS,
    "out_channels": _CHANNELS,
    "latent_channels": _CHANNELS,
    "block_out_channels": several(whole(1, 8192), 1, 8),
    "down_block_types": several(TEXT, 1, 8),
    "up_block_types": several(TEXT, 1, 8),
    "layers_per_block": whole(1, 64),
    "norm_num_groups": whole(1, 1024),
    "sample_height": whole(1, 65536),
    "sample_width": whole(1, 65536),
    "scaling_factor": number(0, 1e6),
    "temporal_compression_ratio": whole(1, 64),
    "norm_eps": number(0, 1),
    "invert_scale_latents": FLAG,
}
TEXT_ENCODER = {
    "vocab_size": whole(1, 2**21),
    "d_model": _WIDTH,
    "d_kv": _WIDTH,
    "d_ff": whole(1, 2**20),
    "num_layers": _LAYERS,
    "num_heads": whole(1, 1024),
    "relative_attention_num_buckets": whole(1, 4096),
    "relative_attention_max_distance": whole(1, 2**20),
    "layer_norm_epsilon": number(0, 1),
    "feed_forward_proj": one_of("relu", "gelu", "gated-gelu", "gated-silu"),
}
OWN = {
    "layout": TEXT,
    "train_size": several(whole(1, 8192), 3, 3),
    "knows_last_frame": FLAG,
    "max_text_tokens": whole(1, 4096),
    "closed_vocabulary": FLAG,
    "blank_is_zeros": FLAG,
}
SCHEDULE = {
    "num_train_timesteps": whole(1, 100_000),
    "beta_start": number(0, 1),
    "beta_end": number(0, 1),
    "snr_shift_scale": number(0, 1000),
    "trained_betas": maybe(several(number(0, 1), 1, 100_000)),
    "rescale_betas_zero_snr": FLAG,
    "prediction_type": TEXT,
    "beta_schedule": TEXT,
}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
