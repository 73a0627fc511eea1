"""Optimisers find minima whose place is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import optim

H = np.array([[3.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]])
BOTTOM = np.array([1.0, -2.0, 0.5])

QUADRATIC: list[tuple[str, dict[str, Any], int]] = [
    ("SGD", {"lr": 0.3}, 200),
    ("SGD", {"lr": 0.1, "momentum": 0.8}, 200),
    ("SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True}, 200),
    ("Adam", {"lr": 0.1}, 800),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.0}, 800),
    ("Adamax", {"lr": 0.1}, 800),
    ("NAdam", {"lr": 0.03}, 1000),
    ("RAdam", {"lr": 0.1}, 800),
    ("Adagrad", {"lr": 1.0}, 400),
    ("Adadelta", {}, 3000),
    ("RMSprop", {"lr": 1e-3, "momentum": 0.9}, 3000),
    ("ASGD", {"lr": 0.3, "lambd": 0.0}, 300),
    ("Rprop", {"lr": 0.1}, 200),
]


@pytest.mark.parametrize(("name", "options", "steps"), QUADRATIC)
def test_quadratic(name: str, options: dict[str, Any], steps: int) -> None:
    """1/2 (w - b)^T H (w - b), whose gradient is H (w - b)."""
    w = tw.zeros(3, dtype=tw.float64, requires_grad=True)
    optimizer = getattr(optim, name)([w], **options)
    for _ in range(steps):
        w.grad = tw.tensor(H @ (w.detach().numpy() - BOTTOM))
        optimizer.step()
    near = 0.05 if name == "Adadelta" else 5e-3  # its steps shrink only as slowly as the average of their squares
    np.testing.assert_allclose(w.detach().numpy(), BOTTOM, atol=near)


def test_lion_ends_within_its_step() -> None:
    """Its steps have one size, so that it comes no nearer than that."""
    w = tw.zeros(3, dtype=tw.float64, requires_grad=True)
    optimizer = optim.Lion([w], lr=0.01)
    for _ in range(600):
        w.grad = tw.tensor(H @ (w.detach().numpy() - BOTTOM))
        optimizer.step()
    np.testing.assert_allclose(w.detach().numpy(), BOTTOM, atol=0.05)


def test_muon_finds_a_matrix() -> None:
    target = tw.tensor(np.random.default_rng(0).standard_normal((4, 3)))
    w = tw.zeros(4, 3, dtype=tw.float64, requires_grad=True)
    optimizer = optim.Muon([w], lr=0.02, weight_decay=0.0, momentum=0.9)
    for step in range(400):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 400)
        optimizer.zero_grad()
        ((w - target) ** 2).sum().backward()
        optimizer.step()
    np.testing.assert_allclose(w.detach().numpy(), target.numpy(), atol=0.01)


@pytest.mark.parametrize(
    ("name", "options", "steps"),
    [
        ("SGD", {"lr": 5e-4, "momentum": 0.95}, 1500),
        ("Adam", {"lr": 0.05}, 1500),
        ("NAdam", {"lr": 0.02}, 3500),
        ("Rprop", {"lr": 0.01}, 3000),
    ],
)
def test_rosenbrock(name: str, options: dict[str, Any], steps: int) -> None:
    """Rosenbrock's valley (1960): (1 - x)^2 + 100 (y - x^2)^2, from (-1.2, 1) to (1, 1)."""
    w = tw.tensor([-1.2, 1.0], dtype=tw.float64, requires_grad=True)
    optimizer = getattr(optim, name)([w], **options)
    for _ in range(steps):
        x, y = w.tolist()
        w.grad = tw.tensor([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)], dtype=tw.float64)
        optimizer.step()
    np.testing.assert_allclose(w.detach().numpy(), [1.0, 1.0], atol=0.02)


def test_maximize_climbs() -> None:
    w = tw.tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.25, maximize=True)
    for _ in range(20):
        optimizer.zero_grad()
        (-((w - 3) ** 2)).sum().backward()
        optimizer.step()
    assert w.item() == pytest.approx(3, abs=1e-4)


def test_weight_decay_finds_the_penalised_minimum() -> None:
    """(w - 3)^2 + 1/2 * 2 w^2 is least at 3/2."""
    w = tw.tensor([0.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1, weight_decay=2.0)
    for _ in range(100):
        optimizer.zero_grad()
        ((w - 3) ** 2).sum().backward()
        optimizer.step()
    assert w.item() == pytest.approx(1.5, abs=1e-5)
