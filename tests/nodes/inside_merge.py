"""Checks that ComfyUI's own loader reads merged files as we do: run by test_inside.py.

Arguments: the repository and a base directory. Prints the name of each check that holds, and what
was measured: the largest difference and the share of the norm, of one forward pass. Where core's
positions differ from ours, docs/comfyui.md has the figure.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

SAME = 1e-5  # share of the norm; two implementations in float32
OTHER = 0.05  # clearly another output; docs/comfyui.md has what was measured
TRAINED, CROPPED = (5, 16, 16), (5, 12, 20)  # latent frames, height, width
ONE_FILE = "one file (ComfyUI's names)"
TINY = {
    "num_attention_heads": 2, "attention_head_dim": 64, "in_channels": 33, "time_embed_dim": 32,
    "text_embed_dim": 64, "num_layers": 2, "use_rotary_positional_embeddings": True,
}  # fmt: skip
Check = Callable[[Any], str | None]


def needs_core_model(check: Callable[[Any], None]) -> Check:
    """Without ComfyUI's own CogVideoX, the reason for skipping is given back."""

    @wraps(check)
    def checked(nodes: Any) -> str | None:
        if importlib.util.find_spec("comfy.ldm.cogvideo") is None:
            return "this ComfyUI has no CogVideoX of its own"
        return check(nodes)

    return checked


def ours(module: str) -> Any:
    return importlib.import_module(f"vivid_pack.vivid_core.{module}")


def load_in_core(source: Path | dict[str, Tensor]) -> Any:
    """A transformer of ComfyUI's own, in a ModelPatcher."""
    import comfy.sd

    if isinstance(source, Path):
        return comfy.sd.load_diffusion_model(str(source), {"dtype": torch.float32})
    return comfy.sd.load_diffusion_model_state_dict(source, {"dtype": torch.float32})


def merged_in_core(nodes: Any) -> tuple[Any, Any]:
    """vivid-tiny with its adapter: applied by us; merged by the node, read by core."""
    import folder_paths

    adapters, tiny = ours("cogvideox.adapter"), ours("tiny.load")
    from inside_comfyui import load_model

    base = load_model(nodes, "vivid-tiny base (bundled)")
    adapter = adapters.load_adapter(tiny.TINY_WEIGHTS / tiny.ADAPTER_FILE)
    with torch.inference_mode():
        choice = nodes.MergeAdapter.execute(base, adapter, 1.0, ONE_FILE, "vivid/core").args[0]
    theirs = load_in_core(Path(folder_paths.models_dir) / choice).model.diffusion_model
    return adapters.apply_adapter(base.bundle, adapter).transformer, theirs


def difference(
    transformer: Any, theirs: Any, size: tuple[int, int, int], *, our_positions: bool = False
) -> float:
    """Of the two outputs for the same latents, text and timestep, as a share of ours."""
    config, generator = transformer.config, torch.Generator().manual_seed(0)
    latents = torch.randn(1, config.in_channels, *size, generator=generator)
    tokens = 20 if config.use_rotary_positional_embeddings else config.max_text_seq_length
    text = torch.randn(1, tokens, config.text_embed_dim, generator=generator)
    step, rope = torch.tensor([500]), ours("cogvideox.rotary").rotary_embedding(config, size)
    if our_positions:
        theirs._get_rotary_emb = lambda h, w, t, device: rope
    with torch.inference_mode():
        (one,) = transformer(
            latents.transpose(1, 2), text, step, image_rotary_emb=rope, return_dict=False
        )
        two = theirs(latents, step, text)
    if our_positions:
        del theirs._get_rotary_emb
    gap = one.transpose(1, 2) - two
    share = float(gap.norm() / one.norm())
    sys.stdout.write(f"{size}: {float(gap.abs().max()):.2g}, {share:.2g} of the norm\n")
    return share


def pair_of(nodes: Any, **options: Any) -> tuple[Any, Any]:
    """A random transformer, ours and as core reads its tensors in ComfyUI's names."""
    from diffusers import CogVideoXTransformer3DModel

    torch.manual_seed(0)
    transformer = CogVideoXTransformer3DModel(**TINY, **options).eval()
    tensors = ours("cogvideox.keys").respell(dict(transformer.state_dict()), "comfyui")
    return transformer, load_in_core(tensors).model.diffusion_model


