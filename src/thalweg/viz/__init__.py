"""Pictures of models, of gradients and of runs. Each shows itself in a notebook and saves itself.

What draws is imported when it is first used, and the compiler's tracer with it, so that ``import thalweg`` stays quick.
"""

from __future__ import annotations

import importlib as _importlib
import typing as _typing

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
    _HOMES = {
        "blocks": ("Diagram", "diagram"),
        "charts": ("Bars", "Heatmap", "Histogram", "HistogramSeries", "LineChart", "Mark", "Scatter", "Series"),
        "games": ("VectorField", "play", "vector_field"),
        "passes": ("Backprop", "backprop"),
        "picture": ("Picture",),
        "valley": ("Landscape", "Path", "Plane", "Profile", "Trajectory", "descend", "landscape", "trajectory"),
    }

    def __getattr__(name: str) -> _typing.Any:
        for home, names in _HOMES.items():
            if name in names:
                value = getattr(_importlib.import_module(f"{__name__}.{home}"), name)
                globals()[name] = value
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "Backprop", "Bars", "Diagram", "Heatmap", "Histogram", "HistogramSeries", "Landscape", "LineChart", "Mark", "Path",
    "Picture", "Plane", "Profile", "Scatter", "Series", "Summary", "Trajectory", "VectorField", "backprop",
    "descend", "diagram", "landscape", "play", "summary", "trajectory", "vector_field",
]  # fmt: skip
