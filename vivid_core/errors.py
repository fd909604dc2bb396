"""The errors this package raises on purpose.

VividError
 +- InputError          a value given by the user is wrong; names the argument
 |   +- MaskError       mask of the wrong length or size, or empty
 |   +- CaptionError    caption missing or too long
 |   +- SizeError       frame size or count that no window can serve
 +- MediaError          a video or image file cannot be read
 |   +- WriteError      a file or folder cannot be written
 +- ModelError          model files that are not what they claim to be
 |   +- AdapterError    adapter that does not fit its base
 +- EngineError         a model or endpoint that sees gave no usable answer
 +- EndpointError       an endpoint is busy; the same question may have an answer later
 |   +- EndpointLost    it cannot be reached or turns us away; it is not asked again
 +- TrainingDiverged    training stopped to keep the last good state

Each message says what is wrong, what was given, and what to do. They reach the user unchanged.
"""

from __future__ import annotations

from typing import Any

NAMESPACE = "vivid"


class VividError(Exception):
    """Base of every error raised on purpose.

    Programs that show an error's class show it as `vivid.InputError`, wherever the pack lies:
    ComfyUI's name of a module is the path of a folder.
    """

    def __init_subclass__(cls) -> None:
        cls.__module__ = NAMESPACE

    def __reduce__(self) -> tuple[Any, ...]:
        """For other processes, such as a cluster's workers: no module has the shown name."""
        own = globals()
        kind = next(one for one in type(self).__mro__ if own.get(one.__name__) is one)
        return _restore, (kind.__name__, self.args, self.__dict__)


VividError.__module__ = NAMESPACE


class InputError(VividError, ValueError):
    """A value given by the user is wrong. `argument` is its name, `problem` what is wrong."""

    def __init__(self, argument: str, problem: str) -> None:
        super().__init__(f"{argument}: {problem}")
        self.argument, self.problem = argument, problem


class MaskError(InputError):
    """A mask has the wrong length or size, or selects nothing."""


class CaptionError(InputError):
    """A caption is missing or too long for the text encoder."""


class SizeError(InputError):
    """A frame size or frame count that no window can serve."""


class MediaError(VividError):
    """A video or image file cannot be read."""


class WriteError(MediaError):
    """A file or folder cannot be written."""


class ModelError(VividError):
    """Model files are not what they claim to be."""


class AdapterError(ModelError):
    """An adapter does not fit the base model."""


class EngineError(VividError):
    """A tagger, detector, segmenter or captioner gave no usable answer."""


class EndpointError(VividError):
    """An endpoint gave no answer, which says nothing of what it was asked about."""


class EndpointLost(EndpointError):
    """An endpoint cannot be reached or turns us away: every other question would end like this."""


class TrainingDiverged(VividError):
    """Training was stopped: loss or gradients exploded; the last good state is on disk."""


def _restore(kind: str, words: tuple[Any, ...], facts: dict[str, Any]) -> VividError:
    error = globals()[kind].__new__(globals()[kind], *words)
    error.__dict__.update(facts)
    return error
