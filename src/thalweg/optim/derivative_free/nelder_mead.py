"""NelderMead: a simplex that walks downhill on its corners."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ..checks import positive
from ..optimizer import Group
from .base import Costs, DerivativeFreeOptimizer, Place, Search

__all__ = ["NelderMead"]

EDGE, EDGE_AT_ZERO = 0.05, 0.00025  # of the first simplex: relative to the parameter, and where that is 0


class Coefficients(NamedTuple):
    """How far the worst corner is moved through the middle of the others."""

    reflection: float
    expansion: float
    contraction: float
    shrinkage: float


def coefficients(size: int, adaptive: bool) -> Coefficients:
    """Nelder and Mead's, or those of Gao and Han for ``size`` parameters."""
    if not adaptive:
        return Coefficients(1.0, 2.0, 0.5, 0.5)
    return Coefficients(1.0, 1 + 2 / size, 0.75 - 1 / (2 * size), 1 - 1 / size)


class NelderMead(DerivativeFreeOptimizer):
    """The simplex method of Nelder and Mead: n + 1 corners; the worst one is moved through the middle of the others.

    It is reflected; if that is best of all, moved further; if it is still the worst, moved less or to the inside; and
    if nothing helps, all corners are drawn to the best one. One such move a step: 1 or 2 evaluations, n + 2 if
    the simplex shrinks; n + 1 at the beginning. Good up to about ten parameters. The moves are those of SciPy's
    ``minimize(method="Nelder-Mead")``, corner for corner.

    Args:
        params: parameters or groups of them; the option ``scale`` of a group is its unit of length.
        step_size: the first corners differ from the start by this in one parameter each; if None, by 5 % of the
            parameter, or 0.00025 where it is 0, as in SciPy and MATLAB.
        adaptive: use the coefficients of Gao and Han, which depend on n and are better for many parameters.

    ``step`` returns the cost where the parameters stand: the best corner, the lowest so far.

    Reference: Nelder and Mead (1965), A simplex method for function minimization; Gao and Han (2012), Implementing the
    Nelder-Mead simplex algorithm with adaptive parameters.

    >>> import thalweg as tw
    >>> w = tw.tensor([-1.2, 1.0], dtype=tw.float64)
    >>> optimizer = tw.optim.NelderMead([w])
    >>> costs = [optimizer.step(lambda: (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2) for _ in range(100)]
    >>> costs[-1] < 1e-8
    True
    """

    def __init__(self, params: Iterable[Any], step_size: float | None = None, adaptive: bool = False) -> None:
        super().__init__(params, {"step_size": step_size, "adaptive": adaptive}, seed=0)

    def _check_group(self, group: Group) -> None:
        super()._check_group(group)
        if group["step_size"] is not None:
            positive(self._name(), group, "step_size")

    def _begin(self, search: Search, costs: Costs) -> None:
        corners = first_simplex(search["place"], self._options["step_size"])
        self._keep(search, corners, costs.of(corners))

    def _advance(self, search: Search, costs: Costs) -> float:
        corners, found = search["corners"], search["costs"]
        chosen = coefficients(search["place"].size, self._options["adaptive"])
        moved = replacement(corners, found, chosen, costs)
        if moved is not None:
            corners = np.concatenate([corners[:-1], moved[0][None]])
            found = np.concatenate([found[:-1], [moved[1]]])
        else:
            corners = corners[0] + np.where(np.arange(len(corners)) == 0, 0.0, chosen.shrinkage)[:, None] * (
                corners - corners[0]
            )
            found = np.concatenate([found[:1], costs.of(corners[1:])])
        self._keep(search, corners, found)
        return float(search["costs"][0])

    def _keep(self, search: Search, corners: Any, found: Any) -> None:
        """The corners, best first, as those that are there now."""
        order = np.argsort(found, kind="stable")
        search.update(corners=corners[order], costs=found[order], place=corners[order[0]])

    def _radius(self, search: Search) -> float:
        return float(np.abs(search["corners"][1:] - search["place"]).max())

    def _spread(self, search: Search) -> float:
        highest, lowest = float(search["costs"][-1]), float(search["costs"][0])
        return 0.0 if highest == lowest else highest - lowest


def first_simplex(place: Place, step_size: float | None) -> Any:
    """The first corners, (n + 1, n): the place, and one step from it along each axis."""
    moved = np.where(place != 0, (1 + EDGE) * place, EDGE_AT_ZERO) if step_size is None else place + step_size
    corners = np.tile(place, (place.size + 1, 1))
    np.fill_diagonal(corners[1:], moved)
    return corners


def replacement(corners: Any, found: Any, chosen: Coefficients, costs: Costs) -> tuple[Place, float] | None:
    """A place for the worst corner and its cost, or None if the simplex has to shrink.

    ``corners`` (n + 1, n) and their costs ``found`` come with the best one first.
    """
    reflection, expansion, contraction, _ = chosen
    middle, worst = np.add.reduce(corners[:-1], 0) / (len(corners) - 1), corners[-1]
    mirrored = (1 + reflection) * middle - reflection * worst
    cost = costs(mirrored)
    if cost < found[0]:
        further = (1 + reflection * expansion) * middle - reflection * expansion * worst
        further_cost = costs(further)
        return (further, further_cost) if further_cost < cost else (mirrored, cost)
    if cost < found[-2]:
        return mirrored, cost
    if cost < found[-1]:
        outside = (1 + contraction * reflection) * middle - contraction * reflection * worst
        outside_cost = costs(outside)
        return (outside, outside_cost) if outside_cost <= cost else None
    inside = (1 - contraction) * middle + contraction * worst
    inside_cost = costs(inside)
    return (inside, inside_cost) if inside_cost < found[-1] else None
