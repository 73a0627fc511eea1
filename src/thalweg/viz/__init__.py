"""Pictures of models, of gradients and of runs. Each shows itself in a notebook and saves itself."""

from .blocks import Diagram, diagram
from .passes import Backprop, backprop
from .picture import Picture
from .summaries import Row, Summary, summary

__all__ = ["Backprop", "Diagram", "Picture", "Row", "Summary", "backprop", "diagram", "summary"]
