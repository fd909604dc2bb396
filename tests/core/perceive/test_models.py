"""The real classes of models that see, tiny and random: loading, shapes, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from vivid_core.errors import InputError, ModelError
from vivid_core.perceive.florence import FlorenceTagger, load_florence
from vivid_core.perceive.grounding import LABELS_AT_ONCE, load_grounding_dino
from vivid_core.perceive.internvl import LocalChat, load_chat
from vivid_core.perceive.load import ENGINES, load_engine, require_role
from vivid_core.perceive.pretrained import Pretrained, load_pretrained
from vivid_core.perceive.protocols import Captioner, Detector, Tagger

CPU = torch.device("cpu")


def test_grounding_dino_gives_labels_that_were_asked_for_inside_the_frame(dino_folder, pixels):
    detector = load_grounding_dino(dino_folder, device=CPU)
    assert isinstance(detector, Detector)
    found = detector.detect(pixels, ["Dog", "traffic light"])
    assert found and {entity.label for entity in found} <= {"dog", "traffic light"}
    assert all(e.box[2] <= 64 and e.box[3] <= 48 for e in found)
    assert detector.detect(pixels, ["Dog", "traffic light"]) == found
    assert detector.detect(pixels, []) == ()


def test_grounding_dino_reads_many_labels_in_groups(dino_folder, pixels):
    detector = load_grounding_dino(dino_folder, device=CPU)
    asked: list[str] = []
    processor = detector._loaded.processor

    class Listening:
        def __call__(self, **inputs: Any) -> Any:
            asked.append(inputs["text"])
            return processor(**inputs | {"text": "dog."})

        def __getattr__(self, name: str) -> Any:
            return getattr(processor, name)

    listening = type(detector)(replace(detector._loaded, processor=Listening()))
    listening.detect(pixels, [f"label {i}" for i in range(LABELS_AT_ONCE + 1)])
    assert [words.count(".") for words in asked] == [LABELS_AT_ONCE, 1]


class Says:
    """A model of Florence that answers what is prepared for each task's prompt."""

    def __init__(self, loaded: Pretrained, answers: dict[str, str]) -> None:
        self._loaded, self._answers = loaded, answers
        self.device, self.dtype = loaded.model.device, loaded.model.dtype

    def generate(self, input_ids: Any, **_: Any) -> Any:
        tokenizer = self._loaded.processor.tokenizer
        asked = tokenizer.decode(input_ids[0], skip_special_tokens=True)
        (answer,) = [text for words, text in self._answers.items() if words in asked]
        return torch.tensor([tokenizer(answer)["input_ids"]])


def test_florences_answers_become_labels(florence_folder, pixels):
    loaded = load_florence(florence_folder, device=CPU)._loaded
    box = "<loc_1><loc_2><loc_300><loc_400>"
    answers = {
        "object": f"dog{box}traffic light{box}",
        "What does the image describe?": "A small red car and a dog.",
        "A small red car and a dog.": f"A small red car{box}a dog{box}",
    }
    tagger = FlorenceTagger(replace(loaded, model=Says(loaded, answers)))
    assert isinstance(tagger, Tagger)
    assert tagger.tags(pixels) == ("dog", "traffic light", "car")


def test_florence_itself_runs_whatever_its_weights_say(florence_folder, pixels):
    loaded = load_florence(florence_folder, device=CPU)._loaded
    tags = FlorenceTagger(loaded, most_tokens=6).tags(pixels)
    assert tags == FlorenceTagger(loaded, most_tokens=6).tags(pixels)


def test_a_chat_answers_the_same_question_alike_and_without_the_question(internvl_folder, pixels):
    chat = LocalChat(load_chat(internvl_folder, device=CPU)._loaded, most_tokens=6)
    answer = chat.ask(pixels, "what is in the picture?")
    assert answer == chat.ask(pixels, "what is in the picture?")
    assert "picture" not in answer and len(answer.encode()) <= 6 * 4
    engine = load_engine("vlm", internvl_folder, device=CPU)
    assert isinstance(engine, Tagger) and isinstance(engine, Captioner)


