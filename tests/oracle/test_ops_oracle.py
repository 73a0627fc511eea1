"""Special values and dtypes of operations against PyTorch; their ordinary values are in cases_ops.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import thalweg as tw

from .cases_ops import BINARY, CASES, COMPARE, TESTS, UNARY_ANY, UNARY_POSITIVE
from .harness import Case, In, compare

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle

INF, NAN = math.inf, math.nan

# -- special values ---------------------------------------------------------------------------------------

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 1e-300, 1e300, -1e300, 0.5, -2.0])
SPECIAL_CASES = [c for c in CASES if c.name in {*UNARY_ANY, *UNARY_POSITIVE, *TESTS} and str(c.args[0]) == "3x4"]


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
    "acos", "acosh", "asin", "asinh", "atan", "atanh", "cosh", "deg2rad", "digamma", "erfc", "erfinv", "exp2", "frac",
    "i0", "isneginf", "isposinf", "isreal", "lgamma", "logit", "nan_to_num", "positive", "rad2deg", "sgn", "signbit",
    "sinc", "sinh", "median", "nansum", "nanmean", "count_nonzero", "msort", "ravel",
    "argsort", "unique", "diff", "angle", "nanmedian", "histc", "bincount", "argwhere", "cov", "corrcoef", "vander",
]  # fmt: skip
TYPED_BINARY = [
    *BINARY, *COMPARE, "pow", "floor_divide", "bitwise_and", "bitwise_or", "bitwise_xor", "matmul", "dot", "max",
    "min", "isclose", "copysign", "hypot", "logaddexp", "logaddexp2", "xlogy", "fmax", "fmin", "gcd", "lcm",
    "bitwise_left_shift", "bitwise_right_shift", "float_power", "ldexp", "nextafter", "heaviside", "inner", "outer",
    "kron", "dist", "isin", "rsub", "true_divide", "clamp_min", "clamp_max", "vdot",
]  # fmt: skip


MORE_DTYPES = {
    "relu",
    "argmax",
    "norm",
    "isclose",
    "mean",
    "isin",
    "dist",
}  # integers and booleans mean something here too
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
