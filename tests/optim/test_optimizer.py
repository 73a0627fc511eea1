"""Groups, options, dictionaries and hooks: what all optimisers have in common."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn, optim
from thalweg.core.tensor import Tensor
from thalweg.errors import OptimizerError
from thalweg.optim.optimizer import required

NAMES = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "Lion", "Muon", "ASGD",
         "Rprop"]  # fmt: skip
EACH = pytest.mark.parametrize("name", NAMES)


def leaf(*data: float) -> Tensor:
    return tw.tensor(list(data), requires_grad=True)


def matrices() -> list[Tensor]:
    rng = np.random.default_rng(0)
    return [tw.tensor(rng.standard_normal(s), requires_grad=True) for s in ((2, 3), (3, 2))]


def run(optimizer: Any, params: list[Tensor], steps: range) -> None:
    for step in steps:
        rng = np.random.default_rng(step)
        for p in params:
            p.grad = tw.tensor(rng.standard_normal(p.shape))
        optimizer.step()


# -- groups -----------------------------------------------------------------------------------------------


def test_groups_fill_in_the_defaults_and_keep_their_own_options() -> None:
    a, b = leaf(1.0), leaf(1.0)
    given = {"params": b, "lr": 0.5, "note": "mine"}
    optimizer = optim.SGD([{"params": [a]}, given], lr=0.25, momentum=0.5)
    first, second = optimizer.param_groups
    assert (first["lr"], first["momentum"], second["lr"], second["momentum"]) == (0.25, 0.5, 0.5, 0.5)
    assert second["params"] == [b] and second["note"] == "mine"
    assert given == {"params": b, "lr": 0.5, "note": "mine"}  # the caller's dictionary is not touched
    a.grad, b.grad = tw.ones(1), tw.ones(1)
    optimizer.step()
    assert (a.item(), b.item()) == (0.75, 0.5)


def test_parameters_of_a_module_with_and_without_names() -> None:
    model = nn.Module()
    model.w, model.b = nn.Parameter(tw.zeros(2)), nn.Parameter(tw.zeros(1))
    assert optim.SGD(model.parameters()).param_groups[0]["params"] == [model.w, model.b]
    named = optim.SGD(model.named_parameters(), lr=0.1)
    assert named.param_groups[0]["param_names"] == ["w", "b"]
    assert named.state_dict()["param_groups"][0]["param_names"] == ["w", "b"]
    grouped = optim.SGD([{"params": [("w", model.w)]}, {"params": [("b", model.b)]}])
    assert [g["param_names"] for g in grouped.param_groups] == [["w"], ["b"]]


def test_add_param_group() -> None:
    a, b = leaf(1.0), leaf(1.0)
    optimizer = optim.Adagrad([a], lr=0.5)
    optimizer.add_param_group({"params": [b], "lr": 0.25})
    assert list(optimizer.state_dict()["state"]) == [0, 1]
    a.grad, b.grad = tw.ones(1), tw.ones(1)
    optimizer.step()
    assert (a.item(), b.item()) == (0.5, 0.75)


def test_repr() -> None:
    text = """SGD (
Parameter Group 0
    dampening: 0
    differentiable: False
    foreach: None
    fused: None
    lr: 0.5
    maximize: False
    momentum: 0
    nesterov: False
    weight_decay: 0
)"""
    assert repr(optim.SGD([leaf(1.0)], lr=0.5)) == text


# -- what is refused --------------------------------------------------------------------------------------

a, b = leaf(1.0, 2.0), leaf(3.0)
BAD_PARAMS: list[tuple[Any, type[Exception], str]] = [
    ([], OptimizerError, "no parameters"),
    (iter(()), OptimizerError, "already used up"),
    (leaf(1.0), TypeError, r"iterable of tensors or dicts, not one tensor; use \[p\]"),
    ([a, 3.0], TypeError, "parameter 1 is of type float"),
    ([np.zeros(2)], TypeError, "parameter 0 is of type ndarray"),
    ([{"params": {a, b}}], TypeError, "the order of a set changes"),
    ([{"params": [a]}, 3], TypeError, "group must be a dict, not int"),
    ([a * 2], OptimizerError, r"non-leaf tensor: parameter 0 \(shape \(2,\)\)"),
    ([a, b, a], OptimizerError, r"parameter 2 \(shape \(2,\)\) is twice in its group"),
    ([{"params": [a]}, {"params": [b, a]}], OptimizerError, r"parameter 1 \(shape \(2,\)\) is in parameter group 0"),
    ([("w", a), b], OptimizerError, "1 of 2 parameters have names"),
    ([{"params": [("w", a)]}, {"params": [b]}], OptimizerError, "have names or none; group 0 differs"),
]


@pytest.mark.parametrize(("params", "kind", "message"), BAD_PARAMS)
def test_bad_parameters(params: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        optim.SGD(params, lr=0.1)
    assert str(caught.value).startswith("SGD: ")


def test_a_group_that_is_refused_changes_nothing() -> None:
    optimizer = optim.SGD([a], lr=0.1)
    given = {"params": (p for p in [b]), "lr": -1.0}
    with pytest.raises(OptimizerError, match=r"lr must be a finite number and not negative, got -1\.0"):
        optimizer.add_param_group(given)
    assert len(optimizer.param_groups) == 1 and set(given) == {"params", "lr"}


def test_an_intermediate_result_that_retains_its_gradient_is_accepted() -> None:
    y = a * 2
    y.retain_grad()
    assert optim.SGD([y]).param_groups[0]["params"] == [y]


@EACH
@pytest.mark.parametrize("lr", [-0.1, math.nan, math.inf, "0.1", None, [0.1, 0.2]])
def test_bad_learning_rate(name: str, lr: Any) -> None:
    with pytest.raises(OptimizerError, match=rf"^{name}: lr must be a .*number"):
        getattr(optim, name)(matrices(), lr=lr)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "SGD"])
def test_only_sgd_takes_vectors(name: str) -> None:
    with pytest.raises(OptimizerError, match=r"lr must be a number, got Tensor of shape \(12,\)"):
        getattr(optim, name)(matrices(), lr=tw.ones(12))


@pytest.mark.parametrize("name", ["Adam", "AdamW", "Adamax", "NAdam", "RAdam", "Lion"])
@pytest.mark.parametrize(
    ("betas", "message"),
    [
        ((1.0, 0.9), r"betas\[0\] must lie in \[0, 1\), got 1\.0"),
        ((0.9, -0.1), r"betas\[1\] must lie in \[0, 1\), got -0\.1"),
        ((0.9, math.nan), r"betas\[1\]"),
        ((0.9,), "betas must be 2 numbers"),
        (0.9, "betas must be 2 numbers, got 0.9"),
    ],
)
def test_bad_betas(name: str, betas: Any, message: str) -> None:
    with pytest.raises(OptimizerError, match=message):
        getattr(optim, name)([a], betas=betas)


BAD_OPTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("SGD", {"momentum": -0.1}, "momentum .* got -0.1"),
    ("SGD", {"weight_decay": -1}, "weight_decay .* got -1"),
    ("SGD", {"nesterov": True}, "nesterov needs momentum above 0 and no dampening"),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "dampening 0.1"),
    ("SGD", {"differentiable": True}, "differentiable=True is not supported"),
    ("Adam", {"eps": -1e-8}, "eps .* got -1e-08"),
    ("RMSprop", {"alpha": 1.0}, r"alpha must lie in \[0, 1\), got 1.0"),
    ("RMSprop", {"momentum": -1}, "momentum"),
    ("Adagrad", {"initial_accumulator_value": -1}, "initial_accumulator_value"),
    ("Adagrad", {"lr_decay": -1}, "lr_decay"),
    ("Adadelta", {"rho": 1.5}, r"rho must lie in \[0, 1\], got 1.5"),
    ("NAdam", {"momentum_decay": -1}, "momentum_decay"),
    ("Rprop", {"etas": (1.2, 0.5)}, r"etas must be \(shrink, grow\)"),
    ("Rprop", {"step_sizes": (-1.0, 1.0)}, r"step_sizes\[0\]"),
    ("ASGD", {"lambd": -1}, "lambd"),
    ("Lion", {"weight_decay": -1}, "weight_decay"),
]


@pytest.mark.parametrize(("name", "options", "message"), BAD_OPTIONS)
def test_bad_options(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptimizerError, match=f"^{name}: .*{message}"):
        getattr(optim, name)([a], **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ns_steps": 100}, "ns_steps must be an integer from 0 to 99, got 100"),
        ({"ns_coefficients": (1.0, 2.0)}, "ns_coefficients must be three numbers"),
        ({"adjust_lr_fn": "other"}, "adjust_lr_fn must be .*got 'other'"),
        ({"momentum": -1}, "momentum"),
    ],
)
def test_bad_options_of_muon(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptimizerError, match=f"^Muon: {message}"):
        optim.Muon(matrices(), **options)


def test_muon_refuses_vectors() -> None:
    with pytest.raises(OptimizerError, match=r"parameter 1 has shape \(2,\); only matrices"):
        optim.Muon([*matrices()[:1], a])


def test_a_learning_rate_of_one_element_is_a_number() -> None:
    for lr in (np.float64(0.5), np.float32(0.5), np.array(0.5), tw.tensor(0.5), tw.tensor([0.5]), 1):
        for name in ("SGD", "Adam"):
            p = leaf(1.0, 2.0)
            p.grad = tw.ones(2)
            getattr(optim, name)([p], lr=lr).step()
            assert p.dtype is tw.float32
            assert p.tolist() == pytest.approx([1 - float(lr), 2 - float(lr)], abs=1e-6)


def test_required_options() -> None:
    class Descent(optim.Optimizer):
        def __init__(self, params: Any) -> None:
            super().__init__(params, {"lr": required})

    with pytest.raises(OptimizerError, match="does not give lr, which is required"):
        Descent([leaf(1.0)])
    assert Descent([{"params": leaf(1.0), "lr": 0.5}]).param_groups[0]["lr"] == 0.5
    assert repr(required) == "<required parameter>"
    with pytest.raises(NotImplementedError, match="Descent does not define step"):
        Descent([{"params": leaf(1.0), "lr": 0.5}]).step()


# -- steps ------------------------------------------------------------------------------------------------


def test_closure_runs_with_gradients_even_under_no_grad() -> None:
    w = leaf(1.0)
    optimizer = optim.SGD([w], lr=0.25)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with tw.no_grad():
        assert optimizer.step(closure).item() == 1
    assert w.item() == 0.5


@EACH
def test_no_gradients_no_step(name: str) -> None:
    params = matrices()
    before = [p.tolist() for p in params]
    optimizer = getattr(optim, name)(params)
    assert optimizer.step() is None
    assert [p.tolist() for p in params] == before


def test_zero_grad() -> None:
    w, v = leaf(1.0, 2.0), leaf(1.0)
    optimizer = optim.SGD([{"params": [w]}, {"params": [v]}], lr=0.1)
    (w * w).sum().backward()
    held = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is held and held.tolist() == [0.0, 0.0] and v.grad is None
    optimizer.zero_grad()
    assert w.grad is None
    (w**3).sum().backward(create_graph=True)
    recorded = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0.0, 0.0] and not w.grad.requires_grad
    assert recorded.tolist() == [3.0, 12.0]  # somebody may still differentiate it


def test_optimisers_in_the_style_of_pytorch() -> None:
    class Momentum(optim.Optimizer):
        def __init__(self, params: Any, lr: float, mu: float = 0.5) -> None:
            super().__init__(params, {"lr": lr, "mu": mu})

        @tw.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    state = self.state[p]
                    if len(state) == 0:
                        state["step"], state["buffer"] = 0, tw.zeros_like(p)
                    state["step"] += 1
                    state["buffer"].mul_(group["mu"]).add_(p.grad)
                    p.data.add_(state["buffer"], alpha=-group["lr"])

    w = leaf(8.0)
    optimizer = Momentum([w], lr=0.5)
    for _ in range(2):
        w.grad = tw.ones(1)
        optimizer.step()
    assert w.item() == 8 - 0.5 * (1 + 1.5)
    saved = copy.deepcopy(optimizer.state_dict())
    assert saved["state"][0]["step"] == 2 and saved["param_groups"] == [{"lr": 0.5, "mu": 0.5, "params": [0]}]
    other = Momentum([w], lr=9.0)
    other.load_state_dict(saved)
    w.grad = tw.ones(1)
    other.step()
    assert w.item() == 8 - 0.5 * (1 + 1.5 + 1.75)


# -- dictionaries -----------------------------------------------------------------------------------------


@EACH
def test_round_trip_continues_with_the_same_bits(name: str) -> None:
    straight, broken = matrices(), matrices()
    one, two = getattr(optim, name)(straight, lr=0.1), getattr(optim, name)(broken, lr=0.1)
    run(one, straight, range(6))
    run(two, broken, range(3))
    saved = copy.deepcopy(two.state_dict())
    run(two, broken, range(50, 52))
    resumed = [tw.tensor(p.detach().numpy(), requires_grad=True) for p in matrices()]
    half = getattr(optim, name)(resumed, lr=0.1)
    run(half, resumed, range(3))
    fresh = getattr(optim, name)(resumed, lr=55.0)
    fresh.load_state_dict(saved)
    run(fresh, resumed, range(3, 6))
    for p, q in zip(straight, resumed, strict=True):
        assert p.tolist() == q.tolist()
    assert fresh.param_groups[0]["lr"] == 0.1


def test_form_of_the_state() -> None:
    w, v = leaf(1.0, 2.0), leaf(1.0)
    optimizer = optim.Adam([{"params": [w]}, {"params": [v], "lr": 0.5}], amsgrad=True)
    assert optimizer.state_dict()["state"] == {}
    w.grad, v.grad = tw.ones(2), tw.ones(1)
    optimizer.step()
    saved = optimizer.state_dict()
    assert [g["params"] for g in saved["param_groups"]] == [[0], [1]]
    assert [g["lr"] for g in saved["param_groups"]] == [1e-3, 0.5]
    assert list(saved["state"][0]) == ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]
    assert saved["state"][0]["step"].shape == () and saved["state"][0]["step"].dtype is tw.float32
    assert saved["state"][0]["exp_avg"].shape == (2,) and saved["state"][1]["exp_avg_sq"].shape == (1,)
    np.testing.assert_allclose(saved["state"][0]["exp_avg"].numpy(), [0.1, 0.1], rtol=1e-6)
    assert optim.SGD([w], lr=0.1).state_dict()["state"] == {}


def test_loading_copies_and_converts() -> None:
    w, double = leaf(1.0, 2.0), tw.tensor([1.0, 2.0], dtype=tw.float64, requires_grad=True)
    one, two = optim.Adam([w]), optim.Adam([double])
    run(one, [w], range(0))
    w.grad = tw.ones(2)
    one.step()
    saved = one.state_dict()
    two.load_state_dict(saved)
    assert two.state[double]["exp_avg"].dtype is tw.float64
    assert two.state[double]["step"].dtype is tw.float32
    double.grad = tw.ones(2, dtype=tw.float64)
    two.step()
    assert one.state[w]["step"].item() == 1 and two.state[double]["step"].item() == 2
    assert two.param_groups[0] is not one.param_groups[0]


def test_old_states_count_in_python_numbers() -> None:
    w = leaf(1.0)
    optimizer = optim.Adam([w])
    w.grad = tw.ones(1)
    optimizer.step()
    saved = copy.deepcopy(optimizer.state_dict())
    saved["state"][0]["step"] = 7
    optimizer.load_state_dict(saved)
    optimizer.step()
    assert optimizer.state[w]["step"].item() == 8


def test_missing_options_are_filled_in() -> None:
    optimizer = optim.SGD([a], lr=0.1)
    saved = optimizer.state_dict()
    del saved["param_groups"][0]["maximize"]
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["maximize"] is False


def bad_states() -> list[tuple[Any, str]]:
    w, v = leaf(1.0, 2.0), leaf(1.0)
    optimizer = optim.Adam([{"params": [w, v]}])
    w.grad = tw.ones(2)
    optimizer.step()
    saved = optimizer.state_dict()
    group, state = saved["param_groups"][0], saved["state"]
    return [
        ({"state": state, "param_groups": [group, group]}, "2 parameter groups, the optimiser has 1"),
        ({"state": state, "param_groups": [{**group, "params": [0]}]}, "group 0 .* has 1 parameters, .* has 2"),
        (
            {"state": {0: {**state[0], "exp_avg": tw.ones(3)}}, "param_groups": [group]},
            r"exp_avg of parameter 0 .* has shape \(3,\), expected a tensor of shape \(2,\)",
        ),
        ({"state": {1: {"exp_avg_sq": "x"}}, "param_groups": [group]}, "exp_avg_sq of parameter 1 .* has type str"),
        ({"state": {0: {"step": tw.ones(2)}}, "param_groups": [group]}, r"step of parameter 0 .* \(2,\), .* \(\)"),
        ({"state": state, "param_groups": [{**group, "lr": -1}]}, "lr must be .* got -1"),
        ({"state": state, "param_groups": [{**group, "betas": (2, 0)}]}, r"betas\[0\]"),
    ]


@pytest.mark.parametrize(("state", "message"), bad_states())
def test_a_state_that_does_not_fit_is_refused_whole(state: Any, message: str) -> None:
    w, v = leaf(1.0, 2.0), leaf(1.0)
    optimizer = optim.Adam([{"params": [w, v]}], lr=0.3)
    w.grad = v.grad = None
    v.grad = tw.ones(1)
    optimizer.step()
    groups, before = optimizer.param_groups, optimizer.state[v]["exp_avg"].tolist()
    with pytest.raises(OptimizerError, match=f"^Adam: .*{message}"):
        optimizer.load_state_dict(state)
    assert optimizer.param_groups is groups and groups[0]["lr"] == 0.3
    assert list(optimizer.state) == [v] or optimizer.state[w] == {}
    assert optimizer.state[v]["exp_avg"].tolist() == before


@EACH
def test_deepcopy_goes_its_own_way(name: str) -> None:
    params = matrices()
    optimizer = getattr(optim, name)(params, lr=0.1)
    run(optimizer, params, range(2))
    twin = copy.deepcopy(optimizer)
    copies = twin.param_groups[0]["params"]
    run(optimizer, params, range(2, 4))
    run(twin, copies, range(2, 4))
    for p, q in zip(params, copies, strict=True):
        assert p is not q and p.tolist() == q.tolist()


# -- hooks ------------------------------------------------------------------------------------------------


def test_step_hooks() -> None:
    w = leaf(1.0)
    optimizer = optim.SGD([w], lr=0.5)
    seen: list[Any] = []
    first = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(("pre", o is optimizer, w.item())))
    second = optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("post", args == (o,), w.item())))
    w.grad = tw.ones(1)
    optimizer.step()
    assert seen == [("pre", True, 1.0), ("post", True, 0.5)]
    first.remove()
    second.remove()
    optimizer.step()
    optimizer.step()
    assert len(seen) == 2 and w.item() == -0.5
    assert "step" not in optimizer.__dict__  # nothing is left to pay for


def test_a_pre_hook_may_replace_the_arguments() -> None:
    w = leaf(1.0)
    optimizer = optim.SGD([w], lr=0.5)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((args[0], lambda: 7), {}))
    assert optimizer.step() == 7
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(OptimizerError, match=r"must return None or \(args, kwargs\), got 3"):
        optimizer.step()


def test_step_hooks_of_subclasses_run_once() -> None:
    class Twice(optim.SGD):
        def step(self, closure: Any = None) -> Any:
            super().step(closure)
            return super().step(closure)

    w = leaf(1.0)
    optimizer = Twice([w], lr=0.25)
    seen: list[float] = []
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(w.item()))
    w.grad = tw.ones(1)
    optimizer.step()
    assert seen == [0.5]


def test_state_dict_hooks() -> None:
    optimizer = optim.SGD([leaf(1.0)], lr=0.5)
    order: list[str] = []
    optimizer.register_state_dict_pre_hook(lambda o: order.append("second"))
    optimizer.register_state_dict_pre_hook(lambda o: order.append("first"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, d: {**d, "extra": 1})
    saved = optimizer.state_dict()
    assert order == ["first", "second"] and saved["extra"] == 1

    def faster(o: Any, d: Any) -> Any:
        return {**d, "param_groups": [{**d["param_groups"][0], "lr": d["extra"] + 1.5}]}

    optimizer.register_load_state_dict_pre_hook(faster)
    optimizer.register_load_state_dict_post_hook(lambda o: order.append("loaded"))
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["lr"] == 2.5 and order[-1] == "loaded"
    assert saved["param_groups"][0]["lr"] == 0.5
