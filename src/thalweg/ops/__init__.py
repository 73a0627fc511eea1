"""Primitives by family, and the functions composed of them."""

from . import (
    base,
    broadcast,
    costs,
    creation,
    elementwise,
    functions,
    index,
    indexing,
    inplace,
    linalg,
    methods,
    random,
    reduce,
    rows,
    shape,
    shaping,
)

__all__ = [
    "base", "broadcast", "costs", "creation", "elementwise", "functions", "index", "indexing", "inplace", "linalg",
    "methods", "random", "reduce", "rows", "shape", "shaping",
]  # fmt: skip
