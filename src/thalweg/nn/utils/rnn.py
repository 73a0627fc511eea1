"""Sequences of different lengths: padded to one tensor, or packed without padding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from ...core.tensor import Tensor, wrap
from ...core.value import SymbolicValue
from ...errors import ArgumentError, ShapeError
from ...ops.broadcast import reshape
from ...ops.index import index_put, take
from ...ops.shape import permute
from ...ops.shaping import cat, narrow, select

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class _Layout(NamedTuple):
    """What a PackedSequence's tensors of integers hold."""

    batch_sizes: Any
    order: Any
    back: Any


class PackedSequence(_Packed):
    """Sequences, sorted by length, without padding: the elements of all at time 0, then of all at time 1, and so on.

    Attributes:
        data: (total of the lengths, ...).
        batch_sizes: (longest length,) integers: how many sequences have an element at each time.
        sorted_indices, unsorted_indices: the order of the packed sequences in the original ones, and back; None if
            they were sorted already.
    """

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if batch_sizes is None:
            raise ArgumentError("PackedSequence: batch_sizes is needed; pack_padded_sequence computes it")
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    known: _Layout | None = None

    def layout(self) -> _Layout:
        """The numbers behind the tensors, known while a function is traced if it packed the sequence itself."""
        if self.known is None:
            order, back = self.sorted_indices, self.unsorted_indices
            self.known = _Layout(
                _numbers(self.batch_sizes, "PackedSequence"),
                None if order is None else _numbers(order, "PackedSequence"),
                None if back is None else _numbers(back, "PackedSequence"),
            )
        return self.known

    def with_data(self, data: Tensor) -> PackedSequence:
        """The same sequences with other elements."""
        packed = PackedSequence(data, *self[1:])
        packed.known = self.known
        return packed

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with its data converted, as ``Tensor.to`` does."""
        return self.with_data(self.data.to(*args, **kwargs))

    def double(self) -> PackedSequence:
        """The same with data in float64."""
        return self.with_data(self.data.double())

    def float(self) -> PackedSequence:
        """The same with data in float32."""
        return self.with_data(self.data.float())

    def cpu(self) -> PackedSequence:
        """This sequence: the CPU is the only device."""
        return self

    @property
    def is_cuda(self) -> bool:
        """False: the CPU is the only device."""
        return False


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The order that undoes ``permutation``."""
    return None if permutation is None else wrap(np.argsort(_numbers(permutation, "invert_permutation")))


def _numbers(x: Any, name: str) -> Any:
    """Integers as an array; while a function is traced they must be known."""
    value = x._value if isinstance(x, Tensor) else np.asarray(x)
    if isinstance(value, SymbolicValue):
        raise ArgumentError(f"{name}: lengths must be known when a function is compiled; pass them as Python numbers")
    return value.astype(np.int64)


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """The sequences of a padded batch, without the padding.

    input : (longest length, n, ...), or (n, longest length, ...) with ``batch_first``; lengths : n integers, falling
    unless ``enforce_sorted`` is False

    Raises:
        ShapeError: a length is not positive or greater than there is.
        ArgumentError: the lengths rise in spite of ``enforce_sorted``.

    >>> import thalweg as tw
    >>> x = tw.tensor([[1, 2, 3], [4, 5, 0]])
    >>> packed = tw.nn.utils.rnn.pack_padded_sequence(x, [3, 2], batch_first=True)
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 5, 3]), tensor([2, 2, 1]))
    """
    sizes = _numbers(lengths, "pack_padded_sequence")
    if batch_first:
        input = permute(input, dims=(1, 0, *range(2, input._value.ndim)))
    order = None
    if not enforce_sorted:
        order = np.argsort(-sizes, kind="stable")
        sizes = sizes[order]
        input = take(input, order, pattern=(slice(None), "array"))
    steps, n = input._value.shape[:2]
    if sizes.shape != (n,) or (n and (sizes.min() <= 0 or sizes.max() > steps)):
        raise ShapeError(f"pack_padded_sequence: lengths must be {n} numbers from 1 to {steps}, got {sizes.tolist()}")
    if (np.diff(sizes) > 0).any():
        raise ArgumentError("pack_padded_sequence: lengths must not rise; pass enforce_sorted=False")
    time, sample, batch_sizes = _places(sizes)
    data = take(input, time, sample, pattern=("array", "array"))
    back = None if order is None else np.argsort(order)
    tensors = (None if places is None else wrap(places) for places in (order, back))
    packed = PackedSequence(data, wrap(batch_sizes), *tensors)
    packed.known = _Layout(batch_sizes, order, back)
    return packed


