"""Rules that every source file follows, each with a proof that it can be broken."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

LONGEST_TEST = 400
SKIPPED = {"build", "dist", "demo", "output"}  # at the root
CORE_BRINGS = {  # what every supported ComfyUI installs or is
    "aiohttp", "av", "comfy", "comfy_api", "comfy_execution", "folder_paths",
    "node_helpers", "numpy", "PIL", "psutil", "server", "tokenizers", "torch", "torchvision",
    "tqdm", "yaml",
}  # fmt: skip
MODULE_OF = {"opencv-python": "cv2"}
# The extras of the same names, of `data` and of `onnx`.
OPTIONAL = {"sam2", "ray", "patchmatch", "lpips", "dover", "bitsandbytes", "pyarrow", "onnxruntime"}

# The registry flags a pack for the first three whatever they are used for; comfy-test refuses
# the devices.
FORBIDDEN_IMPORTS = {"subprocess", "pickle", "cPickle", "dill", "cloudpickle", "marshal"}
FORBIDDEN_CALLS = re.compile(r"(eval|exec|os\.(system|popen|exec\w+|spawn\w+))")
FORBIDDEN_TEXT = re.compile(r"""\.cuda\(|\.to\(["']cuda|torch\.autocast|trust_remote_code=True""")

# What `io` has got since the oldest supported ComfyUI (0.3.64): naming it keeps the whole pack from
# loading there. `getattr(io, ...)` asks whether it is there.
NEWER_IO = {
    "Array", "Autogrow", "BackgroundRemoval", "BoundingBox", "BoundingBoxes", "Color", "Colors",
    "Compositor", "ControlAfterGenerate", "Curve", "Dict", "DynamicCombo", "DynamicSlot",
    "Histogram",
    "ImageCompare", "InputMap", "InputMapOldId", "InputMapSetValue", "LatentUpscaleModel", "Layers",
    "Load3DModelInfo", "MESH", "ModelPatch", "NodeReplace", "OutputMap", "PriceBadge",
    "PriceBadgeDepends", "Range", "SPLAT", "Splat", "Tracks", "VOXEL",
}  # fmt: skip

Rule = Callable[[Path, str], str | None]


def has_docstring(path: Path, text: str) -> str | None:
    """Every file says what it is about in its first line; a package's file may be empty."""
    if not text.strip() and path.name == "__init__.py":
        return None
    docstring = ast.get_docstring(_parsed(text)) or ""
    first = docstring.split("\n")[0]
    return None if first.endswith((".", "?")) else "the first line is no one-sentence docstring"


def is_short_enough(path: Path, text: str) -> str | None:
    lines = len(text.splitlines())
    return f"{lines} lines" if "tests" in path.parts and lines > LONGEST_TEST else None


def fits_cp1252(path: Path, text: str) -> str | None:
    """Windows reads files in cp1252 unless told otherwise."""
    strange = {character for character in set(text) if not _in_cp1252(character)}
    return f"not in cp1252: {sorted(strange)}" if strange else None


def is_registry_safe(path: Path, text: str) -> str | None:
    if not _is_in_pack(path):
        return None
    tree = _parsed(text)
    found = sorted(FORBIDDEN_IMPORTS.intersection(_imported(tree)))
    found += [call for call in _calls(tree) if FORBIDDEN_CALLS.fullmatch(call)]
    found += FORBIDDEN_TEXT.findall(text)
    return f"the registry refuses {found}" if found else None


def imports_what_is_declared(path: Path, text: str) -> str | None:
    if not _is_in_pack(path):
        return None
    known = CORE_BRINGS | OPTIONAL | _required() | set(sys.stdlib_module_names)
    missing = sorted(set(_imported(_parsed(text))) - known)
    return f"in neither requirements.txt nor ComfyUI: {missing}" if missing else None


def loads_in_the_oldest_comfyui(path: Path, text: str) -> str | None:
    if path.parts[0] != "nodes":
        return None
    named = {
        node.attr
        for node in ast.walk(_parsed(text))
        if isinstance(node, ast.Attribute)
        if isinstance(node.value, ast.Name) and node.value.id == "io"
    }
    newer = sorted(name for name in named if name in NEWER_IO or name.startswith("File3D"))
    return f"not in every supported ComfyUI: {newer}" if newer else None


@cache
def _parsed(text: str) -> ast.Module:
    """Each file once, for all rules."""
    return ast.parse(text)


def _is_in_pack(path: Path) -> bool:
    return path.parts[0] in ("__init__.py", "nodes", "vivid_core")


def _in_cp1252(character: str) -> bool:
    try:
        return bool(character.encode("cp1252"))
    except UnicodeEncodeError:
        return False


def _imported(tree: ast.AST) -> Iterator[str]:
    """Top-level names of absolute imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


def _calls(tree: ast.AST) -> list[str]:
    return [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]


@cache
def _required() -> set[str]:
    text = (Path(__file__).parents[2] / "requirements.txt").read_text()
    names = {re.split(r"[<>=~!;\s]", line)[0] for line in text.splitlines() if line.strip()}
    return {MODULE_OF.get(name, name) for name in names}


def source_files(root: Path) -> list[Path]:
    """Every Python file of the repository, relative to its root."""
    files = [path.relative_to(root) for path in root.rglob("*.py")]
    return [
        path
        for path in files
        if path.parts[0] not in SKIPPED and not any(part.startswith(".") for part in path.parts)
    ]


RULES: list[Rule] = [
    has_docstring,
    is_short_enough,
    fits_cp1252,
    is_registry_safe,
    imports_what_is_declared,
    loads_in_the_oldest_comfyui,
]


@pytest.mark.parametrize("rule", RULES)
def test_every_file_follows_the_rule(repository: Path, rule: Rule) -> None:
    files = source_files(repository)
    assert Path("vivid_core/errors.py") in files
    problems = {
        str(path): rule(path, (repository / path).read_text(encoding="utf-8")) for path in files
    }
    assert not {path: problem for path, problem in problems.items() if problem}


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (has_docstring, "vivid_core/a.py", "import os\n"),
        (has_docstring, "vivid_core/a.py", '"""No full stop"""\n'),
        (is_short_enough, "tests/unit/test_a.py", "\n" * (LONGEST_TEST + 1)),
        (fits_cp1252, "nodes/a.py", "ARROW = '\N{RIGHTWARDS ARROW}'\n"),
        (is_registry_safe, "__init__.py", "import subprocess\n"),
        (is_registry_safe, "nodes/a.py", "def f():\n    from pickle import loads\n"),
        (is_registry_safe, "vivid_core/a.py", "eval('1')\n"),
        (is_registry_safe, "vivid_core/a.py", "exec('1')\n"),
        (is_registry_safe, "vivid_core/a.py", "os.system('ls')\n"),
        (is_registry_safe, "vivid_core/a.py", "model.cuda()\n"),
        (is_registry_safe, "vivid_core/a.py", "model.to('cuda')\n"),
        (is_registry_safe, "vivid_core/a.py", "with torch.autocast('cpu'):\n    pass\n"),
        (imports_what_is_declared, "vivid_core/a.py", "import scipy\n"),
        (imports_what_is_declared, "nodes/a.py", "from vivid_core import video\n"),
        (loads_in_the_oldest_comfyui, "nodes/a.py", "io.ControlAfterGenerate.fixed\n"),
    ],
)
def test_the_rule_can_be_broken(rule: Rule, path: str, text: str) -> None:
    assert rule(Path(path), text)


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (has_docstring, "vivid_core/mask/__init__.py", ""),
        (is_short_enough, "vivid_core/a.py", "\n" * (LONGEST_TEST + 1)),
        (is_registry_safe, "tests/unit/test_a.py", "import subprocess\n"),
        (is_registry_safe, "vivid_core/a.py", "model.eval()\n"),
        (loads_in_the_oldest_comfyui, "nodes/a.py", "io.Int.Input('seed')\n"),
    ],
)
def test_the_rule_leaves_other_files_alone(rule: Rule, path: str, text: str) -> None:
    assert rule(Path(path), text) is None


def test_both_lists_of_requirements_agree(repository: Path) -> None:
    """The package leaves cv2 to its extra; ComfyUI's list of the same floors names it."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    lines = (repository / "requirements.txt").read_text().split()
    assert [line for line in lines if not line.startswith("opencv-python")] == project[
        "dependencies"
    ]
    assert not {"torch", "torchvision", "numpy", "Pillow"}.intersection(_required())
