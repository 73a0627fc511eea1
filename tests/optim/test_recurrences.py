"""Each optimiser beside the recurrence of its paper, written out for one number at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import optim

# A recurrence takes the first value and a function that gives the gradient of step t = 1, 2, ... at w, and yields the
# values after each step.
Path = Iterator[float]
Pull = Callable[[float, int], float]


def sgd(w: float, pull: Pull, lr: float, mu: float = 0, tau: float = 0, lam: float = 0, nesterov: bool = False) -> Path:
    b, t = 0.0, 0
    while True:
        t += 1
        g = pull(w, t) + lam * w
        b = g if t == 1 else mu * b + (1 - tau) * g
        w -= lr * (g + mu * b if nesterov else b if mu else g)
        yield w


def adam(w: float, pull: Pull, lr: float, b1: float, b2: float, eps: float, lam: float = 0, ams: bool = False) -> Path:
    """Kingma and Ba (2015), algorithm 1; Reddi et al. (2018), algorithm 2, with PyTorch's bias correction."""
    m = v = top = 0.0
    t = 0
    while True:
        t += 1
        g = pull(w, t) + lam * w
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        top = max(top, v)
        w -= lr * (m / (1 - b1**t)) / (math.sqrt((top if ams else v) / (1 - b2**t)) + eps)
        yield w


def adamw(w: float, pull: Pull, lr: float, b1: float, b2: float, eps: float, lam: float) -> Path:
    """Loshchilov and Hutter (2019), algorithm 2."""
    m = v = 0.0
    t = 0
    while True:
        t += 1
        g = pull(w, t)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        w = w - lr * (m / (1 - b1**t)) / (math.sqrt(v / (1 - b2**t)) + eps) - lr * lam * w
        yield w


def adamax(w: float, pull: Pull, lr: float, b1: float, b2: float, eps: float) -> Path:
    """Kingma and Ba (2015), algorithm 2."""
    m = u = 0.0
    t = 0
    while True:
        t += 1
        g = pull(w, t)
        m = b1 * m + (1 - b1) * g
        u = max(b2 * u, abs(g) + eps)
        w -= lr / (1 - b1**t) * m / u
        yield w


def nadam(w: float, pull: Pull, lr: float, b1: float, b2: float, eps: float, psi: float) -> Path:
    """Dozat (2016), algorithm 8."""
    m = v = 0.0
    t, product = 0, 1.0
    while True:
        t += 1
        g = pull(w, t)
        mu, mu_next = b1 * (1 - 0.5 * 0.96 ** (t * psi)), b1 * (1 - 0.5 * 0.96 ** ((t + 1) * psi))
        product *= mu
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        m_hat = mu_next * m / (1 - product * mu_next) + (1 - mu) * g / (1 - product)
        w -= lr * m_hat / (math.sqrt(v / (1 - b2**t)) + eps)
        yield w


def radam(w: float, pull: Pull, lr: float, b1: float, b2: float, eps: float) -> Path:
    """Liu et al. (2020), algorithm 2, with the threshold 5."""
    m = v = 0.0
    t, limit = 0, 2 / (1 - b2) - 1
    while True:
        t += 1
        g = pull(w, t)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        rho = limit - 2 * t * b2**t / (1 - b2**t)
        step = lr * m / (1 - b1**t)
        if rho > 5:
            r = math.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
            step *= r * math.sqrt(1 - b2**t) / (math.sqrt(v) + eps)
        w -= step
        yield w


def rmsprop(w: float, pull: Pull, lr: float, alpha: float, eps: float, mu: float = 0, centered: bool = False) -> Path:
    """Graves (2013), equations 38 to 45, with eps outside of the root as PyTorch has it."""
    v = m = b = 0.0
    t = 0
    while True:
        t += 1
        g = pull(w, t)
        v = alpha * v + (1 - alpha) * g * g
        m = alpha * m + (1 - alpha) * g
        b = mu * b + g / (math.sqrt(v - m * m if centered else v) + eps)
        w -= lr * b
        yield w


