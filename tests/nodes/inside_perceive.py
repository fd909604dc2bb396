"""Checks of the nodes that see and prepare data, in ComfyUI's Python: run by test_inside.py."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

Check = Callable[[Any], None]
BOX = {"x": 24, "y": 14, "width": 32, "height": 32}
SQUARE = (slice(20, 40), slice(30, 50))


class Eyes:
    """Tags, detects and captions a red square."""

    digest = "eyes"

    def __init__(self, nodes: Any) -> None:
        name = nodes.__name__.replace("nodes", "vivid_core.perceive.protocols")
        self._protocols = sys.modules.get(name) or __import__(name, fromlist=["Entity"])
        self.crop: Any = None

    def tags(self, frame: Any) -> tuple[str, ...]:
        return ("red", "ball", "sky")

    def detect(self, frame: Any, labels: Any) -> tuple[Any, ...]:
        entity = self._protocols.Entity(label=labels[0], box=(24, 14, 56, 46), score=0.8)
        return (entity, self._protocols.Entity(label="speck", box=(0, 0, 1, 1), score=0.9))

    def captions(self, crop: Any, label: str) -> Any:
        self.crop = crop
        words = f"The video shows a {label}"
        return self._protocols.Captions(words, words + " again", words + " again and again")


def clip() -> torch.Tensor:
    frames = torch.full((3, 60, 80, 3), 0.15)
    frames[:, *SQUARE] = torch.tensor((0.9, 0.2, 0.15))
    return frames


def boxes_of_core_become_masks(nodes: Any) -> None:
    """One box, a list for all frames, a list for each frame: SAM3 Detect gives the last."""
    for boxes in (BOX, [BOX], [[], [], [BOX | {"score": 0.7}]], [[BOX]]):
        out = nodes.SegmentEntities.execute(
            video=clip(), frame=2, engine=flow_tracker(nodes), entities=boxes, pick=1
        )
        masks, mask, label, overlay = out.args
        assert masks.shape == mask.shape == (1, 60, 80) and label == "object"
        truth = torch.zeros(60, 80)
        truth[SQUARE] = 1
        both = (mask[0] * truth).sum() / torch.maximum(mask[0], truth).sum()
        assert both > 0.9 and overlay.shape == (1, 60, 80, 3)


def what_is_tagged_is_found_masked_and_described(nodes: Any) -> None:
    eyes, frames = Eyes(nodes), clip()
    (labels,) = nodes.TagFrame.execute(video=frames, frame=0, engine=eyes, keep="things").args
    assert labels == "ball, sky"
    kept = nodes.TagFrame.execute(video=frames, frame=0, engine=eyes, keep="background").args
    assert kept == ("sky",)
    found, boxes, report = nodes.DetectEntities.execute(
        video=frames, frame=0, engine=eyes, labels=labels,
        score=0.3, smallest=0.01, largest=0.9, overlap=0.7,
    ).args  # fmt: skip
    assert boxes == [[BOX | {"score": 0.8, "label": "ball"}]]
    assert report == "1. ball, 80% sure, 32x32 at (24, 14)"
    _, mask, label, _ = nodes.SegmentEntities.execute(
        video=frames, frame=0, engine=flow_tracker(nodes), entities=found, pick=1
    ).args
    said = nodes.CaptionEntity.execute(video=frames, frame=0, engine=eyes, mask=mask, label=label)
    assert said.args[0] == "The video shows a ball" and len(said.args) == 3
    assert eyes.crop.shape[0] < 30 and (eyes.crop[0] == 0).all()


def what_cannot_be_done_is_told(nodes: Any) -> None:
    eyes, frames = Eyes(nodes), clip()
    segment = nodes.SegmentEntities.execute
    given = {"video": frames, "frame": 0, "engine": flow_tracker(nodes)}
    refused("there are none", segment, **given, entities=[[]], pick=1)
    refused("is 2, but there are 1", segment, **given, entities=[BOX], pick=2)
    refused("expected x, y", segment, **given, entities=[{"x": 1}], pick=1)
    for boxes in (3, "x", [None], [3], [BOX] * 2000, [BOX | {"x": float("nan")}]):
        refused("entities: ", segment, **given, entities=boxes, pick=1)
    refused("no segmenter", segment, **given | {"engine": eyes}, entities=[BOX], pick=1)
    refused("frames 0 to 2", segment, **given | {"frame": 3}, entities=[BOX], pick=1)
    load = nodes.LoadEngine.execute
    refused("yolox needs some", load, engine="yolox", weights="none")
    mask = torch.ones(1, 60, 80)
    describe = nodes.CaptionEntity.execute
    refused("is empty", describe, video=frames, frame=0, engine=eyes, mask=mask, label=" ")
    refused("is empty", describe, video=frames, frame=0, engine=eyes, mask=0 * mask, label="x")


class Writer:
    """A chat that describes what it sees by its brightness, and asks for more of it."""

    digest = "writer"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, picture: Any, words: str) -> str:
        self.asked.append(words)
        if "->" in words:
            return "1. make it bright -> A bright room.\n2. make it dark -> A dark room."
        return f"a room of brightness {picture.mean():.0f}"


def a_clip_gets_instructions(nodes: Any) -> None:
    writer, write = Writer(), nodes.WriteInstructions.execute
    frames = torch.linspace(0, 1, 5).view(5, 1, 1, 1).expand(5, 8, 8, 3)
    given = {"video": frames, "engine": writer, "caption": "my room", "examples": ""}
    lines, caption, edited = write(count=2, **given).args
    assert lines == "make it bright\nmake it dark" and edited == "A bright room.\nA dark room."
    assert caption == "a room of brightness 128"
    seen = [words for words in writer.asked if words.startswith("This picture")]
    assert len(seen) == 3 and "my room" in seen[0]
    assert (
        "brightness 0\n2. a room of brightness 128\n3. a room of brightness 255"
        in (writer.asked[3])
    )
    refused("answers no questions", write, count=2, **given | {"engine": Eyes(nodes)})
    refused("has no ->", write, count=2, **given | {"examples": "make it blue"})


def a_still_and_its_edit_move_alike(nodes: Any) -> None:
    move, still = nodes.CameraMotionClip.execute, clip()[:1]
    edit = still.clone()
    edit[:, *SQUARE] = torch.tensor((0.1, 0.2, 0.9))
    given = {"image": still, "motion": "zoom in", "length": 5, "crop": 0.9}
    source, edited = move(**given, edit=edit).args
    assert source.shape == edited.shape == (5, 60, 80, 3)
    assert torch.allclose(source[0], still[0], atol=1e-5)
    differs = (source - edited).abs().amax(dim=-1) > 0.01
    areas = differs.flatten(1).sum(dim=1)
    assert int(areas[0]) >= 400 and bool((areas.diff() >= 0).all()) and areas[-1] > areas[0]
    alone = move(**given).args
    assert torch.equal(alone[0], source) and torch.equal(alone[1], source)
    refused("needs one", move, **given | {"image": clip()})
    refused("edit: ", move, **given, edit=edit[:, :50])


def pairs_are_collected_to_train_on(nodes: Any) -> None:
    write, still = nodes.WritePair.execute, clip()[:1]
    moved = nodes.CameraMotionClip.execute(
        image=still, motion="move up", length=3, crop=0.9, edit=1 - still
    ).args
    given = {"source": moved[0], "edited": moved[1], "instructions": "turn it around\ninvert it"}
    given |= {"name": "pairs", "passed": True, "samples": 2, "shuffle": 0}
    refused("holds nothing yet", write, **given | {"passed": False})
    dataset, _, report = write(**given).args
    assert dataset.samples[0].captions == ("invert it", "turn it around")
    assert "1 clips (1 with instructions), 3 to 3 frames of 80x60" in report
    assert "left out" in write(**given | {"passed": False}).args[2]
    refused("instructions: is empty", write, **given | {"instructions": " "})
    refused("name: is empty", write, **given | {"name": " "})


def every_engine_of_the_core_can_be_loaded(nodes: Any) -> None:
    name = nodes.__name__.replace("nodes", "vivid_core.perceive.load")
    engines = __import__(name, fromlist=["ENGINES"]).ENGINES
    (combo,) = [i for i in nodes.LoadEngine.define_schema().inputs if i.id == "engine"]
    assert combo.options == list(engines)


def models_are_moved_by_comfyui(nodes: Any) -> None:
    """They wait until a node runs, are known to ComfyUI from then on, and come back when asked."""
    import comfy.model_management as management
    import folder_paths

    save_tiny = load_tests_module("tiny_engines").save_tiny_dino
    save_tiny(Path(folder_paths.models_dir) / "vivid_engines" / "dino")
    with torch.inference_mode():  # as ComfyUI runs every node
        (engine,) = nodes.LoadEngine.execute(engine="grounding-dino", weights="dino").args
    (patcher,) = engine.patchers
    assert patcher not in [one.model for one in management.current_loaded_models]
    given = {"score": 0.1, "smallest": 0.0, "largest": 1.0, "overlap": 0.7, "labels": "dog, cat"}

    def detect() -> Any:
        with torch.inference_mode():
            return nodes.DetectEntities.execute(video=clip(), frame=0, engine=engine, **given).args

    before = detect()
    assert before[0] and patcher in [one.model for one in management.current_loaded_models]
    assert patcher.loaded_size() == patcher.model_size() > 0
    management.free_memory(1e30, management.get_torch_device())
    assert patcher not in [one.model for one in management.current_loaded_models]
    assert detect()[2] == before[2] and patcher.loaded_size() > 0


def what_an_engine_found_out_is_for_one_run_of_a_node(nodes: Any) -> None:
    """An endpoint that was lost may be there when somebody presses Run again."""
    memory = sys.modules["vivid_pack.nodes.memory"]
    name = nodes.__name__.replace("nodes", "vivid_core.perceive.endpoint")
    endpoint = __import__(name, fromlist=["Endpoint"])
    chat = endpoint.EndpointChat(endpoint.Endpoint(url="http://localhost:1/v1", model="eye"))
    frame = torch.zeros(4, 4, 3, dtype=torch.uint8).numpy()
    socket = memory.HostedEngine.hold(chat)
    first, second = (memory.engine_of(socket) for _ in range(2))
    refused("not asked again", lambda: first.ask(frame, "?"))
    assert len({id(one) for one in (chat, first, second)}) == 3
    assert first.digest == second.digest == chat.digest


def load_tests_module(name: str) -> Any:
    path = Path(__file__).parents[1] / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flow_tracker(nodes: Any) -> Any:
    return nodes.LoadTracker.execute(engine="flow", weights="none").args[0]


def refused(words: str, run: Callable[..., Any], **inputs: Any) -> None:
    try:
        run(**inputs)
    except Exception as error:
        assert words in str(error), error
        assert "VividError" in [kind.__name__ for kind in type(error).__mro__], error
    else:
        raise AssertionError(f"{words}: was not refused")


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        boxes_of_core_become_masks,
        what_is_tagged_is_found_masked_and_described,
        what_cannot_be_done_is_told,
        a_clip_gets_instructions,
        a_still_and_its_edit_move_alike,
        pairs_are_collected_to_train_on,
        every_engine_of_the_core_can_be_loaded,
        models_are_moved_by_comfyui,
        what_an_engine_found_out_is_for_one_run_of_a_node,
    )
}

if __name__ == "__main__":
    repository, base = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).parent))
    from inside_comfyui import load_pack, run_checks, start_comfyui

    start_comfyui(base)
    run_checks(CHECKS, load_pack(Path(repository)))
