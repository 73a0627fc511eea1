"""Bars on a terminal, in a notebook's kernel, and nowhere."""

from __future__ import annotations

import io
import sys
from types import ModuleType, SimpleNamespace

import pytest

import thalweg as tw
from thalweg.train.loop import Epoch
from thalweg.train.progress import LiveProgress, PlainProgress, progress_for
from thalweg.utils import bars, progress


class Output:
    """What a notebook shows of one display, and how often it was replaced."""

    def __init__(self, shown):
        self.shown = [shown]

    def update(self, shown):
        self.shown.append(shown)

    def texts(self):
        return [shown._repr_mimebundle_([], [])["text/plain"] for shown in self.shown]

    def html(self):
        return self.shown[-1]._repr_mimebundle_([], [])["text/html"]


@pytest.fixture
def kernel(monkeypatch):
    """A process that a Jupyter kernel runs; gives the list of its outputs."""
    outputs = []

    def display(shown, display_id):
        assert display_id is True
        outputs.append(Output(shown))
        return outputs[-1]

    ipython, displays = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    displays.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", displays)
    monkeypatch.setattr(bars, "REFRESH", 0.0)
    return outputs


class Terminal(io.StringIO):
    def isatty(self):
        return True


def on_a_terminal(monkeypatch):
    """From here on standard output is one; returns what is written there."""
    for name, value in (("TERM", "xterm"), ("COLUMNS", "100")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(bars, "REFRESH", 0.0)
    monkeypatch.setattr(sys, "stdout", Terminal())
    return sys.stdout


def test_a_notebook_is_a_kernel_and_not_a_console_of_ipython(kernel, monkeypatch):
    assert bars.in_notebook()
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", SimpleNamespace)
    assert not bars.in_notebook()
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: None)
    assert not bars.in_notebook()


def test_a_notebook_s_output_is_replaced(kernel):
    bar = progress(range(4), "[epoch] 1")
    for i in bar:
        bar.show(loss=tw.tensor(1 / (i + 1)), right=i)
    (output,) = kernel
    texts = output.texts()
    assert "[epoch] 1" in texts[0]
    assert "0/4" in texts[0]
    assert "2/4" in texts[2]
    assert "loss 0.5  right 1" in texts[2]
    assert "4/4" in texts[-1]
    assert "loss 0.25  right 3" in texts[-1]
    assert "<pre" in output.html()


def test_a_terminal_s_line_is_redrawn(monkeypatch):
    terminal = on_a_terminal(monkeypatch)
    bar = progress(iter("ab"), "letters", total=2)
    assert "".join(bar) == "ab"
    shown = terminal.getvalue()
    assert "letters" in shown
    assert "2/2" in shown
    assert "\r" in shown


def test_elsewhere_nothing_is_shown(capsys):
    bar = progress(range(3), "epoch")
    assert list(bar) == [0, 1, 2]
    assert capsys.readouterr().out == ""
    assert len(bar) == 3


def test_items_without_a_length_have_no_end(kernel):
    assert sum(progress(i for i in range(5))) == 10
    assert "5/?" in kernel[0].texts()[-1]


def test_a_loop_that_breaks_off_shows_how_far_it_came(kernel):
    bar = progress(range(10))
    for i in bar:
        if i == 3:
            break
    del bar
    assert "3/10" in kernel[0].texts()[-1]


def test_a_loop_that_fails_ends_the_bar(kernel):
    with pytest.raises(ZeroDivisionError):
        for i in progress(range(10)):
            1 // (2 - i)
    assert "2/10" in kernel[0].texts()[-1]


def test_updates_are_a_few_times_a_second(kernel, monkeypatch):
    monkeypatch.setattr(bars, "REFRESH", 60.0)
    for _ in progress(range(100)):
        pass
    assert len(kernel[0].shown) == 4  # at first, after one item, and twice at the end


TARGET = SimpleNamespace(score_name="accuracy", show_score=lambda x: f"{x:.1%}")


def train(report):
    with report:
        for epoch in (1, 2):
            report.batch(epoch, 50, 0.75)
            report.epoch(Epoch(epoch, 0.5, 0.4, 0.9, 0.1, 100, 0.25))


def test_training_shows_a_bar_in_a_notebook(kernel):
    report = progress_for(TARGET, 2, 100, pytest.fail)
    assert isinstance(report, LiveProgress)
    train(report)
    texts = kernel[0].texts()
    assert "epoch 1/2" in texts[1]
    assert "loss 0.7500" in texts[1]
    assert "epoch 2/2" in texts[-1]
    assert "loss 0.5000 accuracy 90.0% 400 samples/s" in texts[-1]


def test_training_shows_a_bar_on_a_terminal(monkeypatch):
    terminal = on_a_terminal(monkeypatch)
    train(progress_for(TARGET, 2, 100, pytest.fail))
    assert "accuracy 90.0%" in terminal.getvalue()


def test_training_prints_lines_elsewhere():
    lines = []
    report = progress_for(TARGET, 2, 100, lines.append)
    assert isinstance(report, PlainProgress)
    train(report)
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