def adagrad(w: float, pull: Pull, lr: float, delta: float, s: float, eps: float) -> Path:
    """Duchi et al. (2011), the diagonal form."""
    t = 0
    while True:
        t += 1
        g = pull(w, t)
        s += g * g
        w -= lr / (1 + (t - 1) * delta) * g / (math.sqrt(s) + eps)
        yield w


def adadelta(w: float, pull: Pull, lr: float, rho: float, eps: float) -> Path:
    """Zeiler (2012), algorithm 1."""
    v = u = 0.0
    t = 0
    while True:
        t += 1
        g = pull(w, t)
        v = rho * v + (1 - rho) * g * g
        d = math.sqrt(u + eps) / math.sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d * d
        w -= lr * d
        yield w


def lion(w: float, pull: Pull, lr: float, b1: float, b2: float, lam: float = 0) -> Path:
    """Chen et al. (2023), algorithm 2."""
    m, t = 0.0, 0
    while True:
        t += 1
        g = pull(w, t)
        c = b1 * m + (1 - b1) * g
        w -= lr * (math.copysign(1, c) * (c != 0) + lam * w)
        m = b2 * m + (1 - b2) * g
        yield w


def asgd(w: float, pull: Pull, lr: float, lam: float, alpha: float) -> Path:
    t, eta = 0, lr
    while True:
        t += 1
        w -= eta * (pull(w, t) + lam * w)
        eta = lr / (1 + lam * lr * t) ** alpha
        yield w


def rprop(w: float, pull: Pull, lr: float, shrink: float, grow: float, least: float, most: float) -> Path:
    """Riedmiller and Braun (1993), section C, leaving out the step after a change of sign."""
    before, size, t = 0.0, lr, 0
    while True:
        t += 1
        g = pull(w, t)
        if g * before > 0:
            size = min(size * grow, most)
        elif g * before < 0:
            size, g = max(size * shrink, least), 0.0
        w -= size * (g > 0) - size * (g < 0)
        before = g
        yield w


