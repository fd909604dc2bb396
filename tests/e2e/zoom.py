"""The zoom of a stage, as an artist's hand uses it: wheel, buttons, middle button, space bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator

from .page import ComfyPage

NOTCH = 100  # of the wheel, in its own units
Place = tuple[float, float]


class ZoomHand:
    """A hand at the mouse over one stage of a page; places are shares of the stage."""

    def __init__(self, page: ComfyPage, view: Locator, stage: str) -> None:
        self.tab, self.view, self.stage = page.tab, view, view.locator(stage)

    def at(self, place: Place) -> Place:
        """The place on the screen."""
        box = self.stage.bounding_box()
        assert box is not None
        return box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"]

    def turn(self, place: Place, notches: int, *, key: str = "Control") -> None:
        """Turn the wheel away from the hand, or with negative `notches` towards it."""
        self.tab.mouse.move(*self.at(place))
        with self._held(key):
            for _ in range(abs(notches)):
                self.tab.mouse.wheel(0, -NOTCH if notches > 0 else NOTCH)
        self._settle()

    def plain_turn(self, place: Place, notches: int) -> None:
        self.tab.mouse.move(*self.at(place))
        self.tab.mouse.wheel(0, -NOTCH * notches)
        self._settle()

    def drag_middle(self, start: Place, end: Place) -> None:
        self._drag(start, end, "middle")

    def drag_with_space(self, start: Place, end: Place) -> None:
        self.tab.mouse.move(*self.at(start))
        with self._held(" "):
            self._drag(start, end, "left")

    def press(self, name: str) -> None:
        self.view.locator(".vivid-zoom").get_by_role("button", name=name, exact=True).click()
        self._settle()

    @property
    def percent(self) -> float:
        """How large the picture is shown, as its label says."""
        words = self.view.locator(".ve-size, .vc-size").inner_text()
        return float(words.rsplit(" ", 1)[1].rstrip("%"))

    def canvas(self) -> list[float]:
        """Scale and place of ComfyUI's own canvas."""
        return self.tab.evaluate(
            "() => [window.app.canvas.ds.scale, ...window.app.canvas.ds.offset]"
        )

    def color(self, place: Place) -> list[int]:
        """What the stage shows at a place: red, green and blue."""
        return self.stage.locator("canvas").evaluate(
            """(canvas, [u, v]) => [...canvas.getContext('2d').getImageData(
              Math.floor(u * canvas.width), Math.floor(v * canvas.height), 1, 1).data]""",
            list(place),
        )[:3]

    def _drag(self, start: Place, end: Place, button: str) -> None:
        self.tab.mouse.move(*self.at(start))
        self.tab.mouse.down(button=button)  # type: ignore[arg-type]
        self.tab.mouse.move(*self.at(end), steps=6)
        self.tab.mouse.up(button=button)  # type: ignore[arg-type]
        self._settle()

    @contextmanager
    def _held(self, key: str) -> Iterator[None]:
        self.tab.keyboard.down(key)
        yield
        self._settle()
        self.tab.keyboard.up(key)

    def _settle(self) -> None:
        self.tab.wait_for_timeout(250)
