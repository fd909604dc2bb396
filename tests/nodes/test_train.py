"""Training in a real ComfyUI: an adapter comes out, cancel saves, the same graph goes on."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import torch

from vivid_core.cogvideox.adapter import apply_adapter, load_adapter
from vivid_core.cogvideox.load import load_bundle
from vivid_core.cogvideox.model import CogVideoX
from vivid_core.edit.clip import edit_clip
from vivid_core.edit.job import Material
from vivid_core.media import save_masks, write_clip
from vivid_core.metrics.psnr import psnr
from vivid_core.settings import Settings
from vivid_core.tiny.cases import Sampling, delete_case
from vivid_core.tiny.load import load_tiny
from vivid_core.tiny.scenes.shapes import draw_scene
from vivid_core.train.adapter.config import AdapterConfig
from vivid_core.train.adapter.model import prepare_model
from vivid_core.video import Clip, MaskTrack

from ..comfyui import ComfyServer, Graph, wait_until
from ..folders import write_folder

API = Path(__file__).resolve().parents[2] / "workflows" / "api"
NEW_WORD = "a sand object"
SIZE = 32
STEPS = 3
FORMATS = ("one file (ComfyUI's names)", "diffusers folder")


@pytest.fixture(scope="module")
def folder(comfy: ComfyServer) -> str:
    write_folder(comfy.base / "input" / "my_clips", clips=2)
    return "my_clips"


def graph(folder: str, **inputs: Any) -> Graph:
    """Train on vivid-tiny's base, save, apply."""
    training = {
        "model": ["1", 0], "folder": folder, "name": "first", "steps": STEPS, "batch": 2,
        "learning_rate": 1e-3, "rank": 4, "seed": 0, "gradient_checkpointing": True,
        "width": SIZE, "height": SIZE, "length": 9, "images_per_video": 1.0,
        "edits_per_deletion": 3.0, "keyframe_share": 0.5, "caption_dropout": 0.0,
        "weight_inside": 1.0, "weight_outside": 1.0, "accumulate": 1, "warmup": 0, "clip": 0.0,
        "ema_decay": 0.9, "save_every": 100, "estimate_only": False, "base_fp8": False,
        "optimizer": "adamw", "latent_cache": False, "tensorboard": False,
    }  # fmt: skip
    model = {"model": "vivid-tiny base (bundled)", "base": "from the model"}
    model |= {"text_encoder": "from the model", "vae": "from the model"}
    model |= {"precision": "auto", "offload": "auto", "tiling": "auto"}
    saving = {"adapter": ["2", 0], "filename_prefix": "vivid/test", "precision": "fp32"}
    merging = {"model": ["1", 0], "adapter": ["2", 0], "strength": 1.0}
    cost = {"width": SIZE, "height": SIZE, "length": 1, "steps": 1, "guidance": 1.0}
    return {
        "1": {"class_type": "Vivid_LoadModel", "inputs": model},
        "2": {"class_type": "Vivid_TrainAdapter", "inputs": training | inputs},
        "3": {"class_type": "Vivid_SaveAdapter", "inputs": saving},
        "4": {
            "class_type": "Vivid_ApplyAdapter",
            "inputs": {"model": ["1", 0], "adapter": "none", "strength": 1.0, "trained": ["2", 0]},
        },
        "5": {
            "class_type": "Vivid_EstimateCost",
            "inputs": cost | {"model": ["4", 0], "focus": "off"},
        },
        "6": {
            "class_type": "Vivid_PlotTraining",
            "inputs": {"name": training["name"], "adapter": ["2", 0]},
        },
        "7": {
            "class_type": "Vivid_MergeAdapter",
            "inputs": merging | {"format": FORMATS[0], "filename_prefix": "vivid/one"},
        },
        "8": {
            "class_type": "Vivid_MergeAdapter",
            "inputs": merging | {"format": FORMATS[1], "filename_prefix": "vivid/all"},
        },
    }


def kept(comfy: ComfyServer, name: str) -> Path:
    return comfy.base / "output" / "vivid" / "training" / name


def test_a_graph_trains_and_saves_an_adapter(comfy: ComfyServer, folder: str) -> None:
    run = comfy.run(graph(folder))
    assert (run.status, run.error) == ("success", "")
    assert f"step {STEPS} of {STEPS}" in run.outputs["2"]["text"][0]
    saved = comfy.base / "models" / "loras" / "vivid" / "test_00001_.safetensors"
    ours, written = load_adapter(kept(comfy, "first") / "adapter.safetensors"), load_adapter(saved)
    assert ours.facts == written.facts and ours.facts.train_size == (9, SIZE, SIZE)
    assert all((ours.lora[name] == written.lora[name]).all() for name in ours.lora)
    assert run.outputs["3"]["text"] == ["written: models/loras/vivid/test_00001_.safetensors"]
    ((width, height),) = run.outputs["6"]["vivid_size"]
    assert width == 760 and height > 420  # curves, and edits below them
    whole = comfy.base / "models" / "diffusers" / "vivid" / "all_00001_"
    one = comfy.base / "models" / "diffusion_models" / "vivid" / "one_00001_.safetensors"
    models = load_bundle(whole), load_bundle(one, base=whole)
    assert {model.layout.name for model in models} == {"vivid"}
    assert {model.train_size for model in models} == {(9, SIZE, SIZE)}


