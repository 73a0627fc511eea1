"""What each primitive counts as work: by hand, and for all of them by shapes alone."""

from __future__ import annotations

import numpy as np
import pytest

from thalweg.ops import conv, costs, decompositions, elementwise, index, linalg, ordering, pool, reduce, rows, systems

from .registry import SAMPLES
from .symbolic import Recorded

# They move, choose, sort, draw or store, and compute nothing; a new primitive either counts or belongs here.
MOVES = {
    "after", "argsort", "cat", "complement", "convert", "copy", "embed", "expand", "flip", "gather", "index",
    "integers", "normal", "pad", "permutation", "permute", "reshape", "searchsorted", "take", "topk", "uniform",
    "view_scatter", "windows",
}  # fmt: skip


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_every_primitive_counts_by_shapes(sample):
    values = sample.values()
    y = np.asarray(sample.primitive(*values, **sample.params))
    count = sample.primitive.flops(y, *values, **sample.params)
    outlines = [Recorded(v, []) if isinstance(v, np.ndarray) else v for v in values]
    assert sample.primitive.flops(Recorded(y, []), *outlines, **sample.params) == count
    assert isinstance(count, int)
    several = y.size and all(np.size(v) > 1 for v in values if isinstance(v, np.ndarray))
    if several and not (sample.primitive.name == "index_put" and not sample.params["accumulate"]):
        assert (count == 0) == (sample.primitive.name in MOVES)


CASES = [
    (elementwise.add, [(3, 4), (4,)], {}, 12),
    (reduce.amax, [(3, 4)], {"dims": (1,), "keepdim": False}, 12),
    (reduce.cumsum, [(3, 4)], {"dim": 1}, 12),
    (ordering.argsort, [(3, 4)], {"dim": 1, "descending": False}, 0),
    (linalg.matmul, [(7, 2, 3), (3, 5)], {}, 2 * 7 * 2 * 3 * 5),
    (linalg.linear, [(4, 3), (5, 3), (5,)], {}, 2 * 4 * 3 * 5 + 20),
    (linalg.linear, [(4, 3), (5, 3), None], {}, 2 * 4 * 3 * 5),
    (linalg.linear_relu, [(4, 3), (5, 3), (5,)], {}, 2 * 4 * 3 * 5 + 40),
    (conv.convolution, [(2, 4, 7), (6, 2, 3)],
     {"stride": (2,), "padding": ((1, 1),), "dilation": (1,), "groups": 2}, 2 * (2 * 6 * 4) * 2 * 3),
    (conv.convolution_input, [(2, 6, 4), (6, 2, 3)],
     {"sizes": (7,), "stride": (2,), "padding": ((1, 1),), "dilation": (1,), "groups": 2}, 2 * (2 * 6 * 4) * 2 * 3),
    (conv.convolution_weight, [(2, 4, 7), (2, 6, 4)],
     {"kernel": (3,), "stride": (2,), "padding": ((1, 1),), "dilation": (1,), "groups": 2}, 2 * (2 * 6 * 4) * 2 * 3),
    (pool.max_pool, [(2, 6, 6)],
     {"kernel": (2, 3), "stride": (2, 3), "padding": (0, 0), "dilation": (1, 1), "counts": (3, 2)}, 2 * 6 * 6),
    (rows.softmax, [(3, 4)], {"dim": 1}, 5 * 12),
    (costs.mean_squared_error, [(3, 4), (3, 4)], {}, 3 * 12),
    (systems.inverse, [(3, 3)], {}, 2 * 27),
    (decompositions.qr, [(6, 2)], {}, 4 * 6 * 4 - 4 * 8 // 3),
    (decompositions.svd, [(2, 6)], {}, 14 * 6 * 4 + 8 * 8),
]  # fmt: skip


@pytest.mark.parametrize(("primitive", "shapes", "params", "count"), CASES)
def test_counts_by_hand(primitive, shapes, params, count):
    values = [None if shape is None else np.ones(shape) for shape in shapes]
    y = np.empty(primitive.shape(*values, **params))
    assert primitive.flops(y, *values, **params) == count


def test_adding_at_an_index_counts_and_writing_does_not():
    inputs = [np.zeros(4), np.ones(3), np.array([0, 1, 1])]
    counts = [
        index.index_put.flops(inputs[0], *inputs, pattern=("array",), accumulate=accumulate)
        for accumulate in (True, False)
    ]
    assert counts == [3, 0]
