"""Keyframes through a real ComfyUI: make candidates, pick one, let the clip follow it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ..comfyui import ComfyServer, Graph, Rejected, Run
from .conftest import STEPS, find, set_inputs

FRAMES, SIZE = 17, 64


@pytest.fixture
def loop(repository: Path) -> Graph:
    """The bundled loop with few steps, two candidates for each of two captions."""
    graph = bundled(repository, "vivid_keyframe_loop")
    captions = "a red square\na blue square"
    set_inputs(graph, "Vivid_EditKeyframe", captions=captions, candidates=2, steps=STEPS)
    set_inputs(graph, "Vivid_PropagateKeyframes", steps=STEPS)
    return graph


@pytest.fixture
def middle(repository: Path) -> Graph:
    """The bundled graph with a keyframe in the middle, with few steps."""
    graph = bundled(repository, "vivid_middle_keyframe")
    set_inputs(graph, "Vivid_EditKeyframe", steps=STEPS)
    set_inputs(graph, "Vivid_PropagateKeyframes", steps=STEPS)
    return graph


def bundled(repository: Path, name: str) -> Graph:
    path = repository / "workflows" / "api" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def run(comfy: ComfyServer, graph: Graph) -> tuple[Run, set[str]]:
    """What became of a graph, and the classes of the nodes that were executed."""
    prompt = comfy.queue(graph)
    ended = comfy.wait(prompt)
    messages = dict(comfy.get(f"/history/{prompt}")[prompt]["status"]["messages"])
    cached = set(messages["execution_cached"]["nodes"])
    return ended, {node["class_type"] for key, node in graph.items() if key not in cached}


def gallery(ended: Run, graph: Graph) -> dict[str, Any]:
    return ended.outputs[find(graph, "Vivid_PickKeyframe")]["vivid_gallery"][0]


def choose(graph: Graph, choice: str) -> None:
    set_inputs(graph, "Vivid_PickKeyframe", choice=choice)


def pixels(comfy: ComfyServer, card: dict[str, Any]) -> np.ndarray:
    file = comfy.file({"filename": card["file"], **card})
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def saved(graph: Graph, source: list[Any]) -> None:
    """Save an IMAGE as PNG files under node 90."""
    inputs = {"images": source, "filename_prefix": "keyframes"}
    graph["90"] = {"class_type": "SaveImage", "inputs": inputs}


def images(comfy: ComfyServer, ended: Run) -> np.ndarray:
    files = [comfy.file(place) for place in ended.outputs["90"]["images"]]
    return np.stack([np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in files])


def test_without_a_choice_the_candidates_are_shown_and_nothing_follows(
    comfy: ComfyServer, loop: Graph
) -> None:
    choose(loop, "")
    ended, _ = run(comfy, loop)
    assert (
        ended.outputs.keys() & {find(loop, "Vivid_CompareEdit"), find(loop, "SaveVideo")} == set()
    )
    assert ended.error == ""
    assert "click one in the node" in ended.outputs[find(loop, "Vivid_PickKeyframe")]["text"][0]
    cards = gallery(ended, loop)["current"]
    assert [card["seed"] for card in cards] == [1, 2, 1, 2]
    assert [card["caption"].split()[1] for card in cards] == ["red", "red", "blue", "blue"]
    assert len({card["digest"] for card in cards}) == 4
    assert pixels(comfy, cards[0]).shape == (SIZE, SIZE, 3)
    report = ended.outputs[find(loop, "Vivid_EditKeyframe")]["text"][0]
    assert "4 candidate(s) of frame 0" in report and "times as much" in report


def test_another_choice_runs_only_what_follows(comfy: ComfyServer, loop: Graph) -> None:
    choose(loop, "1")
    ended, _ = run(comfy, loop)
    assert (ended.status, ended.error) == ("success", "")
    cards = gallery(ended, loop)["current"]
    choose(loop, f"{cards[2]['digest']} seed {cards[2]['seed']}")
    again, executed = run(comfy, loop)
    follows = {"Vivid_PickKeyframe", "Vivid_PropagateKeyframes", "Vivid_CompareEdit"}
    assert executed == {*follows, "SaveVideo"}
    assert again.outputs.keys() >= {find(loop, kind) for kind in follows}
    view = again.outputs[find(loop, "Vivid_CompareEdit")]["vivid_compare"][0]
    assert view["measures"]["outside"] == 0 and view["measures"]["inside_max"] > 1
    report = again.outputs[find(loop, "Vivid_PropagateKeyframes")]["text"][0]
    assert report.splitlines()[0] == "keyframe(s) at 0: from 0 forwards to 16"
    _, executed = run(comfy, loop)
    assert executed == set()


def test_earlier_candidates_can_still_be_picked(comfy: ComfyServer, loop: Graph) -> None:
    before = gallery(run(comfy, loop)[0], loop)["current"]
    set_inputs(loop, "Vivid_EditKeyframe", seed=70)
    choose(loop, before[1]["digest"])
    saved(loop, [find(loop, "Vivid_PickKeyframe"), 1])
    ended, _ = run(comfy, loop)
    assert (ended.status, ended.error) == ("success", "")
    shown = gallery(ended, loop)
    assert [card["seed"] for card in shown["current"]] == [70, 71, 70, 71]
    earlier = [card["digest"] for card in shown["earlier"]]
    assert earlier[:4] == [card["digest"] for card in before]
    (picked,) = images(comfy, ended)
    assert (picked == pixels(comfy, before[1])).all()
    about = ended.outputs[find(loop, "Vivid_PickKeyframe")]["text"][0]
    assert "for frame 0: seed 2, a red square" in about


def test_a_picture_is_the_same_bytes_from_the_batch_and_from_disk(
    comfy: ComfyServer, loop: Graph
) -> None:
    choose(loop, "2")
    saved(loop, [find(loop, "Vivid_PickKeyframe"), 1])
    ended, _ = run(comfy, loop)
    card = gallery(ended, loop)["current"][1]
    assert card["type"] == "output" and card["subfolder"].startswith("vivid/keyframes/")
    (picked,) = images(comfy, ended)
    assert (picked == pixels(comfy, card)).all()


def test_what_is_wrong_is_told_before_anything_runs(comfy: ComfyServer, loop: Graph) -> None:
    choose(loop, "the second")
    set_inputs(loop, "Vivid_EditKeyframe", captions=" \n ")
    with pytest.raises(Rejected) as refused:
        comfy.queue(loop)
    errors = "\n".join(refused.value.errors)
    assert "choice: is 'the second': click a picture" in errors
    assert "captions: is empty: say what to modify" in errors


def test_pictures_of_other_nodes_need_their_frame(comfy: ComfyServer, loop: Graph) -> None:
    loop["91"] = {
        "class_type": "EmptyImage",
        "inputs": {"width": SIZE, "height": SIZE, "batch_size": 2, "color": 16711680},
    }
    set_inputs(loop, "Vivid_PickKeyframe", candidates=["91", 0])
    ended, _ = run(comfy, loop)
    assert (ended.status, ended.node) == ("error", "Vivid_PickKeyframe")
    assert "frame: is -1, but the picture was not made by Vivid Edit Keyframe" in ended.error
    set_inputs(loop, "Vivid_PickKeyframe", frame=9)
    set_inputs(loop, "Vivid_PropagateKeyframes", caption="a red square")
    ended, _ = run(comfy, loop)
    assert (ended.status, ended.error) == ("success", "")
    card = gallery(ended, loop)["current"][0]
    assert card["type"] == "temp" and (pixels(comfy, card) == [255, 0, 0]).all()
    report = ended.outputs[find(loop, "Vivid_PropagateKeyframes")]["text"][0]
    assert report.startswith("keyframe(s) at 9: from 9 backwards to 0; from 9 forwards to 16")


def test_the_caption_goes_with_the_picture(comfy: ComfyServer, loop: Graph) -> None:
    """Words that the model does not know are named by the node that reads them."""
    set_inputs(loop, "Vivid_EditKeyframe", captions="a red square\na blue zeppelin")
    reports = []
    for choice in ("1", "3"):
        choose(loop, choice)
        ended, _ = run(comfy, loop)
        reports += ended.outputs[find(loop, "Vivid_PropagateKeyframes")]["text"]
    assert "zeppelin" not in reports[0] and "zeppelin" in reports[1]


def test_delete_makes_one_set_of_candidates(comfy: ComfyServer, loop: Graph) -> None:
    set_inputs(loop, "Vivid_EditKeyframe", task="delete", captions="nobody\nreads these")
    ended, _ = run(comfy, loop)
    cards = gallery(ended, loop)["current"]
    assert [(card["task"], card["caption"], card["seed"]) for card in cards] == [
        ("delete", "", 1),
        ("delete", "", 2),
    ]


def test_a_range_is_made_anew_and_the_rest_stays(comfy: ComfyServer, middle: Graph) -> None:
    whole = find(middle, "Vivid_PropagateKeyframes")
    saved(middle, [whole, 0])
    before = images(comfy, comfy.run(middle))
    changes = {"seed": 9, "first_frame": 11, "last_frame": 13, "previous": [whole, 0]}
    middle["91"] = middle[whole] | {"inputs": middle[whole]["inputs"] | changes}
    saved(middle, ["91", 0])
    ended = comfy.run(middle)
    assert (ended.status, ended.error) == ("success", "")
    changed = (before != images(comfy, ended)).reshape(FRAMES, -1).any(axis=1)
    assert set(np.flatnonzero(changed)) == {11, 12, 13}
    assert ended.outputs["91"]["text"][0].startswith("frames 11 to 13 made anew")


def test_a_range_needs_the_edit_that_it_is_part_of(comfy: ComfyServer, middle: Graph) -> None:
    set_inputs(middle, "Vivid_PropagateKeyframes", first_frame=3)
    ended = comfy.run(middle)
    assert (ended.status, ended.node) == ("error", "Vivid_PropagateKeyframes")
    assert "previous: is missing: connect the edit" in ended.error


def test_a_whole_clip_needs_a_keyframe(comfy: ComfyServer, middle: Graph) -> None:
    del middle[find(middle, "Vivid_PropagateKeyframes")]["inputs"]["keyframe"]
    ended = comfy.run(middle)
    assert (ended.status, ended.node) == ("error", "Vivid_PropagateKeyframes")
    assert "keyframe: is missing: connect Vivid Pick Keyframe" in ended.error


def test_keyframes_add_up_and_the_new_one_wins(comfy: ComfyServer, middle: Graph) -> None:
    """Green at frame 0, then red at the same frame: the clip becomes red there."""
    last = find(middle, "Vivid_UseKeyframe")
    for number, color in (("91", 0x00FF00), ("93", 0xFF0000)):
        picture = {"width": SIZE, "height": SIZE, "batch_size": 1, "color": color}
        middle[number] = {"class_type": "EmptyImage", "inputs": picture}
        used = {"image": [number, 0], "frame": 0, "keyframe": [last, 0]}
        last = f"{int(number) + 1}"
        middle[last] = {"class_type": "Vivid_UseKeyframe", "inputs": used}
    set_inputs(middle, "Vivid_PropagateKeyframes", keyframe=[last, 0])
    saved(middle, [find(middle, "Vivid_PropagateKeyframes"), 0])
    ended = comfy.run(middle)
    assert (ended.status, ended.error) == ("success", "")
    report = ended.outputs[find(middle, "Vivid_PropagateKeyframes")]["text"][0]
    assert report.startswith("keyframe(s) at 0, 8: ")
    first = images(comfy, ended)[0].reshape(-1, 3)
    assert (first == [255, 0, 0]).all(axis=1).any()
    assert not (first == [0, 255, 0]).all(axis=1).any()


def test_a_keyframe_of_another_size_is_refused(comfy: ComfyServer, middle: Graph) -> None:
    picture = {"width": 48, "height": 32, "batch_size": 1, "color": 0}
    middle["91"] = {"class_type": "EmptyImage", "inputs": picture}
    set_inputs(middle, "Vivid_UseKeyframe", image=["91", 0])
    ended = comfy.run(middle)
    assert (ended.status, ended.node) == ("error", "Vivid_PropagateKeyframes")
    assert "keyframe: is 48x32, the clip is 64x64: resize the keyframe" in ended.error
