"""Time Jacobians and gradients of samples: thalweg beside torch.func, one thread each, in turns.

    python benchmarks/transforms.py             # a table
    python benchmarks/transforms.py --rounds 3  # shorter

- a Jacobian of a function from R^4 to R^1000, by forward mode (4 tangents in one batch) and by reverse mode (1000
  cotangents in one batch);
- the gradients of 64 samples by the parameters of a network 20-50-50-3, eager and compiled, beside one backward each.

The results of both libraries are compared. Times are medians over the rounds, in milliseconds.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import numpy as np

import thalweg as tw

Measured = dict[str, Callable[[], Any]]


def curve(library: Any, weights: list[Any]) -> Callable[[Any], Any]:
    """A network from R^4 to R^1000 as a plain function."""
    first, second = weights
    return lambda x: library.tanh(library.tanh(x @ first) @ second)


def jacobians(library: Any, arrays: list[Any]) -> Measured:
    """Both ways to the same Jacobian."""
    x, *weights = map(library.tensor, arrays)
    f = curve(library, weights)
    return {
        "Jacobian R^4 -> R^1000, jacfwd": lambda: library.func.jacfwd(f)(x),
        "Jacobian R^4 -> R^1000, jacrev": lambda: library.func.jacrev(f)(x),
    }


def network(library: Any, state: list[Any]) -> Any:
    """A small classifier with given weights."""
    nn = library.nn
    model = nn.Sequential(nn.Linear(20, 50), nn.Tanh(), nn.Linear(50, 50), nn.Tanh(), nn.Linear(50, 3))
    for p, value in zip(model.parameters(), state, strict=True):
        p.data = library.tensor(value)
    return model


def samples(library: Any, state: list[Any], x: Any, y: Any) -> Measured:
    """Three ways to the gradients of samples."""
    model = network(library, state)
    loss = library.nn.CrossEntropyLoss()
    params = {name: p.detach() for name, p in model.named_parameters()}
    x, y = library.tensor(x), library.tensor(y)

    def loss_of_one(p: Any, a: Any, b: Any) -> Any:
        return loss(library.func.functional_call(model, p, (a[None],)), b[None])

    per_sample = library.func.vmap(library.func.grad(loss_of_one), in_dims=(None, 0, 0))

    def one_by_one() -> Any:
        rows = [
            library.autograd.grad(loss(model(x[i : i + 1]), y[i : i + 1]), model.parameters()) for i in range(len(x))
        ]
        return {n: library.stack(column) for n, column in zip(params, zip(*rows, strict=True), strict=True)}

    found: Measured = {
        "gradients of 64 samples, vmap(grad)": lambda: per_sample(params, x, y),
        "gradients of 64 samples, one backward each": one_by_one,
    }
    if library is tw:
        step = tw.compile(lambda x, y: per_sample(params, x, y))
        found["gradients of 64 samples, compiled"] = lambda: step(x, y)
    return found


def values(result: Any) -> list[Any]:
    """The arrays of a result."""
    parts = list(result.values()) if isinstance(result, dict) else [result]
    return [part.detach().numpy() for part in parts]


def compare(ours: Measured, theirs: Measured) -> None:
    """Refuse to time two libraries that don't compute the same."""
    for name, f in theirs.items():
        for a, b in zip(values(ours[name]()), values(f()), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def milliseconds(f: Callable[[], Any], seconds: float = 0.1) -> float:
    """The time of one call, from as many as fit into ``seconds``."""
    f()
    count, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        f()
        count += 1
    return spent / count * 1000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s).astype(np.float32) * 0.3 for s in ((4,), (4, 64), (64, 1000))]
    shapes = ((50, 20), (50,), (50, 50), (50,), (3, 50), (3,))
    state = [rng.normal(size=s).astype(np.float32) * 0.2 for s in shapes]
    x, y = rng.normal(size=(64, 20)).astype(np.float32), rng.integers(0, 3, 64)
    libraries: dict[str, Measured] = {"thalweg": {**jacobians(tw, arrays), **samples(tw, state, x, y)}}
    if importlib.util.find_spec("torch"):
        torch = importlib.import_module("torch")
        torch.set_num_threads(1)
        libraries["torch"] = {**jacobians(torch, arrays), **samples(torch, state, x, y)}
        compare(libraries["thalweg"], libraries["torch"])
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for library, measured in libraries.items():
            for name, f in measured.items():
                times.setdefault((library, name), []).append(milliseconds(f))
    print(f"| ms | {' | '.join(libraries)} |\n|---|{'---:|' * len(libraries)}")
    for name in libraries["thalweg"]:
        cells = [times.get((library, name)) for library in libraries]
        print(f"| {name} | {' | '.join('' if t is None else f'{statistics.median(t):.3f}' for t in cells)} |")


if __name__ == "__main__":
    main()
