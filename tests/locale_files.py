"""The files below locales/, which ComfyUI merges into its own translations, and the help pages.

English is made from the nodes' schemas, as ComfyUI reports them. Each other language is one list of
phrases, locales/<language>.json: English text to translated text. From it come the files that
ComfyUI reads, locales/<language>/*.json and web/docs/<node>/<language>.md. After a change of nodes:

1. UPDATE_LOCALES=1 pytest tests/nodes/test_locales.py writes English anew (needs ComfyUI);
2. pytest tests/unit/test_locales.py prints phrases that are missing or no longer used: translate;
3. UPDATE_LOCALES=1 pytest tests/unit/test_locales.py writes the rest anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = ("fr", "zh")
FILES = ("nodeDefs.json", "main.json")
LOCALES, DOCS = ROOT / "locales", ROOT / "web" / "docs"
UPDATE = bool(os.environ.get("UPDATE_LOCALES"))
SPECIAL = "{}@|"  # characters that vue-i18n reads as more than themselves
Nodes = dict[str, dict[str, Any]]


def english(nodes: Nodes) -> dict[str, Any]:
    """What locales/en holds, by file, from what /object_info says of the nodes of this pack."""
    definitions = {name: _definition(info) for name, info in nodes.items()}
    parts = dict.fromkeys(p for info in nodes.values() for p in info["category"].split("/"))
    return {
        "nodeDefs.json": definitions,
        "main.json": {"nodeCategories": {part: plain(part) for part in sorted(parts)}},
    }


def plain(text: str) -> str:
    """Text as vue-i18n shows it literally."""
    return "".join(f"{{'{c}'}}" if c in SPECIAL else c for c in text)


def read(language: str, file: str) -> dict[str, Any]:
    return json.loads((LOCALES / language / file).read_text(encoding="utf-8"))


def write(language: str, file: str, content: dict[str, Any]) -> None:
    path = LOCALES / language / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def phrases(language: str) -> dict[str, str]:
    """English to translated."""
    return json.loads((LOCALES / f"{language}.json").read_text(encoding="utf-8"))


def wanted_phrases() -> list[str]:
    """What has to be translated, in the order of the nodes."""
    return list(dict.fromkeys(text for file in FILES for text in flat(read("en", file)).values()))


def translated(content: Any, known: dict[str, str]) -> Any:
    """English content in another language; what is not known stays English."""
    if isinstance(content, str):
        return known.get(content, content)
    return {key: translated(value, known) for key, value in content.items()}


def flat(content: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    """Every text by its path of keys."""
    if isinstance(content, str):
        return {path: content}
    texts: dict[tuple[str, ...], str] = {}
    for key, value in content.items():
        texts |= flat(value, (*path, key))
    return texts


def help_page(node: str, known: dict[str, str]) -> str:
    """A node's help with its title and first paragraph translated, the rest as it is.

    ComfyUI shows this page instead of the English one, not beside it.
    """
    page = (DOCS / f"{node}.md").read_text(encoding="utf-8").rstrip()
    _, _, *rest = page.split("\n\n", 2)
    words = translated(read("en", "nodeDefs.json")[node], known)
    return "\n\n".join([f"# {words['display_name']}", words["description"], *rest]) + "\n"


def _definition(info: dict[str, Any]) -> dict[str, Any]:
    groups = (info["input"].get("required", {}), info["input"].get("optional", {}))
    inputs = {
        _key(name): _named(options.get("display_name") or name, options.get("tooltip"))
        for group in groups
        for name, (_, options) in group.items()
    }
    outputs = {
        str(i): _named(name, tooltip)
        for i, (name, tooltip) in enumerate(
            zip(info["output_name"], info["output_tooltips"], strict=True)
        )
    }
    definition: dict[str, Any] = {
        "display_name": plain(info["display_name"]),
        "description": plain(info["description"]),
        "inputs": inputs,
        "outputs": outputs,
    }
    return {key: value for key, value in definition.items() if value}


def _named(name: str, tooltip: str | None) -> dict[str, str]:
    texts = {"name": plain(name), "tooltip": plain(tooltip or "")}
    return {key: text for key, text in texts.items() if text}


def _key(name: str) -> str:
    """ComfyUI writes names with dots so, as a dot separates keys."""
    return name.replace(".", "_")
