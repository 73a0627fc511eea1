"""Jacobians, Hessians and products with them, of a function at a point."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..core.backward import gradients
from ..core.tensor import Tensor
from ..errors import ArgumentError, AutogradError
from ..transforms import forward, reverse
from ..transforms.trees import leaves_of, rebuilt

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of ``func`` at ``inputs``.

    Args:
        func: takes the inputs, returns a tensor or a tuple of them.
        inputs: a tensor or a tuple of them.
        create_graph: let the result be differentiated again.
        strict: refuse an output that does not depend on the inputs; otherwise its Jacobian is zero.
        vectorize: there for PyTorch's signature; all rows are always computed at once.
        strategy: "reverse-mode" or "forward-mode".

    Returns:
        A tensor of shape (*output.shape, *input.shape); for tuples, a tuple for each output of one for each input.

    >>> import thalweg as tw
    >>> tw.autograd.functional.jacobian(lambda x: x * x, tw.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ArgumentError(f'jacobian: strategy must be "reverse-mode" or "forward-mode", not {strategy!r}')
    transform: Any = reverse.jacrev if strategy == "reverse-mode" else forward.jacfwd
    args, argnums = _arguments(inputs, create_graph)
    if strict:
        _check_dependence(func, args, "jacobian")
    return _finished(transform(func, argnums=argnums)(*args), create_graph)


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of ``func``, which returns a single number, at ``inputs``.

    Arguments as for ``jacobian``; ``outer_jacobian_strategy`` says how the gradient is differentiated.

    >>> import thalweg as tw
    >>> tw.autograd.functional.hessian(lambda x: (x**3).sum(), tw.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    args, argnums = _arguments(inputs, create_graph)
    if strict:
        _check_dependence(func, args, "hessian")
    gradient = reverse.grad(functools.partial(_single_number, func), argnums=argnums)
    outer: Any = reverse.jacrev if outer_jacobian_strategy == "reverse-mode" else forward.jacfwd
    return _finished(outer(gradient, argnums=argnums)(*args), create_graph)


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of ``func`` and the product v^T J with its Jacobian, by reverse mode.

    ``v`` has the structure of the output, and may be None if that is a single number.

    >>> import thalweg as tw
    >>> tw.autograd.functional.vjp(lambda x: x * x, tw.tensor([1.0, 2.0]), tw.tensor([1.0, 0.0]))
    (tensor([1., 4.]), tensor([2., 0.]))
    """
    args, _ = _arguments(inputs, create_graph)
    if strict:
        _check_dependence(func, args, "vjp")
    output, pullback = reverse.vjp(func, *args)
    products = pullback(_cotangent(output, v, "vjp"))
    return _finished(output, create_graph), _finished(_as_given(products, inputs), create_graph)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of ``func`` and the product J v with its Jacobian, by forward mode.

    ``v`` has the structure of the inputs, and may be None if that is a single number.

    >>> import thalweg as tw
    >>> tw.autograd.functional.jvp(lambda x: x * x, tw.tensor([1.0, 2.0]), tw.tensor([1.0, 0.0]))
    (tensor([1., 4.]), tensor([2., 0.]))
    """
    args, _ = _arguments(inputs, create_graph)
    if strict:
        _check_dependence(func, args, "jvp")
    tangents = _cotangent(inputs, v, "jvp")
    tangents = (tangents,) if isinstance(tangents, Tensor) else tuple(tangents)
    output, product = forward.jvp(func, args, tangents)
    return _finished(output, create_graph), _finished(product, create_graph)


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of ``func``, a single number, and the product v^T H with its second derivatives.

    >>> import thalweg as tw
    >>> tw.autograd.functional.vhp(lambda x: (x**3).sum(), tw.tensor([1.0, 2.0]), tw.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return hvp(func, inputs, v, create_graph, strict)  # H is symmetric


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of ``func``, a single number, and the product H v: forward mode over reverse mode.

    >>> import thalweg as tw
    >>> tw.autograd.functional.hvp(lambda x: (x**3).sum(), tw.tensor([1.0, 2.0]), tw.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    args, argnums = _arguments(inputs, create_graph)
    if strict:
        _check_dependence(func, args, "hvp")
    tangents = _cotangent(inputs, v, "hvp")
    tangents = (tangents,) if isinstance(tangents, Tensor) else tuple(tangents)
    both = reverse.grad_and_value(functools.partial(_single_number, func), argnums=argnums)
    (_, value), (product, _) = forward.jvp(both, args, tangents)
    return _finished(value, create_graph), _finished(product, create_graph)


def _arguments(inputs: Any, create_graph: bool) -> tuple[tuple[Tensor, ...], Any]:
    """The inputs as arguments, and by which to differentiate: by the one, or by all of a tuple."""
    args = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    if not create_graph:
        args = tuple(x.detach() for x in args)
    return args, 0 if isinstance(inputs, Tensor) else tuple(range(len(args)))


def _as_given(results: Sequence[Tensor], inputs: Any) -> Any:
    return results[0] if isinstance(inputs, Tensor) else tuple(results)


def _finished(results: Any, create_graph: bool) -> Any:
    """Results without a history, unless one is asked for."""
    return results if create_graph else rebuilt(results, (x.detach() for x in leaves_of(results)))


def _single_number(func: Callable[..., Any], *args: Any) -> Tensor:
    y = func(*args)
    if not isinstance(y, Tensor) or y._value.size != 1:
        raise AutogradError("hessian: the function must return a tensor of one element; sum it, or use jacobian")
    return y.reshape(())


def _cotangent(like: Any, v: Any, caller: str) -> Any:
    if v is not None:
        return v
    xs = leaves_of(like)
    if len(xs) != 1 or xs[0]._value.size != 1:
        raise AutogradError(f"{caller}: v may be left out only for a single tensor of one element; give one like it")
    return rebuilt(like, [xs[0].detach().new_ones(xs[0].shape)])


def _check_dependence(func: Callable[..., Any], args: tuple[Tensor, ...], caller: str) -> None:
    """Refuse a function of which an output does not depend on an input."""
    run = reverse.Reverse(functools.partial(_spread, func), args)
    for j, y in enumerate(leaves_of(run.outputs)):
        found: Any = (None,) * len(args)
        if y.requires_grad:
            found = gradients(y, run.sources, y.detach(), retain_graph=True, allow_unused=True)
        for i, g in enumerate(found):
            if g is None:
                raise AutogradError(f"{caller}: output {j} of the function is independent of input {i}; see strict")


def _spread(func: Callable[..., Any], args: Sequence[Any]) -> Any:
    return func(*args)