def damage(folder: Path, name: str) -> None:
    if name == "another model":
        config = json.loads((folder / "config.json").read_text()) | {"model_type": "siglip"}
        (folder / "config.json").write_text(json.dumps(config))
    elif name == "weights are missing":
        path = folder / "model.safetensors"
        tensors = load_file(path)
        del tensors["model.query_position_embeddings.weight"]
        save_file(tensors, path, metadata={"format": "pt"})
    else:
        (folder / name).unlink()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("another model", "describes 'siglip', expected grounding-dino"),
        ("weights are missing", "weights are missing"),
        ("config.json", "missing; is the model folder complete"),
        ("model.safetensors", "cannot be loaded"),
    ],
)
def test_an_incomplete_folder_is_refused_in_one_line(dino_folder, tmp_path, name, words):
    folder = shutil.copytree(dino_folder, tmp_path / "dino")
    damage(folder, name)
    with pytest.raises(ModelError, match=words) as caught:
        load_grounding_dino(folder, device=CPU)
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no such folder.*IDEA-Research"):
        load_grounding_dino(tmp_path / "nothing", device=CPU)


def test_the_digest_stands_for_the_files(dino_folder, tmp_path):
    kinds = ("grounding-dino",)
    one, other = (
        load_pretrained(
            folder, "GroundingDinoForObjectDetection", kinds=kinds, example="", device=CPU
        )
        for folder in (dino_folder, shutil.copytree(dino_folder, tmp_path / "copy"))
    )
    assert one.digest == other.digest


def test_each_engine_asks_for_its_weights(monkeypatch, tmp_path):
    for name in ENGINES:
        if ENGINES[name].weights:
            with pytest.raises(InputError, match=f"{name} needs some"):
                load_engine(name, None, device=CPU)
    with pytest.raises(InputError, match="endpoint takes none"):
        load_engine("endpoint", tmp_path, device=CPU)
    monkeypatch.delenv("VIVID_ENDPOINT_URL", raising=False)
    with pytest.raises(InputError, match="VIVID_ENDPOINT_URL"):
        load_engine("endpoint", None, device=CPU)
    monkeypatch.setenv("VIVID_ENDPOINT_URL", "http://localhost:1/v1")
    monkeypatch.setenv("VIVID_ENDPOINT_MODEL", "eye")
    assert isinstance(load_engine("endpoint", None, device=CPU), Captioner)


def test_an_engine_that_cannot_do_what_is_asked_says_which_can(dino_folder):
    detector = load_engine("grounding-dino", dino_folder, device=CPU)
    require_role(detector, "detector")
    with pytest.raises(InputError, match="no captioner: load vlm or endpoint"):
        require_role(detector, "captioner")


def test_each_engine_does_what_its_facts_say(dino_folder, florence_folder, internvl_folder):
    folders = {
        "grounding-dino": dino_folder,
        "florence2": florence_folder,
        "vlm": internvl_folder,
    }
    for name, folder in folders.items():
        engine = load_engine(name, folder, device=CPU)
        for role in ENGINES[name].roles:
            require_role(engine, role)


def test_a_tracker_makes_masks_of_boxes():
    from vivid_core.perceive.frame_masks import TrackerSegmenter
    from vivid_core.track.flow import FlowTracker

    frame = np.full((60, 80, 3), 40, np.uint8)
    frame[20:40, 30:50] = (220, 60, 40)
    segmenter = TrackerSegmenter(FlowTracker())
    (mask,) = segmenter.masks(frame, [(24.0, 14.0, 56.0, 46.0)])
    truth = np.zeros((60, 80), bool)
    truth[20:40, 30:50] = True
    assert (mask & truth).sum() / (mask | truth).sum() > 0.9
    assert segmenter.masks(frame, []).shape == (0, 60, 80)
