"""Where the gradient died: broken networks and the blame, healthy ones and silence."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.broken_networks import BROKEN, Broken
from tests.healthy_networks import HEALTHY

import thalweg as tw
from thalweg import nn, optim
from thalweg.autograd import explain
from thalweg.autograd.explaining.explanation import FAMILY
from thalweg.autograd.explaining.findings import Explanation
from thalweg.autograd.explaining.reasons import SURROGATE
from thalweg.errors import ArgumentError, AutogradError

F = nn.functional


def batch() -> tuple[tw.Tensor, tw.Tensor]:
    g = tw.Generator().manual_seed(5)
    return tw.randn(16, 3, generator=g), tw.randn(16, 2, generator=g)


def made(name: str) -> tuple[Broken, Any, Any]:
    tw.manual_seed(0)
    return BROKEN[name], *BROKEN[name].make()


def check(case: Broken, explanation: Explanation) -> None:
    found = {f.parameter: f.symptom for f in explanation}
    assert case.symptoms.items() <= found.items(), str(explanation)
    if not {"tiny", "huge"} & set(case.symptoms.values()):
        assert found == case.symptoms, str(explanation)
    for name in case.symptoms:
        blame = explanation[name].blame
        assert blame.op == case.op, str(explanation)
        assert case.reason in blame.reason, str(explanation)
        assert case.module in blame.module, str(explanation)
        if case.line:
            assert blame.line == case.line, str(explanation)
        elif case.op:
            assert blame.line.startswith("broken_networks.py:")
    notes = [note for note in explanation.notes if case.flat or not note.startswith("The loss is nan")]
    assert any(case.flat in note for note in notes) if case.flat else not notes, notes


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_network(name):
    case, model, loss = made(name)
    x, y = batch()
    check(case, explain(lambda: loss(model, x, y), model))


@pytest.mark.parametrize("name", [name for name, case in BROKEN.items() if case.compiled])
def test_a_broken_network_that_is_compiled(name):
    case, model, loss = made(name)
    x, y = batch()
    step = tw.compile(lambda x, y: loss(model, x, y).backward())
    check(case, explain(step, model, x, y))
    check(case, step.explain(x, y, model=model))


# The tape alone does not say what was taken off it, nor where; the rest is found if it has kept its values.
OFF_TAPE = {"missing"}
FUSED = dict.fromkeys(
    ("dead_relu", "missing_data", "dead_in_place"), "linear_relu"
)  # where no module is watched, layers are joined


NOT_ON_TAPE = {
    "outside_of_hardtanh",
    "above_six",
    "all_dropped",
    "inputs_out_of_scale",
}  # modules and data without history


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_network_after_backward_that_keeps_the_graph(name):
    case, model, loss = made(name)
    value = loss(model, *batch())
    if value.requires_grad:
        value.backward(retain_graph=True)
    grads = [p.grad for p in model.parameters()]
    explanation = explain(value, model)
    assert case.symptoms.items() <= {f.parameter: f.symptom for f in explanation}.items()
    assert [p.grad for p in model.parameters()] == grads or all(
        a is b for a, b in zip(grads, (p.grad for p in model.parameters()), strict=True)
    )
    for name_of_parameter, symptom in case.symptoms.items():
        blame = explanation[name_of_parameter].blame
        if symptom in OFF_TAPE:
            assert "the tape does not lead there" in blame.reason or "requires_grad=False" in blame.reason
        elif name not in NOT_ON_TAPE:
            assert blame.op == FUSED.get(name, case.op)
            assert case.reason in blame.reason


@pytest.mark.parametrize("name", [n for n, c in BROKEN.items() if "zero" in c.symptoms.values()])
def test_a_dead_network_after_backward(name):
    """Without values the operation can be told in most cases, if only as the one that may do it."""
    case, model, loss = made(name)
    value = loss(model, *batch())
    value.backward()
    explanation = explain(value, model)
    assert {f.parameter: f.symptom for f in explanation} == case.symptoms
    unknown = {"loss_that_cancels", "mean_of_nothing", "sum_of_nothing", "empty_input", "all_dropped"}
    for finding in explanation:
        if name not in unknown:
            assert finding.blame.op == FUSED.get(name, case.op), str(explanation)


def test_backward_of_what_was_computed_before():
    _, model, loss = made("dead_relu")
    value = loss(model, *batch())
    explanation = explain(value.backward, model)
    assert {f.parameter for f in explanation} == {"0.weight", "0.bias", "2.weight"}
    assert {f.blame.op for f in explanation} == {"linear_relu"}
    assert {f.blame.module for f in explanation} == {"0 (Linear)"}


def test_lines_and_modules_are_known_of_what_ran_while_anomalies_were_looked_for():
    case, model, loss = made("dead_relu")
    with tw.autograd.detect_anomaly(check_nan=False):
        value = loss(model, *batch())
    value.backward()
    blame = explain(value, model)["0.weight"].blame
    assert (blame.op, blame.module, blame.line) == ("relu", "1 (ReLU)", case.line)


@pytest.mark.parametrize("name", [n for n, c in BROKEN.items() if "nan" in c.symptoms.values()])
def test_nan_after_backward(name):
    case, model, loss = made(name)
    value = loss(model, *batch())
    value.backward()
    explanation = explain(value, model)
    assert {f.parameter: f.symptom for f in explanation}.items() >= case.symptoms.items()
    blame = explanation["0.weight"].blame
    assert "the loss is" in blame.reason
    assert ("the loss is finite" in blame.reason) == value.isfinite().item()
    if name not in ("softmax_without_shift", "missing_data"):
        assert blame.op == case.op


@pytest.mark.parametrize(("name", "word"), [("vanishing", "falls"), ("exploding", "grows")])
def test_scale_after_backward(name, word):
    _, model, loss = made(name)
    value = loss(model, *batch())
    value.backward()
    blame = explain(value, model)["0.weight"].blame
    assert re.fullmatch(rf"the gradient {word} most between \d+.weight and \d+.weight, by a factor of .*", blame.reason)
    assert re.fullmatch(r"\d+ \(Linear\)", blame.module)


def test_weights_that_are_no_numbers():
    model = nn.Linear(3, 1)
    model.weight.data[0, 1] = math.nan
    value = model(tw.ones(2, 3)).square().sum()
    value.backward()
    assert explain(value, model)["bias"].blame.reason == "weight holds NaN or infinity already"
    blame = explain(lambda: model(tw.ones(2, 3)).square().sum(), model)["bias"].blame
    assert (blame.op, blame.reason) == ("linear", "weight holds NaN already")


# -- the words ------------------------------------------------------------------------------------------------


class Numbers(nn.Module):
    """A parameter of two numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(tw.tensor([1.0, 2.0]))


