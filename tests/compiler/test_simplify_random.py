"""Random graphs have the same outputs before and after simplification. The seed that fails is printed."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.compiler.decompose import Expression
from thalweg.compiler.graph import Graph, constant
from thalweg.compiler.simplify import simplify
from thalweg.core.primitive import ViewPrimitive
from thalweg.ops import elementwise as e
from thalweg.ops.base import convert
from thalweg.ops.broadcast import expand, mean, reshape, sum_
from thalweg.ops.linalg import matmul
from thalweg.ops.reduce import all_, amax, amin, any_
from thalweg.ops.shape import cat, copy, embed, flip, index, permute, view_scatter

from .graphs import INF, NAN, graph_of, inputs_for, same_outputs, special

SHAPES = [(), (3,), (1,), (2, 3), (2, 1), (1, 3), (3, 2), (2, 2, 3), (0, 3)]
NUMBERS = [0.0, -0.0, 1.0, -1.0, 2.0, INF, NAN, 1, 0, -1]
BINARY = [e.add, e.sub, e.mul, e.safe_mul, e.maximum, e.minimum, e.div]
COMPARISONS = [e.eq, e.ne, e.lt, e.le, e.gt, e.ge]
UNARY = [e.neg, e.abs_, e.relu, e.sqrt, e.sign, e.floor, e.neg]
LOGIC = [e.logical_and, e.logical_or, e.logical_xor, e.bitwise_and, e.bitwise_or, e.bitwise_xor]
SETTINGS = settings(max_examples=150, deadline=None)


def work(graph: Graph) -> int:
    """Elements that are computed or copied; views are free, booleans nearly so."""
    total = 0
    for node in graph.nodes():
        if not isinstance(node.op, str) and not isinstance(node.op, ViewPrimitive) and node.dtype.kind != "b":
            size = max([node.size, *(x.size for x in node.parents())])
            total += size * (2 if node.op is e.pow_ else 1)
    return total


class Builder:
    """Grows a graph of float, boolean and integer nodes by random operations."""

    shapes = SHAPES

    def __init__(self, seed: int, exact: bool) -> None:
        self.random = random.Random(seed)
        self.exact = exact
        dtype = np.float32 if exact else np.float64
        draw = np.random.default_rng(seed)
        shapes = [self.random.choice(self.shapes) for _ in range(3)]
        floats = [special(s, dtype, seed + i) if exact else draw.uniform(0.5, 1.5, s) for i, s in enumerate(shapes)]
        self.arrays = [*floats, special((2, 3), np.bool_, seed), special((3,), np.int64, seed)]
        self.inputs = inputs_for(*self.arrays)
        self.nodes = list(self.inputs)
        self.dtype = np.dtype(dtype)
        for _ in range(2):
            value = np.full(self.random.choice(self.shapes), self.random.choice([1, 0, -0.0, 2]), dtype)
            self.nodes.append(Expression(constant(value if self.random.random() < 0.7 else np.asarray(value + 0.5))))

    def pick(self, kind: str) -> Expression:
        """A recent node of a kind, so that operations build upon each other."""
        found = [x for x in self.nodes if x.dtype.kind == kind]
        return self.random.choice(found[-6:] if self.random.random() < 0.7 else found)

    def floating(self) -> Expression:
        return self.pick("f")

    def other(self, x: Expression) -> Any:
        """Another float operand that broadcasts with x, or a number."""
        for _ in range(4):
            y = self.floating()
            try:
                np.broadcast_shapes(x.shape, y.shape)
            except ValueError:
                continue
            return y
        return self.random.choice(NUMBERS) if self.exact else self.random.choice([0.0, 1.0, 2.0, 0.3])

    def grow(self, steps: int) -> Graph:
        makers = [self.arithmetic, self.unary, self.view, self.view, self.pieces, self.reduction]
        makers += [self.choice, self.logic] if self.exact else [self.smooth, self.product]
        for _ in range(steps):
            result = self.random.choice(makers)()
            if result is not None and result.size <= 500:
                self.nodes.append(result)
        outputs = self.random.sample(self.nodes, 2) + self.nodes[-2:]
        return graph_of(self.inputs, *outputs)

    def arithmetic(self) -> Any:
        x = self.floating()
        ops = BINARY if self.exact else BINARY[:3]
        if self.random.random() < 0.1:
            return x ** self.random.choice([0, 1, 2, 3])
        y = self.random.choice(NUMBERS) if self.exact and self.random.random() < 0.4 else self.other(x)
        op = self.random.choice(ops)
        return op(y, x) if self.random.random() < 0.3 else op(x, y)

    def unary(self) -> Any:
        return self.random.choice(UNARY if self.exact else UNARY[:3])(self.floating())

    def smooth(self) -> Any:
        x = self.floating()
        return e.tanh(x) if self.random.random() < 0.5 else x * self.random.choice([0.3, 0.7, 1.5, 4.0])

    def product(self) -> Any:
        x, y = self.floating(), self.floating()
        if x.ndim == 2 and y.ndim == 2:
            if x.shape[1] == y.shape[1]:
                y = permute(y, dims=(1, 0))
            if x.shape[1] == y.shape[0]:
                return e.tanh(matmul(x, y))
        return None

    def choice(self) -> Any:
        if self.random.random() < 0.4:
            x = self.floating()
            return self.random.choice(COMPARISONS)(x, self.other(x))
        condition, x = self.pick("b"), self.floating()
        try:
            np.broadcast_shapes(condition.shape, x.shape)
        except ValueError:
            return None
        y = self.random.choice([x, self.other(x), self.random.choice(NUMBERS)])
        if self.random.random() < 0.3:
            return e.safe_mul(condition, x)
        branches = [x, y]
        self.random.shuffle(branches)
        try:
            return e.where(condition, *branches)
        except ValueError:
            return None

    def logic(self) -> Any:
        a, b = self.pick("b"), self.pick("b")
        kind = self.random.randrange(6)
        if kind == 0:
            return e.logical_not(a) if self.random.random() < 0.5 else ~a
        if kind == 1:
            return convert(a, dtype=self.random.choice([self.dtype, np.dtype(np.int64)]))
        if kind == 2:
            return convert(convert(self.floating(), dtype=np.dtype(np.float64)), dtype=self.dtype)
        if kind == 3:
            return sum_(self.pick(self.random.choice("bi")), dims=(), keepdim=False)
        try:
            return self.random.choice(LOGIC)(a, b if kind == 4 else self.random.choice([True, False]))
        except ValueError:
            return None

    def view(self) -> Any:
        x = self.nodes[self.random.randrange(len(self.nodes))] if self.random.random() < 0.3 else self.floating()
        kind = self.random.randrange(6)
        if kind == 0:
            return reshape(x, shape=self.random.choice([x.shape, (x.size,), (1, *x.shape), (*x.shape, 1)]))
        if kind == 1:
            return permute(x, dims=tuple(self.random.sample(range(x.ndim), x.ndim)))
        if kind == 2:
            lead = self.random.choice([(), (1,), (2,)])
            return expand(x, shape=(*lead, *(self.random.choice([1, 3]) if n == 1 else n for n in x.shape)))
        if kind == 3:
            return flip(x, dims=tuple(i for i in range(x.ndim) if self.random.random() < 0.5))
        if kind == 4:
            return copy(x)
        return index(x, index=self.key(x.shape))

    def key(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        """A basic index for a shape."""
        parts: list[Any] = []
        for n in shape:
            low = self.random.randrange(n + 1)
            choices = [slice(None), slice(low, None), slice(0, low), slice(None, None, 2)]
            parts.append(self.random.choice([*choices, *([self.random.randrange(-n, n)] if n else [])]))
        if self.random.random() < 0.2:
            parts.insert(self.random.randrange(len(parts) + 1), None)
        if self.random.random() < 0.2:
            parts.append(Ellipsis)
        return tuple(parts)

    def pieces(self) -> Any:
        x = self.floating()
        key = self.key(x.shape)
        taken = index(x, index=key)
        kind = self.random.randrange(4)
        if kind == 0:
            value = self.random.choice([taken, 2.0, taken * 2])
            return view_scatter(x, value, steps=((index, {"index": key}),))
        if kind == 1:
            part = embed(taken, index=key, shape=x.shape)
            if not x.ndim or not x.shape[0] or self.random.random() < 0.5:
                return part
            return part + embed(-x[:1], index=(slice(0, 1),), shape=x.shape)
        if kind == 2 and x.ndim:
            dim = self.random.randrange(x.ndim)
            cut = self.random.randrange(x.shape[dim] + 1)
            lead = (slice(None),) * dim
            return cat(
                x[(*lead, slice(0, cut))], x[(*lead, slice(cut, None))], *self.random.choice([(), (x,)]), dim=dim
            )
        return view_scatter(x, x + 1, steps=((reshape, {"shape": x.shape}),))

    def reduction(self) -> Any:
        x = self.floating()
        dims = tuple(i for i in range(x.ndim) if self.random.random() < 0.5)
        keepdim = self.random.random() < 0.5
        if self.exact:
            flags = self.pick("b")
            flag_dims = tuple(i for i in range(flags.ndim) if self.random.random() < 0.5)
            if self.random.random() < 0.4:
                return self.random.choice([sum_, any_, all_])(flags, dims=flag_dims, keepdim=keepdim)
            extremum = self.random.choice([amax, amin])
            return extremum(x, dims=dims, keepdim=keepdim) if all(x.shape[i] for i in dims) else None
        if not x.size:
            return None
        return self.random.choice([sum_, mean, amax])(x, dims=dims, keepdim=keepdim)


@SETTINGS
@given(st.integers(0, 2**31))
def test_exact_for_all_numbers(seed: int) -> None:
    builder = Builder(seed, exact=True)
    before = builder.grow(30)
    after = simplify(before)
    same_outputs(before, after, builder.arrays)
    assert work(after) <= work(before)
    assert simplify(after).text() == after.text()


@SETTINGS
@given(st.integers(0, 2**31))
def test_sums_and_products_to_rounding(seed: int) -> None:
    builder = Builder(seed, exact=False)
    before = builder.grow(30)
    after = simplify(before)
    with np.errstate(all="ignore"):
        same_outputs(before, after, builder.arrays, tolerance=1e-6)
    assert simplify(after).text() == after.text()
