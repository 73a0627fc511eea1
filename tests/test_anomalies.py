"""detect_anomaly: the first NaN or infinity, forward and backward, eager and compiled."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw
from thalweg import nn, optim
from thalweg.autograd import detect_anomaly, set_detect_anomaly
from thalweg.autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled
from thalweg.errors import AutogradError

F = nn.functional

MODES = {"eager": lambda f: f, "compiled": tw.compile}


def line_of(function: Any, mark: str = "# here") -> str:
    """The line of a function that ends in the mark."""
    lines, first = inspect.getsourcelines(function)
    (found,) = [first + i for i, line in enumerate(lines) if line.rstrip().endswith(mark)]
    return f"test_anomalies.py:{found}"


def message(function: Callable[..., Any], *args: Any, mode: str = "eager") -> str:
    """What is said of a function that has an anomaly."""
    with detect_anomaly(), pytest.raises(AutogradError) as caught:
        MODES[mode](function)(*args)
    return str(caught.value)


class Net(nn.Module):
    """Two layers with a root between."""

    def __init__(self, shift: float) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3)
        self.outer = nn.Linear(3, 2)
        self.shift = shift
        nn.init.eye_(self.inner.weight)
        nn.init.zeros_(self.inner.bias)

    def forward(self, x: Any) -> Any:
        return self.outer((self.inner(x) + self.shift).sqrt())  # here


@pytest.mark.parametrize("mode", MODES)
def test_forward(mode):
    model, x = Net(0.0), tw.tensor([[1.0, 4.0, 9.0], [1.0, -4.0, 9.0]])
    words = message(lambda x: model(x).sum().backward(), x, mode=mode)
    assert words == (
        f"forward: sqrt gives nan at index [1, 1] at {line_of(Net.forward)} in Net; float32[2, 3] -> float32[2, 3]; "
        "input 0 is -4.0 there (detect_anomaly is on)"
    )


@pytest.mark.parametrize("mode", MODES)
def test_backward(mode):
    model, x = nn.Sequential(Net(0.0), nn.Tanh()), tw.tensor([[1.0, 4.0, 9.0], [1.0, 0.0, 9.0]])

    def step(x: Any) -> None:
        model(x).sum().backward()  # here

    words = message(step, x, mode=mode)
    assert words.startswith("backward: SqrtBackward returned inf values in its output 0, ")
    assert re.search(r"-?inf at index \[1, 1\]: the gradient of sqrt by its input 0; it ran at ", words)
    assert f"ran at {line_of(Net.forward)} in 0 (Net); float32[2, 3] -> float32[2, 3]; " in words
    assert re.search(r"(input 0|its output) is 0.0 there", words)
    assert f"backward was called at {line_of(step)}" in words
    assert all(p.grad is None for p in model.parameters())


OVERFLOWS: dict[str, Callable[[Any], Any]] = {
    "exp gives inf": lambda w: (w * 1000).exp(),
    "div gives nan": lambda w: (w - w) / (w - w),
    "div gives inf": lambda w: w / (w - w),
    "sub gives nan": lambda w: (w * 0 + math.inf) - (w * 0 + math.inf),
    "log gives -inf": lambda w: (w - w).log(),
    "mul gives nan": lambda w: tw.tensor([math.inf, 1.0]) * (w - w),
    "mean gives nan": lambda w: w[:0].mean(),
    "pow gives nan": lambda w: (-w) ** 0.5,
    "convert gives inf": lambda w: (w.double() * 1e200).float(),
    "softmax gives nan": lambda w: (w * 0).masked_fill(tw.ones(2, dtype=tw.bool), -math.inf).softmax(0),
}


@pytest.mark.filterwarnings("ignore:.* encountered in")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("words", OVERFLOWS)
def test_what_makes_them(words, mode):
    w = tw.tensor([1.0, 2.0], requires_grad=True)
    assert message(OVERFLOWS[words], w, mode=mode).startswith(f"forward: {words} at index [")


HARMLESS: dict[str, Callable[[Any], Any]] = {
    "a mask": lambda w: w.masked_fill(tw.tensor([True, False]), -math.inf).softmax(0).sum(),
    "a mask that is added": lambda w: (w + tw.tensor([-math.inf, 0.0])).softmax(0)[1],
    "a constant": lambda w: tw.where(w > 1.5, w, math.inf).amin(),
    "a maximum from -inf": lambda w: tw.maximum(w, tw.full((2,), -math.inf)).sum(),
    "division by infinity": lambda w: (w / math.inf).sum(),
    "zero times an infinite slope": lambda w: tw.where(w > 1.5, (w - 1).sqrt(), w).sum(),
    "a norm at 0": lambda w: (w - w).norm(),
    "log-softmax": lambda w: (w * 1e4).log_softmax(0)[1],
    "cross-entropy of a sure guess": lambda w: F.cross_entropy((w * 1e4)[None], tw.tensor([0])),
    "binary cross-entropy of a sure guess": lambda w: F.binary_cross_entropy((w * 1e3).sigmoid(), tw.zeros(2)),
    "gaps that are filled": lambda w: (w * tw.tensor([math.nan, 1.0]).nan_to_num()).sum(),
    "gaps that are left out": lambda w: (w * tw.tensor([math.nan, 1.0])[tw.tensor([1, 1])]).sum(),
    "nothing": lambda w: w[:0].sum() + w.sum(),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_harmless(name, mode):
    w = tw.tensor([1.0, 2.0], requires_grad=True)

    def step(w: Any) -> Any:
        loss = HARMLESS[name](w)
        loss.backward()
        return loss.detach()

    with detect_anomaly():
        assert math.isfinite(MODES[mode](step)(w).item())
    assert w.grad.isfinite().all()


@pytest.mark.parametrize("mode", MODES)
def test_nan_from_outside(mode):
    layer = nn.Linear(2, 2)
    words = message(lambda x: layer(x), tw.tensor([[1.0, math.nan]]), mode=mode)
    assert words.startswith("forward: linear gives nan at index [0, 0] ")
    assert "in Linear; float32[1, 2], float32[2, 2], float32[2] -> float32[1, 2]" in words
    assert "its input 0 has one already, which comes from outside" in words


def test_a_gradient_that_is_given():
    w = tw.tensor([1.0, 2.0], requires_grad=True)
    with detect_anomaly(), pytest.raises(AutogradError, match="the gradient that it was given has one already"):
        (w * 2).backward(tw.tensor([1.0, math.nan]))


def test_backward_of_what_was_recorded_before():
    w = tw.tensor([0.0, 2.0], requires_grad=True)
    loss = w.sqrt().sum()
    with (
        detect_anomaly(),
        pytest.raises(AutogradError, match=r"gradient of sqrt by its input 0; it ran; \? -> float32\[2\]"),
    ):
        loss.backward()


def test_infinity_that_is_not_recorded_is_none():
    with detect_anomaly():
        assert tw.zeros(2).log().isinf().all()
        with pytest.raises(AutogradError, match="sqrt gives nan"):
            (-tw.ones(2)).sqrt()


def test_recorded_gradients():
    w = tw.tensor([0.0, 2.0], requires_grad=True)
    with detect_anomaly():
        loss = (w**2.5).sum()
        (slope,) = tw.autograd.grad(loss, w, create_graph=True)
        (second,) = tw.autograd.grad(slope.sum(), w, create_graph=True)
        with pytest.raises(AutogradError, match=r"backward: .*returned (inf|nan) values"):
            second.sum().backward()


# -- compiled ---------------------------------------------------------------------------------------------------


def learner() -> tuple[nn.Module, Any]:
    tw.manual_seed(0)
    model = nn.Linear(2, 1)
    optimizer = optim.Adam(model.parameters(), lr=0.1)

    def step(x: tw.Tensor, scale: tw.Tensor) -> tw.Tensor:
        optimizer.zero_grad()
        loss = (model(x) * scale).exp().sum()  # here
        loss.backward()
        optimizer.step()
        return loss

    return model, step


def test_nothing_is_written_where_an_anomaly_is_found():
    model, step = learner()
    compiled = tw.compile(step)
    x = tw.ones(3, 2)
    with detect_anomaly():
        compiled(x, tw.tensor([[1.0]]))
        before = [p.clone() for p in model.parameters()]
        assert not (before[0] == nn.Linear(2, 1).weight).all()
        sign = model(x).sum().sign().detach()[None, None]
        with pytest.raises(AutogradError, match=f"exp gives inf at index .*{line_of(step)}"):
            compiled(x, sign * 1e30)
    assert all((p == old).all() for p, old in zip(model.parameters(), before, strict=True))


def test_compiled_results_are_the_same():
    results = []
    for looking in (False, True):
        model, step = learner()
        compiled = tw.compile(step)
        with set_detect_anomaly(looking):
            losses = [compiled(tw.ones(3, 2), tw.tensor([[1.0]])).item() for _ in range(3)]
        results.append((losses, [p.tolist() for p in model.parameters()]))
    assert results[0] == results[1]


def test_an_epoch_is_checked_call_by_call():
    model, step = learner()
    compiled = tw.compile(step)
    x = tw.ones(4, 2)
    sign = model(x)[0].sign().item()
    scale = tw.tensor([1.0, 1.0, sign * 1e30, 1.0])[:, None]
    loader = tw.utils.data.DataLoader(tw.utils.data.TensorDataset(x, scale), batch_size=1)
    with detect_anomaly(), pytest.raises(AutogradError, match="exp gives inf"):
        compiled.epoch(loader)
    assert all(p.isfinite().all() for p in model.parameters())
    loader = tw.utils.data.DataLoader(tw.utils.data.TensorDataset(x, scale[:2].repeat(2, 1)), batch_size=1)
    with detect_anomaly():
        assert compiled.epoch(loader).shape == (4,)


def test_loops_over_time_are_looked_into():
    tw.manual_seed(0)
    cell, x = nn.LSTM(2, 3), tw.randn(5, 1, 2)
    x[3, 0, 1] = math.nan

    def step(x: Any) -> None:
        cell(x)[0].sum().backward()

    for mode in MODES:
        assert "gives nan at index" in message(step, x, mode=mode)


def test_checked_programs_too():
    f = tw.compile(lambda x: x.sqrt(), check=True)
    with detect_anomaly():
        assert f(tw.ones(2)).tolist() == [1, 1]
        with pytest.raises(AutogradError, match="sqrt gives nan"):
            f(-tw.ones(2))


def test_transformed_functions_are_looked_into():
    with detect_anomaly(), pytest.raises(AutogradError, match="SqrtBackward returned inf"):
        tw.func.grad(lambda x: x.sqrt().sum())(tw.zeros(2))
    with detect_anomaly():
        assert tw.func.vmap(lambda x: x * 2)(tw.ones(3)).tolist() == [2, 2, 2]


# -- the modes --------------------------------------------------------------------------------------------------


def test_modes():
    assert not is_anomaly_enabled()
    with detect_anomaly():
        assert is_anomaly_enabled()
        assert is_anomaly_check_nan_enabled()
        with detect_anomaly(check_nan=False):
            assert is_anomaly_enabled()
            assert not is_anomaly_check_nan_enabled()
            (-tw.ones(1)).sqrt()
        with set_detect_anomaly(False):
            assert not is_anomaly_enabled()
            (-tw.ones(1)).sqrt()
        assert is_anomaly_check_nan_enabled()
    assert not is_anomaly_enabled()
    set_detect_anomaly(True)
    assert is_anomaly_enabled()
    set_detect_anomaly(False)
    assert not is_anomaly_enabled()
    assert not tw.core.modes.state.inside
    assert not tw.core.modes.state.examined


def test_an_error_leaves_all_as_it_was():
    w = tw.tensor([0.0], requires_grad=True)
    with pytest.raises(AutogradError), detect_anomaly():
        w.sqrt().backward()
    assert not is_anomaly_enabled()
    w.sqrt().backward()
    assert math.isinf(w.grad.item())


def test_modules_are_named_after_an_error():
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    with detect_anomaly():
        for _ in range(2):
            with pytest.raises(AutogradError, match=r"in 0 \(Linear\)"):
                model(tw.full((1, 1), math.nan))
