"""The writer of numbers, texts and histograms for TensorBoard."""

from __future__ import annotations

import itertools
import os
import socket
import time
from pathlib import Path
from typing import Any, Self

import numpy as np

from ...core.tensor import Tensor
from ...errors import ArgumentError
from .records import event, frame, histogram_value, scalar_value, text_value, version_event

__all__ = ["SummaryWriter"]

_numbers = itertools.count()  # two writers of one second need two names


class SummaryWriter:
    """Appends what a training run reports to an event file, which ``tensorboard --logdir runs`` shows.

    Args:
        log_dir: the folder; by default ``runs/`` with the time, the machine's name and ``comment``.
        comment: the end of the default folder's name.
        purge_step, max_queue, flush_secs: accepted without effect; ``flush`` and ``close`` write what waits.
        filename_suffix: the end of the file's name.

    >>> import tempfile
    >>> from thalweg.utils.tensorboard import SummaryWriter
    >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
    ...     for step in range(3):
    ...         writer.add_scalar("loss", 1 / (step + 1), step)
    """

    def __init__(
        self, log_dir: str | os.PathLike[str] | None = None, comment: str = "", purge_step: int | None = None,
        max_queue: int = 10, flush_secs: int = 120, filename_suffix: str = "",
    ) -> None:  # fmt: skip
        if not log_dir:
            log_dir = f"runs/{time.strftime('%b%d_%H-%M-%S')}_{socket.gethostname()}{comment}"
        self.log_dir = os.fspath(log_dir)
        self._suffix = filename_suffix
        self._others: dict[str, SummaryWriter] = {}
        folder = Path(self.log_dir)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        self._file = (folder / f"{name}{filename_suffix}").open("ab")
        self._file.write(frame(version_event(time.time())))

    def _write(self, value: bytes, step: Any, walltime: float | None) -> None:
        when = time.time() if walltime is None else walltime
        number = 0 if step is None else int(step)
        self._file.write(frame(event(when, number, value)))

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: Any = None, walltime: float | None = None,
        new_style: bool = False, double_precision: bool = False,
    ) -> None:  # fmt: skip
        """A number under ``tag`` at a step, kept as float32 (``new_style`` and ``double_precision`` have no effect).

        Raises:
            ArgumentError: it is not one number.
        """
        self._write(_scalar(tag, scalar_value), global_step, walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict[str, Any], global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Several numbers for one plot: each is written to a folder of its own, as TensorBoard wants it."""
        for tag, x in tag_scalar_dict.items():
            folder = f"{self.log_dir}/{main_tag.replace('/', '_')}_{tag}"
            if folder not in self._others:
                self._others[folder] = SummaryWriter(folder, filename_suffix=self._suffix)
            self._others[folder].add_scalar(main_tag, x, global_step, walltime)

    def add_text(self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None) -> None:
        """A text, which TensorBoard shows as Markdown."""
        self._write(text_value(tag, text_string), global_step, walltime)

    def add_histogram(
        self, tag: str, values: Any, global_step: Any = None, bins: Any = "tensorflow",
        walltime: float | None = None, max_bins: int | None = None,
    ) -> None:  # fmt: skip
        """How the elements of a tensor are distributed.

        Args:
            values: a tensor, an array or a list of numbers.
            bins: a number or limits of buckets, or a rule of ``numpy.histogram``'s; "tensorflow" is 64 of equal width.
            max_bins: accepted without effect.

        Raises:
            ArgumentError: there are no values, or some are infinite or NaN.
        """
        x = np.asarray(_array(values), dtype=np.float64).reshape(-1)
        if not x.size or not np.isfinite(x).all():
            raise ArgumentError(f"add_histogram: {tag!r} needs at least one value, and all of them finite")
        counts, edges = np.histogram(x, 64 if isinstance(bins, str) and bins == "tensorflow" else bins)
        sums = (float(x.size), float(x.sum()), float(x @ x))
        value = histogram_value(
            tag, (float(x.min()), float(x.max())), sums, edges[1:].tolist(), counts.astype(np.float64).tolist()
        )
        self._write(value, global_step, walltime)

    def flush(self) -> None:
        """Write what waits to the disk."""
        self._file.flush()
        for writer in self._others.values():
            writer.flush()

    def close(self) -> None:
        """Write what waits, and close the file. What is added later is an error."""
        self._file.close()
        for writer in self._others.values():
            writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _array(x: Any) -> Any:
    return x._value if isinstance(x, Tensor) else x


def _scalar(tag: str, x: Any) -> bytes:
    array = np.asarray(_array(x))
    if array.size != 1:
        raise ArgumentError(f"add_scalar: {tag!r} must be one number, got an array of shape {array.shape}")
    return scalar_value(tag, float(array.reshape(())))
