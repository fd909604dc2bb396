"""What nodes tell in words is shown on them: the page's script names those that do."""

from __future__ import annotations

import json
import re
from pathlib import Path

SHOWN_OTHERWISE = {"Vivid_TrackObject"}  # by a view of its own


def test_every_report_has_a_place_on_its_node(repository: Path) -> None:
    interface = json.loads((repository / "tests" / "nodes" / "interface.json").read_text())
    script = (repository / "web" / "vivid.js").read_text()
    listed = script[script.index("const REPORTS") :]
    named = set(re.findall(r"'(Vivid_\w+)'", listed[: listed.index("]")]))
    telling = {
        node
        for node, sockets in interface.items()
        if any("report" in output for output in sockets["outputs"])
    }
    assert telling - SHOWN_OTHERWISE <= named
    assert named <= interface.keys()
