"""Gradients in the other modes, checked: forward mode, and batches of cotangents or tangents."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from ..errors import GradcheckError
from ..ops.shaping import stack
from ..transforms.forward import jvp
from ..transforms.vmap import vmap
from .gradient import grad

__all__ = ["check_batched_backward", "check_batched_forward", "check_forward"]

Outputs = Callable[[Sequence[Tensor]], list[Tensor]]  # of the inputs that are differentiated by


def check_forward(outputs: Outputs, sources: Sequence[Tensor], us: list[Any], slopes: list[Any], close: Any) -> None:
    """Compare forward mode along ``us`` with ``slopes``, finite differences along them."""
    for j, (found, want) in enumerate(zip(_pushed(outputs, sources, list(map(wrap, us))), slopes, strict=True)):
        if not close(found._value, want):
            raise GradcheckError(
                f"gradcheck: forward mode gives another derivative of output {j} than finite differences; the "
                f"largest difference is {_largest(found._value, want):.6g}"
            )


def _pushed(outputs: Outputs, sources: Sequence[Tensor], us: list[Tensor]) -> list[Tensor]:
    return [y.detach() for y in jvp(functools.partial(_spread, outputs), tuple(sources), tuple(us))[1]]


def _spread(outputs: Outputs, *sources: Tensor) -> list[Tensor]:
    return outputs(sources)


def check_batched_forward(outputs: Outputs, sources: Sequence[Tensor], directions: list[list[Any]]) -> None:
    """Two directions at once must give what they give one by one."""
    tangents = [stack([wrap(u) for u in column]) for column in zip(*directions, strict=True)]
    together = vmap(functools.partial(_pushed, outputs, sources))(tangents)
    for i, us in enumerate(directions):
        for j, y in enumerate(_pushed(outputs, sources, list(map(wrap, us)))):
            _compare(together[j]._value[i], y._value, f"forward mode of output {j}")


def check_batched_backward(ys: list[Tensor], sources: Sequence[Tensor], cotangents: list[list[Any]]) -> None:
    """Two cotangents at once must give what they give one by one."""
    connected = [j for j, y in enumerate(ys) if y.requires_grad]
    if not connected:
        return
    roots = [ys[j] for j in connected]
    columns = [stack([wrap(dys[j]) for dys in cotangents]) for j in connected]
    options: dict[str, Any] = {"retain_graph": True, "allow_unused": True, "materialize_grads": True}
    together = grad(roots, list(sources), columns, is_grads_batched=True, **options)
    for k, dys in enumerate(cotangents):
        alone = grad(roots, list(sources), [wrap(dys[j]) for j in connected], **options)
        for i, (a, b) in enumerate(zip(together, alone, strict=True)):
            assert a is not None
            assert b is not None
            _compare(a._value[k], b._value, f"the gradient by input {i}")


def _compare(together: Any, alone: Any, what: str) -> None:
    if not np.allclose(together, alone, rtol=1e-7, atol=1e-9, equal_nan=True):
        raise GradcheckError(
            f"gradcheck: {what} differs when it is computed for a batch; the largest difference is "
            f"{_largest(together, alone):.6g}"
        )


def _largest(a: Any, b: Any) -> float:
    return float(np.max(np.abs(a - b), initial=0.0))
