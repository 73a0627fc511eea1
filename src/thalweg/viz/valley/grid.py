"""The loss at many points of a line or a plane through the space of weights, by one native loop."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from ...compiler import compile as compiled
from ...core.modes import no_grad
from ...core.tensor import Tensor
from ...errors import CompileError, TraceError
from ...ops.creation import tensor
from ...ops.joining import stack
from ..charts.axes import Floats
from .objective import Objective

__all__ = ["Along", "losses_along"]

log = logging.getLogger("thalweg.viz")


class Along:
    """The cost as a function of the coordinates of a point: of origin + sum of coordinate k times direction k.

    Weights that no direction moves are constants, so that a compiled program does not compute them again.
    """

    def __init__(
        self, objective: Objective, origin: Mapping[str, Tensor], directions: Sequence[Mapping[str, Tensor]]
    ) -> None:
        self.objective = objective
        self.origin = dict(origin)
        self.moves = {name: self._moves(name, directions) for name in origin}

    @staticmethod
    def _moves(name: str, directions: Sequence[Mapping[str, Tensor]]) -> list[tuple[int, Tensor]]:
        return [(k, d[name]) for k, d in enumerate(directions) if name in d and bool(np.any(d[name].numpy() != 0))]

    def __call__(self, point: Tensor) -> Tensor:
        """The cost at a point, (number of directions,)."""
        weights = {}
        for name, value in self.origin.items():
            for k, direction in self.moves[name]:
                value = value + (point[k] * direction).to(value.dtype)
            weights[name] = value
        return self.objective.cost(weights)


def losses_along(
    objective: Objective,
    origin: Mapping[str, Tensor],
    directions: Sequence[Mapping[str, Tensor]],
    points: Floats,
    *,
    training: bool = False,
    compile: bool = True,
) -> Floats:
    """The cost at each of many points.

    The cost is compiled, and the loop over the points is native. What can't be compiled, such as a function that
    branches on its numbers, is evaluated point by point.

    Args:
        origin: the weights at the point 0.
        directions: how the weights change by each coordinate; a weight that a direction does not name stays.
        points: (n, number of directions).
        training: whether modules are in training mode.
        compile: False evaluates point by point.

    Returns:
        The costs, (n,).
    """
    along = Along(objective, origin, directions)
    wide = all(w.numpy().dtype == np.float64 for w in origin.values())
    rows = tensor(np.ascontiguousarray(points, dtype=np.float64 if wide else np.float32))
    with objective.mode(training), no_grad():
        if compile:
            try:
                return np.asarray(compiled(along).epoch(rows).numpy(), dtype=np.float64)
            except (CompileError, TraceError) as error:
                log.info("the loss can't be compiled, and is evaluated point by point: %s", error)
        return np.asarray(stack([along(row) for row in rows]).numpy(), dtype=np.float64)
