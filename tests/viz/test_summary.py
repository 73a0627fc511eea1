"""``model.summary(x)``: the numbers, counted by hand, and that the model stays as it was."""

from __future__ import annotations

import json

import pytest

import thalweg as tw
from thalweg import nn
from thalweg.core.tape import Node
from thalweg.errors import ArgumentError, TraceError


def row(summary, path):
    return next(r for r in summary.rows if r.path == path)


# -- numbers ----------------------------------------------------------------------------------------------


def test_linear_counts_products_and_bias():
    found = nn.Linear(20, 30).summary(tw.zeros(5, 20))
    assert found.flops == 2 * 5 * 20 * 30 + 5 * 30
    assert found.parameters == 20 * 30 + 30
    assert found.parameter_bytes == 4 * found.parameters
    assert nn.Linear(20, 30, bias=False).summary(tw.zeros(2, 5, 20)).flops == 2 * 10 * 20 * 30


def test_convolution_with_stride_padding_and_groups():
    layer = nn.Conv2d(4, 6, (3, 5), stride=(2, 1), padding=(1, 2), groups=2, bias=False)
    found = layer.summary(tw.zeros(7, 4, 9, 11))
    outputs = 7 * 6 * 5 * 11
    assert row(found, "").output == (7, 6, 5, 11)
    assert found.flops == 2 * outputs * (4 // 2) * 3 * 5
    assert found.parameters == 6 * 2 * 3 * 5


def test_transposed_convolution_counts_by_its_input():
    found = nn.ConvTranspose2d(3, 8, 4, stride=2, bias=False).summary(tw.zeros(2, 3, 5, 5))
    assert found.flops == 2 * (2 * 3 * 5 * 5) * 8 * 4 * 4


def test_lstm_counts_every_step():
    steps, batch, inputs, hidden = 6, 3, 5, 4
    found = nn.LSTM(inputs, hidden, bias=False).summary(tw.zeros(steps, batch, inputs))
    products = 2 * steps * batch * 4 * hidden * (inputs + hidden)
    gates = steps * batch * hidden
    # beside the two products: their sum (4), three sigmoids and two tanh, and c = f c + i g, h = o tanh(c)
    assert found.flops == products + gates * (4 + 5 + 4)


def test_attention_counts_both_products_and_the_softmax():
    class Attention(nn.Module):
        def forward(self, q, k, v):
            return nn.functional.scaled_dot_product_attention(q, k, v)

    batch, heads, queries, keys, width = 2, 3, 4, 5, 8
    q = tw.zeros(batch, heads, queries, width)
    k = tw.zeros(batch, heads, keys, width)
    found = Attention().summary(q, k, k)
    scores = batch * heads * queries * keys
    products = 2 * scores * width * 2
    assert products + 5 * scores <= found.flops <= products + 6 * scores + 2 * q.numel()


def test_parameters_are_counted_once_trainable_and_frozen():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 2))
    model[1].weight = model[0].weight
    model[2].requires_grad_(False)
    found = model.summary(tw.zeros(1, 3))
    assert (found.trainable, found.frozen, found.parameters) == (9 + 3 + 3, 8, 23)
    assert (row(found, "1").trainable, row(found, "1").shared) == (3, 9)
    assert "3 (+ 9 shared)" in str(found)
    assert "15 trainable, 8 frozen" in str(found)


def test_buffers_and_dtypes_are_counted_in_bytes():
    found = nn.BatchNorm1d(5).double().summary(tw.zeros(4, 5, dtype=tw.float64))
    assert found.buffer_bytes == 2 * 5 * 8 + 8
    assert found.parameter_bytes == 2 * 5 * 8


def test_a_module_called_several_times_counts_each_call():
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.step = nn.Linear(4, 4)
            self.other_name = self.step

        def forward(self, x, *, times):
            for _ in range(times):
                x = self.step(x)
            return x

    found = Loop().summary(tw.zeros(2, 4), times=3)
    assert (row(found, "step").calls, row(found, "step").flops) == (3, 3 * (2 * 2 * 16 + 8))
    assert row(found, "other_name").same_as == "step"
    assert found.parameters == 20
    assert found.flops == row(found, "step").flops
    assert "Calls" in str(found)
    assert "same as step" in str(found)


