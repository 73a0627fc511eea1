"""Charts: the same text each time, places and numbers that are right, and sense from odd numbers."""

from __future__ import annotations

import math
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import ArgumentError
from thalweg.viz.charts import Bars, Heatmap, Histogram, HistogramSeries, LineChart, Mark, Scatter, Series
from thalweg.viz.charts.axes import data_axis
from thalweg.viz.charts.lines import spread
from thalweg.viz.charts.shades import READABLE
from thalweg.viz.charts.thinning import segments
from thalweg.viz.style import DARK, LIGHT

from .charts import CHARTS, NAN, odd_charts

GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"
ODD = odd_charts()


@pytest.mark.parametrize("name", CHARTS)
def test_the_chart_is_the_golden_one(name: str) -> None:
    """THALWEG_GOLDEN=write makes the files anew; look at them before you commit them."""
    svg, path = CHARTS[name]().svg(style=False), GOLDEN / f"chart_{name}.svg"
    if os.environ.get("THALWEG_GOLDEN") == "write":
        path.write_text(svg, encoding="utf-8")
    assert svg == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*CHARTS, *ODD])
def test_it_is_well_formed_described_and_within_its_frame(name: str) -> None:
    chart = ODD[name] if name in ODD else CHARTS[name]()
    svg = chart.svg()
    root = ET.fromstring(svg)
    assert root.findtext(f"{SVG}title") == chart.title
    assert root.findtext(f"{SVG}desc") == chart.description
    assert chart.description.startswith(chart.title)
    assert "nan" not in svg.replace("NaN", "") and "inf" not in svg.replace("infinite", "")
    for shape in root.iter():
        for key, size in (("x", chart.width), ("y", chart.height), ("cx", chart.width), ("cy", chart.height)):
            assert 0 <= float(shape.get(key, 0)) <= size
        assert float(shape.get("width", 1)) > 0 and float(shape.get("height", 1)) > 0


def points(chart: LineChart, kind: str) -> list[list[tuple[float, float]]]:
    """The places along the line of a class, a list for each piece between gaps."""
    path = ET.fromstring(chart.svg()).find(f"{SVG}path[@class='{kind}']")
    assert path is not None
    pieces = path.attrib["d"].split("M")[1:]
    return [[tuple(map(float, pair.split(","))) for pair in piece.split()] for piece in pieces]  # type: ignore[misc]


def test_points_lie_where_the_axes_say() -> None:
    chart = LineChart([Series("a", [0, 1, 4], [0.0, 1.0, 2.0])], title="t", x_label="x", y_label="y")
    (line,) = points(chart, "line s0")
    plot = chart.plot(*chart.axes, names=("x", "y"))
    middle = plot.left + (plot.right - plot.left) / 4
    assert line[0] == (plot.left, plot.bottom)
    assert line[1] == pytest.approx((middle, plot.bottom + (plot.top - plot.bottom) / 2.1), abs=0.02)
    assert line[2] == pytest.approx((plot.right, plot.bottom + (plot.top - plot.bottom) / 1.05), abs=0.02)


def test_losses_over_decades_get_a_logarithmic_axis() -> None:
    chart = LineChart([Series("a", [1, 2, 3], [1.0, 0.1, 0.01])], title="t", x_label="x", y_label="loss")
    (line,) = points(chart, "line s0")
    assert line[1][1] - line[0][1] == pytest.approx(line[2][1] - line[1][1], abs=0.02)
    assert "loss (logarithmic)" in chart.svg()
    assert "logarithmic" not in LineChart([Series("a", [1, 2], [1.0, 0.01])], title="t", y_label="y", y_log=False).svg()


def test_what_is_not_finite_is_a_gap_and_said() -> None:
    chart = LineChart([Series("a", range(6), [1, 2, NAN, 3, 4, math.inf])], title="t", x_label="step")
    assert [len(piece) for piece in points(chart, "line s0")] == [2, 2]
    assert chart.description == (
        "t: 1 line over step. a goes from 1 at 0 to 4 at 4; smallest 1 at 0, largest 4 at 4; "
        "2 values are not finite, and left out."
    )


