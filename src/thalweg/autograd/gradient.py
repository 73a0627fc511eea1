"""Gradients returned instead of accumulated."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from ..core.backward import gradients
from ..core.tensor import Tensor
from ..errors import AutogradError
from ..transforms.vmap import vmap

__all__ = ["grad"]


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of ``outputs`` by ``inputs``, returned and not accumulated.

    Args:
        outputs: a tensor or a sequence of them; their gradients are added.
        inputs: a tensor or a sequence of them, leaves or not.
        grad_outputs: for each output the cotangent; may be None for outputs of one element.
        retain_graph: keep what the graph has saved (default: ``create_graph``).
        create_graph: record the walk, so that the results can be differentiated again.
        allow_unused: return None for inputs that the outputs do not depend on, instead of an error.
        is_grads_batched: each of ``grad_outputs`` has a leading axis of cotangents, and so have the results; the graph
            is walked once for all of them.
        materialize_grads: return zeros instead of None.

    >>> import thalweg as tw
    >>> x = tw.tensor(2.0, requires_grad=True)
    >>> (dy,) = tw.autograd.grad(x**3, x, create_graph=True)
    >>> dy, tw.autograd.grad(dy, x)[0]
    (tensor(12., grad_fn=<SafeMulBackward>), tensor(12.))
    """
    if not only_inputs:
        raise AutogradError("grad: only_inputs=False is not supported; call backward() to accumulate into the leaves")
    if not is_grads_batched:
        return gradients(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads)
    options = (retain_graph, create_graph, allow_unused, materialize_grads)
    cotangents = [grad_outputs] if isinstance(grad_outputs, Tensor) else list(grad_outputs)
    used: list[bool] = []
    rows = iter(vmap(functools.partial(_used_gradients, outputs, inputs, options, used))(cotangents))
    return tuple(next(rows) if is_used else None for is_used in used)


def _used_gradients(outputs: Any, inputs: Any, options: Any, used: list[bool], cotangents: Sequence[Tensor]) -> Any:
    """The gradients that are not None; ``used`` is told which these are."""
    found = gradients(outputs, inputs, cotangents, *options)
    used.extend(g is not None for g in found)
    return [g for g in found if g is not None]
