"""What a person sees while training: a live bar on a terminal and in a notebook, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ..utils.bars import LiveBar, can_show, in_notebook
from .loop import Epoch
from .targets import Target

__all__ = ["LiveProgress", "PlainProgress", "progress_for"]

PLAIN_LINES = 50  # about how many lines a long training prints


class PlainProgress:
    """A line for each epoch; of long trainings, for every few epochs."""

    def __init__(self, target: Target, epochs: int, echo: Callable[[str], None]) -> None:
        self.target = target
        self.epochs = epochs
        self.echo = echo
        self.every = -(-epochs // PLAIN_LINES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def batch(self, epoch: int, samples: int, loss: float) -> None:
        """Nothing: a batch is too small a matter for a line."""

    def epoch(self, epoch: Epoch) -> None:
        """Print the epoch's line."""
        if epoch.epoch % self.every == 0 or epoch.epoch in (1, self.epochs):
            self.echo(
                f"epoch {epoch.epoch}/{self.epochs}  loss {epoch.train_loss:.4f}  "
                f"validation loss {epoch.validation_loss:.4f}  "
                f"{self.target.score_name} {self.target.show_score(epoch.validation_score)}  "
                f"{epoch.samples_per_second:,.0f} samples/s"
            )


class LiveProgress:
    """A bar that moves with the samples: epoch, loss, score on the validation rows, samples per second."""

    def __init__(self, target: Target, epochs: int, samples: int) -> None:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

        self.target = target
        self.samples = samples
        self._score = "–"
        self._epoch_start = time.perf_counter()
        columns = [
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=30 if in_notebook() else None),  # as wide as the terminal
            TextColumn("loss {task.fields[loss]}"),
            TextColumn("{task.fields[score_name]} {task.fields[score]}"),
            TextColumn("{task.fields[speed]} samples/s"),
            TimeRemainingColumn(),
        ]
        self._bar = LiveBar(
            columns, epochs * samples, epoch=1, epochs=epochs, loss="–", score="–", speed="–",
            score_name=target.score_name,
        )  # fmt: skip

    def __enter__(self) -> Self:
        self._bar.__enter__()
        self._epoch_start = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def batch(self, epoch: int, samples: int, loss: float) -> None:
        """Move the bar, a few times a second."""
        if self._bar.due():
            seconds = time.perf_counter() - self._epoch_start
            self._show(epoch, samples, loss, samples / max(seconds, 1e-9))

    def epoch(self, epoch: Epoch) -> None:
        """Show the epoch's final numbers."""
        self._score = self.target.show_score(epoch.validation_score)
        self._show(epoch.epoch, epoch.samples, epoch.train_loss, epoch.samples_per_second)
        self._epoch_start = time.perf_counter()

    def _show(self, epoch: int, samples: int, loss: float, speed: float) -> None:
        self._bar.update(
            (epoch - 1) * self.samples + samples, epoch=epoch, loss=f"{loss:.4f}", score=self._score,
            speed=f"{speed:,.0f}",
        )  # fmt: skip


def progress_for(
    target: Target, epochs: int, samples: int, echo: Callable[[str], None]
) -> PlainProgress | LiveProgress:
    """The live bar on a terminal and in a notebook, else plain lines through ``echo``."""
    return LiveProgress(target, epochs, samples) if can_show() else PlainProgress(target, epochs, echo)
