"""``thalweg draw``: what it draws, and what it says to bad input."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from thalweg.cli import main

PROGRAM = """
import thalweg as tw
from thalweg import nn

model = nn.Sequential(nn.Conv2d(1, 2, 5), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 24 * 24, 10))
number = 3


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x):
        return self.fc(x).tanh()


class Wide(nn.Module):
    def __init__(self, width):
        super().__init__()


def make():
    return nn.Linear(4, 5)


def distance(a, b):
    return (a - b).square().sum()


def lookup(ids):
    return tw.nn.functional.one_hot(ids, 4)
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(PROGRAM, encoding="utf-8")
    return "net.py"


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["thalweg", "draw", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    out, err = capsys.readouterr()
    return int(exit_.value.code or 0), out, err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["net.py", "--input", "2,1,28,28"], ["Conv2d 0", "Linear 3", "float32[2, 10]"]),
        (["net.py:Net", "--input", "5,3:float32"], ["Linear fc"]),
        (["net.py:make", "--input", "2,4", "--title", "Made here"], ["Made here", "25 parameters"]),
        (["net.py:distance", "--input", "3", "--input", "3", "--direction", "right"], ["sum", ">C<"]),
        (["net.py:lookup", "--input", "8:int64"], ["int64[8]"]),
    ],
)
def test_svg_goes_to_standard_output(
    program: str, arguments: list[str], words: list[str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (code, err) == (0, "")
    ET.fromstring(out)
    assert all(word in out for word in words)


def test_files_are_written(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, start in (("a.svg", b"<svg"), ("a.html", b"<!doctype html>"), ("a.png", b"\x89PNG")):
        code, out, _ = run(monkeypatch, capsys, "net.py:Net", "--input", "5,3", "--backward", "--out", name)
        assert code == 0 and name in out
        assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["net.py:nothing"], "net.py has no 'nothing'; it has the models model"),
        (["other.py"], "there is no file other.py"),
        (["net.py:number"], "int objects can't be drawn"),
        (["net.py:Wide"], r"Wide needs arguments (width)"),
        (["net.py:Net"], "net.py:Net with 0 inputs (see --input) failed"),
        (["net.py:Net", "--input", "2,4"], "linear"),
        (["net.py:Net", "--input", "x"], "an input is sizes such as 64,1,28,28"),
        (["net.py:Net", "--input", "2,-3"], "an input is sizes such as 64,1,28,28"),
        (["net.py:Net", "--input", "2,3:complex64"], "there is no dtype 'complex64'"),
        (["net.py:Net", "--input", "2,3", "--out", "a.pdf"], "should end in .svg, .html or .png"),
        (["net.py:Net", "--input", "2,3", "--depth", "-1"], "depth must be at least 0"),
    ],
)
def test_bad_input_is_told_in_one_line(
    program: str, arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("thalweg: ") and err.count("\n") == 1
    assert message in err
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".py" and path.name != "__pycache__"] == []


def test_a_file_that_fails_says_where(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.py").write_text("x = 1\nimport nothing_of_that_name\n", encoding="utf-8")
    code, _, err = run(monkeypatch, capsys, "broken.py")
    assert code == 2
    assert "broken.py failed at broken.py:2 with ModuleNotFoundError" in err
