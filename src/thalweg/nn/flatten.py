"""Several axes as one, and one as several."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from ..ops.shaping import flatten, unflatten
from .module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """The axes from ``start_dim`` to ``end_dim`` as one; by default all but the first, the batch.

    >>> import thalweg as tw
    >>> tw.nn.Flatten()(tw.zeros(4, 3, 10, 20)).shape
    thalweg.Size([4, 600])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One axis as several, whose sizes multiply to its size; one of them may be -1.

    Named dimensions, which PyTorch accepts here, don't exist in thalweg.

    >>> import thalweg as tw
    >>> tw.nn.Unflatten(1, (2, -1))(tw.zeros(4, 6)).shape
    thalweg.Size([4, 2, 3])
    """

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        if isinstance(dim, bool) or not isinstance(dim, int):
            raise TypeError(f"Unflatten: dim must be an int, not {type(dim).__name__}")
        if not isinstance(unflattened_size, (tuple, list)) or not all(isinstance(n, int) for n in unflattened_size):
            raise TypeError(f"Unflatten: unflattened_size must be a tuple of ints, not {unflattened_size!r}")
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
