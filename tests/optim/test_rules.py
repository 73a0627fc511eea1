"""The rules are pure, run on symbolic values, and don't notice how the base class applies them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import optim
from thalweg.core.tensor import Tensor
from thalweg.errors import AutogradError, OptimizerError
from thalweg.optim import parts
from thalweg.optim.rule import RuleOptimizer

from ..symbolic import Recorded

OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.2}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True}),
    ("AdamW", {"lr": 0.1}),
    ("Adamax", {"lr": 0.1}),
    ("NAdam", {"lr": 0.1}),
    ("RAdam", {"lr": 0.1, "betas": (0.5, 0.8)}),
    ("RMSprop", {"momentum": 0.5, "centered": True}),
    ("Adagrad", {"lr_decay": 0.1}),
    ("Adadelta", {}),
    ("Lion", {"lr": 0.1, "weight_decay": 0.1}),
    ("ASGD", {"t0": 2}),
    ("Rprop", {"lr": 0.1}),
]
MUON: list[tuple[str, dict[str, Any]]] = [
    ("Muon", {}),
    ("Muon", {"adjust_lr_fn": "match_rms_adamw", "nesterov": False}),
]
EACH = pytest.mark.parametrize(("name", "options"), OPTIONS)
EVERY = pytest.mark.parametrize(("name", "options"), OPTIONS + MUON)


def parameters(*shapes: tuple[int, ...], dtype: Any = np.float64) -> list[Tensor]:
    rng = np.random.default_rng(0)
    return [tw.tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True) for shape in shapes]


def give_gradients(params: list[Tensor], step: int) -> None:
    rng = np.random.default_rng(step)
    for p in params:
        p.grad = tw.tensor(rng.standard_normal(p.shape).astype(p.detach().numpy().dtype))


def run(optimizer: Any, params: list[Tensor], steps: int) -> None:
    for step in range(steps):
        give_gradients(params, step)
        optimizer.step()


def values(params: list[Tensor]) -> list[Any]:
    return [p.detach().numpy().copy() for p in params]


def state_arrays(optimizer: Any, p: Tensor) -> dict[str, Any]:
    return {name: value.numpy().copy() for name, value in optimizer.state[p].items()}


def assert_same_bits(mine: list[Any], other: list[Any]) -> None:
    for a, b in zip(mine, other, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def plain_state(optimizer: Any, p: Tensor) -> dict[str, Any]:
    """What the rule is given in eager mode."""
    return {n: v.item() if n in optimizer.numbers else v.numpy() for n, v in optimizer.state[p].items()}


# -- the rules as functions -------------------------------------------------------------------------------


@EVERY
def test_a_rule_changes_nothing_that_it_is_given(name: str, options: dict[str, Any]) -> None:
    params = parameters((3, 4))
    optimizer = getattr(optim, name)(params, **options)
    run(optimizer, params, 2)
    gradient, value, state = np.full((3, 4), 0.5), params[0].detach().numpy(), plain_state(optimizer, params[0])
    frozen = {n: np.array(v) for n, v in state.items()}
    group = optimizer.param_groups[0]
    before = value.copy()
    change, new = optimizer.rule(gradient, value, state, group)
    assert_same_bits(
        [gradient, value, *map(np.asarray, state.values())], [np.full((3, 4), 0.5), before, *frozen.values()]
    )
    assert new.keys() >= state.keys()
    again, _ = optimizer.rule(gradient, value, state, group)
    assert_same_bits([change], [again])
    params[0].grad = tw.tensor(gradient)
    optimizer.step()
    assert_same_bits(values(params), [before - change])
    for n, v in new.items():
        assert optimizer.state[params[0]][n].tolist() == np.asarray(v).tolist()


@EVERY
def test_a_rule_runs_on_symbolic_values(name: str, options: dict[str, Any]) -> None:
    """The counts of the state are symbolic too, and the rule's result is the eager one."""
    params = parameters((3, 4))
    optimizer = getattr(optim, name)(params, **options)
    for steps in (1, 7):
        run(optimizer, params, steps)
        gradient, value, state = np.full((3, 4), 0.5), params[0].detach().numpy(), plain_state(optimizer, params[0])
        change, new = optimizer.rule(gradient, value, state, optimizer.param_groups[0])
        tape: list[Any] = []
        recorded = {n: Recorded(v, tape) for n, v in state.items()}
        symbolic, symbolic_new = optimizer.rule(
            Recorded(gradient, tape), Recorded(value, tape), recorded, optimizer.param_groups[0]
        )
        np.testing.assert_allclose(symbolic.inner, change, rtol=1e-12, atol=1e-15)
        assert symbolic_new.keys() == new.keys()
        for n, v in new.items():
            np.testing.assert_allclose(symbolic_new[n].inner, v, rtol=1e-12, atol=1e-15)


