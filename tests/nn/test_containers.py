"""Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

import pytest

import thalweg as tw
from thalweg import nn


class Add(nn.Module):
    """x + n."""

    def __init__(self, n: float) -> None:
        super().__init__()
        self.n = n

    def forward(self, x: Any) -> Any:
        return x + self.n

    def extra_repr(self) -> str:
        return str(self.n)


def numbers(modules: Any) -> list[float]:
    return [m.n for m in modules]


def keys(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_children()]


# -- Sequential -------------------------------------------------------------------------------------------


def test_sequential_runs_in_order() -> None:
    class Double(nn.Module):
        def forward(self, x: Any) -> Any:
            return x * 2

    assert nn.Sequential(Add(1), Double(), Add(10))(tw.tensor(3.0)).item() == 18.0
    x = tw.tensor(1.0)
    assert nn.Sequential()(x) is x


def test_sequential_of_named_modules() -> None:
    net = nn.Sequential(OrderedDict(a=Add(1), b=Add(2)))
    assert keys(net) == ["a", "b"] and net.a.n == 1 and net[1].n == 2
    net.append(Add(3))
    assert keys(net) == ["a", "b", "2"]


def test_sequential_as_a_list() -> None:
    net = nn.Sequential(Add(0), Add(1), Add(2), Add(3))
    assert len(net) == 4 and numbers(net) == [0, 1, 2, 3]
    assert net[-1].n == 3 and type(net[1:3]) is nn.Sequential
    assert numbers(net[1:3]) == [1, 2] and keys(net[1:3]) == ["1", "2"]  # the names stay, as in PyTorch
    net[-1] = Add(9)
    assert numbers(net) == [0, 1, 2, 9] and keys(net) == ["0", "1", "2", "3"]
    del net[1]
    assert numbers(net) == [0, 2, 9] and keys(net) == ["0", "1", "2"]
    del net[1:]
    assert numbers(net) == [0] and net(tw.tensor(1.0)).item() == 1.0
    assert net.insert(0, Add(5)) is net and net.insert(-1, Add(6)).insert(3, Add(7)) is net
    assert numbers(net) == [5, 6, 0, 7]
    assert net.pop(1).n == 6 and net.pop().n == 7
    assert numbers(net) == [5, 0] and keys(net) == ["0", "1"]
    assert numbers(net.extend([Add(1), Add(2)])) == [5, 0, 1, 2]


def test_deleting_renumbers_names_too() -> None:
    net = nn.Sequential(OrderedDict(a=Add(1), b=Add(2), c=Add(3)))
    del net[0]
    assert keys(net) == ["0", "1"] and numbers(net) == [2, 3]


def test_sequential_arithmetic() -> None:
    a, b = nn.Sequential(Add(1)), nn.Sequential(Add(2), Add(3))
    assert numbers(a + b) == [1, 2, 3] and numbers(a) == [1]
    assert numbers(b * 2) == numbers(2 * b) == [2, 3, 2, 3]
    assert (b * 2)[0] is (b * 2)[2] is b[0]
    old = a
    a += b
    assert a is old and numbers(a) == [1, 2, 3]
    b *= 2
    assert numbers(b) == [2, 3, 2, 3]


def test_sequential_refusals() -> None:
    net = nn.Sequential(Add(1))
    with pytest.raises(IndexError, match="Sequential: index 1 is out of range for 1 elements"):
        net[1]
    with pytest.raises(IndexError, match="index -2"):
        net.pop(-2)
    with pytest.raises(IndexError, match="index 5"):
        net.insert(5, Add(1))
    with pytest.raises(TypeError, match="int"):
        net.insert(0, 3)
    with pytest.raises(TypeError, match=r"'0' must be an nn\.Module or None, not int"):
        nn.Sequential(3)
    with pytest.raises(TypeError, match="iterable of modules, not int"):
        net.extend(3)
    with pytest.raises(ValueError, match="joined with a Sequential, not list"):
        net + [Add(1)]  # noqa: RUF005
    with pytest.raises(ValueError, match="not list"):
        net += [Add(1)]
    with pytest.raises(ValueError, match="positive int, not 0"):
        net * 0
    with pytest.raises(TypeError, match="not float"):
        net * 1.5
    assert numbers(net) == [1]


def test_hooks_run_inside_sequential() -> None:
    net = nn.Sequential(Add(1), Add(2))
    net[0].register_forward_hook(lambda m, args, out: out * 100)
    assert net(tw.tensor(0.0)).item() == 102.0


# -- ModuleList -------------------------------------------------------------------------------------------


def test_module_list() -> None:
    modules = nn.ModuleList([Add(0), Add(1)])
    modules.append(Add(2)).extend([Add(3)])
    modules.insert(1, Add(9))
    assert numbers(modules) == [0, 9, 1, 2, 3] and keys(modules) == ["0", "1", "2", "3", "4"]
    assert type(modules[1:3]) is nn.ModuleList and numbers(modules[1:3]) == [9, 1]
    assert keys(modules[1:3]) == ["0", "1"]
    del modules[::2]
    assert numbers(modules) == [9, 2] and keys(modules) == ["0", "1"]
    assert numbers(modules + nn.ModuleList([Add(7)])) == [9, 2, 7]
    modules += [Add(8)]
    assert numbers(modules) == [9, 2, 8] and modules.pop(0).n == 9 and len(modules) == 2
    modules[0] = Add(4)
    assert numbers(modules) == [4, 8]
    with pytest.raises(NotImplementedError, match=r"ModuleList has no forward\(\)"):
        modules(1)


def test_module_list_repr_joins_equal_neighbours() -> None:
    assert repr(nn.ModuleList()) == "ModuleList()"
    assert repr(nn.ModuleList([Add(1), Add(1), nn.Sequential(Add(2)), Add(1)])) == (
        "ModuleList(\n  (0-1): 2 x Add(1)\n  (2): Sequential(\n    (0): Add(2)\n  )\n  (3): Add(1)\n)"
    )


# -- ModuleDict -------------------------------------------------------------------------------------------


def test_module_dict() -> None:
    modules = nn.ModuleDict({"b": Add(1), "a": Add(2)})
    assert list(modules) == list(modules.keys()) == ["b", "a"] and len(modules) == 2
    assert numbers(modules.values()) == [1, 2] and [k for k, _ in modules.items()] == ["b", "a"]
    assert "a" in modules and "c" not in modules
    modules["b"] = Add(5)
    modules.update([("c", Add(3))])
    modules.update(nn.ModuleDict({"d": Add(4)}))
    assert list(modules) == ["b", "a", "c", "d"] and modules["b"].n == 5 and modules.c.n == 3
    assert modules.pop("b").n == 5
    del modules["a"]
    assert list(modules) == ["c", "d"]
    modules.clear()
    assert len(modules) == 0 and list(modules.parameters()) == []


def test_module_dict_refusals() -> None:
    modules = nn.ModuleDict()
    with pytest.raises(KeyError, match="nothing"):
        modules["nothing"]
    with pytest.raises(KeyError, match="nothing"):
        modules.pop("nothing")
    with pytest.raises(TypeError, match="not int"):
        modules["x"] = 3
    with pytest.raises(KeyError, match="'keys'"):
        modules["keys"] = Add(1)
    with pytest.raises(TypeError, match="not int"):
        modules.update(3)
    with pytest.raises(ValueError, match="element 0 is not a"):
        modules.update([("a", Add(1), 3)])
    assert len(modules) == 0


# -- ParameterList ----------------------------------------------------------------------------------------


def test_parameter_list() -> None:
    ws = nn.ParameterList([tw.ones(2), nn.Parameter(tw.ones(3)), "note"])
    assert [type(w) for w in ws] == [nn.Parameter, nn.Parameter, str]
    assert list(ws.state_dict()) == ["0", "1"] and len(ws) == 3
    ws.append(tw.zeros(1)).extend([tw.zeros(4)])
    assert list(ws.state_dict()) == ["0", "1", "3", "4"]
    assert ws[-1].shape == (4,) and len(ws[1:3]) == 2 and type(ws[1:3]) is nn.ParameterList
    ws[2] = tw.ones(7)
    ws[0] = "gone"
    assert set(ws.state_dict()) == {"1", "2", "3", "4"}
    assert ws[0] == "gone" and ws[2].shape == (7,)
    assert ws.pop(0) == "gone"
    assert [w.shape[0] for w in ws] == [3, 7, 1, 4]
    del ws[1:3]
    assert [w.shape[0] for w in ws] == [3, 4] and list(ws.state_dict()) == ["0", "1"]
    ws += [tw.ones(5)]
    assert len(ws) == 3
    with pytest.raises(TypeError, match="not Tensor"):
        ws.extend(tw.ones(2))
    with pytest.raises(TypeError, match="not int"):
        ws.extend(3)
    with pytest.raises(IndexError, match="index 3"):
        ws[3]
    with pytest.raises(RuntimeError, match="computes nothing"):
        ws()


def test_parameter_list_is_trained_copied_and_printed() -> None:
    ws = nn.ParameterList([tw.ones(2), tw.ones(2)])
    (ws[0] * ws[1] * 3).sum().backward()
    assert [w.grad.tolist() for w in ws] == [[3.0, 3.0]] * 2
    twin = copy.copy(ws)
    twin.append(tw.ones(1))
    assert len(ws) == 2 and len(copy.deepcopy(twin)) == 3
    assert repr(nn.ParameterList([tw.ones(2, 3), 5])) == (
        "ParameterList(\n  (0): Parameter containing: [thalweg.float32 of size 2x3]\n  (1): Object of type: int\n)"
    )


# -- ParameterDict ----------------------------------------------------------------------------------------


def test_parameter_dict() -> None:
    ws = nn.ParameterDict([("b", tw.ones(2)), ("a", nn.Parameter(tw.ones(3))), ("note", "text")])
    assert list(ws) == list(ws.keys()) == ["b", "a", "note"] and list(reversed(ws)) == ["note", "a", "b"]
    assert list(ws.state_dict()) == ["b", "a"] and ws.b is ws["b"] and type(ws["b"]) is nn.Parameter
    assert [k for k, _ in ws.items()] == ["b", "a", "note"] and list(ws.values())[2] == "text"
    assert "a" in ws and "z" not in ws and len(ws) == 3
    assert ws.get("z") is None and ws.get("z", 3) == 3 and ws.get("note") == "text"
    assert ws.setdefault("note", "new") == "text" and ws.setdefault("c", tw.ones(1)) is ws["c"]
    assert ws.pop("note") == "text" and ws.popitem()[0] == "c"
    ws.update({"d": tw.ones(4)})
    ws.update([("e", tw.ones(5))])
    ws["b"] = "plain"
    assert list(ws) == ["b", "a", "d", "e"] and list(ws.state_dict()) == ["a", "d", "e"]
    other = ws.copy()
    assert other["a"] is ws["a"]
    del ws["a"]
    assert list(ws.state_dict()) == ["d", "e"] and list(other) == ["b", "a", "d", "e"]
    joined = nn.ParameterDict({"x": tw.ones(1)}) | nn.ParameterDict({"y": tw.ones(1)})
    assert list(joined) == ["x", "y"]
    joined |= nn.ParameterDict({"z": tw.ones(1)})
    assert list(joined) == ["x", "y", "z"]
    assert list(joined.fromkeys(["p", "q"], 0).items()) == [("p", 0), ("q", 0)]
    joined.clear()
    assert len(joined) == 0


def test_plain_dictionaries_come_sorted_as_in_pytorch() -> None:
    pairs = {"b": tw.ones(1), "a": tw.ones(1)}
    assert list(nn.ParameterDict(pairs)) == ["a", "b"]
    assert list(nn.ParameterDict(OrderedDict(pairs))) == ["b", "a"]


def test_parameter_dict_refusals_and_repr() -> None:
    ws = nn.ParameterDict()
    for call in (lambda: ws["x"], lambda: ws.pop("x"), ws.popitem):
        with pytest.raises(KeyError):
            call()
    with pytest.raises(KeyError, match="'forward'"):
        ws["forward"] = tw.ones(1)
    with pytest.raises(TypeError, match="must be str, not int"):
        ws[1] = tw.ones(1)
    with pytest.raises(TypeError, match="not int"):
        ws.update(3)
    with pytest.raises(RuntimeError, match="computes nothing"):
        ws()
    ws["w"] = tw.ones(2)
    ws["s"] = tw.tensor(1.0)
    assert repr(ws) == (
        "ParameterDict(\n  (w): Parameter containing: [thalweg.float32 of size 2]\n"
        "  (s): Parameter containing: [thalweg.float32 of size ]\n)"
    )


def test_a_linear_and_a_relu_are_joined_only_as_they_come() -> None:
    x = tw.tensor([[1.0, -2.0]])
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    net[0].forward = lambda input: tw.tensor([[7.0, -7.0, 0.0]])  # a forward() set on one of the modules counts
    assert net(x).tolist() == [[7.0, 0.0, 0.0]]
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    net[1].forward = lambda input: input - 1
    assert tw.equal(net(x), net[0](x) - 1)
    mask = tw.tensor([[True, False], [False, False], [False, True]])
    net = nn.Sequential(nn.MaskedLinear(2, 3, mask), nn.ReLU())  # a subclass computes something of its own
    assert tw.equal(net(x), tw.relu(net[0](x)))
    assert net(x)[0, 1].item() == max(net[0].bias[1].item(), 0.0)
    seen = []
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    net[0].register_forward_hook(lambda module, args, output: seen.append(output))
    assert tw.equal(net(x), tw.relu(seen[0]))
