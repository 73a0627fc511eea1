"""Corner cases made from the ordinary cases: special values, empty and 0-d tensors, other dtypes.

Every case of a function whose tensors are random is run again with these in the place of the random numbers, and the
two libraries must agree on values, dtypes, first derivatives, and on which error is raised.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import thalweg as tw

from .differing import NOT_INTEGER, NOT_SPECIAL, NOT_TYPED
from .harness import Case, In, all_cases, compare_results, outputs, same, tensors_of

INF, NAN = float("inf"), float("nan")
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 1e-300, 1e300, -1e300, 0.5, -2.0])
ONE_STRANGE = [NAN, INF, -INF, 0.0, 1e300, 1e-300]
DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
AREAS = ("ops", "pointwise", "reductions", "activations", "losses")  # functions of the elements, and reductions
ERRORS = (RuntimeError, TypeError, ValueError, IndexError, ZeroDivisionError, AttributeError)


def random_slots(case: Case) -> list[In]:
    return [s for s in case.slots() if s.grad]


def plain_cases(*areas: str) -> list[Case]:
    """The cases of functions with random tensors, of some areas or of all."""
    return [c for c in all_cases(*areas) if type(c) is Case and random_slots(c) and not c.name.startswith("nn.utils")]


def filled(case: Case, fill: Any) -> list[Any]:
    """The arrays of a case, the random ones made by ``fill(shape)``."""
    rng = np.random.default_rng(0)
    return [fill(s.shape) if s.grad else s.array(rng) for s in case.slots()]


def outcome(library: Any, case: Case, form: str, arrays: list[Any]) -> tuple[list[Any], Any]:
    """The tensors that were given, and the outputs or the error."""
    tensors = tensors_of(library, case, arrays, False)
    try:
        with np.errstate(all="ignore"):
            return tensors, case.run(library, form, list(tensors))
    except ERRORS as error:
        return tensors, error


def kind_of(error: Exception) -> type[Exception]:
    return next(c for c in ERRORS if isinstance(error, c))


def agree(case: Case, arrays: list[Any], order: int, tolerance: float = 1e-9) -> None:
    """Equal results and derivatives, or errors of one class."""
    import torch

    (mine, ours), (given, theirs) = (outcome(m, case, case.forms()[0], arrays) for m in (tw, torch))
    if isinstance(theirs, Exception):
        lacking = isinstance(theirs, NotImplementedError) or "not implemented" in str(theirs)
        if not lacking:
            assert isinstance(ours, Exception), f"PyTorch: {theirs!r}"
            assert isinstance(ours, kind_of(theirs)), f"{ours!r} for {theirs!r}"
        return
    if isinstance(ours, Exception):
        raise ours
    ys, ts = outputs(ours), outputs(theirs)
    if order and all(a.dtype == np.float64 for a in arrays if a.dtype.kind == "f"):
        with np.errstate(all="ignore"):
            compare_results(ys, ts, mine, given, order, tolerance)
        return
    assert len(ys) == len(ts)
    for y, t in zip(ys, ts, strict=True):
        same(y, t, "value", tolerance)


def special_names() -> dict[str, str]:
    """The functions that are compared at special values: "yes", or "differs" where thalweg means to differ."""
    return {c.name: "differs" if c.name in NOT_SPECIAL else "yes" for c in plain_cases(*AREAS)}


def typed_names() -> dict[str, str]:
    """The functions that are compared in other dtypes: "yes", "floats" of those, or "differs"."""
    names = [c.name for c in plain_cases()]
    return {n: "differs" if n in NOT_TYPED else "floats" if n in NOT_INTEGER else "yes" for n in names}


def slope(library: Any, case: Case, x: Any) -> Any:
    """The derivatives of a function of the elements at ``x``, or None if it is not one or has none."""
    (tensor,), y = outcome(library, case, case.forms()[0], [x])
    if not hasattr(y, "requires_grad") or not y.requires_grad or tuple(y.shape) != x.shape:
        return None
    with np.errstate(all="ignore"):
        (dx,) = library.autograd.grad(y, tensor, library.ones(x.shape, dtype=library.float64), allow_unused=True)
    return np.zeros(x.shape) if dx is None else np.asarray(dx + 0)


def agree_in_slope(case: Case, x: Any, tolerance: float = 1e-9) -> None:
    """Equal derivatives of a function of the elements, but at NaN, where PyTorch's is NaN, and at infinite jumps."""
    import torch

    theirs = slope(torch, case, x)
    if theirs is not None:
        told = ~np.isnan(x) & ~np.isnan(theirs) & ~((x == 0) & np.isinf(theirs))
        ours = slope(tw, case, x)[told]
        np.testing.assert_allclose(ours, theirs[told], rtol=tolerance, atol=tolerance, err_msg=str(x[told]))
