"""Checks that need ComfyUI's own modules: run by test_inside.py in ComfyUI's Python.

Arguments: the repository and a base directory. Prints the name of each check that holds.
"""

from __future__ import annotations

import gc
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

CLIP = {"scene": "moving shapes", "seed": 3, "width": 64, "height": 64, "length": 5, "fps": 8}
EDIT = {
    "task": "modify", "caption": "a red circle", "negative": "", "seed": 1, "steps": 1,
    "guidance": 1.0, "focus": "auto", "fill": "off", "sampler": "ddim", "grow": -1, "feather": 2,
}  # fmt: skip


def start_comfyui(base: str) -> None:
    """Make ComfyUI's modules importable, as its main.py does."""
    sys.path.insert(0, str(Path.cwd()))
    sys.argv = ["main.py", "--cpu", "--base-directory", base]
    import comfy.options

    comfy.options.enable_args_parsing()


def load_pack(repository: Path) -> ModuleType:
    """The pack, loaded by path as ComfyUI does it."""
    spec = importlib.util.spec_from_file_location("vivid_pack", repository / "__init__.py")
    assert spec is not None and spec.loader is not None
    pack = importlib.util.module_from_spec(spec)
    sys.modules["vivid_pack"] = pack
    spec.loader.exec_module(pack)
    return importlib.import_module("vivid_pack.nodes")


def load_model(nodes: Any, model: str = "vivid-tiny (bundled)") -> Any:
    with torch.inference_mode():  # as ComfyUI runs every node
        return nodes.LoadModel.execute(model=model, offload="auto").args[0]


def starting_loads_no_core(nodes: Any) -> None:
    """ComfyUI starts as fast as without the pack; benchmarks/import_time.py has the seconds."""
    core = nodes.__name__.replace("nodes", "vivid_core")
    ours = [name for name in sys.modules if name.startswith(f"{core}.")]
    assert ours == []
    assert not {"diffusers", "peft"} & set(sys.modules)


def weights_can_be_trained(nodes: Any) -> None:
    model = load_model(nodes)
    model.prepare(0)
    for part in ("transformer", "vae", "text_encoder"):
        for parameter in getattr(model.bundle, part).parameters():
            assert not parameter.is_inference()
            parameter.requires_grad_(True)


def parts_move_as_a_whole(nodes: Any) -> None:
    import comfy.model_management as management

    model = load_model(nodes)
    with torch.inference_mode():
        model.prepare(0)
        model.prepare(0)
    held = [loaded.model for loaded in management.current_loaded_models]
    assert sorted(map(id, held)) == sorted(map(id, model.patchers))
    for patcher in model.patchers:
        assert patcher.loaded_size() == patcher.model_size() > 0
        assert patcher.partially_unload(torch.device("cpu"), 1) == 0
        assert patcher.loaded_size() == patcher.model_size()
        patcher.detach()
        assert patcher.loaded_size() == 0


def dropped_models_are_forgotten(nodes: Any) -> None:
    import comfy.model_management as management

    model = load_model(nodes)
    model.prepare(0)
    del model
    gc.collect()
    management.cleanup_models()
    assert management.current_loaded_models == []


def adapters_leave_their_base_alone(nodes: Any) -> None:
    base = load_model(nodes, "vivid-tiny base (bundled)")
    before = {name: p.clone() for name, p in base.bundle.transformer.named_parameters()}
    adapter = {"adapter": "vivid-tiny adapter (bundled)", "strength": 1.0}
    with torch.inference_mode():
        adapted = nodes.ApplyAdapter.execute(model=base, **adapter).args[0]
        assert nodes.ApplyAdapter.execute(model=base, adapter="none", strength=1.0).args[0] is base
    assert adapted.bundle.transformer is not base.bundle.transformer
    assert adapted.patchers[0] is not base.patchers[0]
    assert adapted.patchers[1:] == base.patchers[1:]
    for name, parameter in base.bundle.transformer.named_parameters():
        assert torch.equal(parameter, before[name])


