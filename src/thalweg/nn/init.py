"""Initialisations: each fills a tensor in place, without recording it, and returns it.

Random ones draw from ``generator``, by default the one that ``tw.manual_seed`` seeds.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.modes import no_grad
from ..core.primitive import Primitive
from ..core.tensor import Tensor, wrap
from ..errors import ArgumentError, ShapeError
from ..ops import elementwise as e
from ..ops.quantile import normal_quantile
from ..ops.random import Generator, default_generator

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_GAINS = {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
_GAINS |= dict.fromkeys(
    ("linear", "sigmoid", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1.0
)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much to scale weights so that the activations after ``nonlinearity`` keep their spread.

    1 for linear maps, convolutions and sigmoid, 5/3 for tanh, sqrt(2) for relu, sqrt(2 / (1 + slope²)) for
    leaky_relu with slope ``param`` (default 0.01), 3/4 for selu.

    Raises:
        ArgumentError: the nonlinearity is not known, or ``param`` is not a number.

    >>> import thalweg as tw
    >>> round(tw.nn.init.calculate_gain("leaky_relu", 0.2), 4)
    1.3868
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ArgumentError(f"calculate_gain: the slope of leaky_relu must be a number, not {slope!r}")
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        known = ", ".join(sorted([*_GAINS, "leaky_relu"]))
        raise ArgumentError(f"calculate_gain: no gain is known for {nonlinearity!r}; known are {known}")
    return _GAINS[nonlinearity]


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs feed one unit, and how many units one input feeds; kernels count all their places.

    tensor : (out, in, *kernel)
    """
    if tensor.ndim < 2:
        raise ShapeError(
            f"init: fan in and fan out need a tensor of at least 2 dimensions (out, in, ...), got {tuple(tensor.shape)}"
        )
    places = math.prod(tensor.shape[2:])
    return tensor.shape[1] * places, tensor.shape[0] * places


def _fan(tensor: Tensor, mode: str) -> int:
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ArgumentError(f'init: mode must be "fan_in" or "fan_out", not {mode!r}')
    return fan_in if mode.lower() == "fan_in" else fan_out


# -- constants --------------------------------------------------------------------------------------------


@no_grad
def constant_(tensor: Tensor, val: float) -> Tensor:
    """All elements become ``val``."""
    return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """All elements become 1."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """All elements become 0."""
    return constant_(tensor, 0.0)


@no_grad
def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix, as far as a rectangle can hold it."""
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: needs a matrix, got shape {tuple(tensor.shape)}")
    return tensor.copy_(np.eye(*tensor.shape))


@no_grad
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Convolution kernels that pass as many channels as they can through unchanged, group by group.

    tensor : (out, in, *kernel), 3 to 5 dimensions
    """
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError(f"dirac_: needs a tensor of 3, 4 or 5 dimensions, got shape {tuple(tensor.shape)}")
    out, channels, *kernel = tensor.shape
    if out % groups:
        raise ShapeError(f"dirac_: the {out} output channels can't be divided into {groups} groups")
    value = np.zeros(tensor.shape)
    centre = tuple(n // 2 for n in kernel)
    per_group = out // groups
    for group in range(groups):
        for d in range(min(per_group, channels)):
            value[(group * per_group + d, d, *centre)] = 1
    return tensor.copy_(value)


# -- random -----------------------------------------------------------------------------------------------


@no_grad
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform random numbers on [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@no_grad
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal random numbers."""
    return tensor.normal_(mean, std, generator=generator)


