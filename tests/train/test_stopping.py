"""Runs that end early: by Ctrl-C, by SIGTERM, by kill -9, by a loss that is no number."""

import json
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET

import pytest

from thalweg.io import load_file
from thalweg.train.interrupt import Interruption

FILES = ["diagnostics.json", "loss.svg", "metrics.jsonl", "model.safetensors", "report.html", "settings.json"]
LONG = [sys.executable, "-m", "thalweg", "train", "digits", "--epochs", "100000", "--out", "run"]


@pytest.fixture(autouse=True)
def handlers():
    """A background job ignores SIGINT, and a command that was stopped here ignores both; children inherit that."""
    before = {number: signal.getsignal(number) for number in Interruption.signals}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def start(folder):
    return subprocess.Popen(LONG, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition, process, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def epochs_in(folder):
    path = folder / "run" / "metrics.jsonl"
    return path.read_text().count("\n") if path.exists() else 0


@pytest.mark.parametrize(
    ("number", "times", "code"), [(signal.SIGINT, 1, 130), (signal.SIGINT, 5, 130), (signal.SIGTERM, 1, 143)]
)
def test_a_signal_saves_the_best_model_with_all_files(tmp_path, number, times, code):
    process = start(tmp_path)
    wait_for(lambda: epochs_in(tmp_path) >= 3, process)
    for _ in range(times):
        process.send_signal(number)
        time.sleep(0.01)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == code
    folder = tmp_path / "run"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    settings = json.loads((folder / "settings.json").read_text())
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    best = min(metrics, key=lambda m: m["validation_loss"])
    assert settings["result"]["best_epoch"] == best["epoch"]
    assert settings["result"]["epochs"] == len(metrics)
    assert stderr.splitlines() == [
        f"thalweg: stopped in epoch {len(metrics)}; the best model so far, of epoch {best['epoch']}, is in run"
    ]
    assert "test accuracy" in stdout
    ET.parse(folder / "loss.svg")
    assert len(load_file(folder / "model.safetensors")) == 6


def test_kill_leaves_whole_files_that_predict(tmp_path):
    process = start(tmp_path)
    wait_for(lambda: (tmp_path / "run" / "model.safetensors").exists() and epochs_in(tmp_path) >= 3, process)
    process.kill()
    process.communicate(timeout=60)
    folder = tmp_path / "run"
    assert json.loads((folder / "settings.json").read_text())["layers"] == [64, 60, 40, 10]
    assert all(json.loads(line)["epoch"] for line in (folder / "metrics.jsonl").read_text().splitlines())
    assert len(load_file(folder / "model.safetensors")) == 6


def test_ctrl_c_before_training_has_nothing_to_save(thalweg, monkeypatch):
    from thalweg.train import table

    def interrupted(path):
        raise KeyboardInterrupt

    thalweg.table("t.csv", **thalweg.linear_columns(20))
    monkeypatch.setattr(table, "read_table", interrupted)
    assert thalweg.refused("train", "t.csv", "--target", "y", code=130) == "stopped before there was anything to save"


def test_ctrl_c_before_the_first_step_takes_the_folder_back(thalweg, monkeypatch):
    monkeypatch.setattr(Interruption, "requested", lambda self: True)
    thalweg.table("t.csv", **thalweg.linear_columns(20))
    before = thalweg.files()
    result = thalweg("train", "t.csv", "--target", "y", code=130)
    assert result.stderr == "thalweg: stopped before there was anything to save\n"
    assert thalweg.files() == before


def test_ctrl_c_within_the_first_epoch_keeps_what_was_learned(thalweg, monkeypatch):
    from thalweg.train import interrupt

    class AfterTwoSteps(Interruption):
        asked = 0

        def requested(self):
            self.asked += 1  # once before the epoch, then before each step
            self.signal = signal.SIGINT if self.asked > 3 else None
            return super().requested()

    monkeypatch.setattr(interrupt, "Interruption", AfterTwoSteps)
    thalweg.table("t.csv", **thalweg.linear_columns(100))
    thalweg("train", "t.csv", "--target", "y", "--batch-size", 1, "--out", "run", code=130)
    (line,) = (thalweg.folder / "run" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(line)["samples"] == 2
    assert sorted(path.name for path in (thalweg.folder / "run").iterdir()) == FILES


# -- divergence -------------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_stops_with_advice_and_leaves_nothing(thalweg):
    thalweg.table("t.csv", **thalweg.linear_columns(100))
    before = thalweg.files()
    result = thalweg("train", "t.csv", "--target", "y", "--lr", "1e30", code=1)
    (line,) = result.stderr.splitlines()
    assert line.startswith("thalweg: the loss became ")
    assert line.endswith("in epoch 1 at learning rate 1e+30; lower --lr")
    assert thalweg.files() == before


def test_a_divergence_later_keeps_the_best_model_before(thalweg, monkeypatch):
    from thalweg.train.loop import Trainer

    run_epoch = Trainer.run_epoch

    def explode_in_the_third(self, watcher, stop):
        if len(self.history) == 2:
            self.model[0].weight.data.fill_(float("nan"))
        return run_epoch(self, watcher, stop)

    monkeypatch.setattr(Trainer, "run_epoch", explode_in_the_third)
    thalweg.table("t.csv", **thalweg.linear_columns(100))
    result = thalweg("train", "t.csv", "--target", "y", "--out", "run", code=1)
    (line,) = result.stderr.splitlines()
    assert "the loss became nan in epoch 3" in line
    assert "lower --lr; epoch 2, the best before, is saved in run" in line
    assert sorted(path.name for path in (thalweg.folder / "run").iterdir()) == FILES
    thalweg("predict", "run", "t.csv")


def test_a_disk_that_fills_up_leaves_no_folder_without_a_model(thalweg, monkeypatch):
    from thalweg.train import run

    def full(path, content):
        raise OSError(28, "No space left on device", str(path))

    thalweg.table("t.csv", **thalweg.linear_columns(20))
    monkeypatch.setattr(run, "write_atomically", full)
    assert thalweg.refused("train", "t.csv", "--target", "y", "--out", "run", code=1) == (
        "run/settings.json: No space left on device"
    )


# -- the handler ------------------------------------------------------------------------------------------


def test_handlers_are_restored_and_a_signal_is_noted():
    before = signal.getsignal(signal.SIGINT)
    with Interruption() as interruption:
        assert not interruption.requested()
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert interruption.signal == signal.SIGINT
    assert signal.getsignal(signal.SIGINT) is before


def test_an_ignored_signal_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Interruption() as interruption:
        signal.raise_signal(signal.SIGINT)
        assert not interruption.requested()


def test_other_threads_leave_signals_alone():
    before = signal.getsignal(signal.SIGINT)
    during = []

    def work():
        with Interruption():
            during.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert during == [before]
