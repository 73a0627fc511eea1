"""What watchers of a run are shown: the training thread adds to it, the server's threads read it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from ..gauges import Snapshot
from ..report.data import RunData, load_run_data
from ..report.facts import ENDED
from ..report.pieces import Html
from ..report.sections import contents

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
        self._drawing = threading.Lock()
        self._drawn: tuple[int, dict[str, Any]] | None = None
        self._run = RunData("training", {}, running=True)
        self._fixed: dict[str, Html] = {}
        self._histograms: tuple[int, dict[str, Html]] = (-1, {})  # how many snapshots, and what they look like
        self._snapshots: list[Snapshot] = []
        self._sentence = "The data is being read."

    def begin(self, path: Path, settings: dict[str, Any]) -> None:
        """The training begins; its folder and settings. What will not change is drawn here."""
        run = RunData(path.name, settings, running=True)
        fixed = contents(run, changes="never")
        with self._changed:
            self._run, self._fixed = run, fixed
            self._become("running", "Training.")

    def epoch(self, metrics: dict[str, Any], snapshots: list[Snapshot]) -> None:
        """An epoch is done: its line of metrics, and all histograms so far."""
        with self._changed:
            self._run.metrics.append(metrics)
            self._snapshots = snapshots
            self._become(self.state, self._sentence)

    def end(self, path: Path | None = None, sentence: str = "") -> None:
        """The training has ended, and its folder is complete; without a folder ``sentence`` says why."""
        if path is not None:
            run = load_run_data(path)
            how = ENDED.get(str(run.result.get("ended")), "")
            sentence = f"The training has ended: {how}. This is the final report; it stays in {path / 'report.html'}."
        else:
            run = RunData(self._run.name, self._run.settings, list(self._run.metrics))
        with self._changed:
            self._run, self._snapshots = run, []
            self._become("ended", sentence)

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
        """Wait, but not beyond the end of the training."""
        with self._changed:
            self._changed.wait_for(lambda: self.state == "ended", seconds)

    def run(self) -> RunData:
        """The run as it is now."""
        with self._changed:
            run = self._run
            metrics, snapshots = list(run.metrics), self._snapshots
        if not run.running:
            return run
        return RunData(run.name, run.settings, metrics, [asdict(s) for s in snapshots], running=True)

    def update(self) -> tuple[dict[str, Any], float]:
        """All that a page shows now, and the seconds it took to draw; what is drawn already is not drawn again."""
        with self._drawing:
            start = time.perf_counter()
            version = self.version
            if self._drawn is None or self._drawn[0] != version:
                run = self.run()
                parts = self._parts(run) if run.running else contents(run)
                self._drawn = (version, {**self.status(), "version": version, "name": run.name, "parts": parts})
            return self._drawn[1], time.perf_counter() - start

    def _parts(self, run: RunData) -> dict[str, Html]:
        """What the sections hold during the training; the histograms, the costliest, only if there are new ones."""
        if self._histograms[0] != len(run.snapshots):
            self._histograms = (len(run.snapshots), contents(run, changes="snapshot"))
        return {**self._fixed, **contents(run, changes="epoch"), **self._histograms[1]}

    def status(self) -> dict[str, Any]:
        """How far the training is."""
        with self._changed:
            done = len(self._run.metrics)
            epochs = self._run.settings.get("options", {}).get("epochs", 0)
            return {"state": self.state, "sentence": self._sentence, "done": done, "epochs": epochs}
