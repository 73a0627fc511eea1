"""What a Tensor tells of itself, its gradient's path, and conversions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import backward as engine
from ...core.dtypes import as_numpy_dtype, dtype
from ...core.hooks import RemovableHandle, add_hook
from ...core.tape import LEAF, edge_of, mark_changed
from ...core.tensor import Size, Tensor
from ...errors import AutogradError, DtypeError, ShapeError
from .. import comparing, complex_numbers, creation, drawing, elementwise, shaping
from .. import shape as s
from ..base import convert
from ..dims import one_dim
from .binding import function

e = elementwise


class _Retain:
    """The hook behind ``retain_grad``: it must not keep the tensor alive."""

    def __init__(self, ref: Any) -> None:
        self.ref = ref

    def __call__(self, grad: Tensor) -> None:
        x = self.ref()
        if x is not None:
            x._grad = s.copy(grad) if x._grad is None else x._grad + grad  # the walk goes on with its own array


class Information:
    """What a tensor is, its place on the tape, and its conversions."""

    __slots__ = ()

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
        value = self._value
        return value if type(value) is np.ndarray else np.asarray(value)

    def size(self: Any, dim: int | None = None) -> Any:
        """The shape, or the size along ``dim``."""
        shape = self._value.shape
        return Size(shape) if dim is None else shape[one_dim(dim, len(shape), "size")]

    def dim(self: Any) -> int:
        """The number of dimensions."""
        return int(self._value.ndim)

    ndimension = dim
    numel = nelement = function(comparing.numel)
    stride = function(shaping.stride)

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

    is_signed = function(comparing.is_signed)
    is_nonzero = function(comparing.is_nonzero)
    is_same_size = function(comparing.is_same_size)

    def storage_offset(self: Any) -> int:
        """The place of the first element in the memory that the tensor shares, counted in elements."""
        base = self._value
        while isinstance(base.base, np.ndarray):
            base = base.base
        return int((self._value.ctypes.data - base.ctypes.data) // self._value.itemsize)

    def is_set_to(self: Any, tensor: Tensor) -> bool:
        """Whether both are the same view of the same memory."""
        a, b = self._value, tensor._value
        return bool(a.ctypes.data == b.ctypes.data and a.shape == b.shape and a.strides == b.strides)

    def is_shared(self: Any) -> bool:
        """False: workers receive copies."""
        return False

    def is_inference(self: Any) -> bool:
        """False: tensors made under ``inference_mode`` are ordinary ones."""
        return False

    def is_conj(self: Any) -> bool:
        """False: there are no complex tensors."""
        return False

    is_neg = is_conj

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

    @property
    def imag(self: Any) -> Tensor:
        return complex_numbers.imag(self)

    def _complex(self: Any) -> Tensor:
        """Refused: there are no complex tensors."""
        raise DtypeError("complex numbers are not supported; keep the real and imaginary parts in two tensors")

    cfloat = cdouble = chalf = _complex

    def apply_(self: Any, callable: Any) -> Tensor:
        """Each element becomes ``callable(element)``; slow, and not recorded."""
        if self.requires_grad:
            raise AutogradError("apply_: this tensor requires grad; call it under no_grad or on x.detach()")
        self._value[...] = np.vectorize(callable, otypes=[self._value.dtype])(self._value) if self._value.size else 0
        mark_changed(self)
        return self

    def conj(self: Any) -> Tensor:
        """This tensor: its elements are real."""
        return self

    conj_physical = resolve_conj = resolve_neg = conj

    @property
    def real(self: Any) -> Tensor:
        return self

    def bernoulli(self: Any, p: Any = None, *, generator: Any = None) -> Tensor:
        """1 with the probability that each element (or ``p``) says, else 0."""
        return drawing.bernoulli(self, p, generator=generator)

    def multinomial(self: Any, num_samples: Any, replacement: Any = False, *, generator: Any = None) -> Tensor:
        """Positions drawn with the elements as weights; see ``multinomial``."""
        return drawing.multinomial(self, num_samples, replacement, generator=generator)

    def new_tensor(
        self: Any, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """A new tensor of this one's dtype."""
        return creation.tensor(data, dtype=dtype or self.dtype, requires_grad=requires_grad)

    def new_zeros(self: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Tensor:
        """Zeros of this tensor's dtype."""
        return creation.resembling(self, creation.zeros(*size, dtype=dtype or self.dtype), requires_grad)

    def new_ones(self: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Tensor:
        """Ones of this tensor's dtype."""
        return creation.resembling(self, creation.ones(*size, dtype=dtype or self.dtype), requires_grad)

    def new_empty(self: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Tensor:
        """An unset tensor of this one's dtype."""
        return creation.resembling(self, creation.empty(*size, dtype=dtype or self.dtype), requires_grad)

    def new_full(
        self: Any, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """One number in this tensor's dtype."""
        return creation.resembling(self, creation.full(size, fill_value, dtype=dtype or self.dtype), requires_grad)

    # -- transposes ---------------------------------------------------------------------------------------

    @property
    def T(self: Any) -> Tensor:  # noqa: N802 - PyTorch's name
        return s.permute(self, dims=tuple(range(self._value.ndim))[::-1])

    @property
    def H(self: Any) -> Tensor:  # noqa: N802 - PyTorch's name
        return shaping.t(self)

    @property
    def mH(self: Any) -> Tensor:  # noqa: N802 - PyTorch's name
        return shaping.transpose(self, -2, -1)

    def adjoint(self: Any) -> Tensor:
        """Each matrix transposed."""
        return shaping.transpose(self, -2, -1)

    @property
    def mT(self: Any) -> Tensor:  # noqa: N802 - PyTorch's name
        return shaping.transpose(self, -2, -1)
