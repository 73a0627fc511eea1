"""Saving and loading the state of modules."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

import thalweg as tw
from thalweg import nn
from thalweg.errors import StateDictError


def make_net() -> Any:
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1, bias=False))
    net.register_buffer("steps", tw.tensor(4))
    net.register_buffer("cache", tw.zeros(1), persistent=False)
    return net


def snapshot(net: nn.Module) -> dict[str, Any]:
    return {name: x.clone() for name, x in net.state_dict().items()}


def same(net: nn.Module, values: dict[str, Any]) -> bool:
    return all(tw.equal(x, values[name]) for name, x in net.state_dict().items())


def test_keys_in_order_of_registration() -> None:
    state = make_net().state_dict()
    assert type(state) is OrderedDict
    assert list(state) == ["steps", "0.weight", "0.bias", "2.weight"]
    assert list(make_net().state_dict(prefix="net.")) == ["net.steps", "net.0.weight", "net.0.bias", "net.2.weight"]


def test_values_share_memory_without_history() -> None:
    net = make_net()
    value = net.state_dict()["0.weight"]
    assert type(value) is tw.Tensor and not value.requires_grad
    with tw.no_grad():
        net[0].weight[0, 0] = 42.0
    assert value[0, 0].item() == 42.0
    assert net.state_dict(keep_vars=True)["0.weight"] is net[0].weight


def test_a_destination_is_filled() -> None:
    target: dict[str, Any] = {}
    assert nn.Linear(1, 1).state_dict(destination=target, prefix="a.") is target
    assert list(target) == ["a.weight", "a.bias"]


def test_loading_copies_and_keeps_the_objects() -> None:
    a, b = make_net(), make_net()
    weight = a[0].weight
    a.steps.fill_(0)
    result = a.load_state_dict(b.state_dict())
    assert repr(result) == "<All keys matched successfully>" and result == ([], [])
    assert a[0].weight is weight and weight.requires_grad and weight.is_leaf
    assert same(a, b.state_dict()) and a.steps.item() == 4
    with tw.no_grad():
        b[0].weight.fill_(0.0)
    assert weight.any()


def test_loading_converts_to_the_modules_dtype() -> None:
    a, b = nn.Linear(2, 1), nn.Linear(2, 1).double()
    a.load_state_dict(b.state_dict())
    assert a.weight.dtype is tw.float32
    assert tw.equal(a.weight, b.weight.float())


def test_a_graph_made_before_loading_notices() -> None:
    a = nn.Linear(2, 1)
    y = a(tw.ones(1, 2, requires_grad=True))
    a.load_state_dict(nn.Linear(2, 1).state_dict())
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_every_misfit_is_named_and_nothing_changes() -> None:
    net = make_net()
    before = snapshot(net)
    state = make_net().state_dict()
    del state["0.weight"]
    state["0.wieght"] = tw.ones(3, 2)
    state["0.bias"] = tw.ones(4)
    state["2.weight"] = [1.0]
    with pytest.raises(StateDictError) as info:
        net.load_state_dict(state)
    text = str(info.value)
    assert isinstance(info.value, RuntimeError)
    assert "does not fit this Sequential, and nothing was loaded" in text
    assert "missing keys: 0.weight" in text and "unexpected keys: 0.wieght" in text
    assert "0.bias: size mismatch, the state_dict has (4,), the module (3,)" in text
    assert "2.weight: expected a Tensor, got list" in text
    assert same(net, before)


def test_not_strict_returns_the_differences_but_still_minds_sizes() -> None:
    net, other = make_net(), make_net()
    state = other.state_dict()
    del state["steps"], state["0.bias"]
    state["more"] = tw.ones(1)
    result = net.load_state_dict(state, strict=False)
    assert result.missing_keys == ["steps", "0.bias"] and result.unexpected_keys == ["more"]
    assert repr(result) == "IncompatibleKeys(missing_keys=['steps', '0.bias'], unexpected_keys=['more'])"
    assert tw.equal(net[0].weight, other[0].weight)
    before = snapshot(net)
    state["0.weight"] = tw.ones(2, 2)
    with pytest.raises(StateDictError, match=r"0\.weight: size mismatch") as info:
        net.load_state_dict(state, strict=False)
    assert "keys" not in str(info.value)
    assert same(net, before)


def test_loading_needs_a_dictionary() -> None:
    with pytest.raises(TypeError, match="dictionary, got list"):
        nn.Tanh().load_state_dict([])


def test_read_only_memory_is_found_before_anything_is_written() -> None:
    net = nn.ModuleDict({"a": nn.Linear(1, 2, bias=False), "b": nn.Module()})
    net["b"].register_buffer("x", tw.zeros(1).expand(3))
    before = snapshot(net)
    state = {"a.weight": tw.ones(2, 1), "b.x": tw.ones(3)}
    with pytest.raises(StateDictError, match=r"b\.x: the module's memory is read-only"):
        net.load_state_dict(state)
    assert same(net, before)
    net.load_state_dict(state, assign=True)
    assert net["b"].x.tolist() == [1.0, 1.0, 1.0]


def test_assign_takes_the_tensors_themselves() -> None:
    net = make_net()
    net[2].weight.requires_grad_(False)
    state = make_net().double().state_dict()
    state["2.weight"] = nn.Parameter(state["2.weight"])
    net.load_state_dict(state, assign=True)
    assert type(net[0].weight) is nn.Parameter and net[0].weight.requires_grad
    assert net[0].weight.dtype is tw.float64
    assert net[0].weight.data_ptr() == state["0.weight"].data_ptr()
    assert net[2].weight is state["2.weight"] and not net[2].weight.requires_grad
    assert net.steps is state["steps"]
    assert len(list(net.parameters())) == 3


def test_assign_refuses_integers_where_gradients_are_wanted() -> None:
    layer = nn.Linear(1, 1, bias=False)
    with pytest.raises(StateDictError, match=r"weight: thalweg\.int64 can't require gradients"):
        layer.load_state_dict({"weight": tw.tensor([[1]])}, assign=True)
    layer.load_state_dict({"weight": tw.tensor([[3]])})
    assert layer.weight.item() == 3.0


def test_a_module_met_twice_has_two_sets_of_keys() -> None:
    layer = nn.Linear(1, 1, bias=False)
    net = nn.Sequential(layer, layer)
    assert list(net.state_dict()) == ["0.weight", "1.weight"]
    net.load_state_dict({"0.weight": tw.tensor([[1.0]]), "1.weight": tw.tensor([[2.0]])})
    assert layer.weight.item() == 2.0  # the later one


def test_metadata_holds_the_version() -> None:
    class Newer(nn.Linear):
        _version = 2

    state: Any = nn.Sequential(Newer(1, 1)).state_dict()
    assert dict(state._metadata) == {"": {"version": 1}, "0": {"version": 2}}


class Counted(nn.Module):
    """A module with state that is no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(tw.zeros(1))
        self.calls = {"n": 0}

    def get_extra_state(self) -> Any:
        return self.calls

    def set_extra_state(self, state: Any) -> None:
        if state is None:
            raise KeyError("no state")
        self.calls = state


