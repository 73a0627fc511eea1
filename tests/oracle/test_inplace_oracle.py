"""Random programs of views, in-place changes and assignments, run here and in PyTorch side by side.

After each program the values of all tensors, the errors, and the gradients by the inputs (or the refusal to
compute them) must agree.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw

torch = pytest.importorskip("torch")
hypothesis = pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

pytestmark = pytest.mark.oracle
SETTINGS = settings(
    max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)

# Each takes the library and one tensor, and returns a tensor of two axes again or of one; views keep the memory.
VIEWS = {
    "row": lambda m, x: x[-1],
    "rows": lambda m, x: x[1:],
    "every second": lambda m, x: x[..., ::2],
    "transpose": lambda m, x: x.transpose(0, -1),
    "new axis": lambda m, x: x.unsqueeze(0)[0],
    "all": lambda m, x: x[:],
    "reshape": lambda m, x: x.reshape(-1),
    "narrow": lambda m, x: x.narrow(-1, 0, 1),
    "select": lambda m, x: x.select(-1, 0).unsqueeze(-1),
    "permute": lambda m, x: x.permute(tuple(range(x.ndim))[::-1]),
    "detach": lambda m, x: x.detach(),
    "element": lambda m, x: x.reshape(-1)[:1],
    "split": lambda m, x: x.narrow(0, 0, max(x.shape[0] // 2, 1)),
}
UNARY = {
    "exp": lambda m, x: (x * 0.1).exp(),
    "tanh": lambda m, x: x.tanh(),
    "square": lambda m, x: x * x,
    "shift": lambda m, x: x + 1,
    "clone": lambda m, x: x.clone(),
    "sum": lambda m, x: x.sum(0, keepdim=True),
    "take": lambda m, x: x[m.tensor([0, -1])],
    "mask": lambda m, x: m.where(x > 0, x, x * 0.5),
    "cumsum": lambda m, x: x.cumsum(0),
    "sigmoid": lambda m, x: x.sigmoid(),
}
INPLACE = {
    "add_": lambda m, x: x.add_(0.5),
    "mul_": lambda m, x: x.mul_(0.7),
    "neg_": lambda m, x: x.neg_(),
    "tanh_": lambda m, x: x.tanh_(),
    "sigmoid_": lambda m, x: x.sigmoid_(),
    "exp_": lambda m, x: x.mul_(0.1).exp_(),
    "square": lambda m, x: x.mul_(x),
    "by own element": lambda m, x: x.mul_(x.reshape(-1)[0].clone()),
    "clamp_": lambda m, x: x.clamp_(-0.8, 0.8),
    "zero_": lambda m, x: x.zero_(),
    "fill_": lambda m, x: x.fill_(0.3),
    "pow_": lambda m, x: x.pow_(2),
    "abs_": lambda m, x: x.abs_(),
    "set first": lambda m, x: x.__setitem__(0, 0.25),
    "set by mask": lambda m, x: x.__setitem__(x > 0.5, -0.25),
    "set by array": lambda m, x: x.__setitem__(m.tensor([-1]), 0.125),
    "div_": lambda m, x: x.div_(2.0),
    "masked_fill_": lambda m, x: x.masked_fill_(x < -0.5, 0.4),
}
INPLACE_TWO = {
    "add_": lambda m, x, y: x.add_(y),
    "sub_ alpha": lambda m, x, y: x.sub_(y, alpha=2),
    "mul_": lambda m, x, y: x.mul_(y),
    "copy_": lambda m, x, y: x.copy_(y),
    "set": lambda m, x, y: x.__setitem__(slice(None), y),
    "set first": lambda m, x, y: x.__setitem__(0, y),
    "set by array": lambda m, x, y: x.__setitem__(m.tensor([0]), y),
    "lerp_": lambda m, x, y: x.lerp_(y, 0.3),
    "addcmul_": lambda m, x, y: x.addcmul_(y, y, value=0.1),
    "div_": lambda m, x, y: x.div_(y * y + 1),
}
TWO = {
    "add": lambda m, x, y: x + y,
    "mul": lambda m, x, y: x * y,
    "max": lambda m, x, y: m.maximum(x, y),
    "cat": lambda m, x, y: m.cat([x, y]),
    "sub": lambda m, x, y: x - y * 0.5,
}


@st.composite
def programs(draw: Any) -> list[tuple[Any, ...]]:
    """Steps (kind, name, which tensor, which other tensor, recorded?)."""
    steps = []
    for _ in range(draw(st.integers(2, 9))):
        kind = draw(
            st.sampled_from(["view", "view", "unary", "inplace", "inplace", "inplace two", "inplace two", "two"])
        )
        table = {"view": VIEWS, "unary": UNARY, "inplace": INPLACE, "inplace two": INPLACE_TWO, "two": TWO}[kind]
        name = draw(st.sampled_from(sorted(table)))
        silent = "inplace" in kind and draw(st.integers(0, 5)) == 0
        steps.append((kind, name, table[name], draw(st.integers(0, 30)), draw(st.integers(0, 30)), silent))
    return steps


class Machine:
    """One library's side: the tensors made so far."""

    def __init__(self, m: Any, leaves: list[Any], constants: list[Any]) -> None:
        self.m = m
        self.leaves = [m.tensor(a, requires_grad=True) for a in leaves]
        self.tensors = [*(x * 1 for x in self.leaves), *(m.tensor(a) for a in constants), *self.leaves]

    def operands(self, kind: str, i: int, j: int) -> list[Any]:
        return [self.tensors[k % len(self.tensors)] for k in ((i, j) if "two" in kind else (i,))]

    def overlap(self, kind: str, name: str, function: Any, i: int, j: int, silent: bool) -> bool:
        """Whether a step writes memory that it reads in another order."""
        x, y = (self.operands(kind, i, j) * 2)[:2]
        same = x.shape == y.shape and x.stride() == y.stride() and x.data_ptr() == y.data_ptr()
        if same and not ("two" in kind and name.startswith("set")):
            return False
        return "inplace" in kind and np.shares_memory(x.detach().numpy(), y.detach().numpy())

    def step(self, kind: str, name: str, function: Any, i: int, j: int, silent: bool) -> Any:
        """Run one step; returns the error, if there was one."""
        xs = self.operands(kind, i, j)
        try:
            with self.m.set_grad_enabled(not silent):
                result = function(self.m, *xs)
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            return error
        if "inplace" not in kind:
            self.tensors.append(result)
        return None