def _places(sizes: Any) -> tuple[Any, Any, Any]:
    """(time, sample) of each packed element, and the number of samples at each time."""
    times = np.arange(int(sizes.max()) if sizes.size else 0)
    present = sizes[None, :] > times[:, None]
    time, sample = np.nonzero(present)
    return time, sample, present.sum(1)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The inverse of ``pack_padded_sequence``: the padded batch, in its original order, and the lengths.

    ``total_length`` pads to more than the longest length.

    Raises:
        ShapeError: ``total_length`` is less than the longest length.
    """
    padded, sizes = padded_steps(sequence, padding_value, total_length)
    back = sequence.layout().back
    if back is not None:
        padded, sizes = take(padded, back, pattern=(slice(None), "array")), sizes[back]
    if batch_first:
        padded = permute(padded, dims=(1, 0, *range(2, padded._value.ndim)))
    return padded, wrap(sizes)


def padded_steps(
    sequence: PackedSequence, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Any]:
    """The packed elements as (time, n, ...), samples in packed order, and their lengths."""
    batch_sizes = sequence.layout().batch_sizes
    n, longest = int(batch_sizes[0]), len(batch_sizes)
    if total_length is not None and total_length < longest:
        raise ShapeError(f"pad_packed_sequence: total_length {total_length} is less than the longest, {longest}")
    sizes = (batch_sizes[:, None] > np.arange(n)).sum(0)
    time, sample, _ = _places(sizes)
    data = sequence.data
    shape = (longest if total_length is None else total_length, n, *data._value.shape[1:])
    empty = wrap(np.full(shape, padding_value, data._value.dtype))
    padded = index_put(empty, data, time, sample, pattern=("array", "array"), accumulate=False)
    return padded, sizes


def pad_sequence(
    sequences: Sequence[Tensor] | Tensor,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences (length, ...) of different lengths as one tensor (longest, n, ...), or (n, longest, ...).

    >>> import thalweg as tw
    >>> tw.nn.utils.rnn.pad_sequence([tw.tensor([1, 2]), tw.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if padding_side not in ("left", "right"):
        raise ArgumentError(f'pad_sequence: padding_side must be "left" or "right", not {padding_side!r}')
    parts = list(sequences)
    if not parts:
        raise ShapeError("pad_sequence: expects at least one sequence")
    longest = max(p._value.shape[0] for p in parts)
    rest = parts[0]._value.shape[1:]
    rows = []
    for p in parts:
        missing = longest - p._value.shape[0]
        if p._value.shape[1:] != rest:
            raise ShapeError(f"pad_sequence: shapes {tuple(parts[0].shape)} and {tuple(p.shape)} differ in more")
        if missing:
            border = wrap(np.full((missing, *rest), padding_value, p._value.dtype))
            p = cat([p, border] if padding_side == "right" else [border, p])
        rows.append(reshape(p, shape=(1, longest, *rest) if batch_first else (longest, 1, *rest)))
    return cat(rows, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded batch, each with its own length; see ``pad_sequence``."""
    sizes = _numbers(lengths, "unpad_sequence")
    axis = 0 if batch_first else 1
    return [narrow(select(padded_sequences, axis, i), 0, 0, int(n)) for i, n in enumerate(sizes)]


def pack_sequence(sequences: Iterable[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (length, ...) packed; falling lengths unless ``enforce_sorted`` is False."""
    parts = list(sequences)
    lengths = [int(p._value.shape[0]) for p in parts]
    return pack_padded_sequence(pad_sequence(parts), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The inverse of ``pack_sequence``."""
    padded, sizes = padded_steps(packed_sequences)
    back = packed_sequences.layout().back
    order = range(len(sizes)) if back is None else back
    return [narrow(select(padded, 1, int(i)), 0, 0, int(sizes[i])) for i in order]
