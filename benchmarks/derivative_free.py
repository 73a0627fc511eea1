"""How many evaluations optimisers that see only the cost need to reach a target, beside SciPy's.

``python benchmarks/derivative_free.py`` prints a table: a row for each method, a column for each problem. Each cell is
the median, over seeds and starts that are drawn with them, of the number of evaluations until the first cost that is
not above the target; a dash where most runs have not reached it within the budget of 2,000 evaluations for each
parameter and one more. All methods minimise the same NumPy functions from the same starts, with the same first step
length, 0.7, but for annealing and the large population, which look further, and for SciPy's, which choose theirs.
SciPy's methods and CMAES are left out where their packages are missing. ``--seeds`` and ``--budget`` change the
numbers, ``--json`` prints everything, ``--write FILE`` puts the table into a document, between the lines that begin and
end it.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import json
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import thalweg as tw
from thalweg import optim

STEP = 0.7  # the first step length of all methods that are told one; no multiple of the distance of minima
BEGIN, END = "<!-- benchmarks/derivative_free.py -->\n", "<!-- end -->\n"

Cost = Callable[[Any], float]  # of an array (n,)
Found = dict[str, dict[str, list[int | None]]]  # evaluations of the runs, by method, by problem; None: not reached


@dataclass(frozen=True)
class Problem:
    """A function with known minimum 0, its number of parameters, and the cost that is to be reached."""

    name: str
    size: int
    cost: Cost
    target: float


def sphere(x: Any) -> float:
    """Σ x²."""
    return float((x * x).sum())


def ellipsoid(x: Any) -> float:
    """A quadratic of condition 1e6 along the axes."""
    return float((10.0 ** np.linspace(0, 6, x.size) * x * x).sum())


def turned_ellipsoid(x: Any) -> float:
    """The same with axes that are turned at random."""
    return ellipsoid(turn(x.size) @ x)


@functools.cache
def turn(size: int) -> Any:
    """A matrix that turns."""
    return np.linalg.qr(np.random.default_rng(1).standard_normal((size, size)))[0]


def rosenbrock(x: Any) -> float:
    """Rosenbrock's curved valley, moved so that its minimum is at 0."""
    y = x + 1
    return float((100 * (y[1:] - y[:-1] ** 2) ** 2 + (1 - y[:-1]) ** 2).sum())


def staircase(x: Any) -> float:
    """Σ round(x)²: whole numbers."""
    return float((np.round(x) ** 2).sum())


def rastrigin(x: Any) -> float:
    """A local minimum near each point with whole coordinates."""
    return float((x * x - 10 * np.cos(2 * math.pi * x) + 10).sum())


PROBLEMS = (
    Problem("sphere, 5", 5, sphere, 1e-8),
    Problem("ellipsoid 1e6, 5", 5, ellipsoid, 1e-8),
    Problem("the same turned, 5", 5, turned_ellipsoid, 1e-8),
    Problem("Rosenbrock, 2", 2, rosenbrock, 1e-8),
    Problem("Rosenbrock, 5", 5, rosenbrock, 1e-8),
    Problem("staircase, 5", 5, staircase, 0.0),
    Problem("Rastrigin, 2", 2, rastrigin, 1e-4),
)


class ReachedError(Exception):
    """The target was reached, or the budget is used up."""


class Counted:
    """A cost that counts until the target is reached."""

    def __init__(self, problem: Problem, budget: int) -> None:
        self.problem, self.budget = problem, budget
        self.evaluations = 0
        self.reached = False

    def __call__(self, x: Any) -> float:
        cost = self.problem.cost(np.asarray(x, np.float64))
        self.evaluations += 1
        self.reached = cost <= self.problem.target
        if self.reached or self.evaluations >= self.budget:
            raise ReachedError
        return cost


Run = Callable[[Counted, Any, int], None]  # of a cost, a start and a seed, until the cost raises


