"""Instructions for procedural scenes: what is asked in words, and the scene that it leads to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from .shapes import COLORS, HELD_OUT_SEED, SHAPES, Scene, Thing, draw_scene, is_held_out

Kind = Literal["recolor", "reshape", "remove", "add"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SHARES = (0.2, 0.35, 0.15, 0.3)  # of the kinds in training: what is learnt last comes most often
# Words do not tell where and how large something new is: it stands upright in the frame's middle,
# so that one answer is right.
ADDED_RADIUS = 11.0  # pixels of a 64-pixel frame

# {it} is what the scene shows, {color} and {shape} are what it becomes, {new} is what appears.
PHRASES: dict[Kind, tuple[str, ...]] = {
    "recolor": (
        "make {it} {color}",
        "turn {it} {color}",
        "change {it} to {color}",
        "change the colour of {it} to {color}",
        "give {it} a {color} colour",
        "{it} becomes {color}",
        "let {it} be {color}",
        "show us {it} in {color}",
        "have {it} turn {color}",
    ),
    "reshape": (
        "turn {it} into a {shape}",
        "make {it} a {shape}",
        "change {it} to a {shape}",
        "replace {it} with a {shape}",
        "{it} becomes a {shape}",
        "let {it} be a {shape}",
        "exchange {it} for a {shape}",
        "show a {shape} where {it} was",
    ),
    "remove": (
        "remove {it}",
        "delete {it}",
        "erase {it}",
        "take {it} out of the video",
        "{it} goes away",
        "no more {it}",
        "make {it} vanish",
        "let {it} go",
    ),
    "add": (
        "add {new}",
        "put {new} there",
        "insert {new}",
        "add {new} in front",
        "let there be {new}",
        "show {new} too",
        "{new} comes in",
        "have {new} turn up",
    ),
}
HELD_OUT_PHRASES: dict[Kind, tuple[str, ...]] = {
    "recolor": ("paint {it} {color}", "{it} should be {color}", "I want {it} in {color}"),
    "reshape": (
        "swap {it} for a {shape}",
        "{it} should become a {shape}",
        "let us see a {shape} where {it} is",
    ),
    "remove": ("get rid of {it}", "{it} should disappear", "clear {it} away"),
    "add": ("draw {new}", "there should be {new}", "let {new} appear"),
}


@dataclass(frozen=True, kw_only=True)
class SceneEdit:
    """A scene before and after an instruction. `thing` is what is to be seen then, or is gone.

    `names` are words for what the instruction is about, from colour and shape to one of them.
    """

    kind: Kind
    source: Scene
    edited: Scene
    thing: Thing
    names: tuple[str, ...]
    held_out: bool

    @property
    def expected(self) -> str:
        """Colour and shape that are to be seen; of a removal those that are not."""
        return f"{self.thing.color} {self.thing.shape}"

    def phrase(self, rng: np.random.Generator) -> str:
        """The instruction in one of its many wordings; held-out scenes have other ones."""
        phrases = (HELD_OUT_PHRASES if self.held_out else PHRASES)[self.kind]
        return _any_of(phrases, rng).format(
            it=f"the {_any_of(self.names, rng)}",
            color=self.thing.color,
            shape=self.thing.shape,
            new=with_article(self.expected),
        )


def draw_edit(
    seed: int, kind: Kind | None = None, *, frames: int = 17, height: int = 64, width: int = 64
) -> SceneEdit:
    """The edit of a seed, of any kind unless one is asked for.

    Seeds below 1,000,000 (training) never lead to a held-out pair of colour and shape; from there
    on the scene is about one, and the wordings are others.
    """
    rng = np.random.default_rng([seed, 2503])
    scene = draw_scene(seed, frames=frames, height=height, width=width)
    chosen = kind or KINDS[int(rng.choice(len(KINDS), p=SHARES))]
    held_out = seed >= HELD_OUT_SEED
    target, names = scene.target_thing, _names(scene)
    if chosen == "add":
        new = _in_the_middle(target)
        source = _without_target(scene)
        edited = replace(source, things=(*source.things, new), target=len(source.things))
    elif chosen == "remove":
        new, source, edited = target, scene, _without_target(scene)
    else:
        color, shape = _changed_look(scene, chosen, rng, held_out=held_out)
        new = replace(target, color=color, shape=shape)
        source, edited = scene, _with_target(scene, new)
    return SceneEdit(
        kind=chosen,
        source=source,
        edited=edited,
        thing=new,
        names=names,
        held_out=held_out,
    )


def _names(scene: Scene) -> tuple[str, ...]:
    """Colours differ within a scene, so that one tells which thing is meant; shapes may not."""
    target = scene.target_thing
    names = [f"{target.color} {target.shape}", target.words, f"{target.color} object"]
    if [thing.shape for thing in scene.things].count(target.shape) == 1:
        names.append(target.shape)
    return tuple(names)


def _changed_look(
    scene: Scene, kind: Kind, rng: np.random.Generator, *, held_out: bool
) -> tuple[str, str]:
    """Colour and shape of the target afterwards: a colour that the scene does not have yet."""
    target, taken = scene.target_thing, {thing.color for thing in scene.things}
    if kind == "recolor":
        pairs = [(color, target.shape) for color in COLORS if color not in taken]
    else:
        pairs = [(target.color, shape) for shape in SHAPES if shape != target.shape]
    pairs = [pair for pair in pairs if held_out or not is_held_out(*pair)]
    return pairs[int(rng.integers(len(pairs)))]


def _in_the_middle(thing: Thing) -> Thing:
    return replace(
        thing,
        anchored=False,
        center=(0.0, 0.0),
        swing=(0.0, 0.0),
        radius=ADDED_RADIUS,
        tilt=0.0,
        spin=0.0,
    )


def _without_target(scene: Scene) -> Scene:
    rest = tuple(thing for i, thing in enumerate(scene.things) if i != scene.target)
    return replace(scene, things=rest, target=0)


def _with_target(scene: Scene, thing: Thing) -> Scene:
    things = list(scene.things)
    things[scene.target] = thing
    return replace(scene, things=tuple(things))


def _any_of(words: tuple[str, ...], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]


def with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