def test_parameters_beside_modules_have_rows():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(tw.ones(4))
            self.inner = nn.Linear(4, 4)
            self.unused = nn.Linear(9, 9)

        def forward(self, x):
            return {"y": self.inner(x) * self.scale, "pair": (x, x.sum()), "nothing": None}

    found = Scaled().summary(tw.zeros(2, 4))
    assert [r.path for r in found.rows] == ["", "scale", "inner", "unused"]
    assert row(found, "scale").trainable == 4
    assert row(found, "").output == {"y": (2, 4), "pair": ((2, 4), ()), "nothing": None}
    assert "{y: 2 × 4, pair: (2 × 4, scalar), nothing: None}" in str(found)
    assert "not called" in str(found)
    assert (row(found, "unused").calls, row(found, "unused").flops) == (0, 0)


def test_containers_sum_up_what_is_inside():
    model = nn.ModuleDict({"a": nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])})
    model.forward = lambda x: model["a"][1](model["a"][0](x))
    found = model.summary(tw.zeros(3, 2))
    assert row(found, "a").flops == row(found, "a.0").flops + row(found, "a.1").flops == found.flops
    assert row(found, "a").parameters == 12
    assert "not called" not in str(found)


def test_no_parameters_and_no_flops():
    found = nn.Sequential(nn.Flatten()).summary(tw.zeros(2, 3, 4))
    assert (found.parameters, found.flops, found.kept_bytes) == (0, 0, 0)
    assert "Parameters        0, 0 B" in str(found)


def bytes_on_the_tape(output, given):
    """What the eager tape of ``output`` holds, without the memory of the tensors in ``given``."""
    roots = {id(_base(x._value)) for x in given}
    stack, seen, total = [output._node], set(), 0
    while stack:
        node = stack.pop()
        if not isinstance(node, Node) or node in seen:
            continue
        seen.add(node)
        stack += node.edges
        for value in (*node.inputs, node.output):
            base = None if not hasattr(value, "strides") else _base(value)
            if base is not None and id(base) not in roots:
                roots.add(id(base))
                total += base.nbytes
    return total


def _base(array):
    while array.base is not None:
        array = array.base
    return array


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.norm = nn.Linear(7, 5), nn.Linear(5, 3), nn.LayerNorm(5)

    def forward(self, x):
        return self.second(self.norm(tw.tanh(self.first(x)))).exp().sum()


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.out = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Linear(36, 3)

    def forward(self, x):
        x = nn.functional.max_pool2d(tw.relu(self.norm(self.conv(x))), 2)
        return nn.functional.softmax(self.out(x.flatten(1)), 1)


@pytest.mark.parametrize(("model", "shape"), [(Perceptron, (6, 7)), (Convolutional, (5, 2, 6, 6))])
def test_what_is_kept_is_what_the_eager_tape_holds(model, shape):
    model, x = model(), tw.randn(*shape)
    found = model.summary(x)
    given = [x, *model.parameters(), *model.buffers()]
    assert found.kept_bytes == pytest.approx(bytes_on_the_tape(model(x), given), rel=0.02)  # numbers aside


def test_nothing_is_kept_for_parameters_that_are_frozen():
    model = Perceptron().requires_grad_(False)
    assert model.summary(tw.zeros(6, 7)).kept_bytes == 0


# -- nothing changes --------------------------------------------------------------------------------------


def test_the_model_stays_as_it_was():
    class Caching(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            self.last = self.net(x)
            return self.last

    model = Caching()
    before = {name: x.clone() for name, x in model.state_dict().items()}
    tw.manual_seed(3)
    expected = tw.rand(2)
    tw.manual_seed(3)
    with tw.no_grad():
        model.summary(tw.ones(6, 4))
        assert not tw.is_grad_enabled()
    assert tw.equal(tw.rand(2), expected)
    assert model.training
    assert model.calls == 0
    assert not hasattr(model, "last")
    assert all(p.grad is None for p in model.parameters())
    assert all(tw.equal(x, before[name]) for name, x in model.state_dict().items())
    assert model(tw.ones(6, 4)).shape == (6, 4)


def test_a_model_without_shapes_is_left_without():
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2))
    tw.manual_seed(1)
    expected = tw.rand(2)
    tw.manual_seed(1)
    found = model.summary(tw.zeros(2, 3, 5, 5))
    assert tw.equal(tw.rand(2), expected)
    assert found.parameters == (4 * 3 * 9 + 4) + 8 + (4 * 9 * 2 + 2)
    assert isinstance(model[0], nn.LazyConv2d)
    assert model[3].has_uninitialized_params()