@EVERY
def test_a_rule_runs_on_tensors_and_can_be_differentiated(name: str, options: dict[str, Any]) -> None:
    params = parameters((3, 4))
    optimizer = getattr(optim, name)(params, **options)
    run(optimizer, params, 2)
    gradient = tw.full((3, 4), 0.5, dtype=tw.float64).requires_grad_()
    state = {n: v if n in optimizer.numbers else tw.tensor(v) for n, v in plain_state(optimizer, params[0]).items()}
    change, _ = optimizer.rule(gradient, params[0], state, optimizer.param_groups[0])
    plain, _ = optimizer.rule(
        gradient.detach().numpy(),
        params[0].detach().numpy(),
        plain_state(optimizer, params[0]),
        optimizer.param_groups[0],
    )
    np.testing.assert_allclose(change.detach().numpy(), plain, rtol=1e-12, atol=1e-15)
    if name not in ("Lion", "Rprop"):  # made of signs
        change.sum().backward()
        assert gradient.grad is not None and gradient.grad.abs().sum().item() > 0


# -- how they are applied ---------------------------------------------------------------------------------

SHAPES = [(3, 4), (4,), (), (2, 1, 3), (0,), (5,)]


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_together_gives_the_bits_of_one_by_one(name: str, options: dict[str, Any], dtype: Any) -> None:
    together, alone = parameters(*SHAPES, dtype=dtype), parameters(*SHAPES, dtype=dtype)
    one = getattr(optim, name)(together, **options)
    many = getattr(optim, name)([{"params": [p]} for p in alone], **options)
    run(one, together, 4)
    run(many, alone, 4)
    assert_same_bits(values(together), values(alone))
    for p, q in zip(together, alone, strict=True):
        mine, other = state_arrays(one, p), state_arrays(many, q)
        assert mine.keys() == other.keys()
        assert_same_bits(list(mine.values()), list(other.values()))


@EACH
def test_blocks_give_the_bits_of_the_whole(name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SMALL", 8)
    whole, cut = parameters((9, 11), (4,)), parameters((9, 11), (4,))
    one, many = getattr(optim, name)(whole, **options), getattr(optim, name)(cut, **options)
    run(one, whole, 4)
    monkeypatch.setattr(parts, "BLOCK", 16)
    run(many, cut, 4)
    assert_same_bits(values(whole), values(cut))
    mine, other = state_arrays(one, whole[0]), state_arrays(many, cut[0])
    assert_same_bits(list(mine.values()), list(other.values()))


def test_plain_descent_is_the_rule_in_blocks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "BLOCK", 2)
    (p,) = parameters((5, 7), dtype=np.float32)
    give_gradients([p], 0)
    before, gradient = p.detach().numpy().copy(), p.grad.numpy()
    optim.SGD([p], lr=0.3).step()
    assert_same_bits(values([p]), [before - np.float32(0.3) * gradient])


