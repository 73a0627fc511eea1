"""Bars that move while something runs: on a terminal and in a notebook; elsewhere there are none."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from ..core.tensor import Tensor

__all__ = ["LiveBar", "ProgressBar", "can_show", "in_notebook", "progress"]

T = TypeVar("T")

REFRESH = 0.1  # seconds between two updates


def in_notebook() -> bool:
    """Whether a Jupyter kernel shows what this process displays; a console of IPython is a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def can_show() -> bool:
    """Whether a bar can move here: in a notebook, or if standard output is a terminal."""
    return in_notebook() or sys.stdout.isatty()


class LiveBar:
    """One task with a bar, in columns of rich's; within ``with`` it shows.

    On a terminal rich redraws the line. In a notebook an output is shown, and replaced by what it has become; so it
    needs no widgets, and what it was at the end is kept in the file.

    Args:
        columns: of ``rich.progress``.
        total: how far it has to go; None if that is not known.
        fields: what else the columns show.
    """

    def __init__(self, columns: Sequence[Any], total: float | None, **fields: Any) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self.notebook = in_notebook()
        self._output: Any = None
        self._next = 0.0
        self._bar = Progress(
            *columns, console=Console(), expand=not self.notebook, auto_refresh=not self.notebook
        )  # fmt: skip
        self._task = self._bar.add_task("", total=total, **fields)

    def __enter__(self) -> Self:
        if not self.notebook:
            self._bar.start()
            return self
        from IPython.display import display

        self._output = display(self._table(), display_id=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.notebook:
            self._bar.stop()
            return
        self._bar.stop_task(self._task)
        self._redraw()

    def due(self) -> bool:
        """Whether it is time for an update; true a few times a second."""
        now = time.perf_counter()
        if now < self._next:
            return False
        self._next = now + REFRESH
        return True

    def update(self, completed: float, **fields: Any) -> None:
        """Go to a place, and show other values."""
        self._bar.update(self._task, completed=completed, **fields)
        if self.notebook:
            self._redraw()

    def _table(self) -> Any:
        """The bar as it is now, which a notebook can show."""
        return self._bar.make_tasks_table(self._bar.tasks)

    def _redraw(self) -> None:
        if self._output is not None:
            self._output.update(self._table())


class ProgressBar(Generic[T]):
    """What ``progress`` returns: the items, one by one, with a bar beside them."""

    def __init__(self, items: Iterable[T], description: str, total: float | None) -> None:
        self.items = items
        self.description = description
        self.total = total if total is not None else _length(items)
        self._numbers: dict[str, Any] = {}

    def __iter__(self) -> Iterator[T]:
        if not can_show():
            yield from self.items
            return
        done = 0
        with self._live() as bar:
            try:
                for item in self.items:
                    yield item
                    done += 1
                    if bar.due():
                        bar.update(done, numbers=self._text())
            finally:
                bar.update(done, numbers=self._text())

    def __len__(self) -> int:
        return len(self.items)  # type: ignore[arg-type]  # as of what it goes through

    def show(self, **numbers: Any) -> None:
        """Show these beside the bar from its next update on: numbers, or tensors of one element."""
        self._numbers = numbers

    def _live(self) -> LiveBar:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = [
            TextColumn("{task.fields[name]}", markup=False), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}", markup=False),
            TimeElapsedColumn(), TimeRemainingColumn(),
        ]  # fmt: skip
        return LiveBar(columns, self.total, name=self.description, numbers="")

    def _text(self) -> str:
        return "  ".join(f"{name} {_shown(x)}" for name, x in self._numbers.items())


def progress(items: Iterable[T], description: str = "", *, total: float | None = None) -> ProgressBar[T]:
    """Goes through ``items``, such as a DataLoader, with a bar that moves on a terminal and in a notebook.

    Elsewhere, as in a file or a pipe, nothing is shown.

    Args:
        items: anything that a ``for`` takes.
        description: what stands before the bar.
        total: how many they are, if they have no ``len``.

    Returns:
        An iterable; its ``show(loss=...)`` puts numbers beside the bar.

    >>> from thalweg.utils import progress
    >>> bar = progress(range(3), "epoch 1")
    >>> for i in bar:
    ...     bar.show(loss=1 / (i + 1))
    >>> len(bar)
    3
    """
    return ProgressBar(items, description, total)


def _length(items: Any) -> float | None:
    try:
        return float(len(items))
    except TypeError:
        return None


def _shown(x: Any) -> str:
    value = x.item() if isinstance(x, Tensor) else x
    return f"{value:.4g}" if isinstance(value, float) else str(value)
