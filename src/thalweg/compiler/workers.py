"""The worker threads of the pool: Python daemon threads that stay in the library's native loop."""

from __future__ import annotations

import atexit
import ctypes
import os
import threading

from .library import library

__all__ = ["ensure_workers"]

_lock = threading.Lock()
_workers: list[threading.Thread] = []
_ended = False


def ensure_workers(threads: int) -> None:
    """Have the workers that loops on so many threads need; fewer, if the system gives no more."""
    if len(_workers) >= threads - 1 or _ended:
        return
    with _lock:
        while len(_workers) < threads - 1:
            index = len(_workers) + 1
            worker = threading.Thread(target=_work, args=(index,), name=f"thalweg-{index}", daemon=True)
            try:
                worker.start()
            except RuntimeError:  # no more threads, or the interpreter is ending: the callers work alone
                return
            _workers.append(worker)


def _work(index: int) -> None:
    library().function("tw_worker", None, ctypes.c_int64)(index)


def _stop() -> None:
    """End the workers before the interpreter does."""
    global _ended
    _ended = True
    if _workers:
        library().function("tw_stop", None)()
        for worker in _workers:
            worker.join(1.0)


def _after_fork() -> None:
    """The child has none of the threads."""
    global _lock
    _lock = threading.Lock()
    if _workers:
        _workers.clear()
        library().function("tw_reset", None)()


atexit.register(_stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
