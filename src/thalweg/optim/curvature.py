"""A loss or its residuals at one point, with products by the Hessian and the Jacobian: all from one graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.gradient import grad
from ..core.modes import enable_grad
from ..core.tensor import Tensor, wrap
from ..errors import OptimizerError
from ..ops.creation import zeros_like
from ..ops.shaping import reshape
from .flat import flattened

__all__ = ["LossAtPoint", "ResidualAtPoint", "columns", "trainable"]

FLOAT64 = np.float64


def trainable(name: str, groups: Sequence[dict[str, Any]]) -> list[Tensor]:
    """The parameters of the only group that want a gradient."""
    if len(groups) != 1:
        raise OptimizerError(f"{name}: takes one group of parameters; its options can't differ between them")
    params = [p for p in groups[0]["params"] if p.requires_grad]
    if not params:
        raise OptimizerError(f"{name}: none of the parameters requires a gradient; set requires_grad on some")
    return params


def columns(product: Any, count: int) -> Any:
    """The matrix of a linear map, product(v) : (count,) -> (rows,), column by column: (rows, count)."""
    return np.stack([product(column) for column in np.eye(count)], axis=1)


def _finite(name: str, gradient: Any) -> Any:
    """The gradient in float64."""
    if not np.all(np.isfinite(gradient)):
        raise OptimizerError(f"{name}: the gradient is not finite at the present parameters; start from others")
    return gradient.astype(FLOAT64)


class LossAtPoint:
    """A loss, its gradient g and its Hessian H at the present parameters, all in float64.

    Args:
        name: who asks, for messages.
        loss: a tensor of one element, with the graph that leads to the parameters.
        params: n elements in all.

    H v is the gradient of g . v (Pearlmutter 1994, Fast exact multiplication by the Hessian), one walk through the
    graph of g; H itself takes n of them. What the loss does not depend on has derivative 0.

    Attributes:
        loss: a number.
        gradient: (n,)

    Raises:
        OptimizerError: the loss is not one finite number, or has no graph.
    """

    def __init__(self, name: str, loss: Any, params: Sequence[Tensor]) -> None:
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise OptimizerError(f"{name}: the closure must return the loss, a tensor of one element, got {loss!r}")
        if not loss.requires_grad:
            raise OptimizerError(
                f"{name}: the loss that the closure returned has no graph; don't call backward or detach in the closure"
            )
        self.loss = loss.item()
        if not np.isfinite(self.loss):
            raise OptimizerError(f"{name}: the loss is {self.loss} at the present parameters; start from others")
        self._params = params
        with enable_grad():
            self._slope = flattened(grad(loss, params, create_graph=True, materialize_grads=True))  # type: ignore[arg-type]
        self.gradient = _finite(name, self._slope._value)

    def product(self, vector: Any) -> Any:
        """H v: (n,) -> (n,)."""
        if not self._slope.requires_grad:  # the loss is linear
            return np.zeros_like(self.gradient)
        cotangent = wrap(vector).to(self._slope.dtype)
        found = grad(self._slope, self._params, cotangent, retain_graph=True, materialize_grads=True)
        return flattened(found)._value.astype(FLOAT64)  # type: ignore[arg-type]

    def hessian(self) -> Any:
        """H, symmetric: (n, n)."""
        matrix = columns(self.product, len(self.gradient))
        return (matrix + matrix.T) / 2


class ResidualAtPoint:
    """Residuals r, their Jacobian J, and the loss 1/2 |r|^2 at the present parameters, all in float64.

    Args:
        name: who asks, for messages.
        residual: a tensor of m elements, with the graph that leads to the parameters.
        params: n elements in all.

    J^T u is one walk through the graph. J v comes from two: J^T u is linear in u, and v . J^T u has the gradient J v
    by u (Townsend 2017, A new trick for calculating Jacobian vector products); the first walk is kept.

    Attributes:
        loss: a number.
        gradient: J^T r, (n,)

    Raises:
        OptimizerError: the residuals are not finite, or have no graph.
    """

    def __init__(self, name: str, residual: Any, params: Sequence[Tensor]) -> None:
        if not isinstance(residual, Tensor) or not residual.requires_grad:
            raise OptimizerError(
                f"{name}: the closure must return the residuals, a tensor with a graph to the parameters"
            )
        self._residual = reshape(residual, -1)
        values = self._residual._value.astype(FLOAT64)
        self.loss = float(values @ values) / 2
        if not np.isfinite(self.loss):
            raise OptimizerError(f"{name}: a residual is not finite at the present parameters; start from others")
        self._params, self.values = params, values
        with enable_grad():
            self._cotangent = zeros_like(self._residual).requires_grad_()
            pulled = grad(self._residual, params, self._cotangent, create_graph=True, materialize_grads=True)
            self._pulled = flattened(pulled)  # type: ignore[arg-type]
        self.gradient = _finite(name, self.transposed_product(values))

    def transposed_product(self, vector: Any) -> Any:
        """J^T u: (m,) -> (n,)."""
        cotangent = wrap(vector).to(self._residual.dtype)
        found = grad(self._residual, self._params, cotangent, retain_graph=True, materialize_grads=True)
        return flattened(found)._value.astype(FLOAT64)  # type: ignore[arg-type]

    def product(self, vector: Any) -> Any:
        """J v: (n,) -> (m,)."""
        if not self._pulled.requires_grad:  # the residuals do not depend on the parameters
            return np.zeros_like(self.values)
        weights = wrap(vector).to(self._pulled.dtype)
        (found,) = grad(self._pulled, [self._cotangent], weights, retain_graph=True)
        assert found is not None
        return found._value.astype(FLOAT64)

    def jacobian(self) -> Any:
        """J, by rows or by columns, whichever are fewer: (m, n)."""
        rows, count = len(self.values), len(self.gradient)
        if rows <= count:
            return columns(self.transposed_product, rows).T
        return columns(self.product, count)
