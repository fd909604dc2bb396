"""The dataset workflows on the page: opened from the templates, run, looked at."""

from __future__ import annotations

import pytest

from .page import ComfyPage, open_template

_DRAWN = """(kind) => {
  const node = window.app.graph.nodes.find((one) => one.type === kind)
  const shown = window.app.nodeOutputs[String(node.id)]?.images ?? []
  return shown.length
}"""


def shrink_dataset(page: ComfyPage) -> None:
    """As the template, with fewer clips and hardly any training: that is another test's."""
    page.set_widget("Vivid_SampleDataset", "clips", 3)
    page.set_widget("Vivid_SampleDataset", "length", 9)
    page.set_widget("Vivid_TrainAdapter", "steps", 1)
    page.set_widget("Vivid_TrainAdapter", "batch", 1)
    page.set_widget("Vivid_TrainAdapter", "length", 9)
    page.set_widget("Vivid_EditVideo", "steps", 1)


def shrink_instructions(page: ComfyPage) -> None:
    """The same: how good the edits are does not count here."""
    page.set_widget("Vivid_BuildInstructionDataset", "steps", 2)
    page.set_widget("Vivid_BuildInstructionDataset", "highest_epe", 1000)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("vivid_build_dataset", "Vivid_BuildDataset", "samples of 3 videos"),
        ("vivid_build_deletion", "Vivid_WriteSamples", "1 to delete"),
        (
            "vivid_build_instruction_dataset",
            "Vivid_BuildInstructionDataset",
            "of 2 pairs, 2 stills, 2 videos",
        ),
    ],
)
def test_the_template_builds_and_shows_its_samples(
    page: ComfyPage, name: str, kind: str, words: str
) -> None:
    page.start(anew=False)
    open_template(page, name)
    assert [node["type"] for node in page.nodes() if not node["known"]] == []
    if name == "vivid_build_dataset":
        shrink_dataset(page)
    if name == "vivid_build_instruction_dataset":
        shrink_instructions(page)
    assert page.run() == "execution_success"
    assert [node["type"] for node in page.nodes() if node["red"]] == []
    assert any(words in report for report in page.tab.locator(".vivid-report").all_inner_texts())
    assert page.tab.evaluate(_DRAWN, kind) == 1
    page.keep(name)
    assert page.errors == []
