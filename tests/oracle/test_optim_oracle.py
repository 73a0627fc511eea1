"""Every optimiser beside PyTorch's: ten steps from the same place along the same gradients, in float64."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

SHAPES = [(3, 4), (4,), (2, 3), (1,), ()]
COMMON: list[dict[str, Any]] = [{}, {"weight_decay": 0.1}, {"maximize": True, "weight_decay": 0.01}]
DECOUPLED = {"decoupled_weight_decay": True, "weight_decay": 0.1}
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "SGD": [
        *COMMON,
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True},
    ],
    "Adam": [*COMMON, {"amsgrad": True, "lr": 0.1, "betas": (0.5, 0.6), "eps": 1e-3}, DECOUPLED],
    "AdamW": [*COMMON, {"amsgrad": True, "lr": 0.1}],
    "RMSprop": [
        *COMMON,
        {"momentum": 0.9},
        {"centered": True, "alpha": 0.7},
        {"centered": True, "momentum": 0.5, "weight_decay": 0.1},
    ],
    "Adagrad": [*COMMON, {"lr_decay": 0.1, "initial_accumulator_value": 0.5, "lr": 0.5}],
    "Adadelta": [*COMMON, {"rho": 0.5, "eps": 1e-2, "lr": 0.3}],
    "Adamax": [*COMMON, {"betas": (0.5, 0.7), "eps": 1e-2, "lr": 0.3}],
    "NAdam": [*COMMON, {"momentum_decay": 0.1, "lr": 0.1}, DECOUPLED],
    "RAdam": [*COMMON, {"betas": (0.5, 0.9), "lr": 0.1}, {"betas": (0.5, 0.6)}, DECOUPLED],
    "ASGD": [*COMMON, {"t0": 3, "lambd": 0.1, "alpha": 0.5, "lr": 0.1}],
    "Rprop": [{}, {"maximize": True}, {"etas": (0.3, 1.7), "step_sizes": (1e-3, 0.05), "lr": 0.02}],
    "Muon": [
        {},
        {"nesterov": False, "weight_decay": 0.0},
        {"adjust_lr_fn": "match_rms_adamw", "lr": 0.1},
        {"ns_steps": 3, "momentum": 0.5, "adjust_lr_fn": "original"},
    ],
}
CASES = [
    pytest.param(name, options, id=f"{name}-{i}") for name, sets in OPTIONS.items() for i, options in enumerate(sets)
]


@pytest.fixture(autouse=True)
def float64_counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """PyTorch keeps the numbers in its state in the default dtype, and runs Muon's iteration in bfloat16."""
    torch.set_default_dtype(torch.float64)
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda x: x.clone())
    yield
    torch.set_default_dtype(torch.float32)


def start(name: str) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s) for s in SHAPES if name != "Muon" or len(s) == 2]


def pull(values: list[Any], step: int) -> list[Any]:
    """A gradient that depends on the place, and changes its sign now and then."""
    return [np.asarray(np.sin(3 * v + step) + 0.2 * v) for v in values]


def run_steps(ours: Any, theirs: Any, mine: list[Any], other: list[Any], steps: range) -> None:
    for step in steps:
        for p, q, g in zip(mine, other, pull([q.detach().numpy().copy() for q in other], step), strict=True):
            p.grad, q.grad = tw.tensor(g), torch.tensor(g)
        ours.step()
        theirs.step()
        for p, q in zip(mine, other, strict=True):
            np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-9, atol=1e-11)


def pair(name: str, options: dict[str, Any]) -> tuple[Any, Any, list[Any], list[Any]]:
    mine = [tw.tensor(v, requires_grad=True) for v in start(name)]
    other = [torch.tensor(v, requires_grad=True) for v in start(name)]
    return getattr(optim, name)(mine, **options), getattr(torch.optim, name)(other, **options), mine, other


@pytest.mark.parametrize(("name", "options"), CASES)
def test_ten_steps(name: str, options: dict[str, Any]) -> None:
    ours, theirs, mine, other = pair(name, options)
    run_steps(ours, theirs, mine, other, range(10))


@pytest.mark.parametrize(("name", "options"), CASES)
def test_state_has_their_keys_shapes_and_values(name: str, options: dict[str, Any]) -> None:
    ours, theirs, mine, other = pair(name, options)
    run_steps(ours, theirs, mine, other, range(3))
    saved, expected = ours.state_dict(), theirs.state_dict()
    assert saved["state"].keys() == expected["state"].keys()
    assert saved["param_groups"] == expected["param_groups"]
    for key, entry in expected["state"].items():
        found = saved["state"][key]
        assert found.keys() == entry.keys()
        for part, value in entry.items():
            assert tuple(found[part].shape) == tuple(value.shape), part
            np.testing.assert_allclose(found[part].numpy(), value.numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_state_moves_here_and_back(name: str, options: dict[str, Any]) -> None:
    ours, theirs, mine, other = pair(name, options)
    run_steps(ours, theirs, mine, other, range(3))
    fresh = getattr(optim, name)(mine, **options)
    fresh.load_state_dict(theirs.state_dict())
    run_steps(fresh, theirs, mine, other, range(3, 6))
    returned = fresh.state_dict()
    state = {k: {n: torch.tensor(v.numpy()) for n, v in entry.items()} for k, entry in returned["state"].items()}
    back = getattr(torch.optim, name)(other, **options)
    back.load_state_dict({"state": state, "param_groups": returned["param_groups"]})
    run_steps(fresh, back, mine, other, range(6, 9))


@pytest.mark.parametrize("name", list(OPTIONS))
def test_signature_defaults_and_repr(name: str) -> None:
    mine, other = inspect.signature(getattr(optim, name)), inspect.signature(getattr(torch.optim, name))
    assert [(p.name, p.kind, p.default) for p in mine.parameters.values()] == [
        (p.name, p.kind, p.default) for p in other.parameters.values()
    ]
    ours, theirs, _, _ = pair(name, {})
    assert repr(ours) == repr(theirs)


def test_one_step_in_float32_is_theirs_to_rounding() -> None:
    mine = tw.tensor(np.linspace(-1, 1, 7, dtype=np.float32), requires_grad=True)
    other = torch.tensor(np.linspace(-1, 1, 7, dtype=np.float32), requires_grad=True)
    ours, theirs = optim.Adam([mine], lr=0.1), torch.optim.Adam([other], lr=0.1)
    for _ in range(5):
        mine.grad, other.grad = tw.tensor(mine.detach().numpy() * 2), other.detach() * 2
        ours.step()
        theirs.step()
    np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), rtol=1e-5, atol=1e-6)
