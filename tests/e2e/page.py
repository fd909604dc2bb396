"""ComfyUI's page, as someone uses it: open a workflow, press Run, look at the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Locator, Page

from ..comfyui import PACK, RUN_SECONDS, ComfyServer
from ..pictures import draw_thumbnail

ARTIFACTS = Path(__file__).parent / "artifacts"
START_MS = 180_000
REST_MS = (600, 2500)
Renderer = Literal["canvas", "vue"]

_READY = "window.app?.graph && window.app.extensionManager && window.LiteGraph"
_OPENED = "window.app.extensionManager.workflow?.activeWorkflow"  # its last one, or a new one
# As a page just opened, but for what it has learnt of the server: one blank workflow.
_BLANK = """async (settings) => {
  const { app } = window
  for (const [name, value] of Object.entries(settings)) {
    await app.extensionManager.setting.set(name, value)
  }
  await app.extensionManager.command.execute('Comfy.NewBlankWorkflow')
  const store = app.extensionManager.workflow
  for (const workflow of [...store.openWorkflows]) {
    if (workflow !== store.activeWorkflow) await store.closeWorkflow(workflow)
  }
  app.nodeOutputs = {}
  app.extensionManager.toast.removeAll?.()
  app.canvas.ds.reset()
  window.vividEnd = null
}"""
_OPEN = """async (name) => {
  const answer = await fetch(`/api/workflow_templates/PACK/${name}.json`)
  await window.app.loadGraphData(await answer.json(), true, true, name)
}""".replace("PACK", PACK)
_STEPS = """(steps) => {
  for (const node of window.app.graph.nodes) {
    const widget = node.widgets?.find(({ name }) => name === 'steps')
    if (widget) widget.value = steps
  }
}"""
_FIT = """() => {
  const { app } = window
  const { ds } = app.canvas
  const right = Math.max(...app.graph.nodes.map((node) => node.pos[0] + node.size[0]))
  ds.scale = Math.min(ds.scale, (window.innerWidth - 20) / (right + ds.offset[0]))
  app.canvas.setDirty(true, true)
}"""
_WATCH = """() => {
  window.vividEnd = null
  for (const kind of ['execution_success', 'execution_error', 'execution_interrupted']) {
    window.app.api.addEventListener(kind, (event) => { window.vividEnd = [kind, event.detail] })
  }
}"""
# Results are drawn and videos load: until nothing has changed for a while, or for so long.
_AT_REST = """([quiet, longest]) => new Promise((done) => {
  const began = performance.now()
  let last = began
  const noted = () => { last = performance.now() }
  const watch = new MutationObserver(noted)
  watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true })
  const loads = () => [...document.images].some((image) => !image.complete)
    || [...document.querySelectorAll('video')].some((video) => video.src && video.readyState < 2)
  const files = () => performance.getEntriesByType('resource').length
  let known = files()
  const look = () => {
    if (files() !== known || loads()) noted()
    known = files()
    const now = performance.now()
    if (now - last < quiet && now - began < longest) return setTimeout(look, 50)
    watch.disconnect()
    done()
  }
  look()
})"""
_NODES = """() => window.app.graph.nodes.map((node) => ({
  type: node.type,
  known: node.type in window.LiteGraph.registered_node_types,
  red: Boolean(node.has_errors)
}))"""

_HAS_OURS = "() => window.app.graph.nodes.some((node) => node.type.startsWith('Vivid_'))"
_SET = """([kind, name, value]) => {
  const node = window.app.graph.nodes.find((one) => one.type === kind)
  const widget = node.widgets.find((one) => one.name === name)
  widget.value = value
  widget.callback?.(value)
}"""
_VIEW = """() => Object.values(window.app.nodeOutputs)
  .find((output) => output.vivid_compare).vivid_compare[0]"""


def open_template(page: ComfyPage, title: str) -> None:
    """Open a workflow of this pack as people do: Browse Templates, our shelf, its card.

    `title` is the file's name, or what its card is called. The page must have been started.
    """
    tab = page.tab
    tab.locator(".comfy-menu-button-wrapper, .comfyui-logo-wrapper").first.click()
    tab.get_by_text("Browse Templates").first.click()
    shelf = tab.get_by_role("dialog").last
    shelf.get_by_text(PACK, exact=True).first.click()
    named = shelf.get_by_test_id(f"template-workflow-{title}")
    card = named.or_(shelf.get_by_title(title, exact=True)).first
    card.click()
    card.wait_for(state="hidden")
    tab.wait_for_function(_HAS_OURS)
    tab.wait_for_timeout(1500)  # the page fits the graph to the view
    leave_offer(tab)


def leave_offer(tab: Page) -> None:
    """Older pages offer the files of real models in a dialog as soon as a workflow opens."""
    offer = tab.locator(".p-dialog-mask")
    if offer.count():
        tab.keyboard.press("Escape")
        offer.first.wait_for(state="detached")


class ComfyPage:
    """`tab` is the browser's page; `errors` are those that this pack's code raised.

    Opening the page takes seconds, so that tests hand it on: `opened` is the renderer it was last
    opened with, `used_by` the file of the last test.
    """

    def __init__(self, tab: Page, comfy: ComfyServer) -> None:
        self.tab, self.comfy = tab, comfy
        self.opened: Renderer | None = None
        self.used_by: Path | None = None
        self.errors: list[str] = []
        tab.on("pageerror", self._on_error)

    def start(self, renderer: Renderer = "canvas", *, anew: bool = True) -> None:
        """Open the page. Not `anew`: a blank workflow will do, on the page of the test before.

        Clearing the graph instead would keep its id, by which ComfyUI keeps values of widgets.
        """
        settings = {
            "Comfy.TutorialCompleted": True,
            "Comfy.VueNodes.Enabled": renderer == "vue",
            "Comfy.RightSidePanel.IsOpen": False,  # errors open it, and it stays so
        }
        if anew or self.opened != renderer:
            self.comfy.post_settings(settings)
            self.opened = renderer
            self.tab.goto(self.comfy.url)
            self.tab.wait_for_function(_READY)
            self.tab.locator("canvas").first.wait_for()
            self.tab.wait_for_function(_OPENED)
            self.tab.wait_for_timeout(500)
        if not anew:
            self.tab.keyboard.press("Escape")
            self.tab.evaluate(_BLANK, settings)
            self.tab.wait_for_timeout(300)

    def open(
        self, workflow: str, renderer: Renderer = "canvas", *, steps: int | None = None
    ) -> None:
        """Open the page, and one of the workflows of this pack as the template browser does.

        `steps` is how many its edits take; None: as many as they are bundled with.
        """
        self.start(renderer, anew=False)
        self.tab.evaluate(_OPEN, workflow)
        if steps is not None:
            self.tab.evaluate(_STEPS, steps)
        self.tab.evaluate(_FIT)
        self.tab.locator(".vivid-compare").wait_for()
        self.tab.wait_for_timeout(1000)
        leave_offer(self.tab)

    def reload(self) -> None:
        """Press F5; the page opens the workflow that it had."""
        self.tab.reload()
        self.tab.wait_for_function(_READY)
        self.tab.wait_for_function(_HAS_OURS)
        self.tab.wait_for_timeout(3000)

    def nodes(self) -> list[dict[str, Any]]:
        return self.tab.evaluate(_NODES)

    def run(self, part: Locator | None = None) -> str:
        """Press Run, in a part of the page where it has several; how it ended."""
        self.tab.evaluate(_WATCH)
        place = part or self.tab
        place.get_by_role("button", name="Run", exact=True).first.click()
        self.tab.wait_for_function("window.vividEnd", timeout=RUN_SECONDS * 1000)
        kind, detail = self.tab.evaluate("window.vividEnd")
        self.tab.evaluate(_AT_REST, list(REST_MS))
        return kind if kind == "execution_success" else f"{kind}: {detail}"

    def set_widget(self, kind: str, name: str, value: Any) -> None:
        """Set a widget of the first node of a kind, as the page does."""
        self.tab.evaluate(_SET, [kind, name, value])

    @property
    def view(self) -> Locator:
        return self.tab.locator(".vivid-compare")

    def press(self, name: str) -> None:
        self.view.get_by_role("button", name=name, exact=True).click()

    def pixels(self, place: tuple[float, float]) -> list[int]:
        """Colour of the view's canvas at a place, given as shares of its width and height."""
        return self.view.locator("canvas").evaluate(
            """(canvas, [x, y]) => [...canvas.getContext('2d').getImageData(
              Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1).data]""",
            list(place),
        )

    def keep(self, name: str) -> None:
        """Keep a screenshot to look at."""
        ARTIFACTS.mkdir(exist_ok=True)
        version = ".".join(str(part) for part in self.comfy.version)
        path = ARTIFACTS / f"{version}_{name}.png"
        self.tab.screenshot(path=str(path), animations="allow")

    def draw_thumbnail(self, path: Path) -> None:
        """Source and edit of the middle frame, side by side."""
        draw_thumbnail(self.comfy, self.tab.evaluate(_VIEW), path)

    def _on_error(self, error: Any) -> None:
        if f"extensions/{PACK}/" in (error.stack or ""):
            self.errors.append(str(error))