CASES: dict[str, tuple[str, dict[str, Any], Callable[..., Path], tuple[Any, ...]]] = {
    "SGD": ("SGD", {"lr": 0.3}, sgd, (0.3,)),
    "SGD-decay": ("SGD", {"lr": 0.3, "weight_decay": 0.2}, sgd, (0.3, 0, 0, 0.2)),
    "SGD-momentum": ("SGD", {"lr": 0.3, "momentum": 0.8}, sgd, (0.3, 0.8)),
    "SGD-dampening": ("SGD", {"lr": 0.3, "momentum": 0.8, "dampening": 0.5}, sgd, (0.3, 0.8, 0.5)),
    "SGD-nesterov": ("SGD", {"lr": 0.3, "momentum": 0.8, "nesterov": True}, sgd, (0.3, 0.8, 0, 0, True)),
    "Adam": ("Adam", {}, adam, (1e-3, 0.9, 0.999, 1e-8)),
    "Adam-decay": ("Adam", {"lr": 0.1, "weight_decay": 0.3}, adam, (0.1, 0.9, 0.999, 1e-8, 0.3)),
    "Adam-amsgrad": (
        "Adam", {"lr": 0.1, "betas": (0.5, 0.5), "eps": 0.1, "amsgrad": True}, adam, (0.1, 0.5, 0.5, 0.1, 0, True),
    ),
    "AdamW": ("AdamW", {}, adamw, (1e-3, 0.9, 0.999, 1e-8, 0.01)),
    "AdamW-decay": ("AdamW", {"lr": 0.1, "weight_decay": 0.3}, adamw, (0.1, 0.9, 0.999, 1e-8, 0.3)),
    "Adamax": ("Adamax", {}, adamax, (2e-3, 0.9, 0.999, 1e-8)),
    "Adamax-eps": ("Adamax", {"lr": 0.1, "betas": (0.5, 0.3), "eps": 0.1}, adamax, (0.1, 0.5, 0.3, 0.1)),
    "NAdam": ("NAdam", {}, nadam, (2e-3, 0.9, 0.999, 1e-8, 4e-3)),
    "NAdam-decay": ("NAdam", {"lr": 0.1, "momentum_decay": 0.5}, nadam, (0.1, 0.9, 0.999, 1e-8, 0.5)),
    "RAdam": ("RAdam", {}, radam, (1e-3, 0.9, 0.999, 1e-8)),
    "RAdam-soon": ("RAdam", {"lr": 0.1, "betas": (0.5, 0.8)}, radam, (0.1, 0.5, 0.8, 1e-8)),
    "RAdam-never": ("RAdam", {"lr": 0.1, "betas": (0.5, 0.6)}, radam, (0.1, 0.5, 0.6, 1e-8)),
    "RMSprop": ("RMSprop", {}, rmsprop, (1e-2, 0.99, 1e-8)),
    "RMSprop-momentum": ("RMSprop", {"alpha": 0.7, "momentum": 0.5}, rmsprop, (1e-2, 0.7, 1e-8, 0.5)),
    "RMSprop-centered": ("RMSprop", {"alpha": 0.7, "centered": True}, rmsprop, (1e-2, 0.7, 1e-8, 0, True)),
    "Adagrad": ("Adagrad", {}, adagrad, (1e-2, 0, 0, 1e-10)),
    "Adagrad-decay": (
        "Adagrad", {"lr": 0.3, "lr_decay": 0.5, "initial_accumulator_value": 2.0}, adagrad, (0.3, 0.5, 2.0, 1e-10),
    ),
    "Adadelta": ("Adadelta", {}, adadelta, (1.0, 0.9, 1e-6)),
    "Adadelta-rho": ("Adadelta", {"lr": 0.5, "rho": 0.3, "eps": 1e-2}, adadelta, (0.5, 0.3, 1e-2)),
    "Lion": ("Lion", {}, lion, (1e-4, 0.9, 0.99)),
    "Lion-decay": ("Lion", {"lr": 0.1, "betas": (0.5, 0.7), "weight_decay": 0.2}, lion, (0.1, 0.5, 0.7, 0.2)),
    "ASGD": ("ASGD", {}, asgd, (1e-2, 1e-4, 0.75)),
    "ASGD-decay": ("ASGD", {"lr": 0.3, "lambd": 0.5, "alpha": 0.6}, asgd, (0.3, 0.5, 0.6)),
    "Rprop": ("Rprop", {}, rprop, (1e-2, 0.5, 1.2, 1e-6, 50)),
    "Rprop-bounds": (
        "Rprop", {"lr": 0.2, "etas": (0.3, 1.5), "step_sizes": (0.1, 0.4)}, rprop, (0.2, 0.3, 1.5, 0.1, 0.4),
    ),
}  # fmt: skip
SHAPES = [(3, 2), (4,), (), (0,), (1, 1, 2)]


def pull(w: Any, t: int) -> Any:
    """A gradient that depends on the place and the time, changes its sign, and is exactly 0 at times."""
    return 0.0 * w if t == 4 else np.sin(5 * w + 2 * t) + 0.3 * w


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("case", list(CASES))
def test_eight_steps(case: str, maximize: bool) -> None:
    name, options, recurrence, constants = CASES[case]
    rng = np.random.default_rng(0)
    starts = [rng.standard_normal(shape) for shape in SHAPES]
    params = [tw.tensor(v, requires_grad=True) for v in starts]
    optimizer = getattr(optim, name)(params, **options, maximize=maximize)
    paths = [recurrence(float(w), pull, *constants) for v in starts for w in np.ravel(v)]
    for t in range(1, 9):
        for p in params:
            g = pull(p.detach().numpy(), t)
            p.grad = tw.tensor(np.asarray(-g if maximize else g))
        optimizer.step()
        expected = [next(path) for path in paths]
        found = np.concatenate([p.detach().numpy().ravel() for p in params])
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_averaged_sgd_averages_the_path_after_t0() -> None:
    """Polyak and Juditsky (1992): the mean of the iterates, which here are 8, 4, 2, 1, 1/2, ..."""
    w = tw.tensor(16.0, requires_grad=True, dtype=tw.float64)
    optimizer = optim.ASGD([w], lr=0.5, lambd=0.0, t0=2)
    averages = []
    for _ in range(6):
        w.grad = w.detach().clone()
        optimizer.step()
        averages.append(optimizer.state[w]["ax"].item())
    assert averages == [8, 4, 2, 1, 0.75, pytest.approx((1 + 0.5 + 0.25) / 3)]


