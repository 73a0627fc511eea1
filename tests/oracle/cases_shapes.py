"""Functions that rearrange, join, cut and index, beside PyTorch's."""

from __future__ import annotations

import numpy as np

from .harness import Case, In, idx, mask

X, V, S, E, B3 = In(3, 4), In(5), In(), In(0, 3), In(2, 3, 4)
SQUARE, W = In(4, 4), In(4)
PICKS = idx([[0, 3, 3], [1, 1, 0]])
INTS = idx([[1, 2], [3, 4]])

CASES = [
    *[Case("moveaxis", B3, *a) for a in ((0, 2), ((0, 1), (-1, 0)))], Case("t", X), Case("t", V), Case("t", S),
    Case("ravel", B3), Case("ravel", S), Case("adjoint", B3, only="method"), Case("detach", X),
    Case("sum_to_size", B3, 1, 4, only="method"), Case("sum_to_size", X, (3, 1), only="method"),
    Case("broadcast_tensors", In(3, 1), In(4), S, only="function"),
    *[Case("repeat_interleave", X, 2, **a) for a in ({}, {"dim": 0}, {"dim": 1})],
    Case("repeat_interleave", X, idx([1, 0, 2]), 0), Case("repeat_interleave", X, idx([1, 2, 0]), 0, output_size=3),
    Case("repeat_interleave", idx([2, 0, 1]), only="function"), Case("repeat_interleave", S, 3),
    *[Case(n, B3) for n in ("fliplr", "flipud")], Case("flipud", V),
    *[Case("rot90", X, k) for k in (0, 1, 2, 3, -1)], Case("rot90", B3, 1, (1, 2)), Case("rot90", B3, 3, (2, 0)),
    *[Case(n, x, only="function") for n in ("atleast_1d", "atleast_2d", "atleast_3d") for x in (S, V, X, B3)],
    Case("atleast_2d", [S, V], only="function"),
    *[Case("unfold", V, 0, *a, only="method") for a in ((2, 1), (3, 2), (5, 1))],
    Case("unfold", B3, -1, 2, 2, only="method"),
    Case("unfold", B3, 1, 2, 1, only="method"), Case("unfold", S, 0, 1, 1, only="method"),
    Case("as_strided", X, (2, 2), (4, 1), memory_orders=False), Case("as_strided", V, (3, 3),
      (1, 1), 0, memory_orders=False),
    Case("as_strided", X, (2, 3), (1, 2), 3, memory_orders=False),
    *[Case("narrow_copy", X, 1, 1, 2, only="method", order=0)], Case("split_with_sizes", V, [1, 4]),
    *[Case("tensor_split", x, a, 0) for x in (V, X) for a in (2, 3, (1, 2), (0, 5))], Case("tensor_split", X, 3, dim=1),
    Case("tensor_split", V, idx([1, 3])), *[Case("hsplit", x, a) for x in (SQUARE, W) for a in (2, (1, 3))],
    *[Case("vsplit", SQUARE, a) for a in (2, (1,))], *[Case("dsplit", B3, a) for a in (2, (1, 2))],
    Case("unsafe_chunk", V, 2), Case("unsafe_split", V, 2),
    *[Case(n, [V, In(5)], only="function") for n in ("hstack", "vstack", "row_stack", "dstack", "column_stack")],
    *[Case(n, [X, In(3, 4)], only="function") for n in ("hstack", "vstack", "row_stack", "dstack", "column_stack")],
    Case("column_stack", [In(3), X], only="function"), Case("hstack", [S, In()], only="function"),
    Case("vstack", [S, In()], only="function"), Case("dstack", [S, In()], only="function"),
    Case("block_diag", X, V, S, only="function"), Case("block_diag", X, only="function"),
    Case("meshgrid", V, In(3), indexing="ij", only="function"), Case("meshgrid", V,
      In(3), indexing="xy", only="function"),
    Case("meshgrid", V, In(3), In(2), indexing="xy", only="function"),
    Case("meshgrid", [V, S], indexing="ij", only="function"),
    Case("cartesian_prod", V, In(3), only="function"), Case("cartesian_prod", V, only="function"),
    Case("cartesian_prod", V, In(3), In(2), only="function"),
    *[Case("combinations", V, *a, only="function") for a in ((), (3,), (2, True), (1,))],
    *[Case("diagonal", x, *a) for x in (X, B3) for a in ((), (1,), (-1,), (9,))], Case("diagonal", B3, 1, 0, 2),
    Case("diagonal", B3, 0, -1, -2), Case("diagonal", E),
    *[Case("diag_embed", x, *a) for x in (V, X) for a in ((), (1,), (-2,))], Case("diag_embed", X, 0, 0, 2),
    Case("diag_embed", X, 1, -1, 0), *[Case("diagflat", x, *a) for x in (V, X, S) for a in ((), (1,))],
    *[Case("diagonal_scatter", X, In(3), o) for o in (0, 1)], Case("diagonal_scatter", B3, In(4, 2), 0, 0, 1),
    *[Case("vander", V, *a, only="function", order=0) for a in ((), (3,), (4, True))],
    Case("vander", idx([1, 2, 3]), only="function"), Case("linalg.vander", X), Case("linalg.vander", V, N=2),
    Case("diag", X, 1), Case("tril", mask([[True, True], [True, True]])), Case("triu", INTS, 1),
    # indexing
    Case("argwhere", In(values=[[0.0, 2.0], [3.0, 0.0]])), Case("argwhere", S), Case("take", X, idx([[0, -1], [5, 5]])),
    Case("take", S, idx([0])), Case("take", X, idx(3)), Case("unravel_index", idx([5, 0, 11]), (3, 4), only="function"),
    Case("masked_scatter", X, mask([True, False, True, False]), In(2, 5)),
    Case("masked_scatter", X, mask([[True], [False], [True]]), In(8)), Case("masked_scatter", X,
      mask(np.zeros((3, 4))), In(0)),
    Case("scatter", X, 1, PICKS, In(2, 3), order=0), Case("scatter", X, 0, idx([[2, 0], [0, 1]]), In(2, 2)),
    Case("scatter", X, 1, idx([[0], [3], [1]]), 2.5), Case("scatter", X, 1, idx([[0], [3]]), value=1.0),
    Case("scatter", V, 0, idx([1, 3]), In(2)),
    Case("scatter", In(3, 4, grad=False), 1, PICKS, 2.0, reduce="add"), Case("scatter", S, 0, idx(0), In()),
    *[Case("scatter_reduce", X, 1, PICKS, In(2, 3), r, include_self=i, order=o)
      for r, o in (("sum", 2), ("mean", 2), ("prod", 2), ("amax", 1), ("amin", 1)) for i in (True, False)],
    Case("scatter_reduce", V, 0, idx([0, 0, 4]), In(3), "sum"),
    Case("scatter_reduce", In(values=[1.0, 2.0, 3.0]), 0, idx([0, 0, 2]), In(values=[0.0, 5.0, 0.0]), "prod"),
    Case("scatter_reduce", In(values=[1, 2, 7]), 0, idx([0, 0, 2]), In(values=[4, 5, -9]), "mean"),
    *[Case("index_add", X, d, i, s, **a) for d, i, s in ((0, idx([2, 0, 2]), In(3, 4)), (1, idx([1, 1]), In(3, 2)))
      for a in ({}, {"alpha": 2.5})], Case("index_add", V, 0, idx([4, 4]), In(2)), Case("index_add", V, 0, idx([]),
        In(0)),
    Case("index_copy", X, 0, idx([2, 0]), In(2, 4)), Case("index_copy", X, 1, idx([1, 3]), In(3, 2)),
    Case("index_fill", X, 1, idx([0, 2]), 7.0), Case("index_fill", X, 0, idx([1, 1]), S, order=1),
    Case("index_fill", S, 0, idx([0]), 1.0),
    Case("index_put", X, (idx([0, 2]), idx([1, 1])), In(2)), Case("index_put", X, (idx([0, 0]),), In(4), True),
    Case("index_put", X, (mask([True, False, True]),), In(2, 4)), Case("index_put", X, (idx([[1], [0]]),
      idx([0, 3])), S),
    Case("put", X, idx([0, 5, -1]), In(3)), Case("put", X, idx([[1, 1]]), In(1, 2), True),
    Case("select_scatter", X, In(3), 1, 2), Case("select_scatter", X, In(4), 0, -1),
    Case("slice_scatter", X, In(2, 4), 0, 1), Case("slice_scatter", X, In(3, 2), 1, 0, 4, 2),
    Case("where", mask([[True, False], [False, True]]), only="function"), Case("nonzero", B3),
    Case("conj", X, only="method"),
    Case("bernoulli", In(values=[0.0, 1.0, 1.0])), Case("multinomial", In(values=[0.0, 1.0, 0.0]), 1),
]  # fmt: skip
