"""What a compiled function reads of the world around it, beside tensors and variables."""

from __future__ import annotations

import functools
import random
import re
import types
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.compiler import compile
from thalweg.errors import TraceError
from thalweg.nn.hooks import register_module_forward_hook

X = tw.tensor([1.0, -2.0, 3.0])


# -- graphs that begin outside --------------------------------------------------------------------------


def test_backward_into_a_graph_from_outside_is_refused() -> None:
    p = tw.ones(3, requires_grad=True)
    hidden = p * 2
    with pytest.raises(TraceError, match=r"test_trace_outside.py:\d+: backward\(\) reaches a tensor of shape \(3,\)"):
        compile(lambda: (hidden * X).sum().backward())()
    with pytest.raises(TraceError, match=r"compute it inside, or detach\(\) it"):
        compile(lambda h: (h * X).sum().backward())(hidden)
    assert p.grad is None
    assert hidden.grad_fn is not None
    hidden.sum().backward()  # the graph is as it was
    assert p.grad.tolist() == [2, 2, 2]


def test_tensors_with_a_history_can_be_read_and_differentiated_by() -> None:
    p = tw.ones(3, requires_grad=True)
    hidden = p * 2
    assert compile(lambda: (hidden * X).sum())().item() == 4
    assert compile(lambda: tw.autograd.grad((hidden * hidden).sum(), hidden)[0])().tolist() == [4, 4, 4]


# -- learning rates -------------------------------------------------------------------------------------


def make() -> tuple[Any, Any, Any]:
    w = tw.ones(3, requires_grad=True)
    optimizer = tw.optim.SGD([w], lr=0.5)
    return w, optimizer, tw.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)


def test_the_last_rate_is_read_in_each_run() -> None:
    w, optimizer, scheduler = make()

    @compile
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        rate = scheduler.get_last_lr()[0]
        scheduler.step()
        return rate, x * rate

    for wanted in (0.5, 0.25, 0.125):
        rate, scaled = step(X)
        assert rate == wanted
        np.testing.assert_allclose(scaled.numpy(), X.numpy() * wanted)
    assert len(step._programs) == 1
    assert len(next(iter(step._programs.values()))) == 1


def test_a_rate_after_the_step_of_its_scheduler_is_refused() -> None:
    _, _, scheduler = make()

    def late(x: Any) -> Any:
        first = scheduler.get_last_lr()[0] * x
        scheduler.step()
        return first * scheduler.get_last_lr()[0]

    with pytest.raises(TraceError, match=re.escape("call scheduler.step() last")):
        compile(late)(X)
    assert scheduler.last_epoch == 0


# -- Python's values ------------------------------------------------------------------------------------


class Config:
    scale = 2.0


class Scaled:
    scale = 2.0

    @property
    def twice(self) -> float:
        return 2 * TABLE["scale"]

    def __call__(self, x: Any) -> Any:
        return x * self.scale

    def doubled(self, x: Any) -> Any:
        return x * self.twice


TABLE: dict[str, Any] = {"scale": 2.0, "w": X}
LIST: list[Any] = [2.0, X]
SETTINGS = types.ModuleType("settings_of_the_user")
HOLDER = Scaled()


def by_default(x: Any, scale: float = 2.0) -> Any:
    return x * scale


READS: dict[str, tuple[Any, Any, Any, Any]] = {
    "dictionary": (lambda x: x * TABLE["scale"], TABLE.__setitem__, "scale", 3.0),
    "tensor in a dictionary": (lambda x: x * TABLE["w"], TABLE.__setitem__, "w", X * 2),
    "list": (lambda x: x * LIST[0], LIST.__setitem__, 0, 3.0),
    "tensor in a list": (lambda x: x * LIST[1], LIST.__setitem__, 1, X * 2),
    "class": (lambda x: x * Config.scale, functools.partial(setattr, Config), "scale", 3.0),
    "module": (lambda x: x * SETTINGS.scale, functools.partial(setattr, SETTINGS), "scale", 3.0),
    "class of self": (HOLDER, functools.partial(setattr, Scaled), "scale", 3.0),
    "property": (HOLDER.doubled, TABLE.__setitem__, "scale", 3.0),
    "getattr": (lambda x: x * getattr(Config, "scale"), functools.partial(setattr, Config), "scale", 3.0),  # noqa: B009
    "default": (by_default, functools.partial(setattr, by_default), "__defaults__", (3.0,)),
    "partial": (functools.partial(lambda t, x: x * t["scale"], TABLE), TABLE.__setitem__, "scale", 3.0),
}


@pytest.fixture(autouse=True)
def _as_before() -> Any:
    SETTINGS.scale = 2.0  # type: ignore[attr-defined]
    yield
    Config.scale = Scaled.scale = 2.0
    TABLE.update(scale=2.0, w=X)
    LIST[:] = [2.0, X]
    by_default.__defaults__ = (2.0,)


