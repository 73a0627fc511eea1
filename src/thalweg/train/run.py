"""The folder that a training run leaves behind.

    settings.json      what was chosen, how to read the data, and the result: all that predicting needs
    model.safetensors  the weights of the best epoch
    metrics.jsonl      one line for each epoch
    diagnostics.json   histograms of weights and activations, and what the network does on the test rows
    loss.svg           the losses as a picture
    report.html        all of it on one page

Every file is written atomically (metrics.jsonl grows by whole lines), so a run that is killed leaves whole files.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import shutil
from pathlib import Path
from typing import Any

from ..core.tensor import Tensor
from ..errors import DataError, RunError
from ..io import load_file, save_file, write_atomically

__all__ = ["DIAGNOSTICS", "METRICS", "REPORT", "RunFolder", "json_text", "load_run", "load_settings", "refuse_existing"]

FORMAT = 1
SETTINGS, MODEL, METRICS, CURVE = "settings.json", "model.safetensors", "metrics.jsonl", "loss.svg"
DIAGNOSTICS, REPORT = "diagnostics.json", "report.html"


class RunFolder:
    """A new folder for one run. Making it claims the name; ``discard`` takes back all that was made."""

    def __init__(self, path: Path, made: list[Path]) -> None:
        self.path = path
        self._made = made  # the folders made for this run, outermost first
        self.has_model = False

    @classmethod
    def create(cls, out: Path | None, stem: str) -> RunFolder:
        """The folder ``out``, or ``runs/<stem>-<n>`` with the first n that is free.

        Raises:
            RunError: ``out`` exists already, or the folder can't be made.
        """
        if out is not None:
            refuse_existing(out)
            return cls(out, _make(out))
        return next(run for n in itertools.count(1) if (run := cls._claim(Path("runs", f"{stem}-{n}"))))

    @classmethod
    def _claim(cls, path: Path) -> RunFolder | None:
        """The folder if the name is free, even when another process asks at the same moment."""
        try:
            return None if path.exists() else cls(path, _make(path))
        except FileExistsError:
            return None

    def write_settings(self, settings: dict[str, Any]) -> None:
        """Write settings.json anew."""
        write_atomically(self.path / SETTINGS, json_text({"format": FORMAT, **settings}, indent=2) + "\n")

    def add_metrics(self, metrics: dict[str, Any]) -> None:
        """Add one line to metrics.jsonl."""
        with open(self.path / METRICS, "a", encoding="utf-8") as file:
            file.write(json_text(metrics) + "\n")

    def write_model(self, state: dict[str, Tensor]) -> None:
        """Write model.safetensors anew."""
        save_file(state, self.path / MODEL)
        self.has_model = True

    def write_diagnostics(self, diagnostics: dict[str, Any]) -> None:
        """Write diagnostics.json anew."""
        write_atomically(self.path / DIAGNOSTICS, json_text({"format": FORMAT, **diagnostics}) + "\n")

    def write_curve(self, svg: str) -> None:
        """Write loss.svg anew."""
        write_atomically(self.path / CURVE, svg)

    def discard(self) -> None:
        """Remove the folder, and the folders above it that were made for it and are empty."""
        shutil.rmtree(self.path, ignore_errors=True)
        for folder in reversed(self._made[:-1]):
            with contextlib.suppress(OSError):
                folder.rmdir()


def json_text(value: Any, indent: int | None = None) -> str:
    """Plain data as JSON, with null for numbers that are not finite, which JSON does not have.

    >>> json_text({"loss": float("inf"), "rows": [1, 2.5]})
    '{"loss": null, "rows": [1, 2.5]}'
    """
    return json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(held) for key, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(held) for held in value]
    return value


def refuse_existing(path: Path) -> None:
    """Refuse a name that is taken, be it by an empty folder."""
    if path.exists() or path.is_symlink():
        raise RunError(f"{path} exists already, and a run never overwrites anything; choose another --out")


def _make(path: Path) -> list[Path]:
    """Make a new folder and those above it; returns the ones that were not there, outermost first."""
    made: list[Path] = []
    try:
        for folder in reversed([p for p in path.parents if not p.exists()]):
            with contextlib.suppress(FileExistsError):  # another run may make the common folder at this moment
                folder.mkdir()
                made.append(folder)
        path.mkdir()
        made.append(path)
    except OSError as error:
        for folder in reversed(made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(error, FileExistsError):
            raise
        raise RunError(f"the run's folder {path} can't be made: {error.strerror}; choose another --out") from None
    return made


def load_settings(path: Path) -> dict[str, Any]:
    """A run's settings.

    Raises:
        RunError: there is no such run, or it was written in another format.
    """
    if not path.is_dir():
        raise RunError(f"there is no run folder {path}; thalweg train makes one")
    if not (path / SETTINGS).is_file():
        raise RunError(f"{path} is not a run folder: it has no {SETTINGS}")
    try:
        settings = json.loads((path / SETTINGS).read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path / SETTINGS} is not JSON: {error}") from None
    found = settings.get("format") if isinstance(settings, dict) else None
    if found != FORMAT:
        raise RunError(f"{path / SETTINGS} is of format {found}; this version of thalweg reads format {FORMAT}")
    return settings


def load_run(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A run's settings and weights.

    Raises:
        RunError: there is no such run, it has no model, or it was written in another format.
    """
    settings = load_settings(path)
    if not (path / MODEL).is_file():
        raise RunError(f"{path} has no {MODEL}: its training stopped before a first epoch was done")
    try:
        return settings, load_file(path / MODEL)
    except DataError as error:
        raise RunError(str(error)) from None
