"""Training on the page: the template opens, Run trains, the node shows where it is."""

from __future__ import annotations

from .page import ComfyPage, open_template

STEPS = 12
_TEXT = (
    "() => document.body.innerText + [...document.querySelectorAll('textarea')].map(t => t.value)"
)


def test_the_template_trains(page: ComfyPage) -> None:
    page.start()
    open_template(page, "vivid_train_adapter")
    assert [node["type"] for node in page.nodes() if not node["known"]] == []
    page.keep("train_opened")
    page.set_widget("Vivid_SampleDataset", "clips", 8)
    page.set_widget("Vivid_TrainAdapter", "steps", STEPS)
    page.set_widget("Vivid_TrainAdapter", "batch", 2)
    page.set_widget("Vivid_EditVideo", "steps", 1)  # how training looks is what is tested
    assert page.run() == "execution_success"
    assert f"step {STEPS} of {STEPS}, {2 * STEPS} samples seen" in page.tab.evaluate(_TEXT)
    page.keep("train_done")
    assert page.errors == []
