"""Members of a module: registering, attributes, traversal, modes, conversion, copying, printing."""

from __future__ import annotations

import copy
import gc
import weakref
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.errors import DtypeError


class Net(nn.Module):
    """Two layers, a parameter and two buffers of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.scale = nn.Parameter(tw.tensor(2.0))
        self.second = nn.Sequential(nn.Tanh(), nn.Linear(3, 1, bias=False))
        self.register_buffer("steps", tw.tensor(0))
        self.register_buffer("cache", tw.zeros(2), persistent=False)

    def forward(self, x: Any) -> Any:
        return self.second(self.first(x)) * self.scale


def names(pairs: Any) -> list[str]:
    return [name for name, _ in pairs]


# -- what is registered -----------------------------------------------------------------------------------


def test_members_are_found_by_dotted_names_own_ones_first() -> None:
    net = Net()
    assert names(net.named_parameters()) == ["scale", "first.weight", "first.bias", "second.1.weight"]
    assert names(net.named_parameters(recurse=False)) == ["scale"]
    assert names(net.named_parameters(prefix="net")) == [
        "net.scale", "net.first.weight", "net.first.bias", "net.second.1.weight",
    ]  # fmt: skip
    assert names(net.named_buffers()) == ["steps", "cache"]
    assert names(net.named_modules()) == ["", "first", "second", "second.0", "second.1"]
    assert names(net.named_children()) == ["first", "second"]
    assert [type(m).__name__ for m in net.modules()] == ["Net", "Linear", "Sequential", "Tanh", "Linear"]
    assert list(net.children()) == [net.first, net.second]
    assert [p is q for p, q in zip(net.parameters(), (net.scale, net.first.weight), strict=False)] == [True, True]
    assert next(iter(net.buffers())) is net.steps


def test_shared_members_come_once_unless_all_are_asked_for() -> None:
    layer = nn.Linear(2, 2, bias=False)
    net = nn.ModuleDict({"a": layer, "b": layer, "c": nn.Linear(2, 2, bias=False)})
    net["c"].weight = layer.weight
    assert names(net.named_parameters()) == ["a.weight"]
    assert names(net.named_parameters(remove_duplicate=False)) == ["a.weight", "b.weight", "c.weight"]
    assert names(net.named_modules()) == ["", "a", "c"]
    assert names(net.named_modules(remove_duplicate=False)) == ["", "a", "b", "c"]
    assert names(net.named_children()) == ["a", "c"]


def test_a_shared_buffer_comes_once() -> None:
    net, b = nn.Module(), tw.ones(1)
    net.register_buffer("x", b)
    net.register_buffer("y", b)
    assert names(net.named_buffers()) == ["x"]
    assert names(net.named_buffers(remove_duplicate=False)) == ["x", "y"]


def test_tied_weights_collect_both_gradients() -> None:
    a, b = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    b.weight = a.weight
    with tw.no_grad():
        a.weight.fill_(3.0)
    b(a(tw.tensor([[2.0]]))).backward()  # w * w * 2
    assert a.weight.grad.item() == 12.0


def test_absent_members_keep_their_name_and_place() -> None:
    m = nn.Module()
    m.register_parameter("p", None)
    m.register_buffer("b", None)
    m.add_module("child", None)
    m.register_parameter("q", nn.Parameter(tw.ones(1)))
    assert m.p is None and m.b is None and m.child is None
    assert names(m.named_parameters()) == ["q"]
    assert names(m.named_buffers()) == names(m.named_children()) == []
    m.p = nn.Parameter(tw.ones(2))
    assert names(m.named_parameters()) == ["p", "q"]
    assert m.train() is m


def test_parameters_lie_in_the_instance_dictionary() -> None:
    layer = nn.Linear(2, 2)
    assert layer.__dict__["weight"] is layer.weight
    assert not hasattr(nn.Module, "__getattr__")


def test_views_of_the_members_read_and_write() -> None:
    layer = nn.Linear(2, 1)
    assert list(layer._parameters) == ["weight", "bias"]
    assert layer._parameters["weight"] is layer.weight
    assert "weight" in layer._parameters and "in_features" not in layer._parameters
    layer._parameters["weight"] = p = nn.Parameter(tw.ones(1, 2))
    assert layer.weight is p
    layer._parameters["extra"] = q = nn.Parameter(tw.ones(1))
    assert layer.extra is q and names(layer.named_parameters()) == ["weight", "bias", "extra"]
    del layer._parameters["extra"]
    assert not hasattr(layer, "extra")
    layer._buffers["mean"] = tw.zeros(1)
    assert list(layer.state_dict()) == ["weight", "bias", "mean"]
    layer._modules["child"] = nn.Tanh()
    assert list(layer.children()) == [layer.child]
    with pytest.raises(KeyError, match="in_features"):
        layer._parameters["in_features"]
    assert len(layer._modules) == 1 and "Tanh()" in repr(layer._modules)


# -- attributes -------------------------------------------------------------------------------------------


def test_a_parameter_can_be_replaced_and_deleted() -> None:
    layer = nn.Linear(2, 1)
    x = tw.tensor([[1.0, 1.0]])
    layer.bias = None
    layer.weight = nn.Parameter(tw.tensor([[3.0, 4.0]]))
    assert layer(x).item() == 7.0
    assert names(layer.named_parameters()) == ["weight"]
    layer.bias = nn.Parameter(tw.tensor([0.5]))
    assert layer(x).item() == 7.5
    del layer.weight
    assert names(layer.named_parameters()) == ["bias"]
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'weight'"):
        layer.weight  # noqa: B018
    with pytest.raises(AttributeError, match="weight"):
        del layer.weight


def test_assignment_changes_the_kind_of_a_name() -> None:
    m = nn.Module()
    m.x = 1
    m.x = nn.Parameter(tw.ones(1))
    assert names(m.named_parameters()) == ["x"]
    del m.x
    m.x = nn.Tanh()
    assert names(m.named_children()) == ["x"]
    m.x = nn.Parameter(tw.ones(1))
    assert names(m.named_children()) == [] and names(m.named_parameters()) == ["x"]
    del m.x
    m.register_buffer("x", tw.ones(1))
    m.x = tw.zeros(2)  # stays a buffer
    assert names(m.named_buffers()) == ["x"] and m.x.shape == (2,)
    m.x = nn.Tanh()
    assert names(m.named_buffers()) == [] and names(m.named_children()) == ["x"]
    m.x = None
    assert names(m.named_children()) == [] and list(m._modules) == ["x"]


def test_tensors_are_plain_attributes() -> None:
    m = nn.Module()
    m.x = tw.ones(1)
    assert list(m.state_dict()) == []


def test_buffer_objects_register_themselves() -> None:
    m = nn.Module()
    m.a = nn.Buffer(tw.ones(1))
    m.b = nn.Buffer(tw.ones(1), persistent=False)
    assert names(m.named_buffers()) == ["a", "b"]
    assert list(m.state_dict()) == ["a"]
    with pytest.raises(TypeError, match=r"Buffer.*list"):
        nn.Buffer([1.0])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("weight", tw.ones(1), "Tensor as parameter 'weight' of Linear"),
        ("weight", nn.Tanh(), "Tanh as parameter 'weight' of Linear"),
        ("weight", nn.Buffer(tw.ones(1)), "Buffer as parameter 'weight'"),
        ("child", tw.ones(1), "Tensor as child module 'child' of Linear"),
        ("mean", 3.0, "float as buffer 'mean' of Linear"),
    ],
)
def test_a_members_name_takes_only_its_kind(name: str, value: Any, message: str) -> None:
    layer = nn.Linear(2, 1)
    layer.child = nn.Tanh()
    layer.register_buffer("mean", tw.zeros(1))
    before = dict(layer.__dict__)
    with pytest.raises(TypeError, match=message):
        setattr(layer, name, value)
    assert layer.__dict__ == before


@pytest.mark.parametrize("value", [nn.Parameter(tw.ones(1)), nn.Tanh(), nn.Buffer(tw.ones(1))])
def test_members_before_init_are_refused(value: Any) -> None:
    class Early(nn.Module):
        def __init__(self) -> None:
            self.x = value
            super().__init__()

    with pytest.raises(AttributeError, match=r"before Module.__init__\(\).*super\(\).__init__\(\) first in Early"):
        Early()


def test_registering_before_init_is_refused() -> None:
    m = nn.Module.__new__(nn.Module)
    for register in (m.register_parameter, m.register_buffer, m.register_module):
        with pytest.raises(AttributeError, match=r"before Module\.__init__"):
            register("x", None)


def test_plain_attributes_need_no_init() -> None:
    class Plain(nn.Module):
        def __init__(self) -> None:
            self.factor = 2.0

        def forward(self, x: Any) -> Any:
            return x * self.factor

    assert Plain()(tw.tensor(3.0)).item() == 6.0
    assert list(Plain().parameters()) == []


@pytest.mark.parametrize("method", ["register_parameter", "register_buffer", "register_module", "add_module"])
@pytest.mark.parametrize(
    ("name", "error", "message"),
    [("a.b", KeyError, "dot"), ("", KeyError, "empty"), (3, TypeError, "int"), ("forward", KeyError, "'forward'")],
)
def test_bad_names_are_refused(method: str, name: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        getattr(nn.Module(), method)(name, None)


def test_a_name_in_use_is_refused() -> None:
    layer = nn.Linear(1, 1)
    with pytest.raises(KeyError, match="Linear already has an attribute 'in_features'"):
        layer.register_parameter("in_features", None)
    with pytest.raises(KeyError, match="'weight'"):
        layer.register_buffer("weight", None)
    layer.register_parameter("weight", None)  # its own kind may be replaced
    assert layer.weight is None


def test_bad_values_are_refused() -> None:
    m = nn.Module()
    with pytest.raises(TypeError, match=r"'p' must be an nn\.Parameter or None, not Tensor"):
        m.register_parameter("p", tw.ones(1))
    with pytest.raises(TypeError, match="'b' must be a Tensor or None, not list"):
        m.register_buffer("b", [1.0])
    with pytest.raises(TypeError, match=r"'c' must be an nn\.Module or None, not type"):
        m.register_module("c", nn.Tanh)
    p = nn.Parameter(tw.ones(1))
    p._node = (p * 2)._node  # as an in-place change under recording would leave it
    with pytest.raises(ValueError, match="'p' was made by an operation"):
        m.register_parameter("p", p)


def test_dir_leaves_numbers_out() -> None:
    net = nn.Sequential(nn.Tanh())
    assert "0" not in dir(net) and "forward" in dir(net) and "training" in dir(net)


# -- Parameter --------------------------------------------------------------------------------------------


def test_parameter_shares_memory_and_forgets_history() -> None:
    x = tw.ones(2, requires_grad=True) * 3
    p = nn.Parameter(x)
    assert p.is_leaf and p.requires_grad and isinstance(p, tw.Tensor)
    with tw.no_grad():
        p[0] = 5.0
    assert x.tolist() == [5.0, 3.0]
    assert not nn.Parameter(tw.ones(1), requires_grad=False).requires_grad
    assert nn.Parameter().shape == (0,)
    assert type(p * 1) is tw.Tensor


def test_parameter_refuses_what_is_no_tensor_or_no_float() -> None:
    with pytest.raises(TypeError, match="Parameter: needs a tensor, not list"):
        nn.Parameter([1.0])
    with pytest.raises(DtypeError, match="int64"):
        nn.Parameter(tw.tensor([1]))
    assert nn.Parameter(tw.tensor([1]), requires_grad=False).dtype is tw.int64


def test_parameter_takes_attributes_and_copies() -> None:
    p = nn.Parameter(tw.ones(2))
    p.note = "mine"
    p.grad = tw.ones(2)
    q = copy.deepcopy(p)
    assert type(q) is nn.Parameter and q.note == "mine" and q.requires_grad
    with tw.no_grad():
        q.fill_(7.0)
        q.grad.fill_(7.0)
    assert p.tolist() == p.grad.tolist() == [1.0, 1.0]


# -- finding by name --------------------------------------------------------------------------------------


def test_get_by_dotted_name() -> None:
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("second.1") is net.second[1]
    assert net.get_parameter("first.bias") is net.first.bias
    assert net.get_buffer("steps") is net.steps


@pytest.mark.parametrize(
    ("method", "target", "message"),
    [
        ("get_submodule", "second.5", r"Sequential has no attribute '5' \(looking for 'second.5'\)"),
        ("get_submodule", "scale", "Net holds no module under 'scale'"),
        ("get_parameter", "first.weigth", "Linear has no parameter 'weigth'"),
        ("get_parameter", "steps", "Net has no parameter 'steps'"),
        ("get_parameter", "second.1.bias", "Linear has no parameter 'bias'"),
        ("get_buffer", "scale", "Net has no buffer 'scale'"),
        ("get_buffer", "nowhere.x", "Net has no attribute 'nowhere'"),
    ],
)
def test_missing_names_are_reported(method: str, target: str, message: str) -> None:
    with pytest.raises(AttributeError, match=message):
        getattr(Net(), method)(target)


def test_set_submodule() -> None:
    net = Net()
    net.set_submodule("second.0", act := nn.ReLU())
    assert net.second[0] is act
    net.set_submodule("third", nn.Tanh())
    assert "third" in names(net.named_children())
    with pytest.raises(AttributeError, match="'fourth'"):
        net.set_submodule("fourth", nn.Tanh(), strict=True)
    with pytest.raises(ValueError, match="empty"):
        net.set_submodule("", nn.Tanh())


# -- calling and modes ------------------------------------------------------------------------------------


def test_call_passes_all_arguments() -> None:
    class Sum(nn.Module):
        def forward(self, a: Any, *, b: Any) -> Any:
            return a + b

    assert Sum()(1, b=2) == 3


def test_a_module_without_forward_says_so() -> None:
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty has no forward\(\)"):
        Empty()(1)


def test_train_and_eval_reach_all_modules() -> None:
    net = Net()
    assert all(m.training for m in net.modules())
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    assert net.train() is net
    assert all(m.training for m in net.modules())
    with pytest.raises(ValueError, match="'yes'"):
        net.train("yes")


def test_requires_grad_and_zero_grad() -> None:
    net = Net()
    assert net.requires_grad_(False) is net
    assert not any(p.requires_grad for p in net.parameters())
    net.requires_grad_()
    net(tw.ones(1, 2)).backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(p.grad is not None and not p.grad.any() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_zero_grad_drops_the_history_of_gradients() -> None:
    w = nn.Linear(1, 1, bias=False)
    (w(tw.ones(1, 1)) ** 2).backward(create_graph=True)
    w.zero_grad(set_to_none=False)
    assert w.weight.grad.item() == 0 and not w.weight.grad.requires_grad


def test_apply_goes_from_the_leaves_up() -> None:
    seen: list[str] = []
    net = Net()
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Linear", "Tanh", "Linear", "Sequential", "Net"]


# -- conversion -------------------------------------------------------------------------------------------


def test_conversion_keeps_parameters_and_leaves_integers() -> None:
    net = Net()
    weight = net.first.weight
    net(tw.ones(1, 2)).backward()
    before = weight.detach().numpy().copy()
    assert net.double() is net
    assert net.first.weight is weight and weight.dtype is tw.float64 and weight.grad.dtype is tw.float64
    np.testing.assert_array_equal(weight.detach().numpy(), before.astype(np.float64))
    assert net.steps.dtype is tw.int64 and net.cache.dtype is tw.float64
    assert net.half().scale.dtype is tw.float16
    assert net.float().scale.dtype is tw.float32
    assert net.to(tw.float64).scale.dtype is tw.float64
    assert net.to(tw.zeros(1)).scale.dtype is tw.float32
    assert net.to("cpu", tw.float64).scale.dtype is tw.float64
    assert net.to(device="cpu").cpu() is net
    assert net.type(tw.float32).steps.dtype is tw.float32


def test_conversion_refuses_integers_and_other_devices() -> None:
    net = Net()
    with pytest.raises(TypeError, match="floating-point"):
        net.to(tw.int64)
    with pytest.raises(DtypeError, match="requires grad"):
        net.type(tw.int64)
    assert net.scale.dtype is tw.float32
    with pytest.raises(RuntimeError, match="cuda"):
        net.to("cuda")


# -- copies -----------------------------------------------------------------------------------------------


def test_deepcopy_is_independent_and_keeps_ties() -> None:
    net = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    net["b"].weight = net["a"].weight
    twin = copy.deepcopy(net)
    assert twin["a"].weight is twin["b"].weight is not net["a"].weight
    with tw.no_grad():
        twin["a"].weight.fill_(9.0)
    assert not (net["a"].weight == 9.0).any()
    twin["c"] = nn.Tanh()
    assert list(net) == ["a", "b"]


def test_shallow_copy_shares_values_but_not_names() -> None:
    layer = nn.Linear(2, 2)
    other = copy.copy(layer)
    assert other.weight is layer.weight
    other.extra = nn.Parameter(tw.ones(1))
    assert names(layer.named_parameters()) == ["weight", "bias"]
    del other.bias
    assert layer.bias is not None and names(layer.named_parameters()) == ["weight", "bias"]


def test_modules_are_freed_without_the_cycle_collector() -> None:
    gc.disable()
    try:
        net = Net()
        net(tw.ones(1, 2)).backward()
        ref = weakref.ref(net)
        del net
        assert ref() is None
    finally:
        gc.enable()


# -- printing ---------------------------------------------------------------------------------------------


def test_repr_nests() -> None:
    assert repr(Net()) == (
        "Net(\n"
        "  (first): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (second): Sequential(\n"
        "    (0): Tanh()\n"
        "    (1): Linear(in_features=3, out_features=1, bias=False)\n"
        "  )\n"
        ")"
    )
    assert repr(nn.Module()) == "Module()"


def test_repr_of_extra_lines_and_absent_modules() -> None:
    class Two(nn.Module):
        def extra_repr(self) -> str:
            return "one\ntwo"

    m = Two()
    assert repr(m) == "Two(\n  one\n  two\n)"
    m.add_module("gone", None)
    assert repr(m) == "Two(\n  one\n  two\n  (gone): None\n)"
