"""Simplification: fewer and simpler nodes of the same values.

Rules are small functions of one node (in ``simplify_*.py``), tried whenever a node is made, inputs first, so that one
pass reaches nearly everything; passes are repeated until no rule has an effect. What the outputs don't need falls
away by itself. Values stay what they are, bit for bit, NaN, infinities and the sign of 0 included, except where a
rule says "to rounding": numbers that are multiplied one after the other, and sums of equal elements.
"""

from __future__ import annotations

from . import simplify_algebra, simplify_constants, simplify_logic, simplify_motion, simplify_reduce, simplify_views
from .decompose import decompose, holds
from .graph import Graph
from .simplify_rewriter import Rewriter

__all__ = ["simplify"]

RULES = (simplify_constants, simplify_algebra, simplify_logic, simplify_views, simplify_reduce, simplify_motion)
PASSES = 10  # far more than are ever needed


def simplify(graph: Graph) -> Graph:
    """The graph in its simplest form: the same inputs, and outputs of the same order, shapes and dtypes.

    Composite primitives are taken apart first, and ``graph.checks`` says what integer inputs must hold.
    """
    graph, _ = decompose(graph)
    for _ in range(PASSES):
        rewriter = Rewriter()
        graph = rewriter.graph(graph)
        if not rewriter.fired:
            break
    graph.checks = [check for check in graph.checks if not holds(check)]
    return graph