def steps_of(name: str, **options: Any) -> Run:
    """A run of one of thalweg's optimisers, which goes on until the cost raises."""

    def run(cost: Counted, start: Any, seed: int) -> None:
        x = tw.tensor(start)
        seeded = {} if name in ("NelderMead", "PatternSearch", "CoordinateSearch") else {"seed": seed}
        optimizer = getattr(optim, name)([x], **options, **seeded)
        while True:
            optimizer.step(lambda: cost(x.numpy()))

    return run


def scipys(name: str) -> Run:
    """A run of one of SciPy's methods with tolerances that don't stop it early."""

    def run(cost: Counted, start: Any, seed: int) -> None:
        from scipy.optimize import minimize

        tolerances = {"xatol" if name == "Nelder-Mead" else "xtol": 1e-12, "maxfev": 10**9, "maxiter": 10**9}
        tolerances["fatol" if name == "Nelder-Mead" else "ftol"] = 1e-15
        minimize(cost, start, method=name, options=tolerances)

    return run


def methods() -> dict[str, Run]:
    """The methods that can run here."""
    found = {
        "RandomSearch": steps_of("RandomSearch", sigma=STEP),
        "CoordinateSearch": steps_of("CoordinateSearch", step_size=STEP),
        "PatternSearch": steps_of("PatternSearch", step_size=STEP),
        "NelderMead": steps_of("NelderMead", step_size=STEP),
        "NelderMead, adaptive": steps_of("NelderMead", step_size=STEP, adaptive=True),
        "SimulatedAnnealing": steps_of("SimulatedAnnealing", sigma=4.0, temperature=5.0, cooling=0.995),
        "SeparableNES": steps_of("SeparableNES", sigma=STEP),
        "SeparableCMAES": steps_of("SeparableCMAES", sigma=STEP),
    }
    if importlib.util.find_spec("cma") is not None:
        found["CMAES"] = steps_of("CMAES", sigma=STEP)
        found["CMAES, population 40"] = steps_of("CMAES", sigma=4.0, population=40)
    if importlib.util.find_spec("scipy") is not None:
        found["SciPy's Nelder-Mead"] = scipys("Nelder-Mead")
        found["SciPy's Powell"] = scipys("Powell")
    return found


def evaluations(run: Run, problem: Problem, seed: int, budget: int) -> int | None:
    """How many evaluations one run takes; None if it does not reach the target."""
    start = np.random.default_rng(seed).uniform(-4, 4, problem.size)
    cost = Counted(problem, budget * (problem.size + 1))
    with contextlib.suppress(ReachedError):
        run(cost, start, seed)
    return cost.evaluations if cost.reached else None


def measure(seeds: int, budget: int, problems: tuple[Problem, ...] = PROBLEMS) -> Found:
    """The evaluations of each run: by method, by problem."""
    return {
        name: {p.name: [evaluations(run, p, seed, budget) for seed in range(seeds)] for p in problems}
        for name, run in methods().items()
    }


def cell(counts: list[int | None]) -> str:
    """The median; a dash if it is not among those that have reached the target."""
    median = statistics.median(math.inf if count is None else count for count in counts)
    return "–" if median == math.inf else f"{round(median):,}"


def table(found: Found) -> str:
    """The table in Markdown."""
    names = list(next(iter(found.values())))
    lines = ["| Evaluations | " + " | ".join(names) + " |", "|---|" + "--:|" * len(names)]
    lines += [f"| {name} | " + " | ".join(cell(row[p]) for p in names) + " |" for name, row in found.items()]
    return "\n".join(lines) + "\n"


def written(document: str, text: str) -> str:
    """The document with the table between its marks."""
    before, _, rest = document.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"benchmarks/derivative_free.py: the document has no lines {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}{text}{END}{after}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=9)
    parser.add_argument("--budget", type=int, default=2000, help="evaluations for each parameter, and one more")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, metavar="FILE", help="a document that holds the table")
    arguments = parser.parse_args()
    found = measure(arguments.seeds, arguments.budget)
    print(json.dumps(found, indent=2) if arguments.json else table(found))
    if arguments.write is not None:
        arguments.write.write_text(written(arguments.write.read_text(encoding="utf-8"), table(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
