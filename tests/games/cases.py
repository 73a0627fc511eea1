"""Games with known answers, and every optimiser with options under which it should do well."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import thalweg as tw
from thalweg import games, nn
from thalweg.core.tensor import Tensor

Made = Callable[[list[Any]], games.GameOptimizer]

OPTIMIZERS: dict[str, Made] = {
    "simultaneous": lambda players: games.SimultaneousDescent(players, lr=0.1, weight_decay=0.01),
    "alternating": lambda players: games.AlternatingDescent(players, lr=0.1),
    "extragradient": lambda players: games.Extragradient(players, lr=0.1),
    "optimistic": lambda players: games.OptimisticGradient(players, lr=0.1),
    "optimistic Adam": lambda players: games.OptimisticAdam(players, lr=0.01),
    "optimistic AMSGrad": lambda players: games.OptimisticAdam(players, lr=0.01, amsgrad=True, optimism=0.5),
    "consensus": lambda players: games.Consensus(players, lr=0.1, gamma=0.5),
    "adjusted": lambda players: games.SymplecticAdjustment(players, lr=0.1),
    "adjusted, not aligned": lambda players: games.SymplecticAdjustment(players, lr=0.1, align=False),
}


def scalar(value: float) -> Tensor:
    return tw.tensor(value, dtype=tw.float64, requires_grad=True)


class Bilinear:
    """f(x, y) = x y of two numbers, which x makes small and y large."""

    def __init__(self, x: float = 0.6, y: float = 0.8) -> None:
        self.x, self.y = scalar(x), scalar(y)
        self.players = [self.x, self.y]

    def __call__(self) -> tuple[Tensor, Tensor]:
        value = self.x * self.y
        return value, -value

    def distance(self) -> float:
        return float(np.hypot(self.x.item(), self.y.item()))


class Quadratic:
    """f_i(w) = w_i' M_i w for players with vectors w_i: the field is linear, v = J w, with the Jacobian given."""

    def __init__(self, jacobian: Any, sizes: list[int], start: Any) -> None:
        self.jacobian = np.asarray(jacobian, dtype=np.float64)
        self.bounds = np.cumsum([0, *sizes])
        self.players = [tw.tensor(part, requires_grad=True) for part in np.split(np.asarray(start), self.bounds[1:-1])]

    def __call__(self) -> tuple[Tensor, ...]:
        return self.costs(*self.players)

    def costs(self, *players: Tensor) -> tuple[Tensor, ...]:
        found = []
        for k, w in enumerate(players):
            rows = self.jacobian[self.bounds[k] : self.bounds[k + 1]]
            blocks = np.split(rows, self.bounds[1:-1], axis=1)
            others = sum(w @ (tw.tensor(b) @ u) for j, (b, u) in enumerate(zip(blocks, players, strict=True)) if j != k)
            found.append(w @ (tw.tensor(blocks[k]) @ w) / 2 + others)
        return tuple(found)

    def place(self) -> np.ndarray[Any, Any]:
        return np.concatenate([w.detach().numpy() for w in self.players])


def quadratic(seed: int = 0) -> Quadratic:
    """Three players with 2, 1 and 3 numbers, and a Jacobian without symmetry whose diagonal blocks are symmetric."""
    rng = np.random.default_rng(seed)
    sizes = [2, 1, 3]
    jacobian = rng.standard_normal((6, 6))
    bounds = np.cumsum([0, *sizes])
    for a, b in pairwise(bounds):
        jacobian[a:b, a:b] = jacobian[a:b, a:b] + jacobian[a:b, a:b].T
    return Quadratic(jacobian, sizes, rng.standard_normal(6))


class Adversarial:
    """A small generator and a critic, whose costs are not quadratic."""

    def __init__(self) -> None:
        tw.manual_seed(0)
        self.generator = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
        self.critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
        self.players = [list(self.generator.parameters()), list(self.critic.parameters())]
        self.data = tw.randn(12, 2) + 2

    def costs(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        fake, real = self.critic(self.generator(z)), self.critic(x)
        softplus = nn.functional.softplus
        return softplus(-fake).mean(), softplus(fake).mean() + softplus(-real).mean()

    def parameters(self) -> list[Tensor]:
        return [p for player in self.players for p in player]
