"""Compare this project with the published pipelines on small models with equal weights.

    python benchmarks/agreement.py --reference DIR [--golden tests/golden]

DIR holds checkouts of aigc-apps/VideoX-Fun, Netflix/void-model and langmanbusi/InsViE, in
VideoX-Fun/, void/ and InsViE/, and the package `sat` of SwissArmyTransformer 0.4.12 in sat/. Where
only some are there, `--only insvie` or `--only pipelines` runs its part.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from agreement_cases import CASES, GOLDEN, Outcome, run_ours, stored
from agreement_insvie import compare_insvie
from agreement_references import run_reference
from safetensors.torch import save_file

TOLERANCE = 1e-4


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare with the published pipelines.")
    parser.add_argument("--reference", type=Path, required=True, help="folder of the checkouts")
    parser.add_argument("--golden", type=Path, help="write the references' outputs here")
    parser.add_argument("--only", choices=("pipelines", "insvie"), help="one part of it")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    print(f"{'case':22} {'reference':11} {'what':22} {'max abs difference':>18}")
    parts = {"pipelines": compare_pipelines, "insvie": compare_released}
    chosen = [part for name, part in parts.items() if arguments.only in (None, name)]
    passed = [part(arguments) for part in chosen]
    return 0 if all(passed) else 1


def compare_pipelines(arguments: argparse.Namespace) -> bool:
    """Whether all cases agree; each is printed."""
    passed = True
    for case in CASES:
        theirs = run_reference(case, arguments.reference)
        for what, difference in compare(run_ours(case), theirs):
            passed &= _told(case.name, case.reference, what, difference)
        if arguments.golden and case.name in GOLDEN:
            save_file(stored(theirs), arguments.golden / case.file)
    return passed


def compare_released(arguments: argparse.Namespace) -> bool:
    """The same of InsViE's code."""
    passed = True
    for row in compare_insvie(arguments.reference):
        passed &= _told("insvie", "InsViE", row.what, row.difference, judged=row.judged)
    return passed


def _told(case: str, reference: str, what: str, difference: float, *, judged: bool = True) -> bool:
    passed = difference <= TOLERANCE
    verdict = ("pass" if passed else "FAIL") if judged else "told, not judged"
    print(f"{case:22} {reference:11} {what:22} {difference:18.2e} {verdict}", flush=True)
    return passed or not judged


def compare(ours: Outcome, theirs: Outcome) -> Iterator[tuple[str, float]]:
    for field in fields(Outcome):
        mine, other = getattr(ours, field.name), getattr(theirs, field.name)
        if mine is None or other is None or mine.numel() == 0:
            continue
        same = mine.shape == other.shape
        yield field.name, float((mine - other).abs().max()) if same else float("inf")


if __name__ == "__main__":
    raise SystemExit(main())
