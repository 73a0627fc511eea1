"""Gradients by finite differences, for any optimiser that steps along gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ...core.modes import no_grad
from ...core.modes import state as modes
from ...core.tensor import Tensor, wrap
from ...errors import OptimizerError
from .base import as_cost

__all__ = ["finite_difference_gradients"]

NAME = "finite_difference_gradients"


@no_grad()
def finite_difference_gradients(
    closure: Callable[[], Any],
    params: Iterable[Tensor],
    step_size: float | None = None,
    method: str = "central",
) -> float:
    """Write gradients by finite differences into ``p.grad``, from costs alone; returns the cost at the parameters.

    "central": (f(x + h) - f(x - h)) / 2h for each element, 2 n + 1 evaluations, error of order h²;
    "forward": (f(x + h) - f(x)) / h, n + 1 evaluations, error of order h. Afterwards any optimiser can step; the
    parameters are as before. An element whose costs are not finite gets the gradient 0.

    Args:
        closure: computes the cost, a number or a tensor of one element; it runs without a tape.
        params: floating-point tensors.
        step_size: h, relative to max(1, |x|); if None ε^(1/3) for central and ε^(1/2) for forward differences, with the
            ε of the parameter's dtype: 0.005 and 0.0003 for float32, 6e-6 and 1.5e-8 for float64.
        method: "central" or "forward".

    Raises:
        OptimizerError: another method, a step size that is not positive, parameters that are not floating-point, a
            closure that returns no number.

    Reference: Nocedal and Wright (2006), Numerical Optimization, section 8.1.

    >>> import thalweg as tw
    >>> w = tw.tensor([3.0, -2.0], dtype=tw.float64, requires_grad=True)
    >>> tw.optim.finite_difference_gradients(lambda: (w**3).sum(), [w])
    19.0
    >>> w.grad
    tensor([27.0000, 12.0000], dtype=thalweg.float64)
    """
    params = list(params)
    check(params, step_size, method)
    here = as_cost(closure(), NAME)
    for p in params:
        value = p._value.copy()
        try:
            gradient = differences(closure, p, here, step_size, method)
        finally:
            p.copy_(wrap(value))
        p.grad = wrap(gradient.reshape(value.shape))
    return here


def check(params: list[Tensor], step_size: float | None, method: str) -> None:
    """Refuse what can't be differentiated so."""
    if modes.tracer is not None:
        raise modes.tracer.refuse(f"{NAME} can't run within a compiled function; compile the closure")
    if method not in ("central", "forward"):
        raise OptimizerError(f"{NAME}: method must be 'central' or 'forward', not {method!r}")
    if step_size is not None and not step_size > 0:
        raise OptimizerError(f"{NAME}: step_size must be above 0, got {step_size}")
    for p in params:
        if p._value.dtype.kind != "f":
            raise OptimizerError(f"{NAME}: the parameters must be floating-point, got one of {p.dtype}")


def differences(closure: Callable[[], Any], p: Tensor, here: float, step_size: float | None, method: str) -> Any:
    """The gradient by one parameter, in its dtype, one element after the other: (n,)."""
    value = p._value.copy().reshape(-1)
    gradient = np.zeros_like(value)
    root = 1 / 3 if method == "central" else 1 / 2
    relative = float(np.finfo(value.dtype).eps) ** root if step_size is None else step_size
    for i in range(value.size):
        h = relative * max(1.0, abs(float(value[i])))
        above, high = cost_with(closure, p, value, i, h)
        below, low = cost_with(closure, p, value, i, -h) if method == "central" else (float(value[i]), here)
        if np.isfinite(high) and np.isfinite(low) and above > below:
            gradient[i] = (high - low) / (above - below)
    return gradient


def cost_with(closure: Callable[[], Any], p: Tensor, value: Any, i: int, change: float) -> tuple[float, float]:
    """Element i as it is after a change, rounded to the dtype, and the cost then."""
    moved = value.copy()
    moved[i] += change
    p.copy_(wrap(moved.reshape(p._value.shape)))
    return float(moved[i]), as_cost(closure(), NAME)
