"""What a machine lacks is skipped with one loud line, or refused when it is required."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

TESTS = '''
"""Tests with needs."""

import pytest


def test_one(comfyui_dir):
    assert (comfyui_dir / "main.py").is_file()


@pytest.mark.comfy
def test_two():
    pass


@pytest.mark.browser
def test_three():
    pass
'''


@pytest.fixture
def project(
    pytester: pytest.Pytester, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """Three tests with needs under this project's settings, on a machine without ComfyUI."""
    tests = pytester.mkdir("tests")
    shutil.copy(repository / "pyproject.toml", pytester.path)
    shutil.copy(repository / "tests" / "conftest.py", tests)
    (tests / "test_needs.py").write_text(TESTS)
    monkeypatch.setenv("COMFYUI_DIR", str(pytester.path / "ComfyUI"))
    monkeypatch.setenv("CHROMIUM", sys.executable)
    monkeypatch.delenv("VIVID_REQUIRE", raising=False)
    return pytester


def test_a_missing_checkout_is_one_loud_line(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess()
    result.assert_outcomes(skipped=3)
    loud = [line for line in result.outlines if "NOT RUN" in line]
    assert len(loud) == 1
    assert loud[0].startswith("NOT RUN: 3 of the tests, for want of a ComfyUI checkout")


def test_a_required_checkout_must_be_there(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIVID_REQUIRE", "comfy,browser")
    result = project.runpytest_inprocess()
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(["*VIVID_REQUIRE asks for a ComfyUI checkout*"])


def test_what_is_there_is_used(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVID_REQUIRE", "comfy")
    (project.mkdir("ComfyUI") / "main.py").touch()
    project.runpytest_inprocess().assert_outcomes(passed=3)


def test_a_fixture_is_a_marker_too(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("-m", "comfy")
    result.assert_outcomes(skipped=2, deselected=1)


def test_an_unknown_requirement_is_named(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIVID_REQUIRE", "comfi")
    result = project.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*comfi*"])


def test_warnings_are_errors(project: pytest.Pytester) -> None:
    project.makepyfile(
        **{
            "tests/test_needs": """
            import warnings

            def test_one():
                warnings.warn("old", DeprecationWarning)
            """
        }
    )
    project.runpytest_inprocess().assert_outcomes(failed=1)
