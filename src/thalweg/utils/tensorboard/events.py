"""One event file."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path
from typing import Any

from .package import proto, tensorboardx

__all__ = ["EventFile"]

_numbers = itertools.count()  # two files of one second need two names


class EventFile:
    """An event file in a folder; events wait in memory until ``limit`` do, or for ``seconds`` at most."""

    def __init__(self, folder: Path, suffix: str, limit: int, seconds: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f".{os.getpid()}.{next(_numbers)}{suffix}"
        self.folder = folder
        self._limit, self._seconds = limit, seconds
        self._file = tensorboardx("event_file_writer").EventsWriter(str(folder / "events"), name)
        self._waiting, self._flushed = 0, time.monotonic()
        self.flush()

    def add(self, event: Any, step: Any = None, walltime: float | None = None) -> None:
        """Append an event."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self._file.write_event(event)
        self._waiting += 1
        if self._waiting >= self._limit or time.monotonic() - self._flushed >= self._seconds:
            self.flush()

    def add_summary(self, summary: Any, step: Any = None, walltime: float | None = None) -> None:
        """Append a summary, as an event of its own."""
        self.add(proto("event").Event(summary=summary), step, walltime)

    def flush(self) -> None:
        """Write what waits."""
        self._file.flush()
        self._waiting, self._flushed = 0, time.monotonic()

    def close(self) -> None:
        """Write what waits, and end the file."""
        self._file.close()
