"""Which method a function calls for, and methods by their names."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

from ...core.tensor import Tensor
from ...errors import OptimizerError
from ..derivative_free import (
    CMAES,
    SPSA,
    CoordinateSearch,
    DerivativeFreeOptimizer,
    EvolutionStrategy,
    NelderMead,
    PatternSearch,
    RandomSearch,
    SeparableCMAES,
    SeparableNES,
    SimulatedAnnealing,
)
from .probing import Nature

__all__ = ["FEW", "LBFGS", "METHODS", "Choice", "choose", "made", "method_named"]

LBFGS = "LBFGS"
METHODS: dict[str, type[DerivativeFreeOptimizer]] = {
    cls.__name__: cls
    for cls in (
        CMAES, CoordinateSearch, EvolutionStrategy, NelderMead, PatternSearch, RandomSearch, SeparableCMAES,
        SeparableNES, SimulatedAnnealing, SPSA,
    )
}  # fmt: skip
SEEDLESS = (CoordinateSearch, NelderMead, PatternSearch)
FEW = 5  # parameters up to which a simplex is best
SIMPLE = ("black box", "undefined", "misleading")  # kinds of functions on which a simplex works
MANY = 100  # parameters from which on a whole covariance matrix costs too much


@dataclass(frozen=True)
class Choice:
    """A method, its options, and why it was chosen."""

    method: str
    options: dict[str, Any]
    reason: str


def method_named(name: str) -> str:
    """The method that is meant: "Nelder-Mead", "nelder_mead" and "NelderMead" are the same.

    Raises:
        OptimizerError: there is none of that name.
    """
    for known in (LBFGS, *METHODS):
        if isinstance(name, str) and _plain(known) == _plain(name):
            return known
    raise OptimizerError(f"minimize: method must be 'auto' or one of {LBFGS}, {', '.join(METHODS)}, not {name!r}")


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def choose(nature: Nature, start: Tensor) -> Choice:
    """The method for a function of this nature."""
    size = start.numel()
    if nature.kind == "smooth":
        return Choice(LBFGS, {}, f"{nature.why}; so {LBFGS} with a line search goes along it")
    wide = 0.3 * max(1.0, float(abs(start._value).max()))
    if nature.kind == "steps":
        wide = max(wide, nature.width)
    if size <= FEW and nature.kind in SIMPLE:
        reason = f"{nature.why}; so NelderMead, which needs costs only and is good for few parameters ({size})"
        return Choice("NelderMead", {"step_size": wide, "adaptive": size > 1}, reason)
    method, what = population_method(size)
    options = {"sigma": wide, **({"population": 4 * (4 + size)} if nature.kind == "noisy" else {})}
    return Choice(method, options, f"{nature.why}; so {method}, which needs costs only{what}")


def population_method(size: int) -> tuple[str, str]:
    """The population method for so many parameters, and what more is to be said of it."""
    if size > MANY:
        return "SeparableCMAES", f" and is linear in the number of parameters ({size})"
    if importlib.util.find_spec("cma") is None:
        return "SeparableCMAES", "; CMAES would be better, but cma is not installed: pip install 'thalweg[cma]'"
    return "CMAES", ", crosses stairs, plateaus and noise, and learns which parameters belong together"


def made(method: str, x: Tensor, options: dict[str, Any], seed: int | None) -> DerivativeFreeOptimizer:
    """The optimiser.

    Raises:
        OptimizerError: it does not know one of the options.
    """
    cls: Any = METHODS[method]
    try:
        return cls([x], **options, **({} if cls in SEEDLESS else {"seed": seed}))
    except TypeError as error:
        raise OptimizerError(f"minimize: {method} does not take these options: {error}") from None
