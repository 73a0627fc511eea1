"""The paths that the optimisers of games take, from where the players begin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...errors import ArgumentError
from ...games import GameOptimizer, SimultaneousDescent
from ...games.measures import Costs
from ...ops.creation import tensor
from ..valley.descent import MOST_POINTS, Path
from ..valley.objective import vector_of

__all__ = ["play"]


def play(
    costs: Costs,
    x0: Sequence[float],
    *,
    optimizer: Callable[[list[Any]], GameOptimizer] | None = None,
    lr: float = 0.1,
    steps: int = 100,
    name: str | None = None,
) -> Path:
    """The path that an optimiser of games takes from ``x0``; it ends early where numbers stop being finite.

    Args:
        costs: ``costs(x, y, ...)`` takes a tensor of shape () for each player, and returns the costs.
        x0: the number that each player begins with.
        optimizer: makes an optimiser from the players, such as ``lambda p: tw.games.Extragradient(p, lr=0.1)``.
        lr: the step size of simultaneous descent, which is played without ``optimizer``.
        steps: how many steps.
        name: what the path is called; by default the optimiser's class.

    Raises:
        ArgumentError: steps is negative, or there are no players.

    >>> play(lambda x, y: (x * y, -x * y), (1.0, 1.0), lr=1.0, steps=2).points.tolist()
    [[1.0, 1.0], [0.0, 2.0], [-2.0, 2.0]]
    """
    if steps < 0:
        raise ArgumentError(f"play: steps should not be negative, but is {steps}")
    if not len(x0):
        raise ArgumentError("play: x0 is empty; give the number that each player begins with")
    players = [tensor(np.float64(value)).requires_grad_() for value in x0]
    rule = SimultaneousDescent(players, lr=lr) if optimizer is None else optimizer(players)
    path = Path(name or type(rule).__name__, every=max(1, -(-steps // MOST_POINTS)))
    path.add(vector_of(players))
    closure = Played(costs, players)
    with np.errstate(all="ignore"):  # numbers that overflow end the path
        for _ in range(steps):
            rule.step(closure)
            point = vector_of(players)
            if not np.isfinite(point).all():
                break
            path.add(point)
    return path


class Played:
    """A game at the place where its players are, as optimisers call it."""

    def __init__(self, costs: Costs, players: list[Tensor]) -> None:
        self.costs = costs
        self.players = players

    def __call__(self) -> Sequence[Tensor]:
        return self.costs(*self.players)
