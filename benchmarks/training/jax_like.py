"""JAX: a jitted step, and a jitted scan over the batches of an epoch, which are gathered on the way."""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import Any

from .jax_networks import NETWORKS
from .workloads import BETAS, CHECKED, EPS, MOMENTUM, RATE, VISCOSITY, Workload, numbers, order

MOST_CALLS = 500  # steps of a round that calls the step one by one


def forward(weights: Any, x: Any, activation: Any) -> Any:
    """The perceptron's output."""
    names = sorted({int(name.split(".")[0]) for name in weights})
    for i in names[:-1]:
        x = activation(x @ weights[f"{i}.weight"].T + weights[f"{i}.bias"])
    return x @ weights[f"{names[-1]}.weight"].T + weights[f"{names[-1]}.bias"]


def cross_entropy(kind: str, weights: Any, x: Any, y: Any) -> Any:
    """The mean cross-entropy of a batch."""
    import jax
    import jax.numpy as jnp

    output = forward(weights, x, jax.nn.relu) if kind == "perceptron" else NETWORKS[kind](weights, x)
    return -jnp.take_along_axis(jax.nn.log_softmax(output), y[..., None], -1).mean()


def burgers(weights: Any, z: Any) -> Any:
    """The mean squared residual, forward over reverse mode on the whole batch.

    That is the fastest of six forms made of JAX's transforms: reverse over reverse, forward over forward with and
    without one linearisation, forward over reverse by ``vmap``, and ``jet`` took 1.03 to 1.6 times as long. Derivatives
    carried through the layers by hand took a tenth less.
    """
    import jax
    import jax.numpy as jnp

    def derivatives(z: Any) -> Any:
        u, pull = jax.vjp(lambda z: forward(weights, z, jnp.tanh), z)
        return pull(jnp.ones_like(u))[0], u

    along_x = jnp.zeros_like(z).at[:, 0].set(1)
    first, second, u = jax.jvp(derivatives, (z,), (along_x,), has_aux=True)
    return ((first[:, 1:2] + u * first[:, 0:1] - VISCOSITY * second[:, 0:1]) ** 2).mean()


def update(work: Workload, state: Any, gradients: Any) -> Any:
    """One step of the optimiser, by PyTorch's formulas."""
    import jax
    import jax.numpy as jnp

    weights, mean, square, count = state
    rate, each = RATE[work.optimizer], jax.tree.map
    if work.optimizer == "sgd":
        return each(lambda p, g: p - rate * g, weights, gradients), mean, square, count
    if work.optimizer == "momentum":
        mean = each(lambda m, g: MOMENTUM * m + g, mean, gradients)
        return each(lambda p, m: p - rate * m, weights, mean), mean, square, count
    count = count + 1
    mean = each(lambda m, g: m + (1 - BETAS[0]) * (g - m), mean, gradients)
    square = each(lambda v, g: v + (1 - BETAS[1]) * (g * g - v), square, gradients)
    first, second = 1 - BETAS[0] ** count, jnp.sqrt(1 - BETAS[1] ** count)
    weights = each(lambda p, m, v: p - rate / first * m / (jnp.sqrt(v) / second + EPS), weights, mean, square)
    return weights, mean, square, count


class Training:
    """``mode`` is jit (a call a step) or scan (a call an epoch)."""

    def __init__(self, work: Workload, mode: str) -> None:
        import jax
        import jax.numpy as jnp

        self.work, self.mode = work, mode
        self.jax: Any = jax
        weights, x, y = numbers(work)
        self.x, self.y = jnp.asarray(x), jnp.asarray(y)
        weights = jax.tree.map(jnp.asarray, weights)
        zeros = jax.tree.map(jnp.zeros_like, weights)
        self.state: Any = (weights, zeros, jax.tree.map(jnp.zeros_like, weights), jnp.float32(0))
        self.step = jax.jit(self.one_step, donate_argnums=0)
        self.scan = jax.jit(self.whole_epoch, donate_argnums=0)
        self.epochs = 0

    def one_step(self, state: Any, x: Any, y: Any, rows: Any) -> Any:
        """The rows are gathered inside: faster than before the call."""
        if self.work.physics:
            loss, gradients = self.jax.value_and_grad(burgers)(state[0], x[rows])
        else:
            loss, gradients = self.jax.value_and_grad(partial(cross_entropy, self.work.kind))(
                state[0], x[rows], y[rows]
            )
        return update(self.work, state, gradients), loss

    def whole_epoch(self, state: Any, x: Any, y: Any, rows: Any) -> Any:
        return self.jax.lax.scan(lambda state, rows: self.one_step(state, x, y, rows), state, rows)

    def rows(self, epoch: int, steps: int) -> Any:
        """Rows of the batches, (steps, batch); int32, as JAX has them by default."""
        return order(self.work, epoch)[: steps * self.work.batch].reshape(steps, -1).astype("int32")

    def start(self) -> dict[str, float]:
        """Take the first steps in the order of the data; their mean loss, and how long the first step took."""
        rows = self.rows(0, CHECKED)
        begin = time.perf_counter()
        losses = [float(v) for v in self.take(rows[:1])]
        first = time.perf_counter() - begin
        losses += [float(v) for v in self.take(rows[1:])]
        self.time()
        return {"loss": statistics.fmean(losses), "first": first}

    def take(self, rows: Any) -> Any:
        """The losses of some steps."""
        if self.mode == "scan":
            self.state, losses = self.scan(self.state, self.x, self.y, rows)
            return losses
        losses = []
        for row in rows:
            self.state, loss = self.step(self.state, self.x, self.y, row)
            losses.append(loss)
        return losses

    def time(self) -> float:
        """Microseconds a step over an epoch, or over part of it where each step is a call; gathering included."""
        self.epochs += 1
        steps = self.work.steps if self.mode == "scan" else min(self.work.steps, MOST_CALLS)
        rows = self.rows(self.epochs, steps)
        begin = time.perf_counter()
        self.jax.block_until_ready(self.take(rows))
        return (time.perf_counter() - begin) / steps * 1e6
