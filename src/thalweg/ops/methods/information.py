"""What a Tensor tells of itself, its gradient's path, and conversions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import backward as engine
from ...core.hooks import RemovableHandle, add_hook
from ...core.layouts import check_memory_format, contiguous_format
from ...core.tape import LEAF, edge_of, mark_changed
from ...core.tensor import Size, Tensor
from ...errors import AutogradError, ShapeError
from .. import comparing, creation, drawing, elementwise, shaping
from .. import shape as s
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

    def is_contiguous(self: Any, memory_format: Any = contiguous_format) -> bool:
        """Whether the elements lie in memory without gaps, in row-major order (or with the channels last)."""
        check_memory_format(memory_format, self._value.ndim, "is_contiguous")
        channels_first = memory_format is contiguous_format
        return bool((self._value if channels_first else np.moveaxis(self._value, 1, -1)).flags.c_contiguous)

    def contiguous(self: Any, memory_format: Any = contiguous_format) -> Tensor:
        """This tensor if it is contiguous, else a copy that is: in row-major order, whatever the memory format."""
        check_memory_format(memory_format, self._value.ndim, "contiguous")
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

    # -- new tensors of the same dtype ---------------------------------------------------------------------

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

    def new(self: Any, *args: Any) -> Tensor:
        """A tensor of this one's dtype: of the given sizes and not set, or with the given data; an older form."""
        if all(isinstance(n, int) for n in args):
            return creation.empty(*(args or (0,)), dtype=self.dtype)
        if len(args) == 1 and isinstance(args[0], Size):
            return creation.empty(args[0], dtype=self.dtype)
        return creation.tensor(args[0], dtype=self.dtype)

    def new_tensor(
        self: Any, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """A new tensor of this one's dtype."""
        return creation.tensor(data, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)

    def new_zeros(self: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Tensor:
        """Zeros of this tensor's dtype."""
        return creation.resembling(self, creation.zeros(*size, dtype=dtype or self.dtype, device=device), requires_grad)

    def new_ones(self: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Tensor:
        """Ones of this tensor's dtype."""
        return creation.resembling(self, creation.ones(*size, dtype=dtype or self.dtype, device=device), requires_grad)

    def new_empty(self: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Tensor:
        """An unset tensor of this one's dtype."""
        return creation.resembling(self, creation.empty(*size, dtype=dtype or self.dtype, device=device), requires_grad)

    def new_full(
        self: Any, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """One number in this tensor's dtype."""
        full = creation.full(size, fill_value, dtype=dtype or self.dtype, device=device)
        return creation.resembling(self, full, requires_grad)

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
