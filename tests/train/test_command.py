"""``thalweg train`` and ``thalweg predict``: what they learn, say and leave behind."""

import contextlib
import csv
import io
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest

from thalweg.io import load_file
from thalweg.version import __version__

FILES = ["diagnostics.json", "loss.svg", "metrics.jsonl", "model.safetensors", "report.html", "settings.json"]


def settings_of(folder):
    return json.loads((folder / "settings.json").read_text())


def metrics_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


# -- digits -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The command as the README gives it, in a process of its own."""
    folder = tmp_path_factory.mktemp("digits")
    command = [sys.executable, "-m", "thalweg", "train", "digits"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    return folder / "runs" / "digits-1", result


def test_the_lectures_network_tells_digits_apart(digits):
    folder, result = digits
    report = settings_of(folder)["result"]["test"]
    assert report["accuracy"] >= 0.97
    assert f"test accuracy {100 * report['accuracy']:.1f} %" in result.stdout
    assert result.stderr == ""


def test_the_run_folder_holds_the_files(digits):
    folder, _ = digits
    assert sorted(path.name for path in folder.iterdir()) == FILES
    shapes = {name: tuple(t.shape) for name, t in load_file(folder / "model.safetensors").items()}
    assert shapes == {
        "0.weight": (60, 64), "0.bias": (60,),
        "2.weight": (40, 60), "2.bias": (40,),
        "4.weight": (10, 40), "4.bias": (10,),
    }  # fmt: skip
    ET.parse(folder / "loss.svg")


def test_every_epoch_is_a_line_of_metrics_and_the_kept_one_is_the_best(digits):
    folder, _ = digits
    metrics, settings = metrics_of(folder), settings_of(folder)
    assert [m["epoch"] for m in metrics] == list(range(1, settings["options"]["epochs"] + 1))
    best = min(metrics, key=lambda m: m["validation_loss"])
    assert settings["result"]["best_epoch"] == best["epoch"]
    assert settings["result"]["validation_loss"] == best["validation_loss"]
    assert metrics[-1]["train_loss"] < metrics[0]["train_loss"] / 10
    assert all(m["samples"] == settings["rows"]["train"] for m in metrics)


def test_the_settings_say_how_the_run_was_made(digits):
    settings = settings_of(digits[0])
    assert settings["versions"]["thalweg"] == __version__
    assert settings["layers"] == [64, 60, 40, 10]
    assert settings["target"]["classes"] == [str(n) for n in range(10)]
    assert settings["options"]["seed"] == 0


def test_progress_is_plain_lines_where_there_is_no_terminal(digits):
    _, result = digits
    lines = [line for line in result.stdout.splitlines() if line.startswith("epoch ")]
    assert len(lines) > 5
    assert all(word in lines[0] for word in ("loss", "accuracy", "samples/s"))
    assert "\x1b" not in result.stdout


def test_a_run_on_digits_predicts_an_array_of_images(digits, thalweg):
    from thalweg.datasets import Digits

    test = Digits("test", normalize=False)
    np.savez(thalweg.folder / "new.npz", x=test.x.numpy())
    predictions = rows_of(thalweg("predict", digits[0], "new.npz").stdout)
    right = np.mean([int(row["prediction"]) for row in predictions] == test.y.numpy())
    assert right == settings_of(digits[0])["result"]["test"]["accuracy"]


def test_a_live_bar_on_a_terminal(tmp_path):
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "thalweg", "train", "digits", "--epochs", "5"]
    process = subprocess.Popen(command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux says that the other side is closed
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert process.wait(timeout=20) == 0
    text = shown.decode()
    assert "\x1b[" in text
    assert all(word in text for word in ("epoch 5/5", "loss", "accuracy", "samples/s", "test accuracy"))


# -- tables -----------------------------------------------------------------------------------------------


def test_a_linear_relation_is_recovered(thalweg):
    thalweg.table("t.csv", **thalweg.linear_columns())
    output = thalweg("train", "t.csv", "--target", "y").stdout
    result = settings_of(thalweg.folder / "runs" / "t-1")["result"]["test"]
    assert result["r2"] > 0.99
    assert result["rmse"] < 0.1 * result["mean_rmse"]
    assert "this is a regression" in output
    assert "R² 0.99" in output or "R² 1.00" in output

    thalweg.table("new.csv", b=[0.5, -0.5], other=["x", "y"], a=[10, 12])
    predictions = rows_of(thalweg("predict", "runs/t-1", "new.csv").stdout)
    values = [float(row["prediction"]) for row in predictions]
    np.testing.assert_allclose(values, [3 * 10 - 2 * 0.5 + 5, 3 * 12 + 2 * 0.5 + 5], rtol=0.05)


def test_separable_text_categories_are_recovered(thalweg):
    thalweg.table("flowers.csv", **thalweg.flower_columns())
    output = thalweg("train", "flowers.csv", "--target", "kind", "--out", "run").stdout
    result = settings_of(thalweg.folder / "run")["result"]["test"]
    assert result["accuracy"] > 0.95
    assert result["majority_accuracy"] < 0.6
    assert "3 classes ('daisy', 'lily', 'rose'), so this is a classification" in output
    assert "always saying" in output

    thalweg.table("new.csv", colour=["red", "white", "yellow"], size=[2, 2, 6])
    output = thalweg("predict", "run", "new.csv", "--out", "p.csv")
    assert output.stdout == "3 predictions written to p.csv\n"
    predictions = rows_of((thalweg.folder / "p.csv").read_text())
    assert [row["prediction"] for row in predictions] == ["rose", "daisy", "lily"]
    for row in predictions:
        probabilities = {k.removeprefix("probability of "): float(v) for k, v in row.items() if k != "prediction"}
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert max(probabilities, key=probabilities.get) == row["prediction"]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam",
                                       "radam", "lion"])  # fmt: skip
