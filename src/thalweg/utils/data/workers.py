"""Worker processes that read batches ahead.

Batch k is read by worker k mod W, over two pipes of its own, so the order is kept and random augmentation repeats
with the seed. A worker does nothing but read, and its batches come back as arrays. Workers are daemons: they end when
the loader's loop ends, is left early or is interrupted, and when the main process dies.
"""

from __future__ import annotations

import io
import os
import pickle
import queue
import random
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.tensor import Tensor, wrap
from ...errors import WorkerError
from ...ops.random import manual_seed
from .fetch import EXHAUSTED, Fetcher, StreamFetcher

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext

__all__ = ["WorkerInfo", "WorkerPool", "get_worker_info"]

_START_NOTE = (
    "while starting the DataLoader's worker processes; unless they are forked, the data set, collate_fn and "
    "worker_init_fn must be picklable, and a script must do its work under if __name__ == '__main__':"
)
_GRACE = 5.0  # seconds that a worker gets to end by itself


@dataclass(frozen=True)
class WorkerInfo:
    """What ``get_worker_info`` tells within a worker: its number, how many there are, its seed, its data set."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Within a worker of a ``DataLoader`` who it is; None in the main process.

    An ``IterableDataset`` asks it for the part of the stream that is its own.
    """
    return _info


@dataclass
class Job:
    """What all workers of a loader do."""

    fetch: Fetcher | StreamFetcher
    num_workers: int
    init_fn: Callable[[int], Any] | None


# -- in the worker ----------------------------------------------------------------------------------------


