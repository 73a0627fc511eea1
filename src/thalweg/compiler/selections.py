"""Indexing by integer arrays as loops: where each position of the arrays leads, by NumPy's rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .moves import Moves, View

__all__ = ["selected"]


@contextmanager
def selected(code: Moves, x: View, indices: Any, pattern: tuple[Any, ...], y: Any) -> Iterator[tuple[View, Any]]:
    """A loop over the index arrays: the part of ``x`` at their positions, and the part of ``y`` that belongs to it.

    ``y`` is a view that broadcasts to the shape of ``x[index]``, or a number. A single number in the pattern counts
    as an array if there are arrays. Where all of these are neighbours their axes stand in their place in the result,
    otherwise in front.
    """
    keys = spelled_out(pattern, x.ndim)
    arrays = iter(indices)
    advanced = any(isinstance(k, str) for k in keys)
    basic: list[Any] = []  # the index that leaves the other axes
    found: list[tuple[View, int, int]] = []  # for each array: itself, the size and the stride of its axis
    places: list[int] = []
    axis = 0
    for i, k in enumerate(keys):
        if k is None or isinstance(k, slice):
            basic.append(k)
        elif isinstance(k, str):
            found.append((next(arrays), x.shape[axis], x.strides[axis]))
            places.append(i)
            basic.append(0)
        else:
            if advanced:
                places.append(i)
            basic.append(k)
        axis += k is not None
    shape = np.broadcast_shapes(*(array.shape for array, _, _ in found))
    rest = x.part(*basic) if basic else x
    first = len([k for k in basic[: places[0]] if k is None or isinstance(k, slice)]) if places else 0
    if places and places[-1] - places[0] != len(places) - 1:
        first = 0
    whole = (*rest.shape[:first], *shape, *rest.shape[first:])
    if not isinstance(y, (int, float)):
        y = y.expanded(whole) if y.ndim <= len(whole) else y.part(*[0] * (y.ndim - len(whole))).expanded(whole)
        among = range(first, first + len(shape))
        y = y.permuted(*among, *(i for i in range(len(whole)) if i not in among))
    with code.each(shape) as position:
        place = rest
        for array, n, step in found:
            place = code.shifted(place, code.position(array.expanded(shape), n, *position), step)
        yield place, y if isinstance(y, (int, float)) else code.at(y, *position)


def spelled_out(pattern: tuple[Any, ...], rank: int) -> list[Any]:
    """A pattern with one key for each axis, and None for each new one."""
    given = sum(1 for k in pattern if k is not None and k is not Ellipsis)
    full: list[Any] = []
    for k in pattern:
        full.extend([slice(None)] * (rank - given) if k is Ellipsis else [k])
    return full + [slice(None)] * (rank - sum(1 for k in full if k is not None))
