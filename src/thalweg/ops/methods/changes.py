"""The methods that change a Tensor in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.dtypes import result_dtype
from ...core.modes import state
from ...core.tape import edge_of
from ...core.tensor import Tensor, wrap
from ...errors import DtypeError, ShapeError
from .. import creation, elementwise, functions, shaping
from .. import shape as s
from ..base import convert
from ..broadcast import expand as expand_to
from ..index import along, index_put
from ..inplace import apply_inplace, check_writable, overwrite
from ..random import default_generator
from ..shaping import check_places, cropped
from .binding import inplace_binary, inplace_unary

e = elementwise


def _become(x: Tensor, result: Tensor) -> Tensor:
    """``x`` takes over the value and the history of ``result``."""
    if result._value.shape != x._value.shape:
        raise ShapeError(f"in-place: a result of shape {tuple(result.shape)} does not fit into {tuple(x.shape)}")
    if result_dtype([result._value]).kind == "f" and x._value.dtype.kind != "f":
        raise DtypeError(f"in-place: a {result.dtype} result can't be stored in a tensor of dtype {x.dtype}")
    return overwrite(x, result._value, edge_of(result) if state.recording else None)


class InPlace:
    """Methods that end in an underscore: they change the tensor and return it."""

    __slots__ = ()

    # -- in place -----------------------------------------------------------------------------------------

    def add_(self: Any, other: Any, *, alpha: Any = 1) -> Tensor:
        """``add`` in place."""
        return apply_inplace(self, e.add, (self, other if alpha == 1 else e.mul(other, alpha)), "add_")

    def sub_(self: Any, other: Any, *, alpha: Any = 1) -> Tensor:
        """``sub`` in place."""
        return apply_inplace(self, e.sub, (self, other if alpha == 1 else e.mul(other, alpha)), "sub_")

    mul_ = multiply_ = inplace_binary(e.mul, "mul_")
    div_ = divide_ = inplace_binary(e.div, "div_")
    pow_ = inplace_binary(e.pow_, "pow_")
    floor_divide_ = inplace_binary(e.floor_divide, "floor_divide_")
    remainder_ = inplace_binary(e.remainder, "remainder_")
    fmod_ = inplace_binary(e.fmod, "fmod_")
    exp_ = inplace_unary(e.exp, "exp_")
    expm1_ = inplace_unary(e.expm1, "expm1_")
    log_ = inplace_unary(e.log, "log_")
    log1p_ = inplace_unary(e.log1p, "log1p_")
    sqrt_ = inplace_unary(e.sqrt, "sqrt_")
    rsqrt_ = inplace_unary(e.rsqrt, "rsqrt_")
    reciprocal_ = inplace_unary(e.reciprocal, "reciprocal_")
    neg_ = inplace_unary(e.neg, "neg_")
    abs_ = inplace_unary(e.abs_, "abs_")
    sign_ = inplace_unary(e.sign, "sign_")
    tanh_ = inplace_unary(e.tanh, "tanh_")
    sigmoid_ = inplace_unary(e.sigmoid, "sigmoid_")
    erf_ = inplace_unary(e.erf, "erf_")
    sin_ = inplace_unary(e.sin, "sin_")
    cos_ = inplace_unary(e.cos, "cos_")
    relu_ = inplace_unary(e.relu, "relu_")
    floor_ = inplace_unary(e.floor, "floor_")
    ceil_ = inplace_unary(e.ceil, "ceil_")
    trunc_ = inplace_unary(e.trunc, "trunc_")
    round_ = inplace_unary(e.round_, "round_")

    def square_(self: Any) -> Tensor:
        """``square`` in place."""
        return apply_inplace(self, e.mul, (self, self), "square_")

    def clamp_(self: Any, min: Any = None, max: Any = None) -> Tensor:
        """``clamp`` in place."""
        check_writable(self, "clamp_")
        return _become(self, functions.clamp(self, min, max))

    def addcmul_(self: Any, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
        """``addcmul`` in place."""
        return self.add_(tensor1 * tensor2, alpha=value)

    def addcdiv_(self: Any, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
        """``addcdiv`` in place."""
        return self.add_(tensor1 / tensor2, alpha=value)

    def lerp_(self: Any, end: Tensor, weight: Any) -> Tensor:
        """``lerp`` in place."""
        return self.add_((end - self) * weight)

    def masked_fill_(self: Any, mask: Tensor, value: Any) -> Tensor:
        """``masked_fill`` in place."""
        check_writable(self, "masked_fill_")
        return _become(self, shaping.masked_fill(self, mask, value))

    def copy_(self: Any, src: Any) -> Tensor:
        """Take over the values of ``src``, converted and broadcast."""
        check_writable(self, "copy_")
        dtype = self.dtype if self._value.dtype.kind == "f" else None  # a Python number keeps all its digits
        source = src if isinstance(src, Tensor) else creation.as_tensor(src, dtype)
        stored = convert(source, dtype=self._value.dtype) if source._value.dtype != self._value.dtype else source
        if stored._value.shape != self._value.shape:
            stored = expand_to(stored, shape=self._value.shape)
        elif stored is src and state.recording and src.requires_grad:
            stored = s.copy(src)  # a node of its own, so that hooks on this tensor are not hooks on src
        return overwrite(self, stored._value, edge_of(stored) if state.recording else None)

    def fill_(self: Any, value: Any) -> Tensor:
        """All elements become ``value``."""
        return self.copy_(value)

    def zero_(self: Any) -> Tensor:
        """All elements become 0."""
        check_writable(self, "zero_")
        return overwrite(self, 0, None)

    def uniform_(self: Any, from_: Any = 0.0, to: Any = 1.0, *, generator: Any = None, **kwargs: Any) -> Tensor:
        """Uniform random numbers on [from, to)."""
        check_writable(self, "uniform_")
        low = kwargs.pop("from", from_)
        source = generator or default_generator
        return overwrite(self, low + (to - low) * source.uniform(self._value.shape, self._value.dtype), None)

    def normal_(self: Any, mean: Any = 0.0, std: Any = 1.0, *, generator: Any = None) -> Tensor:
        """Normal random numbers."""
        check_writable(self, "normal_")
        source = generator or default_generator
        return overwrite(self, mean + std * source.normal(self._value.shape, self._value.dtype), None)

    def bernoulli_(self: Any, p: Any = 0.5, *, generator: Any = None) -> Tensor:
        """1 with probability ``p``, else 0."""
        check_writable(self, "bernoulli_")
        return overwrite(self, creation.bernoulli(self, p, generator=generator)._value, None)

    def scatter_(self: Any, dim: Any, index: Tensor, src: Any) -> Tensor:
        """src written at [index[i][j]][j] for dim 0, and so for the others."""
        value = src if isinstance(src, Tensor) else wrap(np.full(index._value.shape, src, self._value.dtype))
        d = check_places(self, dim, index, value, "scatter_")
        if value._value.dtype != self._value.dtype:
            raise DtypeError(f"scatter_: src is {value.dtype} but the tensor is {self.dtype}; convert one of them")
        value = cropped(value, index)
        places = along(index._value, d)
        pattern = ("array",) * self._value.ndim
        return apply_inplace(self, index_put, (self, value, *places), "scatter_", pattern=pattern, accumulate=False)
