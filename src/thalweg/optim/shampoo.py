"""Shampoo: a matrix for each axis of a parameter, learnt from its gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..errors import OptimizerError
from ..ops.broadcast import reshape, sum_
from ..ops.elementwise import sqrt
from ..ops.linalg import matmul, transpose_last
from .building import Hyper, State, decayed
from .checks import at_least_zero
from .optimizer import Group
from .rule import RuleOptimizer

__all__ = ["Shampoo", "inverse_root", "shampoo"]

AXES = 6  # a parameter has no more
STATISTICS = tuple(f"statistics_{axis}" for axis in range(AXES))


def inverse_root(matrix: Any, order: int, steps: int) -> Any:
    """A^(-1/p) of a symmetric positive definite matrix by products only, so that it can be compiled.

    matrix : (n, n)  ->  (n, n);  order : p, a power of 2 times 1 or 3

    Newton's iteration X <- X T, M <- T^p M with T = ((p + 1) I - M) / p, started from X = z^(1/p) I and M = z A,
    where z = (p + 1) / (2 |A|), keeps X^p A = M and takes M to I. An eigenvalue of M far below 1 grows by
    ((p + 1) / p)^p, at least 2.25, in each step: 25 are enough for the condition 1e6. After fewer, X is smaller than
    the root there, never larger. A gets 16 roundings of |A| on its diagonal, or rounding might leave it indefinite.

    Source: Iannazzo (2006), On the Newton method for the matrix pth root.
    """
    n, p = matrix.shape[0], order
    identity = np.eye(n, dtype=matrix.dtype)
    size = sqrt(sum_(matrix * matrix, dims=(0, 1), keepdim=True))
    scale = (p + 1) / 2 / size
    ridge = 8 * (p + 1) * float(np.finfo(matrix.dtype).eps)
    x, m = scale ** (1 / p) * identity, scale * matrix + ridge * identity
    for _ in range(steps):
        t = m * (-1 / p) + (p + 1) / p * identity
        x = matmul(x, t)
        m = matmul(_power(t, p), m)
    return x


def _power(matrix: Any, exponent: int) -> Any:
    """The matrix to a power of at least 1, by squaring."""
    if exponent == 1:
        return matrix
    half = _power(matrix, exponent // 2)
    square = matmul(half, half)
    return matmul(square, matrix) if exponent % 2 else square


def shampoo(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The rule of ``Shampoo``.

    After each axis the array is transposed so that the next one comes first; after the last it is as it was.
    """
    direction = decayed(gradient, parameter, hyper)
    shape = gradient.shape
    known = [name for name in STATISTICS if state.get(name) is not None]
    new: State = {}
    rows, preconditioned = direction, direction
    for axis, (name, length) in enumerate(zip(STATISTICS, shape, strict=False)):
        rows = reshape(rows, shape=(length, math.prod(shape[:axis] + shape[axis + 1 :])))
        preconditioned = reshape(preconditioned, shape=rows.shape)
        if name in known:
            new[name] = state[name] + matmul(rows, transpose_last(rows))
            root = inverse_root(new[name], 2 * len(known), hyper["root_steps"])
            preconditioned = matmul(root, preconditioned)
        rows, preconditioned = transpose_last(rows), transpose_last(preconditioned)
    preconditioned = reshape(preconditioned, shape=shape)
    new["momentum_buffer"] = hyper["momentum"] * state["momentum_buffer"] + preconditioned
    return hyper["lr"] * new["momentum_buffer"], new


class Shampoo(RuleOptimizer):
    """Shampoo: the gradient, multiplied along every axis by an inverse root of what gradients did along it.

    For a matrix with the gradient G, and step size eta, momentum mu and weight decay lambda::

        G <- G + lambda w
        L <- L + G G^T,  R <- R + G^T G             (both start as eps I)
        b <- mu b + L^(-1/4) G R^(-1/4)
        w <- w - eta b

    A parameter with k axes has k such matrices, and their roots have the exponent -1/(2k); a vector gets the full
    matrix of Adagrad. As if the step size were a matrix over all elements, the Kronecker product of the roots, at the
    price of one matrix for each axis.

    Args:
        params: tensors of up to 6 axes, named tensors, or groups of them; see ``Optimizer``.
        lr: eta, at least 0.
        momentum: mu, at least 0.
        weight_decay: lambda, at least 0; it is part of the gradient.
        eps: the matrices at the start, above 0.
        max_size: axes longer than this get no matrix; k counts the others.
        root_steps: Newton iterations for a root, of 3 to 6 matrix products; see ``inverse_root``.
        maximize: ascend.

    The roots are made anew in each step, by matrix products only, in eager as under ``tw.compile``. The source makes
    them from eigenvalues, every 20 to 100 steps.

    Raises:
        OptimizerError: an option out of range, or a parameter of more than 6 axes.

    Source: Gupta, Koren and Singer (2018), Shampoo: preconditioned stochastic tensor optimization.

    >>> import thalweg as tw
    >>> w = tw.zeros(2, 2, requires_grad=True)
    >>> optimizer = tw.optim.Shampoo([w], lr=1.0, eps=1e-6)
    >>> w.grad = tw.tensor([[0.0, -10.0], [2.0, 0.0]])
    >>> optimizer.step()  # the first step has all singular values 1, as Muon's
    >>> w
    tensor([[ 0.0000,  1.0000],
            [-1.0000,  0.0000]], requires_grad=True)
    """

    rule = staticmethod(shampoo)
    arrays = ("momentum_buffer", *STATISTICS)
    elementwise = False
    not_negative = ("lr", "momentum", "weight_decay", "eps")

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-1,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        eps: float = 1e-4,
        max_size: int = 1024,
        root_steps: int = 30,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr, "momentum": momentum, "weight_decay": weight_decay, "eps": eps, "max_size": max_size,
                "root_steps": root_steps, "maximize": maximize,
            },
        )  # fmt: skip

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        at_least_zero("Shampoo", options, "max_size")
        if options["eps"] == 0:
            raise OptimizerError("Shampoo: eps must be above 0, or the first gradients have no inverse root")
        steps = options["root_steps"]
        if not isinstance(steps, int) or not 1 <= steps <= 100:
            raise OptimizerError(f"Shampoo: root_steps must be an integer from 1 to 100, got {steps!r}")

    def _check_group(self, group: Group) -> None:
        super()._check_group(group)
        for i, p in enumerate(group["params"]):
            if p._value.ndim > AXES:
                raise OptimizerError(f"Shampoo: parameter {i} has {p._value.ndim} axes, at most {AXES} are possible")

    def initial_state(self, value: Any, group: Group) -> State:
        state: State = {"momentum_buffer": np.zeros_like(value)}
        for name, length in zip(STATISTICS, value.shape, strict=False):
            if 0 < length <= group["max_size"]:
                state[name] = group["eps"] * np.eye(length, dtype=value.dtype)
        return state

    def _check_state(self, entry: dict[str, Any], p: Tensor, owner: str) -> None:
        shapes: dict[str, tuple[int, ...]] = {
            name: (length, length) for name, length in zip(STATISTICS, p.shape, strict=False)
        }
        shapes["momentum_buffer"] = tuple(p.shape)
        for name, value in entry.items():
            if name in self.arrays and tuple(getattr(value, "shape", ())) != shapes.get(name):
                raise OptimizerError(
                    f"Shampoo: {name} of {owner} has shape {tuple(getattr(value, 'shape', ()))}, expected "
                    f"{shapes.get(name)}"
                )