def check_values(ours: Machine, theirs: Machine) -> None:
    for k, (x, t) in enumerate(zip(ours.tensors, theirs.tensors, strict=True)):
        assert tuple(x.shape) == tuple(t.shape), k
        np.testing.assert_allclose(x.detach().numpy(), t.detach().numpy(), rtol=1e-9, atol=1e-12, err_msg=f"tensor {k}")


def total(machine: Machine) -> Any:
    """The weighted sum of every tensor that requires a gradient, or None."""
    result = None
    for k, x in enumerate(machine.tensors):
        if x.requires_grad and x.numel():
            weights = machine.m.tensor(np.random.default_rng(k).uniform(0.5, 1.5, tuple(x.shape)))
            part = (x * weights).sum()
            result = part if result is None else result + part
    return result


def gradients(machine: Machine) -> Any:
    """d total / d leaves, or the error."""
    try:
        y = total(machine)
        return None if y is None else machine.m.autograd.grad(y, machine.leaves, allow_unused=True)
    except RuntimeError as error:
        return error


def second_derivatives(machine: Machine) -> Any:
    """d (sum of squared gradients) / d leaves, or the error."""
    m = machine.m
    try:
        first = m.autograd.grad(total(machine), machine.leaves, create_graph=True, allow_unused=True)
        squares = [(g * g).sum() for g in first if g is not None and g.requires_grad]
        return m.autograd.grad(sum(squares), machine.leaves, retain_graph=True, allow_unused=True) if squares else None
    except RuntimeError as error:
        return error


class Program:
    """The steps on fixed inputs."""

    def __init__(self, steps: list[Any]) -> None:
        rng = np.random.default_rng(5)
        self.steps = steps
        self.leaves = [rng.uniform(-1, 1, (3, 4)), rng.uniform(-1, 1, 4)]
        self.constants = [rng.uniform(-1, 1, (3, 4)), rng.uniform(-1, 1, (3, 1))]

    def total(self, leaves: list[Any], steps: list[Any]) -> float:
        machine = Machine(tw, leaves, self.constants)
        for step in steps:
            assert machine.step(*step) is None
        return total(machine).item()

    def slope(self, directions: list[Any], steps: list[Any]) -> float:
        """The derivative along ``directions`` by central differences."""
        ends = [
            self.total([x + h * u for x, u in zip(self.leaves, directions, strict=True)], steps) for h in (1e-6, -1e-6)
        ]
        return (ends[0] - ends[1]) / 2e-6

    def run(self) -> None:
        ours, theirs = Machine(tw, self.leaves, self.constants), Machine(torch, self.leaves, self.constants)
        done = []
        for step in self.steps:
            if theirs.overlap(*step):
                return  # PyTorch refuses to read and write overlapping views in one step, or doesn't notice
            yours = theirs.step(*step)
            mine = ours.step(*step)
            if mine is None and yours is not None and "leaf" in str(yours):
                # PyTorch takes an old view of a tensor that has become differentiable since for a leaf
                self.check_by_differences(gradients(ours), [*done, step])
                return
            assert (mine is None) == (yours is None), (step[:2], step[3:], mine, yours)
            if mine is not None:  # the graph must be as before the failed step
                break
            done.append(step)
            check_values(ours, theirs)
        for x, t in zip(ours.tensors, theirs.tensors, strict=True):
            assert x.requires_grad == t.requires_grad
        if total(theirs) is None:
            return
        second = second_derivatives(ours), second_derivatives(theirs)
        self.compare(gradients(ours), gradients(theirs), done)
        if not any(isinstance(s, Exception) for s in second):
            self.compare(*second, done)

    def compare(self, got: Any, want: Any, done: list[Any]) -> None:
        if isinstance(want, Exception) and not isinstance(got, Exception):
            self.check_by_differences(got, done)  # such as x.mul_(x): we keep a copy of what the rule needs
            return
        assert isinstance(got, Exception) == isinstance(want, Exception), (got, want)
        if isinstance(got, Exception):
            return
        got, want = (v or (None, None) for v in (got, want))
        for g, h in zip(got, want, strict=True):
            if g is not None or h is not None:
                shape = tuple((g if h is None else h).shape)
                mine, yours = (np.zeros(shape) if v is None else v.numpy(force=True) for v in (g, h))
                np.testing.assert_allclose(mine, yours, rtol=1e-8, atol=1e-10)

    def check_by_differences(self, got: Any, done: list[Any]) -> None:
        if any(step[1] == "detach" or step[5] for step in done):
            return  # differences see what is hidden from gradients on purpose
        directions = [np.random.default_rng(k).normal(size=x.shape) for k, x in enumerate(self.leaves)]
        slope = sum(float(np.sum(g.numpy() * u)) for g, u in zip(got, directions, strict=True) if g is not None)
        assert abs(slope - self.slope(directions, done)) < 1e-4 * (1 + abs(slope))


@SETTINGS
@given(steps=programs())
def test_random_programs(steps):
    Program(steps).run()
