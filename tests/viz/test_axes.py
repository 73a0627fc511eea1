"""Ticks are round, few, and within their axis."""

import pytest

from thalweg.viz.charts.axes import Axis, linear_ticks, log_ticks, number


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (1, 60, [10, 20, 30, 40, 50, 60]),
        (0, 0.003, [0, 0.0005, 0.001, 0.0015, 0.002, 0.0025, 0.003]),
        (-3, 3, [-3, -2, -1, 0, 1, 2, 3]),
    ],
)
def test_linear_ticks_are_round(low, high, expected):
    assert linear_ticks(low, high) == expected


def test_log_ticks():
    assert log_ticks(0.09, 11) == [0.1, 0.2, 0.5, 1, 2, 5, 10]
    assert log_ticks(0.002, 20) == [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10]
    assert log_ticks(1e-6, 1e2) == [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100]


def test_an_axis_of_epochs_has_whole_ticks_only():
    assert Axis(1, 3, 0, 500, whole=True).fitting() == [1, 2, 3]


def test_labels_from_left_to_right_have_room():
    assert Axis(0, 100_000, 0, 60).fitting() == [0.0]
    assert Axis(0, 100_000, 0, 240).fitting() == [0.0, 50000.0, 100000.0]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (123456.0, "123456"), (0.00001234, "1.234e-5"), (1e100, "1e100"), (-0.5, "-0.5"), (1e5, "100000")],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("low", "high"), [(0.049, 0.05), (0.04999, 0.05), (1e6, 1e6 + 3), (-1e-9, 1e-9), (99.9999, 100)]
)
def test_labels_of_an_axis_are_told_apart(low, high):
    labels = Axis(low, high).labels()
    assert len(set(labels)) == len(labels) >= 2
    assert [float(label) for label in labels] == pytest.approx(Axis(low, high).ticks(), rel=1e-9, abs=1e-18)
