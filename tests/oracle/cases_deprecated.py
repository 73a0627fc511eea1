"""Functions that PyTorch warns of, as old or as new ones: they do the same here, without the warning."""

from __future__ import annotations

import numpy as np

from .harness import Case, In, idx

X, SQ = In(3, 4), In(3, 3)
PICKS = idx([[0, 3, 3], [1, 1, 0]])
CASES = [
    Case("cross", In(4, 3), In(4, 3)), Case("chain_matmul", In(2, 3), In(3, 4), In(4, 2)), Case("chain_matmul", X),
    *[Case("triangular_solve", In(3, 2), SQ, *a) for a in ((), (False,), (True, True), (False, True, True))],
    *[Case("qr", x, order=1) for x in (In(4, 3), SQ)], Case("svd", SQ, order=0),
    Case("cholesky", In(values=np.array([[4.0, 2.0], [2.0, 5.0]]))),
    Case("cholesky", In(values=np.array([[4.0, 2.0], [2.0, 5.0]])), True),
    *[Case("scatter", X, 1, PICKS, In(2, 3, grad=False), reduce=r, order=0) for r in ("add", "multiply")],
    *[
        Case("index_reduce", X, 0, idx([2, 0, 2]), In(3, 4), r, include_self=i, order=1)
        for r in ("prod", "mean", "amax", "amin")
        for i in (True, False)
    ],
    Case("index_reduce", In(5, low=0.5), 0, idx([1, 1, 3]), In(3, low=0.5), "prod", order=1),
]  # fmt: skip
