"""``tw.compile`` itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from .compiled import Compiled

__all__ = ["compile"]


@overload
def compile(function: Callable[..., Any], *, check: bool = False, keep_gradients: bool = False) -> Compiled: ...
@overload
def compile(
    function: None = None, *, check: bool = False, keep_gradients: bool = False
) -> Callable[[Callable[..., Any]], Compiled]: ...
def compile(function: Callable[..., Any] | None = None, *, check: bool = False, keep_gradients: bool = False) -> Any:
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

    Returns:
        A ``Compiled``, to be called like the function. ``step.epoch(loader)`` runs the loop over a loader's batches
        natively and returns the stacked results; ``step.graph``, ``step.kernels`` and ``step.llvm`` show the stages,
        and ``step.profile(*args)`` where the time goes.

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
        return functools.partial(compile, check=check, keep_gradients=keep_gradients)
    from .compiled import Compiled

    return Compiled(function, check, keep_gradients)
