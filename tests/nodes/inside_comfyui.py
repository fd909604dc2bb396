"""Checks that need ComfyUI's own modules: run by test_inside.py in ComfyUI's Python.

Arguments: the repository and a base directory. Prints the name of each check that holds.
"""

from __future__ import annotations

import gc
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
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
        edit, effective, *_ = nodes.EditVideo.execute(model, frames, mask, **EDIT).args
        augment = {"mode": "box", "unit": "share", "seed": 0}
        nodes.AugmentMask.execute(mask, 0.1, 0.1, per_frame=False, components="each", **augment)
        nodes.OverlayMask.execute(frames, mask, "red", 1.0, True)
        edited = edit.clone()
        nodes.CompareEdit.execute(frames, edit, 8.0, "vivid/test", effective)
    assert torch.equal(frames, kept[0]) and torch.equal(mask, kept[1])
    assert torch.equal(edit, edited)
    outside = effective == 0
    assert torch.equal(edit[outside], frames[outside])


def one_mistake_is_told_once(nodes: Any) -> None:
    """ComfyUI tells what `validate_inputs` refuses at each input that it names."""
    together = {("task", "caption"), ("task", "captions"), ("path", "paint")}
    for node in nodes.NODES:
        if "validate_inputs" in vars(node):
            named = tuple(inspect.signature(node.validate_inputs).parameters)
            assert len(named) == 1 or named in together, (node, named)


def single_files_need_no_base(nodes: Any) -> None:
    """Transformer, text encoder and VAE as files, as ComfyUI's own workflows fetch them."""
    import folder_paths
    from safetensors.torch import save_file

    build = importlib.import_module(f"{nodes.__name__.replace('nodes', 'vivid_core')}.tiny.build")
    parts = {
        "diffusion_models": build.build_transformer(in_channels=33),
        "text_encoders": build.build_text_encoder(32128),  # T5's vocabulary
        "vae": build.build_vae((32,) * 4, layers_per_block=1, norm_groups=32),
    }
    choices = []
    for folder, part in parts.items():
        file = Path(folder_paths.models_dir) / folder / "part.safetensors"
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: value.clone() for name, value in part.state_dict().items()}, file)
        choices.append(f"{folder}/{file.name}")
    model, text_encoder, vae = choices
    with torch.inference_mode():
        loaded = nodes.LoadModel.execute(
            model=model, base="from the model", text_encoder=text_encoder, vae=vae,
            precision="auto", offload="auto", tiling="auto",
        ).args[0]  # fmt: skip
        frames, mask, *_ = nodes.SampleClip.execute(**CLIP).args
        edit = nodes.EditVideo.execute(loaded, frames, mask, **EDIT).args[0]
    assert loaded.bundle.layout.name == "fun_inp"
    assert loaded.bundle.tokenizer("a red balloon").input_ids == [3, 9, 1131, 14526, 1]
    assert edit.shape == frames.shape


def fills_are_kept(nodes: Any) -> None:
    """Another seed does not fill again."""
    import folder_paths

    model, folder = load_model(nodes), Path(folder_paths.get_temp_directory()) / "vivid_fills"
    asked = EDIT | {"task": "delete", "fill": "auto"}
    with torch.inference_mode():
        frames, mask, *_ = nodes.SampleClip.execute(**CLIP).args
        nodes.EditVideo.execute(model, frames, mask, **asked)
        kept = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
        nodes.EditVideo.execute(model, frames, mask, **asked | {"seed": 2}, rest="classical")
        nodes.EditVideo.execute(model, frames, mask, **asked | {"seed": 3})
    assert kept.items() <= {file: file.stat().st_mtime_ns for file in folder.iterdir()}.items()
    assert len(kept) == 1 and len(list(folder.iterdir())) == 2


def the_bar_never_goes_back(nodes: Any) -> None:
    place = sys.modules["vivid_pack.nodes.host"]._Place()
    progress = sys.modules["vivid_pack.vivid_core.runtime"].Progress
    stages = [
        ("survey", 0),
        *((stage, w) for w in (0, 1) for stage in ("fill", "encode", "denoise")),
    ]
    shown = [
        place.ticks(progress(stage=stage, done=done, total=4, window=window, windows=2))
        for stage, window in stages
        for done in range(5)
    ]
    assert shown == sorted(shown) and shown[0] == 0 and shown[-1] < 1000
    assert place.ticks(progress(stage="write", done=1, total=1, window=1, windows=2)) == 1000


