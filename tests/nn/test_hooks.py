"""Hooks on modules: forward, backward, and those of all modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import thalweg as tw
from thalweg import nn
from thalweg.nn import hooks


class Scale(nn.Module):
    """x * factor + shift, with gradients known by hand."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(tw.tensor(factor))

    def forward(self, x: Any, shift: Any = 0.0) -> Any:
        return x * self.factor + shift


class Pair(nn.Module):
    """(a * b, a + b)."""

    def forward(self, a: Any, b: Any, note: str = "") -> Any:
        return a * b, a + b, note


@pytest.fixture
def everywhere() -> Iterator[None]:
    yield
    hooks.everywhere.clear()


def leaf(value: float) -> Any:
    return tw.tensor(value, requires_grad=True)


# -- forward ----------------------------------------------------------------------------------------------


def test_pre_hooks_replace_arguments_in_order() -> None:
    m = Scale(3.0)
    m.register_forward_pre_hook(lambda module, args: args[0] + 1)
    m.register_forward_pre_hook(lambda module, args: (args[0] * 10,))
    m.register_forward_pre_hook(lambda module, args: args[0] * 100, prepend=True)
    m.register_forward_pre_hook(lambda module, args: None)
    assert m(tw.tensor(2.0)).item() == ((200 + 1) * 10) * 3


def test_pre_hook_with_kwargs() -> None:
    m = Scale(3.0)
    seen = []

    def hook(module: nn.Module, args: Any, kwargs: Any) -> Any:
        seen.append((module, args, kwargs))
        return (args[0] * 2,), {"shift": 5.0}

    m.register_forward_pre_hook(hook, with_kwargs=True)
    x = tw.tensor(1.0)
    assert m(x, shift=1.0).item() == 11.0
    assert seen == [(m, (x,), {"shift": 1.0})]
    m.register_forward_pre_hook(lambda *_: None, with_kwargs=True)
    assert m(x).item() == 11.0
    m.register_forward_pre_hook(lambda *_: "wrong", with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"pair \(args, kwargs\), not str"):
        m(x)


def test_forward_hooks_replace_the_output_in_order() -> None:
    m = Scale(3.0)
    seen = []

    def hook(module: nn.Module, args: Any, output: Any) -> Any:
        seen.append((module, args[0].item(), output.item()))
        return output + 1

    m.register_forward_hook(hook)
    m.register_forward_hook(lambda module, args, output: output * 10, prepend=True)
    m.register_forward_hook(lambda module, args, kwargs, output: output + kwargs["shift"], with_kwargs=True)
    assert m(tw.tensor(2.0), shift=4.0).item() == (6 + 4) * 10 + 1 + 4
    assert seen == [(m, 2.0, 100.0)]


def test_removed_hooks_no_longer_run() -> None:
    m = Scale(1.0)
    handle = m.register_forward_hook(lambda module, args, output: output * 0)
    with m.register_forward_pre_hook(lambda module, args: args[0] + 1):
        assert m(tw.tensor(2.0)).item() == 0.0
    handle.remove()
    handle.remove()
    assert m(tw.tensor(2.0)).item() == 2.0


def test_always_called_hooks_run_after_an_error() -> None:
    class Fails(nn.Module):
        def forward(self, x: Any) -> Any:
            raise KeyError("forward")

    m = Fails()
    outputs: list[Any] = []
    m.register_forward_hook(lambda module, args, output: outputs.append("ordinary"))
    m.register_forward_hook(lambda module, args, output: outputs.append(output), always_call=True)
    with pytest.raises(KeyError, match="forward"):
        m(1)
    assert outputs == [None]


def test_always_called_hooks_run_once_and_see_the_output() -> None:
    m = Scale(2.0)
    outputs: list[Any] = []

    def fails(module: nn.Module, args: Any, output: Any) -> None:
        raise KeyError("hook")

    m.register_forward_hook(lambda module, args, output: outputs.append("first"), always_call=True)
    m.register_forward_hook(fails)
    m.register_forward_hook(lambda module, args, output: outputs.append(output.item()), always_call=True)
    with pytest.raises(KeyError, match="hook"):
        m(tw.tensor(2.0))
    assert outputs == ["first", 4.0]


