"""Ctrl-C as a request: training stops between two steps, and what it has is saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["Interruption"]


class Interruption:
    """Within it SIGINT and SIGTERM only set ``signal``, so no step and no file is cut in the middle.

    Signals reach the main thread only; in any other thread nothing changes. A signal that is ignored already, as by
    nohup, stays so.

    Args:
        ends_process: after a signal the process will soon be over, so leave both ignored: an impatient second Ctrl-C
            then can't kill it while it says where everything is.
    """

    signals = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, ends_process: bool = False) -> None:
        self.ends_process = ends_process
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in self.signals:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        over = self.ends_process and self.requested()
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if over else handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = self.signal or number

    def request(self) -> None:
        """Ask for the same as a Ctrl-C, from any thread."""
        self._note(signal.SIGINT, None)

    def requested(self) -> bool:
        """Whether a signal has come."""
        return self.signal is not None
