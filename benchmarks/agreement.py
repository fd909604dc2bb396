"""Compare this project with the published pipelines on small models with equal weights.

    python benchmarks/agreement.py --reference DIR [--golden tests/golden]

DIR holds checkouts of aigc-apps/VideoX-Fun and Netflix/void-model, in VideoX-Fun/ and void/.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from agreement_cases import CASES, GOLDEN, Outcome, run_ours, stored
from agreement_references import run_reference
from safetensors.torch import save_file

TOLERANCE = 1e-4


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare with the published pipelines.")
    parser.add_argument("--reference", type=Path, required=True, help="folder of the checkouts")
    parser.add_argument("--golden", type=Path, help="write the references' outputs here")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    print(f"{'case':22} {'reference':11} {'what':13} {'max abs difference':>18}")
    passed = True
    for case in CASES:
        theirs = run_reference(case, arguments.reference)
        for what, difference in compare(run_ours(case), theirs):
            passed &= difference <= TOLERANCE
            verdict = "pass" if difference <= TOLERANCE else "FAIL"
            print(f"{case.name:22} {case.reference:11} {what:13} {difference:18.2e} {verdict}")
        if arguments.golden and case.name in GOLDEN:
            save_file(stored(theirs), arguments.golden / case.file)
    return 0 if passed else 1


def compare(ours: Outcome, theirs: Outcome) -> Iterator[tuple[str, float]]:
    for field in fields(Outcome):
        mine, other = getattr(ours, field.name), getattr(theirs, field.name)
        if mine is None or other is None or mine.numel() == 0:
            continue
        same = mine.shape == other.shape
        yield field.name, float((mine - other).abs().max()) if same else float("inf")


if __name__ == "__main__":
    raise SystemExit(main())
