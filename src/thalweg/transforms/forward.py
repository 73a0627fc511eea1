"""Forward mode as transformations: jvp, jacfwd, hessian and linearize."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.tape import edge_of
from ..core.tensor import Tensor, wrap
from ..errors import ArgumentError
from ..ops import shaping
from .duals import DualLevel, dualize, primal, tangent
from .levels import close, result
from .reverse import Arguments, Reverse, checked_outputs, jacrev, split_aux, unit_vectors
from .trees import differentiable_leaves, leaves_of, rebuilt
from .vmap import vmap

__all__ = ["hessian", "jacfwd", "jvp", "linearize", "unpacked"]


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """The value of ``func`` at ``primals``, and its derivative along ``tangents``, in one pass forwards.

    Args:
        func: takes tensors, or lists, tuples and dictionaries of them, and returns such.
        primals: a tuple of arguments.
        tangents: a tuple of the same structure, with a tensor of the same shape for each.
        strict: refuse an output that does not depend on the primals; otherwise its tangent is zero.
        has_aux: ``func`` returns a pair, of which the second element is handed on.

    Returns:
        (output, output tangent), with ``has_aux`` (output, output tangent, aux).

    >>> import thalweg as tw
    >>> tw.func.jvp(lambda x: x * x, (tw.tensor(3.0),), (tw.tensor(1.0),))
    (tensor(9.), tensor(6.))
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple) or not primals:
        raise ArgumentError("jvp: expects a tuple of primals, not empty, and a tuple of tangents")
    xs, ts = differentiable_leaves(primals, "jvp"), _tangents(primals, tangents)
    level = DualLevel()
    pairs = [dualize(x, t, level=level) for x, t in zip(xs, ts, strict=True)]
    with level:
        outputs = func(*rebuilt(primals, pairs))
    for x, pair in zip(xs, pairs, strict=True):
        if pair._value.root.writes:  # changed in place
            x.copy_(unpacked(pair, level)[0])
    output, aux = split_aux(outputs, "jvp") if has_aux else (outputs, None)
    ys = checked_outputs(output, "jvp")
    if strict and not all(level.holds(y._value) and y._value.tangent is not None for y in ys):
        raise ArgumentError("jvp: an output does not depend on the primals; use strict=False to get a zero tangent")
    columns = zip(*(unpacked(y, level) for y in ys), strict=True)
    values, derivatives = (rebuilt(output, column) for column in columns)
    if not has_aux:
        return values, derivatives
    extra = (unpacked(x, level)[0] if isinstance(x, Tensor) else x for x in leaves_of(aux))
    return values, derivatives, rebuilt(aux, extra)


def _tangents(primals: Any, tangents: Any) -> list[Tensor]:
    """The tangents, checked and in the dtypes of their primals."""
    xs, ts = leaves_of(primals), leaves_of(tangents)
    if len(xs) != len(ts):
        raise ArgumentError(f"jvp: {len(xs)} primals but {len(ts)} tangents; give one for each")
    for x, t in zip(xs, ts, strict=True):
        if not isinstance(t, Tensor) or t._value.shape != x._value.shape:
            got = tuple(t.shape) if isinstance(t, Tensor) else type(t).__name__
            raise ArgumentError(f"jvp: a primal has shape {tuple(x.shape)}, its tangent {got}; they must be equal")
    return [t.to(x.dtype) for x, t in zip(xs, ts, strict=True)]


def unpacked(y: Tensor, level: DualLevel) -> tuple[Tensor, Tensor]:
    """A result of a level as its value and its tangent."""
    (edge,) = close([y], level)
    value = y._value
    first = (
        result(primal(value, level=level), edge, primal, level) if level.holds(value) or edge is not edge_of(y) else y
    )
    return first, result(tangent(value, level=level), edge, tangent, level)


def jacfwd(
    func: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """The function that computes the Jacobian of ``func`` in forward mode: a tangent for each input element, at once.

    What does not depend on the direction is computed once, so that the price is one pass forwards with a batch of
    tangents. It is cheaper than ``jacrev`` where there are fewer inputs than outputs. Arguments and results are those
    of ``jacrev``.

    >>> import thalweg as tw
    >>> tw.func.jacfwd(lambda x: x * x.sum())(tw.tensor([1.0, 2.0]))
    tensor([[4., 1.],
            [2., 5.]])
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        arguments = Arguments(argnums, args, "jacfwd")
        push = functools.partial(_push, arguments, func, kwargs, has_aux)
        derivatives, output, aux = vmap(push, out_dims=(0, None, None), randomness=randomness)(
            unit_vectors(arguments.leaves)
        )
        columns = (arguments.result(_columns(d, arguments.leaves)) for d in leaves_of(derivatives))
        jacobians = rebuilt(output, columns)
        return (jacobians, aux) if has_aux else jacobians

    return jacobian


def _push(
    arguments: Arguments, func: Callable[..., Any], kwargs: dict[str, Any], has_aux: bool, tangents: list[Tensor]
) -> Any:
    """(the derivative along tangents of all leaves, the value, aux or nothing)."""
    of_leaves = functools.partial(_of_leaves, arguments, func, kwargs)
    pushed = jvp(of_leaves, tuple(arguments.leaves), tuple(tangents), has_aux=has_aux)
    return pushed[1], pushed[0], pushed[2] if has_aux else ()


def _of_leaves(arguments: Arguments, func: Callable[..., Any], kwargs: dict[str, Any], *leaves: Tensor) -> Any:
    return arguments.call(func, kwargs, leaves)


def _columns(derivative: Tensor, leaves: Sequence[Tensor]) -> list[Tensor]:
    """The Jacobians of an output by the arguments, from its derivatives along all their elements."""
    shape = derivative._value.shape[1:]
    pieces = shaping.split(derivative, [x._value.size for x in leaves])
    return [
        shaping.reshape(shaping.movedim(p, 0, -1), (*shape, *x._value.shape))
        for p, x in zip(pieces, leaves, strict=True)
    ]


def hessian(func: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function that computes the second derivatives of ``func``: forward mode over reverse mode.

    >>> import thalweg as tw
    >>> tw.func.hessian(lambda x: (x**3).sum())(tw.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """The value of ``func`` at ``primals``, and its derivative there: a linear function of tangents.

    ``func`` runs once. Its backward is recorded as a linear function of the cotangent, and each call walks that back:
    the transpose of the transpose.

    >>> import thalweg as tw
    >>> y, push = tw.func.linearize(tw.sin, tw.tensor([0.0, 1.0]))
    >>> push(tw.tensor([1.0, 0.0]))
    tensor([1., 0.])
    """
    if not primals:
        raise ArgumentError("linearize: expects at least one primal")
    leaves = differentiable_leaves(primals, "linearize")
    forward = Reverse(functools.partial(_of_structure, func, primals), leaves)
    ys = checked_outputs(forward.outputs, "linearize")
    starts = [wrap(np.ones(y._value.shape, y._value.dtype)) for y in ys]
    backward = Reverse(functools.partial(forward.cotangents, ys), starts, forward.start)
    return forward.released(forward.outputs), functools.partial(_linear, forward, backward, primals)


def _of_structure(func: Callable[..., Any], structure: Any, leaves: Sequence[Any]) -> Any:
    return func(*rebuilt(structure, leaves))


def _linear(forward: Reverse, backward: Reverse, primals: Any, *tangents: Any) -> Any:
    found = backward.cotangents(backward.outputs, _tangents(primals, tangents))
    return rebuilt(forward.outputs, found)