ZEROS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "relu, only at units that are dead": (lambda w: (w - 1.5).relu()[0], "relu"),
    "minimum, takes the other branch": (lambda w: tw.minimum(w, tw.tensor([-1.0, 5.0]))[0], "minimum"),
    "where, condition (lt) is False everywhere": (lambda w: tw.where(w < 0, w, 0.0).sum(), "where"),
    "floor, gives 0 everywhere": (lambda w: (w * (w.detach() / 4).floor()).sum(), "floor"),
    "exp, underflows to 0": (lambda w: (w * (w.detach() - 1000).exp()).sum(), "exp"),
    "sub, two values are equal": (lambda w: (w * (w.detach() - w.detach())).sum(), "sub"),
    "where, a factor of the gradient, is 0": (lambda w: (w * tw.where(w.detach() > 0, 0.0, 1.0)).sum(), "where"),
    "mul, multiplies by 0": (lambda w: (w * 0).sum(), "mul"),
    "mul, other factor is 0 everywhere": (lambda w: (w * tw.zeros(2)).sum(), "mul"),
    "mul, other factor is 0 wherever": (lambda w: (w * tw.tensor([0.0, 1.0]))[0], "mul"),
    "mul, cancel": (lambda w: (w * 2 - w * 2).sum(), "mul"),
    "pow, derivative is 0 here": (lambda w: (w**0).sum(), "pow"),
    "recompute, inside of what the checkpoint computes": (
        lambda w: tw.utils.checkpoint.checkpoint(lambda w: w.round().sum(), w, use_reentrant=False), "recompute",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ZEROS)
