"""A training job: data that is ready for a network, and the run that trains one on it."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import Table
from ..errors import DataError, DivergenceError
from ..ops.random import Generator, manual_seed
from ..version import __version__
from .curve import loss_curve
from .interrupt import Interruption
from .loop import Part, Trainer, network, outputs_of
from .options import Options
from .progress import progress_for
from .run import RunFolder
from .split import split_rows
from .table import Preprocessor, require_finite
from .targets import Target, number_target, target_of

__all__ = ["Job", "Outcome", "describe_outcome", "run_job", "table_job"]

HELD_OUT = 0.15  # of a table's rows for validation, and as many for the test
MIN_ROWS = 10
CHECKPOINT_SECONDS = 1.0  # a new best model is written at once if the last one is older than this

Echo = Callable[[str], None]


@dataclass
class Job:
    """Data to train on, to choose the best epoch by, and to report on; how it was prepared; notes for the reader."""

    name: str
    source: str
    preprocessor: Preprocessor
    target: Target
    train: Part
    validation: Part
    test: Part
    notes: list[str] = field(default_factory=list)

    def sizes(self, options: Options) -> list[int]:
        """The widths of the network's layers, from inputs to outputs."""
        return [self.preprocessor.width, *options.layers, self.target.width]

    def settings(self, options: Options) -> dict[str, Any]:
        """All that is needed to predict, and to repeat the run."""
        return {
            "versions": {"thalweg": __version__, "numpy": np.__version__, "python": platform.python_version()},
            "source": self.source,
            "rows": {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)},
            "target": self.target.to_dict(),
            "preprocessing": self.preprocessor.to_dict(),
            "layers": self.sizes(options),
            "options": options.to_dict(),
            "notes": self.notes,
        }


def table_job(table: Table, name: str, target_name: str, task: str | None, seed: int) -> Job:
    """Prepare a table to predict one of its columns.

    Raises:
        DataError: the table or the column is not fit for it; the message says how.
    """
    table.column(target_name)  # a DataError names the columns there are
    features = [column for column in table.names if column != target_name]
    if not features:
        raise DataError(f"{table.source}: the target {target_name!r} is the only column: nothing is left to learn from")
    for column in table.names:
        require_finite(table, column)
    table, notes = rows_with_target(table, target_name)
    classes, note = target_of(table, target_name, task)
    notes.insert(0, note)
    labels = classes.encode(table) if classes else np.zeros(len(table), np.int64)
    held_out = max(1, round(HELD_OUT * len(table)))
    train, validation, test = split_rows(labels, [held_out, held_out], Generator().manual_seed(seed))
    target: Target = classes or number_target(table, target_name, train)
    preprocessor, remarks = Preprocessor.fit(table, features, train)
    x, filled = preprocessor.transform(table)
    y = target.encode(table)
    parts = {
        part: Part(x[rows], y[rows]) for part, rows in (("train", train), ("validation", validation), ("test", test))
    }
    return Job(name, table.source, preprocessor, target, **parts, notes=[*notes, *remarks, *filled])


