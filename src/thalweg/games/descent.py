"""Gradient descent of all players at once, of one after the other, and with a look ahead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..core.modes import no_grad
from ..optim.building import Hyper, State, decayed
from .optimizer import Closure, Costs, GameOptimizer

__all__ = ["AlternatingDescent", "Extragradient", "SimultaneousDescent", "descent"]


def descent(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The rule of plain descent: the step size times the gradient."""
    return hyper["lr"] * decayed(gradient, parameter, hyper), {}


class Descent(GameOptimizer):
    """What the methods of this file share: the rule of plain descent, and its options."""

    rule = staticmethod(descent)
    not_negative = ("lr", "weight_decay")

    def __init__(
        self, players: Iterable[Any], lr: Any = 1e-3, *, weight_decay: float = 0, maximize: bool = False
    ) -> None:
        super().__init__(players, {"lr": lr, "weight_decay": weight_decay, "maximize": maximize})


class SimultaneousDescent(Descent):
    """Every player descends its own cost, all at once: w <- w - eta v(w), v_k = df_k / dw_k.

    The plain method, and the one to compare with: around an equilibrium of f(x, y) = x y it spirals out, by the factor
    sqrt(1 + eta^2) in each step.

    Args:
        players: for each player its parameters, or groups of them; see ``GameOptimizer``.
        lr: eta, a number; groups may have their own.
        weight_decay: lambda; lambda w is added to the gradient.
        maximize: ascend; an option of a group whose player wants its "cost" to be large.

    Raises:
        OptimizerError: an option out of range.

    Source: Singh, Kearns and Mansour (2000), Nash convergence of gradient dynamics in general-sum games.

    >>> import thalweg as tw
    >>> x, y = (tw.tensor(1.0, requires_grad=True) for _ in range(2))
    >>> game = tw.games.SimultaneousDescent([x, y], lr=1.0)
    >>> for _ in range(4):
    ...     _ = game.step(lambda: (x * y, -x * y))
    >>> x.item(), y.item()  # after four steps of a factor sqrt(2)
    (-4.0, -4.0)
    """

    def play(self, closure: Closure) -> Costs:
        costs = self.costs(closure)
        self.descend(self.gradients(costs))
        return costs


class AlternatingDescent(Descent):
    """The players descend one after the other, each where those before it have gone.

    The closure is called once for each player. On f(x, y) = x y the paths stay on an ellipse for eta < 2, instead of
    spiralling out.

    Args:
        players: for each player its parameters, or groups of them, in the order in which they move.
        lr: the step size.
        weight_decay: as for ``SimultaneousDescent``.
        maximize: as for ``SimultaneousDescent``.

    Returns of ``step``: the costs before the first player moved.

    Source: Gidel et al. (2019), Negative momentum for improved game dynamics; Bailey, Gidel and Piliouras (2020),
    Finite regret and cycles with fixed step-size via alternating gradient descent-ascent.

    >>> import thalweg as tw
    >>> x, y = (tw.tensor(1.0, requires_grad=True) for _ in range(2))
    >>> game = tw.games.AlternatingDescent([x, y], lr=1.0)
    >>> for _ in range(6):
    ...     _ = game.step(lambda: (x * y, -x * y))
    >>> x.item(), y.item()  # six steps are once around
    (1.0, 1.0)
    """

    def play(self, closure: Closure) -> Costs:
        first: Costs | None = None
        for k, params in enumerate(self.players()):
            costs = self.costs(closure)
            first = costs if first is None else first
            self.descend(self.gradient(costs, k, params))
        assert first is not None
        return first


class Extragradient(Descent):
    """Descent by the gradient at the point that a step would lead to.

    ::

        w' <- w - eta v(w)
        w  <- w - eta v(w')

    The closure is called twice. Where costs are drawn at random it should use the same draws in both calls, or new
    ones in each; both are in use. On f(x, y) = x y the distance to the equilibrium shrinks by the factor
    sqrt(1 - eta^2 + eta^4) in each step.

    Args:
        players: for each player its parameters, or groups of them; see ``GameOptimizer``.
        lr: eta, of both steps; below 1 / L for gradients with Lipschitz constant L.
        weight_decay: as for ``SimultaneousDescent``.
        maximize: as for ``SimultaneousDescent``.

    Source: Korpelevich (1976), The extragradient method for finding saddle points and other problems; Gidel et al.
    (2019), A variational inequality perspective on generative adversarial networks.

    >>> import thalweg as tw
    >>> x, y = (tw.tensor(1.0, requires_grad=True) for _ in range(2))
    >>> game = tw.games.Extragradient([x, y], lr=0.5)
    >>> for _ in range(100):
    ...     _ = game.step(lambda: (x * y, -x * y))
    >>> abs(x.item()) + abs(y.item()) < 1e-4
    True
    """

    def play(self, closure: Closure) -> Costs:
        costs = self.costs(closure)
        here = self.gradients(costs)
        before = [(p, p.detach().clone()) for p in here]
        self.descend(here)
        ahead = self.gradients(self.costs(closure))
        with no_grad():
            for p, value in before:
                p.copy_(value)
        self.descend(ahead)
        return costs