@pytest.mark.parametrize("name", READS)
def test_values_that_change_between_calls(name: str) -> None:
    function, change, key, value = READS[name]
    compiled = compile(function)
    before = function(X).tolist()
    assert compiled(X).tolist() == before
    change(key, value)
    after = function(X).tolist()
    assert after != before
    assert compiled(X).tolist() == after


def test_lists_and_objects_in_modules() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scales, self.config = [2.0], Scaled()

        def forward(self, x: Any) -> Any:
            return x * self.scales[0] * self.config.scale

    model = Model()
    compiled = compile(model)
    assert compiled(X).tolist() == [4, -8, 12]
    model.scales[0] = 3.0
    assert compiled(X).tolist() == [6, -12, 18]
    model.config.scale = 1.0
    assert compiled(X).tolist() == [3, -6, 9]


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: float) -> None:
        self.value = value


@pytest.mark.parametrize(
    ("make", "read"),
    [
        (np.float32, float), (np.int64, int), (lambda i: {i}, sum), (lambda i: frozenset([i]), sum), (range, sum),
        (complex, abs), (lambda i: slice(0, i), lambda s: s.stop), (lambda i: bytes([i]), sum),
        (Slotted, lambda s: s.value),
    ],
)  # fmt: skip
def test_other_arguments_than_tensors(make: Any, read: Any) -> None:
    compiled = compile(lambda x, value: x * read(value))
    for i in (1, 2, 3, 4, 5, 2):
        assert compiled(X, make(i)).tolist() == (X * read(make(i))).tolist()


def test_groups_of_optimisers_that_users_read() -> None:
    _, optimizer, scheduler = make()
    compiled = compile(lambda x: x * optimizer.param_groups[0]["lr"])
    assert compiled(X).tolist() == [0.5, -1, 1.5]
    optimizer.step()
    scheduler.step()
    assert compiled(X).tolist() == [0.25, -0.5, 0.75]


def halve(optimizer: Any) -> None:
    for group in optimizer.param_groups:
        group["lr"] *= 0.5


COUNT = [0]


def count(x: Any) -> Any:
    COUNT[0] += 1
    return x


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (count, "changes a list"),
        (lambda x: TABLE.update(last=x.shape), "changes a dict"),
        (lambda x: x * random.random(), r"random numbers.*use tw\.rand"),
        (lambda x: x * np.random.rand(), r"random numbers.*use tw\.rand"),
    ],
)
def test_what_only_the_first_call_would_do_is_refused(function: Any, message: str) -> None:
    with pytest.raises(TraceError, match=message):
        compile(function)(X)


def test_options_that_a_function_sets_are_refused() -> None:
    _, optimizer, _ = make()
    with pytest.raises(TraceError, match="changes a dict"):
        compile(lambda x: halve(optimizer))(X)


# -- hooks ----------------------------------------------------------------------------------------------


def test_hooks_of_leaves_come_and_go() -> None:
    p = tw.ones(3, requires_grad=True)
    compiled = compile(lambda: (p * X).sum().backward())
    compiled()
    compiled()
    hook = p.register_hook(lambda g: g * 2)
    compiled()
    hook.remove()
    compiled()
    assert p.grad.tolist() == [5, -10, 15]


def test_hooks_of_modules_come_and_go() -> None:
    model = nn.Identity()
    compiled = compile(lambda x: model(x))
    first = model.register_forward_hook(lambda m, args, out: out + 1)
    assert compiled(X).tolist() == [2, -1, 4]
    second = model.register_forward_hook(lambda m, args, out: out * 2)
    assert compiled(X).tolist() == [4, -2, 8]
    first.remove()
    assert compiled(X).tolist() == [2, -4, 6]
    second.remove()
    assert compiled(X).tolist() == [1, -2, 3]
    every = register_module_forward_hook(lambda m, args, out: out * 5)
    try:
        assert compiled(X).tolist() == [5, -10, 15]
    finally:
        every.remove()
    assert compiled(X).tolist() == [1, -2, 3]


@pytest.mark.parametrize("shape", [(), (3,), (100,), (5, 7), (3, 1000)])
@pytest.mark.parametrize("kept_first", [True, False])
def test_what_takes_the_place_of_an_input_is_stored_after_others_have_read_it(shape, kept_first):
    def step(g, kept, w):
        new = g * 0.5
        change = new + (new - kept)
        if kept_first:
            kept.copy_(new)
            w.sub_(change)
        else:
            w.sub_(change)
            kept.copy_(new)

    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for _ in range(3)]
    plain, compiled = ([tw.tensor(a) for a in arrays] for _ in range(2))
    step(*plain)
    tw.compile(step)(*compiled)
    for a, b in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-12)
