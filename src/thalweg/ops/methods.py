"""The operators and methods of Tensor. ``install`` puts them on the class; ``core.tensor`` stands below the ops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core import backward as engine
from ..core.dtypes import as_numpy_dtype, dtype, result_dtype
from ..core.hooks import RemovableHandle, add_hook
from ..core.modes import state
from ..core.tape import LEAF, edge_of
from ..core.tensor import Size, Tensor, wrap
from ..errors import AutogradError, DtypeError, ShapeError
from . import creation, elementwise, functions, shaping
from . import shape as s
from .base import convert, where
from .broadcast import expand as expand_to
from .dims import one_dim
from .index import index_put
from .indexing import getitem, setitem
from .inplace import apply_inplace, check_writable, overwrite
from .printing import format_tensor
from .random import default_generator

e = elementwise


def _inplace_binary(primitive: Any, name: str) -> Any:
    """x.op_(other) for an elementwise primitive."""

    def method(self: Any, other: Any) -> Tensor:
        return apply_inplace(self, primitive, (self, other), name)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"``{primitive.name}`` in place."
    return method


def _inplace_unary(primitive: Any, name: str) -> Any:
    """x.op_() for an elementwise primitive."""

    def method(self: Any) -> Tensor:
        return apply_inplace(self, primitive, (self,), name)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"``{primitive.name}`` in place."
    return method


def _reflected(primitive: Any) -> Any:
    def method(self: Any, other: Any) -> Any:
        return primitive(other, self)

    return method


def _operator(primitive: Any) -> Any:
    """A primitive as a method: instances have no binding of their own."""

    def method(self: Any, other: Any) -> Any:
        return primitive(self, other)

    method.__doc__ = primitive.__doc__
    return method


def _comparison(primitive: Any) -> Any:
    def method(self: Any, other: Any) -> Any:
        if other is None or isinstance(other, str):
            return NotImplemented
        return primitive(self, other)

    return method


def _unary(primitive: Any) -> Any:
    def method(self: Any) -> Any:
        return primitive(self)

    method.__doc__ = primitive.__doc__
    return method


def _function(function: Any) -> Any:
    """A plain function whose first argument is the tensor."""
    return function


class TensorMethods:
    """What a Tensor can do. ``self`` is always a Tensor."""

    __slots__ = ()

    # -- operators ----------------------------------------------------------------------------------------

    __add__ = _operator(e.add)
    __radd__ = _operator(e.add)
    __sub__ = _operator(e.sub)
    __rsub__ = _reflected(e.sub)
    __mul__ = _operator(e.mul)
    __rmul__ = _operator(e.mul)
    __truediv__ = _operator(e.div)
    __rtruediv__ = _reflected(e.div)
    __floordiv__ = _operator(e.floor_divide)
    __rfloordiv__ = _reflected(e.floor_divide)
    __mod__ = _operator(e.remainder)
    __rmod__ = _reflected(e.remainder)
    __pow__ = _operator(e.pow_)
    __rpow__ = _reflected(e.pow_)
    __matmul__ = _function(functions.matmul)
    __neg__ = _unary(e.neg)
    __abs__ = _unary(e.abs_)
    __invert__ = _unary(e.bitwise_not)
    __and__ = _operator(e.bitwise_and)
    __rand__ = _operator(e.bitwise_and)
    __or__ = _operator(e.bitwise_or)
    __ror__ = _operator(e.bitwise_or)
    __xor__ = _operator(e.bitwise_xor)
    __rxor__ = _operator(e.bitwise_xor)
    __eq__ = _comparison(e.eq)
    __ne__ = _comparison(e.ne)
    __lt__ = _comparison(e.lt)
    __le__ = _comparison(e.le)
    __gt__ = _comparison(e.gt)
    __ge__ = _comparison(e.ge)

    def __pos__(self: Any) -> Tensor:
        return self

    __hash__ = object.__hash__  # by identity: == compares the elements

    def __rmatmul__(self: Any, other: Any) -> Tensor:
        return functions.matmul(creation.as_tensor(other), self)

    __getitem__ = _function(getitem)
    __setitem__ = _function(setitem)

    __iadd__ = _inplace_binary(e.add, "add_")
    __isub__ = _inplace_binary(e.sub, "sub_")
    __imul__ = _inplace_binary(e.mul, "mul_")
    __itruediv__ = _inplace_binary(e.div, "div_")
    __ifloordiv__ = _inplace_binary(e.floor_divide, "floor_divide_")
    __imod__ = _inplace_binary(e.remainder, "remainder_")
    __ipow__ = _inplace_binary(e.pow_, "pow_")
    __iand__ = _inplace_binary(e.bitwise_and, "bitwise_and_")
    __ior__ = _inplace_binary(e.bitwise_or, "bitwise_or_")
    __ixor__ = _inplace_binary(e.bitwise_xor, "bitwise_xor_")

    # -- Python's protocols -------------------------------------------------------------------------------

    def __repr__(self: Any) -> str:
        return format_tensor(self)

    def __format__(self: Any, spec: str) -> str:
        return format(self.item(), spec) if self._value.ndim == 0 and spec else format(repr(self), spec)

    def __len__(self: Any) -> int:
        if not self._value.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self._value)

    def __iter__(self: Any) -> Iterator[Tensor]:
        if not self._value.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(shaping.unbind(self))

    def __contains__(self: Any, element: Any) -> bool:
        return bool((self == element).any().item())

    def __bool__(self: Any) -> bool:
        if self._value.size != 1:
            raise ShapeError(
                f"bool: the truth of a tensor with {self._value.size} elements is ambiguous; use any() or all()"
            )
        return bool(self._value.reshape(())[()])

    def __float__(self: Any) -> float:
        return float(self.item())

    def __int__(self: Any) -> int:
        return int(self.item())

    def __index__(self: Any) -> int:
        if self._value.dtype.kind not in "iub":
            raise TypeError(f"only integer tensors of one element can be used as an index, not {self.dtype}")
        return int(self.item())

    def __array__(self: Any, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __deepcopy__(self: Any, memo: dict[int, Any]) -> Tensor:
        if self._node is not None and self._node is not LEAF:
            raise AutogradError(
                "deepcopy: only leaf tensors can be copied with their gradient; use clone() or detach()"
            )
        if id(self) in memo:
            return memo[id(self)]
        cls: Any = type(self)
        x: Tensor = cls.__new__(cls)
        memo[id(self)] = x
        x._value = self._value.copy(order="K")
        x._node = self._node
        if self._grad is not None:
            x._grad = self._grad.detach().clone()
        if hasattr(self, "__dict__"):
            import copy

            x.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return x

    # -- information --------------------------------------------------------------------------------------

    def item(self: Any) -> Any:
        """The one element as a Python number."""
        if self._value.size != 1:
            raise ShapeError(f"item: needs a tensor of one element, this one has shape {tuple(self.shape)}")
        return self._value.item()

    def tolist(self: Any) -> Any:
        """Nested lists of Python numbers."""
        return self._value.tolist()

    def numpy(self: Any, *, force: bool = False) -> Any:
        """The NumPy array that shares this tensor's memory."""
        if self.requires_grad and not force:
            raise AutogradError("numpy: this tensor requires grad; use x.detach().numpy()")
        return self._value

    def size(self: Any, dim: int | None = None) -> Any:
        """The shape, or the size along ``dim``."""
        return Size(self._value.shape) if dim is None else self._value.shape[dim]

    def dim(self: Any) -> int:
        """The number of dimensions."""
        return int(self._value.ndim)

    ndimension = dim
    numel = nelement = _function(shaping.numel)
    stride = _function(shaping.stride)

    def element_size(self: Any) -> int:
        """Bytes of one element."""
        return int(self._value.itemsize)

    @property
    def itemsize(self: Any) -> int:
        return int(self._value.itemsize)

    @property
    def nbytes(self: Any) -> int:
        return int(self._value.nbytes)

    def data_ptr(self: Any) -> int:
        """The address of the first element."""
        return int(self._value.ctypes.data)

    def is_contiguous(self: Any) -> bool:
        """Whether the elements lie in memory in row-major order without gaps."""
        return bool(self._value.flags.c_contiguous)

    def contiguous(self: Any) -> Tensor:
        """This tensor if it is contiguous, else a copy that is."""
        return self if self._value.flags.c_contiguous else s.copy(self)

    def is_floating_point(self: Any) -> bool:
        """Whether the dtype is a floating-point one."""
        return bool(self._value.dtype.kind == "f")

    def is_complex(self: Any) -> bool:
        """False: there are no complex tensors."""
        return False

    @property
    def device(self: Any) -> str:
        return "cpu"

    @property
    def is_cuda(self: Any) -> bool:
        return False

    def cpu(self: Any) -> Tensor:
        """This tensor: the CPU is the only device."""
        return self

    # -- the tape -----------------------------------------------------------------------------------------

    def backward(
        self: Any,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Accumulate this tensor's gradient into the leaves it depends on; see ``autograd.backward``."""
        engine.backward((self,), (gradient,), retain_graph, create_graph, inputs)

    def detach_(self: Any) -> Tensor:
        """Forget the history of this tensor."""
        if self._view is not None:
            raise AutogradError("detach_: a view can't forget its history in place; use detach()")
        self._node = None
        return self

    def register_hook(self: Any, hook: Any) -> RemovableHandle:
        """Call ``hook(grad)`` whenever the gradient by this tensor is computed; it may return another gradient."""
        edge = edge_of(self)
        if edge is None:
            raise AutogradError("register_hook: this tensor does not require grad, so no gradient will come")
        if edge is self:
            return add_hook(self._extras().setdefault("hooks", {}), hook)
        if edge.hooks is None:
            edge.hooks = {}
        handle = add_hook(edge.hooks, hook)
        for key in [k for k, h in edge.hooks.items() if isinstance(h, _Retain)]:
            edge.hooks[key] = edge.hooks.pop(key)  # what is retained is what flows on, after all other hooks
        return handle

    def register_post_accumulate_grad_hook(self: Any, hook: Any) -> RemovableHandle:
        """Call ``hook(tensor)`` after ``backward`` has added to this leaf's ``.grad``."""
        if self._node is not LEAF:
            raise AutogradError("register_post_accumulate_grad_hook: only leaf tensors that require grad accumulate")
        return add_hook(self._extras().setdefault("post_accumulate", {}), hook)

    def retain_grad(self: Any) -> None:
        """Store the gradient of this tensor in ``.grad`` although it is not a leaf."""
        edge = edge_of(self)
        if edge is None:
            raise AutogradError("retain_grad: this tensor does not require grad")
        extra = self._extras()
        if edge is self or "retained" in extra:
            return
        import weakref

        extra["retained"] = self.register_hook(_Retain(weakref.ref(self)))

    @property
    def retains_grad(self: Any) -> bool:
        return bool(self._extra and "retained" in self._extra)

    # -- conversion ---------------------------------------------------------------------------------------

    def to(self: Any, *args: Any, dtype: dtype | None = None, device: Any = None, **kwargs: Any) -> Tensor:
        """Converted to a dtype, or to the dtype of another tensor; a device can only be "cpu"."""
        for a in args:
            if isinstance(a, Tensor):
                dtype = a.dtype
            elif not isinstance(a, (str, bool)) and not hasattr(a, "index"):
                dtype = a
            elif isinstance(a, str) or (hasattr(a, "index") and not isinstance(a, bool)):
                device = a
        if device is not None and not str(device).startswith("cpu"):
            raise ShapeError(f'to: device {device} is not available; thalweg computes on "cpu"')
        target = self._value.dtype if dtype is None else as_numpy_dtype(dtype)
        if target == self._value.dtype:
            return s.copy(self) if kwargs.get("copy") else self
        return convert(self, dtype=target)

    def type(self: Any, dtype: Any = None) -> Any:
        """Converted to ``dtype``; without it the name of the tensor's type."""
        return self.to(dtype) if dtype is not None else f"thalweg.{self.dtype.name}"

    def type_as(self: Any, other: Tensor) -> Tensor:
        """Converted to the dtype of ``other``."""
        return self.to(other)

    def double(self: Any) -> Tensor:
        """As float64."""
        return self.to(as_numpy_dtype("float64"))

    def float(self: Any) -> Tensor:
        """As float32."""
        return self.to(as_numpy_dtype("float32"))

    def half(self: Any) -> Tensor:
        """As float16."""
        return self.to(as_numpy_dtype("float16"))

    def long(self: Any) -> Tensor:
        """As int64."""
        return self.to(as_numpy_dtype("int64"))

    def int(self: Any) -> Tensor:
        """As int32."""
        return self.to(as_numpy_dtype("int32"))

    def bool(self: Any) -> Tensor:
        """As bool: True where non-zero."""
        return self.to(as_numpy_dtype("bool"))

    def new_tensor(self: Any, data: Any, *, dtype: Any = None, requires_grad: Any = False) -> Tensor:
        """A new tensor of this one's dtype."""
        return creation.tensor(data, dtype=dtype or self.dtype, requires_grad=requires_grad)

    def new_zeros(self: Any, *size: Any, dtype: Any = None, requires_grad: Any = False) -> Tensor:
        """Zeros of this tensor's dtype."""
        return creation.zeros(*size, dtype=dtype or self.dtype, requires_grad=requires_grad)

    def new_ones(self: Any, *size: Any, dtype: Any = None, requires_grad: Any = False) -> Tensor:
        """Ones of this tensor's dtype."""
        return creation.ones(*size, dtype=dtype or self.dtype, requires_grad=requires_grad)

    def new_empty(self: Any, *size: Any, dtype: Any = None, requires_grad: Any = False) -> Tensor:
        """An unset tensor of this one's dtype."""
        return creation.empty(*size, dtype=dtype or self.dtype, requires_grad=requires_grad)

    def new_full(self: Any, size: Any, fill_value: Any, *, dtype: Any = None, requires_grad: Any = False) -> Tensor:
        """One number in this tensor's dtype."""
        return creation.full(size, fill_value, dtype=dtype or self.dtype, requires_grad=requires_grad)

    # -- transposes ---------------------------------------------------------------------------------------

    @property
    def T(self: Any) -> Tensor:  # noqa: N802 - PyTorch's name
        return s.permute(self, dims=tuple(range(self._value.ndim))[::-1])

    @property
    def mT(self: Any) -> Tensor:  # noqa: N802 - PyTorch's name
        return shaping.transpose(self, -2, -1)

    # -- in place -----------------------------------------------------------------------------------------

    def add_(self: Any, other: Any, *, alpha: Any = 1) -> Tensor:
        """``add`` in place."""
        return apply_inplace(self, e.add, (self, other if alpha == 1 else e.mul(other, alpha)), "add_")

    def sub_(self: Any, other: Any, *, alpha: Any = 1) -> Tensor:
        """``sub`` in place."""
        return apply_inplace(self, e.sub, (self, other if alpha == 1 else e.mul(other, alpha)), "sub_")

    mul_ = multiply_ = _inplace_binary(e.mul, "mul_")
    div_ = divide_ = _inplace_binary(e.div, "div_")
    pow_ = _inplace_binary(e.pow_, "pow_")
    floor_divide_ = _inplace_binary(e.floor_divide, "floor_divide_")
    remainder_ = _inplace_binary(e.remainder, "remainder_")
    fmod_ = _inplace_binary(e.fmod, "fmod_")
    exp_ = _inplace_unary(e.exp, "exp_")
    expm1_ = _inplace_unary(e.expm1, "expm1_")
    log_ = _inplace_unary(e.log, "log_")
    log1p_ = _inplace_unary(e.log1p, "log1p_")
    sqrt_ = _inplace_unary(e.sqrt, "sqrt_")
    rsqrt_ = _inplace_unary(e.rsqrt, "rsqrt_")
    reciprocal_ = _inplace_unary(e.reciprocal, "reciprocal_")
    neg_ = _inplace_unary(e.neg, "neg_")
    abs_ = _inplace_unary(e.abs_, "abs_")
    sign_ = _inplace_unary(e.sign, "sign_")
    tanh_ = _inplace_unary(e.tanh, "tanh_")
    sigmoid_ = _inplace_unary(e.sigmoid, "sigmoid_")
    erf_ = _inplace_unary(e.erf, "erf_")
    sin_ = _inplace_unary(e.sin, "sin_")
    cos_ = _inplace_unary(e.cos, "cos_")
    relu_ = _inplace_unary(e.relu, "relu_")
    floor_ = _inplace_unary(e.floor, "floor_")
    ceil_ = _inplace_unary(e.ceil, "ceil_")
    trunc_ = _inplace_unary(e.trunc, "trunc_")
    round_ = _inplace_unary(e.round_, "round_")

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
        from .index import along

        value = src if isinstance(src, Tensor) else wrap(np.full(index._value.shape, src, self._value.dtype))
        d = one_dim(dim, self._value.ndim, "scatter_")
        places = along(index._value, d)
        pattern = ("array",) * self._value.ndim
        return apply_inplace(self, index_put, (self, value, *places), "scatter_", pattern=pattern, accumulate=False)

    # -- arithmetic -----------------------------------------------------------------------------------------

    exp = _unary(e.exp)
    expm1 = _unary(e.expm1)
    log = _unary(e.log)
    log1p = _unary(e.log1p)
    sqrt = _unary(e.sqrt)
    rsqrt = _unary(e.rsqrt)
    neg = _unary(e.neg)
    abs = _unary(e.abs_)
    absolute = _unary(e.abs_)
    sign = _unary(e.sign)
    reciprocal = _unary(e.reciprocal)
    tanh = _unary(e.tanh)
    erf = _unary(e.erf)
    sigmoid = _unary(e.sigmoid)
    sin = _unary(e.sin)
    cos = _unary(e.cos)
    relu = _unary(e.relu)
    floor = _unary(e.floor)
    ceil = _unary(e.ceil)
    trunc = _unary(e.trunc)
    round = _unary(e.round_)
    isnan = _unary(e.isnan)
    isinf = _unary(e.isinf)
    isfinite = _unary(e.isfinite)
    logical_not = _unary(e.logical_not)
    bitwise_not = _unary(e.bitwise_not)
    mul = _operator(e.mul)
    multiply = _operator(e.mul)
    pow = _operator(e.pow_)
    maximum = _operator(e.maximum)
    minimum = _operator(e.minimum)
    atan2 = _operator(e.atan2)
    fmod = _operator(e.fmod)
    remainder = _operator(e.remainder)
    floor_divide = _operator(e.floor_divide)
    eq = _operator(e.eq)
    ne = _operator(e.ne)
    lt = _operator(e.lt)
    le = _operator(e.le)
    gt = _operator(e.gt)
    ge = _operator(e.ge)
    logical_and = _operator(e.logical_and)
    logical_or = _operator(e.logical_or)
    logical_xor = _operator(e.logical_xor)
    bitwise_and = _operator(e.bitwise_and)
    bitwise_or = _operator(e.bitwise_or)
    bitwise_xor = _operator(e.bitwise_xor)

    # -- functions of ops.functions and ops.shaping --------------------------------------------------------

    add = _function(functions.add)
    sub = subtract = _function(functions.sub)
    div = divide = true_divide = _function(functions.div)
    square = _function(functions.square)
    log2 = _function(functions.log2)
    log10 = _function(functions.log10)
    tan = _function(functions.tan)
    clamp = clip = _function(functions.clamp)
    lerp = _function(functions.lerp)
    addcmul = _function(functions.addcmul)
    addcdiv = _function(functions.addcdiv)
    isclose = _function(functions.isclose)
    allclose = _function(functions.allclose)
    equal = _function(functions.equal)
    sum = _function(functions.sum)
    mean = _function(functions.mean)
    var = _function(functions.var)
    std = _function(functions.std)
    prod = _function(functions.prod)
    amax = _function(functions.amax)
    amin = _function(functions.amin)
    max = _function(functions.max)
    min = _function(functions.min)
    argmax = _function(functions.argmax)
    argmin = _function(functions.argmin)
    any = _function(functions.any)
    all = _function(functions.all)
    cumsum = _function(functions.cumsum)
    logsumexp = _function(functions.logsumexp)
    softmax = _function(functions.softmax)
    log_softmax = _function(functions.log_softmax)
    norm = _function(functions.norm)
    matmul = _function(functions.matmul)
    mm = _function(functions.mm)
    bmm = _function(functions.bmm)
    mv = _function(functions.mv)
    dot = _function(functions.dot)
    outer = _function(functions.outer)
    addmm = _function(functions.addmm)
    reshape = _function(shaping.reshape)
    view = _function(shaping.view)
    flatten = _function(shaping.flatten)
    unflatten = _function(shaping.unflatten)
    permute = _function(shaping.permute)
    transpose = _function(shaping.transpose)
    swapaxes = _function(shaping.swapaxes)
    swapdims = _function(shaping.swapdims)
    movedim = _function(shaping.movedim)
    squeeze = _function(shaping.squeeze)
    unsqueeze = _function(shaping.unsqueeze)
    expand = _function(shaping.expand)
    broadcast_to = _function(shaping.broadcast_to)
    repeat = _function(shaping.repeat)
    tile = _function(shaping.tile)
    flip = _function(shaping.flip)
    roll = _function(shaping.roll)
    narrow = _function(shaping.narrow)
    select = _function(shaping.select)
    split = _function(shaping.split)
    chunk = _function(shaping.chunk)
    unbind = _function(shaping.unbind)
    gather = _function(shaping.gather)
    scatter_add = _function(shaping.scatter_add)
    index_select = _function(shaping.index_select)
    take_along_dim = _function(shaping.take_along_dim)
    masked_fill = _function(shaping.masked_fill)
    masked_select = _function(shaping.masked_select)
    nonzero = _function(shaping.nonzero)
    tril = _function(shaping.tril)
    triu = _function(shaping.triu)
    diag = _function(shaping.diag)
    clone = _function(shaping.clone)
    t = _function(functions.transpose_matrix)

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


class _Retain:
    """The hook behind ``retain_grad``: it must not keep the tensor alive."""

    def __init__(self, ref: Any) -> None:
        self.ref = ref

    def __call__(self, grad: Tensor) -> None:
        x = self.ref()
        if x is not None:
            x._grad = s.copy(grad) if x._grad is None else x._grad + grad  # the walk goes on with its own array


def _become(x: Tensor, result: Tensor) -> Tensor:
    """``x`` takes over the value and the history of ``result``."""
    if result._value.shape != x._value.shape:
        raise ShapeError(f"in-place: a result of shape {tuple(result.shape)} does not fit into {tuple(x.shape)}")
    if result_dtype([result._value]).kind == "f" and x._value.dtype.kind != "f":
        raise DtypeError(f"in-place: a {result.dtype} result can't be stored in a tensor of dtype {x.dtype}")
    return overwrite(x, result._value, edge_of(result) if state.recording else None)


def install() -> None:
    """Put every method on Tensor."""
    own = {"__module__", "__qualname__", "__doc__", "__slots__", "__dict__", "__weakref__"}
    for name, method in vars(TensorMethods).items():
        if name not in own:
            setattr(Tensor, name, method)
    Tensor.stack = staticmethod(shaping.stack)  # type: ignore[attr-defined]


install()

__all__ = ["TensorMethods"]
