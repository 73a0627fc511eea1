"""A run: a network trained on a job, and the folder that it leaves."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.tensor import wrap
from ..errors import CompileError, DivergenceError
from ..ops.random import manual_seed
from .curve import loss_curve
from .evaluation import evaluation
from .gauges import Snapshot
from .interrupt import Interruption
from .jobs import Job
from .loop import Trainer, network, outputs_of
from .options import Options
from .progress import progress_for
from .report import try_report
from .run import RunFolder

if TYPE_CHECKING:
    from .live import Live

__all__ = ["Outcome", "describe_outcome", "run_job"]

CHECKPOINT_SECONDS = 1.0  # a new best model is written at once if the last one is older than this
PROFILE = ("program", "threads", "microseconds", "product_gflops", "copy_gigabytes")
PROFILE_ROW = ("name", "kind", "formula", "microseconds", "share", "gflops", "gigabytes", "percent")

Echo = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its folder, the result on the test rows, and the signal that stopped it, if one did.

    ``unreported`` says why report.html is missing; None if it is not.
    """

    folder: Path
    report: dict[str, Any]
    epochs: int
    best_epoch: int
    signal: int | None
    unreported: str | None

    def stopped(self) -> str:
        """How a run that a signal has ended ended."""
        return f"stopped in epoch {self.epochs}; the best model so far, of epoch {self.best_epoch}, is in {self.folder}"


def run_job(
    job: Job, options: Options, out: Path | None, interruption: Interruption, echo: Echo, live: Live | None = None
) -> Outcome:
    """Train a network on a job and leave a run folder.

    A signal that ``interruption`` notes ends the training between two steps; the best weights so far are saved with
    all files.

    Args:
        job: the data.
        options: how to train.
        out: the folder; None numbers one.
        interruption: says when to stop.
        echo: prints a line.
        live: is told of every epoch and of the end.

    Raises:
        KeyboardInterrupt: a signal came before there was anything to save.
        DivergenceError: the loss left the finite numbers. The best epoch before, if there was one, is saved.
        RunError: the folder can't be made.
        OSError: a file can't be written.
    """
    options = options.settled(len(job.train), job.target.clip_norm)
    manual_seed(options.seed)
    model = network(job.sizes(options))
    trainer = Trainer(model, job.target, job.train, job.validation, options, measure=True)
    folder = RunFolder.create(out, job.name)
    run = _Run(job, options, trainer, folder, live)
    try:
        folder.write_settings(run.settings)
        for line in describe_job(job, options):
            echo(line)
        diverged = run.train(interruption, echo)
        if trainer.best is None:
            raise diverged or KeyboardInterrupt
        report = run.finish(diverged, interruption.signal)
    except BaseException as error:
        if not folder.has_model:
            folder.discard()
        if live is not None:
            live.end(error=error)
        raise
    unreported = try_report(folder.path)
    if live is not None:
        live.end(folder.path)
    if diverged:
        raise DivergenceError(f"{diverged}; epoch {trainer.best.epoch}, the best before, is saved in {folder.path}")
    return Outcome(folder.path, report, len(trainer.history), trainer.best.epoch, interruption.signal, unreported)


class _Run:
    """A training that writes into its folder."""

    def __init__(self, job: Job, options: Options, trainer: Trainer, folder: RunFolder, live: Live | None) -> None:
        self.job = job
        self.options = options
        self.trainer = trainer
        self.folder = folder
        self.live = live
        self.settings = job.settings(options)
        self.start = time.perf_counter()

    def train(self, interruption: Interruption, echo: Echo) -> DivergenceError | None:
        """All epochs, with a line of metrics for each and a checkpoint now and then. Returns a divergence."""
        trainer, epochs, stop = self.trainer, self.options.epochs, interruption.requested
        saved_at = time.monotonic()
        if self.live is not None:
            self.live.begin(self.folder.path, self.settings)
        with progress_for(self.job.target, epochs, len(self.job.train), echo) as progress:
            while len(trainer.history) < epochs and not stop():
                try:
                    epoch = trainer.run_epoch(progress, stop)
                except DivergenceError as error:
                    return error
                if epoch is None:
                    break
                self._note(epoch.to_dict())
                late = time.monotonic() > saved_at + CHECKPOINT_SECONDS
                if epoch is trainer.best and (not self.folder.has_model or late):
                    self.folder.write_model(trainer.best_state())
                    saved_at = time.monotonic()
        return None

    def _note(self, metrics: dict[str, Any]) -> None:
        self.folder.add_metrics(metrics)
        if self.live is not None:
            self.live.epoch(metrics, self.snapshots())

    def snapshots(self) -> list[Snapshot]:
        """The histograms so far."""
        return self.trainer.gauges.snapshots if self.trainer.gauges else []

    def finish(self, diverged: DivergenceError | None, signal: int | None) -> dict[str, Any]:
        """Write the best weights, the curve and the result; returns the report on the test rows."""
        job, trainer, folder = self.job, self.trainer, self.folder
        best, history = trainer.best, trainer.history
        assert best is not None
        seconds = time.perf_counter() - self.start
        profile = profile_of(trainer)
        state = trainer.best_state()
        folder.write_model(state)
        trainer.model.load_state_dict(state)
        outputs = outputs_of(trainer.model, job.test.x)
        report = job.target.report(outputs, job.test.y, job.train.y)
        result = {
            "epochs": len(history),
            "best_epoch": best.epoch,
            "validation_loss": best.validation_loss,
            "test": report,
            "ended": "diverged" if diverged else "stopped" if signal is not None else "finished",
            "seconds": seconds,
        }
        curve = loss_curve(
            [epoch.epoch for epoch in history],
            [epoch.train_loss for epoch in history],
            [epoch.validation_loss for epoch in history],
            best.epoch,
            f"{job.name[:40]}: loss",
        )
        folder.write_curve(curve.svg())
        folder.write_diagnostics(
            {
                "snapshots": [asdict(snapshot) for snapshot in self.snapshots()],
                "test": evaluation(job.target, outputs, job.test.y, job.examples),
            }
        )
        folder.write_settings({**self.settings, "result": result, "profile": profile})
        return report


def profile_of(trainer: Trainer) -> dict[str, Any] | None:
    """Where the time of the compiled step goes, kernel by kernel; None if it runs line by line.

    All is run on copies: the weights stay as they are.
    """
    if trainer.compiled is None:
        return None
    batch = [wrap(tensor._value[: trainer.batch_size]) for tensor in trainer.data.tensors]
    try:
        profile = trainer.compiled.profile(*batch)
    except CompileError:  # NumPy evaluates the step
        return None
    named = {field: getattr(profile, field) for field in PROFILE}
    rows = [{field: getattr(row, field) for field in PROFILE_ROW} for row in profile.rows]
    return {"batch": len(batch[0]), **named, "kernels": rows}


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
        f"saved in {outcome.folder}: the weights of epoch {outcome.best_epoch}, metrics.jsonl, settings.json, "
        + ("loss.svg" if outcome.unreported else "report.html"),
    ]
