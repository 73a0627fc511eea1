"""What watchers of a run are shown: the training thread adds to it, the server's threads read it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from ...errors import RunError
from ..gauges import Snapshot
from ..report.data import RunData, load_run_data
from ..report.facts import ENDED
from ..report.pieces import Html
from ..report.sections import contents
from ..run import REPORT

__all__ = ["Live", "State"]

State = Literal["starting", "running", "stopping", "ended"]


class Live:
    """A run that others may watch and stop.

    The training thread calls ``begin``, ``epoch`` and ``end``, which cost next to nothing; pictures are drawn in the
    thread that asks for ``update``.

    Args:
        stop: asks the training to stop, as Ctrl-C does.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self.state: State = "starting"
        self.version = 0  # grows with every change
        self._stop = stop
        self._changed = threading.Condition()
        self._over = threading.Event()
        self._drawing = threading.Lock()
        self._drawn: dict[str, Any] | None = None
        self._run = RunData("training", {}, running=True)
        self._fixed: dict[str, Html] = {}
        self._histograms: tuple[int, dict[str, Html]] = (-1, {})  # how many snapshots, and what they look like
        self._snapshots: list[Snapshot] = []
        self._shown: list[dict[str, Any]] = []  # the snapshots as plain data
        self._sentence = "The data is being read."

    def begin(self, path: Path, settings: dict[str, Any]) -> None:
        """The training begins; its folder and settings. What will not change is drawn here."""
        run = RunData(path.name, settings, running=True)
        fixed = contents(run, changes="never")
        with self._changed:
            self._run, self._fixed, self._histograms = run, fixed, (-1, {})
            self._become("running", "Training.")

    def epoch(self, metrics: dict[str, Any], snapshots: list[Snapshot]) -> None:
        """An epoch is done: its line of metrics, and all histograms so far."""
        with self._changed:
            self._run.metrics.append(metrics)
            self._snapshots = snapshots
            self._become(self.state, self._sentence)

    def end(self, path: Path | None = None, error: BaseException | None = None) -> None:
        """The training has ended, and its folder is complete; or there is none, and ``error`` says why."""
        run = RunData(self._run.name, self._run.settings, list(self._run.metrics))
        why = " ".join(str(error or "").split()) or "it was stopped"
        sentence = f"The training has ended without a result: {why}."
        if path is not None:
            try:
                run = load_run_data(path)
            except RunError as damage:  # someone else's hands are in the folder
                run.problems.append(str(damage))
            how = ENDED.get(str(run.result.get("ended")), "its folder could not be read")
            sentence = f"The training has ended: {how}. This is the final report; it stays in {path / REPORT}."
        with self._changed:
            self._run = run
            self._become("ended", sentence)
        self._over.set()

    def _become(self, state: State, sentence: str) -> None:
        self.state, self._sentence = state, sentence
        self.version += 1
        self._changed.notify_all()

    def stop(self) -> bool:
        """Ask the training to stop; whether there was anything to stop."""
        with self._changed:
            if self.state == "ended":
                return False
            self._become("stopping", "Stopping: the training ends after this step and keeps the best weights.")
        self._stop()
        return True

    def wait(self, version: int, seconds: float) -> int:
        """Wait until there is something newer than a version; the version there is then."""
        with self._changed:
            self._changed.wait_for(lambda: self.version != version, seconds)
            return self.version

    def rest(self, seconds: float) -> None:
        """Wait, but not beyond the end of the training; epochs don't wake who waits here."""
        self._over.wait(seconds)

    def update(self) -> tuple[dict[str, Any], float]:
        """All that a page shows now, and the CPU seconds to draw it; what is drawn already is not drawn again."""
        with self._drawing:
            start = time.thread_time()
            if self._drawn is None or self._drawn["version"] != self.version:
                run, status = self._captured()
                parts = self._parts(run) if run.running else contents(run)
                self._drawn = {**status, "name": run.name, "parts": parts}
            return self._drawn, time.thread_time() - start

    def _captured(self) -> tuple[RunData, dict[str, Any]]:
        """The run and how far it is, both at one moment."""
        with self._changed:
            run, snapshots = self._run, list(self._snapshots)
            metrics = list(run.metrics)
            status = {"version": self.version, "state": self.state, "sentence": self._sentence, "done": len(metrics)}
            status["epochs"] = run.settings.get("options", {}).get("epochs", 0)
        if run.running:
            self._shown += [asdict(snapshot) for snapshot in snapshots[len(self._shown) :]]
            run = RunData(run.name, run.settings, metrics, list(self._shown), running=True)
        return run, status

    def _parts(self, run: RunData) -> dict[str, Html]:
        """What the sections hold during the training; the histograms, the costliest, only if there are new ones."""
        if self._histograms[0] != len(run.snapshots):
            self._histograms = (len(run.snapshots), contents(run, changes="snapshot"))
        return {**self._fixed, **contents(run, changes="epoch"), **self._histograms[1]}
