"""What can't be compiled is refused, with the user's line and a way out; then all is as it was before."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.compiler import compile
from thalweg.errors import ArgumentError, AutogradError, ShapeError, TargetError, ThalwegError, TraceError

F = nn.functional
X, N = tw.tensor([[1.0, -2.0, 3.0], [0.5, 2.0, -1.0]]), tw.tensor([1, 2, 0])
LINE = r"test_trace_errors.py:\d+: "

UNKNOWN: dict[str, tuple[Any, str]] = {
    "branch": (lambda: X if X.sum() > 0 else -X, r"branch on the value.*tw\.where"),
    "item": (lambda: X.sum().item(), r"item\(\).*return the tensor"),
    "tolist": (lambda: X.tolist(), "use thalweg's operations"),
    "float": (lambda: math.sqrt(X.sum()), r"item\(\)"),
    "print": (lambda: str(X), "printing.*outside"),
    "text": (lambda: f"{X}", "printing"),
    "numpy": (lambda: X.numpy(), "NumPy asks for the values"),
    "ufunc": (lambda: np.sin(X), "NumPy asks for the values"),
    "array": (lambda: np.asarray(X), "NumPy asks for the values"),
    "mask": (lambda: X[X > 0], r"how many elements.*tw\.where"),
    "masked_select": (lambda: tw.masked_select(X, X > 0), r"how many elements.*tw\.where"),
    "nonzero": (lambda: X.nonzero(), r"how many elements.*tw\.where"),
    "where": (lambda: tw.where(X > 0), r"how many elements.*tw\.where"),
    "range": (lambda: list(range(N[0])), r"item\(\)"),
    "slice": (lambda: X[: N[0]], r"item\(\)"),
    "size": (lambda: tw.zeros(N[0]), r"item\(\)"),
    "reshape": (lambda: X.reshape(N[0], -1), r"item\(\)"),
    "arange": (lambda: tw.arange(N[1]), r"item\(\)"),
    "one_hot": (lambda: F.one_hot(N), "give num_classes"),
    "max": (lambda: max(X[0]), "branch on the value"),
    "in": (lambda: 3.0 in X, r"item\(\)"),
    "allclose": (lambda: tw.allclose(X, X), "branch on the value"),
    "equal": (lambda: X.equal(X), "branch on the value"),
    "stride": (lambda: X.T.stride(), "contiguous"),
    "data_ptr": (lambda: X.data_ptr(), "ctypes"),
    "pickle": (lambda: pickle.dumps(X), "pickling"),
    "seed": (lambda: tw.manual_seed(1), "do it outside"),
    "state": (lambda: tw.get_rng_state(), "read it outside"),
    "set state": (lambda: tw.set_rng_state(tw.tensor([1, 2])), "do it outside"),
    "initial_seed": (lambda: tw.initial_seed(), "read it outside"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_needs_values_names_the_line_and_a_way_out(name: str) -> None:
    function, message = UNKNOWN[name]
    with pytest.raises(TraceError, match=LINE + ".*" + message):
        compile(function)()


def write_many(x: Any) -> Any:
    x = x.clone()
    x[x > 0] = tw.ones(5)
    return x


def test_values_spread_over_a_mask() -> None:
    with pytest.raises(TraceError, match=LINE + r"x\[mask\] = value.*tw\.where"):
        compile(write_many)(X)


# -- values that are checked in each run ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "good", "bad", "error", "message"),
    [
        (lambda t: F.cross_entropy(X, t), [0, 2], [0, 3], TargetError, "target 3 is none of the 3 classes"),
        (lambda t: F.cross_entropy(X, t), [0, -100], [0, -1], TargetError, "target -1 is none of the 3"),
        (lambda t: F.nll_loss(X, t), [0, 2], [5, 0], TargetError, "nll_loss: target 5"),
        (lambda t: F.multi_margin_loss(X, t), [0, 2], [5, 0], TargetError, "multi_margin_loss: target 5"),
        (lambda t: F.embedding(t, X), [0, 1], [0, 2], IndexError, "position 2 is out of range"),
        (lambda t: F.embedding(t, X), [0, 1], [-1, 0], IndexError, "position -1 is out of range"),
        (lambda t: F.one_hot(t, 3), [0, 1], [-1, 0], ShapeError, "class -1 is not in 0"),
        (lambda t: X.index_select(1, t), [0, 1], [0, -1], IndexError, "index_select: index -1"),
        (lambda t: X.gather(1, t[:, None]), [0, 1], [0, 3], IndexError, "gather: index 3"),
        (lambda t: X[t], [0, -2], [0, -3], IndexError, "index -3 is out of bounds"),
        (lambda t: F.binary_cross_entropy(t / 4, t / 4), [0, 4], [0, 5], ArgumentError, "between 0 and 1"),
        (lambda t: tw.bernoulli(t / 4), [0, 4], [0, 5], ThalwegError, "probabilities must lie"),
        (lambda t: tw.multinomial(t / 4, 1), [0, 4], [0, -5], ThalwegError, "not negative"),
        (lambda t: tw.multinomial(t / 4, 2), [1, 4], [0, 4], ThalwegError, "2 samples without"),
        (lambda t: F.gaussian_nll_loss(X[0, :2], X[1, :2], t / 4), [1, 4], [0, -4], ArgumentError, "not be negative"),
    ],
)
def test_values_are_checked_in_each_run(function: Any, good: Any, bad: Any, error: Any, message: str) -> None:
    total = tw.zeros(1)
    checked = compile(lambda t: (total.add_(1), function(t))[1])
    checked(tw.tensor(good))
    for f in (checked, function):
        with pytest.raises(error, match=message):
            f(tw.tensor(bad))
    checked(tw.tensor(good))
    assert total.item() == 2  # a run that is refused writes nothing


def test_a_norm_that_is_not_finite() -> None:
    w = nn.Parameter(tw.ones(2))

    def step(x: Any) -> Any:
        w.grad = None
        (w * x).sum().backward()
        return nn.utils.clip_grad_norm_([w], 1.0, error_if_nonfinite=True)

    compiled = compile(step)
    assert compiled(tw.tensor([3.0, 4.0])).item() == 5
    with pytest.raises(AutogradError, match="must be finite"):
        compiled(tw.tensor([math.inf, 4.0]))


# -- as it was before -----------------------------------------------------------------------------------


def test_a_function_that_raises_leaves_everything_as_it_was() -> None:
    w = nn.Parameter(tw.ones(3))
    w.grad = grad = tw.tensor([1.0, 2.0, 3.0])
    buffer, memory = tw.ones(3), None
    memory = buffer.numpy()
    pending = (w * buffer * buffer).sum()  # its backward needs the versions as they are
    seed = tw.get_rng_state().tolist()

    def step(x: Any) -> None:
        buffer.add_(x)
        (w * buffer * tw.rand(3)).sum().backward()
        with tw.no_grad():
            w.mul_(2)
        w.grad = None
        raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        compile(step)(tw.ones(3))
    assert w.tolist() == buffer.tolist() == [1, 1, 1]
    assert buffer.numpy() is memory
    assert w.grad is grad
    assert grad.tolist() == [1, 2, 3]
    assert w.is_leaf
    assert buffer.is_leaf
    assert not buffer.requires_grad
    assert tw.get_rng_state().tolist() == seed
    pending.backward()
    assert w.grad.tolist() == [2, 3, 4]
    assert type(tw.Tensor.__dict__["_value"]).__name__ == "member_descriptor"


def test_tensors_that_leave_a_function_otherwise_than_by_return() -> None:
    kept: list[tw.Tensor] = []
    compile(lambda x: (kept.append(x * 2), x + 1)[1])(X)
    assert kept[0].shape == (2, 3)
    message = r"test_trace_errors.py:\d+: this tensor \(shape \(2, 3\)\) was made inside a compiled function.*return it"
    for use in (
        lambda t: t + 1, lambda t: X + t, lambda t: t.sum(), lambda t: t @ t.T, lambda t: tw.cat([X, t]), repr,
        lambda t: t.numpy(), lambda t: t.tolist(), lambda t: t.add_(1), lambda t: F.linear(t, tw.ones(2, 3)),
        lambda t: X.clone().copy_(t), lambda t: compile(lambda a: a * 2)(t),
    ):  # fmt: skip
        with pytest.raises(TraceError, match=message):
            use(kept[0])
    with pytest.raises(TraceError, match="another compiled function"):
        compile(lambda a: a + kept[0])(X)


def test_memory_under_two_names_of_which_one_is_written() -> None:
    base = tw.zeros(4)
    part = base[:2]

    def step(x: Any) -> Any:
        part.add_(x)
        return base.sum()

    with pytest.raises(TraceError, match="looks at the same memory"):
        compile(step)(tw.ones(2))
    w = tw.zeros(3)
    add = compile(lambda x: w.add_(x).sum())
    add(tw.ones(3))
    for alias in (w.detach(), w[:], w.view(3)):
        with pytest.raises(TraceError, match="shares memory"):
            add(alias)
    assert w.tolist() == [1, 1, 1]
    assert add(tw.ones(3)).item() == 6
    read = compile(lambda x: (w * x).sum())  # nothing is written: any memory will do
    assert read(tw.ones(3)).item() == 6
    assert read(w.detach()).item() == 12


def test_side_effects_are_refused() -> None:
    class Holder:
        last: Any = None

        def step(self, x: Any) -> Any:
            self.last = x * 2
            return x

    holder = Holder()
    with pytest.raises(TraceError, match=r"assigns Holder\.last"):
        compile(holder.step)(X)
    with pytest.raises(TraceError, match=r"assigns Holder\.last"):
        compile(lambda x: holder.step(x))(X)


# -- the compiled object --------------------------------------------------------------------------------


@compile
def shifted(x: Any) -> Any:
    return x + 1


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    @compile
    def forward(self, x: Any) -> Any:
        return self.linear(x)


def test_copies_and_pickles() -> None:
    assert shifted(X).tolist() == (X + 1).tolist()
    assert copy.deepcopy(shifted) is shifted
    assert pickle.loads(pickle.dumps(shifted)) is shifted
    linear = nn.Linear(3, 2)
    compiled = compile(linear)
    with tw.no_grad():
        compiled(X)
    other = copy.deepcopy(compiled)
    again = pickle.loads(pickle.dumps(compiled))
    with tw.no_grad():
        other.weight.zero_()
        assert (other(X) - other.bias).abs().max().item() == 0
        assert (compiled(X) - linear(X)).abs().max().item() < 1e-6
        assert (again(X) - linear(X)).abs().max().item() < 1e-6
    assert repr(compile(shifted)).startswith("compile(compile(<function shifted")


def test_a_compiled_module_hands_on_what_it_has() -> None:
    linear = nn.Linear(3, 2)
    compiled = compile(linear)
    assert list(compiled.parameters()) == [linear.weight, linear.bias] or len(list(compiled.parameters())) == 2
    assert compiled.weight is linear.weight
    assert compiled.train(False) is compiled and not linear.training
    assert list(compiled.state_dict()) == ["_orig_mod.weight", "_orig_mod.bias"]  # as in PyTorch
    with pytest.raises(AttributeError, match="nothing"):
        compiled.nothing  # noqa: B018


def test_compiled_methods_belong_to_their_instances() -> None:
    first, second = Model(), Model()
    for model in (first, second):
        np.testing.assert_allclose(model(X).detach().numpy(), model.linear(X).detach().numpy(), rtol=1e-6, atol=1e-7)
