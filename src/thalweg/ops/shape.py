"""Rearranging elements: views (permute, index), and copies (flip, cat, pad)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.primitive import Primitive, ViewPrimitive
from ..errors import ShapeError
from .broadcast import aligned, expand, reshape, shifted, spread, sum_to

__all__ = ["after", "cat", "copy", "embed", "expand", "flip", "index", "pad", "permute", "reshape", "view_scatter"]


class Permute(ViewPrimitive):
    """The axes in the order ``dims``, without a copy."""

    linear = True

    def forward(self, x: Any, dims: tuple[int, ...]) -> Any:
        return x.transpose(dims)

    def shape(self, x: Any, dims: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(x.shape[i] for i in dims)

    def batch(self, size: int, inputs: Any, batched: Any, dims: tuple[int, ...]) -> Any:
        return permute(inputs[0], dims=(0, *shifted(dims)))

    def pullback_0(self, dy: Any, y: Any, x: Any, dims: tuple[int, ...]) -> Any:
        inverse = [0] * len(dims)
        for i, d in enumerate(dims):
            inverse[d] = i
        return permute(dy, dims=tuple(inverse))


class Index(ViewPrimitive):
    """x[index] for a tuple of ints, slices, None and Ellipsis: a view."""

    outlines = True
    linear = True

    def forward(self, x: Any, index: tuple[Any, ...]) -> Any:
        y = x[index]
        return y if isinstance(y, np.ndarray) else x[(*index, Ellipsis)]  # a 0-d view, not a scalar

    def shape(self, x: Any, index: tuple[Any, ...]) -> tuple[int, ...]:
        return tuple(np.broadcast_to(np.zeros((), bool), x.shape)[index].shape)  # touches no memory

    def batch(self, size: int, inputs: Any, batched: Any, index: tuple[Any, ...]) -> Any:
        return _index(inputs[0], index=(slice(None), *index))

    def pullback_0(self, dy: Any, y: Any, x: Any, index: tuple[Any, ...]) -> Any:
        return embed(dy, index=index, shape=x.shape)


class Embed(Primitive):
    """Zeros of ``shape`` with ``x`` at ``index``: the adjoint of a basic index."""

    linear = True

    def forward(self, x: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
        y = np.zeros(shape, x.dtype)
        y[index] = x
        return y

    def shape(self, x: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def batch(self, size: int, inputs: Any, batched: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
        return embed(inputs[0], index=(slice(None), *index), shape=(size, *shape))

    def pullback_0(self, dy: Any, y: Any, x: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
        return _index(dy, index=index)

    def lower(self, code: Any, x: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> None:
        code.fill(code.out, 0)
        code.copy(x, code.out.part(*index))


class ViewScatter(Primitive):
    """``base`` with ``value`` written through a view of it: what an in-place change of a view does to the base.

    ``steps`` are the (primitive, params) that lead from the base to the view.
    """

    arity = 2
    outlines = True
    linear = True

    def forward(self, base: Any, value: Any, steps: tuple[Any, ...]) -> Any:
        y = np.array(base, order="C")
        view = _follow(y, steps)
        if np.may_share_memory(view, y):
            view[...] = value
        else:  # in this memory order a reshape had to copy: write by position instead
            places = _follow(np.arange(y.size).reshape(y.shape), steps)
            y.reshape(-1)[places] = value
        return y

    def shape(self, base: Any, value: Any, steps: tuple[Any, ...]) -> tuple[int, ...]:
        return tuple(base.shape)

    def batch(self, size: int, inputs: Any, batched: Any, steps: tuple[Any, ...]) -> Any:
        """Written by the positions that the view shows."""
        from .index import index_put  # which needs this module

        base, value = inputs
        shape = base.shape[batched[0] :]
        n = math.prod(shape)
        places = _follow(np.arange(n).reshape(shape), steps)
        flat = reshape(spread(base, size, batched[0]), shape=(size, n))
        value = aligned(value, places.ndim) if batched[1] else value
        written = index_put(flat, value, places, pattern=(slice(None), "array"), accumulate=False)
        return reshape(written, shape=(size, *shape))

    def pullback_0(self, dy: Any, y: Any, base: Any, value: Any, steps: tuple[Any, ...]) -> Any:
        return view_scatter(dy, 0.0, steps=steps)

    def pullback_1(self, dy: Any, y: Any, base: Any, value: Any, steps: tuple[Any, ...]) -> Any:
        for primitive, params in steps:
            dy = primitive(dy, **params)
        return sum_to(dy, value.shape)

    def lower(self, code: Any, base: Any, value: Any, steps: tuple[Any, ...]) -> None:
        code.copy(base, code.out)
        view = code.out
        for primitive, params in steps:
            view = view and view.seen(primitive, **params)
        if view is not None:
            code.copy(value, view)
            return
        places = code.constant(_follow(np.arange(code.out.size).reshape(base.shape), steps))
        flat = code.out.seen(reshape, shape=(code.out.size,))
        with code.each(places.shape) as position:
            to = code.position(places, flat.size, *position)
            number = isinstance(value, (int, float))
            code.store(value if number else code.load(value.expanded(places.shape), *position), flat, to)


def _follow(x: Any, steps: tuple[Any, ...]) -> Any:
    for primitive, params in steps:
        x = primitive.forward(x, **params)
    return x


class Copy(Primitive):
    """The same values in memory of their own."""

    linear = True

    def forward(self, x: Any) -> Any:
        return np.array(x, order="C")

    def shape(self, x: Any) -> tuple[int, ...]:
        return tuple(x.shape)

    def batch(self, size: int, inputs: Any, batched: Any) -> Any:
        return copy(inputs[0])

    def compose(self, x: Any) -> Any:
        return x  # where memory is assigned later, values need no copies

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        return dy


class After(Primitive):
    """``x``, not before the others are known: what is computed from it is computed again, and late.

    x : any shape, others : any shapes  ->  x. A compiler joins equal values, and computes them when it can; this keeps
    apart what is repeated to save memory.
    """

    arity = None

    def forward(self, x: Any, *others: Any) -> Any:
        return np.array(x, order="C")

    def shape(self, x: Any, *others: Any) -> tuple[int, ...]:
        return tuple(x.shape)

    def batch(self, size: int, inputs: tuple[Any, ...], batched: tuple[bool, ...]) -> Any:
        x, *others = inputs
        return self(x if batched[0] else expand(x, shape=(size, *x.shape)), *others)

    def pullback_0(self, dy: Any, y: Any, x: Any, *others: Any) -> Any:
        return dy

    def pullback(self, edges: Any, dy: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        return [dy, *(None for _ in inputs[1:])]

    def lower(self, code: Any, x: Any, *others: Any) -> None:
        code.copy(x, code.out)


class Flip(Primitive):
    """The elements in reverse order along ``dims``; a copy, as in PyTorch."""

    linear = True

    def forward(self, x: Any, dims: tuple[int, ...]) -> Any:
        return np.flip(x, dims).copy()

    def shape(self, x: Any, dims: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(x.shape)

    def batch(self, size: int, inputs: Any, batched: Any, dims: tuple[int, ...]) -> Any:
        return flip(inputs[0], dims=shifted(dims))

    def pullback_0(self, dy: Any, y: Any, x: Any, dims: tuple[int, ...]) -> Any:
        return flip(dy, dims=dims)

    def by_rows(self, x: Any, dims: tuple[int, ...]) -> Any:
        return ((True,), {"dims": tuple(i - 1 for i in dims)}) if 0 not in dims else None

    def lower(self, code: Any, x: Any, dims: tuple[int, ...]) -> None:
        code.copy(x.reversed(dims), code.out)


class Cat(Primitive):
    """The inputs one after the other along ``dim``; their other sizes must be equal."""

    arity = None
    outlines = True
    linear = True

    def forward(self, *inputs: Any, dim: int) -> Any:
        return np.concatenate(inputs, axis=dim)

    def shape(self, *inputs: Any, dim: int) -> tuple[int, ...]:
        first = inputs[0].shape
        for i, x in enumerate(inputs):
            if len(x.shape) != len(first) or any(
                n != m for k, (n, m) in enumerate(zip(x.shape, first, strict=True)) if k != dim
            ):
                raise ShapeError(
                    f"cat: tensor {i} has shape {tuple(x.shape)}, tensor 0 {tuple(first)}; "
                    f"all sizes except along dim {dim} must be equal"
                )
        return (*first[:dim], sum(x.shape[dim] for x in inputs), *first[dim + 1 :])

    def batch(self, size: int, inputs: Any, batched: Any, dim: int) -> Any:
        return cat(*(spread(x, size, b) for x, b in zip(inputs, batched, strict=True)), dim=dim + 1)

    def pullback_0(self, dy: Any, y: Any, x: Any, dim: int) -> Any:
        return dy  # of one tensor

    def pullback(self, edges: Any, dy: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        dim, start = params["dim"], 0
        cotangents = []
        for edge, x in zip(edges, inputs, strict=True):
            end = start + x.shape[dim]
            part = (slice(None),) * dim + (slice(start, end),)
            cotangents.append(None if edge is None else _index(dy, index=part))
            start = end
        return cotangents

    def by_rows(self, *inputs: Any, dim: int) -> Any:
        return ((True,) * len(inputs), {"dim": dim - 1}) if dim > 0 else None

    def lower(self, code: Any, *inputs: Any, dim: int) -> None:
        start = 0
        for x in inputs:
            end = start + x.shape[dim]
            code.copy(x, code.out.part(*(slice(None),) * dim, slice(start, end)))
            start = end


class Pad(Primitive):
    """``x`` within a border of the constant ``value``; ``widths`` holds (before, after) for each axis, >= 0."""

    outlines = True

    def forward(self, x: Any, widths: tuple[tuple[int, int], ...], value: float) -> Any:
        return np.pad(x, widths, constant_values=value)

    def shape(self, x: Any, widths: tuple[tuple[int, int], ...], value: float) -> tuple[int, ...]:
        return tuple(n + a + b for n, (a, b) in zip(x.shape, widths, strict=True))

    def batch(self, size: int, inputs: Any, batched: Any, widths: tuple[tuple[int, int], ...], value: float) -> Any:
        return pad(inputs[0], widths=((0, 0), *widths), value=value)

    def pushforward(self, tangents: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        return pad(tangents[0], widths=params["widths"], value=0.0)

    def pullback_0(self, dy: Any, y: Any, x: Any, widths: tuple[tuple[int, int], ...], value: float) -> Any:
        return _index(dy, index=tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True)))

    def by_rows(self, x: Any, widths: tuple[tuple[int, int], ...], value: float) -> Any:
        return ((True,), {"widths": widths[1:], "value": value}) if widths and widths[0] == (0, 0) else None

    def lower(self, code: Any, x: Any, widths: tuple[tuple[int, int], ...], value: float) -> None:
        for axis, (before, after) in enumerate(widths):  # the borders that no axis before has filled
            inner = [slice(a, a + n) for n, (a, _) in zip(x.shape[:axis], widths[:axis], strict=True)]
            end = before + x.shape[axis]
            code.fill(code.out.part(*inner, slice(0, before)), value)
            code.fill(code.out.part(*inner, slice(end, end + after)), value)
        inside = tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True))
        code.copy(x, code.out.part(*inside))


permute, flip, cat, pad, copy, after = Permute(), Flip(), Cat(), Pad(), Copy(), After()
index = _index = Index()  # the second name is for rules with a parameter called index
embed, view_scatter = Embed(), ViewScatter()
