"""Conditioning, sampling and decoding give what the published pipelines gave on equal weights."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[3]
TOLERANCE = 1e-4


def _load_cases():
    path = ROOT / "benchmarks" / "agreement_cases.py"
    spec = importlib.util.spec_from_file_location("agreement_cases", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


cases = _load_cases()


@pytest.mark.parametrize(
    "case", [c for c in cases.CASES if c.name in cases.GOLDEN], ids=lambda c: c.name
)
def test_agrees_with_the_reference(case):
    golden = load_file(ROOT / "tests" / "golden" / case.file)
    ours = cases.stored(cases.run_ours(case))
    for name, expected in golden.items():
        torch.testing.assert_close(ours[name], expected, atol=TOLERANCE, rtol=0, msg=name)
