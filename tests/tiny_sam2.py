"""A small SAM 2 with fixed random weights, as an engine and as a folder."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

from safetensors import safe_open

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "sam2.safetensors"


def _load_cases() -> ModuleType:
    path = ROOT / "benchmarks" / "sam2_cases.py"
    spec = importlib.util.spec_from_file_location("sam2_cases", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


cases = _load_cases()


def shapes(version: str = "2.1") -> dict[str, tuple[int, ...]]:
    with safe_open(GOLDEN, framework="pt") as file:
        found = json.loads(file.metadata()[f"shapes_{version}"])
    return {key: tuple(value) for key, value in found.items()}


def save_tiny_sam2(folder: Path) -> Path:
    """A Hugging Face folder of it."""
    cases.engine(shapes())._model.save_pretrained(folder)
    return folder
