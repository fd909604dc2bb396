"""Open ONNX models with onnxruntime, an optional package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError

Shape = tuple[int | None, ...]  # None: any length


class OnnxModel:
    """A model with these inputs and so many outputs. `name` is the file's, for errors."""

    def __init__(self, path: Path, *, inputs: dict[str, Shape], outputs: int) -> None:
        self._session = _open(path)
        self.name = path.name
        found = {item.name: tuple(item.shape) for item in self._session.get_inputs()}
        fits = set(found) == set(inputs) and all(_fits(found[n], inputs[n]) for n in inputs)
        if not fits or len(self._session.get_outputs()) != outputs:
            raise ModelError(
                f"{path.name}: takes {_listed(found)} and gives "
                f"{len(self._session.get_outputs())} results; expected {_listed(inputs)} and "
                f"{outputs}: it is another model"
            )

    def takes(self, name: str, shape: Shape) -> bool:
        """Whether an input may have this shape."""
        found = {item.name: tuple(item.shape) for item in self._session.get_inputs()}
        return _fits(found[name], shape)

    def run(self, **inputs: np.ndarray) -> list[np.ndarray]:
        try:
            return [np.asarray(value) for value in self._session.run(None, inputs)]
        except Exception as error:  # onnxruntime's errors share no class but Exception
            raise ModelError(f"{self.name}: cannot be run ({_first_line(error)})") from error


def _open(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(
            f"{path.name}: .onnx files need onnxruntime: pip install onnxruntime"
        ) from error
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only; it warns of what an exporter left behind
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=onnxruntime.get_available_providers()
        )
    except Exception as error:  # as above
        raise ModelError(
            f"{path.name}: is no ONNX model, or damaged ({_first_line(error)}): download it again"
        ) from error


def _fits(found: tuple[Any, ...], wanted: Shape) -> bool:
    """Lengths that the file leaves open are words."""
    return len(found) == len(wanted) and all(
        w is None or not isinstance(f, int) or f == w for f, w in zip(found, wanted, strict=True)
    )


def _listed(shapes: dict[str, Any]) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in sorted(shapes.items()))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
