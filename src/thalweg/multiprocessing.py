"""Python's ``multiprocessing`` under PyTorch's name, with ``spawn``. Tensors are sent by value, not shared.

>>> from thalweg import multiprocessing
>>> multiprocessing.get_context("spawn").get_start_method()
'spawn'
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from .errors import ArgumentError, WorkerError

__all__ = [
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]


def __getattr__(name: str) -> Any:
    """What Python's module has; it is imported when it is needed, since that takes 10 ms."""
    import multiprocessing

    return getattr(multiprocessing, name)


def get_all_sharing_strategies() -> set[str]:
    """PyTorch's names on Linux; here none makes a difference, since tensors are sent by value."""
    return {"file_descriptor", "file_system"}


def get_sharing_strategy() -> str:
    """``"file_system"``."""
    return "file_system"


def set_sharing_strategy(new_strategy: str) -> None:
    """No effect: tensors are sent by value.

    Raises:
        ArgumentError: there is no such strategy.
    """
    if new_strategy not in get_all_sharing_strategies():
        raise ArgumentError(f"set_sharing_strategy: {new_strategy!r} is not one of {get_all_sharing_strategies()}")


def _run(function: Callable[..., Any], index: int, args: tuple[Any, ...], failures: Any) -> None:
    """What a process does: the call, whose failure is sent to the parent."""
    try:
        function(index, *args)
    except Exception:
        failures.put((index, traceback.format_exc()))
        raise SystemExit(1) from None


class SpawnContext:
    """The processes that ``spawn`` has started."""

    def __init__(self, processes: list[Any], failures: Any) -> None:
        self.processes = processes
        self._failures = failures

    def pids(self) -> list[int]:
        """Their numbers."""
        return [process.pid for process in self.processes]

    def join(self, timeout: float | None = None) -> bool:
        """Wait until one has ended. True if all have ended well, False if some still run.

        Raises:
            WorkerError: one has failed; the others are ended.
        """
        from multiprocessing import connection

        running = [process.sentinel for process in self.processes if process.is_alive()]
        if running:
            connection.wait(running, timeout)
        still = any(process.is_alive() for process in self.processes)  # asked first: one may end meanwhile
        for index, process in enumerate(self.processes):
            if process.exitcode not in (None, 0):
                self._fail(index, process.exitcode)
        return not still

    def _fail(self, index: int, code: int) -> None:
        for process in self.processes:
            if process.is_alive():
                process.terminate()
            process.join()
        if code == 1 and not self._failures.empty():
            index, text = self._failures.get()
            raise WorkerError(f"spawn: process {index} failed:\n{text}")
        raise WorkerError(f"spawn: process {index} ended with exit code {code}")


def start_processes(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> SpawnContext | None:
    """Call ``fn(i, *args)`` for i = 0 ... nprocs - 1, each in a process of its own.

    Args:
        fn: a function that can be imported by name.
        args: its further arguments, which are sent by value.
        nprocs: how many processes.
        join: wait until all have ended, and return None; otherwise return a ``SpawnContext`` at once.
        daemon: end the processes when this one ends.
        start_method: "spawn", "fork" or "forkserver".

    Raises:
        WorkerError: a process failed; its traceback is in the message.
    """
    import multiprocessing

    context: Any = multiprocessing.get_context(start_method)
    failures = context.SimpleQueue()
    processes = [context.Process(target=_run, args=(fn, i, args, failures), daemon=daemon) for i in range(nprocs)]
    for process in processes:
        process.start()
    started = SpawnContext(processes, failures)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> SpawnContext | None:
    """``start_processes``, by new interpreters unless ``start_method`` says otherwise."""
    return start_processes(fn, args, nprocs, join, daemon, start_method)
