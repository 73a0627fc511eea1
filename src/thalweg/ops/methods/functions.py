"""The functions of ``ops`` as methods of a Tensor."""

from __future__ import annotations

from typing import Any

from ...core.tensor import Tensor
from .. import elementwise, functions, shaping
from ..base import where
from .binding import function, operator, unary

e = elementwise


class Functions:
    """Functions of one or more tensors, as methods."""

    __slots__ = ()

    # -- arithmetic -----------------------------------------------------------------------------------------

    exp = unary(e.exp)
    expm1 = unary(e.expm1)
    log = unary(e.log)
    log1p = unary(e.log1p)
    sqrt = unary(e.sqrt)
    rsqrt = unary(e.rsqrt)
    neg = unary(e.neg)
    abs = unary(e.abs_)
    absolute = unary(e.abs_)
    sign = unary(e.sign)
    reciprocal = unary(e.reciprocal)
    tanh = unary(e.tanh)
    erf = unary(e.erf)
    sigmoid = unary(e.sigmoid)
    sin = unary(e.sin)
    cos = unary(e.cos)
    relu = unary(e.relu)
    floor = unary(e.floor)
    ceil = unary(e.ceil)
    trunc = unary(e.trunc)
    round = unary(e.round_)
    isnan = unary(e.isnan)
    isinf = unary(e.isinf)
    isfinite = unary(e.isfinite)
    logical_not = unary(e.logical_not)
    bitwise_not = unary(e.bitwise_not)
    mul = operator(e.mul)
    multiply = operator(e.mul)
    pow = operator(e.pow_)
    maximum = operator(e.maximum)
    minimum = operator(e.minimum)
    atan2 = operator(e.atan2)
    fmod = operator(e.fmod)
    remainder = operator(e.remainder)
    floor_divide = operator(e.floor_divide)
    eq = operator(e.eq)
    ne = operator(e.ne)
    lt = operator(e.lt)
    le = operator(e.le)
    gt = operator(e.gt)
    ge = operator(e.ge)
    logical_and = operator(e.logical_and)
    logical_or = operator(e.logical_or)
    logical_xor = operator(e.logical_xor)
    bitwise_and = operator(e.bitwise_and)
    bitwise_or = operator(e.bitwise_or)
    bitwise_xor = operator(e.bitwise_xor)

    # -- functions of ops.functions and ops.shaping --------------------------------------------------------

    add = function(functions.add)
    sub = subtract = function(functions.sub)
    div = divide = true_divide = function(functions.div)
    square = function(functions.square)
    log2 = function(functions.log2)
    log10 = function(functions.log10)
    tan = function(functions.tan)
    clamp = clip = function(functions.clamp)
    lerp = function(functions.lerp)
    addcmul = function(functions.addcmul)
    addcdiv = function(functions.addcdiv)
    isclose = function(functions.isclose)
    allclose = function(functions.allclose)
    equal = function(functions.equal)
    sum = function(functions.sum)
    mean = function(functions.mean)
    var = function(functions.var)
    std = function(functions.std)
    prod = function(functions.prod)
    amax = function(functions.amax)
    amin = function(functions.amin)
    max = function(functions.max)
    min = function(functions.min)
    argmax = function(functions.argmax)
    argmin = function(functions.argmin)
    any = function(functions.any)
    all = function(functions.all)
    cumsum = function(functions.cumsum)
    logsumexp = function(functions.logsumexp)
    softmax = function(functions.softmax)
    log_softmax = function(functions.log_softmax)
    norm = function(functions.norm)
    matmul = function(functions.matmul)
    mm = function(functions.mm)
    bmm = function(functions.bmm)
    mv = function(functions.mv)
    dot = function(functions.dot)
    outer = function(functions.outer)
    addmm = function(functions.addmm)
    reshape = function(shaping.reshape)
    view = function(shaping.view)
    flatten = function(shaping.flatten)
    unflatten = function(shaping.unflatten)
    permute = function(shaping.permute)
    transpose = function(shaping.transpose)
    swapaxes = function(shaping.swapaxes)
    swapdims = function(shaping.swapdims)
    movedim = function(shaping.movedim)
    squeeze = function(shaping.squeeze)
    unsqueeze = function(shaping.unsqueeze)
    expand = function(shaping.expand)
    broadcast_to = function(shaping.broadcast_to)
    repeat = function(shaping.repeat)
    tile = function(shaping.tile)
    flip = function(shaping.flip)
    roll = function(shaping.roll)
    narrow = function(shaping.narrow)
    select = function(shaping.select)
    split = function(shaping.split)
    chunk = function(shaping.chunk)
    unbind = function(shaping.unbind)
    gather = function(shaping.gather)
    scatter_add = function(shaping.scatter_add)
    index_select = function(shaping.index_select)
    take_along_dim = function(shaping.take_along_dim)
    masked_fill = function(shaping.masked_fill)
    masked_select = function(shaping.masked_select)
    nonzero = function(shaping.nonzero)
    tril = function(shaping.tril)
    triu = function(shaping.triu)
    diag = function(shaping.diag)
    clone = function(shaping.clone)
    t = function(functions.transpose_matrix)

    def where(self: Any, condition: Tensor, other: Any) -> Tensor:
        """This tensor where ``condition`` holds, ``other`` elsewhere."""
        return where(condition, self, other)

    def view_as(self: Any, other: Tensor) -> Tensor:
        """Viewed under the shape of ``other``."""
        return shaping.view(self, other.shape)

    def reshape_as(self: Any, other: Tensor) -> Tensor:
        """Reshaped to the shape of ``other``."""
        return shaping.reshape(self, other.shape)

    def expand_as(self: Any, other: Tensor) -> Tensor:
        """Expanded to the shape of ``other``."""
        return shaping.expand(self, *other.shape)