def test_extra_state() -> None:
    net, other = nn.Sequential(Counted()), nn.Sequential(Counted())
    other[0].calls = {"n": 3}
    assert list(other.state_dict()) == ["0.weight", "0._extra_state"]
    net.load_state_dict(other.state_dict())
    assert net[0].calls == {"n": 3}
    with pytest.raises(StateDictError, match=r"missing keys: 0\._extra_state"):
        net.load_state_dict({"0.weight": tw.ones(1)})
    with pytest.raises(StateDictError, match="unexpected keys: _extra_state"):
        nn.Tanh().load_state_dict({"_extra_state": 1})
    with pytest.raises(KeyError, match="no state"):
        net.load_state_dict({"0.weight": tw.ones(1), "0._extra_state": None})
    assert net[0].weight.item() == 0.0
    with pytest.raises(NotImplementedError, match="Tanh"):
        nn.Tanh().get_extra_state()
    with pytest.raises(NotImplementedError, match="Tanh"):
        nn.Tanh().set_extra_state(1)


def test_state_dict_hooks() -> None:
    net = nn.Sequential(nn.Linear(1, 1))
    calls: list[Any] = []
    net[0].register_state_dict_pre_hook(lambda module, prefix, keep_vars: calls.append((prefix, keep_vars)))

    def rename(module: Any, state: Any, prefix: str, metadata: Any) -> None:
        state[prefix + "w"] = state.pop(prefix + "weight")

    handle = net[0].register_state_dict_post_hook(rename)
    assert list(net.state_dict()) == ["0.bias", "0.w"]
    assert calls == [("0.", False)]
    handle.remove()
    assert list(net.state_dict()) == ["0.weight", "0.bias"]


def test_load_hooks() -> None:
    net = nn.Sequential(nn.Linear(1, 1, bias=False))
    loaded: list[Any] = []

    def rename(module: Any, state: Any, prefix: str, metadata: Any, strict: bool, *lists: Any) -> None:
        assert module is net[0] and strict and metadata == {}
        state[prefix + "weight"] = state.pop(prefix + "w")

    net[0].register_load_state_dict_pre_hook(rename)
    net.register_load_state_dict_post_hook(lambda module, keys: loaded.append((module, keys)))
    given = {"0.w": tw.tensor([[5.0]])}
    net.load_state_dict(given)
    assert net[0].weight.item() == 5.0 and list(given) == ["0.w"]
    assert loaded == [(net, ([], []))]


def test_a_load_hook_can_refuse() -> None:
    def refuse(module: Any, state: Any, prefix: str, metadata: Any, strict: bool, *lists: Any) -> None:
        lists[2].append("too old")

    layer = nn.Linear(1, 1)
    before = snapshot(layer)
    layer.register_load_state_dict_pre_hook(refuse)
    with pytest.raises(StateDictError, match="too old"):
        layer.load_state_dict(nn.Linear(1, 1).state_dict())
    assert same(layer, before)
