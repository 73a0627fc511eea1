"""Reverse mode as transformations: grad, vjp and jacrev, on the tape that is there already.

Each argument gets a node of its own, in whose place the gradient is asked for: an alias of what the argument was. So
nothing outside of the function is touched, and applications can be nested in any way.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.backward import walk
from ..core.modes import enable_grad, state
from ..core.primitive import Primitive
from ..core.tape import Node, edge_of
from ..core.tensor import Tensor, wrap
from ..errors import ArgumentError
from ..ops import shaping
from .levels import crossings, leads_out, now
from .trees import differentiable_leaves, leaves_of, rebuilt
from .vmap import vmap

__all__ = ["Reverse", "grad", "grad_and_value", "jacrev", "vjp"]


class Alias(Primitive):
    """The same tensor at a place of its own on the tape."""

    linear = True

    def pullback_0(self, dy: Any, y: Any, x: Any) -> Any:
        return dy


alias = Alias()


def aliased(x: Tensor) -> Tensor:
    """A tensor with the memory of ``x`` and a node of its own, from which a gradient goes on to ``x``."""
    y = wrap(x._value)
    y._version = x._version
    y._node = Node(alias, (edge_of(x) if state.recording else None,), (None,))
    return y


def argument(x: Tensor) -> Tensor:
    """An alias that can't be changed in place: the gradient by it would be that by another value."""
    y = aliased(x)
    y._extra = {"argument": True}
    return y


class Reverse:
    """A function that was run on aliases of its arguments, to be walked back any number of times.

    Attributes:
        start: nodes that were made before are outside.
        sources: the aliases.
        outputs: what the function returned, with tensors that lead to the aliases.
    """

    def __init__(self, func: Callable[[Any], Any], sources: Sequence[Tensor], start: int | None = None) -> None:
        self.start = now() if start is None else start
        self.recording = state.recording
        self.sources = [argument(x) for x in sources]
        state.inside += 1
        try:
            with enable_grad():
                self.outputs = func(self.sources)
        finally:
            state.inside -= 1

    def is_isolated(self, edges: Sequence[Any]) -> bool:
        """Whether nothing but these aliases can be reached, so that no one outside wants a gradient."""
        if not self.recording:
            return True
        outside = any(leads_out(edge, self.start) for edge in edges)
        return not outside and next(crossings(edges, self.start), None) is None

    def cotangents(self, ys: Sequence[Tensor], dys: Sequence[Tensor]) -> list[Tensor]:
        """The cotangents of the sources, from those of some of the outputs.

        The walk is recorded if someone outside may want to differentiate what it gives.
        """
        flowing = [(y, dy) for y, dy in zip(ys, dys, strict=True) if y.requires_grad]
        if not flowing:
            return [_zeros(x) for x in self.sources]
        roots, starts = (list(column) for column in zip(*flowing, strict=True))
        edges = [x._node for x in self.sources]
        create = state.recording and not (
            self.is_isolated([edge_of(y) for y in roots]) and not any(dy.requires_grad for dy in starts)
        )
        found = walk(roots, starts if create else [dy._value for dy in starts], True, create, edges)
        results = [found.get(edge) for edge in edges]
        return [
            _zeros(x) if dx is None else dx if isinstance(dx, Tensor) else wrap(dx.copy(order="C"))
            for x, dx in zip(self.sources, results, strict=True)
        ]

    def released(self, tree: Any) -> Any:
        """Results as seen from outside: without a history that leads nowhere but to the aliases."""
        return rebuilt(tree, (self._released(y) if isinstance(y, Tensor) else y for y in leaves_of(tree)))

    def _released(self, y: Tensor) -> Tensor:
        edge = edge_of(y)
        if edge is None or leads_out(edge, self.start) or not self.is_isolated([edge]):
            return y
        return wrap(y._value)


def _zeros(x: Tensor) -> Tensor:
    return wrap(np.zeros(x._value.shape, x._value.dtype))