def test_why_a_gradient_is_zero(name):
    model = Numbers()
    function, op = ZEROS[name]
    finding = explain(lambda: function(model.w), model)["w"]
    assert (finding.symptom, finding.blame.op) == ("zero", op)
    assert name.partition(", ")[2] in finding.blame.reason


NOT_FINITE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "infinity is subtracted from infinity": (lambda w: ((w + math.inf) - (w * 2 + math.inf)).square().sum(), "sub"),
    "0 is multiplied by infinity": (lambda w: (w * 0 * tw.full((2,), math.inf)).sum(), "mul"),
    "too large for float32": (lambda w: (w.double() * 1e200).float().square().sum(), "convert"),
    "exponent 0.5": (lambda w: (w - 1.5).pow(0.5).sum(), "pow"),
    "divides by a number that is 0": (lambda w: (w / (w - 1 + 1e-30)).sum(), "div"),
    "root of a negative number": (lambda w: (w - 5).sqrt().sum(), "sqrt"),
    "makes NaN of finite numbers": (lambda w: w.acos().sum(), "acos"),
    "makes an infinity of finite numbers": (lambda w: (w * 1e30 * 1e30).square().sum(), "mul"),
    "its derivative is no finite number": (lambda w: (w * 2 / 4).asin().sum(), "asin"),
}


@pytest.mark.filterwarnings("ignore:.* encountered in")
@pytest.mark.parametrize("reason", NOT_FINITE)
def test_why_a_gradient_is_not_finite(reason):
    model = Numbers()
    function, op = NOT_FINITE[reason]
    explanation = explain(lambda: function(model.w), model)
    finding = explanation["w"]
    assert finding.symptom in ("nan", "infinite")
    assert finding.blame.op == op, str(explanation)
    assert reason in finding.blame.reason


SCALED: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "its other factor is tiny": (lambda w, v: (w * 1e-20).sum() + v.sum(), "mul", "tiny"),
    "it leaves": (lambda w, v: (w - 30).sigmoid().sum() + v.sum(), "sigmoid", "tiny"),
    "as a factor it leaves": (lambda w, v: (w * (v.detach() - 50).exp()).sum() + v.sum(), "exp", "tiny"),
    "grows little by little": (lambda w, v: functools.reduce(lambda x, _: x * 9, range(30), w).sum(), "mul", "huge"),
    "steep where its input is close to 0": (lambda w, v: (w - w.detach() + 1e-25).sqrt().sum(), "sqrt", "huge"),
}


@pytest.mark.parametrize("reason", SCALED)
def test_why_a_gradient_is_out_of_scale(reason):
    model = nn.Module()
    model.w, model.v = (nn.Parameter(tw.tensor([1.0, 2.0])) for _ in range(2))
    function, op, symptom = SCALED[reason]
    explanation = explain(lambda: function(model.w, model.v), model)
    finding = explanation["w"]
    assert (finding.symptom, finding.blame.op) == (symptom, op), str(explanation)
    assert reason in finding.blame.reason


def test_a_value_that_was_detached_before():
    """Where detach() was not called in what is looked at, what reads the value is named."""
    model = Numbers()
    view = model.w.detach()
    explanation = explain(lambda: (tw.ones(2, requires_grad=True) * view).sum(), model)
    assert "its input 1 was taken off the tape before" in explanation["w"].blame.reason


def test_a_parameter_that_its_module_does_not_read():
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = Numbers()
            self.main = nn.Linear(2, 1)
            self.layer.forward = lambda x: x * 2

        def forward(self, x: Any) -> Any:
            return self.main(self.layer(x))

    model = Idle()
    blame = explain(lambda: model(tw.ones(3, 2)).sum(), model)["layer.w"].blame
    assert (blame.module, blame.reason) == ("layer (Numbers)", "the module was called, but does not read it")


# -- silence --------------------------------------------------------------------------------------------------


