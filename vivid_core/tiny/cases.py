"""Held-out edits of procedural scenes whose results are known: what vivid-tiny is judged on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..edit.job import Material
from ..mask.augment import MaskMode, augment_mask
from ..settings import Settings, Task
from ..video import Clip, Keyframe, MaskTrack
from .scenes.shapes import (
    COLORS,
    HELD_OUT_SEED,
    SHAPES,
    Scene,
    Thing,
    draw_scene,
    is_held_out,
)

FRAMES, SIZE = 17, 64
# VIVID, app. A.2: the three mask variants of its evaluation set
EVALUATION_MODES: tuple[MaskMode, ...] = ("expand", "hull", "box")
FULLY_COVERED = 0.9  # coverage from which a pixel shows the thing's own colour
DRAWN_SHARE = 0.8  # radius of a modified thing's illustration: it must fit another one's mask


@dataclass(frozen=True, kw_only=True)
class Case:
    """One edit. Frames are [T, H, W, 3] in 0..1.

    `truth` is what a perfect edit shows (for modify, one of many), `flow` its true motion, `thing`
    the mask of what it shows there.
    """

    name: str
    material: Material
    settings: Settings
    truth: Tensor
    flow: Tensor
    thing: Tensor
    expected: str  # colour and shape

    @property
    def hole(self) -> Tensor:
        return self.material.mask.values


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the model is asked."""

    steps: int
    guidance: float


def delete_case(seed: int, sampling: Sampling) -> Case:
    """Remove the target, hidden parts included."""
    scene = held_out_scene(seed)
    truth = _tensor(scene.background())
    rest = replace(scene, things=_without_target(scene), target=0)
    hole = augment_mask(_tensor(scene.mask(visible=False)), mode="expand", seed=seed)
    request = _request("delete", _tensor(scene.render()), hole, "", seed, sampling)
    return _case("delete", request, truth, scene=rest, thing=hole)


def add_case(seed: int, sampling: Sampling) -> Case:
    """Put the target into the scene without it."""
    scene = held_out_scene(seed)
    source, thing = _tensor(scene.background()), _tensor(scene.mask())
    caption = f"a {scene.target_thing.words}"
    request = _request("add", source, _evaluation_hole(thing, seed), caption, seed, sampling)
    truth = _tensor(scene.render())
    return _case("add", request, truth, scene=scene, thing=thing)


def modify_case(seed: int, sampling: Sampling) -> Case:
    """Turn the target into another held-out pair of colour and shape, inside its own mask."""
    scene = held_out_scene(seed)
    source = _tensor(scene.render())
    color, shape = _other_pair(scene, np.random.default_rng([seed, 1]))
    hole = _evaluation_hole(_tensor(scene.mask()), seed)
    request = _request("modify", source, hole, f"a {color} {shape}", seed, sampling)
    radius = scene.target_thing.radius * DRAWN_SHARE
    changed = _with_target(scene, color=color, shape=shape, radius=radius)
    return _case(
        "modify",
        request,
        _tensor(changed.render()),
        scene=changed,
        thing=_tensor(changed.mask()),
    )


def keyframe_case(seed: int, sampling: Sampling) -> Case:
    """Add a thing whose colour only the keyframe (frame 0) tells: the caption names the shape."""
    scene = held_out_scene(seed)
    free = [color for color in COLORS if color not in {thing.color for thing in scene.things}]
    color = free[int(np.random.default_rng([seed, 2]).integers(len(free)))]
    recolored = _with_target(scene, color=color)
    truth, thing = _tensor(recolored.render()), _tensor(recolored.mask())
    source = _tensor(scene.background())
    hole = augment_mask(thing, mode="expand", seed=seed)
    caption = f"a {scene.target_thing.shape}"
    request = _request("add", source, hole, caption, seed, sampling)
    request = request.with_keyframe(Keyframe(frame=0, pixels=truth[0]))
    return _case("keyframe", request, truth, scene=recolored, thing=thing)


def without_keyframes(case: Case) -> Case:
    material = replace(case.material, keyframes=())
    return replace(case, name="no keyframe", material=material)


CASES: dict[str, Callable[[int, Sampling], Case]] = {
    "delete": delete_case,
    "add": add_case,
    "modify": modify_case,
    "keyframe": keyframe_case,
}


def held_out_scene(seed: int) -> Scene:
    """The scene of a seed counted from the first held-out one."""
    return draw_scene(HELD_OUT_SEED + seed, frames=FRAMES, height=SIZE, width=SIZE)


def bare_background(scene: Scene) -> Tensor:
    """The background with nothing on it."""
    return _tensor(scene.render(without=tuple(range(len(scene.things)))))


@dataclass(frozen=True, kw_only=True)
class _Request:
    """What is asked of which clip."""

    material: Material
    settings: Settings

    def with_keyframe(self, keyframe: Keyframe) -> _Request:
        return replace(self, material=replace(self.material, keyframes=(keyframe,)))


def _request(
    task: Task, source: Tensor, hole: Tensor, caption: str, seed: int, sampling: Sampling
) -> _Request:
    """The raw output of the model: no growth, no feathering, the whole frame in view."""
    clip = Clip(frames=source)
    return _Request(
        material=Material(clip=clip, mask=MaskTrack.fit(hole, clip)),
        settings=Settings(
            task=task,
            caption=caption,
            seed=seed,
            steps=sampling.steps,
            guidance=sampling.guidance,
            focus="off",
            grow=0,
            feather=0,
            fill="off",
        ),
    )


def _case(
    name: str,
    request: _Request,
    truth: Tensor,
    *,
    scene: Scene,
    thing: Tensor,
) -> Case:
    target = scene.target_thing if scene.things else None
    return Case(
        name=name,
        material=request.material,
        settings=request.settings,
        truth=truth,
        flow=_tensor(scene.flow()),
        thing=thing,
        expected=f"{target.color} {target.shape}" if target else "",
    )


def _evaluation_hole(thing: Tensor, seed: int) -> Tensor:
    mode = EVALUATION_MODES[seed % len(EVALUATION_MODES)]
    return augment_mask(thing, mode=mode, seed=seed)


def _other_pair(scene: Scene, rng: np.random.Generator) -> tuple[str, str]:
    """A held-out pair of another shape, in a colour that no other thing in the scene has."""
    taken = {thing.color for thing in _without_target(scene)}
    shape = scene.target_thing.shape
    free = [(c, s) for c in COLORS for s in SHAPES if c not in taken and s != shape]
    pairs = [pair for pair in free if is_held_out(*pair)]
    return pairs[int(rng.integers(len(pairs)))]


def _with_target(scene: Scene, **changes: Any) -> Scene:
    things = list(scene.things)
    things[scene.target] = replace(scene.target_thing, **changes)
    return replace(scene, things=tuple(things))


def _without_target(scene: Scene) -> tuple[Thing, ...]:
    return tuple(thing for i, thing in enumerate(scene.things) if i != scene.target)


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values)
