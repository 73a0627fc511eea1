"""Operations beside PyTorch's: what is called with which arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from .harness import Case, In, idx, mask, pos

INF, NAN = float("inf"), float("nan")

X, V, S, E, B3 = In(3, 4), In(5), In(), In(0, 3), In(2, 3, 4)
UNARY_ANY = [
    "abs", "neg", "sign", "exp", "expm1", "tanh", "erf", "sigmoid", "sin", "cos", "tan", "relu", "floor", "ceil",
    "trunc",
    "round", "square", "clone",
]  # fmt: skip
UNARY_POSITIVE = ["log", "log1p", "log2", "log10", "sqrt", "rsqrt", "reciprocal"]
TESTS = ["isnan", "isinf", "isfinite", "logical_not"]
BINARY = ["add", "sub", "mul", "div", "maximum", "minimum", "atan2", "fmod", "remainder"]
COMPARE = ["eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor"]
BROADCASTS = [(X, In(3, 4)), (In(3, 1), In(4)), (S, X), (E, In(3)), (In(2, 1, 4), In(3, 1)), (S, In())]
SPREAD_ARGS: list[dict[str, Any]] = [
    {}, {"dim": 0}, {"dim": 1, "keepdim": True}, {"dim": (0, 1), "correction": 0}, {"unbiased": False},
    {"dim": 1, "unbiased": False},
]  # fmt: skip
REDUCE_ARGS: list[dict[str, Any]] = [
    {},
    {"dim": 0},
    {"dim": -1, "keepdim": True},
    {"dim": (0, 1)},
    {"dim": (1,), "keepdim": True},
]

CASES = [
    *[Case(n, x) for n in [*UNARY_ANY, *TESTS] for x in (X, S, E)],
    *[Case(n, x) for n in UNARY_POSITIVE for x in (pos(3, 4), pos(), In(0, low=1))],
    *[Case(n, x) for n in ("absolute",) for x in (X,)],
    *[Case(n, a, b) for n in [*BINARY, *COMPARE] for a, b in BROADCASTS],
    *[Case(n, X, 1.5) for n in ["add", "sub", "mul", "div", "fmod", "remainder", *COMPARE[:6]]],
    *[Case(n, X, 2, only="method") for n in ["multiply", "subtract", "divide", "true_divide"]],
    Case("add", X, In(4), alpha=2.5), Case("sub", X, In(4), alpha=-1), Case("sub", X, 3.0, alpha=2),
    Case("div", X, pos(4), rounding_mode="floor"), Case("div", X, pos(4), rounding_mode="trunc"),
    Case("div", X, 0.7, rounding_mode="trunc"),
    *[Case("pow", pos(3, 4), b) for b in (0, 1, 2, 3, -1, 0.5, 2.5, -0.5, pos(4), In(3, 1))],
    *[Case("pow", X, b) for b in (0, 1, 2, 3, -1, -2)],
    Case("pow", 2.0, X, only="function"), Case("pow", 3, In(4), only="function"),
    *[Case("clamp", X, *a) for a in ((-0.5, 0.5), (None, 0.3), (0.1,), (0.5, -0.5), (In(4), In(3, 1)), (None, In(4)))],
    Case("clip", X, -0.5, 0.5, only="method"), Case("clamp", X, min=-1), Case("clamp", X, max=1),
    Case("lerp", X, In(4), 0.3), Case("lerp", X, In(3, 4), In(3, 1)),
    Case("addcmul", X, In(4), In(3, 1), value=0.5), Case("addcdiv", X, In(4), pos(3, 1), value=-2),
    *[Case(n, x, **a) for n in ("sum", "mean", "amax", "amin", "norm") for x in (X, B3) for a in REDUCE_ARGS],
    *[Case("logsumexp", x, **a) for x in (X, B3) for a in REDUCE_ARGS[1:]],
    *[Case("sum", x, **a) for x in (E, S) for a in ({}, {"dim": 0}, {"dim": -1, "keepdim": True})],
    Case("mean", S, dim=0), Case("sum", X, dim=[]), Case("sum", X, 1, True),
    *[Case(n, X, **a) for n in ("var", "std") for a in SPREAD_ARGS],
    *[Case("norm", X, p, **a) for p in (0, 1, 2, 3, 0.5, INF, -INF, -1) for a in ({}, {"dim": 1})],
    Case("norm", X, "fro"), Case("norm", In(3, 4), 2, 1, True),
    *[Case("prod", x, **a) for x in (X, B3, E, S) for a in ({}, {"dim": 0}, {"dim": -1, "keepdim": True})],
    *[Case(n, x) for n in ("max", "min") for x in (X, S, V)],
    *[Case(n, x, d, k) for n in ("max", "min") for x in (X, B3) for d in (0, -1) for k in (False, True)],
    Case("max", X, In(4)), Case("min", X, In(3, 4)), Case("max", S, 0), Case("min", V, dim=0),
    *[Case(n, x, **a) for n in ("argmax", "argmin") for x in (X, V) for a in REDUCE_ARGS[:3]],
    Case("argmax", S), Case("argmax", X, keepdim=True), Case("argmin", S, dim=0),
    *[Case(n, mask([[True, False], [True, True]]), **a) for n in ("any", "all") for a in REDUCE_ARGS],
    Case("any", X), Case("all", X, 1), Case("any", E), Case("all", E, 0),
    *[Case("cumsum", x, d) for x, d in ((X, 0), (X, -1), (B3, 1), (V, 0), (S, 0), (E, 1))],
    *[Case(n, x, d) for n in ("softmax", "log_softmax") for x, d in ((X, 0), (X, -1), (B3, 1), (V, 0), (S, 0), (E, 1))],
    *[Case("matmul", In(*a), In(*b)) for a, b in (
        ((3, 4), (4, 2)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 2)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)),
        ((3, 4), (2, 4, 5)), ((5, 1, 3, 4), (2, 4, 2)), ((2, 3, 4), (4,)), ((4,), (2, 4, 3)), ((3, 0), (0, 2)),
        ((0, 3), (3, 2)))],
    Case("mm", X, In(4, 2)), Case("bmm", In(2, 3, 4), In(2, 4, 2)), Case("mv", X, In(4)), Case("dot", V, In(5)),
    Case("outer", V, In(3)),
    Case("addmm", In(2), X, In(4, 2), beta=0.5, alpha=2.0), Case("addmm", In(3, 2), X, In(4, 2)),
    *[Case("reshape", X, s) for s in ((4, 3), (-1,), (2, -1, 2), (12,))], Case("reshape", S, ()),
    Case("reshape", S, (1, 1)), Case("reshape", E, (3, 0)),
    Case("view", X, 2, 6, only="method"), Case("view", X, -1, only="method"),
    *[Case("flatten", B3, *a) for a in ((), (1,), (0, 1), (-2, -1), (1, 1))], Case("flatten", S),
    Case("unflatten", X, 1, (2, -1)), Case("unflatten", B3, -1, (2, 2)),
    Case("permute", B3, (2, 0, 1)), Case("permute", B3, (-1, 0, 1)), Case("permute", S, ()),
    *[Case(n, B3, a, b) for n in ("transpose", "swapaxes", "swapdims") for a, b in ((0, 2), (-1, 1))],
    Case("transpose", S, 0, -1), Case("movedim", B3, 0, 2), Case("movedim", B3, (0, 1), (-1, 0)),
    Case("t", X, only="method"), Case("t", V, only="method"),
    *[Case("squeeze", In(1, 3, 1), *a) for a in ((), (0,), (1,), (-1,), ((0, 2),), ((0, 1),))], Case("squeeze", S),
    Case("squeeze", S, 0),
    *[Case("unsqueeze", X, d) for d in (0, 1, -1, -3)], Case("unsqueeze", S, 0),
    Case("expand", In(3, 1), 3, 4, only="method"), Case("expand", In(3, 1), 2, -1, 4, only="method"),
    Case("expand", S, 2, 2, only="method"),
    Case("broadcast_to", In(3, 1), (2, 3, 4)), Case("expand_as", In(3, 1), In(3, 4, grad=False), only="method"),
    Case("view_as", X, In(2, 6, grad=False), only="method"), Case("reshape_as", X, In(2, 6, grad=False), only="method"),
    Case("broadcast_tensors", In(3, 1), In(4), only="function"),
    Case("repeat", X, 2, 1, 3, only="method"), Case("repeat", V, 2, only="method"),
    Case("repeat", S, 2, only="method"), Case("repeat", X, 0, 2, only="method"),
    Case("tile", X, (2, 3)), Case("tile", B3, (2,)), Case("tile", V, (2, 2)),
    Case("flip", B3, (0, 2)), Case("flip", B3, (-1,)), Case("roll", X, 1), Case("roll", X, 2, 1),
    Case("roll", X, (1, -1), (0, 1)), Case("roll", V, -7, 0),
    Case("narrow", X, 1, 1, 2), Case("narrow", X, 0, -2, 1), Case("narrow", X, 0, 3, 0), Case("select", X, 1, -1),
    Case("select", B3, 0, 1),
    Case("split", X, 2, 1), Case("split", V, 2), Case("split", V, [1, 4]), Case("split", V, 7), Case("chunk", V, 3),
    Case("chunk", X, 4, 1), Case("chunk", V, 4),
    Case("unbind", X), Case("unbind", X, 1), Case("unbind", In(0, 2)),
    Case("cat", [X, In(2, 4)], only="function"), Case("cat", [X, In(3, 2), In(3, 0)], 1, only="function"),
    Case("cat", [V, In(0)], only="function"),
    Case("cat", [X, In(0)], only="function"), Case("concat", [V, V], only="function"),
    Case("concatenate", [V, V], -1, only="function"),
    Case("stack", [X, In(3, 4)], only="function"), Case("stack", [X, In(3, 4)], -1, only="function"),
    Case("stack", [S, In()], 0, only="function"),
    Case("gather", X, 1, idx([[0, 3, 3], [1, 1, 0]])), Case("gather", X, -2, idx([[2, 0], [0, 0]])),
    Case("gather", S, 0, idx(0)), Case("gather", V, 0, idx([])),
    Case("scatter_add", X, 1, idx([[0, 3, 3], [1, 1, 0]]), In(2, 3)),
    Case("scatter_add", X, 0, idx([[2, 0], [0, 0]]), In(3, 4, grad=False)),
    Case("scatter_add", V, 0, idx([]), In(0)),
    Case("index_select", X, 1, idx([3, 3, 0])), Case("index_select", X, 0, idx([])), Case("index_select", V, 0, idx(2)),
    Case("take_along_dim", X, idx([[0], [3], [1]]), 1), Case("take_along_dim", X, idx([[0, 1, 2, 0]]), 0),
    Case("masked_fill", X, mask([True, False, True, False]), 7.0),
    Case("masked_fill", X, mask([[True], [False], [True]]), S), Case("masked_fill", In(4), mask(np.eye(4)), 1.0),
    Case("masked_select", X, mask([True, False, True, False])), Case("masked_select", In(4), mask(np.eye(4))),
    Case("masked_select", S, mask(True)),
    Case("nonzero", In(values=[[0.0, 2.0], [3.0, 0.0]])), Case("nonzero", X, as_tuple=True), Case("nonzero", S),
    Case("nonzero", E),
    Case("where", mask([True, False, True, False]), X, In(3, 1), only="function"),
    Case("where", mask(True), X, 2.0, only="function"),
    Case("where", mask([[True], [False]]), 1.5, In(4), only="function"),
    Case("where", X, mask([True, False, True, False]), In(4), only="method"),
    *[Case(n, x, *a) for n in ("tril", "triu") for x in (X, B3) for a in ((), (1,), (-1,), (9,))],
    *[Case("diag", x, *a) for x in (X, V) for a in ((), (1,), (-2,))],
    Case("isclose", X, In(3, 4)),
    Case("isclose", In(values=[1.0, INF, NAN, 1.0]), In(values=[1 + 1e-9, INF, NAN, 2.0]), equal_nan=True),
    Case("clone", In(3, 4)), Case("contiguous", X, only="method"), Case("double", X, only="method"),
    Case("type_as", X, In(1, grad=False), only="method"),
    Case("detach", X, only="method"), Case("to", X, In(1, grad=False), only="method"),
    Case("new_zeros", X, 2, 3, only="method"), Case("new_ones", X, (2, 3), only="method"),
    Case("new_full", X, (2,), 5, only="method"), Case("new_tensor", X, [1, 2], only="method"),
    Case("zeros_like", X, only="function"), Case("ones_like", X, only="function"),
    Case("full_like", X, 3, only="function"),
]  # fmt: skip
