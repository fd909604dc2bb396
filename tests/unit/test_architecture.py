"""The direction of imports, and that each contract of it can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACK = "vivid_pack"


@pytest.fixture
def pack(tmp_path: Path, repository: Path) -> Path:
    """A copy of the pack under the name that the contracts use."""
    copy = tmp_path / PACK
    copy.mkdir()
    for name in ("__init__.py", "pyproject.toml"):
        shutil.copy(repository / name, copy)
    for name in ("vivid_core", "nodes"):
        shutil.copytree(repository / name, copy / name, ignore=lambda _, names: _not_python(names))
    return copy


def _not_python(names: list[str]) -> list[str]:
    return [name for name in names if "." in name and not name.endswith(".py")]


def lint(pack: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache", "--config", pack / "pyproject.toml"],
        cwd=pack.parent,
        env=os.environ | {"PYTHONPATH": str(pack.parent)},
        capture_output=True,
        text=True,
    )


def append(path: Path, line: str) -> None:
    path.parent.mkdir(exist_ok=True)
    (path.parent / "__init__.py").touch()
    with path.open("a") as file:
        file.write(f"\n{line}\n")


def test_every_import_points_downwards(pack: Path) -> None:
    result = lint(pack)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("vivid_core/runtime.py", "from .. import nodes", "nothing imports them"),
        ("vivid_core/errors.py", "from . import video", "lower ones only"),
        ("vivid_core/mask/wrong.py", "from ..edit import clip", "lower ones only"),
        ("vivid_core/mask/wrong.py", "from ..cogvideox import bundle", "lower ones only"),
        ("vivid_core/keyframe/wrong.py", "from ..cogvideox import bundle", "by the protocol"),
        ("vivid_core/chain/wrong.py", "from ..tiny import load", "by the protocol"),
        ("vivid_core/edit/wrong.py", "import diffusers", "models that are made of them"),
        ("vivid_core/track/wrong.py", "import transformers", "models that are made of them"),
        ("vivid_core/measure/wrong.py", "import transformers", "models that are made of them"),
        ("vivid_core/measure/wrong.py", "from .. import instruct", "lower ones only"),
        ("vivid_core/keyframe/wrong.py", "from .. import measure", "lower ones only"),
        ("nodes/edit.py", "def late():\n    import diffusers", "models that are made of them"),
        ("vivid_core/train/wrong.py", "from .. import chain", "lower ones only"),
        ("vivid_core/edit/wrong.py", "def late():\n    import comfy.utils", "nothing of ComfyUI"),
        ("vivid_core/video.py", "import folder_paths", "nothing of ComfyUI"),
        ("vivid_core/video.py", "import nodes", "nothing of ComfyUI"),
        ("nodes/edit.py", "from vivid_core.video import Clip", "by relative imports"),
    ],
)
def test_a_wrong_import_breaks_its_contract(
    pack: Path, file: str, line: str, contract: str
) -> None:
    append(pack / "vivid_core/chain/__init__.py", "")
    append(pack / file, line)
    result = lint(pack)
    assert result.returncode != 0
    broken = [row for row in result.stdout.splitlines() if "BROKEN" in row]
    assert any(contract in row for row in broken), result.stdout


def test_a_package_without_a_layer_is_refused(pack: Path) -> None:
    append(pack / "vivid_core/unplaced/__init__.py", "")
    result = lint(pack)
    assert result.returncode != 0
    assert "unplaced" in result.stdout