class Arguments:
    """The arguments of a call, and which of them are differentiated by."""

    def __init__(self, argnums: int | Sequence[int], args: tuple[Any, ...], caller: str) -> None:
        self.args = args
        self.single = isinstance(argnums, int)
        numbers = [argnums] if isinstance(argnums, int) else list(argnums)
        for n in numbers:
            if not isinstance(n, int) or not -len(args) <= n < len(args):
                raise ArgumentError(f"{caller}: argnums names argument {n!r} of {len(args)}")
        self.numbers = [n % len(args) for n in numbers]
        if len(set(self.numbers)) != len(numbers) or not numbers:
            raise ArgumentError(f"{caller}: argnums must name different arguments, got {argnums!r}")
        self.chosen = [args[n] for n in self.numbers]
        self.leaves = differentiable_leaves(self.chosen, caller)

    def call(self, func: Callable[..., Any], kwargs: dict[str, Any], leaves: Sequence[Any]) -> Any:
        """``func`` with other leaves in the arguments that are differentiated by."""
        args = list(self.args)
        for n, value in zip(self.numbers, rebuilt(self.chosen, leaves), strict=True):
            args[n] = value
        return func(*args, **kwargs)

    def result(self, leaves: Sequence[Any]) -> Any:
        """What belongs to the arguments, in their structure."""
        values = rebuilt(self.chosen, leaves)
        return values[0] if self.single else tuple(values)


