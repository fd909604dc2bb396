"""Every base that can become VIVID's trains: the layouts, CogVideoX 1.5, half precision."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from vivid_core.cogvideox.adapter import apply_adapter, load_adapter
from vivid_core.cogvideox.layout import LayoutName, layout_named
from vivid_core.cogvideox.model import CogVideoX
from vivid_core.errors import InputError
from vivid_core.runtime import Runtime
from vivid_core.train.adapter.config import LoraOptions
from vivid_core.train.adapter.model import prepare_model
from vivid_core.train.adapter.run import train_adapter

from ...cogvideox.conftest import build_bundle
from .conftest import Configure


@pytest.mark.parametrize(
    ("layout", "patch_time", "size"),
    [("t2v", None, (9, 32, 32)), ("fun_inp", None, (9, 32, 32)), ("t2v", 2, (5, 32, 32))],
)
def test_bases_train(
    configure: Configure, layout: LayoutName, patch_time: int | None, size: tuple[int, int, int]
):
    bundle = build_bundle(layout, patch_time=patch_time)
    config = configure(
        recipe={"size": size}, optimization={"steps": 2}, gradient_checkpointing=True
    )
    adapter = train_adapter(bundle, config, Runtime()).adapter
    adapted = apply_adapter(bundle, adapter)
    assert (adapted.layout.name, adapted.train_size, adapted.warnings) == ("vivid", size, ())


def test_an_adapter_is_of_its_bases_version(configure: Configure):
    """CogVideoX-Fun 1.1 sees single frames with a little noise: in training and in edits."""
    bundle = build_bundle("fun_inp")
    bundle = bundle.with_(layout=layout_named("fun_inp", version="1.1", patch_time=None))
    adapter = train_adapter(bundle, configure(optimization={"steps": 1}), Runtime()).adapter
    assert apply_adapter(bundle, adapter).layout.version == "1.1"


def test_half_precision_trains_in_full(tiny: CogVideoX, configure: Configure):
    """The base stays in bfloat16, what is trained is float32, the file is bfloat16 again."""
    parts = {name: copy.deepcopy(part).bfloat16() for name, part in tiny.parts.items()}
    bundle = tiny.with_(**parts)
    adapter = train_adapter(bundle, configure(optimization={"steps": 2}), Runtime()).adapter
    assert {tensor.dtype for tensor in adapter.lora.values()} == {torch.bfloat16}
    assert bundle.dtype == torch.bfloat16


@pytest.mark.parametrize("target", ["to_nowhere", "patch_embed.text_projector"])
def test_targets_that_name_no_layer_are_refused(tiny: CogVideoX, configure: Configure, target: str):
    config = configure(lora=LoraOptions(rank=2, targets=(target,)))
    with pytest.raises(InputError, match=f"targets: '{target}' names no linear layer"):
        train_adapter(tiny, config, Runtime())


@pytest.mark.parametrize(
    "targets", [LoraOptions().targets, ("text_proj",), ("patch_embed.text_proj", "attn1.to_q")]
)
def test_every_adapter_fits_a_training_of_its_own_configuration(
    tiny: CogVideoX, configure: Configure, targets: tuple[str, ...]
):
    """However much of a layer's name a target gives."""
    config = configure(lora=LoraOptions(rank=2, targets=targets), optimization={"steps": 1})
    train_adapter(tiny, config, Runtime())
    start = load_adapter(config.out / "adapter.safetensors")
    model = prepare_model(tiny, config, device=torch.device("cpu"), start=start)
    found = dict(model.transformer.named_parameters())
    for key, value in start.lora.items():
        layer, side = key.rsplit(".lora_", 1)
        (own,) = [v for n, v in found.items() if n.startswith(f"{layer}.lora_{side[0]}.")]
        assert torch.equal(own, value.float())
    wrong = replace(config, lora=LoraOptions(rank=2, targets=("to_k",)))
    with pytest.raises(InputError, match="start_from: adapter has rank 2.*asked are.*to_k"):
        prepare_model(tiny, wrong, device=torch.device("cpu"), start=start)
