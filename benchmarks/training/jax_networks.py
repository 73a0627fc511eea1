"""LeNet-5, a small GPT and an LSTM in JAX, as functions of their parameters by name."""

from __future__ import annotations

from typing import Any

from .workloads import BLOCKS, HEADS, HIDDEN, WIDTH

__all__ = ["NETWORKS"]


def linear(weights: Any, name: str, x: Any) -> Any:
    """x w^T + b."""
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def lenet(weights: Any, x: Any) -> Any:
    """The logits of images (batch, 1, 28, 28)."""
    import jax
    import jax.numpy as jnp

    for name, padding in (("conv1", 2), ("conv2", 0)):
        border = [(padding, padding)] * 2
        x = jax.lax.conv_general_dilated(x, weights[f"{name}.weight"], (1, 1), border)
        x = jax.nn.relu(x + weights[f"{name}.bias"][:, None, None])
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    x = x.reshape(len(x), -1)
    x = jax.nn.relu(linear(weights, "linear1", x))
    x = jax.nn.relu(linear(weights, "linear2", x))
    return linear(weights, "linear3", x)


def norm(weights: Any, name: str, x: Any) -> Any:
    """Layer normalisation."""
    import jax.numpy as jnp

    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def attention(weights: Any, name: str, x: Any) -> Any:
    """Causal attention of (batch, tokens, width)."""
    import jax
    import jax.numpy as jnp

    n, tokens, _ = x.shape
    parts = jnp.split(linear(weights, f"{name}.attention", x), 3, -1)
    q, k, v = (p.reshape(n, tokens, HEADS, WIDTH // HEADS).transpose(0, 2, 1, 3) for p in parts)
    scores = q @ k.transpose(0, 1, 3, 2) / (WIDTH // HEADS) ** 0.5
    seen = jnp.tril(jnp.ones((tokens, tokens), bool))
    y = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf)) @ v
    return linear(weights, f"{name}.projection", y.transpose(0, 2, 1, 3).reshape(x.shape))


def gpt(weights: Any, tokens: Any) -> Any:
    """The logits of the next tokens."""
    import jax

    x = weights["embedding.weight"][tokens] + weights["position_embedding.weight"]
    for i in range(BLOCKS):
        name = f"blocks.{i}"
        x = x + attention(weights, name, norm(weights, f"{name}.norm1", x))
        inner = jax.nn.gelu(linear(weights, f"{name}.expand", norm(weights, f"{name}.norm2", x)), approximate=False)
        x = x + linear(weights, f"{name}.contract", inner)
    return norm(weights, "norm", x) @ weights["head.weight"].T


def lstm(weights: Any, x: Any) -> Any:
    """The logits of sequences (batch, time, features), from the last state."""
    import jax
    import jax.numpy as jnp

    gates = x.transpose(1, 0, 2) @ weights["lstm.weight_ih_l0"].T  # for all times at once
    gates = gates + weights["lstm.bias_ih_l0"] + weights["lstm.bias_hh_l0"]

    def step(state: Any, gates: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(gates + h @ weights["lstm.weight_hh_l0"].T, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), None

    zeros = jnp.zeros((len(x), HIDDEN), x.dtype)
    (h, _), _ = jax.lax.scan(step, (zeros, zeros), gates)
    return linear(weights, "linear", h)


NETWORKS = {"lenet": lenet, "gpt": gpt, "lstm": lstm}
