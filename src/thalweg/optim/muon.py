"""Muon: momentum whose singular values are all brought near 1."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import OptimizerError
from ..ops.broadcast import sum_
from ..ops.elementwise import maximum, sqrt
from ..ops.linalg import matmul, transpose_last
from .building import Hyper, State, average
from .checks import number
from .optimizer import Group
from .rule import RuleOptimizer

__all__ = ["Muon", "muon", "orthogonalized"]


def orthogonalized(matrix: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """The factor U V^T of the matrix's singular value decomposition U S V^T, roughly.

    matrix : (n, m)  ->  (n, m), its singular values between 0.7 and 1.2 with the usual coefficients (a, b, c)

    After scaling to Frobenius norm 1, each step X <- a X + (b A + c A^2) X with A = X X^T applies the polynomial
    a s + b s^3 + c s^5 to every singular value s: a Newton-Schulz iteration with a steep slope at 0.
    """
    a, b, c = coefficients
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else transpose_last(matrix)  # so that A is the smaller of the two products
    x = x / maximum(sqrt(sum_(x * x, dims=(0, 1), keepdim=True)), eps)
    for _ in range(steps):
        gram = matmul(x, transpose_last(x))
        x = a * x + matmul(b * gram + c * matmul(gram, gram), x)
    return x if wide else transpose_last(x)


def adjusted(lr: Any, how: str | None, shape: tuple[int, ...]) -> Any:
    """The learning rate of the orthogonal step for a matrix of n rows and m columns."""
    n, m = shape
    if how == "match_rms_adamw":
        return lr * (0.2 * math.sqrt(max(n, m)))
    return lr * math.sqrt(max(1.0, n / m))


def muon(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The rule of ``Muon``."""
    lr, momentum = hyper["lr"], hyper["momentum"]
    buffer = average(state["momentum_buffer"], gradient, momentum)
    direction = average(buffer, gradient, momentum) if hyper["nesterov"] else buffer
    step = orthogonalized(direction, hyper["ns_coefficients"], hyper["ns_steps"], hyper["eps"])
    change = adjusted(lr, hyper["adjust_lr_fn"], gradient.shape) * step
    return change + lr * hyper["weight_decay"] * parameter, {"momentum_buffer": buffer}


class Muon(RuleOptimizer):
    """Muon: for weight matrices, a step along the orthogonal factor of the momentum.

    With momentum mu and weight decay lambda::

        b <- mu b + (1 - mu) g
        d = mu b + (1 - mu) g              (without nesterov: d = b)
        w <- w - lr lambda w - lr' NS(d)

    where NS is ``ns_steps`` Newton-Schulz iterations towards U V^T, d = U S V^T. It is meant for the matrices of
    hidden layers; give biases, embeddings and the last layer to AdamW.

    Args:
        params: tensors of two dimensions, named tensors, or groups of them; see ``Optimizer``.
        lr: the step size, a number at least 0.
        weight_decay: lambda, decoupled from the gradient.
        momentum: mu, at least 0.
        nesterov: look ahead along the momentum.
        ns_coefficients: the polynomial (a, b, c) of the iteration.
        eps: the least norm that d is divided by.
        ns_steps: the number of iterations, below 100.
        adjust_lr_fn: "original" (or None): lr' = lr sqrt(max(1, rows / columns)), so that updates of all shapes
            change outputs alike; "match_rms_adamw": lr' = 0.2 lr sqrt(max(rows, columns)), the size of AdamW's steps.

    The iteration runs in the dtype of the parameter; PyTorch runs it in bfloat16, to about two digits.

    Raises:
        OptimizerError: an option out of range, or a parameter that is no matrix.

    Source: Jordan et al. (2024), Muon: an optimizer for hidden layers in neural networks; Liu et al. (2025), Muon is
    scalable for LLM training, for "match_rms_adamw".

    >>> import thalweg as tw
    >>> w = tw.zeros(2, 2, requires_grad=True)
    >>> optimizer = tw.optim.Muon([w], lr=0.5, ns_coefficients=(2.0, -1.5, 0.5), ns_steps=12)
    >>> w.grad = tw.tensor([[0.0, -10.0], [2.0, 0.0]])
    >>> optimizer.step()  # with these coefficients the iteration converges: both singular values become 1
    >>> w
    tensor([[ 0.0000,  0.5000],
            [-0.5000,  0.0000]], requires_grad=True)
    """

    rule = staticmethod(muon)
    arrays = ("momentum_buffer",)
    elementwise = False
    not_negative = ("lr", "weight_decay", "momentum", "eps")

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
                "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn,
            },
        )  # fmt: skip

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        coefficients, steps, how = options["ns_coefficients"], options["ns_steps"], options["adjust_lr_fn"]
        if len(coefficients) != 3 or any(number(c) is None for c in coefficients):
            raise OptimizerError(f"Muon: ns_coefficients must be three numbers, got {coefficients!r}")
        if not isinstance(steps, int) or not 0 <= steps < 100:
            raise OptimizerError(f"Muon: ns_steps must be an integer from 0 to 99, got {steps!r}")
        if how not in (None, "original", "match_rms_adamw"):
            raise OptimizerError(f'Muon: adjust_lr_fn must be None, "original" or "match_rms_adamw", got {how!r}')

    def _check_group(self, group: Group) -> None:
        super()._check_group(group)
        for i, p in enumerate(group["params"]):
            if p._value.ndim != 2:
                raise OptimizerError(
                    f"Muon: parameter {i} has shape {tuple(p.shape)}; only matrices (two dimensions) can be "
                    "orthogonalised, give others to another optimiser"
                )
