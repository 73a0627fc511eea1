"""Reductions, running reductions, order statistics and counts beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np

from .harness import Case, In, idx, mask, pos

INF, NAN = float("inf"), float("nan")
X, V, S, E, B3 = In(3, 4), In(5), In(), In(0, 3), In(2, 3, 4)
HOLES = In(values=[[1.0, NAN, 3.0, -2.0], [NAN, NAN, NAN, NAN], [0.5, 2.0, -1.0, 4.0]])
INTS = idx([[3, 1, 3, 2], [0, 0, 5, -1]])
TIES = In(values=[2.0, 1.0, 2.0, 3.0, 1.0, 3.0])
SPREADS: list[dict[str, Any]] = [
    {}, {"dim": 0}, {"dim": 1, "keepdim": True}, {"dim": (0, 1), "correction": 0}, {"unbiased": False},
    {"dim": 1, "unbiased": False}, {"dim": 0, "correction": 2},
]  # fmt: skip
OVER: list[dict[str, Any]] = [{}, {"dim": 0}, {"dim": -1, "keepdim": True}, {"dim": (0, 1)}]
ALONG: list[dict[str, Any]] = [{}, {"dim": 0}, {"dim": -1, "keepdim": True}]

CASES = [
    *[Case(n, X, **a) for n in ("var_mean", "std_mean") for a in SPREADS],
    *[Case(n, X, *a) for n in ("var", "std") for a in ((False,), (1, False), (0, True, True))],
    *[Case(n, x, **a) for n in ("nansum", "nanmean") for x in (X, HOLES) for a in OVER], Case("nansum", INTS),
    *[Case("count_nonzero", x, **a) for x in (X, INTS) for a in ({}, {"dim": 0}, {"dim": (0, 1)})],
    *[Case("aminmax", x, **a) for x in (X, B3) for a in ({}, {"dim": 1}, {"dim": 0, "keepdim": True})],
    Case("dist", X, In(3, 4)), Case("dist", X, In(4), 1), Case("dist", X, In(3, 4), INF),
    Case("renorm", X, 2, 0, 1.0, order=1), Case("renorm", B3, 1, 1, 2.0, order=1),
    Case("norm", X, "nuc", order=1), Case("norm", X, 3, (0, 1)),
    *[Case("cumprod", x, d) for x, d in ((X, 0), (X, -1), (B3, 1), (V, 0), (S, 0), (E, 1), (INTS, 1))],
    *[Case("logcumsumexp", x, d) for x, d in ((X, 0), (X, -1), (B3, 1), (V, 0), (S, 0))],
    Case("logcumsumexp", In(values=[-INF, -INF, 1.0, 1000.0]), 0),
    *[Case(n, x, d) for n in ("cummax", "cummin") for x, d in ((X, 0), (B3, -1), (V, 0), (S, 0), (INTS, 1), (TIES, 0))],
    *[Case(n, HOLES, 1) for n in ("cummax", "cummin")],
    *[Case("diff", x, **a) for x in (X, B3, INTS) for a in ({}, {"n": 2}, {"dim": 0})], Case("diff", X, n=0),
    Case("diff", X, 1, 1, In(3, 1), In(3, 2)), Case("diff", mask([True, False, False])), Case("diff", X, n=9),
    *[Case(n, X, only="function") for n in ("trapezoid", "trapz", "cumulative_trapezoid")],
    *[Case(n, X, dx=0.5, dim=0, only="function") for n in ("trapezoid", "cumulative_trapezoid")],
    *[Case(n, X, In(4), only="function") for n in ("trapezoid", "cumulative_trapezoid")],
    Case("trapezoid", X, In(3, 4), dim=0, only="function"),
    Case("gradient", X, only="function"), Case("gradient", V, spacing=2.0, only="function"),
    Case("gradient", In(4, 5), dim=1, edge_order=2, only="function"),
    *[Case("sort", x, *a) for x in (X, B3, S, E, INTS) for a in ((), (0,), (-1, True))],
    Case("sort", HOLES), Case("sort", HOLES, 1, True), Case("sort", TIES, stable=True, dim=0),
    Case("sort", TIES, stable=True, dim=0, descending=True),
    *[Case("argsort", x, *a) for x in (X, B3, S, E) for a in ((), (0,), (-1, True))], Case("msort", X),
    Case("msort", B3),
    Case("argsort", TIES, dim=0, stable=True),
    *[Case("topk", x, *a) for x in (X, B3) for a in ((2,), (1, 0), (3, -1, False), (2, 1, True, True))],
    Case("topk", S, 1),
    Case("topk", V, 0), Case("topk", In(values=[1.0, NAN, 3.0, -2.0]), 3),
    *[Case("kthvalue", X, *a) for a in ((1,), (2, 0), (3, -1, True))], Case("kthvalue", S, 1),
    Case("kthvalue", HOLES, 4),
    *[Case(n, x, **a) for n in ("median", "nanmedian") for x in (X, B3, V, S) for a in ALONG],
    *[Case("nanmedian", HOLES, **a) for a in ({}, {"dim": 0})], Case("median", HOLES), Case("median", INTS, 1),
    *[Case("mode", x, **a) for x in (INTS, TIES, X) for a in ALONG], Case("mode", S),
    *[Case(n, x, q, **a) for n in ("quantile", "nanquantile") for x in (X, V) for q in (0.0, 0.3, 1.0) for a in ALONG],
    *[Case(n, X, In(values=[0.1, 0.5, 0.8]), **a) for n in ("quantile", "nanquantile") for a in ALONG],
    *[Case("quantile", X, 0.4, 1, interpolation=i) for i in ("lower", "higher", "midpoint", "nearest", "linear")],
    *[Case(n, HOLES, 0.4, 1) for n in ("quantile", "nanquantile")],
    *[Case("searchsorted", In(values=[1.0, 3.0, 3.0, 5.0]), In(values=[[0.0, 3.0], [6.0, 4.0]]), only="function",
           memory_orders=False, **a)
      for a in ({}, {"right": True}, {"side": "right"}, {"out_int32": True})],
    Case("searchsorted", In(values=[[1.0, 2.0], [3.0, 4.0]]),
      In(values=[[1.5, 0.0, 2.0], [3.0, 9.0, 4.0]]), only="function",
         memory_orders=False),
    Case("searchsorted", idx([1, 3, 5]), 4, only="function"),
    *[Case("bucketize", INTS, idx([0, 2, 4]), right=r, only="function", memory_orders=False) for r in (False, True)],
    Case("bucketize", X, In(values=[-1.0, 0.0, 1.0]), only="function", memory_orders=False),
    *[Case("unique", INTS, **a) for a in ({}, {"return_inverse": True}, {"return_counts": True, "return_inverse": True},
      {"dim": 0}, {"dim": 1, "return_inverse": True, "return_counts": True})], Case("unique", TIES),
      Case("unique", idx([])),
    *[Case("unique_consecutive", TIES, **a) for a in ({}, {"return_inverse": True, "return_counts": True})],
    Case("unique_consecutive", idx([[1, 1, 2], [1, 1, 2], [0, 0, 2]]), dim=0, return_counts=True),
    Case("unique_consecutive", idx([1, 1, 2, 2, 1])), Case("unique_consecutive", idx([[1, 1], [1, 2]])),
    Case("bincount", idx([0, 3, 3, 1])), Case("bincount", idx([0, 3, 3]), In(3, grad=False)), Case("bincount", idx([])),
    Case("bincount", idx([2]), minlength=5),
    Case("histc", In(20, grad=False), 5), Case("histc", In(20, grad=False), bins=4, min=-1, max=1),
    Case("histc", In(values=[1.0, 1.0]), 3),
    Case("histogram", In(20, grad=False), 5), Case("histogram", In(20, grad=False), In(values=[-1.0, 0.0, 2.0])),
    Case("histogram", In(20, grad=False), 4, range=(-1.0, 1.0), density=True),
    Case("histogram", In(20, grad=False), density=True),
    Case("histogram", In(5, grad=False), 4, weight=pos(5), order=0),
    Case("cov", X), Case("cov", V), Case("cov", X, correction=0), Case("cov", X, fweights=idx([1, 2, 1, 3])),
    Case("cov", X, aweights=pos(4), order=0), Case("corrcoef", X), Case("corrcoef", V, order=0),
    Case("cov", X, fweights=idx([1, 2, 1, 3]), aweights=In(values=np.array([0.5, 1.0, 2.0, 1.0]))),
]  # fmt: skip
