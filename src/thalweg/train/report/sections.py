"""The sections of a report, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ...errors import ThalwegError
from .curves import curves
from .data import RunData
from .facts import machine, picture_of_network, settings, summary
from .inside import gradients, histograms
from .judgement import judgement
from .pieces import Html, paragraph
from .timing import timing

__all__ = ["SECTIONS", "Section", "content", "contents", "guarded"]

Changes = Literal["never", "epoch", "snapshot"]

DAMAGED = (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError, ThalwegError)


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        key: its id.
        title: its heading.
        build: gives what it holds.
        changes: when it does so while a training runs.
    """

    key: str
    title: str
    build: Callable[[RunData], Html]
    changes: Changes = "epoch"


SECTIONS = (
    Section("summary", "Summary", summary),
    Section("curves", "Curves", curves),
    Section("test", "On the test rows", judgement),
    Section("gradients", "Gradients and updates", gradients),
    Section("histograms", "Weights and activations", histograms, changes="snapshot"),
    Section("network", "Network", picture_of_network, changes="never"),
    Section("timing", "Time", timing),
    Section("settings", "Settings", settings, changes="never"),
    Section("machine", "Machine and versions", machine, changes="never"),
)


def content(section: Section, run: RunData) -> Html:
    """What a section holds; a sentence if the run's files are too damaged for it, or there are none yet."""
    if run.running and not run.settings:
        return paragraph("The training has not begun.")
    return guarded(section.build, run)


def guarded(build: Callable[[Any], Html], shown: Any) -> Html:
    """What ``build`` makes of a run or of runs; a sentence if their files are too damaged for it."""
    try:
        return build(shown)
    except DAMAGED as error:
        return paragraph(f"This can't be shown: files are damaged ({type(error).__name__}: {error}).", "warning")


def contents(run: RunData, *, changes: Changes | None = None) -> dict[str, Html]:
    """What the sections hold, by their keys: all of them, or those that change at certain times."""
    return {section.key: content(section, run) for section in SECTIONS if changes in (None, section.changes)}