@no_grad
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal random numbers, restricted to [a, b]: the normal quantile of uniform numbers between its values there.

    >>> import thalweg as tw
    >>> x = tw.nn.init.trunc_normal_(tw.empty(1000), std=5.0)
    >>> bool((x.abs() <= 2).all())
    True
    """
    if a > b:
        raise ArgumentError(f"trunc_normal_: the lower bound {a} must not exceed the upper bound {b}")
    low, high = (a - mean) / std, (b - mean) / std
    # In the lower tail the distribution function keeps its precision, so an interval above the mean is reflected.
    sign = -1.0 if low > 0 else 1.0
    if sign < 0:
        low, high = -high, -low
    p, q = (0.5 * math.erfc(-z / math.sqrt(2)) for z in (low, high))
    u = (generator or default_generator).uniform(tuple(tensor.shape), np.dtype(np.float64))
    drawn = normal_quantile(u * (q - p) + p) * (sign * std) + mean
    return tensor.copy_(wrap(e.minimum(e.maximum(drawn, float(a)), float(b))))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform on ±gain sqrt(6 / (fan_in + fan_out)).

    Reference: Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks.
    """
    bound = gain * math.sqrt(6 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation gain sqrt(2 / (fan_in + fan_out)); see ``xavier_uniform_``."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_calculate_fan_in_and_fan_out(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform on ±gain sqrt(3 / fan), with the gain of ``nonlinearity`` (slope ``a`` for leaky_relu).

    Reference: He et al. (2015), Delving deep into rectifiers.
    """
    if 0 in tensor.shape:
        return tensor
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3 / _fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with standard deviation gain / sqrt(fan); see ``kaiming_uniform_``."""
    if 0 in tensor.shape:
        return tensor
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode)), generator)


class OrthogonalFactor(Primitive):
    """The factor q of x = q r, where q has orthonormal columns and r is upper triangular, its diagonal positive.

    x : (n, m), n >= m  ->  (n, m)

    Of normal random numbers it is uniformly distributed, which it would not be without a rule for the signs.
    """

    differentiable = False

    def forward(self, x: Any) -> Any:
        q, r = np.linalg.qr(x)
        return q * np.where(np.diagonal(r) < 0, -1.0, 1.0).astype(x.dtype)

    def shape(self, x: Any) -> tuple[int, ...]:
        return tuple(x.shape)


orthogonal_factor = OrthogonalFactor()


@no_grad
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """A (semi-)orthogonal matrix, times ``gain``, uniformly distributed; all axes but the first count as columns.

    Reference: Saxe et al. (2013), Exact solutions to the nonlinear dynamics of learning in deep linear networks;
    Mezzadri (2007), How to generate random matrices from the classical compact groups, for the signs.

    >>> import thalweg as tw
    >>> w = tw.nn.init.orthogonal_(tw.empty(2, 3))
    >>> tw.allclose(w @ w.T, tw.eye(2), atol=1e-6)
    True
    """
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_: needs at least 2 dimensions, got shape {tuple(tensor.shape)}")
    if tensor.numel() == 0:
        return tensor
    rows, columns = tensor.shape[0], tensor.numel() // tensor.shape[0]
    wide = rows < columns
    shape = (columns, rows) if wide else (rows, columns)
    noise = (generator or default_generator).normal(shape, np.dtype(np.float64))
    q = orthogonal_factor(wrap(noise))
    return tensor.copy_(gain * (q.T if wide else q).reshape(tuple(tensor.shape)))


@no_grad
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal random numbers, with the fraction ``sparsity`` of every column set to 0.

    Reference: Martens (2010), Deep learning via Hessian-free optimization.
    """
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_: needs a matrix, got shape {tuple(tensor.shape)}")
    rows, columns = tensor.shape
    source = generator or default_generator
    value = wrap(std * source.normal((rows, columns), np.dtype(np.float64)))
    zeros = math.ceil(sparsity * rows)
    for column in range(columns):
        value[wrap(source.permutation(rows))[:zeros], column] = 0
    return tensor.copy_(value)


# -- older names ------------------------------------------------------------------------------------------


class _OlderName:
    """A function under the name, without the underscore, that PyTorch has deprecated."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self.function = function
        self.__name__ = function.__name__.rstrip("_")
        self.__doc__ = f"``{function.__name__}`` under its deprecated name."

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Warn, and call the function."""
        warnings.warn(
            f"nn.init.{self.__name__} is deprecated; use nn.init.{self.function.__name__}", FutureWarning, stacklevel=2
        )
        return self.function(*args, **kwargs)


constant, dirac, eye = _OlderName(constant_), _OlderName(dirac_), _OlderName(eye_)
kaiming_normal, kaiming_uniform = _OlderName(kaiming_normal_), _OlderName(kaiming_uniform_)
normal, orthogonal, sparse = _OlderName(normal_), _OlderName(orthogonal_), _OlderName(sparse_)
uniform, xavier_normal, xavier_uniform = _OlderName(uniform_), _OlderName(xavier_normal_), _OlderName(xavier_uniform_)
