"""Prototypes: the nearest-neighbour classifier as a module that is trained like any other."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import dtype
from ..core.modes import no_grad
from ..core.tensor import Tensor, wrap
from ..errors import ShapeError
from ..ops.creation import empty
from ..ops.drawing import multinomial
from ..ops.index import take
from ..ops.random import Generator
from ..ops.shaping import unsqueeze
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["NearestNeighbor"]


class NearestNeighbor(Module):
    """The index of the prototype closest to each input: y = argmin_k ||x - w_k||².

    x : (..., dim)  ->  (...) int64

    ``weight`` (num_prototypes, dim) holds the prototypes, at first standard normal; ``init_from`` chooses them from
    data. The output is a staircase without a gradient; ``energy``, the squared distance to the winner, has one, and
    it moves the winner alone: d energy / d w_k = 2 (w_k - x). A step of SGD on ``energy(x)`` for one x is therefore
    w_k <- w_k + 2 lr (x - w_k), and training on its mean is k-means, one sample or mini-batch at a time.

    Memory grows as inputs × num_prototypes × dim. Distances are sums of squared differences, not the cheaper
    ||x||² - 2 x·w + ||w||², which loses its digits where a prototype is close.

    Reference: MacQueen (1967), Some methods for classification and analysis of multivariate observations.

    >>> import thalweg as tw
    >>> _ = tw.manual_seed(0)
    >>> x = tw.cat([tw.randn(50, 2), tw.randn(50, 2) + 10])
    >>> net = tw.nn.NearestNeighbor(2, 2).init_from(x)
    >>> for _ in range(50):
    ...     net.zero_grad()
    ...     net.energy(x).mean().backward()
    ...     with tw.no_grad():
    ...         net.weight -= 0.5 * net.weight.grad
    >>> counts = [int((net(x) == k).sum()) for k in range(2)]
    >>> counts
    [50, 50]
    """

    weight: Parameter

    def __init__(self, num_prototypes: int, dim: int, device: Any = None, dtype: dtype | None = None) -> None:
        super().__init__()
        if num_prototypes < 1 or dim < 1:
            raise ShapeError(f"NearestNeighbor: num_prototypes and dim must be positive, got {num_prototypes}, {dim}")
        self.num_prototypes = num_prototypes
        self.dim = dim
        self.weight = Parameter(empty(num_prototypes, dim, dtype=dtype, device=device))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the prototypes anew from the standard normal distribution."""
        init.normal_(self.weight)

    @no_grad
    def init_from(self, x: Tensor, generator: Generator | None = None) -> NearestNeighbor:
        """Make prototypes of rows of ``x`` (n, dim), spread out as k-means++ does. Returns the module.

        The first row is drawn uniformly, each further one with a probability proportional to its energy so far.

        Reference: Arthur and Vassilvitskii (2007), k-means++: the advantages of careful seeding.
        """
        rows = self._checked(x).reshape(-1, self.dim)
        if len(rows) < self.num_prototypes:
            raise ShapeError(f"init_from: {self.num_prototypes} prototypes can't be chosen from {len(rows)} rows")
        closest = np.full(len(rows), np.inf)
        chances = wrap(np.ones(len(rows)))
        for k in range(self.num_prototypes):
            row = rows[int(multinomial(chances, 1, generator=generator))]
            self.weight[k] = row
            closest = np.minimum(closest, ((rows - row) ** 2).sum(-1)._value)
            chances = wrap(closest if closest.any() else np.ones(len(rows)))  # all rows are prototypes already
        return self

    def energies(self, x: Tensor) -> Tensor:
        """||x - w_k||² for every prototype; differentiable in both. x : (..., dim)  ->  (..., num_prototypes)."""
        difference = unsqueeze(self._checked(x), -2) - self.weight
        return (difference * difference).sum(-1)

    def energy(self, x: Tensor) -> Tensor:
        """||x - w_k||² for the closest prototype; differentiable in both. x : (..., dim)  ->  (...)."""
        difference = x - take(self.weight, self.forward(x)._value, pattern=("array",))
        return (difference * difference).sum(-1)

    @no_grad
    def forward(self, x: Tensor) -> Tensor:
        """The index of the closest prototype, the first of equally close ones."""
        return self.energies(x).argmin(-1)

    def _checked(self, x: Tensor) -> Tensor:
        if x._value.shape[-1:] != (self.dim,):
            raise ShapeError(
                f"NearestNeighbor: the input has shape {tuple(x.shape)}; its last size must be dim = {self.dim}"
            )
        return x

    def extra_repr(self) -> str:
        return f"num_prototypes={self.num_prototypes}, dim={self.dim}"
