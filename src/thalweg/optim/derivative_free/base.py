"""The base class of optimisers that see only the cost: all parameters as one vector, its evaluations, its memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...core.modes import no_grad
from ...core.modes import state as modes
from ...core.tensor import Tensor, wrap
from ...errors import OptimizerError
from ...ops.base import quiet
from ...ops.random import Generator, default_generator
from ..checks import number, positive
from ..optimizer import Group, Optimizer

__all__ = ["SEARCH", "Best", "Costs", "DerivativeFreeOptimizer", "Place", "Search", "as_cost"]

Place = Any  # float64 (n,): all parameters one after the other, each divided by the scale of its group
Search = dict[str, Any]  # what a search remembers from step to step; no array in it is ever changed in place

SEARCH = "search"  # the key of the search in the optimiser's state


@dataclass(frozen=True)
class Best:
    """The lowest cost that was seen, and the parameters that had it, in the order of the groups."""

    cost: float
    parameters: list[Tensor]


def as_cost(value: Any, name: str) -> float:
    """What a closure returned, as a number; infinite if it is NaN or infinite.

    Raises:
        OptimizerError: it is no number, nor a tensor or array of one element.
    """
    cost = None if isinstance(value, (str, bytes)) else number(value)
    if cost is None or isinstance(cost, complex):
        what = f"{type(value).__name__} of shape {tuple(value.shape)}" if hasattr(value, "shape") else repr(value)
        raise OptimizerError(
            f"{name}: the closure must return the cost, a number or a tensor of one element, not {what}"
        )
    return float(cost) if math.isfinite(cost) else math.inf


class Costs:
    """The cost as a function of the place; it counts, and remembers the best place that it was asked for."""

    def __init__(self, optimizer: DerivativeFreeOptimizer, closure: Callable[[], Any], search: Search) -> None:
        self.optimizer = optimizer
        self.closure = closure
        self.evaluations: int = search["evaluations"]
        self.best_cost: float = search["best_cost"]
        self.best_place: Place | None = search.get("best_place")

    def __call__(self, place: Place) -> float:
        """The cost at a place, where the parameters are left."""
        self.optimizer._move_to(place)
        cost = as_cost(self.closure(), self.optimizer._name())
        self.evaluations += 1
        if cost < self.best_cost:
            self.best_cost, self.best_place = cost, np.array(place)
        return cost

    def of(self, places: Iterable[Place]) -> Any:
        """The costs of several places: float64 (count,)."""
        return np.array([self(place) for place in places])

    def seen(self) -> Search:
        """What is known by now, as entries of the search."""
        found: Search = {"evaluations": self.evaluations, "best_cost": self.best_cost}
        return found if self.best_place is None else {**found, "best_place": self.best_place}


class DerivativeFreeOptimizer(Optimizer, tells_tracer=True):
    """The base class of optimisers whose ``step(closure)`` only asks for the cost.

    The closure computes the cost at the parameters' values and returns it: a number, or a tensor of one element. It
    runs without a tape. A cost that is NaN or infinite is worse than any other. If the closure raises, parameters,
    search and random state are as before the step.

    The search runs in float64 in one vector u of all parameters, parameter = ``scale`` · u with the scale of its group;
    so a group of large scale is searched in long steps. All other options hold for all groups. Who changes parameters
    between steps begins a new search there; count and best place are kept. ``state_dict`` holds the whole search and
    the state of the random generator, so that a loaded optimiser goes on bit by bit, if the parameters are loaded, too.

    A subclass defines ``_begin``, which sets up the search at ``search["place"]``, and ``_advance``, which makes one
    step of it, sets ``search["place"]`` to where the parameters shall stand, and returns the cost to report.

    Args:
        params: parameters or groups of them, floating-point.
        defaults: the options.
        generator: where random numbers are drawn from; its own one if None.
        seed: the seed of its own generator; drawn from the default generator if None.

    Raises:
        OptimizerError: parameters that are not floating-point, options out of range or different between groups.

    >>> import thalweg as tw
    >>> class Blind(tw.optim.DerivativeFreeOptimizer):
    ...     def _begin(self, search, costs):
    ...         search["cost"] = costs(search["place"])
    ...
    ...     def _advance(self, search, costs):
    ...         trial = search["place"] + self._normal(search["place"].shape)
    ...         cost = costs(trial)
    ...         if cost < search["cost"]:
    ...             search.update(place=trial, cost=cost)
    ...         return search["cost"]
    >>> w = tw.tensor([3.0, -2.0])
    >>> optimizer = Blind([w], {}, seed=0)
    >>> costs = [optimizer.step(lambda: (w * w).sum()) for _ in range(50)]
    >>> optimizer.evaluations, costs[-1] < costs[0], optimizer.best().cost == costs[-1]
    (51, True, True)
    """

    above_zero: ClassVar[tuple[str, ...]] = ()  # options that must be finite numbers > 0

    def __init__(
        self,
        params: Iterable[Any],
        defaults: dict[str, Any],
        generator: Generator | None = None,
        seed: int | None = None,
    ) -> None:
        if generator is not None and seed is not None:
            raise OptimizerError(f"{self._name()}: give a generator or a seed, not both")
        super().__init__(params, {"scale": 1.0, **defaults})
        if generator is None:
            generator = Generator().manual_seed(int(default_generator.words(1)[0]) if seed is None else seed)
        self._generator = generator
        self.state[SEARCH] = {"evaluations": 0, "best_cost": math.inf, "random": generator.get_state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        search = state["state"].get(SEARCH)
        if search is None or "random" not in search:
            raise OptimizerError(f"{self._name()}: the loaded state holds no search; it is that of another optimiser")
        size = sum(p.numel() for group in state["param_groups"] for p in group["params"])
        if "place" in search and search["place"].shape != (size,):
            raise OptimizerError(
                f"{self._name()}: the loaded search is one in {search['place'].size} numbers, the parameters are {size}"
            )
        super().__setstate__(state)
        if "_generator" not in self.__dict__:
            self._generator = Generator()
        self._generator.set_state(search["random"])

    # -- what a subclass states ---------------------------------------------------------------------------

    def _begin(self, search: Search, costs: Costs) -> None:
        """Set up the search at ``search["place"]``."""

    def _advance(self, search: Search, costs: Costs) -> float:
        """One step of the search: sets ``search["place"]``, returns the cost to report."""
        raise NotImplementedError(f"{self._name()} does not define _advance")

    def _radius(self, search: Search) -> float:
        """How far from its place the search looks now; subclasses say."""
        return math.inf

    def _spread(self, search: Search) -> float:
        """How far the costs that the search compares lie apart, if it compares several."""
        return 0.0

    # -- options ------------------------------------------------------------------------------------------

    def _check_group(self, group: Group) -> None:
        positive(self._name(), group, "scale", *self.above_zero)
        for p in group["params"]:
            if p._value.dtype.kind != "f":
                raise OptimizerError(f"{self._name()}: the parameters must be floating-point, got one of {p.dtype}")
        for name in self.defaults if self.param_groups else ():
            if name != "scale" and group[name] != self.param_groups[0][name]:
                raise OptimizerError(f"{self._name()}: {name} can't differ between groups; only scale can")

    @property
    def _options(self) -> Group:
        return self.param_groups[0]

    # -- what is known ------------------------------------------------------------------------------------

    @property
    def evaluations(self) -> int:
        """How often the closure has returned a cost."""
        return self.state[SEARCH]["evaluations"]

    @property
    def radius(self) -> float:
        """How far the search looks from its place now, in the groups' scales; infinite before the first step."""
        search = self.state[SEARCH]
        return self._radius(search) if "place" in search else math.inf

    @property
    def spread(self) -> float:
        """How far the costs that the search compares lie apart: 0 where it knows one only; infinite before a step."""
        search = self.state[SEARCH]
        return self._spread(search) if "place" in search else math.inf

    def best(self) -> Best:
        """The lowest cost that was seen, and copies of the parameters that had it.

        Raises:
            OptimizerError: there was no finite cost yet.
        """
        place = self.state[SEARCH].get("best_place")
        if place is None:
            raise OptimizerError(f"{self._name()}: no finite cost was seen yet, so there is no best place")
        return Best(self.state[SEARCH]["best_cost"], [wrap(value) for _, value in self._parts(place)])

    def use_best(self) -> float:
        """Move the parameters to the best place that was seen; returns its cost. The next step searches from there."""
        best = self.best()
        for p, value in zip(self._params(), best.parameters, strict=True):
            _write(p, value._value)
        return best.cost

    # -- all parameters as one vector ---------------------------------------------------------------------

    def _params(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def _place(self) -> Place:
        """Where the parameters stand."""
        return np.concatenate(
            [p._value.reshape(-1) / np.float64(group["scale"]) for group in self.param_groups for p in group["params"]]
        )

    def _parts(self, place: Place) -> Iterable[tuple[Tensor, Any]]:
        """Each parameter with its value at a place, in its shape and dtype."""
        start = 0
        for group in self.param_groups:
            for p in group["params"]:
                part = place[start : start + p.numel()] * np.float64(group["scale"])
                with np.errstate(over="ignore"):  # what is too large for the dtype has an infinite cost, or none
                    yield p, part.reshape(p._value.shape).astype(p._value.dtype)
                start += p.numel()

    def _move_to(self, place: Place) -> None:
        for p, value in self._parts(place):
            _write(p, value)

    def _stands_at(self, place: Place) -> bool:
        """Whether the parameters have the values that a place gives them."""
        if place.size != sum(p.numel() for p in self._params()):
            return False
        return all(np.array_equal(p._value, value, equal_nan=True) for p, value in self._parts(place))

    # -- random numbers -----------------------------------------------------------------------------------

    def _normal(self, shape: tuple[int, ...]) -> Any:
        """Standard normal numbers, float64."""
        return self._generator.normal(shape, np.dtype(np.float64))

    def _uniform(self) -> float:
        """A number in [0, 1)."""
        return float(self._generator.uniform((1,), np.dtype(np.float64))[0])

    # -- the step -----------------------------------------------------------------------------------------

    @quiet
    def step(self, closure: Callable[[], Any] | None = None) -> float:
        """One step of the search; returns a cost, of which the class says whose it is.

        Raises:
            OptimizerError: without a closure, or if it does not return one number.
        """
        if closure is None:
            raise OptimizerError(f"{self._name()}: step needs a closure that returns the cost")
        if modes.tracer is not None:
            raise modes.tracer.refuse(f"{self._name()} can't search within a compiled function; compile the closure")
        search = self._current()
        costs = Costs(self, closure, search)
        values, stream = [p._value.copy() for p in self._params()], self._generator.get_state()
        try:
            with no_grad():
                if "begun" not in search:
                    self._begin(search, costs)
                    search["begun"] = True
                cost = self._advance(search, costs)
                self._move_to(search["place"])
        except BaseException:
            for p, value in zip(self._params(), values, strict=True):
                _write(p, value)
            self._generator.set_state(stream)
            self.state[SEARCH] = {**self.state[SEARCH], **costs.seen()}
            raise
        self.state[SEARCH] = {**search, **costs.seen(), "random": self._generator.get_state()}
        return cost

    def _current(self) -> Search:
        """A copy of the search, or a new one if the parameters are not where it left them."""
        search: Search = self.state[SEARCH]
        if "place" in search and self._stands_at(search["place"]):
            return dict(search)
        place = self._place()
        known: Search = {key: search[key] for key in ("evaluations", "best_cost", "best_place") if key in search}
        if "best_place" in known and known["best_place"].shape != place.shape:  # a group was added
            known = {"evaluations": search["evaluations"], "best_cost": math.inf}
        return {**known, "place": place}


@no_grad()
def _write(p: Tensor, value: Any) -> None:
    p.copy_(wrap(value))