def grad(func: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes the gradient of ``func``, which returns a single number, by some of its arguments.

    Args:
        func: takes tensors, or lists, tuples and dictionaries of them, and returns a 0-d tensor.
        argnums: the argument to differentiate by, or a sequence of them; the gradients have their structure.
        has_aux: ``func`` returns a pair, of which the second element is handed on.

    Raises:
        ArgumentError: ``func`` does not return a 0-d tensor, or an argument holds something else than tensors of
            floating-point numbers.

    >>> import thalweg as tw
    >>> cube = lambda x: x**3
    >>> tw.func.grad(cube)(tw.tensor(2.0)), tw.func.grad(tw.func.grad(cube))(tw.tensor(2.0))
    (tensor(12.), tensor(12.))
    """
    with_value = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        gradients, value = with_value(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return gradient


def grad_and_value(
    func: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """As ``grad``; the function returns the gradient and what ``func`` returned.

    >>> import thalweg as tw
    >>> tw.func.grad_and_value(lambda x: (x * x).sum())(tw.tensor([1.0, 2.0]))
    (tensor([2., 4.]), tensor(5.))
    """

    @functools.wraps(func)
    def gradient_and_value(*args: Any, **kwargs: Any) -> Any:
        arguments = Arguments(argnums, args, "grad")
        run = Reverse(functools.partial(arguments.call, func, kwargs), arguments.leaves)
        y = split_aux(run.outputs, "grad")[0] if has_aux else run.outputs
        if not isinstance(y, Tensor) or y._value.ndim:
            got = f"one of shape {tuple(y.shape)}" if isinstance(y, Tensor) else type(y).__name__
            raise ArgumentError(f"grad: the function must return a 0-d tensor, got {got}; sum it, or use vjp or jacrev")
        gradients = run.cotangents([y], [wrap(np.ones((), y._value.dtype))])
        return arguments.result(gradients), run.released(run.outputs)

    return gradient_and_value


def split_aux(outputs: Any, caller: str) -> tuple[Any, Any]:
    """The pair that a function with ``has_aux`` returns."""
    if not (isinstance(outputs, tuple) and len(outputs) == 2):
        raise ArgumentError(f"{caller}: with has_aux the function must return a pair (output, aux)")
    return outputs


def checked_outputs(outputs: Any, caller: str) -> list[Tensor]:
    """The tensors that a function has returned; anything else is refused."""
    ys = leaves_of(outputs)
    for y in ys:
        if not isinstance(y, Tensor):
            raise ArgumentError(f"{caller}: the function must return tensors only, got {type(y).__name__}")
    if not ys:
        raise ArgumentError(f"{caller}: the function returned no tensor")
    return ys


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of ``func`` at ``primals``, and the function that maps cotangents of the value to those of the primals.

    Returns:
        (output, vjp_fn), with ``has_aux`` (output, vjp_fn, aux). ``vjp_fn`` takes cotangents in the structure of the
        output and returns a tuple with one for each primal; it can be called any number of times.

    >>> import thalweg as tw
    >>> y, pullback = tw.func.vjp(tw.sin, tw.tensor([0.0, 1.0]))
    >>> pullback(tw.tensor([1.0, 0.0]))
    (tensor([1., 0.]),)
    """
    if not primals:
        raise ArgumentError("vjp: expects at least one primal")
    run = Reverse(functools.partial(_call, func, primals), differentiable_leaves(primals, "vjp"))
    output, aux = split_aux(run.outputs, "vjp") if has_aux else (run.outputs, None)
    checked_outputs(output, "vjp")
    pullback = functools.partial(_pull, run, output, primals)
    return (run.released(output), pullback, run.released(aux)) if has_aux else (run.released(output), pullback)


def _call(func: Callable[..., Any], structure: Any, leaves: Sequence[Any]) -> Any:
    return func(*rebuilt(structure, leaves))


def _pull(run: Reverse, output: Any, primals: Any, *cotangents: Any) -> Any:
    """``vjp_fn``."""
    given = cotangents[0] if len(cotangents) == 1 else cotangents
    ys, dys = leaves_of(output), leaves_of(given)
    if len(ys) != len(dys):
        raise ArgumentError(f"vjp: the output holds {len(ys)} tensors, but {len(dys)} cotangents were given")
    for y, dy in zip(ys, dys, strict=True):
        if not isinstance(dy, Tensor) or dy._value.shape != y._value.shape:
            got = tuple(dy.shape) if isinstance(dy, Tensor) else type(dy).__name__
            raise ArgumentError(f"vjp: expects a cotangent of the output's shape {tuple(y.shape)}, got {got}")
    return rebuilt(primals, run.cotangents(ys, [dy.to(y.dtype) for y, dy in zip(ys, dys, strict=True)]))


def jacrev(
    func: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """The function that computes the Jacobian of ``func`` in reverse mode: a backward for each output element, at once.

    Args:
        func: as for ``grad``, but with any tensors as its result.
        argnums, has_aux: as for ``grad``.
        chunk_size: how many rows of the Jacobian are computed at a time (default: all).

    For each output and each argument a tensor with the axes of the output and then those of the argument; in the
    structure of the outputs, each in turn in the structure of the arguments.

    >>> import thalweg as tw
    >>> tw.func.jacrev(lambda x: x * x.sum())(tw.tensor([1.0, 2.0]))
    tensor([[4., 1.],
            [2., 5.]])
    """
    if chunk_size is not None and not chunk_size > 0:
        raise ArgumentError(f"jacrev: chunk_size must be positive, got {chunk_size}")

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        arguments = Arguments(argnums, args, "jacrev")
        run = Reverse(functools.partial(arguments.call, func, kwargs), arguments.leaves)
        output, aux = split_aux(run.outputs, "jacrev") if has_aux else (run.outputs, None)
        ys = checked_outputs(output, "jacrev")
        rows = vmap(functools.partial(_rows, run, ys), chunk_size=chunk_size)(unit_vectors(ys))
        blocks = _blocks(rows, ys)
        result = rebuilt(output, map(arguments.result, blocks))
        return (result, run.released(aux)) if has_aux else result

    return jacobian


def _rows(run: Reverse, ys: list[Tensor], dys: list[Tensor]) -> list[Tensor]:
    return run.cotangents(ys, dys)


def unit_vectors(xs: Sequence[Tensor]) -> list[Tensor]:
    """For the elements of all tensors together: for each tensor (elements of all, \\*its shape), 1 at one element."""
    sizes = [x._value.size for x in xs]
    total = sum(sizes)
    starts = np.cumsum([0, *sizes])
    return [
        wrap(np.eye(total, n, -int(start), x._value.dtype).reshape(total, *x._value.shape))
        for x, n, start in zip(xs, sizes, starts, strict=False)
    ]


def _blocks(rows: list[Tensor], ys: list[Tensor]) -> list[list[Tensor]]:
    """For each output the Jacobians by the arguments, from their rows for all outputs together."""
    sizes = [y._value.size for y in ys]
    pieces = [shaping.split(row, sizes) for row in rows]
    return [
        [shaping.reshape(p[j], (*y._value.shape, *p[j]._value.shape[1:])) for p in pieces] for j, y in enumerate(ys)
    ]
