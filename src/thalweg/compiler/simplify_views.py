"""Rules of views and of what is put together from pieces."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.primitive import Primitive
from ..ops.broadcast import expand, reshape
from ..ops.elementwise import add
from ..ops.shape import cat, embed, flip, index, pad, permute, view_scatter
from .graph import Node
from .simplify_algebra import is_op, is_positive_zero
from .simplify_regions import Axis, as_index, disjoint, nested, regions, relative, sizes, within
from .simplify_rewriter import Rewriter, on


def aligned(shape: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """``shape`` with leading axes of size 1 up to ``ndim``."""
    return (1,) * (ndim - len(shape)) + shape


def without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes other than 1."""
    return tuple(n for n in shape if n != 1)


# -- reshape, permute, expand ------------------------------------------------------------------------------


@on(reshape)
def reshape_again(node: Node, rewrite: Rewriter) -> Any:
    """Only the last of several reshapes counts; one to the shape that it has does nothing."""
    (x,) = node.inputs
    if x.shape == node.shape:
        return x
    if x.op is reshape:
        return rewrite.make(reshape, x.inputs[0], shape=node.shape)
    if x.op is permute and _keeps_order(x.params["dims"], x.inputs[0].shape):
        return rewrite.make(reshape, x.inputs[0], shape=node.shape)
    return None