def newer_fields_are_left_out(nodes: Any) -> None:
    schema = sys.modules["vivid_pack.nodes.schema"].schema
    made = schema(node_id="Vivid_Test", not_yet_invented=True)
    assert made.node_id == "Vivid_Test"


def inputs_and_outputs_have_ids_of_their_own(nodes: Any) -> None:
    """Else the oldest supported ComfyUI loads neither the node nor those after it."""
    for node in nodes.NODES:
        schema = node.define_schema()
        ids = [one.id for one in (*schema.inputs, *schema.outputs) if one.id is not None]
        assert len(ids) == len(set(ids)), node


def the_meadow_has_a_true_mask_and_sound(nodes: Any) -> None:
    import av

    meadow = CLIP | {"seed": 0, "width": 96, "fps": 24}
    draw = nodes.SampleClip.execute
    frames, mask, video, caption = draw(**meadow | {"scene": "meadow: a fox walks by"}).args
    clean, same, *_ = draw(**meadow | {"scene": "meadow: the fox removed"}).args
    assert frames.shape == (5, 64, 96, 3) and caption == "a red fox"
    assert torch.equal(mask, same)
    changed = (frames != clean).any(dim=-1)
    assert changed[mask > 0.5].float().mean() > 0.99 and not changed[:, :20].any()
    file = Path(sys.argv[-1]) / "meadow.mp4"
    video.save_to(str(file))
    with av.open(str(file)) as container:
        assert container.streams.video[0].average_rate == 24
        assert len(container.streams.audio) == 1


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
    loras = models / "loras" / "big"
    loras.mkdir(parents=True)
    for name in ("x-00001-of-00002.safetensors", "x-00002-of-00002.safetensors"):
        (loras / name).write_bytes(b"1")
    alone = [
        "CogVideo/loras/d.safetensors",
        *(f"loras/big/{f.name}" for f in sorted(loras.iterdir())),
    ]
    assert host.choices("adapter") == alone
    (loras / "x.safetensors.index.json").write_text("{}")
    index = "loras/big/x.safetensors.index.json"
    assert host.choices("adapter") == ["CogVideo/loras/d.safetensors", index]
    before = host.fingerprint("adapter", index)
    (loras / name).write_bytes(b"22")
    assert before != host.fingerprint("adapter", index)
    assert host.choices("vae") == []  # no pickles
    before = host.fingerprint("model", "diffusers/A")
    assert before == host.fingerprint("model", "diffusers/A")
    (models / "diffusers/A/transformer/weights.safetensors").write_bytes(b"22")
    assert before != host.fingerprint("model", "diffusers/A")


def run_checks(checks: Mapping[str, Callable[[Any], str | None]], nodes: Any) -> None:
    """Run them all, and name each that passed; one that gives back a reason was skipped."""
    for name, check in checks.items():
        reason = check(nodes)
        sys.stdout.write(f"{name}\n" if reason is None else f"{name} skipped: {reason}\n")
        sys.stdout.flush()


CHECKS: dict[str, Callable[[Any], None]] = {
    check.__name__: check
    for check in (
        starting_loads_no_core,  # first: the others load it
        weights_can_be_trained,
        parts_move_as_a_whole,
        dropped_models_are_forgotten,
        adapters_leave_their_base_alone,
        inputs_are_never_written_to,
        one_mistake_is_told_once,
        fills_are_kept,
        the_bar_never_goes_back,
        newer_fields_are_left_out,
        inputs_and_outputs_have_ids_of_their_own,
        the_meadow_has_a_true_mask_and_sound,
        models_are_found_where_people_keep_them,
        single_files_need_no_base,
    )
}

if __name__ == "__main__":
    repository, base = sys.argv[1:]
    start_comfyui(base)
    nodes = load_pack(Path(repository))
    run_checks(CHECKS, nodes)