def test_lion_stands_still_without_a_gradient() -> None:
    w = tw.tensor([2.0], requires_grad=True)
    optimizer = optim.Lion([w], lr=0.5)
    w.grad = tw.zeros(1)
    optimizer.step()
    assert w.item() == 2


def test_adam_corrects_its_bias_in_float32() -> None:
    """1 - 0.999 ** 1, computed in float32, would be off by 1e-5; the step of lr would be off as much."""
    w = tw.tensor([0.0], requires_grad=True)
    optimizer = optim.Adam([w], lr=1.0)
    w.grad = tw.tensor([1e-3])
    optimizer.step()
    assert w.item() == pytest.approx(-1 / (1 + 1e-5), rel=2e-7)


def test_infinite_and_nan_gradients_pass_through_without_warnings() -> None:
    for name in ("SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "Lion", "ASGD", "Rprop"):
        w = tw.tensor([1.0, 1.0, 1.0, 3e38], requires_grad=True)
        optimizer = getattr(optim, name)([w], lr=10.0)
        for _ in range(2):
            w.grad = tw.tensor([math.nan, math.inf, 3e38, -3e38])
            optimizer.step()
        assert math.isnan(w[0].item())


# -- Muon -------------------------------------------------------------------------------------------------


def polynomial_of_singular_values(matrix: Any, coefficients: tuple[float, ...], steps: int) -> Any:
    a, b, c = coefficients
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    s = s / np.sqrt(np.sum(s * s))
    for _ in range(steps):
        s = a * s + b * s**3 + c * s**5
    return (u * s) @ vt


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (1, 6)])
@pytest.mark.parametrize("nesterov", [True, False])
def test_muon_maps_the_singular_values_of_its_momentum(shape: tuple[int, int], nesterov: bool) -> None:
    """Jordan et al. (2024): each Newton-Schulz step is a polynomial of the singular values."""
    rng = np.random.default_rng(1)
    w = rng.standard_normal(shape)
    p = tw.tensor(w, requires_grad=True)
    optimizer = optim.Muon([p], lr=0.1, nesterov=nesterov)
    b = np.zeros(shape)
    for _ in range(4):
        g = rng.standard_normal(shape)
        p.grad = tw.tensor(g)
        optimizer.step()
        b = 0.95 * b + 0.05 * g
        d = 0.95 * b + 0.05 * g if nesterov else b
        step = polynomial_of_singular_values(d, (3.4445, -4.7750, 2.0315), 5)
        w = w - 0.1 * 0.1 * w - 0.1 * max(1, shape[0] / shape[1]) ** 0.5 * step
        np.testing.assert_allclose(p.detach().numpy(), w, rtol=1e-11, atol=1e-12)


def test_muon_brings_singular_values_near_one() -> None:
    rng = np.random.default_rng(2)
    p = tw.zeros(20, 30, dtype=tw.float64, requires_grad=True)
    p.grad = tw.tensor(rng.standard_normal((20, 30)))
    optim.Muon([p], lr=1.0).step()
    s = np.linalg.svd(p.detach().numpy(), compute_uv=False)
    assert s.min() > 0.6 and s.max() < 1.3


@pytest.mark.parametrize(("how", "scale"), [(None, 2**0.5), ("original", 2**0.5), ("match_rms_adamw", 0.2 * 8**0.5)])
def test_muon_adjusts_the_rate_to_the_shape(how: str | None, scale: float) -> None:
    p = tw.zeros(8, 4, dtype=tw.float64, requires_grad=True)
    p.grad = tw.ones(8, 4, dtype=tw.float64)
    optim.Muon([p], lr=0.5, adjust_lr_fn=how, ns_steps=0).step()
    np.testing.assert_allclose(p.detach().numpy(), -0.5 * scale / 32**0.5, rtol=1e-12)


def test_muon_of_a_zero_gradient_only_decays() -> None:
    p = tw.ones(2, 3, requires_grad=True)
    p.grad = tw.zeros(2, 3)
    optim.Muon([p], lr=0.5, weight_decay=0.5).step()
    assert p.tolist() == [[0.75] * 3] * 2