def inputs_are_never_written_to(nodes: Any) -> None:
    model = load_model(nodes)
    with torch.inference_mode():
        frames, mask, *_ = nodes.SampleClip.execute(**CLIP).args
        kept = frames.clone(), mask.clone()
        edit, effective, _ = nodes.EditVideo.execute(model, frames, mask, **EDIT).args
        augment = {"mode": "box", "unit": "share", "seed": 0}
        nodes.AugmentMask.execute(mask, 0.1, 0.1, per_frame=False, components="each", **augment)
        nodes.OverlayMask.execute(frames, mask, "red", 1.0, True)
        edited = edit.clone()
        nodes.CompareEdit.execute(frames, edit, 8.0, "vivid/test", effective)
    assert torch.equal(frames, kept[0]) and torch.equal(mask, kept[1])
    assert torch.equal(edit, edited)
    outside = effective == 0
    assert torch.equal(edit[outside], frames[outside])


def newer_fields_are_left_out(nodes: Any) -> None:
    schema = sys.modules["vivid_pack.nodes.schema"].schema
    made = schema(node_id="Vivid_Test", not_yet_invented=True)
    assert made.node_id == "Vivid_Test"


def trimmed_videos_are_cut(nodes: Any) -> None:
    """A VIDEO that newer ComfyUI cut to a span of seconds."""
    from comfy_api.latest import InputImpl

    convert = sys.modules["vivid_pack.nodes.convert"]
    video = nodes.SampleClip.execute(**CLIP | {"length": 17}).args[2]
    file = Path(sys.argv[-1]) / "clip.mp4"
    video.save_to(str(file))
    whole = convert.to_clip(InputImpl.VideoFromFile(str(file)))
    assert len(whole) == 17 and whole.fps == 8

    class Trimmed(InputImpl.VideoFromFile):
        def get_active_trim_window(self) -> tuple[float, float]:
            return 0.5, 1.0

    part = convert.to_clip(Trimmed(str(file)))
    assert torch.equal(part.frames, whole.frames[4:12])


def models_are_found_where_people_keep_them(nodes: Any) -> None:
    host = sys.modules["vivid_pack.nodes.host"]
    models = Path(sys.argv[-1]) / "models"
    for folder in ("diffusers/A", "CogVideo/B", "diffusers/no_model"):
        (models / folder / "transformer").mkdir(parents=True)
        (models / folder / "transformer" / "weights.safetensors").write_bytes(b"1")
    for index in ("diffusers/A", "CogVideo/B"):
        (models / index / "model_index.json").write_text("{}")
    for file in ("diffusion_models/c.safetensors", "CogVideo/loras/d.safetensors", "vae/e.pt"):
        (models / file).parent.mkdir(parents=True, exist_ok=True)
        (models / file).write_bytes(b"1")
    folders = ["CogVideo/B", "diffusers/A"]
    assert host.choices("base") == folders
    assert host.choices("model") == [*folders, "diffusion_models/c.safetensors"]
    assert host.choices("adapter") == ["CogVideo/loras/d.safetensors"]
    assert host.choices("vae") == []  # no pickles
    before = host.fingerprint("model", "diffusers/A")
    assert before == host.fingerprint("model", "diffusers/A")
    (models / "diffusers/A/transformer/weights.safetensors").write_bytes(b"22")
    assert before != host.fingerprint("model", "diffusers/A")


CHECKS: dict[str, Callable[[Any], None]] = {
    check.__name__: check
    for check in (
        starting_loads_no_core,  # first: the others load it
        weights_can_be_trained,
        parts_move_as_a_whole,
        dropped_models_are_forgotten,
        adapters_leave_their_base_alone,
        inputs_are_never_written_to,
        newer_fields_are_left_out,
        trimmed_videos_are_cut,
        models_are_found_where_people_keep_them,
    )
}

if __name__ == "__main__":
    repository, base = sys.argv[1:]
    start_comfyui(base)
    nodes = load_pack(Path(repository))
    for name, check in CHECKS.items():
        check(nodes)
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()
