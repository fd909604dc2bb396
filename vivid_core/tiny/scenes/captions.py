"""Captions of procedural scenes, and the closed vocabulary that holds all their words."""

from __future__ import annotations

import re
from typing import get_args

import numpy as np

from ...cogvideox.text import DELETE_CAPTION
from .shapes import COLORS, SHAPES, Scene, ShapeName, Thing
from .textures import GROUND_COLORS, PATTERNS

MOVING = 4.0  # pixels of a 64-pixel frame between first and last frame that count as moving
DIRECTIONS = ("to the right", "to the left", "down", "up")
OTHER_WORDS = "a an and the video shows object small large moving still over in front of on with"


def local_caption(scene: Scene, rng: np.random.Generator, *, name_color: bool = True) -> str:
    """A caption of the target alone, at one of the paper's three levels of detail (app. A.5)."""
    thing = scene.target_thing
    words = thing.words if rng.random() < 0.5 else f"{thing.color} {thing.shape}"
    if not name_color:
        words = words.replace(f"{thing.color} ", "")
    level = rng.integers(3)
    if level == 0:
        return f"a {words}"
    if level == 1:
        return f"The video shows a {words}."
    return f"The video shows a {words} {motion_words(scene, thing)} over a {scene.texture.words}."


def scene_caption(scene: Scene) -> str:
    """A caption of everything in the scene, for text-to-video training."""
    listed = " and ".join(f"a {thing.words}" for thing in scene.things)
    return f"{listed} over a {scene.texture.words}"


def background_caption(scene: Scene) -> str:
    """A caption of the scene without its target."""
    others = [f"a {t.words}" for i, t in enumerate(scene.things) if i != scene.target]
    return (
        " and ".join(others) + f" over a {scene.texture.words}" if others else scene.texture.words
    )


def without_color(caption: str) -> str:
    """The caption of one thing, its colour left out."""
    return re.sub(rf"\b({'|'.join(COLORS)}) ", "", caption)


def without_shape(caption: str) -> str:
    """The caption of one thing, which is called an object."""
    return re.sub(rf"\b({'|'.join(SHAPES)})\b", "object", caption)


def motion_words(scene: Scene, thing: Thing) -> str:
    """For example "moving to the left", from the first frame to the last."""
    dx, dy = scene.displacement(thing)
    if max(abs(dx), abs(dy)) < MOVING:
        return "still"
    across = ("to the right" if dx > 0 else "to the left") if abs(dx) >= abs(dy) else ""
    return f"moving {across or ('down' if dy > 0 else 'up')}"


def vocabulary() -> list[str]:
    """Every word that any caption of a procedural scene can hold, sorted."""
    texts = [OTHER_WORDS, DELETE_CAPTION, *COLORS, *get_args(ShapeName), *DIRECTIONS]
    texts += [*GROUND_COLORS, *PATTERNS.values()]
    return sorted({word for text in texts for word in words_of(text)})


def words_of(caption: str) -> list[str]:
    """Lower-case words, punctuation dropped; the tiny tokenizer splits in the same way."""
    return re.findall(r"\w+", caption.lower())