def test_every_optimiser_learns(thalweg, optimizer):
    thalweg.table("t.csv", **thalweg.linear_columns())
    thalweg("train", "t.csv", "--target", "y", "--optimizer", optimizer, "--out", "run")
    result = settings_of(thalweg.folder / "run")["result"]["test"]
    assert result["rmse"] < 0.7 * result["mean_rmse"]


@pytest.mark.parametrize(("batch_size", "steps"), [("1", 70), ("70", 1), ("full", 1), ("1000", 1)])
def test_batch_sizes(thalweg, batch_size, steps, monkeypatch):
    from thalweg.train import progress

    seen = []
    monkeypatch.setattr(progress.PlainProgress, "batch", lambda self, epoch, samples, loss: seen.append(samples))
    thalweg.table("t.csv", **thalweg.linear_columns(100))
    thalweg("train", "t.csv", "--target", "y", "--batch-size", batch_size, "--epochs", 1, "--eager")
    assert len(seen) == steps
    assert seen[-1] == 70


@pytest.mark.parametrize(("layers", "sizes"), [("none", [2, 1]), ("7", [2, 7, 1]), ("5,4,3", [2, 5, 4, 3, 1])])
def test_layers(thalweg, layers, sizes):
    thalweg.table("t.csv", **thalweg.linear_columns(30))
    thalweg("train", "t.csv", "--target", "y", "--layers", layers, "--epochs", 1, "--out", "run")
    assert settings_of(thalweg.folder / "run")["layers"] == sizes
    weights = load_file(thalweg.folder / "run" / "model.safetensors")
    assert [tuple(w.shape) for name, w in weights.items() if "weight" in name] == [(m, n) for n, m in pairwise(sizes)]


def test_a_run_repeats_with_its_seed_to_the_bit(thalweg):
    thalweg.table("t.csv", **thalweg.flower_columns(60))
    for out, seed in (("a", 3), ("b", 3), ("c", 4)):
        thalweg("train", "t.csv", "--target", "kind", "--epochs", 3, "--seed", seed, "--out", out)
    a, b, c = ((thalweg.folder / out / "model.safetensors").read_bytes() for out in "abc")
    assert a == b != c
    losses = [[m["validation_loss"] for m in metrics_of(thalweg.folder / out)] for out in "ab"]
    assert losses[0] == losses[1]


def test_runs_of_one_table_are_numbered(thalweg):
    thalweg.table("t.csv", **thalweg.linear_columns(20))
    for _ in range(2):
        thalweg("train", "t.csv", "--target", "y", "--epochs", 1)
    assert sorted(path.name for path in (thalweg.folder / "runs").iterdir()) == ["t-1", "t-2"]


