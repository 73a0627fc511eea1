"""``tw.compile`` itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from ..nn.module import Module

if TYPE_CHECKING:
    from .compiled import Compiled
    from .model import CompiledModule

__all__ = ["compile"]


@overload
def compile(  # type: ignore[overload-overlap]  # a module is a function, too
    function: Module,
    *,
    check: bool = ...,
    keep_gradients: bool = ...,
    fullgraph: bool = ...,
    dynamic: bool | None = ...,
    backend: Any = ...,
    mode: str | None = ...,
    options: dict[str, Any] | None = ...,
    disable: bool = ...,
) -> CompiledModule: ...
@overload
def compile(
    function: Callable[..., Any],
    *,
    check: bool = ...,
    keep_gradients: bool = ...,
    fullgraph: bool = ...,
    dynamic: bool | None = ...,
    backend: Any = ...,
    mode: str | None = ...,
    options: dict[str, Any] | None = ...,
    disable: bool = ...,
) -> Compiled: ...
@overload
def compile(
    function: None = None,
    *,
    check: bool = ...,
    keep_gradients: bool = ...,
    fullgraph: bool = ...,
    dynamic: bool | None = ...,
    backend: Any = ...,
    mode: str | None = ...,
    options: dict[str, Any] | None = ...,
    disable: bool = ...,
) -> Callable[[Callable[..., Any]], Compiled]: ...
def compile(
    function: Callable[..., Any] | None = None,
    *,
    check: bool = False,
    keep_gradients: bool = False,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """A function of tensors as native code: of a whole training step, or of anything else.

    The first call with tensors of new shapes or dtypes traces the function: it runs once, and all operations on
    tensors are recorded, those of ``backward()`` and ``optimizer.step()`` included. From then on calls run the native
    program. Tensors that the function reads outside (parameters, the state of optimisers, buffers) are read and
    written in place. Results are those of the plain function, to rounding.

    Args:
        function: the function, method or module.
        check: with each call run the plain function too, and compare everything.
        keep_gradients: also keep gradients that the function itself clears and has an optimiser use; otherwise
            ``p.grad`` is None after the call.
        fullgraph: PyTorch's, without effect, as ``dynamic``, ``backend``, ``mode`` and ``options``: a function is
            always compiled whole, for the shapes that it meets.
        disable: return the function as it is.

    Returns:
        A ``Compiled``, to be called like the function. ``step.epoch(loader)`` runs the loop over a loader's batches
        natively and returns the stacked results; ``step.graph``, ``step.kernels`` and ``step.llvm`` show the stages,
        and ``step.profile(*args)`` where the time goes. Of a module, a module: it runs natively within ``no_grad``,
        and eagerly where its result may be differentiated, since a native program keeps no graph.

    Raises:
        TraceError: (by a call) the function does what a program can't repeat, such as to branch on a tensor's value.
            The message names the line and says what to write instead.
        CompileError: (by a call) it can't be compiled, or with ``check`` the results differ.

    >>> import thalweg as tw
    >>> @tw.compile
    ... def f(x):
    ...     return (x * x).sum()
    >>> f(tw.tensor([1.0, 2.0]))
    tensor(5.)
    """
    if function is None:
        return functools.partial(compile, check=check, keep_gradients=keep_gradients, disable=disable)
    if disable:
        return function
    if isinstance(function, Module):
        from .model import CompiledModule

        return CompiledModule(function, check, keep_gradients)
    from .compiled import Compiled

    return Compiled(function, check, keep_gradients)
