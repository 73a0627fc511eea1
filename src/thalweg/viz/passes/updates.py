"""How large the step of an optimiser would be, for each parameter, without taking it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap

__all__ = ["update_ratios"]


def update_ratios(gradients: Mapping[Tensor, Any], optimizer: Any, lr: float) -> dict[Tensor, float]:
    """For each parameter |update| / |weight| of the step of ``optimizer``, or of ``lr`` times the gradient.

    The optimiser and all parameters are afterwards as they were, bit for bit.
    """
    if optimizer is None:
        return {p: _ratio(lr * dp, p._value) for p, dp in gradients.items()}
    before = {p: p._value.copy() for p in gradients}
    with _restored(optimizer):
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad = wrap(gradients[p].copy()) if p in gradients else None
        optimizer.step()
        return {p: _ratio(p._value - old, old) for p, old in before.items()}


def _ratio(update: Any, weight: Any) -> float:
    size = float(np.linalg.norm(np.asarray(weight, np.float64)))
    step = float(np.linalg.norm(np.asarray(update, np.float64)))
    return step / size if size else (0.0 if step == 0 else float("inf"))


@contextmanager
def _restored(optimizer: Any) -> Iterator[None]:
    """Within it the optimiser may step; then its parameters, their gradients and its state are as before."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    values = [p._value.copy() for p in params]
    grads = [p._grad for p in params]
    state = copy.deepcopy(optimizer.state_dict())
    try:
        yield
    finally:
        for p, value, grad in zip(params, values, grads, strict=True):
            p._value[...] = value
            p._grad = grad
        optimizer.load_state_dict(state)
