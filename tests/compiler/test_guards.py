"""When a function is recorded again: on what has changed, told in one line of the log, and never silently wrong."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.compiler import compile
from thalweg.compiler.compiled import KEPT
from thalweg.errors import CompileError, TraceError

SCALE = 2.0
TABLE = tw.ones(3)
X = tw.tensor([1.0, -2.0, 3.0])


def scaled(x: Any) -> Any:
    return x * SCALE + TABLE


class Config:
    def __init__(self) -> None:
        self.factor = 2.0
        self.offset = tw.zeros(3)
        self.unrelated = 0


class Worker:
    """A user's object: a setting, a tensor, another object, and methods that call one another."""

    def __init__(self) -> None:
        self.power = 1
        self.w = tw.ones(3)
        self.config = Config()
        self.model = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5)).eval()

    def inner(self, x: Any) -> Any:
        return x**self.power * self.w + self.config.offset

    def step(self, x: Any) -> Any:
        return self.inner(x) * self.config.factor + self.model(x).sum()

    @compile
    def decorated(self, x: Any) -> Any:
        return self.step(x)


@pytest.fixture
def compiles(caplog: Any) -> Callable[[], list[str]]:
    """The lines of the log since the last call: one for each compilation."""
    caplog.set_level(logging.INFO, logger="thalweg.compiler")

    def since() -> list[str]:
        lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("compiled ")]
        caplog.clear()
        return lines

    return since


def agree(compiled: Any, eager: Any, *args: Any) -> None:
    np.testing.assert_allclose(compiled(*args).detach().numpy(), eager(*args).detach().numpy(), rtol=1e-6, atol=1e-6)


def set_and_count(compiled: Any, eager: Any, change: Callable[[], Any], compiles: Any) -> list[str]:
    """Compare after a change, twice; what was compiled for it."""
    change()
    agree(compiled, eager, X)
    agree(compiled, eager, X)
    lines: list[str] = compiles()
    return lines


def test_shapes_dtypes_and_modes(compiles: Any) -> None:
    compiled = compile(lambda x: x * 2)
    for x in (X, X, X[:2], X.double(), X, X[:2], X.clone().requires_grad_()):
        agree(compiled, lambda x: x * 2, x)
    lines = compiles()
    assert len(lines) == 4
    assert re.search(r" in \d+\.\d{3} s: ", lines[0])
    assert lines[0].endswith("first call")
    assert lines[1].endswith("new arguments: thalweg.float32 [2]")
    with tw.no_grad():
        agree(compiled, lambda x: x * 2, X)
    assert len(compiles()) == 1


def test_global_variables_also_of_called_functions(compiles: Any, monkeypatch: Any) -> None:
    def outer(x: Any) -> Any:
        return scaled(x) - 1

    compiled = compile(outer)
    agree(compiled, outer, X)
    assert len(compiles()) == 1
    lines = set_and_count(compiled, outer, lambda: monkeypatch.setitem(globals(), "SCALE", 5.0), compiles)
    assert len(lines) == 1
    assert "SCALE" in lines[0]
    assert len(set_and_count(compiled, outer, lambda: monkeypatch.setitem(globals(), "TABLE", X * 2), compiles)) == 1
    assert not set_and_count(compiled, outer, lambda: TABLE.add_(1), compiles)


def test_attributes_of_objects(compiles: Any) -> None:
    worker = Worker()
    for compiled in (compile(worker.step), compile(lambda x: worker.step(x)), worker.decorated):
        agree(compiled, worker.step, X)
        assert len(compiles()) == 1
        for name, value in (("power", worker.power + 1), ("w", worker.w * 3)):
            assert (
                len(set_and_count(compiled, worker.step, lambda n=name, v=value: setattr(worker, n, v), compiles)) == 1
            )
        for name, value in (("factor", worker.config.factor + 1), ("offset", X * worker.power)):
            change = lambda n=name, v=value: setattr(worker.config, n, v)  # noqa: E731
            assert len(set_and_count(compiled, worker.step, change, compiles)) == 1
        assert not set_and_count(compiled, worker.step, lambda: setattr(worker.config, "unrelated", 1), compiles)
        assert not set_and_count(compiled, worker.step, lambda: worker.w.mul_(2), compiles)
    other = Worker()
    agree(other.decorated, other.step, X)


@tw.no_grad()
def test_modules(compiles: Any) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    compiled = compile(model)
    agree(compiled, model, X)
    assert len(compiles()) == 1
    for change in (
        lambda: model.eval(),
        lambda: model[0].requires_grad_(False),
        lambda: model.__setitem__(1, nn.Tanh()),
        lambda: setattr(model[0], "weight", nn.Parameter(tw.eye(3))),
        lambda: setattr(model[0], "bias", None),
        lambda: model.double().float() and None,
        lambda: model.register_forward_hook(lambda m, i, o: o * 2),
    ):
        set_and_count(compiled, model, change, compiles)
    assert not set_and_count(compiled, model, lambda: model[0].weight.data.mul_(2), compiles)
    assert not set_and_count(compiled, model, lambda: model.load_state_dict(model.state_dict()), compiles)
    assert not set_and_count(compiled, model, lambda: setattr(model[0].weight, "data", tw.ones(3, 3)), compiles)


