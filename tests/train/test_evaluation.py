"""What a run keeps of its test rows: values by hand."""

import math

import numpy as np
import pytest

from thalweg.datasets import Table
from thalweg.train.evaluation import POINTS, WORST, confusion, evaluation, log_softmax
from thalweg.train.examples import Images, TableRows
from thalweg.train.machine import machine, processor, versions
from thalweg.train.targets import ClassTarget, NumberTarget

pets = ClassTarget("pet", ("cat", "dog", "eel"))


def test_the_confusion_matrix_against_a_loop():
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 4, 300), rng.integers(0, 4, 300)
    counts = {}
    for pair in zip(true.tolist(), predicted.tolist(), strict=True):
        counts[pair] = counts.get(pair, 0) + 1
    assert {(t, p): n for t, p, n in confusion(true, predicted)} == counts


def test_mistakes_come_worst_first_with_their_probabilities():
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.05, 0.05, 0.9], [0.1, 0.8, 0.1]]))
    y = np.array([0, 1, 0, 1])
    found = evaluation(pets, logits, y, None)
    assert (found["rows"], found["wrong"]) == (4, 2)
    assert found["confusion"] == [[0, 0, 1], [0, 2, 1], [1, 0, 1], [1, 1, 1]]
    assert [(m["true"], m["predicted"]) for m in found["worst"]] == [(0, 2), (1, 0)]
    worst = found["worst"][0]
    assert worst["probability_of_true"] == pytest.approx(0.05)
    assert worst["probability_of_predicted"] == pytest.approx(0.9)
    assert worst["loss"] == pytest.approx(-math.log(0.05))
    assert "example" not in worst


def test_only_so_many_mistakes_are_kept():
    y = np.zeros(100, np.int64)
    logits = np.stack([-1 - np.arange(100.0), np.zeros(100), np.zeros(100)], 1)
    found = evaluation(pets, logits, y, None)
    assert found["wrong"] == 100
    assert len(found["worst"]) == WORST
    losses = [m["loss"] for m in found["worst"]]
    assert losses == sorted(losses, reverse=True)


def test_residuals_are_in_the_units_of_the_table():
    target = NumberTarget("price", mean=100.0, scale=10.0)
    outputs = np.array([[0.0], [1.0], [2.0]], np.float32)
    y = np.array([[0.5], [1.0], [-1.0]], np.float32)
    found = evaluation(target, outputs, y, None)
    assert found["points"] == [[105.0, 100.0], [110.0, 110.0], [90.0, 120.0]]
    assert [m["residual"] for m in found["worst"]] == [30.0, -5.0, 0.0]
    assert found["residuals"]["mean"] == pytest.approx(25 / 3)
    assert sum(found["residuals"]["counts"]) == 3


def test_points_of_a_large_test_are_thinned_and_residuals_are_not():
    n = 5000
    y = np.linspace(-1, 1, n, dtype=np.float32)[:, None]
    found = evaluation(NumberTarget("y", 0.0, 1.0), y, y, None)
    assert len(found["points"]) == POINTS
    assert sum(found["residuals"]["counts"]) == n


def test_log_softmax_of_large_logits():
    np.testing.assert_allclose(log_softmax(np.array([[1000.0, 0.0], [0.0, -1000.0]])), [[0, -1000], [0, -1000]])


def test_rows_of_a_table_are_shown_with_their_numbers_in_the_file():
    table = Table({"a": np.array([1.5, np.nan, 3.0]), "kind": np.array(["x", None, "y" * 500], object)})
    rows = TableRows(table, ["a", "kind"], rows=np.array([2, 1]), numbers=np.array([1, 4, 7]))
    assert rows.of(1) == {"row": 4, "cells": {"a": "missing", "kind": "missing"}}
    shown = rows.of(0)
    assert shown["row"] == 7
    assert shown["cells"]["a"] == "3"
    assert len(shown["cells"]["kind"]) == 200


def test_images_are_grey_levels():
    image = Images(np.array([[0.0, 1.0, 0.5, 2.0]]), 2, 2).of(0)
    assert image == {"row": 1, "pixels": [[0, 255], [128, 255]]}


def test_the_machine_has_no_names_of_its_owner():
    import getpass
    import platform

    found = machine()
    assert set(found) == {"processor", "cores", "system", "architecture"}
    assert found["cores"] >= 1
    assert not {platform.node(), getpass.getuser()} & set(map(str, found.values()))
    assert versions()["numpy"] == np.__version__
    assert versions()["llvmlite"] != "unknown"


def test_the_processor_is_what_linux_calls_it(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: A Chip @ 3 GHz\nmodel name\t: A Chip @ 3 GHz\n")
    assert processor(tmp_path / "cpuinfo") == "A Chip @ 3 GHz"
    assert processor(tmp_path / "none")
