"""A diagram in a page: a click on a container opens or closes it.

The layout is made here, in Python; a page holds the pictures for all sets of open containers that can be reached, up to
a number and a size, and a short script that exchanges them. Where a model has more, a click starts from the set that
the page began with. Without a script the page shows that one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..scripted import scripted
from .compound import place
from .units import Unit

if TYPE_CHECKING:
    from .diagram import Diagram

__all__ = ["interactive"]

STATES = 64  # pictures in a page
BYTES = 600_000  # of all of them

Open = frozenset[str]

SCRIPT = """\
  const parts = new DOMParser();
  let now = 0;
  function prepare() {
    svg.querySelectorAll('[data-opens]').forEach(function (group) {
      if (!(group.dataset.opens in data.moves[now])) { return; }
      group.setAttribute('role', 'button');
      group.setAttribute('tabindex', '0');
      group.setAttribute('aria-expanded', String(group.classList.contains('group')));
    });
  }
  function show(state, focus) {
    now = state;
    const picture = data.states[state];
    const text = '<svg xmlns="http://www.w3.org/2000/svg">' + picture.body + '</svg>';
    const body = parts.parseFromString(text, 'image/svg+xml').documentElement;
    while (svg.lastChild && !['title', 'desc', 'style'].includes(svg.lastChild.nodeName)) { svg.lastChild.remove(); }
    while (body.firstChild) { svg.appendChild(body.firstChild); }
    svg.setAttribute('viewBox', '0 0 ' + picture.width + ' ' + picture.height);
    svg.setAttribute('width', picture.width);
    svg.setAttribute('height', picture.height);
    prepare();
    const again = focus && svg.querySelector('[data-opens="' + focus + '"]');
    if (again) { again.focus(); }
  }
  function act(event) {
    const group = event.target.closest && event.target.closest('[data-opens]');
    if (!group || !svg.contains(group)) { return; }
    const next = data.moves[now][group.dataset.opens];
    if (next === undefined) { return; }
    event.preventDefault();
    show(next, group.dataset.opens);
  }
  svg.addEventListener('click', act);
  svg.addEventListener('keydown', function (event) { if (event.key === 'Enter' || event.key === ' ') { act(event); } });
  prepare();
"""


def interactive(diagram: Diagram, svg: str) -> str:
    """The SVG with what opens and closes its containers; just the SVG if there is nothing to open."""
    states = _States(diagram)
    if len(states.found) < 2:
        return svg
    return scripted("diagram", svg, {"states": states.pictures, "moves": states.moves()}, SCRIPT)


class _States:
    """The sets of open containers that can be reached, nearest first, and their pictures."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self.units = {unit.key: unit for unit in diagram.root.walk() if unit.opens() and unit.parent is not None}
        first = frozenset(unit.key for unit in self.units.values() if diagram.view.is_open(unit))
        self.found: dict[Open, int] = {}
        self.pictures: list[dict[str, Any]] = []
        self.first = first
        size = 0
        waiting = deque([first])
        while waiting and len(self.found) < STATES and size < BYTES:
            opened = waiting.popleft()
            if opened in self.found:
                continue
            self.found[opened] = len(self.pictures)
            self.pictures.append(self._picture(opened))
            size += len(self.pictures[-1]["body"])
            waiting.extend(self._toggled(opened, key) for key in self._visible(opened))

    def _picture(self, opened: Open) -> dict[str, Any]:
        view, layout = self.diagram.view, self.diagram.layout
        if opened != self.first:
            view = self.diagram.view_of(lambda unit: unit.key in opened)
            layout = place(view, self.diagram.direction)
        width, height = self.diagram.size_of(layout)
        return {"width": width, "height": height, "body": self.diagram.body_of(view, layout)}

    def _visible(self, opened: Open) -> Iterator[str]:
        """The containers that can be clicked."""
        for key, unit in self.units.items():
            if all(outer.key in opened for outer in _containers(unit)):
                yield key

    def _toggled(self, opened: Open, key: str) -> Open:
        """With a container opened, or closed together with all in it."""
        if key not in opened:
            return opened | {key}
        return opened - {unit.key for unit in self.units[key].walk()}

    def moves(self) -> list[dict[str, int]]:
        """For each state where a click on a container leads."""
        result = []
        for opened in self.found:
            targets = {}
            for key in self._visible(opened):
                near = self.found.get(self._toggled(opened, key), self.found.get(self._toggled(self.first, key)))
                if near is not None:
                    targets[key] = near
            result.append(targets)
        return result


def _containers(unit: Unit) -> Iterator[Unit]:
    """The containers around a unit, the picture itself left out."""
    while unit.parent is not None and unit.parent.parent is not None:
        unit = unit.parent
        yield unit
