"""Pictures of models, of gradients and of runs. Each shows itself in a notebook and saves itself."""

from . import graph_message as _graph_message  # noqa: F401  # which gives the writer its add_graph
from .blocks import Diagram, diagram
from .passes import Backprop, backprop
from .picture import Picture
from .summaries import Row, Summary, summary

__all__ = ["Backprop", "Diagram", "Picture", "Row", "Summary", "backprop", "diagram", "summary"]
