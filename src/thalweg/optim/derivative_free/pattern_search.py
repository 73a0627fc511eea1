"""PatternSearch: what has lowered the cost is tried again, and further."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..checks import fractions
from ..optimizer import Group
from .base import Costs, DerivativeFreeOptimizer, Place, Search

__all__ = ["PatternSearch"]


class PatternSearch(DerivativeFreeOptimizer):
    """The pattern search of Hooke and Jeeves.

    To *explore* a place is to try a step of length h up, and if that is not better one down, along each axis in turn,
    and to keep what is better. If exploring the base b has led to a better place b', the next step explores 2 b' - b:
    the same move again. If that is better than b', it is the new base, otherwise b' itself is explored. If that
    fails, too, h is multiplied by ``shrink``. A step takes at most 4 n + 1 evaluations. The valley is followed along
    any direction that the pattern has found.

    Args:
        params: parameters or groups of them; the option ``scale`` of a group is its unit of length.
        step_size: the first h.
        shrink: by what h is multiplied, in (0, 1).

    ``step`` returns the cost where the parameters stand: the lowest so far.

    Reference: Hooke and Jeeves (1961), "Direct search" solution of numerical and statistical problems.

    >>> import thalweg as tw
    >>> w = tw.tensor([-1.2, 1.0], dtype=tw.float64)
    >>> optimizer = tw.optim.PatternSearch([w])
    >>> costs = [optimizer.step(lambda: (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2) for _ in range(200)]
    >>> costs[-1] < 1e-8
    True
    """

    above_zero = ("step_size", "shrink")

    def __init__(self, params: Iterable[Any], step_size: float = 0.5, shrink: float = 0.5) -> None:
        super().__init__(params, {"step_size": step_size, "shrink": shrink}, seed=0)

    def _check_group(self, group: Group) -> None:
        super()._check_group(group)
        fractions(self._name(), {"shrink": (group["shrink"],)}, "shrink", count=1)

    def _begin(self, search: Search, costs: Costs) -> None:
        search["step_size"] = float(self._options["step_size"])
        search["cost"] = costs(search["place"])

    def _advance(self, search: Search, costs: Costs) -> float:
        base, step_size = search["place"], search["step_size"]
        previous = search.pop("previous", None)
        if previous is not None:
            ahead = 2 * base - previous
            place, cost = explore(ahead, costs(ahead), step_size, costs)
            if cost < search["cost"]:
                search.update(place=place, cost=cost, previous=base)
                return cost
        place, cost = explore(base, search["cost"], step_size, costs)
        if cost < search["cost"]:
            search.update(place=place, cost=cost, previous=base)
        else:
            search["step_size"] = step_size * self._options["shrink"]
        return search["cost"]

    def _radius(self, search: Search) -> float:
        return search["step_size"]


def explore(place: Place, cost: float, step_size: float, costs: Costs) -> tuple[Place, float]:
    """The best place that steps along the axes lead to, one after the other, and its cost."""
    place = place.copy()
    for i in range(place.size):
        before = place[i]
        for trial in (before + step_size, before - step_size):
            place[i] = trial
            found = costs(place)
            if found < cost:
                cost = found
                break
        else:
            place[i] = before
    return place, cost
