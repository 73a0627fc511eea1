"""Pictures of models, of gradients and of runs. Each shows itself in a notebook and saves itself."""

from . import graph_message as _graph_message  # noqa: F401  # which gives the writer its add_graph
from .blocks import Diagram, diagram
from .charts import Bars, Heatmap, Histogram, HistogramSeries, LineChart, Mark, Scatter, Series
from .passes import Backprop, backprop
from .picture import Picture
from .summaries import Summary, summary
from .valley import Landscape, Path, Plane, Profile, Trajectory, descend, landscape, trajectory

__all__ = [
    "Backprop", "Bars", "Diagram", "Heatmap", "Histogram", "HistogramSeries", "Landscape", "LineChart", "Mark", "Path",
    "Picture", "Plane", "Profile", "Scatter", "Series", "Summary", "Trajectory", "backprop", "descend", "diagram",
    "landscape", "summary", "trajectory",
]  # fmt: skip