def train(model: nn.Module, loss: Callable[[], Any], steps: int = 30, rate: float = 0.01) -> None:
    optimizer = optim.Adam(model.parameters(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


def is_silent(explanation: Explanation) -> bool:
    assert not explanation, str(explanation)
    assert not explanation.notes
    assert explanation.count
    return "All" in str(explanation)


@pytest.mark.parametrize("name", HEALTHY)
def test_silent_about_a_healthy_network(name):
    tw.manual_seed(0)
    model, loss = HEALTHY[name]()
    for _ in range(2):
        assert is_silent(explain(loss, model))
        assert is_silent(explain(tw.compile(lambda: loss().backward()), model))
        for keep in (False, True):
            model.zero_grad()
            value = loss()
            value.backward(retain_graph=keep)
            assert is_silent(explain(value, model))
        train(model, loss)


def test_silent_about_a_network_that_has_learnt_its_data():
    tw.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
    x, y = tw.randn(8, 4), tw.randn(8, 2) / 2
    train(model, lambda: F.mse_loss(model(x), y), 500)
    train(model, lambda: F.mse_loss(model(x), y), 1500, rate=1e-4)
    assert F.mse_loss(model(x), y).item() < 1e-6
    assert is_silent(explain(lambda: F.mse_loss(model(x), y), model))
    classes = tw.arange(8) % 2
    train(model, lambda: F.cross_entropy(model(x), classes), 300)
    assert is_silent(explain(lambda: F.cross_entropy(model(x), classes), model))


# -- nothing changes --------------------------------------------------------------------------------------------


def test_what_is_explained_changes_nothing():
    tw.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    x, y = batch()
    model(x).sum().backward()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    grads = [(p.grad, p.grad.clone()) for p in model.parameters()]
    random = tw.get_rng_state()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    compiled = tw.compile(step)
    assert not explain(lambda: F.mse_loss(model(x), y), model)
    assert not explain(step, model, x, y)
    assert not explain(compiled, model, x, y)
    assert not compiled.explain(x, y)
    assert all((before[k] == v).all() for k, v in model.state_dict().items())
    assert all(p.grad is g and (g == old).all() for p, (g, old) in zip(model.parameters(), grads, strict=True))
    assert (tw.get_rng_state() == random).all()


def test_hooks_run_with_backward_only():
    model = nn.Linear(3, 2)
    seen = []
    model.weight.register_hook(seen.append)
    loss = model(tw.ones(4, 3))
    loss.register_hook(seen.append)
    loss = loss.square().sum()
    loss.backward(retain_graph=True)
    assert len(seen) == 2
    assert not explain(loss, model)
    assert len(seen) == 2


def test_operations_cost_nothing_when_nobody_looks():
    """What is exchanged while someone watches is put back."""
    model = nn.Linear(3, 2)
    calls = type(tw.ops.elementwise.relu).__dict__["__call__"], tw.Tensor.__dict__["data"], tw.Tensor.detach
    explain(lambda: model(tw.ones(1, 3)).sum(), model)
    with tw.autograd.detect_anomaly():
        model(tw.ones(1, 3)).sum().backward()
    after = type(tw.ops.elementwise.relu).__dict__["__call__"], tw.Tensor.__dict__["data"], tw.Tensor.detach
    assert calls == after


# -- how it reads -----------------------------------------------------------------------------------------------


def test_it_reads_as_sentences():
    case, model, loss = made("dead_relu")
    x, y = batch()
    text = str(explain(lambda: loss(model, x, y), model))
    assert text.startswith(
        "3 of 4 parameters have no gradient that they can learn from.\n\n"
        "gradient is 0: 0.weight [8, 3], 0.bias [8], 2.weight [2, 8]\n"
        f"  relu at {case.line} in 1 (ReLU): it is dead on the whole batch: all 128 inputs are <= 0"
    )
    assert max(map(len, text.splitlines())) <= 100


def test_it_is_a_table_in_notebooks():
    _, model, loss = made("dead_relu")
    x, y = batch()
    html = explain(lambda: loss(model, x, y), model)._repr_html_()
    assert html.count("<tr>") == 2
    assert "<code>0.weight [8, 3]</code>" in html
    assert "all 128 inputs are &lt;= 0" in html
    assert re.search(r"<script|https?:", html) is None
    healthy = nn.Linear(3, 2)
    assert "<tr>" not in explain(lambda: mse(healthy, x, y), healthy)._repr_html_()


def mse(model: Any, x: Any, y: Any) -> Any:
    return F.mse_loss(model(x), y)


def test_a_parameter_by_name():
    _, model, loss = made("dead_relu")
    x, y = batch()
    explanation = explain(lambda: loss(model, x, y), model)
    assert [f.parameter for f in explanation] == ["0.weight", "0.bias", "2.weight"]
    assert explanation["0.bias"].shape == (8,)
    assert explanation["0.bias"].size == 0
    with pytest.raises(KeyError):
        explanation["2.bias"]


# -- what can't be explained ------------------------------------------------------------------------------------


def test_a_function_without_a_loss():
    model = nn.Linear(3, 2)
    with pytest.raises(AutogradError, match="must return the loss as a tensor, or call backward"):
        explain(lambda: 1.0, model)
    with pytest.raises(AutogradError, match="outputs of one element"):
        explain(lambda: model(tw.ones(4, 3)), model)


def test_what_is_no_loss():
    model = nn.Linear(3, 1)
    with pytest.raises(ArgumentError, match="expects a function that returns the loss, or the loss, not a float"):
        explain(1.0, model)
    loss = tw.compile(lambda x: model(x).sum())(tw.ones(1, 3))
    with pytest.raises(AutogradError, match=r"keeps no tape; call explain\(function, model, \*args\)"):
        explain(loss, model)


def test_a_compiled_function_that_returns_a_loss():
    model = nn.Linear(3, 1)
    step = tw.compile(lambda x: model(x).round().sum())
    assert {f.blame.op for f in explain(step, model, tw.ones(2, 3))} == {"round"}
    assert {f.blame.op for f in step.explain(tw.ones(2, 3))} == {"round"}
    assert not explain(tw.compile(lambda x: model(x).sum()), model, tw.ones(2, 3))


def test_compiled_functions_within_a_function():
    model = nn.Linear(3, 1)
    inner, compiled = tw.compile(lambda x: model(x).round().sum()), tw.compile(model)
    assert {f.blame.op for f in explain(lambda: inner(tw.ones(2, 3)), model)} == {"round"}
    assert not explain(lambda: compiled(tw.ones(2, 3)).sum(), model)


def test_layers_that_find_their_shapes_themselves():
    model = nn.Sequential(nn.LazyLinear(4), nn.Tanh(), nn.LazyLinear(1))
    assert not explain(lambda: model(tw.ones(2, 3)).sum(), model)


def test_a_model_without_parameters():
    assert str(explain(lambda: tw.ones(1, requires_grad=True).sum(), nn.ReLU())) == (
        "The model has no parameters that are to learn."
    )


def test_a_compiled_function_of_several_modules():
    a, b = nn.Linear(3, 2), nn.Linear(2, 1)
    step = tw.compile(lambda x: b(a(x)).sum().backward())
    with pytest.raises(ArgumentError, match="found Linear, Linear; pass model="):
        step.explain(tw.ones(1, 3))
    assert not step.explain(tw.ones(1, 3), model=a)


def test_two_networks_in_one_step():
    """A step of a GAN: each loss is walked by itself, and one of them is cut off from one of the networks."""
    tw.manual_seed(0)
    maker, judge = nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 8), nn.LeakyReLU(), nn.Linear(8, 1))
    real, noise = tw.randn(8, 3), tw.randn(8, 2)

    def step() -> None:
        fake = maker(noise)
        (F.softplus(judge(fake.detach())).mean() + F.softplus(-judge(real)).mean()).backward()
        F.softplus(-judge(fake)).mean().backward()

    assert not explain(step, maker)
    assert not explain(step, judge)
    assert not explain(tw.compile(step), maker)


def test_a_function_of_the_users_that_gives_nothing_back():
    class Nothing(tw.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return dy * 0

    model = nn.Linear(3, 2)
    blame = explain(lambda: Nothing.apply(model(tw.ones(4, 3))).sum(), model)["weight"].blame
    assert blame.op == "Nothing"
    assert blame.line.startswith("test_explain.py:")


def test_the_optimisers_that_it_names_exist_and_need_costs_only() -> None:
    named = [*re.findall(r"[A-Z]\w+", FAMILY), *re.findall(r"optim\.(\w+)", SURROGATE)]
    assert len(named) == 6
    assert all(issubclass(getattr(optim, name), optim.DerivativeFreeOptimizer) for name in named)
