"""What breaks a source is written down; what stops a build is not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vivid_core.build.chores import Outcome, run_chore
from vivid_core.build.units import Phase, WorkFolder
from vivid_core.runtime import Runtime


class HostStops(Exception):
    """As ComfyUI 0.3.64's, which its own code raises too."""


class NoEngines:
    digest = ""


@dataclass(frozen=True, kw_only=True)
class Breaking:
    work: WorkFolder
    error: Exception
    phase: Phase = "triplets"
    key: str = "one"
    name: str = "one.mp4"

    def finish(self, engines: Any, runtime: Runtime) -> Outcome:
        raise self.error


def test_a_stop_of_the_host_is_no_broken_source(tmp_path: Path):
    work, runtime = WorkFolder(tmp_path), Runtime(stops=(HostStops,))
    broken = run_chore(Breaking(work=work, error=ValueError("odd")), NoEngines(), runtime)
    assert broken.error == "odd"
    with pytest.raises(HostStops):
        run_chore(Breaking(work=work, error=HostStops()), NoEngines(), runtime)
    assert run_chore(Breaking(work=work, error=HostStops("x")), NoEngines(), Runtime()).error == "x"
