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
    """One network and how it is trained; ``steps`` make an epoch.

    ``kind`` is "perceptron", "physics" (a perceptron of tanh, for Burgers' equation), or one of ``NETWORKS``, whose
    sizes stand there. The goals are how many times faster than PyTorch's eager step and than JAX thalweg shall be: an
    epoch than JAX's epoch, or, for networks of other kinds, a compiled step than a jitted one.
    """

    name: str
    sizes: tuple[int, ...]
    batch: int
    optimizer: str
    steps: int
    against_torch: float
    against_jax: float
    kind: str = "perceptron"

    @property
    def physics(self) -> bool:
        return self.kind == "physics"

    @property
    def by_epochs(self) -> bool:
        """Whether epochs are compared, or steps."""
        return self.kind in ("perceptron", "physics")

    @property
    def title(self) -> str:
        network = "-".join(map(str, self.sizes)) + " tanh, Burgers" * self.physics
        return f"{network if self.by_epochs else NETWORKS[self.kind]}, batch {self.batch}, {self.optimizer}"


NETWORKS = {
    "lenet": "LeNet-5, 28 x 28",
    "gpt": "GPT, 4 layers, 64 tokens, width 128, 4 heads",
    "lstm": "LSTM 128, 64 steps",
}
CLASSES = 10
VOCABULARY, TOKENS, WIDTH, HEADS, BLOCKS = 65, 64, 128, 4, 4
FEATURES, HIDDEN, LENGTH = 128, 128, 64


WORKLOADS = (
    Workload("lecture", (600, 60, 40, 10), 1, "sgd", 20_000, 100, 3),
    Workload("small", (4, 64, 64, 2), 32, "adam", 4_000, 40, 2),
    Workload("medium", (32, 128, 128, 4), 256, "adam", 300, 4, 1.5),
    Workload("wide", (784, 256, 128, 10), 64, "momentum", 200, 2, 1.5),
    Workload("large", (784, 1024, 1024, 10), 128, "adam", 40, 1.5, 1.2),
    Workload("burgers", (2, 32, 32, 32, 1), 1024, "adam", 60, 3, 2, "physics"),
    Workload("lenet", (), 64, "momentum", 100, 2, 3, "lenet"),
    Workload("gpt", (), 12, "adam", 20, 1.4, 3, "gpt"),
    Workload("lstm", (), 32, "adam", 40, 2, 1.5, "lstm"),
)


def numbers(work: Workload) -> tuple[dict[str, Any], Any, Any]:
    """The parameters by name, the inputs, and the classes (empty for physics)."""
    import numpy as np

    rng = np.random.default_rng(0)
    weights = {name: start(rng, name, shape) for name, shape in shapes(work).items()}
    rows = work.batch * work.steps
    if work.physics:
        return weights, rng.uniform(-1, 1, (rows, 2)).astype(np.float32), np.zeros(0, np.int64)
    if work.kind == "gpt":
        tokens = rng.integers(0, VOCABULARY, (rows, TOKENS + 1))
        return weights, np.ascontiguousarray(tokens[:, :-1]), np.ascontiguousarray(tokens[:, 1:])
    size = {"lenet": (1, 28, 28), "lstm": (LENGTH, FEATURES)}.get(work.kind, work.sizes[:1])
    x = rng.standard_normal((rows, *size)).astype(np.float32)
    return weights, x, rng.integers(0, CLASSES if work.kind in NETWORKS else work.sizes[-1], rows)


def start(rng: Any, name: str, shape: tuple[int, ...]) -> Any:
    """A parameter's first value: of a normalisation 1 and 0, otherwise uniform by the number of inputs."""
    import math

    import numpy as np

    if "norm" in name:
        return np.full(shape, float(name.endswith("weight")), np.float32)
    bound = 0.05 if "embedding" in name else max(math.prod(shape[1:]), shape[0] if len(shape) == 1 else 1) ** -0.5
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def shapes(work: Workload) -> dict[str, tuple[int, ...]]:
    """The parameters of a network, in the order of its modules."""
    found: dict[str, tuple[int, ...]] = {}

    def linear(name: str, inputs: int, outputs: int, *kernel: int, bias: bool = True) -> None:
        found[f"{name}.weight"] = (outputs, inputs, *kernel)
        if bias:
            found[f"{name}.bias"] = (outputs,)

    def norm(name: str) -> None:
        found.update({f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)})

    if work.by_epochs:
        for i, (inputs, outputs) in enumerate(zip(work.sizes, work.sizes[1:], strict=False)):
            linear(str(2 * i), inputs, outputs)
    elif work.kind == "lenet":
        linear("conv1", 1, 6, 5, 5)
        linear("conv2", 6, 16, 5, 5)
        for i, (inputs, outputs) in enumerate(((400, 120), (120, 84), (84, CLASSES))):
            linear(f"linear{i + 1}", inputs, outputs)
    elif work.kind == "gpt":
        found.update({"embedding.weight": (VOCABULARY, WIDTH), "position_embedding.weight": (TOKENS, WIDTH)})
        for i in range(BLOCKS):
            norm(f"blocks.{i}.norm1")
            linear(f"blocks.{i}.attention", WIDTH, 3 * WIDTH)
            linear(f"blocks.{i}.projection", WIDTH, WIDTH)
            norm(f"blocks.{i}.norm2")
            linear(f"blocks.{i}.expand", WIDTH, 4 * WIDTH)
            linear(f"blocks.{i}.contract", 4 * WIDTH, WIDTH)
        norm("norm")
        linear("head", WIDTH, VOCABULARY, bias=False)
    else:
        sizes = {"weight_ih_l0": (FEATURES,), "weight_hh_l0": (HIDDEN,), "bias_ih_l0": (), "bias_hh_l0": ()}
        found.update({f"lstm.{name}": (4 * HIDDEN, *more) for name, more in sizes.items()})
        linear("linear", HIDDEN, CLASSES)
    return found


def order(work: Workload, epoch: int) -> Any:
    """The rows of an epoch: as they come in epoch 0, which is checked, shuffled in the others."""
    import numpy as np

    rows = work.batch * work.steps
    return np.arange(rows) if epoch == 0 else np.random.default_rng(epoch).permutation(rows)
