"""The base of the game optimisers: players, their costs, and the gradient of each by its own parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..core.backward import gradients
from ..core.modes import enable_grad
from ..core.modes import state as modes
from ..core.tensor import Tensor
from ..errors import OptimizerError
from ..optim import RuleOptimizer
from ..optim.building import Hyper
from ..optim.optimizer import Group, required
from ..optim.traced import TracedOptions
from ..optim.watching import watch_structure

__all__ = ["Closure", "Costs", "GameOptimizer", "options_of"]

Costs = tuple[Tensor, ...]
Closure = Callable[[], Sequence[Tensor]]


class GameOptimizer(RuleOptimizer, tells_tracer=True):
    """Players with parameters of their own, each of which lowers its own cost.

    Args:
        players: for each player its parameters: a tensor, tensors, ``(name, tensor)`` pairs, a parameter group (a
            dictionary with "params" and options), or a list of groups. Each group gets the player's number under
            "player", if it does not have one already.
        defaults: the options of groups that do not give them.

    ``step(closure)`` calls ``closure()``, which returns the costs, one for each player, and calls no ``backward``. Each
    cost is differentiated by its own player's parameters alone. The ``grad`` of the parameters is neither read nor
    changed. Groups, ``state_dict``, hooks and schedules of step sizes are those of every ``optim.Optimizer``; all of
    it works inside ``tw.compile``.

    A subclass states in ``play`` how gradients are asked for and used, and in ``rule`` what a step along them is.

    Raises:
        OptimizerError: no players, a player without parameters, or a tensor that two of them share.

    >>> import thalweg as tw
    >>> x, y = (tw.tensor(1.0, requires_grad=True) for _ in range(2))
    >>> game = tw.games.SimultaneousDescent([x, y], lr=0.5)
    >>> game.step(lambda: (x * y, -x * y))
    (tensor(1.), tensor(-1.))
    >>> x.item(), y.item(), x.grad
    (0.5, 1.5, None)
    """

    def __init__(self, players: Iterable[Any], defaults: dict[str, Any]) -> None:
        super().__init__(groups_of(type(self).__name__, players), {"player": required, **defaults})

    # -- players and groups -------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group: "params", "player" (the number of a player, an old or a new one), and other options."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for p in group["params"]:
            self._prepare(p, group)

    def _check_group(self, group: Group) -> None:
        super()._check_group(group)
        if type(group["player"]) is not int or group["player"] < 0:
            raise OptimizerError(
                f"{self._name()}: player must be the number of a player, 0 or more, not {group['player']!r}"
            )

    def _check_sizes(self, saved: list[Any]) -> None:
        super()._check_sizes(saved)
        for i, (own, new) in enumerate(zip(self.param_groups, saved, strict=True)):
            if own["player"] != new.get("player", own["player"]):
                raise OptimizerError(
                    f"{self._name()}: parameter group {i} of the loaded state is of player {new['player']}, the "
                    f"optimiser's is of player {own['player']}"
                )

    def players(self) -> list[list[Tensor]]:
        """For each player its parameters that require a gradient.

        Raises:
            OptimizerError: a number has been left out, so that there is a player without a parameter group.
        """
        count = 1 + max(group["player"] for group in self.param_groups)
        found: list[list[Tensor]] = [[] for _ in range(count)]
        numbers = {group["player"] for group in self.param_groups}
        for k in range(count):
            if k not in numbers:
                raise OptimizerError(f"{self._name()}: player {k} has no parameter group, but player {count - 1} has")
        for group in self.param_groups:
            found[group["player"]] += [p for p in group["params"] if p.requires_grad]
        return found

    # -- the step -----------------------------------------------------------------------------------------

    def step(self, closure: Closure | None = None) -> Costs:
        """Every player moves; returns the costs before, a tuple of tensors without history.

        Raises:
            OptimizerError: without a closure, or if what it returns is not one number for each player.
        """
        if closure is None:
            raise OptimizerError(
                f"{self._name()}: step needs a closure that returns the costs, one for each player, without backward"
            )
        if modes.tracer is not None:
            watch_structure(self, modes.tracer)
        return tuple(cost.detach() for cost in self.play(closure))

    def play(self, closure: Closure) -> Costs:
        """One step; returns the costs that it began with."""
        raise NotImplementedError(f"{self._name()} does not define play")

    def costs(self, closure: Closure) -> Costs:
        """What the closure returns, checked: one number for each player."""
        with enable_grad():
            found = closure()
        count = len(self.players())
        if not isinstance(found, (tuple, list)) or len(found) != count:
            got = f"{len(found)} of them" if isinstance(found, (tuple, list)) else type(found).__name__
            raise OptimizerError(
                f"{self._name()}: the closure must return a tuple of {count} costs, one for each player, but it "
                f"returned {got}"
            )
        for k, cost in enumerate(found):
            if not isinstance(cost, Tensor) or cost.numel() != 1:
                got = f"a tensor of shape {tuple(cost.shape)}" if isinstance(cost, Tensor) else type(cost).__name__
                raise OptimizerError(f"{self._name()}: the cost of player {k} must be a single number, not {got}")
            if not cost.requires_grad:
                raise OptimizerError(
                    f"{self._name()}: the cost of player {k} depends on no parameter; compute it inside the closure, "
                    "without detach or no_grad"
                )
        return tuple(found)

    def gradients(self, costs: Costs, *, create_graph: bool = False) -> dict[Tensor, Tensor]:
        """By parameter the gradient of its player's cost; parameters that this cost does not use are left out."""
        found: dict[Tensor, Tensor] = {}
        for k, params in enumerate(self.players()):
            found |= self.gradient(costs, k, params, keep=k < len(costs) - 1, create_graph=create_graph)
        return found

    def gradient(
        self, costs: Costs, player: int, params: list[Tensor], *, keep: bool = False, create_graph: bool = False
    ) -> dict[Tensor, Tensor]:
        """The gradient of one player's cost by ``params``; ``keep`` says that the graph will be walked again."""
        if not params:
            return {}
        found = gradients(
            costs[player], params, retain_graph=keep or create_graph, create_graph=create_graph, allow_unused=True
        )
        return {p: g for p, g in zip(params, found, strict=True) if g is not None}

    def descend(self, directions: Mapping[Tensor, Tensor]) -> None:
        """Apply the rule to the parameters that have a direction; what they have as ``grad`` stays."""
        for group in self.param_groups:
            params = [p for p in group["params"] if p in directions]
            if params:
                with lent(directions, params):
                    self._update(group, params)


