"""Block diagrams: a traced graph as units (``units``), visible ones (``view``), places (``compound``), and SVG."""

from .diagram import Diagram, diagram

__all__ = ["Diagram", "diagram"]