def test_more_small_parameters_than_a_part_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "BLOCK", 10)
    params, alone = parameters(*[(4,)] * 6), parameters(*[(4,)] * 6)
    one, many = optim.Adam(params, lr=0.1), optim.Adam([{"params": [p]} for p in alone], lr=0.1)
    run(one, params, 3)
    run(many, alone, 3)
    assert [len(part.params) for part in one._plans[id(one.param_groups[0])].parts] == [2, 2, 2]
    assert_same_bits(values(params), values(alone))


@EACH
def test_parameters_whose_memory_is_not_contiguous(name: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    data = rng.standard_normal((7, 5))
    for shared in (True, False):  # with a second parameter beside it, or on its own
        strided = tw.from_numpy(data.copy().T).requires_grad_()
        plain = tw.tensor(data.T.copy(), requires_grad=True)
        extra = parameters((3,), (3,))
        one = getattr(optim, name)([strided, extra[0]] if shared else [strided], **options)
        many = getattr(optim, name)([plain, extra[1]] if shared else [plain], **options)
        for step in range(3):
            give_gradients([strided, *extra], step)
            plain.grad = tw.tensor(strided.grad.numpy())
            one.step()
            many.step()
        assert_same_bits(values([strided]), values([plain]))


def test_mixed_dtypes_in_one_group_keep_their_precision() -> None:
    half, single, double = (parameters((3,), dtype=d)[0] for d in (np.float16, np.float32, np.float64))
    for make in (lambda p: optim.SGD(p, lr=0.1), lambda p: optim.Adam(p, lr=0.1)):
        start = values([half, single, double])
        for p in (half, single, double):
            p.grad = tw.ones(3, dtype=p.dtype)
        make([half, single, double]).step()
        for p, before in zip((half, single, double), start, strict=True):
            found = p.detach().numpy()
            assert found.dtype == before.dtype
            np.testing.assert_allclose(
                found, before - before.dtype.type(0.1), rtol=4 * np.finfo(before.dtype).eps, atol=1e-7
            )


@EACH
def test_parameters_without_gradient_keep_value_state_and_count(name: str, options: dict[str, Any]) -> None:
    """Each one's steps are those that it would have made with an optimiser of its own."""
    together, alone = parameters((3,), (2, 2), (4,)), parameters((3,), (2, 2), (4,))
    one = getattr(optim, name)(together, **options)
    each = [getattr(optim, name)([p], **options) for p in alone]
    present = [(0, 1), (0, 1, 2), (1,), (0, 2), (), (0, 1, 2)]
    for step, chosen in enumerate(present):
        give_gradients(together, step)
        for i, (p, q) in enumerate(zip(together, alone, strict=True)):
            q.grad = tw.tensor(p.grad.numpy())
            if i not in chosen:
                p.grad = None
        one.step()
        for i in chosen:
            each[i].step()
    assert_same_bits(values(together), values(alone))
    if "step" in one.numbers:
        assert [one.state[p]["step"].item() for p in together] == [4, 4, 3]


# -- the state belongs to its user ------------------------------------------------------------------------


def adam_pair() -> tuple[Any, list[Tensor], Any, list[Tensor]]:
    """Two optimisers in one place: the parameters of one are updated together, of the other one by one."""
    mine, other = parameters((3,), (2, 2)), parameters((3,), (2, 2))
    one, each = optim.Adam(mine, lr=0.1), optim.Adam([{"params": [p]} for p in other], lr=0.1)
    run(one, mine, 2)
    run(each, other, 2)
    return one, mine, each, other


def exchange(optimizer: Any, p: Tensor) -> None:
    optimizer.state[p]["exp_avg"] = tw.ones(p.shape, dtype=tw.float64)


def change_in_place(optimizer: Any, p: Tensor) -> None:
    optimizer.state[p]["exp_avg_sq"].mul_(2.0)


def reset_the_count(optimizer: Any, p: Tensor) -> None:
    optimizer.state[p]["step"].fill_(0.0)


def count_in_python(optimizer: Any, p: Tensor) -> None:
    optimizer.state[p]["step"] = 5


def forget_one(optimizer: Any, p: Tensor) -> None:
    del optimizer.state[p]


def forget_an_entry(optimizer: Any, p: Tensor) -> None:
    optimizer.state[p].pop("exp_avg")


def forget_all(optimizer: Any, p: Tensor) -> None:
    optimizer.state.clear()


def read_only(optimizer: Any, p: Tensor) -> None:
    optimizer.state[p]["exp_avg"] = tw.ones(1, dtype=tw.float64).expand(p.shape)


@pytest.mark.parametrize(
    "change",
    [exchange, change_in_place, reset_the_count, count_in_python, forget_one, forget_an_entry, forget_all, read_only],
)
def test_changes_of_the_state_are_seen(change: Any) -> None:
    one, mine, each, other = adam_pair()
    before = values(mine)
    change(one, mine[0])
    change(each, other[0])
    run(one, mine, 2)
    run(each, other, 2)
    assert_same_bits(values(mine), values(other))
    untouched, params, _, _ = adam_pair()
    assert_same_bits(values(params), before)
    run(untouched, params, 2)
    assert not np.array_equal(values(params)[0], values(mine)[0])


def test_a_state_of_another_shape_is_refused() -> None:
    one, mine, _, _ = adam_pair()
    one.state[mine[1]]["exp_avg"] = tw.ones(3)
    with pytest.raises(OptimizerError, match=r"exp_avg of a parameter of shape \(2, 2\) has shape \(3,\)"):
        run(one, mine, 1)


def test_tensors_of_the_state_stay_the_same_objects() -> None:
    one, mine, _, _ = adam_pair()
    held = one.state[mine[0]]["exp_avg"]
    before = held.numpy().copy()
    run(one, mine, 1)
    assert one.state[mine[0]]["exp_avg"] is held
    assert not np.array_equal(held.numpy(), before)


def test_options_may_change_between_steps() -> None:
    (p,) = parameters((3,))
    optimizer = optim.Adam([p], lr=0.1)
    run(optimizer, [p], 2)
    optimizer.param_groups[0].update(lr=0, amsgrad=True)
    before = values([p])
    run(optimizer, [p], 1)
    assert_same_bits(values([p]), before)
    state = optimizer.state[p]
    assert_same_bits([state["max_exp_avg_sq"].numpy()], [state["exp_avg_sq"].numpy()])


def test_new_memory_and_new_dtype_of_a_parameter_are_followed() -> None:
    params = parameters((3,), (2,), dtype=np.float32)
    optimizer = optim.Adam(params, lr=0.1)
    run(optimizer, params, 1)
    for p in params:
        p.data = p.data.double() * 0
    run(optimizer, params, 1)
    assert all(p.dtype is tw.float64 and optimizer.state[p]["exp_avg"].dtype is tw.float64 for p in params)
    assert all(0 < np.abs(v).max() < 0.2 for v in values(params))


def test_a_step_is_a_change_that_backward_notices() -> None:
    (p,) = parameters((3,))
    optimizer = optim.SGD([p], lr=0.1)
    loss = (p * p).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(AutogradError, match="changed in place"):
        loss.backward()


def test_a_rule_of_ones_own() -> None:
    class Halving(RuleOptimizer):
        numbers = ("count",)
        arrays = ("path",)

        @staticmethod
        def rule(gradient: Any, parameter: Any, state: Any, hyper: Any) -> Any:
            count = state["count"] + 1
            change = hyper["lr"] / count * gradient
            return change, {"count": count, "path": state["path"] + change}

    params = parameters((2,), (3,))
    start = values(params)
    optimizer = Halving(params, {"lr": 1.0})
    for _ in range(2):
        for p in params:
            p.grad = tw.ones_like(p.detach())
        optimizer.step()
    for p, before in zip(params, start, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), before - 1.5)
        assert optimizer.state[p]["path"].tolist() == [1.5] * len(before)
        assert optimizer.state[p]["count"].item() == 2
