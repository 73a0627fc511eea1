"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...core.tensor import Tensor
from ...errors import ShapeError
from ...ops.shaping import cat, narrow, reshape

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters, one parameter after the other; differentiable.

    >>> import thalweg as tw
    >>> tw.nn.utils.parameters_to_vector([tw.ones(2, 1), tw.zeros(1)])
    tensor([1., 1., 0.])
    """
    return cat([reshape(p, -1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let each parameter's data be its piece of ``vec``, whose memory they then share, as in PyTorch.

    Raises:
        TypeError: ``vec`` is not a Tensor.
        ShapeError: ``vec`` does not have as many elements as all parameters together; none is changed. PyTorch
            ignores elements that are left over.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: vec must be a Tensor, not {type(vec).__name__}")
    held = list(parameters)
    count = sum(p._value.size for p in held)
    if vec._value.shape != (count,):
        raise ShapeError(
            f"vector_to_parameters: vec has shape {tuple(vec.shape)}, but the parameters hold {count} elements"
        )
    start = 0
    flat = vec.detach()
    for p in held:
        p.data = reshape(narrow(flat, 0, start, p._value.size), p.shape)
        start += p._value.size