def options_of(group: Group) -> Hyper:
    """The options of a group, which a tracer hears of."""
    return group if modes.tracer is None else TracedOptions(group, modes.tracer)


@contextmanager
def lent(directions: Mapping[Tensor, Tensor], params: list[Tensor]) -> Iterator[None]:
    """While this holds, the directions stand where the rule looks for gradients."""
    before = [p._grad for p in params]
    try:
        for p in params:
            p._grad = directions[p]
        yield
    finally:
        for p, grad in zip(params, before, strict=True):
            p._grad = grad


def groups_of(name: str, players: Iterable[Any]) -> list[Group]:
    """The parameter groups of all players, numbered.

    Raises:
        OptimizerError: a player has no parameters.
        TypeError: the players are not in a sequence.
    """
    if isinstance(players, (Tensor, dict)):
        raise TypeError(f"{name}: expects a list with the parameters of each player, not one {type(players).__name__}")
    groups: list[Group] = []
    for k, player in enumerate(players):
        entries = [player] if isinstance(player, (Tensor, dict)) else list(player)
        if not entries:
            raise OptimizerError(
                f"{name}: player {k} has no parameters; its list is empty, or an iterator that was already used up"
            )
        own: list[Any] = entries if isinstance(entries[0], dict) else [{"params": entries}]
        groups += [{"player": k, **group} for group in own]
    return groups
