"""Small tables with a structure that is known, and the command line run in a folder of its own."""

import csv
import signal

import numpy as np
import pytest
from click.testing import CliRunner

from thalweg.cli import cli


@pytest.fixture(autouse=True)
def signals_as_before():
    """A command that was stopped leaves both ignored, as its process will soon be over; this process goes on."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Shell:
    """Runs ``thalweg`` in a folder and keeps an eye on what it leaves there."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, *args, code=0):
        result = CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="thalweg")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    def refused(self, *args, code=2):
        """The one line on standard error of a command that must fail and leave nothing behind."""
        before = self.files()
        result = self(*args, code=code)
        assert result.stdout == ""
        assert self.files() == before
        lines = result.stderr.splitlines()
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("thalweg: ")
        return lines[0].removeprefix("thalweg: ")

    def files(self):
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return name

    def table(self, name, /, **columns):
        with open(self.folder / name, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
        return name

    @staticmethod
    def linear_columns(n=200, seed=0):
        """y = 3 a - 2 b + 5, exactly."""
        rng = np.random.default_rng(seed)
        a, b = rng.normal(10, 4, n), rng.uniform(-1, 1, n)
        return {"a": a, "b": b, "y": 3 * a - 2 * b + 5}

    @staticmethod
    def flower_columns(n=150, seed=0):
        """The kind follows from colour and size: red is always a rose, among the others the small ones are daisies."""
        rng = np.random.default_rng(seed)
        colour = rng.choice(["red", "white", "yellow"], n)
        size = np.where(rng.random(n) < 0.5, rng.uniform(1, 3, n), rng.uniform(5, 7, n))
        kind = np.where(colour == "red", "rose", np.where(size < 4, "daisy", "lily"))
        return {"colour": colour, "size": size.round(3), "kind": kind}


@pytest.fixture
def thalweg(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path)
