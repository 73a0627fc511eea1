"""Primitives by family, and the functions composed of them."""

from . import (
    base,
    broadcast,
    conv,
    costs,
    creation,
    elementwise,
    functions,
    index,
    indexing,
    inplace,
    linalg,
    methods,
    pool,
    random,
    reduce,
    rows,
    shape,
    shaping,
)

__all__ = [
    "base", "broadcast", "conv", "costs", "creation", "elementwise", "functions", "index", "indexing",
    "inplace", "linalg", "methods", "pool", "random", "reduce", "rows", "shape", "shaping",
]  # fmt: skip