def _keeps_order(dims: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a permutation moves axes of size 1 only."""
    moved = [d for d in dims if shape[d] != 1]
    return moved == sorted(moved)


@on(reshape)
def reshape_expanded(node: Node, rewrite: Rewriter) -> Any:
    """Axes of size 1 are added and removed before elements are repeated."""
    (x,) = node.inputs
    if x.op is not expand or (without_ones(x.shape) != without_ones(node.shape) and x.inputs[0].size != 1):
        return None
    source = x.inputs[0]
    if source.size == 1:
        return rewrite.make(expand, rewrite.make(reshape, source, shape=()), shape=node.shape)
    kept = iter([m for m, n in zip(aligned(source.shape, x.ndim), x.shape, strict=True) if n != 1])
    before = tuple(next(kept) if n != 1 else 1 for n in node.shape)
    return rewrite.make(expand, rewrite.make(reshape, source, shape=before), shape=node.shape)


@on(permute)
def permute_again(node: Node, rewrite: Rewriter) -> Any:
    """Permutations compose; one that leaves all axes in place does nothing."""
    (x,), dims = node.inputs, node.params["dims"]
    if dims == tuple(range(node.ndim)):
        return x
    if x.op is permute:
        return rewrite.make(permute, x.inputs[0], dims=tuple(x.params["dims"][d] for d in dims))
    if x.op is not expand:
        return None
    before = aligned(x.inputs[0].shape, x.ndim)
    if _keeps_order(dims, before):
        source = rewrite.make(reshape, x.inputs[0], shape=tuple(before[d] for d in dims))
    else:
        source = rewrite.make(permute, rewrite.make(reshape, x.inputs[0], shape=before), dims=dims)
    return rewrite.make(expand, source, shape=node.shape)


@on(expand)
def expand_again(node: Node, rewrite: Rewriter) -> Any:
    """Only the last of several expands counts; leading axes of size 1 need not be written."""
    (x,), shape = node.inputs, node.shape
    if x.shape == shape:
        return x
    if x.op is expand:
        return rewrite.make(expand, x.inputs[0], shape=shape)
    if x.op is reshape and aligned(x.inputs[0].shape, x.ndim) == x.shape and x.inputs[0].ndim < x.ndim:
        return rewrite.make(expand, x.inputs[0], shape=shape)
    if x.size == 1 and x.ndim:
        return rewrite.make(expand, rewrite.make(reshape, x, shape=()), shape=shape)
    return None


# -- basic indices -----------------------------------------------------------------------------------------


@on(index)
def plain_index(node: Node, rewrite: Rewriter) -> Any:
    """An index that takes everything is a reshape; others are written in one way, new axes as a reshape."""
    (x,), key = node.inputs, node.params["index"]
    if x.size == node.size and x.size:
        return rewrite.make(reshape, x, shape=node.shape)
    if None in [part for part in key if part is None]:
        taken = rewrite.make(index, x, index=tuple(part for part in key if part is not None))
        return rewrite.make(reshape, taken, shape=node.shape)
    place = regions(key, x.shape)
    if place is None or (len(key) == x.ndim and all(map(_same_part, as_index(place), key))):
        return None
    return rewrite.make(index, x, index=as_index(place))


def _same_part(a: Any, b: Any) -> bool:
    if type(a) is slice and type(b) is slice:
        return (a.start, a.stop, a.step) == (b.start, b.stop, b.step)
    return type(a) is type(b) and bool(a == b)


@on(index)
def index_of_view(node: Node, rewrite: Rewriter) -> Any:
    """An index of an index is one; of an expanded array it is taken before elements are repeated."""
    (x,) = node.inputs
    taken = regions(node.params["index"], x.shape)
    if taken is None:
        return None
    if x.op is index:
        outer = regions(x.params["index"], x.inputs[0].shape)
        return rewrite.make(index, x.inputs[0], index=as_index(nested(outer, taken))) if outer is not None else None
    if x.op is not expand:
        return None
    source = x.inputs[0]
    own = zip(taken[x.ndim - source.ndim :], source.shape, x.shape[x.ndim - source.ndim :], strict=True)
    before = tuple(a if m == n else Axis(range(1), a.kept) for a, m, n in own)
    return rewrite.make(expand, rewrite.make(index, source, index=as_index(before)), shape=node.shape)


@on(index)
def index_of_pieces(node: Node, rewrite: Rewriter) -> Any:
    """What was written is read from where it came; what was not, from below."""
    (x,) = node.inputs
    taken = regions(node.params["index"], x.shape)
    if taken is None:
        return None
    start = x
    while (place := _written(x)) is not None:
        if disjoint(taken, place):
            if x.op is embed:
                return rewrite.full(0, node.shape, node.dtype)
            x = x.inputs[0]
        elif within(taken, place):
            value = rewrite.fit(x.inputs[0 if x.op is embed else 1], sizes(place), x.dtype)
            part = rewrite.make(index, value, index=as_index(relative(taken, place)))
            return rewrite.make(reshape, part, shape=node.shape)
        else:
            break
    return rewrite.make(index, x, index=as_index(taken)) if x is not start else None


def _written(x: Node) -> Any:
    """The regions that an embed or a view_scatter by index writes; None for other nodes."""
    if x.op is embed:
        return regions(x.params["index"], x.shape)
    if x.op is view_scatter:
        steps = x.params["steps"]
        if len(steps) == 1 and steps[0][0] is index:
            return regions(steps[0][1]["index"], x.shape)
    return None


@on(index)
def index_of_cat(node: Node, rewrite: Rewriter) -> Any:
    """What lies within one of the pieces is read from it."""
    (x,) = node.inputs
    taken = regions(node.params["index"], x.shape) if x.op is cat else None
    if taken is None:
        return None
    dim = x.params["dim"]
    wanted, start = taken[dim].positions, 0
    for piece in x.inputs:
        end = start + piece.shape[dim]
        if wanted and start <= wanted[0] and wanted[-1] < end:
            moved = Axis(range(wanted.start - start, wanted.stop - start, wanted.step), taken[dim].kept)
            return rewrite.make(index, piece, index=as_index((*taken[:dim], moved, *taken[dim + 1 :])))
        start = end
    return None


# -- writing -----------------------------------------------------------------------------------------------


@on(view_scatter)
def scatter_everything(node: Node, rewrite: Rewriter) -> Any:
    """A view of the whole base leaves nothing of it; a view of nothing leaves it all."""
    base, value = node.inputs
    steps = node.params["steps"]
    if len(steps) != 1:
        return None
    ((primitive, params),) = steps
    shape = tuple(primitive.shape(base, **params))
    if not math.prod(shape):
        return base
    if math.prod(shape) != base.size or primitive not in (index, reshape, permute):
        return None
    written = rewrite.fit(value, shape, base.dtype)
    if primitive is permute:
        return rewrite.make(permute, written, dims=tuple(int(d) for d in np.argsort(params["dims"])))
    return rewrite.make(reshape, written, shape=base.shape)


@on(view_scatter)
def scatter_over(node: Node, rewrite: Rewriter) -> Any:
    """What is written over did not matter; writing what is there already does nothing."""
    base, value = node.inputs
    place = _written(node)
    if place is None:
        return None
    if is_op(value, index) and value.inputs[0] is base and regions(value.params["index"], base.shape) == place:
        return base
    start = base
    while base.op is view_scatter and (below := _written(base)) is not None and within(below, place):
        base = base.inputs[0]
    return rewrite.make(view_scatter, base, value, **node.params) if base is not start else None


@on(embed)
def embed_everything(node: Node, rewrite: Rewriter) -> Any:
    """Where the whole is filled there are no zeros."""
    (x,) = node.inputs
    place = regions(node.params["index"], node.shape)
    if place is None or math.prod(len(a.positions) for a in place) != node.size:
        return None
    return rewrite.make(reshape, rewrite.fit(x, sizes(place), node.dtype), shape=node.shape)


@on(add)
def sum_of_embedded(node: Node, rewrite: Rewriter) -> Any:
    """Neighbours among zeros, as the gradients of parts are, are put side by side: (x | 0) + (0 | y) = (x | y) + 0.

    The 0.0 stays, as -0.0 + 0.0 = 0.0.
    """
    a, b = node.inputs
    if not (is_op(a, embed) and is_op(b, embed)) or node.dtype.kind != "f":
        return None
    first, second = regions(a.params["index"], node.shape), regions(b.params["index"], node.shape)
    dim = _joint(first, second)
    if dim is None or first is None or second is None:
        return None
    if first[dim].positions.start > second[dim].positions.start:
        a, b, first, second = b, a, second, first
    pieces = [rewrite.fit(x.inputs[0], sizes(at), node.dtype) for x, at in ((a, first), (b, second))]
    union = Axis(range(first[dim].positions.start, second[dim].positions.stop), True)
    both = rewrite.make(add, rewrite.make(cat, *pieces, dim=dim), 0.0)
    place = (*first[:dim], union, *first[dim + 1 :])
    return rewrite.make(embed, both, index=as_index(place), shape=node.shape)


def _joint(a: Any, b: Any) -> int | None:
    """The axis along which two regions are neighbours, the others being equal."""
    if a is None or b is None or not all(axis.kept for axis in (*a, *b)):
        return None
    different = [i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
    if len(different) != 1:
        return None
    x, y = a[different[0]].positions, b[different[0]].positions
    touching = x.step == y.step == 1 and x and y and (x.stop == y.start or y.stop == x.start)
    return different[0] if touching else None


@on(add)
def zero_added_before(node: Node, rewrite: Rewriter) -> Any:
    """(x + 0.0 | y) + 0.0 = (x | y) + 0.0."""
    x, zero = node.inputs
    if not (is_op(x, cat) and is_positive_zero(zero)):
        return None
    pieces = [p.inputs[0] if is_op(p, add) and is_positive_zero(p.inputs[1]) else p for p in x.inputs]
    if all(new is old for new, old in zip(pieces, x.inputs, strict=True)):
        return None
    return rewrite.make(add, rewrite.make(cat, *pieces, dim=x.params["dim"]), zero)


# -- pieces and order --------------------------------------------------------------------------------------


@on(cat)
def cat_of_pieces(node: Node, rewrite: Rewriter) -> Any:
    """One piece is the whole; pieces of nothing are left out; pieces of pieces are put down in one go."""
    dim = node.params["dim"]
    pieces: list[Node] = []
    for x in node.inputs:
        pieces.extend(x.inputs if x.op is cat and x.params["dim"] == dim and x.dtype == node.dtype else [x])
    filled = [x for x in pieces if x.shape[dim]]
    if len(filled) == 1:
        return filled[0]
    if filled and len(filled) != len(node.inputs):
        return rewrite.make(cat, *filled, dim=dim)
    return _reunited(filled, dim, rewrite)


def _reunited(pieces: list[Node], dim: int, rewrite: Rewriter) -> Any:
    """Neighbouring parts of one array, put together again."""
    if not pieces or any(x.op is not index or x.inputs[0] is not pieces[0].inputs[0] for x in pieces):
        return None
    source = pieces[0].inputs[0]
    parts = [regions(x.params["index"], source.shape) for x in pieces]
    first = parts[0]
    if first is None or not all(a.kept for a in first):
        return None
    end = first[dim].positions.start
    for part in parts:
        if part is None or not part[dim].kept or (*part[:dim], *part[dim + 1 :]) != (*first[:dim], *first[dim + 1 :]):
            return None
        if part[dim].positions.start != end or part[dim].positions.step != 1:
            return None
        end = part[dim].positions.stop
    union = Axis(range(first[dim].positions.start, end), True)
    return rewrite.make(index, source, index=as_index((*first[:dim], union, *first[dim + 1 :])))


@on(flip)
def flip_again(node: Node, rewrite: Rewriter) -> Any:
    """Axes of one element have no order, and twice reversed is not reversed."""
    (x,) = node.inputs
    dims = {d for d in node.params["dims"] if x.shape[d] > 1}
    if x.op is flip:
        return rewrite.make(flip, x.inputs[0], dims=tuple(sorted(dims ^ set(x.params["dims"]))))
    if not dims:
        return x
    return rewrite.make(flip, x, dims=tuple(sorted(dims))) if tuple(sorted(dims)) != node.params["dims"] else None


@on(pad)
def pad_nothing(node: Node, rewrite: Rewriter) -> Any:
    """A border without width."""
    return node.inputs[0] if node.shape == node.inputs[0].shape else None


@on(Primitive)
def nothing(node: Node, rewrite: Rewriter) -> Any:
    """A value without elements is what it is, however it is made."""
    return rewrite.constant(np.zeros(node.shape, node.dtype)) if not node.size else None