def work(job: Job, worker: int, inbox: Connection, outbox: Connection) -> None:
    """A worker's whole life: answer each message of ``inbox`` on ``outbox`` until the inbox closes or says stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the main process decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
    # Read by a thread of its own, so that neither side can wait for the other to empty a full pipe.
    threading.Thread(target=_receive_all, args=(inbox, messages), daemon=True).start()
    answer = _Answers(job, worker)
    while (message := messages.get()) is not None:
        try:
            reply = answer(*message)
            if reply is not None:
                outbox.send_bytes(reply)
        except OSError:
            return  # the main process has gone


def _receive_all(inbox: Connection, messages: queue.SimpleQueue[Any]) -> None:
    """Hand on what comes in until it says stop; if the main process dies, end this one, whatever it is doing."""
    from multiprocessing import connection, parent_process

    parent = parent_process()
    ends: list[Any] = [inbox] if parent is None else [inbox, parent.sentinel]
    while True:
        try:
            if inbox not in connection.wait(ends):
                os._exit(1)
            message = inbox.recv()
        except (EOFError, OSError):
            message = None
        messages.put(message)
        if message is None:
            return


class _Answers:
    """Replies to messages: ("begin", seed) has none, ("read", task) has the pickled batch or error."""

    def __init__(self, job: Job, worker: int) -> None:
        self.job = job
        self.worker = worker
        self.failure: bytes | None = None
        self.initialized = False

    def __call__(self, kind: str, content: Any) -> bytes | None:
        if kind == "begin":
            try:
                self._begin(content)
                self.failure = None
            except Exception as error:
                self.failure = _pack_error(error)
            return None
        if self.failure is not None:
            return self.failure
        try:
            return _pack(True, self.job.fetch(content))
        except Exception as error:
            return _pack_error(error)

    def _begin(self, base_seed: int) -> None:
        global _info
        seed = base_seed + self.worker
        random.seed(seed)
        np.random.seed(np.random.SeedSequence([base_seed, self.worker]).generate_state(4))
        manual_seed(seed)
        _info = WorkerInfo(self.worker, self.job.num_workers, seed, self.job.fetch.dataset)
        if self.job.init_fn is not None and not self.initialized:
            self.job.init_fn(self.worker)
        self.initialized = True
        self.job.fetch.begin()


class _Pickler(pickle.Pickler):
    """Tensors travel as their arrays, without history."""

    def reducer_override(self, obj: Any) -> Any:
        return (wrap, (obj._value,)) if isinstance(obj, Tensor) else NotImplemented


def _pack(good: bool, content: Any) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump((good, content))
    return buffer.getvalue()


def _pack_error(error: Exception) -> bytes:
    """The error with its traceback's text; a WorkerError in its place if it can't travel."""
    text = "".join(traceback.format_exception(error))
    try:
        packed = _pack(False, (error, text))
        pickle.loads(packed)
        return packed
    except Exception:
        return _pack(False, (WorkerError(f"{type(error).__name__}: {error}"), text))


# -- in the main process ----------------------------------------------------------------------------------


class WorkerPool:
    """The workers of one loader, seen from the main process."""

    def __init__(self, context: BaseContext, job: Job, timeout: float) -> None:
        self._owner = os.getpid()
        self._timeout = timeout or None
        self._pending: list[int] = []  # how many answers each worker owes
        self._inboxes: list[Connection] = []
        self._outboxes: list[Connection] = []
        self._processes: list[Any] = []
        self.epoch = 0
        try:
            for worker in range(job.num_workers):
                self._start(context, job, worker)
        except BaseException as error:
            self.close(at_once=True)
            error.add_note(_START_NOTE)
            raise

    def _start(self, context: Any, job: Job, worker: int) -> None:
        inbox, to_worker = context.Pipe(duplex=False)
        from_worker, outbox = context.Pipe(duplex=False)
        self._inboxes.append(to_worker)
        self._outboxes.append(from_worker)
        self._pending.append(0)
        try:
            process = context.Process(
                target=work, args=(job, worker, inbox, outbox), name=f"thalweg-data-{worker}", daemon=True
            )
            process.start()
            self._processes.append(process)
        finally:  # the worker has its own; without ours, its death is seen as the end of the pipe
            inbox.close()
            outbox.close()

    def batches(self, tasks: Iterator[Any], seed: int, ahead: int) -> Iterator[Any]:
        """An epoch: the batch of each task in turn, each worker having at most ``ahead`` of them in hand."""
        self.epoch = epoch = self.epoch + 1
        self._drain()
        for worker in range(len(self._processes)):
            self._send(worker, ("begin", seed))
        idle = deque(range(len(self._processes)))  # the rotation; exhausted workers leave it
        waiting: deque[int] = deque()
        for _ in range(ahead * len(idle)):
            self._assign(tasks, idle, waiting)
        while waiting:
            if self.epoch != epoch:
                raise WorkerError(
                    "DataLoader: this pass is over; with persistent_workers a new pass over the loader, or an error "
                    "in one, ends those before it"
                )
            worker = waiting.popleft()
            batch = self._receive(worker)
            if batch is EXHAUSTED:
                if worker in idle:
                    idle.remove(worker)
                continue
            self._assign(tasks, idle, waiting)
            yield batch

    def _assign(self, tasks: Iterator[Any], idle: deque[int], waiting: deque[int]) -> None:
        if idle:
            for task in tasks:
                worker = idle[0]
                idle.rotate(-1)
                self._send(worker, ("read", task))
                self._pending[worker] += 1
                waiting.append(worker)
                return

    def _drain(self) -> None:
        """Throw away the answers that a pass left early has not taken."""
        for worker, count in enumerate(self._pending):
            for _ in range(count):
                self._receive_bytes(worker)

    def _send(self, worker: int, message: Any) -> None:
        try:
            self._inboxes[worker].send(message)
        except OSError:
            raise self._died(worker) from None

    def _receive_bytes(self, worker: int) -> bytes:
        pipe = self._outboxes[worker]
        try:
            if self._timeout is not None and not pipe.poll(self._timeout):
                raise WorkerError(
                    f"DataLoader: worker {worker} gave no batch within timeout={self._timeout:g} seconds; "
                    "raise timeout or look for what its data set waits for"
                )
            content = pipe.recv_bytes()
        except (EOFError, OSError):
            raise self._died(worker) from None
        self._pending[worker] -= 1
        return content

    def _receive(self, worker: int) -> Any:
        good, content = pickle.loads(self._receive_bytes(worker))
        if good:
            return content
        error, text = content
        error.add_note(f"in worker {worker} of the DataLoader, whose traceback was:\n{text}")
        raise error

    def _died(self, worker: int) -> WorkerError:
        process = self._processes[worker]
        process.join(_GRACE)
        code = process.exitcode
        reason = "was killed by signal " + str(-code) if code is not None and code < 0 else f"ended with code {code}"
        hint = "; the system may have run out of memory" if code == -9 else ""
        return WorkerError(f"DataLoader: worker {worker} (process {process.pid}) {reason} while it read a batch{hint}")

    def close(self, at_once: bool = False) -> None:
        """End the workers and wait for them: at once, or when they have finished what they are doing."""
        if os.getpid() != self._owner:
            return  # a forked copy of the loader: the workers are not its children
        self.epoch += 1  # an iterator that is still held sees that its pass is over
        processes, self._processes = self._processes, []
        for worker, process in enumerate(processes):
            if at_once:
                process.terminate()
            else:
                _tell_to_stop(self._inboxes[worker])
        for pipe in (*self._inboxes, *self._outboxes):
            pipe.close()
        deadline = time.monotonic() + _GRACE
        for process in processes:
            _end(process, deadline)


def _tell_to_stop(inbox: Connection) -> None:
    try:
        inbox.send(None)
    except OSError:
        return  # it has ended already


def _end(process: Any, deadline: float) -> None:
    """Wait for a process, ask it to terminate at the deadline, and kill it if it does not."""
    for stop in (process.terminate, process.kill):
        process.join(max(0.0, deadline - time.monotonic()))
        if not process.is_alive():
            break
        stop()
        deadline = time.monotonic() + _GRACE
    process.join()