def test_what_is_not_positive_is_a_gap_on_a_logarithmic_axis() -> None:
    chart = LineChart([Series("a", range(3), [1, 0, 100])], title="t", y_log=True)
    assert "1 value is not finite or not positive, and left out" in chart.description
    assert chart.svg().count("<circle") == 2  # two points that stand alone


def test_a_hundred_thousand_points_stay_small_and_keep_their_extremes() -> None:
    y = np.sin(np.arange(100_000) * 0.37)
    y[54_321], y[77_777], y[90_000:91_000] = 9.0, -7.0, NAN
    chart = LineChart([Series("a", np.arange(100_000), y)], title="t", x_label="x", y_label="y")
    assert len(chart.svg()) < 60_000
    plot = chart.plot(*chart.axes, names=("x", "y"))
    drawn = [y for piece in points(chart, "line s0") for _, y in piece]
    assert min(drawn) == plot.up(9.0) and max(drawn) == plot.up(-7.0)
    assert len(points(chart, "line s0")) == 2


def test_thinning_keeps_the_corners_of_each_column_in_order() -> None:
    x = np.repeat(np.arange(3.0), 8) + np.tile(np.arange(8) / 10, 3)
    y = np.array([0, 1, 9, 2, -5, 3, 4, 5.0] * 3)
    ((xs, ys),) = segments(x, y, 3)
    assert ys.tolist() == [0, 9, -5, 5] * 3
    assert (np.diff(xs) > 0).all()


def test_the_ring_is_on_the_marked_point() -> None:
    chart = CHARTS["losses"]()
    assert isinstance(chart, LineChart)
    rings = ET.fromstring(chart.svg()).findall(f"{SVG}circle[@class='ring s1']")
    place = (float(rings[0].attrib["cx"]), float(rings[0].attrib["cy"]))
    assert place == points(chart, "line s1")[0][6]
    assert ">kept: epoch 7, 0.4</text>" in chart.svg()


def test_every_line_has_its_own_dashes_or_colour() -> None:
    svg = CHARTS["norms"]().svg()
    strokes = set(re.findall(r'<path (class="line s\d"(?: style="[^"]*")?)', svg))
    assert len(strokes) == 9
    assert svg.count(">blocks.") == 9


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([], []),
        ([50], [50]),
        ([-10, 300], [0, 100]),
        ([50, 50, 50], [32, 50, 68]),
        ([100, 100], [82, 100]),
        ([0.0] * 11, [10.0 * k for k in range(11)]),
    ],
)
def test_labels_are_spread(wanted: list[float], expected: list[float]) -> None:
    assert spread(wanted, 18, 0, 100) == expected


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([0.5, 2.0], 0, 2.1),
        ([-2.0, -0.5], -2.1, 0),
        ([0.91, 0.99], 0.906, 0.994),
        ([5.0, 5.0], 0, 5.25),
        ([-1.0, 3.0], -1.2, 3.2),
        ([0.0], 0, 1),
        ([], 0, 1),
    ],
)
def test_a_linear_axis_includes_zero_if_that_leaves_room(values: list[float], low: float, high: float) -> None:
    axis = data_axis(np.array(values))
    assert (axis.low, axis.high) == pytest.approx((low, high))


def test_histograms_count_and_describe() -> None:
    chart = Histogram(tw.tensor([[0.0, 1.0, 1.0], [2.0, NAN, 4.0]]), bins=4, title="t")
    assert chart.counts.tolist() == [1, 2, 1, 1]
    assert chart.edges.tolist() == [0, 1, 2, 3, 4]
    assert chart.description == (
        "t: 5 values from 0 to 4 in 4 bins, mean 1.6, standard deviation 1.36; the fullest bin holds 2, from 1 to 2. "
        "1 value is not finite, and left out."
    )
    again = Histogram(counts=chart.counts, edges=chart.edges, title="t")
    bars = [re.findall("<rect class=.bar.*", c.svg()) for c in (chart, again)]
    assert bars[0] == bars[1] and len(bars[0]) == 4


