"""Writing reports: of one run, and of several side by side."""

from __future__ import annotations

import webbrowser
from collections.abc import Sequence
from pathlib import Path

from ...errors import RunError
from ...io import write_atomically
from ..run import REPORT
from .compare import comparison_page, named
from .data import load_run_data
from .page import report_page

__all__ = ["show_page", "try_report", "write_comparison", "write_report"]

COMPARISON = Path("compare.html")


def write_report(run: Path, out: Path | None = None) -> Path:
    """Write the report of a run folder, ``report.html`` in it or the file ``out``; returns the file.

    Raises:
        RunError: it is no run folder.
        OSError: the file can't be written.
    """
    out = out or run / REPORT
    write_atomically(out, report_page(load_run_data(run)))
    return out


def write_comparison(runs: Sequence[Path], out: Path | None = None) -> Path:
    """Write the page that compares run folders, ``compare.html`` here or the file ``out``; returns the file.

    Raises:
        RunError: one is no run folder, or named twice.
        OSError: the file can't be written.
    """
    folders = [run.resolve() for run in runs]
    for run, folder in zip(runs, folders, strict=True):
        if folders.count(folder) > 1:
            raise RunError(f"{run} is named twice; a run is compared with others only")
    out = out or COMPARISON
    write_atomically(out, comparison_page(named(runs, [load_run_data(run) for run in runs])))
    return out


def show_page(page: Path) -> None:
    """Show a page in the user's browser.

    Raises:
        RunError: there is no browser.
    """
    if not webbrowser.open(page.resolve().as_uri()):
        raise RunError(f"no browser could be started; open {page} in one")


def try_report(run: Path) -> str | None:
    """Write the report at the end of a run; says in a sentence why that was not possible, and raises nothing.

    What has been trained is safe by then, so whatever happens here must not look like a failed training.
    """
    try:
        write_report(run)
    except Exception as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        return f"report.html could not be written: {reason}; the run is complete, and thalweg report {run} tries again"
    return None
