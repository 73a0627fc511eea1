"""Pictures of models, of gradients and of runs. Each shows itself in a notebook and saves itself.

What draws is imported when it is first used, and the compiler's tracer with it, so that ``import thalweg`` stays quick.
"""

from __future__ import annotations

import typing as _typing

from ..core.late import LateNames as _LateNames
from . import graph_message as _graph_message  # noqa: F401  # which gives the writer its add_graph
from .summaries import Summary, summary

if _typing.TYPE_CHECKING:
    from .blocks import Diagram, diagram
    from .charts import Bars, Heatmap, Histogram, HistogramSeries, LineChart, Mark, Scatter, Series
    from .games import VectorField, play, vector_field
    from .passes import Backprop, backprop
    from .picture import Picture
    from .valley import Landscape, Path, Plane, Profile, Trajectory, descend, landscape, trajectory
else:
    _late = _LateNames(
        __name__,
        {
            "blocks": ("Diagram", "diagram"),
            "charts": ("Bars", "Heatmap", "Histogram", "HistogramSeries", "LineChart", "Mark", "Scatter", "Series"),
            "games": ("VectorField", "play", "vector_field"),
            "passes": ("Backprop", "backprop"),
            "picture": ("Picture",),
            "valley": ("Landscape", "Path", "Plane", "Profile", "Trajectory", "descend", "landscape", "trajectory"),
        },
    )
    __getattr__, __dir__ = _late.get, _late.names


__all__ = [
    "Backprop", "Bars", "Diagram", "Heatmap", "Histogram", "HistogramSeries", "Landscape", "LineChart", "Mark", "Path",
    "Picture", "Plane", "Profile", "Scatter", "Series", "Summary", "Trajectory", "VectorField", "backprop",
    "descend", "diagram", "landscape", "play", "summary", "trajectory", "vector_field",
]  # fmt: skip