def test_an_error_of_an_always_called_hook_does_not_hide_the_first() -> None:
    class Fails(nn.Module):
        def forward(self, x: Any) -> Any:
            raise KeyError("forward")

    def hook(module: nn.Module, args: Any, output: Any) -> None:
        raise TypeError("hook")

    m = Fails()
    m.register_forward_hook(hook, always_call=True)
    with pytest.warns(UserWarning, match="TypeError: hook"), pytest.raises(KeyError, match="forward"):
        m(1)


# -- backward ---------------------------------------------------------------------------------------------


def test_full_backward_hook_sees_and_replaces_gradients() -> None:
    m, x = Scale(3.0), leaf(2.0)
    seen = []

    def hook(module: nn.Module, grad_input: Any, grad_output: Any) -> Any:
        seen.append((module, grad_input[0].item(), grad_output[0].item()))
        return (grad_input[0] * 10,)

    m.register_full_backward_hook(hook)
    (m(x) * 5).backward()
    assert seen == [(m, 15.0, 5.0)]
    assert x.grad.item() == 150.0
    assert m.factor.grad.item() == 10.0  # 2 * 5: the weights' gradient is not touched


def test_full_backward_hooks_run_in_order() -> None:
    m, x = Scale(1.0), leaf(1.0)
    m.register_full_backward_hook(lambda module, gi, go: (gi[0] + 1,))
    m.register_full_backward_hook(lambda module, gi, go: gi[0] * 10)  # a tensor stands for a tuple of one
    m.register_full_backward_hook(lambda module, gi, go: (gi[0] + 100,), prepend=True)
    m.register_full_backward_hook(lambda module, gi, go: None)
    m(x).backward()
    assert x.grad.item() == (1 + 100 + 1) * 10


def test_full_backward_pre_hook_replaces_what_flows_in() -> None:
    m, x = Scale(3.0), leaf(2.0)
    m.register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] * 2,))
    m.register_full_backward_pre_hook(lambda module, grad_output: grad_output[0] + 1)
    m.register_full_backward_pre_hook(lambda module, grad_output: None, prepend=True)
    seen: list[float] = []
    m.register_full_backward_hook(lambda module, gi, go: seen.append(go[0].item()))
    m(x).backward()
    assert x.grad.item() == 9.0 and m.factor.grad.item() == 6.0 and seen == [3.0]


def test_several_inputs_and_outputs_arrive_together() -> None:
    m, a = Pair(), tw.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    b = tw.tensor([10.0, 20.0], dtype=tw.float64, requires_grad=True)
    seen = []
    m.register_full_backward_hook(lambda module, gi, go: seen.append((gi, go)))
    product, total, note = m(a, b, "n")
    assert note == "n" and product.tolist() == [[10.0, 40.0], [30.0, 80.0]]
    assert product.dtype is tw.float64
    (product.sum() + 2 * total.sum()).backward()
    ((grad_input, grad_output),) = seen
    assert [None if g is None else g.dtype for g in grad_input] == [tw.float32, tw.float64, None]
    assert grad_input[0].tolist() == [[12.0, 22.0], [12.0, 22.0]]
    assert grad_input[1].tolist() == [1 + 3 + 4.0, 2 + 4 + 4.0]
    assert grad_output[0].tolist() == [[1.0, 1.0]] * 2 and grad_output[1].tolist() == [[2.0, 2.0]] * 2
    assert grad_output[2] is None
    assert a.grad.tolist() == grad_input[0].tolist() and b.grad.tolist() == grad_input[1].tolist()


def test_an_unused_output_has_gradient_zero() -> None:
    m, a = Pair(), leaf(2.0)
    seen: list[Any] = []
    m.register_full_backward_hook(lambda module, gi, go: seen.append([g if g is None else g.item() for g in go]))
    m(a, tw.tensor(5.0))[0].backward()
    assert seen == [[1.0, 0.0, None]] and a.grad.item() == 5.0


