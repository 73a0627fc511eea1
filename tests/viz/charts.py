"""Charts of every kind, and of odd numbers, made from fixed numbers."""

from __future__ import annotations

import math

import numpy as np

from thalweg.viz.charts import Bars, Heatmap, Histogram, HistogramSeries, LineChart, Mark, Scatter, Series
from thalweg.viz.charts.plot import Chart

NAN = math.nan


def waves(n: int, k: int = 1) -> np.ndarray:
    """Numbers between -1 and 1 that look random and are the same everywhere."""
    return np.round(np.sin(np.arange(n) * 12.9898 * k + k) * np.cos(np.arange(n) * 78.233), 6)


EPOCHS = list(range(1, 13))
TRAIN = [2.0, 1.2, 0.8, 0.5, 0.3, 0.2, 0.12, 0.08, 0.05, 0.03, 0.02, 0.01]
VALIDATION = [2.1, 1.3, 0.9, 0.7, 0.5, 0.42, 0.4, 0.41, NAN, 0.43, 0.45, 0.44]


def losses() -> LineChart:
    return LineChart(
        [Series("train", EPOCHS, TRAIN), Series("validation", EPOCHS, VALIDATION)],
        title="digits: loss",
        x_label="epoch",
        y_label="loss",
        marks=[Mark("kept", "validation", 7)],
    )


def norms() -> LineChart:
    series = [Series(f"blocks.{i}.attention.weight", EPOCHS, 0.5**i * (1 + 0.2 * waves(12, i + 1))) for i in range(9)]
    return LineChart(series, title="Gradient norms of the layers", x_label="epoch", y_label="norm", width=480)


def histogram() -> Histogram:
    return Histogram(np.append(waves(500), [NAN, math.inf]), title="fc1.weight", x_label="weight", bins=20)


def strip() -> HistogramSeries:
    counts, edges = zip(*(np.histogram(waves(400, i) * (1 + 0.2 * i), 12) for i in range(1, 9)), strict=True)
    return HistogramSeries(range(1, 9), counts, edges, title="fc1.weight", y_label="weight")


def confusion() -> Heatmap:
    matrix = [[50, 0, 0], [0, 47, 3], [0, 2, 48]]
    names = ["setosa", "versicolor", "virginica"]
    return Heatmap(
        matrix, names, names, title="Test flowers", x_label="predicted", y_label="true", width=420, height=320
    )


def weights() -> Heatmap:
    return Heatmap(np.outer(waves(40), waves(64, 3)), title="fc1.weight", x_label="input", y_label="unit", height=320)


def long_names() -> Heatmap:
    names = ["a name that is longer than there is room for", "short", "middling"]
    return Heatmap([[1, 2.5, 1e6], [NAN, 0, -3], [4, 5, 6]], names, names, title="Names", width=320, height=300)


def shaded() -> Heatmap:
    names = [f"layer.{i}" for i in range(8)]
    matrix = np.outer(waves(8), waves(8, 3)) * 1e-3
    return Heatmap(matrix, names, names, title="Cosines", values=False, width=520, height=360)


def predictions() -> Scatter:
    x = 100 + 40 * waves(150)
    return Scatter(x, x + 9 * waves(150, 5), title="Test rows", x_label="true", y_label="predicted", identity=True)


def residuals() -> Scatter:
    x = waves(5000, 2)
    return Scatter(
        100 + 40 * x, 9 * waves(5000, 7), title="Residuals", x_label="predicted", y_label="residual", zero=True
    )


def bars() -> Bars:
    names = [
        "matmul(64, 60) + relu",
        "softmax",
        "a kernel whose name is longer than the picture has room for",
        "update",
    ]
    return Bars(names, [3.2, 0.4, 5.1, 0.001], title="Time per kernel", unit="ms")


def signed_bars() -> Bars:
    return Bars(["up", "down", "none"], [3.2, -1.5, NAN], title="Change", unit="%", width=260)


CHARTS = {
    made.__name__: made
    for made in (
        losses, norms, histogram, strip, confusion, weights, shaded, long_names, predictions, residuals, bars,
        signed_bars,
    )
}  # fmt: skip


def odd_charts() -> dict[str, Chart]:
    """Charts of nothing, of one number, of no finite number, and of numbers far out."""
    found: dict[str, Chart] = {
        "no lines": LineChart([], title="t", x_label="x", y_label="y"),
        "no matrix": Heatmap(np.zeros((0, 0)), title="t"),
        "no bars": Bars([], [], title="t"),
        "no histograms": HistogramSeries([], [], [0, 1], title="t"),
    }
    for name, values in {
        "nothing": [],
        "one": [2.0],
        "zeros": [0.0, 0.0],
        "NaN": [NAN, NAN],
        "infinite": [1.0, math.inf, -math.inf, 0.5],
        "huge": [-1e308, 1e308, 3.0],
        "tiny": [1e-320, 2e-320],
        "equal": [5.0] * 50,
        "close": [1.0, 1.0 + 2**-52],
        "negative": [-1.0, -3.0],
        "decades": [1e-12, 1.0, 1e12],
    }.items():
        x = list(range(len(values)))
        found |= {
            f"lines of {name}": LineChart([Series("a", x, values)], title="t", x_label="x", y_label="y"),
            f"path of {name}": LineChart([Series("a", values, values), Series("b", x, x)], title="t", y_log=True),
            f"histogram of {name}": Histogram(values, title="t"),
            f"points of {name}": Scatter(values, values, title="t", identity=True, zero=True),
            f"log points of {name}": Scatter(values, x, title="t", x_log=True, y_log=True),
            f"matrix of {name}": Heatmap([values], title="t"),
            f"bars of {name}": Bars(x, values, title="t"),
        }
    return found