def test_memory_that_moves_is_followed(compiles: Any) -> None:
    w = nn.Parameter(tw.ones(3))

    def step(x: Any) -> Any:
        (w * x).sum().backward()
        return w.grad * 1

    def fresh() -> None:
        w.grad = None

    compiled = compile(step)
    fresh()
    first = compiled(X)
    second = compiled(X)
    np.testing.assert_allclose(second.numpy(), 2 * first.numpy())
    assert len(compiles()) == 2  # without a gradient before, and with one
    w.data = tw.zeros(3)
    w.grad = tw.ones(3)
    np.testing.assert_allclose(compiled(X).numpy(), (X + 1).numpy())
    fresh()
    np.testing.assert_allclose(compiled(X).numpy(), X.numpy())
    assert not compiles()
    w.data = tw.ones(2, 3)
    w.grad = None
    np.testing.assert_allclose(compiled(X).numpy(), (X + tw.zeros(2, 3)).numpy())
    assert len(compiles()) == 1


def test_the_default_dtype(compiles: Any) -> None:
    compiled = compile(lambda x: x * tw.ones(3))
    agree(compiled, lambda x: x * 1, X)
    tw.set_default_dtype(tw.float64)
    try:
        assert compiled(X).dtype is tw.float64
    finally:
        tw.set_default_dtype(tw.float32)
    assert compiled(X).dtype is tw.float32
    assert len(compiles()) == 2


def test_other_objects_are_other_arguments(compiles: Any) -> None:
    compiled = compile(lambda x, f, kind, sizes: f(x) * len(kind) * sizes[0])
    for f in (tw.exp, tw.sin, tw.exp):
        np.testing.assert_allclose(compiled(X, f, "ab", (3, 4)).numpy(), (f(X) * 6).numpy(), rtol=1e-6)
    assert len(compiles()) == 2
    compiled(X, tw.exp, "abc", (3, 4))
    compiled(X, tw.exp, "ab", (3, 5))
    assert len(compiles()) == 2
    many = [Config() for _ in range(20)]
    scale = compile(lambda x, c: x * c.factor)
    for i, c in enumerate(many):
        c.factor = float(i)
        np.testing.assert_allclose(scale(X, c).numpy(), (X * i).numpy())


def test_lists_dictionaries_and_arrays(compiles: Any) -> None:
    settings, factors, array = {"offset": 1.0}, [2.0, tw.ones(3)], np.ones(3, np.float32)

    def function(x: Any) -> Any:
        return x * factors[0] * factors[1] + settings["offset"] + tw.from_numpy(array)

    compiled = compile(function)
    agree(compiled, function, X)
    assert len(compiles()) == 1
    assert len(set_and_count(compiled, function, lambda: settings.update(offset=3.0), compiles)) == 1
    assert len(set_and_count(compiled, function, lambda: factors.__setitem__(1, X * 2), compiles)) == 1
    assert len(set_and_count(compiled, function, lambda: factors.__setitem__(0, 5.0), compiles)) == 1
    assert not set_and_count(compiled, function, lambda: array.fill(7), compiles)


def test_gradients_that_become_one_tensor_lead_to_a_new_record() -> None:
    def accumulate(x: Any, p: Any, q: Any) -> None:
        (p * x + 2 * q * x).sum().backward()

    x = tw.ones(3)
    for shared_first in (False, True):
        found = []
        for kind in (lambda f: f, compile):
            p, q = nn.Parameter(tw.ones(3)), nn.Parameter(tw.ones(3))
            step = kind(lambda x, p=p, q=q: accumulate(x, p, q))
            for shared in (shared_first, not shared_first):
                p.grad = tw.zeros(3)
                q.grad = p.grad if shared else tw.zeros(3)
                step(x)
                found.append((p.grad.tolist(), q.grad.tolist()))
        assert found[:2] == found[2:]


def test_the_grad_mode_is_not_changed_for_what_comes_after() -> None:
    def f(x: Any) -> Any:
        tw.set_grad_enabled(False)
        return x * 2

    with pytest.raises(TraceError, match="grad mode"):
        compile(f)(tw.ones(2))
    assert tw.is_grad_enabled()


def test_a_scheduler_that_steps_first_may_not_change_what_was_compiled() -> None:
    p = nn.Parameter(tw.ones(3))
    optimizer = tw.optim.SGD([p], lr=0.1, momentum=0.5)
    scheduler = tw.optim.lr_scheduler.CyclicLR(
        optimizer, 0.01, 0.1, step_size_up=2, base_momentum=0.0, max_momentum=0.5
    )

    @compile
    def step(x: Any) -> Any:
        scheduler.step()
        optimizer.zero_grad()
        loss = (p * x).sum()
        loss.backward()
        optimizer.step()
        return loss.detach()

    with pytest.raises(CompileError, match=r"call scheduler\.step\(\) last"):
        for _ in range(8):
            step(tw.ones(3))


def test_old_programs_are_dropped() -> None:
    factors = [float(i) for i in range(KEPT + 3)]
    scale = 0.0

    def f(x: Any) -> Any:
        return x * scale

    compiled = compile(f)
    for scale in factors:
        assert compiled(tw.ones(2)).tolist() == [scale, scale]
    ((_, programs),) = compiled._programs.items()
    assert len(programs) == KEPT


class Scales(NamedTuple):
    first: float
    second: float


@pytest.mark.parametrize(
    "held",
    [lambda v: [v], lambda v: (v,), lambda v: {"a": v}, lambda v: OrderedDict(a=v), lambda v: slice(v, None),
     lambda v: Scales(v, 1.0)],
)  # fmt: skip
def test_floats_are_followed_into_whatever_holds_them(compiles: Any, held: Any) -> None:
    def f(x: Any, inside: Any, after: float) -> Any:
        kind = type(inside)
        assert kind is type(held(0.0))
        value = inside["a"] if isinstance(inside, dict) else inside.start if kind is slice else inside[0]
        return x * value + after

    compiled = compile(f)
    for value, after in ((0.5, 0.25), (3.0, 0.75), (-1.0, 2.0)):
        assert compiled(tw.ones(2), held(value), after).tolist() == [value + after] * 2
    assert len(compiles()) == 1