def test_a_model_that_fails_is_restored_and_says_where():
    class Branching(nn.Module):
        def forward(self, x):
            self.seen = x
            return x if x.sum() > 0 else -x

    model = Branching()
    with pytest.raises(TraceError, match=r"test_summary\.py:\d+: a branch"):
        model.summary(tw.ones(3))
    assert not hasattr(model, "seen")


# -- the table --------------------------------------------------------------------------------------------


def test_depth_hides_rows_of_the_table():
    model = nn.Sequential(nn.Sequential(nn.Sequential(nn.Sequential(nn.Linear(2, 2)))))
    lines = [str(model.summary(tw.zeros(1, 2), depth=depth)).count("\n") for depth in (0, 2, 9)]
    assert lines == [lines[0], lines[0] + 2, lines[0] + 4]
    assert len(model.summary(tw.zeros(1, 2), depth=0).rows) == 5


def test_the_table_is_aligned():
    text = str(nn.Sequential(nn.Linear(300, 200), nn.Tanh(), nn.Linear(200, 3)).summary(tw.zeros(64, 300)))
    head, rule, *rows = text.splitlines()[:6]
    assert rule == "─" * len(head)
    for title in ("Module", "Class", "Output"):
        start = head.index(title)
        assert all(start == 0 or line[start - 2 : start].isspace() for line in rows)
    for title in ("Parameters", "FLOPs", "Kept"):
        end = head.index(title) + len(title)
        assert all(not line[end : end + 2].strip() for line in rows)
        assert any(line[end - 1 : end].strip() for line in rows)
    assert rows[0].split() == ["(model)", "Sequential", "64", "×", "3", "60,803", "7.78", "M", "50.0", "KiB"]


def test_html_is_escaped_and_holds_every_row():
    class Odd(nn.Module):
        def forward(self, x):
            return {"<b>": x}

    html = Odd().summary(tw.zeros(2))._repr_html_()
    assert "{&lt;b&gt;: 2}" in html
    assert html.count('<th scope="col"') == 6
    assert html.count("<tr>") == 1 + 1 + 3  # the head, the model, and the totals


def test_to_dict_is_plain():
    found = nn.Sequential(nn.Linear(2, 3)).summary(tw.zeros(4, 2)).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["flops"] == 2 * 4 * 2 * 3 + 12
    assert found["rows"][1]["output"] == [4, 3]
    assert found["rows"][1]["class"] == "Linear"


def test_what_is_no_module_is_refused():
    with pytest.raises(ArgumentError, match=r"summary: an nn\.Module is needed, got function"):
        tw.viz.summary(lambda x: x, tw.zeros(2))
    with pytest.raises(ArgumentError, match="depth"):
        tw.viz.summary(nn.Tanh(), tw.zeros(2), depth=-1)


def test_a_compiled_module_shows_the_module_inside():
    found = tw.compile(nn.Linear(2, 3)).summary(tw.zeros(4, 2))
    assert (found.parameters, found.flops) == (9, 60)
    assert row(found, "_orig_mod").kind == "Linear"


def test_members_may_be_named_summary():
    assert list(nn.ModuleDict({"summary": nn.Tanh()})) == ["summary"]
    module = nn.Module()
    module.register_buffer("summary", tw.zeros(2))
    assert list(module.state_dict()) == ["summary"]
    with pytest.raises(KeyError, match="already has an attribute 'summary'"):
        module.add_module("summary", nn.Tanh())
    model = nn.Sequential()
    model.summary = nn.Linear(2, 3)
    assert tw.viz.summary(model, tw.zeros(1, 2)).parameters == 9


def test_print_of_a_model_is_pytorchs():
    assert repr(nn.Sequential(nn.Linear(2, 3))) == (
        "Sequential(\n  (0): Linear(in_features=2, out_features=3, bias=True)\n)"
    )
