"""JAX: a jitted step, and a jitted scan over the batches of an epoch, which are gathered on the way."""

from __future__ import annotations

import statistics
import time
from typing import Any

from .workloads import BETAS, CHECKED, EPS, MOMENTUM, RATE, VISCOSITY, Workload, numbers, order


def forward(layers: Any, x: Any, activation: Any) -> Any:
    """The network's output."""
    for weight, bias in layers[:-1]:
        x = activation(x @ weight.T + bias)
    weight, bias = layers[-1]
    return x @ weight.T + bias


def cross_entropy(layers: Any, x: Any, y: Any) -> Any:
    """The mean cross-entropy of a batch."""
    import jax
    import jax.numpy as jnp

    logits = jax.nn.log_softmax(forward(layers, x, jax.nn.relu))
    return -jnp.take_along_axis(logits, y[:, None], 1).mean()


def burgers(layers: Any, z: Any) -> Any:
    """The mean squared residual; derivatives by forward over reverse mode, the fastest of the forms tried."""
    import jax
    import jax.numpy as jnp

    def u(point: Any) -> Any:
        return forward(layers, point, jnp.tanh)[0]

    def residual(point: Any) -> Any:
        along_x = jnp.array([1.0, 0.0], point.dtype)
        first, second = jax.jvp(jax.grad(u), (point,), (along_x,))
        return first[1] + u(point) * first[0] - VISCOSITY * second[0]

    return (jax.vmap(residual)(z) ** 2).mean()


def update(work: Workload, state: Any, gradients: Any) -> Any:
    """One step of the optimiser, by PyTorch's formulas."""
    import jax
    import jax.numpy as jnp

    layers, mean, square, count = state
    rate, each = RATE[work.optimizer], jax.tree.map
    if work.optimizer == "sgd":
        return each(lambda p, g: p - rate * g, layers, gradients), mean, square, count
    if work.optimizer == "momentum":
        mean = each(lambda m, g: MOMENTUM * m + g, mean, gradients)
        return each(lambda p, m: p - rate * m, layers, mean), mean, square, count
    count = count + 1
    mean = each(lambda m, g: m + (1 - BETAS[0]) * (g - m), mean, gradients)
    square = each(lambda v, g: v + (1 - BETAS[1]) * (g * g - v), square, gradients)
    first, second = 1 - BETAS[0] ** count, jnp.sqrt(1 - BETAS[1] ** count)
    layers = each(lambda p, m, v: p - rate / first * m / (jnp.sqrt(v) / second + EPS), layers, mean, square)
    return layers, mean, square, count


class Training:
    """``mode`` is jit (a call a step) or scan (a call an epoch)."""

    def __init__(self, work: Workload, mode: str) -> None:
        import jax
        import jax.numpy as jnp

        self.jax, self.work, self.mode = jax, work, mode
        layers, x, y = numbers(work)
        self.x, self.y = jnp.asarray(x), jnp.asarray(y)
        layers = jax.tree.map(jnp.asarray, layers)
        zeros = jax.tree.map(jnp.zeros_like, layers)
        self.state: Any = (layers, zeros, jax.tree.map(jnp.zeros_like, layers), jnp.float32(0))
        self.step = jax.jit(self.one_step, donate_argnums=0)
        self.scan = jax.jit(self.whole_epoch, donate_argnums=0)
        self.epochs = 0

    def one_step(self, state: Any, *batch: Any) -> Any:
        loss, gradients = self.jax.value_and_grad(burgers if self.work.physics else cross_entropy)(state[0], *batch)
        return update(self.work, state, gradients), loss

    def gathered(self, state: Any, rows: Any) -> Any:
        return self.one_step(state, *((self.x[rows],) if self.work.physics else (self.x[rows], self.y[rows])))

    def whole_epoch(self, state: Any, rows: Any) -> Any:
        return self.jax.lax.scan(self.gathered, state, rows)

    def rows(self, epoch: int, steps: int) -> Any:
        import jax.numpy as jnp

        rows = order(self.work, epoch)[: steps * self.work.batch]
        return jnp.asarray(rows.reshape(steps, self.work.batch))

    def start(self) -> dict[str, float]:
        rows = self.rows(0, CHECKED)
        begin = time.perf_counter()
        losses = [float(self.take(rows[0]))]
        first = time.perf_counter() - begin
        losses += [float(self.take(rows[i])) for i in range(1, CHECKED)]
        self.time()
        return {"loss": statistics.fmean(losses), "first": first}

    def take(self, rows: Any) -> Any:
        """One step by the jitted function."""
        batch = (self.x[rows],) if self.work.physics else (self.x[rows], self.y[rows])
        self.state, loss = self.step(self.state, *batch)
        return loss

    def time(self) -> float:
        self.epochs += 1
        steps = self.work.steps if self.mode == "scan" else min(self.work.steps, 500)
        rows = self.jax.block_until_ready(self.rows(self.epochs, steps))
        begin = time.perf_counter()
        if self.mode == "scan":
            self.state, losses = self.scan(self.state, rows)
        else:
            for i in range(steps):
                losses = self.take(rows[i])
        self.jax.block_until_ready(losses)
        return (time.perf_counter() - begin) / steps * 1e6
