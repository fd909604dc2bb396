"""LoRAs on a transformer: put a new one on it, whatever it carries already."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ..errors import AdapterError, ModelError


def attach_lora(transformer: Any, config: Any, strength: float = 1.0) -> str:
    """Put a new LoRA on a transformer, in its precision, and return peft's name for it.

    LoRAs that it carries stay as strong as they were.
    """
    existing = list(getattr(transformer, "peft_config", {}))
    name = f"vivid_{len(existing)}"
    with warnings.catch_warnings():  # peft warns of a second adapter, which is meant
        warnings.filterwarnings("ignore", message="Already found a `peft_config`")
        transformer.add_adapter(config, name)
    dtype = next(transformer.parameters()).dtype
    for key, parameter in transformer.named_parameters():
        if f".{name}." in key:
            parameter.data = parameter.data.to(dtype)
    scales = [_strength_of(transformer, old) for old in existing]
    transformer.set_adapters([*existing, name], weights=[*scales, strength])
    return name


def plain_layers(transformer: Any) -> list[tuple[str, nn.Linear]]:
    """Linear layers by the names they have without a LoRA over them."""
    layers = [(n, m) for n, m in transformer.named_modules() if isinstance(m, nn.Linear)]
    return [(n.removesuffix(".base_layer"), m) for n, m in layers if ".lora_" not in n]


def targeted_layers(transformer: Any, targets: tuple[str, ...]) -> list[tuple[str, nn.Linear]]:
    """Those that a LoRA of these targets changes, by peft's rule for names."""
    return [
        (name, layer)
        for name, layer in plain_layers(transformer)
        if any(name == target or name.endswith(f".{target}") for target in targets)
    ]


def fill_lora(transformer: Any, name: str, tensors: dict[str, Tensor]) -> None:
    """Give an attached LoRA weights of the same shapes, by peft's names inside the transformer."""
    from peft import set_peft_model_state_dict

    result = set_peft_model_state_dict(transformer, tensors, adapter_name=name)
    if result.unexpected_keys:
        raise AdapterError(f"the adapter holds unknown tensors: {result.unexpected_keys[:3]}")


def _strength_of(transformer: Any, adapter_name: str) -> float:
    """The run-time strength an adapter already has."""
    for module in transformer.modules():
        scaling = getattr(module, "scaling", None)
        if isinstance(scaling, Mapping) and adapter_name in scaling:
            return scaling[adapter_name] * module.r[adapter_name] / module.lora_alpha[adapter_name]
    raise ModelError(f"no layer carries the adapter {adapter_name}")
