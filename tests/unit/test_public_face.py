"""What a Python program may use: every name is there, documented, and costs nothing until then."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import vivid_core


def test_what_type_checkers_see_is_what_programs_get(repository: Path):
    tree = ast.parse((repository / "vivid_core" / "__init__.py").read_text())
    seen = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }
    assert seen == vivid_core._HOME
    assert sorted(seen) == dir(vivid_core)


def test_every_name_exists_and_says_what_it_is():
    for name in dir(vivid_core):
        assert inspect.getdoc(getattr(vivid_core, name)), name


def test_importing_it_loads_nothing(repository: Path):
    code = "import sys, vivid_core; print([m for m in ('torch', 'diffusers') if m in sys.modules])"
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "[]"
    assert (repository / "vivid_core" / "py.typed").is_file()


def test_the_readmes_ten_lines_run(repository: Path, tmp_path: Path):
    text = (repository / "README.md").read_text()
    block = next(b for b in text.split("```python\n")[1:] if "edit_clip" in b).split("```")[0]
    assert len(block.strip().splitlines()) <= 12
    setup = """
import torch
from vivid_core import save_masks, write_clip
frames = torch.rand(1, 64, 64, 3).expand(9, -1, -1, -1)
masks = torch.zeros(9, 64, 64)
masks[:, 20:40, 20:40] = 1
write_clip("in.mp4", frames, fps=8)
save_masks("mask.json", masks)
"""
    subprocess.run(
        [sys.executable, "-c", setup + block.replace("steps=50", "steps=1")],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert (tmp_path / "out.mp4").is_file()
