"""Step sizes that are a number, a vector or a positive semi-definite matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from ..errors import OptimizerError
from ..ops.broadcast import reshape
from ..ops.linalg import matmul
from .checks import at_least_zero, number

__all__ = ["along", "checked_rate"]


def along(rate: Any, direction: Any) -> Any:
    """The step eta * d: scaled by a number, element by element by a vector, or multiplied by a matrix.

    rate : number, (n,) or (n, n);  direction : any shape for a number, else (n,)  ->  the direction's shape
    """
    if getattr(rate, "ndim", 0) == 2:
        n = direction.shape[0]
        return reshape(matmul(rate, reshape(direction, shape=(n, 1))), shape=(n,))
    return rate * direction


def checked_rate(name: str, rate: Any, params: list[Tensor]) -> Any:
    """``rate`` if it is a number, else a tensor of its own in the dtype of ``params``, whose elements it covers.

    Raises:
        OptimizerError: it is negative or not finite, does not have a row for each element of the parameters, or is a
            matrix that is not symmetric positive semi-definite.
    """
    if number(rate) is not None:
        at_least_zero(name, {"lr": rate}, "lr")
        return rate
    if not isinstance(rate, (Tensor, np.ndarray)):
        raise OptimizerError(
            f"{name}: lr must be a number, a vector or a matrix (a tensor or an array), not {type(rate).__name__}"
        )
    dtypes = {p._value.dtype for p in params}
    if len(dtypes) > 1:
        raise OptimizerError(
            f"{name}: with a vector or matrix as lr the parameters of a group must have one dtype, here they have "
            f"{', '.join(sorted(str(d) for d in dtypes))}"
        )
    value = np.array(rate._value if isinstance(rate, Tensor) else rate)
    size = sum(p._value.size for p in params)
    if value.shape not in ((size,), (size, size)):
        raise OptimizerError(
            f"{name}: lr has shape {value.shape}, but the parameters of the group have {size} elements together; it "
            f"must be a number, a vector of {size} or a matrix of {size} x {size}"
        )
    if not np.all(np.isfinite(value)):
        raise OptimizerError(f"{name}: lr has entries that are NaN or infinite")
    if value.ndim == 1 and np.any(value < 0):
        i = int(np.argmin(value))
        raise OptimizerError(f"{name}: the entries of lr must not be negative, entry {i} is {value[i]}")
    if value.ndim == 2 and size:
        _check_semidefinite(name, value)
    return wrap(value.astype(dtypes.pop()))


def _check_semidefinite(name: str, matrix: Any) -> None:
    """Symmetric, and no eigenvalue below zero, both to the rounding of the matrix's dtype."""
    precision = np.finfo(matrix.dtype if matrix.dtype.kind == "f" else np.float64).eps
    exact = matrix.astype(np.float64)
    smallest = np.linalg.eigvalsh((exact + exact.T) / 2)[0]
    tolerance = 8 * len(matrix) * precision * np.max(np.abs(exact))
    skew = np.max(np.abs(exact - exact.T))
    if skew > tolerance:
        raise OptimizerError(
            f"{name}: the matrix lr is not symmetric (it differs from its transpose by up to {skew:.3g}; the smallest "
            f"eigenvalue of its symmetric part is {smallest:.6g}); pass (lr + lr.T) / 2 if the difference is rounding"
        )
    if smallest < -tolerance:
        raise OptimizerError(
            f"{name}: the matrix lr is not positive semi-definite: its smallest eigenvalue is {smallest:.6g}; along "
            "that direction the loss would rise"
        )
