"""Every public operation against PyTorch: values, dtypes, gradients and second derivatives in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import thalweg as tw

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

INF, NAN = math.inf, math.nan


class In:
    """One tensor argument: random numbers of a shape, or given values."""

    def __init__(
        self, *shape: int, low: float = -2.0, high: float = 2.0, values: Any = None, grad: bool = True
    ) -> None:
        self.shape, self.low, self.high, self.grad = shape, low, high, grad and values is None
        self.values = None if values is None else np.asarray(values)

    def array(self, rng: Any) -> Any:
        return rng.uniform(self.low, self.high, self.shape) if self.values is None else self.values


def pos(*shape: int) -> In:
    return In(*shape, low=0.2, high=3.0)


def idx(values: Any) -> In:
    return In(values=np.asarray(values, np.int64))


def mask(values: Any) -> In:
    return In(values=np.asarray(values, bool))


class Case:
    """A call of the function ``name`` and, where there is one, of the method of that name."""

    def __init__(self, name: str, *args: Any, only: str = "", **kwargs: Any) -> None:
        self.name, self.args, self.kwargs, self.only = name, args, kwargs, only

    def __str__(self) -> str:
        return f"{self.name}({', '.join([*map(_describe, self.args), *_dict(self.kwargs)])})"

    def forms(self) -> list[str]:
        forms = [
            f for f, has in (("function", hasattr(tw, self.name)), ("method", hasattr(tw.Tensor, self.name))) if has
        ]
        return [f for f in forms if not self.only or f == self.only]


def _dict(kwargs: Any) -> list[str]:
    return [f"{k}={v}" for k, v in kwargs.items()]


def _describe(a: Any) -> str:
    if isinstance(a, In):
        shape = a.shape if a.values is None else a.values.shape
        return "x".join(map(str, shape)) or "0d"
    return f"[{' '.join(map(_describe, a))}]" if isinstance(a, (list, tuple)) and a and isinstance(a[0], In) else str(a)


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

ELSEWHERE = {  # tested for themselves: creation, randomness, modes, information, in-place (test_inplace_oracle.py)
    "allclose", "arange", "as_tensor", "asarray", "backward", "bernoulli", "bitwise_and", "bitwise_not", "compile",
    "get_num_threads", "set_num_threads",
    "bitwise_or", "bitwise_xor",
    "bool", "cpu", "data_ptr", "dim", "dtype", "element_size", "empty", "empty_like", "enable_grad", "equal", "eye",
    "finfo", "float",
    "floor_divide", "from_numpy", "full", "get_default_dtype", "get_rng_state", "half", "iinfo", "inference_mode",
    "initial_seed", "int",
    "is_complex", "is_contiguous", "is_floating_point", "is_grad_enabled", "is_inference_mode_enabled", "is_tensor",
    "item", "linspace",
    "long", "manual_seed", "multinomial", "ndimension", "nelement", "new_empty", "no_grad", "normal", "numel",
    "numpy", "ones",
    "promote_types", "rand", "result_type", "rand_like", "randint", "randn", "randn_like", "randperm", "register_hook",
    "register_post_accumulate_grad_hook", "retain_grad", "seed", "set_default_dtype", "set_grad_enabled",
    "set_printoptions",
    "set_rng_state", "size", "stride", "tensor", "tolist", "type", "zeros",
}  # fmt: skip


def test_every_public_operation_is_compared():
    functions = {n for n in dir(tw) if callable(getattr(tw, n)) and n[0].islower() and hasattr(torch, n)}
    methods = {
        n
        for n in dir(tw.Tensor)
        if callable(getattr(tw.Tensor, n)) and n[0].islower() and not n.endswith("_") and hasattr(torch.Tensor, n)
    }
    assert not (functions | methods) - {c.name for c in CASES} - ELSEWHERE


def run(m: Any, case: Case, form: str, inputs: list[Any]) -> Any:
    """Call with tensors in the places of the In arguments."""
    tensors = iter(inputs)

    def place(a: Any) -> Any:
        if isinstance(a, In):
            return next(tensors)
        return [place(b) for b in a] if isinstance(a, list) and a and isinstance(a[0], In) else a

    args = [place(a) for a in case.args]
    kwargs = {k: place(v) for k, v in case.kwargs.items()}
    if form == "function":
        return getattr(m, case.name)(*args, **kwargs)
    return getattr(args[0], case.name)(*args[1:], **kwargs)


def slots(case: Case) -> list[In]:
    found: list[In] = []
    for a in case.args:
        found += [a] if isinstance(a, In) else [b for b in a if isinstance(b, In)] if isinstance(a, list) else []
    return found


def outputs(result: Any) -> list[Any]:
    return [r for r in (result if isinstance(result, (tuple, list)) else (result,)) if hasattr(r, "shape")]


def same(ours: Any, theirs: Any, what: str = "", tolerance: float = 1e-9) -> None:
    assert tuple(ours.shape) == tuple(theirs.shape), what
    assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1], what
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(force=True), rtol=tolerance, atol=tolerance, err_msg=what
    )


def transpose(x: Any) -> Any:
    """The same values with the axes in the opposite memory order."""
    axes = tuple(range(x.ndim))[::-1]
    return x.detach().permute(axes).contiguous().permute(axes)


def both(arrays: list[Any], case: Case, form: str, transposed: bool = False) -> tuple[Any, Any, Any, Any]:
    """(our inputs, our outputs, their inputs, their outputs)."""
    grads = [s.grad and a.dtype.kind == "f" for s, a in zip(slots(case), arrays, strict=True)]
    theirs = [torch.tensor(a, requires_grad=g) for a, g in zip(arrays, grads, strict=True)]
    mine = [tw.tensor(a, requires_grad=g) for a, g in zip(arrays, grads, strict=True)]
    if transposed:
        theirs = [transpose(t).requires_grad_(g) for t, g in zip(theirs, grads, strict=True)]
        mine = [transpose(t).requires_grad_(g) for t, g in zip(mine, grads, strict=True)]
    with np.errstate(all="ignore"):
        ours = outputs(run(tw, case, form, list(mine)))
    return mine, ours, theirs, outputs(run(torch, case, form, list(theirs)))


def weights(shape: Any, seed: int) -> Any:
    return np.asarray(np.random.default_rng(seed).uniform(0.5, 1.5, tuple(shape)))


def grads_of(m: Any, ys: list[Any], xs: list[Any], tensor: Any, seed: int, create_graph: bool) -> Any:
    cotangents = [tensor(weights(y.shape, seed + i)) for i, y in enumerate(ys)]
    return m.autograd.grad(ys, xs, cotangents, create_graph=create_graph, allow_unused=True)


def compare(case: Case, form: str, arrays: list[Any], transposed: bool = False, order: int = 2) -> None:
    mine, ours, theirs, expected = both(arrays, case, form, transposed)
    assert len(ours) == len(expected)
    for y, t in zip(ours, expected, strict=True):
        same(y, t, "value")
    pairs = [(y, t) for y, t in zip(ours, expected, strict=True) if t.requires_grad and t.grad_fn is not None]
    for y, _ in pairs:
        assert y.requires_grad, "no gradient"
    xs, ts = [x for x in mine if x.requires_grad], [t for t in theirs if t.requires_grad]
    ys, us = [p[0] for p in pairs], [p[1] for p in pairs]
    for level in range(1, order + 1):
        if not xs or not ys:
            return
        a = grads_of(tw, ys, xs, tw.tensor, 10 * level, level < order)
        b = grads_of(torch, us, ts, torch.tensor, 10 * level, level < order)
        for g, h in zip(a, b, strict=True):
            zeros = (
                torch.zeros(tuple(g.shape) if h is None else h.shape, dtype=torch.float64)
                if (g is not None or h is not None)
                else None
            )
            if zeros is not None:
                same(tw.tensor(zeros.numpy()) if g is None else g, zeros if h is None else h, f"derivative {level}")
        pairs = [
            (g, h)
            for g, h in zip(a, b, strict=True)
            if g is not None and h is not None and g.requires_grad and h.requires_grad
        ]
        ys, us = [p[0] for p in pairs], [p[1] for p in pairs]


PARAMETERS = [pytest.param(c, f, id=f"{c}-{f}") for c in CASES for f in c.forms()]


@pytest.mark.parametrize(("case", "form"), PARAMETERS)
def test_values_and_two_derivatives(case, form):
    rng = np.random.default_rng(len(str(case)))
    compare(case, form, [s.array(rng) for s in slots(case)])


@pytest.mark.parametrize("case", [c for c in CASES if c.name not in ("view", "view_as")], ids=str)
def test_other_memory_orders(case):
    rng = np.random.default_rng(len(str(case)))
    compare(case, case.forms()[0], [s.array(rng) for s in slots(case)], transposed=True, order=1)


# -- special values ---------------------------------------------------------------------------------------

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 1e-300, 1e300, -1e300, 0.5, -2.0])
SPECIAL_CASES = [c for c in CASES if c.name in {*UNARY_ANY, *UNARY_POSITIVE, *TESTS} and _describe(c.args[0]) == "3x4"]


@pytest.mark.parametrize("case", SPECIAL_CASES, ids=str)
def test_special_values_of_unary_functions(case):
    x = SPECIAL.reshape(3, 4)
    if case.name in ("abs", "sign"):  # PyTorch's sign of NaN is 0
        x = np.where(np.isnan(x), 1.0, x)
    compare(case, case.forms()[0], [x], order=1)


@pytest.mark.parametrize("name", [*BINARY, *COMPARE, "pow"])
def test_special_values_of_binary_functions(name):
    special = SPECIAL
    if name in ("fmod", "remainder"):  # PyTorch's vectorised code gives NaN beside infinite and huge values
        special = special[np.isfinite(special) & (abs(special) < 1e10)]
    a, b = (v.reshape(-1) for v in np.meshgrid(special, special))
    compare(Case(name, In(len(a)), In(len(b))), "function", [a, b], order=1)


# Ours: 0 for an infinite norm or logsumexp, the softmax without rounding at 1e300, the product of the others for prod.
GRADIENTS_DIFFER = {"logsumexp", "norm", "prod", "var"}
REDUCED = [
    "sum", "mean", "prod", "amax", "amin", "logsumexp", "norm", "argmax", "argmin", "var", "cumsum", "softmax",
    "log_softmax", "any", "all", "max", "min",
]  # fmt: skip
ROWS = [
    [1.0, NAN, 2.0], [INF, 1.0, 0.0], [-INF, INF, 0.0], [-INF, -INF, -INF], [0.0, 0.0, 0.0], [1e300, 1e300, -1e300],
    [1.0, 1.0, -1.0], [INF, INF, 1.0],
]  # fmt: skip


@pytest.mark.parametrize("name", REDUCED)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_special_values_of_reductions(name, row):
    case = Case(name, In(1, 3), 1 if name != "norm" else 2)
    compare(
        case, "function", [np.array([row])], order=0 if name in GRADIENTS_DIFFER and not np.all(np.abs(row) < 9) else 1
    )


# -- dtypes of results ------------------------------------------------------------------------------------

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
TYPED_UNARY = [
    *UNARY_ANY, *UNARY_POSITIVE, *TESTS, "bitwise_not", "sum", "mean", "prod", "amax", "amin", "max", "min",
    "argmax", "any", "all", "logsumexp", "norm", "var", "std",
]  # fmt: skip
TYPED_BINARY = [
    *BINARY, *COMPARE, "pow", "floor_divide", "bitwise_and", "bitwise_or", "bitwise_xor", "matmul", "dot", "max",
    "min", "isclose",
]  # fmt: skip


MORE_DTYPES = {"relu", "argmax", "norm", "isclose", "mean"}  # integers and booleans mean something here too
EXCEPTIONS = {("any", "uint8"), ("all", "uint8"), ("square", "bool")}  # PyTorch returns uint8, uint8 and int64


def outcome(m: Any, name: str, make: Any, *args: Any) -> Any:
    """The result, or the error."""
    try:
        with np.errstate(all="ignore"):
            extra = {"logsumexp": (0,), "norm": ()}.get(name, ())
            return getattr(m, name)(*(make(a) for a in args), *extra)
    except Exception as error:
        return error


def agree(name: str, *args: Any) -> None:
    ours, theirs = outcome(tw, name, tw.tensor, *args), outcome(torch, name, torch.tensor, *args)
    if isinstance(ours, Exception):
        assert isinstance(theirs, Exception), repr(ours)
        assert isinstance(ours, (RuntimeError, ZeroDivisionError)), repr(ours)
        return
    if isinstance(theirs, Exception):  # a kernel that PyTorch lacks is no reason to refuse
        assert isinstance(theirs, NotImplementedError) or name in MORE_DTYPES, (name, theirs)
        return
    assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1]
    tolerance = {"float16": 2e-3, "float32": 2e-6}.get(ours.dtype.name, 1e-9)
    np.testing.assert_allclose(ours.numpy().astype(float), theirs.numpy().astype(float), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", TYPED_UNARY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_of_unary_operations(name, dtype):
    if (name, dtype) in EXCEPTIONS:
        return
    agree(name, np.array([1, 2, 3, 0]).astype(dtype))


@pytest.mark.parametrize("name", TYPED_BINARY)
@pytest.mark.parametrize("a", DTYPES)
def test_dtypes_of_binary_operations(name, a):
    for b in DTYPES:
        agree(name, np.array([1, 2, 3, 4]).astype(a), np.array([2, 1, 3, 1]).astype(b))
