"""The tools of `make check` refuse what they are there to refuse."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def run(tool: str, *arguments: str | Path, cwd: Path, text: str = "") -> tuple[int, str]:
    """Exit status and output of a tool of this environment."""
    done = subprocess.run(
        [Path(sys.executable).with_name(tool), *arguments],
        cwd=cwd,
        input=text,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def branches(count: int) -> str:
    body = "".join(f"    if n == {i}:\n        return {i}\n" for i in range(count))
    return f"def f(n):\n{body}"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("F401", "import os\n"),
        ("E501", "NAME = '" + "x" * 100 + "'\n"),
        ("I001", "import sys\nimport os\n\nprint(os, sys)\n"),
        ("N802", "def Wrong():\n    pass\n"),
        ("B006", "def f(a=[]):\n    return a\n"),
        ("C416", "a = [b for b in range(3)]\n"),
        ("C901", branches(8)),
        ("PTH118", "import os\n\na = os.path.join('a', 'b')\n"),
        ("T201", "print(1)\n"),
        ("S102", "exec('1')\n"),
        ("S307", "eval('1')\n"),
    ],
)
def test_ruff_refuses(repository: Path, code: str, text: str) -> None:
    status, output = run(
        "ruff",
        "check",
        "--no-cache",
        "--stdin-filename",
        "nodes/a.py",
        "-",
        cwd=repository,
        text=text,
    )
    assert status != 0
    assert code in output


def test_ruff_lets_the_command_line_print_and_shapes_be(repository: Path) -> None:
    for file, text in (
        ("vivid_core/cli/edit.py", "print(1)\n"),
        ("vivid_core/a.py", 'def f(a: Float[Tensor, "t h w 3"]):\n    return a\n'),
    ):
        _, output = run(
            "ruff", "check", "--no-cache", "--stdin-filename", file, "-", cwd=repository, text=text
        )
        assert "T201" not in output and "F722" not in output


@pytest.fixture
def project(tmp_path: Path, repository: Path) -> Path:
    """An empty project with this one's settings."""
    shutil.copy(repository / "pyproject.toml", tmp_path)
    (tmp_path / "vivid_core" / "mask").mkdir(parents=True)
    return tmp_path


def test_pyright_is_strict_where_it_should_be(project: Path) -> None:
    untyped = "def f(a):\n    return a\n"
    wrong = 'a: int = "1"\n'
    (project / "vivid_core" / "mask" / "strict.py").write_text(untyped)
    (project / "vivid_core" / "runtime.py").write_text(untyped)
    (project / "vivid_core" / "cli.py").write_text(wrong)
    status, output = run("pyright", cwd=project)
    assert status != 0
    assert "strict.py:1:7 - error" in output
    assert "cli.py:1:10 - error" in output
    assert "runtime.py" not in output


def test_vulture_finds_what_nothing_uses(project: Path) -> None:
    (project / "vivid_core" / "dead.py").write_text("def forgotten():\n    pass\n")
    (project / "vivid_core" / "node.py").write_text("def define_schema():\n    pass\n")
    status, output = run("vulture", "vivid_core", cwd=project)
    assert status != 0
    assert "forgotten" in output and "define_schema" not in output


def test_vulture_takes_no_test_for_a_use(project: Path) -> None:
    (project / "vivid_core" / "tested.py").write_text("def tested():\n    pass\n")
    (project / "benchmarks").mkdir()
    (project / "benchmarks" / "a.py").write_text("def measured():\n    pass\n\n\nmeasured()\n")
    (project / "tests").mkdir()
    (project / "tests" / "a.py").write_text("from vivid_core.tested import tested\n\ntested()\n")
    (project / "nodes").mkdir()
    (project / "__init__.py").touch()
    status, output = run("vulture", cwd=project)
    assert status != 0
    assert "tested" in output and "measured" not in output
