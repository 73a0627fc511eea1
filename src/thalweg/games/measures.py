"""How near a point is to a Nash equilibrium: the players' gradients, the game's Jacobian, gaps by best response.

A game is a function here: ``costs(*players)`` takes one argument for each player, a tensor or a structure of tensors
such as a dictionary of parameters, and returns the costs, one number for each player. Nothing that is given is changed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.modes import enable_grad
from ..core.tensor import Tensor
from ..errors import ArgumentError
from ..func import grad, jacrev
from ..ops.shaping import cat, reshape, split
from ..optim import SGD, Optimizer
from ..transforms.trees import differentiable_leaves, leaves_of, rebuilt

__all__ = ["Costs", "Gap", "best_response_gap", "gradient_norm", "jacobian", "simultaneous_gradient"]

Costs = Callable[..., Sequence[Tensor]]


def cost_of(costs: Costs, player: int, *players: Any) -> Tensor:
    """The cost of one player, of shape ().

    Raises:
        ArgumentError: the game does not return one number for each player.
    """
    found = costs(*players)
    if not isinstance(found, (tuple, list)) or len(found) != len(players):
        got = f"{len(found)} of them" if isinstance(found, (tuple, list)) else type(found).__name__
        raise ArgumentError(
            f"a game of {len(players)} players must return a tuple of {len(players)} costs, but it returned {got}"
        )
    cost = found[player]
    if not isinstance(cost, Tensor) or cost.numel() != 1:
        got = f"a tensor of shape {tuple(cost.shape)}" if isinstance(cost, Tensor) else type(cost).__name__
        raise ArgumentError(f"the cost of player {player} must be a single number, not {got}")
    return reshape(cost, ())


def simultaneous_gradient(costs: Costs, *players: Any) -> tuple[Any, ...]:
    """The field v: for each player the gradient of its own cost by its own argument, in the argument's structure.

    >>> import thalweg as tw
    >>> tw.games.simultaneous_gradient(lambda x, y: (x * y, -x * y), tw.tensor(1.0), tw.tensor(2.0))
    (tensor(2.), tensor(-1.))
    """
    if not players:
        raise ArgumentError("simultaneous_gradient: a game needs players; give an argument for each after the costs")
    return tuple(grad(functools.partial(cost_of, costs, k), argnums=k)(*players) for k in range(len(players)))


def gradient_norm(costs: Costs, *players: Any) -> Tensor:
    """The length of the field v, shape (): 0 where no player can lower its cost to first order.

    >>> import thalweg as tw
    >>> tw.games.gradient_norm(lambda x, y: (x * y, -x * y), tw.tensor(3.0), tw.tensor(4.0))
    tensor(5.)
    """
    return flat(simultaneous_gradient(costs, *players)).square().sum().sqrt()


def jacobian(costs: Costs, *players: Any) -> Tensor:
    """The Jacobian of the field v, (n, n) for n numbers of all players together, in their order.

    Its blocks are d^2 f_i / dw_i dw_j: on the diagonal the Hessian of each player's cost by its own argument, beside it
    how the gradient of player i changes as player j moves. It is symmetric for games with a potential, and
    antisymmetric where all is rotation.

    Source: Balduzzi et al. (2018), The mechanics of n-player differentiable games, section 2.

    >>> import thalweg as tw
    >>> tw.games.jacobian(lambda x, y: (x * y + x * x, -x * y), tw.tensor(1.0), tw.tensor(2.0))
    tensor([[ 2.,  1.],
            [-1.,  0.]])
    """
    leaves = differentiable_leaves(players, "jacobian")
    return jacrev(functools.partial(field_at, costs, players, leaves))(flat(players))


def field_at(costs: Costs, players: tuple[Any, ...], leaves: list[Tensor], place: Tensor) -> Tensor:
    """The field as a function of one vector (n,) of the numbers of all players."""
    pieces = split(place, [leaf.numel() for leaf in leaves])
    moved = [reshape(piece, leaf.shape).to(leaf.dtype) for piece, leaf in zip(pieces, leaves, strict=True)]
    return flat(simultaneous_gradient(costs, *rebuilt(players, moved)))


def flat(tree: Any) -> Tensor:
    """The numbers of all tensors in a structure, one after the other, (n,)."""
    return cat([reshape(leaf, -1) for leaf in leaves_of(tree)])


@dataclass(frozen=True)
class Gap:
    """By how much each player lowers its cost, if it alone goes on.

    Attributes:
        gains: of each player, never negative.
        costs: of each player before.
    """

    gains: tuple[float, ...]
    costs: tuple[float, ...]

    @property
    def total(self) -> float:
        """The sum of the gains: 0 at a Nash equilibrium."""
        return math.fsum(self.gains)

    @property
    def largest(self) -> float:
        """The largest gain: at an epsilon-equilibrium no player gains more than epsilon."""
        return max(self.gains)


def best_response_gap(
    costs: Costs,
    *players: Any,
    steps: int = 100,
    lr: float = 0.1,
    optimizer: Callable[[list[Tensor]], Optimizer] | None = None,
) -> Gap:
    """How much each player gains by a best response, while the others stay.

    Each player alone takes ``steps`` steps of an optimiser from where it is, on a copy, and the lowest cost on the way
    is compared with that at the beginning. So each gain is a lower bound of what a perfect response would gain, and the
    bound that local descent can give: a gap near 0 tells a local equilibrium.

    Args:
        costs: the game.
        players: an argument for each.
        steps: of each player's response.
        lr: of plain gradient descent, the default optimiser.
        optimizer: makes another one from the tensors of a player, such as ``lambda w: tw.optim.Adam(w, lr=0.01)``.

    Raises:
        ArgumentError: the game does not return one number for each player, or steps is negative.

    Source: Nash (1951), Non-cooperative games, for the equilibrium that has no such gain.

    >>> import thalweg as tw
    >>> def costs(x, y):
    ...     return (x - 1) ** 2 + x * y, (y + 2) ** 2
    >>> gap = tw.games.best_response_gap(costs, tw.tensor(2.0), tw.tensor(-2.0))
    >>> round(gap.gains[0], 4), gap.gains[1]  # the best response of x to y = -2 is 2
    (0.0, 0.0)
    """
    if not players:
        raise ArgumentError("best_response_gap: a game needs players; give an argument for each after the costs")
    if steps < 0:
        raise ArgumentError(f"best_response_gap: steps should not be negative, but is {steps}")
    make = functools.partial(SGD, lr=lr) if optimizer is None else optimizer
    responses = [respond(costs, k, players, make, steps) for k in range(len(players))]
    return Gap(tuple(start - best for start, best in responses), tuple(start for start, _ in responses))


def respond(
    costs: Costs, player: int, players: Sequence[Any], make: Callable[[list[Tensor]], Optimizer], steps: int
) -> tuple[float, float]:
    """The cost of a player before, and the lowest on the way of its own descent."""
    fixed = rebuilt(players, [leaf.detach() for leaf in differentiable_leaves(players, "best_response_gap")])
    copies = [leaf.clone().requires_grad_() for leaf in leaves_of(fixed[player])]
    arguments = [rebuilt(one, copies) if k == player else one for k, one in enumerate(fixed)]
    closure = Response(functools.partial(cost_of, costs, player, *arguments), copies)
    optimizer = make(copies)
    for _ in range(steps):
        optimizer.step(closure)
        if not math.isfinite(closure.newest):
            break
    closure.look()
    return closure.first, closure.lowest


class Response:
    """What the optimiser of one player calls for its cost and gradient; it remembers the first and the lowest cost."""

    def __init__(self, cost: Callable[[], Tensor], moved: list[Tensor]) -> None:
        self.cost = cost
        self.moved = moved
        self.first = self.newest = math.nan
        self.lowest = math.inf

    def look(self) -> Tensor:
        """The cost now; the lowest is remembered."""
        with enable_grad():
            cost = self.cost()
        self.newest = float(cost.item())
        if math.isnan(self.first):
            self.first = self.lowest = self.newest
        if self.newest < self.lowest:
            self.lowest = self.newest
        return cost

    def __call__(self) -> Tensor:
        for w in self.moved:
            w.grad = None
        cost = self.look()
        if cost.requires_grad:
            cost.backward()
        return cost
