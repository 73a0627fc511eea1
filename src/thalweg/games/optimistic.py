"""Optimistic methods: each step adds what it differs by from the one before, as a guess of the one to come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ..optim.adam import adam
from ..optim.building import Hyper, State
from ..optim.checks import fractions
from ..optim.optimizer import Group
from .descent import descent
from .optimizer import Closure, Costs, GameOptimizer

__all__ = ["OptimisticAdam", "OptimisticGradient", "optimistic_adam", "optimistic_gradient"]


def extrapolated(change: Any, new: State, state: State, hyper: Hyper) -> tuple[Any, State]:
    """A rule's change d, made d + omega (d - d'), where d' is the one before; d is kept for the next step."""
    return change + hyper["optimism"] * (change - state["previous"]), {**new, "previous": change}


def optimistic_gradient(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The rule of ``OptimisticGradient``."""
    return extrapolated(*descent(gradient, parameter, state, hyper), state, hyper)


def optimistic_adam(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The rule of ``OptimisticAdam``."""
    return extrapolated(*adam(gradient, parameter, state, hyper), state, hyper)


class Optimistic(GameOptimizer):
    """What the two share: one gradient a step, of all players at once."""

    arrays: ClassVar[tuple[str, ...]] = ("previous",)
    not_negative: ClassVar[tuple[str, ...]] = ("lr", "optimism", "weight_decay")

    def play(self, closure: Closure) -> Costs:
        costs = self.costs(closure)
        self.descend(self.gradients(costs))
        return costs


class OptimisticGradient(Optimistic):
    """Descent that counts on the gradient changing as it did before, at the price of one gradient a step.

    With d = eta v(w), and d' that of the step before (zero in the first)::

        w <- w - d - omega (d - d')

    With omega = 1 that is w <- w - 2 eta v(w) + eta v(w'): Popov's method, seen at the points where it takes its
    gradients. It converges on f(x, y) = x y for eta < 1 / sqrt(3); for eta <= 1/2 the distance to the equilibrium
    shrinks by the factor sqrt((1 + sqrt(1 - 4 eta^2)) / 2) a step, in the long run.

    Args:
        players: for each player its parameters, or groups of them; see ``GameOptimizer``.
        lr: eta.
        optimism: omega; 0 is simultaneous descent.
        weight_decay: as for ``SimultaneousDescent``.
        maximize: as for ``SimultaneousDescent``.

    Raises:
        OptimizerError: an option out of range.

    Source: Popov (1980), A modification of the Arrow-Hurwicz method for search of saddle points; Daskalakis et al.
    (2018), Training GANs with optimism.

    >>> import thalweg as tw
    >>> x, y = (tw.tensor(1.0, requires_grad=True) for _ in range(2))
    >>> game = tw.games.OptimisticGradient([x, y], lr=0.3)
    >>> for _ in range(200):
    ...     _ = game.step(lambda: (x * y, -x * y))
    >>> abs(x.item()) + abs(y.item()) < 1e-3
    True
    """

    rule = staticmethod(optimistic_gradient)

    def __init__(
        self,
        players: Iterable[Any],
        lr: Any = 1e-3,
        optimism: float = 1.0,
        *,
        weight_decay: float = 0,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            players, {"lr": lr, "optimism": optimism, "weight_decay": weight_decay, "maximize": maximize}
        )  # fmt: skip


class OptimisticAdam(Optimistic):
    """Adam's step d, made d + omega (d - d'), where d' is Adam's step before (zero in the first).

    Args:
        players: for each player its parameters, or groups of them; see ``GameOptimizer``.
        lr: the step size.
        betas: the decays of the averages of the gradient and of its square; see ``optim.Adam``, as for the next four.
        eps: added to the denominator.
        optimism: omega; 0 is Adam, of all players at once.
        weight_decay: as for ``optim.Adam``.
        amsgrad: as for ``optim.Adam``.
        maximize: ascend.
        decoupled_weight_decay: as for ``optim.Adam``.

    Raises:
        OptimizerError: an option out of range.

    Source: Daskalakis et al. (2018), Training GANs with optimism, algorithm 1.

    >>> import thalweg as tw
    >>> x = tw.tensor([3.0], requires_grad=True)
    >>> game = tw.games.OptimisticAdam([x], lr=0.25)
    >>> _ = game.step(lambda: [(x * x).sum()])
    >>> x  # Adam's first step is lr in size; there was none before, so it counts twice
    tensor([2.5000], requires_grad=True)
    """

    rule = staticmethod(optimistic_adam)
    arrays: ClassVar[tuple[str, ...]] = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "previous")
    numbers = ("step",)
    optional = ("max_exp_avg_sq",)
    not_negative = ("lr", "optimism", "eps", "weight_decay")

    def __init__(
        self,
        players: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        optimism: float = 1.0,
        *,
        weight_decay: float = 0,
        amsgrad: bool = False,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            players,
            {
                "lr": lr, "betas": betas, "eps": eps, "optimism": optimism, "weight_decay": weight_decay,
                "amsgrad": amsgrad, "maximize": maximize, "decoupled_weight_decay": decoupled_weight_decay,
            },
        )  # fmt: skip

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        fractions(self._name(), options, "betas")

    def starts_at_zero(self, name: str, group: Group) -> bool:
        return bool(group["amsgrad"])
