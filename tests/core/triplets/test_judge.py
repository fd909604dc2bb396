"""A build whose judge stands behind an endpoint: what is lost stops it, and is no verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from vivid_core.build.local import run_here
from vivid_core.build.phases import BuildReport
from vivid_core.errors import EndpointLost
from vivid_core.instruct.screen import MOST_JUDGED
from vivid_core.instruct.sweep import Sweep
from vivid_core.perceive.endpoint import EndpointChat
from vivid_core.runtime import Runtime
from vivid_core.tiny.triplet_engines import TripletEngineLoader
from vivid_core.triplets.config import EngineNames, Form, TripletConfig
from vivid_core.triplets.run import build_triplets

from ...answering import Server, answering, completion
from ...triplets import triplet_config, write_sources

GOOD = ((200, completion("{'best_image': 1}")), (200, completion("{'score': 5}"))) * 2
STILLS = 2


@pytest.fixture
def server() -> Iterator[Server]:
    with answering() as server:
        yield server


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    return write_sources(tmp_path / "sources", videos=0, pairs=STILLS)


def build(sources: Path, out: Path, judge: EndpointChat) -> BuildReport:
    form = Form(frames=2, lossless=True)
    config = triplet_config(sources, out, videos=None, pairs=None, form=form, sweep=Sweep(count=1))
    engines = replace(TripletEngineLoader.of(config)(), judge=judge)
    return build_triplets(config, run_here(engines), Runtime())


def units(out: Path) -> list[Path]:
    return list((out / "work" / "triplets").glob("*/unit.json"))


def test_a_judge_compares_no_more_edits_than_it_can(tmp_path: Path):
    given = {"kind": "instructions", "out": tmp_path / "out", "stills": tmp_path}
    many = Sweep(count=MOST_JUDGED + 1)
    assert TripletConfig(**given, sweep=many).sweep == many
    with pytest.raises(ValueError, match="sweep: count must be 1 to 16"):
        TripletConfig(**given, sweep=many, engines=EngineNames(judge="endpoint"))


def test_a_lost_judge_stops_the_build_and_rejects_nothing(
    server: Server, sources: Path, tmp_path: Path
):
    server.answers = [*GOOD[:2], (401, b"who are you?")]
    with pytest.raises(EndpointLost, match="401"):
        build(sources, tmp_path / "out", server.chat())
    assert len(server.requests) == 3 and len(units(tmp_path / "out")) == 1
    server.answers = [*GOOD]
    report = build(sources, tmp_path / "out", server.chat())
    assert (report.samples, report.rejections, report.failures) == (STILLS, {}, ())
    assert len(server.requests) == 5


def test_a_busy_judge_costs_a_picture_that_the_next_run_makes(
    server: Server, sources: Path, tmp_path: Path
):
    server.answers = [(503, b"busy"), (503, b"busy"), *GOOD]
    report = build(sources, tmp_path / "out", server.chat(tries=2))
    assert report.samples == 1 and not report.rejections
    assert ["503" in failure.error for failure in report.failures] == [True]
    server.answers = [*GOOD]
    report = build(sources, tmp_path / "out", server.chat())
    assert (report.samples, report.failures) == (STILLS, ())
