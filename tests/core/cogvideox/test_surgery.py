"""Widening is exact at step 0, can be undone, and leaves the original alone."""

from __future__ import annotations

import pytest
import torch

from vivid_core.cogvideox.surgery import clone_transformer, set_patch_embedder, widen_patch_embedder
from vivid_core.errors import ModelError


@pytest.mark.parametrize("patch_time", [None, 2])
@pytest.mark.parametrize("channels", [32, 33, 48])
def test_widening_changes_nothing_at_step_0(transformer, forward, patch_time, channels: int):
    base = transformer(patch_size_t=patch_time)
    wide = clone_transformer(base)
    widen_patch_embedder(wide, channels)
    latents = torch.randn(1, 4, channels, 8, 8)
    assert torch.equal(forward(base, latents[:, :, :16]), forward(wide, latents))
    assert (base.config.in_channels, wide.config.in_channels) == (16, channels)


@pytest.mark.parametrize("patch_time", [None, 2])
def test_each_new_channel_reaches_its_own_columns(transformer, forward, patch_time):
    """A patch embedder widened from a source reads channel c where the source does."""
    inpaint = transformer(seed=3, in_channels=33, patch_size_t=patch_time)
    wide = clone_transformer(transformer(seed=3, patch_size_t=patch_time))
    wide.load_state_dict(
        {k: v for k, v in inpaint.state_dict().items() if "patch_embed.proj" not in k},
        strict=False,
    )
    widen_patch_embedder(wide, 33, source=inpaint.patch_embed.proj.state_dict())
    latents = torch.randn(1, 4, 33, 8, 8)
    assert torch.equal(forward(inpaint, latents), forward(wide, latents))


def test_undo(transformer, same):
    module, untouched = transformer(), transformer()
    undo = widen_patch_embedder(module, 33)
    assert module.patch_embed.proj.weight.shape[1] == 33
    undo()
    assert same(module, untouched)
    assert module.config.in_channels == 16


def test_a_clone_shares_storage_and_nothing_else(transformer, same):
    base, untouched = transformer(), transformer()
    clone = clone_transformer(base)
    shared = zip(base.parameters(), clone.parameters(), strict=True)
    assert all(a is not b and a.data_ptr() == b.data_ptr() for a, b in shared)
    widen_patch_embedder(clone, 33)
    clone.to(torch.float64)
    assert same(base, untouched)
    assert base.dtype == torch.float32


def test_a_clone_leaves_offload_hooks_behind(transformer, forward):
    from accelerate.hooks import ModelHook, add_hook_to_module
    from diffusers.hooks import HookRegistry
    from diffusers.hooks import ModelHook as DiffusersHook

    class Fail(ModelHook, DiffusersHook):
        def pre_forward(self, module, *args, **kwargs):
            raise AssertionError("the clone ran the original's hook")

    latents = torch.randn(1, 3, 16, 8, 8)
    base = transformer()
    expected = forward(base, latents)
    add_hook_to_module(base.norm_final, Fail())
    HookRegistry.check_if_exists_or_initialize(base.transformer_blocks[0]).register_hook(
        Fail(), "fail"
    )
    assert torch.equal(forward(clone_transformer(base), latents), expected)
    with pytest.raises(AssertionError):
        forward(base, latents)


def test_weights_made_in_inference_mode_can_be_trained(transformer):
    base = transformer()
    with torch.inference_mode():
        clone = clone_transformer(base)
        widen_patch_embedder(clone, 33)
    clone.requires_grad_(True)
    clone.patch_embed.proj.weight.sum().backward()
    assert clone.patch_embed.proj.weight.grad is not None


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (torch.zeros(64, 33, 2, 2), r"\[64, 33, 2, 2\].*\[32, 16, 2, 2\]"),
        (torch.zeros(32, 264), r"\[32, 264\].*\[32, 16, 2, 2\]"),
    ],
)
def test_embedders_of_other_models_are_refused(transformer, source, words: str):
    with pytest.raises(ModelError, match=words):
        set_patch_embedder(transformer(), {"weight": source})


def test_narrowing_is_refused(transformer):
    with pytest.raises(ModelError, match="already reads 33 channels"):
        widen_patch_embedder(transformer(in_channels=33), 16)