def test_a_strip_of_histograms_keeps_the_quantiles() -> None:
    values = np.linspace(0, 100, 10_001)
    histograms = [np.histogram(values * scale, 50) for scale in (1, 2, 3)]
    chart = HistogramSeries([1, 2, 3], [c for c, _ in histograms], [e for _, e in histograms], title="t")
    assert chart.quantiles == pytest.approx(np.outer([1, 2, 3], [5, 50, 95]), rel=1e-3)


def test_a_long_strip_stays_small() -> None:
    counts = [np.histogram(np.sin(np.arange(1000) * k), 64, (-1, 1))[0] for k in range(1, 2001)]
    chart = HistogramSeries(range(2000), counts, np.linspace(-1, 1, 65), title="t")
    assert len(chart.svg()) < 150_000


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def mixed(over: str, under: str, opacity: float) -> str:
    pairs = [(int(over[i : i + 2], 16), int(under[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(opacity * a + (1 - opacity) * b):02x}" for a, b in pairs)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("colour", ["s0", "s1"])
def test_numbers_in_cells_have_contrast(theme: dict[str, str], colour: str) -> None:
    """WCAG 2.2, success criterion 1.4.3: at least 4.5."""
    for opacity in np.linspace(0, READABLE, 12):
        pair = sorted((luminance(theme["ink"]), luminance(mixed(theme[colour], theme["page"], opacity))))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5


def test_a_matrix_has_its_numbers_in_its_cells_where_they_fit() -> None:
    svg = CHARTS["confusion"]().svg()
    assert re.findall(r">(\d+)</text>", svg) == ["50", "0", "0", "0", "47", "3", "0", "2", "48"]
    shades = re.findall(r'fill-opacity="([\d.]+)"', svg)
    assert float(max(shades, key=float)) == READABLE
    assert 'class="heat-minus"' in CHARTS["weights"]().svg()


def test_many_points_are_counted() -> None:
    few, many = CHARTS["predictions"](), CHARTS["residuals"]()
    assert few.svg().count("<circle") == 150
    assert "<circle" not in many.svg() and len(many.svg()) < 60_000


def test_bars_leave_out_the_smallest_and_say_so() -> None:
    chart = Bars(list("abcde"), [1, 5, 2, 4, 3], title="t", most=3)
    assert re.findall(r">([a-e])</text>", chart.svg()) == ["b", "d", "e"]
    assert "and 2 more, together 3</text>" in chart.svg()


def test_a_chart_is_made_again_with_the_same_text() -> None:
    assert all(made().svg() == made().svg() for made in CHARTS.values())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LineChart([Series("a", [1, 2], [1])], title="t"), "equally many numbers x and y"),
        (lambda: LineChart([], title="t", marks=[Mark("kept", "a", 1)]), "names no series"),
        (lambda: LineChart([], title="t", width=20), "no room for its labels"),
        (lambda: Histogram(title="t"), "either values, or counts"),
        (lambda: Histogram(counts=[1, 2], edges=[0, 1], title="t"), "one more than the counts"),
        (lambda: Histogram(counts=[1, -2], edges=[0, 1, 2], title="t"), "not negative"),
        (lambda: Histogram([1.0, 2.0], bins=0, title="t"), "at least one bin"),
        (lambda: HistogramSeries([1, 1], [[1], [1]], [0, 1], title="t"), "increasing numbers"),
        (lambda: HistogramSeries([1, 2], [[1], [1]], [[0, 1]], title="t"), "one row for each"),
        (lambda: Heatmap([1, 2], title="t"), "draws a matrix"),
        (lambda: Heatmap([[1, 2]], ["a", "b"], title="t"), "row_labels has 2 labels for 1"),
        (lambda: Scatter([1], [1, 2], title="t"), "equally many numbers"),
        (lambda: Bars(["a"], [1, 2], title="t"), "one number for each of 1 labels"),
    ],
)
def test_bad_input_is_refused(make, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        make()
