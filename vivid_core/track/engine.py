"""What every tracking engine offers: views of frames, and one follower for each object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from .prompts import FramePrompt
from .store import ObjectMask

States = Mapping[str, np.ndarray]  # what a follower remembers, to go on after an interruption


@runtime_checkable
class Follower(Protocol):
    """Follows one object through the frames of one shot, in one direction.

    `prompt` on the first frame finds the object, on a later one corrects it; `follow` takes the
    next frame. Each gives the object's mask there. `state` is all that the next `follow` needs
    beside the view of the last frame.
    """

    def prompt(self, view: Any, prompt: FramePrompt) -> ObjectMask: ...

    def follow(self, view: Any) -> ObjectMask: ...

    def state(self) -> dict[str, np.ndarray]: ...


@runtime_checkable
class Engine(Protocol):
    """Makes followers. `digest` stands for its settings and weights.

    `view` prepares a frame, uint8 RGB, once for all objects. `follower` is told how many frames the
    shot has. `restore` gives a follower that
    goes on from a state; `view` is that of the state's frame.
    """

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str: ...

    def view(self, pixels: UInt8[np.ndarray, "h w 3"]) -> Any: ...

    def follower(self, frames: int) -> Follower: ...

    def restore(self, state: States, view: Any) -> Follower: ...
