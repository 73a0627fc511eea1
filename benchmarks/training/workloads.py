"""What is trained: networks, batch sizes, optimisers, and numbers that are the same for every library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

RATE = {"sgd": 0.01, "momentum": 0.01, "adam": 1e-3}
MOMENTUM = 0.9
BETAS, EPS = (0.9, 0.999), 1e-8
VISCOSITY = 0.01
CHECKED = 20  # steps after which the mean losses of all libraries must agree


@dataclass(frozen=True)
class Workload:
    """One network and how it is trained; ``steps`` make an epoch."""

    name: str
    sizes: tuple[int, ...]
    batch: int
    optimizer: str
    steps: int
    against_torch: float  # how many times faster an epoch shall be than PyTorch's eager step,
    against_scan: float  # and than JAX's epoch
    physics: bool = False

    @property
    def title(self) -> str:
        network = "-".join(map(str, self.sizes))
        return f"{network}{' tanh, Burgers' if self.physics else ''}, batch {self.batch}, {self.optimizer}"


WORKLOADS = (
    Workload("lecture", (600, 60, 40, 10), 1, "sgd", 20_000, 100, 3),
    Workload("small", (4, 64, 64, 2), 32, "adam", 4_000, 40, 2),
    Workload("medium", (32, 128, 128, 4), 256, "adam", 300, 4, 1.5),
    Workload("wide", (784, 256, 128, 10), 64, "momentum", 200, 2, 1.5),
    Workload("large", (784, 1024, 1024, 10), 128, "adam", 40, 1.5, 1.2),
    Workload("burgers", (2, 32, 32, 32, 1), 1024, "adam", 60, 3, 2, physics=True),
)


def numbers(work: Workload) -> tuple[list[tuple[Any, Any]], Any, Any]:
    """Weights (out, in) and biases layer by layer, the inputs, and the classes (empty for physics)."""
    import numpy as np

    rng = np.random.default_rng(0)
    layers = []
    for fan_in, fan_out in zip(work.sizes, work.sizes[1:], strict=False):
        bound = fan_in**-0.5
        weight = rng.uniform(-bound, bound, (fan_out, fan_in)).astype(np.float32)
        layers.append((weight, rng.uniform(-bound, bound, fan_out).astype(np.float32)))
    rows = work.batch * work.steps
    if work.physics:
        return layers, rng.uniform(-1, 1, (rows, 2)).astype(np.float32), np.zeros(0, np.int64)
    x = rng.standard_normal((rows, work.sizes[0])).astype(np.float32)
    return layers, x, rng.integers(0, work.sizes[-1], rows)


def order(work: Workload, epoch: int) -> Any:
    """The rows of an epoch: as they come in epoch 0, which is checked, shuffled in the others."""
    import numpy as np

    rows = work.batch * work.steps
    return np.arange(rows) if epoch == 0 else np.random.default_rng(epoch).permutation(rows)
