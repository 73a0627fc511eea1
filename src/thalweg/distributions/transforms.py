"""Invertible functions with the logarithm of their derivative, of which new distributions are made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core.tensor import Tensor
from ..errors import ArgumentError
from ..nn.functional import softplus
from ..ops.creation import full_like
from ..ops.elementwise import abs_, exp, expm1, log, log1p, sigmoid, sign, tanh
from .parameters import inside

__all__ = [
    "AffineTransform", "ComposeTransform", "ExpTransform", "PowerTransform", "SigmoidTransform", "SoftplusTransform",
    "TanhTransform", "Transform",
]  # fmt: skip


class Transform:
    """An invertible function: ``t(x)``, its inverse ``t.inv``, and ``t.log_abs_det_jacobian(x, y)`` = log|dy/dx|.

    One of your own defines ``_call``, ``_inverse`` and ``log_abs_det_jacobian``. ``event_dim`` says of how many of
    the last axes it is a function at once; over these the logarithm is summed. ``cache_size`` has no effect.
    """

    bijective = True
    sign: Any = 1  # of the slope, for functions of one number
    event_dim = 0

    def __init__(self, cache_size: int = 0) -> None:
        pass

    def __call__(self, x: Tensor) -> Tensor:
        return self._call(x)

    @property
    def inv(self) -> Transform:
        """The inverse, as a transform."""
        return _Inverse(self)

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no _call")

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no _inverse")

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log|dy/dx| at x, where y = t(x)."""
        raise NotImplementedError(f"{type(self).__name__} has no log_abs_det_jacobian")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Inverse(Transform):
    """The inverse of a transform."""

    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self._transform = transform
        self.event_dim, self.sign, self.bijective = transform.event_dim, transform.sign, transform.bijective

    @property
    def inv(self) -> Transform:
        return self._transform

    def _call(self, x: Tensor) -> Tensor:
        return self._transform._inverse(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self._transform._call(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._transform.log_abs_det_jacobian(y, x)

    def __repr__(self) -> str:
        return f"{self._transform!r}.inv"


class AffineTransform(Transform):
    """loc + scale x.

    >>> import thalweg as tw
    >>> t = tw.distributions.AffineTransform(1.0, -2.0)
    >>> t(tw.tensor(3.0)), t.inv(tw.tensor(-5.0)), t.log_abs_det_jacobian(tw.tensor(3.0), tw.tensor(-5.0))
    (tensor(-5.), tensor(3.), tensor(0.6931))
    """

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc, self.scale, self.event_dim = loc, scale, event_dim

    @property
    def sign(self) -> Any:
        """The sign of the slope."""
        return sign(self.scale) if isinstance(self.scale, Tensor) else math.copysign(1, self.scale)

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        scale = self.scale
        slope = log(abs_(scale)) + 0 * x if isinstance(scale, Tensor) else full_like(x, math.log(abs(scale)))
        return summed(slope, self.event_dim)


class ExpTransform(Transform):
    """exp(x)."""

    def _call(self, x: Tensor) -> Tensor:
        return exp(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return log(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class PowerTransform(Transform):
    """x^exponent, for positive x."""

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.exponent = exponent

    @property
    def sign(self) -> Any:
        """The sign of the slope."""
        return sign(self.exponent) if isinstance(self.exponent, Tensor) else math.copysign(1, self.exponent)

    def _call(self, x: Tensor) -> Tensor:
        return x**self.exponent

    def _inverse(self, y: Tensor) -> Tensor:
        return y ** (1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return log(abs_(self.exponent * y / x))


class SigmoidTransform(Transform):
    """1 / (1 + exp(-x))."""

    def _call(self, x: Tensor) -> Tensor:
        return inside(sigmoid(x))

    def _inverse(self, y: Tensor) -> Tensor:
        y = inside(y)
        return log(y) - log1p(-y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x) - softplus(x)


class TanhTransform(Transform):
    """tanh(x)."""

    def _call(self, x: Tensor) -> Tensor:
        return tanh(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (log1p(y) - log1p(-y)) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return 2 * (math.log(2) - x - softplus(-2 * x))  # log(1 - tanh(x)²), also where tanh(x) rounds to 1


class SoftplusTransform(Transform):
    """log(1 + exp(x))."""

    def _call(self, x: Tensor) -> Tensor:
        return softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return y + log(-expm1(-y))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x)


class ComposeTransform(Transform):
    """Several transforms after one another, the first of ``parts`` first.

    Raises:
        ArgumentError: ``parts`` is empty.
    """

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        if not parts:
            raise ArgumentError("ComposeTransform: there must be at least one transform")
        self.parts = list(parts)
        self.event_dim = max(part.event_dim for part in parts)
        self.bijective = all(part.bijective for part in parts)

    @property
    def sign(self) -> Any:
        """The sign of the slope."""
        return math.prod(part.sign for part in self.parts)

    def _call(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def _inverse(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part._inverse(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        total: Any = 0
        for part in self.parts:
            after = part(x)
            total = total + summed(part.log_abs_det_jacobian(x, after), self.event_dim - part.event_dim)
            x = after
        return total

    def __repr__(self) -> str:
        return f"ComposeTransform({self.parts})"


def summed(x: Tensor, axes: int) -> Tensor:
    """``x`` added up over its last axes."""
    return x.sum(tuple(range(-axes, 0))) if axes else x