def test_without_differentiable_inputs_the_hook_runs_at_the_output() -> None:
    m = Scale(3.0)
    seen: list[Any] = []
    handle = m.register_full_backward_hook(lambda module, gi, go: seen.append((gi, go[0].item())))
    m(tw.tensor(2.0)).backward()
    assert seen == [((None,), 1.0)] and m.factor.grad.item() == 2.0
    handle.remove()
    m.register_full_backward_hook(lambda module, gi, go: (tw.tensor(1.0),))
    with pytest.raises(RuntimeError, match="no input of this module requires grad"):
        m(tw.tensor(2.0)).backward()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ((), r"returned 0 gradients as grad_input, expected 1"),
        ((tw.ones(3),), r"grad_input\[0\] must be a tensor of shape \(\), got shape \(3,\)"),
        ((None,), r"grad_input\[0\] must be a tensor of shape \(\), got NoneType"),
    ],
)
def test_wrong_replacements_are_refused(result: Any, message: str) -> None:
    m = Scale(3.0)
    m.register_full_backward_hook(lambda module, gi, go: result)
    with pytest.raises(RuntimeError, match=message):
        m(leaf(1.0)).backward()


def test_backward_hooks_do_nothing_without_recording() -> None:
    m = Scale(3.0)
    m.register_full_backward_hook(lambda module, gi, go: pytest.fail("called"))
    with tw.no_grad():
        assert m(tw.tensor(2.0)).item() == 6.0
    m.factor.requires_grad_(False)
    assert not m(tw.tensor(2.0)).requires_grad


def test_the_gradient_of_a_gradient_passes_backward_hooks() -> None:
    m, x = Scale(3.0), leaf(2.0)
    m.register_full_backward_hook(lambda module, gi, go: (gi[0] * x,))
    (dx,) = tw.autograd.grad(m(x) ** 2, x, create_graph=True)  # 2 m(x) 3, times x by the hook
    assert dx.item() == 72.0
    # By the hook's own x: 2 m(x) 3 = 36. By m(x): 2 * 3 * 3 * x = 36, which passes the hook again and doubles.
    assert tw.autograd.grad(dx, x)[0].item() == 36.0 + 72.0


def test_a_retained_graph_runs_the_hooks_again() -> None:
    m, x = Scale(3.0), leaf(2.0)
    seen: list[float] = []
    m.register_full_backward_hook(lambda module, gi, go: seen.append(gi[0].item()))
    y = m(x)
    y.backward(retain_graph=True)
    y.backward()
    assert seen == [3.0, 3.0] and x.grad.item() == 6.0


# -- all modules ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("everywhere")
def test_global_hooks_run_before_a_modules_own() -> None:
    m = Scale(2.0)
    order: list[str] = []
    m.register_forward_pre_hook(lambda module, args: order.append("own pre"))
    m.register_forward_hook(lambda module, args, output: order.append("own"))
    m.register_full_backward_pre_hook(lambda module, go: order.append("own back pre"))
    m.register_full_backward_hook(lambda module, gi, go: order.append("own back"))
    handles = [
        hooks.register_module_forward_pre_hook(lambda module, args: order.append("pre")),
        hooks.register_module_forward_hook(lambda module, args, output: order.append("after")),
        hooks.register_module_full_backward_pre_hook(lambda module, go: order.append("back pre")),
        hooks.register_module_full_backward_hook(lambda module, gi, go: order.append("back")),
    ]
    m(leaf(1.0)).backward()
    assert order == ["pre", "own pre", "after", "own", "back pre", "own back pre", "back", "own back"]
    for handle in handles:
        handle.remove()
    order.clear()
    m(leaf(1.0))
    assert order == ["own pre", "own"]


@pytest.mark.usefixtures("everywhere")
def test_global_hooks_reach_modules_without_hooks() -> None:
    seen: list[str] = []
    hooks.register_module_forward_hook(
        lambda module, args, kwargs, output: seen.append(type(module).__name__), with_kwargs=True
    )
    nn.Sequential(nn.Tanh(), nn.ReLU())(tw.ones(1))
    assert seen == ["Tanh", "ReLU", "Sequential"]