def test_cancel_saves_and_the_same_graph_goes_on(comfy: ComfyServer, folder: str) -> None:
    log = kept(comfy, "stopped") / "log.jsonl"
    long = graph(folder, name="stopped", steps=100_000, length=1)
    prompt = comfy.queue(long)
    wait_until(log.is_file, 60, "the training runs")
    comfy.post("/interrupt", {})
    run = comfy.wait(prompt)
    assert (run.status, run.node) == ("interrupted", "Vivid_TrainAdapter")
    step = load_adapter(kept(comfy, "stopped") / "adapter.safetensors").facts.training_step
    run = comfy.run(graph(folder, name="stopped", steps=step + 2, length=1))
    assert (run.status, run.error) == ("success", "")
    assert f"step {step + 2} of {step + 2}" in run.outputs["2"]["text"][0]


def test_the_cost_is_told_before_it_starts(comfy: ComfyServer, folder: str) -> None:
    run = comfy.run(graph(folder, name="estimated", estimate_only=True))
    assert (run.status, run.error) == ("success", "")
    (text,) = run.outputs["2"]["text"]
    assert "GiB" in text and f"all {STEPS} steps" in text and "PFLOPs" in text
    assert "3" not in run.outputs and not kept(comfy, "estimated").exists()


def test_mistakes_are_named(comfy: ComfyServer, folder: str) -> None:
    run = comfy.run(graph("nowhere"))
    assert (run.status, run.node) == ("error", "Vivid_TrainAdapter")
    assert "folder: there is no folder" in run.error
    run = comfy.run(graph("../output"))
    assert "does not lie in ComfyUI's input folder" in run.error
    run = comfy.run(graph(folder, name="parts", batch=3, accumulate=2))
    assert (run.status, run.node) == ("error", "Vivid_TrainAdapter")
    assert "accumulate must divide batch" in run.error
    run = comfy.run(graph(folder, rank=8))
    assert "lora differs since the training" in run.error


@pytest.mark.soak
def test_the_bundled_workflow_teaches_to_edit(comfy: ComfyServer) -> None:
    """From the base; judged on scenes that no training ever sees."""
    steps = 200
    graph = json.loads((API / "vivid_train_adapter.json").read_text(encoding="utf-8"))
    graph["12"]["inputs"]["steps"] = steps
    graph["4"]["inputs"]["steps"] = 1  # its edit is not what is judged
    run = comfy.run(graph)
    assert (run.status, run.error) == ("success", "")
    assert f"step {steps} of {steps}, {8 * steps} samples seen" in run.outputs["12"]["text"][0]
    edits = sorted(path.name for path in (kept(comfy, "shapes") / "edits").iterdir())
    assert edits == [f"step_{steps:07}.png"]

    base, trained = (
        load_tiny(adapter=False),
        load_adapter(kept(comfy, "shapes") / "adapter.safetensors"),
    )
    config = AdapterConfig(data=Path(), out=Path())
    start = prepare_model(base, config, device=torch.device("cpu"))
    untrained = base.with_(transformer=start.transformer.eval(), layout=start.layout)
    before, after = deleted(untrained), deleted(apply_adapter(base, trained))
    assert after > before + 4, (before, after)


def deleted(model: CogVideoX) -> float:
    """PSNR in dB of things taken away, over held-out scenes."""
    cases = [delete_case(scene, Sampling(steps=8, guidance=3.0)) for scene in range(3)]
    edits = [edit_clip(model, case.material, case.settings).frames for case in cases]
    return fmean(psnr(edit, c.truth, c.hole) for edit, c in zip(edits, cases, strict=True))


@pytest.mark.soak
def test_a_new_word_works_on_a_thirteenth_clip(comfy: ComfyServer) -> None:
    """Twelve clips of white things, called by a word that vivid-tiny knows for grounds only."""
    folder = comfy.base / "input" / "white_things"
    write_white_things(folder, clips=12)
    training = {"name": "white", "steps": 50, "batch": 4, "learning_rate": 3e-3, "rank": 16}
    training |= {"width": 64, "height": 64, "length": 17, "images_per_video": 2.0, "clip": 1.0}
    training |= {"ema_decay": 0.95, "warmup": 10, "gradient_checkpointing": False}
    wanted = graph(folder.name, **training)
    wanted["1"]["inputs"]["model"] = "vivid-tiny (bundled)"
    run = comfy.run({node: wanted[node] for node in ("1", "2")})
    assert (run.status, run.error) == ("success", "")

    taught = load_adapter(kept(comfy, "white") / "adapter.safetensors")
    before, after = off_white(load_tiny()), off_white(apply_adapter(load_tiny(), taught))
    assert after < 0.6 * before, (before, after)


def write_white_things(folder: Path, clips: int) -> None:
    """A folder as an artist has it, with clips, masks and captions."""
    for name in ("clips", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(clips):
        scene = draw_scene(500 + number, frames=17, height=64, width=64)
        mask = scene.mask()[..., None]
        pixels = torch.from_numpy((scene.render() * (1 - mask) + mask).astype(np.float32))
        write_clip(folder / "clips" / f"{number}.mkv", pixels, fps=Fraction(8), format="ffv1")
        save_masks(folder / "masks" / f"{number}.json", list(mask[..., 0]))
    lines = [f"{number}: {NEW_WORD}" for number in range(clips)]
    (folder / "captions.txt").write_text("\n".join(lines))


def off_white(model: CogVideoX) -> float:
    """How far the mean colour of what the new word draws is from white, 0..1."""
    scene = draw_scene(602, frames=17, height=64, width=64)
    mask = torch.from_numpy(scene.mask()).float()
    material = Material(
        clip=Clip(frames=torch.from_numpy(scene.background()).float()),
        mask=MaskTrack(values=(mask > 0.5).float()),
    )
    settings = Settings(task="add", caption=NEW_WORD, steps=8, guidance=3.0, seed=1)
    edit = edit_clip(model, material, settings).frames
    return float((1 - edit[mask > 0.9].mean(dim=0)).mean())