@needs_core_model
def a_merged_file_is_the_same_model_in_core(nodes: Any) -> None:
    """With our positions, which leaves weights, names and arithmetic."""
    transformer, theirs = merged_in_core(nodes)
    assert theirs.in_channels == 33 and theirs.use_rotary_positional_embeddings
    for size in (TRAINED, CROPPED):
        assert difference(transformer, theirs, size, our_positions=True) < SAME


@needs_core_model
def cores_positions_of_1_0_are_others(nodes: Any) -> None:
    """Steps of 1.875, whatever the size. A core that has ours needs another page of ours."""
    share = difference(*merged_in_core(nodes), TRAINED)
    assert share > OTHER, "say in docs/comfyui.md what core does now"


@needs_core_model
def positions_of_1_0_agree_at_one_size(nodes: Any) -> None:
    """384x256 pixels of a model trained at 720x480: there our steps are 1.875 too."""
    trained = {"sample_height": 60, "sample_width": 90}
    assert difference(*pair_of(nodes, **trained), (3, 32, 48)) < SAME
    assert difference(*pair_of(nodes, **trained), (1, 60, 90)) > SAME


@needs_core_model
def positions_of_1_5_agree_at_every_size(nodes: Any) -> None:
    pairs = pair_of(nodes, patch_size_t=2, patch_bias=False, sample_height=96, sample_width=170)
    for size in ((4, 32, 48), (2, 20, 28)):
        assert difference(*pairs, size) < SAME


@needs_core_model
def merged_2b_models_are_the_same_at_their_size(nodes: Any) -> None:
    """Core keeps the positions that the file stores, which are those of 720x480."""
    from diffusers import CogVideoXTransformer3DModel
    from inside_comfyui import load_model

    adapter = ours("cogvideox.adapter").Adapter(
        name="none", lora={"proj_out.lora_A.weight": torch.zeros(1, 1920),
                           "proj_out.lora_B.weight": torch.zeros(64, 1)},
    )  # fmt: skip
    torch.manual_seed(0)
    options = {"num_attention_heads": 30, "num_layers": 1, "max_text_seq_length": 226}
    fixed = {"use_rotary_positional_embeddings": False}
    transformer = CogVideoXTransformer3DModel(**TINY | options | fixed).eval()
    base = load_model(nodes, "vivid-tiny base (bundled)").bundle.with_(transformer=transformer)
    file = Path(sys.argv[-1]) / "2b.safetensors"
    ours("cogvideox.merge").save_merged(file, base, adapter)
    theirs = load_in_core(file).model.diffusion_model
    assert not theirs.use_rotary_positional_embeddings
    assert difference(transformer, theirs, (1, 60, 90)) < SAME


@needs_core_model
def core_reads_the_loras_we_export(nodes: Any) -> None:
    """ComfyUI's own LoRA loader, over the base in ComfyUI's names."""
    import comfy.sd
    from inside_comfyui import load_model

    adapters, tiny = ours("cogvideox.adapter"), ours("tiny.load")
    base = load_model(nodes, "vivid-tiny base (bundled)").bundle
    shipped = adapters.load_adapter(tiny.TINY_WEIGHTS / tiny.ADAPTER_FILE)
    lora = adapters.Adapter(name="lora", lora=shipped.lora)
    respell = ours("cogvideox.keys").respell
    patcher = load_in_core(respell(dict(base.transformer.state_dict()), "comfyui"))
    exported = ours("cogvideox.merge").export_lora(lora)
    patched, _ = comfy.sd.load_lora_for_models(patcher, None, exported, 1.0, 0.0)
    assert len(patched.patches) == len(lora.lora) // 2
    theirs = patched.patch_model().diffusion_model
    transformer = adapters.apply_adapter(base, lora).transformer
    assert difference(transformer, theirs, TRAINED, our_positions=True) < SAME


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        a_merged_file_is_the_same_model_in_core,
        cores_positions_of_1_0_are_others,
        positions_of_1_0_agree_at_one_size,
        positions_of_1_5_agree_at_every_size,
        merged_2b_models_are_the_same_at_their_size,
        core_reads_the_loras_we_export,
    )
}

if __name__ == "__main__":
    repository, base = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).parent))
    from inside_comfyui import load_pack, run_checks, start_comfyui

    start_comfyui(base)
    run_checks(CHECKS, load_pack(Path(repository)))