def test_missing_values_are_filled_and_told(thalweg):
    columns = {name: list(cells) for name, cells in thalweg.flower_columns(100).items()}
    columns["size"][0] = ""
    columns["size"][1] = "NaN"
    columns["colour"][2] = ""
    columns["kind"][3] = ""
    thalweg.table("t.csv", **columns)
    output = thalweg("train", "t.csv", "--target", "kind", "--epochs", 1, "--out", "run").stdout
    assert "1 of 100 rows left out: the target is missing there (data row 4)" in output
    assert "column 'size': 2 of 99 values missing, filled with the training median" in output
    assert "column 'colour': 1 of 99 values" in output
    assert sum(settings_of(thalweg.folder / "run")["rows"].values()) == 99

    thalweg.write("new.csv", "colour,size\n,3\nblue,\n")
    result = thalweg("predict", "run", "new.csv")
    assert len(rows_of(result.stdout)) == 2
    assert "column 'size': 1 of 2 values missing, filled" in result.stderr
    assert "not met in training" in result.stderr


def test_columns_that_are_left_out_are_told_and_not_asked_for(thalweg):
    columns = thalweg.linear_columns(30)
    thalweg.table("t.csv", constant=[1] * 30, name=[f"n{i}" for i in range(30)], **columns)
    output = thalweg("train", "t.csv", "--target", "y", "--epochs", 1, "--out", "run").stdout
    assert "column 'constant' left out: it is 1 in every training row" in output
    assert "column 'name' left out: 30 different texts in 30 rows look like an identifier" in output
    thalweg.table("new.csv", a=[1], b=[2])
    thalweg("predict", "run", "new.csv")


@pytest.mark.parametrize(
    ("cells", "options", "task"),
    [
        ([0, 1] * 20, [], "classification"),
        ([0, 1] * 20, ["--task", "regression"], "regression"),
        (["no", "yes"] * 20, [], "classification"),
        (["True", "False"] * 20, [], "classification"),
        (list(range(40)), [], "regression"),
        ([i % 20 for i in range(40)], [], "classification"),
        ([i % 21 for i in range(40)], [], "regression"),
        ([i % 21 for i in range(40)], ["--task", "classification"], "classification"),
        ([0.5, 1.5] * 20, [], "regression"),
        ([0.5, 1.5] * 20, ["--task", "classification"], "classification"),
    ],
)
def test_the_task_is_seen_from_the_target(thalweg, cells, options, task):
    thalweg.table("t.csv", x=range(40), y=cells)
    thalweg("train", "t.csv", "--target", "y", "--epochs", 1, "--out", "run", *options)
    target = settings_of(thalweg.folder / "run")["target"]
    assert target["task"] == task
    if task == "classification":
        assert target["classes"] == [str(c) for c in sorted(set(cells))]


def test_npz_and_parquet_tables(thalweg):
    columns = thalweg.linear_columns(40)
    np.savez(thalweg.folder / "t.npz", **columns)
    thalweg("train", "t.npz", "--target", "y", "--epochs", 1, "--out", "a")
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), thalweg.folder / "t.parquet")
    thalweg("train", "t.parquet", "--target", "y", "--epochs", 1, "--out", "b")
    a, b = ((thalweg.folder / out / "model.safetensors").read_bytes() for out in "ab")
    assert a == b
    predictions = [thalweg("predict", "a", name).stdout for name in ("t.npz", "t.parquet")]
    assert predictions[0] == predictions[1]


def test_predictions_do_not_depend_on_the_order_of_the_columns(thalweg):
    columns = thalweg.flower_columns(40)
    thalweg.table("t.csv", **columns)
    thalweg.table("turned.csv", **dict(reversed(columns.items())))
    thalweg("train", "t.csv", "--target", "kind", "--epochs", 1, "--out", "run")
    assert thalweg("predict", "run", "t.csv").stdout == thalweg("predict", "run", "turned.csv").stdout


# -- the command itself -----------------------------------------------------------------------------------


def test_version_and_help(thalweg):
    assert thalweg("--version").stdout == f"thalweg {__version__}\n"
    for arguments in ([], ["--help"], ["-h"]):
        text = thalweg(*arguments).stdout
        assert "thalweg train digits" in text
        assert "predict" in text
    text = thalweg("train", "--help").stdout
    assert all(f"--{option}" in text for option in ("target", "layers", "batch-size", "lr", "optimizer", "seed", "out"))


def test_help_names_every_optimiser(thalweg):
    from thalweg.train.options import OPTIMIZERS

    assert ", ".join(OPTIMIZERS) in " ".join(thalweg("train", "--help").stdout.split())


def test_importing_thalweg_loads_neither_click_nor_rich_nor_safetensors():
    code = (
        "import sys, thalweg; print([m for m in ('click', 'rich', 'safetensors', 'thalweg.train') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
