"""A diagram with values that become known one after the other, as a pass goes on."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Self

from ...errors import ArgumentError
from ..blocks.compound import place
from ..blocks.diagram import Diagram
from ..blocks.units import Note, Unit, title_of
from ..picture import Picture
from ..scripted import scripted

__all__ = ["Stepping"]

SCRIPT = """\
  const range = root.querySelector('input');
  const caption = root.querySelector('output');
  function show(step) {
    step = Math.max(0, Math.min(data.captions.length - 1, step));
    range.value = step;
    caption.textContent = data.captions[step];
    svg.querySelectorAll('[data-since]').forEach(function (text) {
      text.style.visibility = Number(text.dataset.since) <= step ? 'visible' : 'hidden';
    });
    svg.querySelectorAll('.now').forEach(function (group) { group.classList.remove('now'); });
    const at = svg.querySelector('[data-id="' + data.blocks[step] + '"]');
    if (at) { at.classList.add('now'); }
  }
  range.addEventListener('input', function () { show(Number(range.value)); });
  root.querySelectorAll('button').forEach(function (button) {
    button.addEventListener('click', function () { show(Number(range.value) + Number(button.dataset.by)); });
  });
  root.querySelector('.tw-controls').hidden = false;
  show(data.step);
"""

CONTROLS = """\
<div class="tw-controls" hidden style="position: sticky; left: 0">
<button type="button" data-by="-1" aria-label="one step back">◀</button>
<input type="range" min="0" max="{steps}" step="1" value="{steps}" aria-label="step of the pass">
<button type="button" data-by="1" aria-label="one step on">▶</button>
<output></output>
</div>
"""


class Stepping(Picture):
    """A diagram whose notes are known from a certain step on: first each block forward, then each backward.

    Attributes:
        steps: the number of steps.
        step: how many of them are done.
    """

    def __init__(self, diagram: Diagram, order: Sequence[Unit], notes: dict[str, list[Note]], step: int | None) -> None:
        self.diagram, self.order = diagram, list(order)
        self.steps = 2 * len(self.order)
        for unit in diagram.view.blocks():
            unit.notes = notes.get(unit.key, [])
        for v in diagram.view.variables:
            v.notes = notes.get(v.key, [])
        self.layout = place(diagram.view, diagram.direction)
        self.title = diagram.title
        self.width, self.height = diagram.size_of(self.layout)
        self.step = self._checked(self.steps if step is None else step)
        self.description = f"{diagram.description} {self.caption(self.step)}"

    def _checked(self, step: int) -> int:
        if not 0 <= step <= self.steps:
            raise ArgumentError(f"backprop: this pass has the steps 0 to {self.steps}, not {step}")
        return step

    def unit_of(self, step: int) -> Unit | None:
        """The block that is at work in a step."""
        count = len(self.order)
        return None if step == 0 else self.order[step - 1] if step <= count else self.order[2 * count - step]

    def caption(self, step: int) -> str:
        """What happens in a step, in words."""
        unit = self.unit_of(step)
        if unit is None:
            return "Before the pass: only what is given is known."
        way = "forward" if step <= len(self.order) else "backward"
        return f"Step {step} of {self.steps}, {way} through {title_of(unit)}."

    def at(self, step: int) -> Self:
        """The picture after so many steps of the same pass."""
        other = copy.copy(self)
        other.step = self._checked(step)
        other.description = f"{self.diagram.description} {self.caption(step)}"
        return other

    def body(self) -> str:
        unit = None if self.step == self.steps else self.unit_of(self.step)
        return self.diagram.body_of(self.diagram.view, self.layout, self.step, unit.key if unit else "")

    def _repr_html_(self) -> str:
        return self.fragment()

    def fragment(self, *, style: bool = True) -> str:
        """The picture for a page, with controls that walk through the pass."""
        whole = self.at(self.steps).svg(style=style)
        units = [self.unit_of(step) for step in range(self.steps + 1)]
        data = {
            "captions": [self.caption(step) for step in range(self.steps + 1)],
            "blocks": [unit.key if unit else "" for unit in units],
            "step": self.step,
        }
        return scripted("pass", CONTROLS.format(steps=self.steps) + whole, data, SCRIPT)
