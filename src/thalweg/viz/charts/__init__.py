"""Charts: lines, histograms, heat maps, points and bars. Pure Python and NumPy; each describes itself in words."""

from .bars import Bars
from .heatmap import Heatmap
from .histogram import Histogram
from .lines import LineChart, Mark, Series
from .scatter import Scatter
from .strip import HistogramSeries

__all__ = ["Bars", "Heatmap", "Histogram", "HistogramSeries", "LineChart", "Mark", "Scatter", "Series"]
