"""From a list of samples to a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap
from ...errors import DataError, ShapeError
from ...ops.creation import from_numpy, tensor
from ...ops.shaping import stack

__all__ = ["default_collate", "default_convert"]


def default_collate(batch: Sequence[Any]) -> Any:
    """The samples of a batch as one structure of the same kind, with the batch as first axis.

    ===============================  ==============================================
    samples                          batch
    ===============================  ==============================================
    tensors, arrays of one shape     a tensor, stacked along a new first axis
    Python or NumPy numbers          a 1-d tensor: float64, int64, bool, or NumPy's dtype
    str, bytes                       the list of them; the tuple, if they come out of tuples or lists
    dicts                            a dict of batches, by the first sample's keys
    named tuples                     a named tuple of batches
    tuples, lists                    a list of batches, one for each position
    ===============================  ==============================================

    Raises:
        ShapeError: tensors or arrays of unequal shapes.
        DataError: no samples; sequences of unequal lengths; a dict without one of the first one's keys.
        TypeError: samples of any other kind.

    >>> from thalweg.utils.data import default_collate
    >>> default_collate([{"x": 1.5, "name": "a"}, {"x": 2.5, "name": "b"}])
    {'x': tensor([1.5000, 2.5000], dtype=thalweg.float64), 'name': ['a', 'b']}
    >>> default_collate([(1, "x"), (2, "y")])
    [tensor([1, 2]), ('x', 'y')]
    """
    if not isinstance(batch, (list, tuple)):
        batch = list(batch)
    if not batch:
        raise DataError("default_collate: a batch of no samples has no structure; use batch sizes above 0")
    first = batch[0]
    if isinstance(first, Tensor):
        return _stack(batch)
    if isinstance(first, (np.ndarray, np.generic)):
        return _stack([_from_array(array) for array in batch])
    if isinstance(first, float):
        return from_numpy(np.array(batch, np.float64))
    if isinstance(first, int):  # bools too
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _rebuild(first, {key: default_collate(_values_of(batch, key)) for key in first})
    if isinstance(first, Sequence):
        columns = [default_collate(column) for column in _columns(batch)]
        return type(first)(*columns) if _is_named(first) else columns
    raise TypeError(
        f"default_collate: samples must be tensors, NumPy arrays, numbers, strings, dicts, tuples or lists, "
        f"not {type(first).__name__}; pass collate_fn= to the DataLoader"
    )


def default_convert(data: Any) -> Any:
    """NumPy arrays and numbers within ``data`` as tensors, without copying; all else, and strings, as they are.

    >>> import numpy as np
    >>> from thalweg.utils.data import default_convert
    >>> default_convert([np.array([1, 2]), "a"])
    [tensor([1, 2]), 'a']
    """
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "USO" else _from_array(data)
    if isinstance(data, Mapping):
        return _rebuild(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple):
        values = [default_convert(value) for value in data]
        return type(data)(*values) if _is_named(data) else values
    if isinstance(data, list):
        return [default_convert(value) for value in data]
    return data


def _stack(samples: Sequence[Any]) -> Tensor:
    shape = samples[0].shape
    for i, sample in enumerate(samples):
        if not isinstance(sample, Tensor):
            raise TypeError(
                f"default_collate: sample 0 of the batch is a tensor or array, sample {i} of {type(sample).__name__}"
            )
        if sample.shape != shape:
            raise ShapeError(
                f"default_collate: samples of one batch must have equal shapes; sample 0 has {tuple(shape)}, "
                f"sample {i} has {tuple(sample.shape)}; pad them in a collate_fn= of your own"
            )
    dtype = samples[0]._value.dtype
    if any(sample.requires_grad or sample._value.dtype != dtype for sample in samples):
        return stack(samples)
    return wrap(np.stack([sample._value for sample in samples]))


def _from_array(array: Any) -> Any:
    if not isinstance(array, (np.ndarray, np.generic)):
        return array  # _stack names it
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"default_collate: arrays of numbers or bools can become tensors, not of {array.dtype}; convert them, "
            "or pass collate_fn= to the DataLoader"
        )
    return from_numpy(np.asarray(array))


def _values_of(batch: Sequence[Any], key: Any) -> list[Any]:
    try:
        return [sample[key] for sample in batch]
    except (KeyError, TypeError):
        i = next(i for i, sample in enumerate(batch) if not isinstance(sample, Mapping) or key not in sample)
        raise DataError(f"default_collate: sample {i} of the batch has no key {key!r}, sample 0 has") from None


def _columns(batch: Sequence[Any]) -> Iterable[Any]:
    lengths = [len(sample) for sample in batch]
    for i, length in enumerate(lengths):
        if length != lengths[0]:
            raise DataError(
                f"default_collate: samples of one batch must have equally many elements; sample 0 has {lengths[0]}, "
                f"sample {i} has {length}"
            )
    return zip(*batch, strict=True)


def _rebuild(like: Mapping[Any, Any], values: dict[Any, Any]) -> Any:
    """``values`` as the same kind of mapping, or as a dict where that can't be made of one."""
    try:
        return type(like)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def _is_named(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")