def rows_with_target(table: Table, target: str) -> tuple[Table, list[str]]:
    """The table without the rows whose target is missing, and a note on them; too few rows are refused."""
    missing = table.is_missing(target)
    count = int(missing.sum())
    left = len(table) - count
    if left < MIN_ROWS:
        reason = f"; in {count} of {len(table)} rows the target {target!r} is missing" if count else ""
        raise DataError(
            f"{table.source}: {left} row{'s are' if left != 1 else ' is'} too few to train, validate and test on: "
            f"at least {MIN_ROWS} are needed{reason}"
        )
    if not count:
        return table, []
    columns = {name: column[~missing] for name, column in table.columns.items()}
    rows = ", ".join(str(i + 1) for i in np.flatnonzero(missing)[:5]) + (", …" if count > 5 else "")
    note = f"{count:,} of {len(table):,} rows left out: the target is missing there (data row {rows})"
    return Table(columns, source=table.source), [note]


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its folder, the report on the test rows, and the signal that stopped it, if one did."""

    folder: Path
    report: dict[str, Any]
    epochs: int
    best_epoch: int
    signal: int | None

    def stopped(self) -> str:
        """How a run that a signal has ended ended."""
        return f"stopped in epoch {self.epochs}; the best model so far, of epoch {self.best_epoch}, is in {self.folder}"


def run_job(job: Job, options: Options, out: Path | None, interruption: Interruption, echo: Echo) -> Outcome:
    """Train a network on a job and leave a run folder.

    A signal that ``interruption`` notes ends the training between two steps; the best weights so far are saved with
    all files.

    Raises:
        KeyboardInterrupt: a signal came before there was anything to save.
        DivergenceError: the loss left the finite numbers. The best epoch before, if there was one, is saved.
        RunError: the folder can't be made.
        OSError: a file can't be written.
    """
    options = options.settled(len(job.train), job.target.clip_norm)
    manual_seed(options.seed)
    model = network(job.sizes(options))
    trainer = Trainer(model, job.target, job.train, job.validation, options)
    folder = RunFolder.create(out, job.name)
    try:
        folder.write_settings(job.settings(options))
        for line in describe_job(job, options):
            echo(line)
        diverged = train(trainer, job, options, folder, interruption, echo)
        if trainer.best is None:
            raise diverged or KeyboardInterrupt
        report = finish(trainer, job, options, folder)
    except BaseException:
        if not folder.has_model:
            folder.discard()
        raise
    if diverged:
        raise DivergenceError(f"{diverged}; epoch {trainer.best.epoch}, the best before, is saved in {folder.path}")
    return Outcome(folder.path, report, len(trainer.history), trainer.best.epoch, interruption.signal)


def train(
    trainer: Trainer, job: Job, options: Options, folder: RunFolder, interruption: Interruption, echo: Echo
) -> DivergenceError | None:
    """All epochs, with a line of metrics for each and a checkpoint now and then. Returns a divergence."""
    saved_at = time.monotonic()
    stop = interruption.requested
    with progress_for(job.target, options.epochs, len(job.train), echo) as progress:
        while len(trainer.history) < options.epochs and not stop():
            try:
                epoch = trainer.run_epoch(progress, stop)
            except DivergenceError as error:
                return error
            if epoch is None:
                break
            folder.add_metrics(epoch.to_dict())
            if epoch is trainer.best and (not folder.has_model or time.monotonic() > saved_at + CHECKPOINT_SECONDS):
                folder.write_model(trainer.best_state())
                saved_at = time.monotonic()
    return None


def finish(trainer: Trainer, job: Job, options: Options, folder: RunFolder) -> dict[str, Any]:
    """Write the best weights, the curve and the result; returns the report on the test rows."""
    best = trainer.best
    assert best is not None
    state = trainer.best_state()
    folder.write_model(state)
    trainer.model.load_state_dict(state)
    report = job.target.report(outputs_of(trainer.model, job.test.x), job.test.y, job.train.y)
    history = trainer.history
    folder.write_curve(
        loss_curve(
            [epoch.epoch for epoch in history],
            [epoch.train_loss for epoch in history],
            [epoch.validation_loss for epoch in history],
            best.epoch,
            f"{job.name[:40]}: loss",
        ).svg()
    )
    result = {"epochs": len(history), "best_epoch": best.epoch, "validation_loss": best.validation_loss, "test": report}
    folder.write_settings({**job.settings(options), "result": result})
    return report


def describe_job(job: Job, options: Options) -> list[str]:
    """What is about to be trained, and the notes on the data."""
    sizes = job.sizes(options)
    rows = f"{len(job.train):,} to train on, {len(job.validation):,} for validation, {len(job.test):,} for the test"
    weights = sum((n + 1) * m for n, m in pairwise(sizes))
    network_line = f"network {'-'.join(map(str, sizes))} ({weights:,} weights), {options.optimizer}"
    batch = "all rows" if options.batch_size is None else f"{options.batch_size:,}"
    return [
        *job.notes,
        f"rows: {rows}",
        f"{network_line}, learning rate {options.lr:g}, batch size {batch}, seed {options.seed}",
    ]


def describe_outcome(job: Job, outcome: Outcome) -> list[str]:
    """The report on the test rows, and where everything is."""
    return [
        f"test {job.target.describe_report(outcome.report)}",
        f"saved in {outcome.folder}: the weights of epoch {outcome.best_epoch}, metrics.jsonl, loss.svg, settings.json",
    ]
