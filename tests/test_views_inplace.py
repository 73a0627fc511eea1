"""Views share memory, in-place changes are seen by everybody who looks at it, and gradients stay right."""

import numpy as np
import pytest

import thalweg as tw
from thalweg.autograd import gradcheck, gradgradcheck
from thalweg.errors import AutogradError, DtypeError, ShapeError


def leaf(data, dtype=tw.float64):
    return tw.tensor(data, dtype=dtype, requires_grad=True)


def grid(*shape):
    """1, 2, 3, … in the given shape."""
    return np.arange(1.0, 1 + np.prod(shape)).reshape(shape)


def equals(x, expected):
    np.testing.assert_allclose(x.detach().numpy(), np.asarray(expected), rtol=1e-13, atol=1e-13)
    return True


# -- what is a view -------------------------------------------------------------------------------------

VIEWS = {
    "index": (lambda x: x[1], lambda a: a[1]),
    "index of an element": (lambda x: x[1, 2], lambda a: a[1, 2]),
    "slice": (lambda x: x[:, 1:], lambda a: a[:, 1:]),
    "step": (lambda x: x[::2], lambda a: a[::2]),
    "none": (lambda x: x[None, :, None], lambda a: a[None, :, None]),
    "ellipsis": (lambda x: x[..., 0], lambda a: a[..., 0]),
    "everything": (lambda x: x[:], lambda a: a[:]),
    "empty tuple": (lambda x: x[()], lambda a: a[()]),
    "transpose": (lambda x: x.transpose(0, 1), lambda a: a.T),
    "T": (lambda x: x.T, lambda a: a.T),
    "mT": (lambda x: x.mT, lambda a: a.T),
    "t": (lambda x: x.t(), lambda a: a.T),
    "permute": (lambda x: x.permute(1, 0), lambda a: a.T),
    "movedim": (lambda x: x.movedim(0, 1), lambda a: a.T),
    "view": (lambda x: x.view(4, 3), lambda a: a.reshape(4, 3)),
    "reshape": (lambda x: x.reshape(2, -1), lambda a: a.reshape(2, 6)),
    "flatten": (lambda x: x.flatten(), lambda a: a.reshape(-1)),
    "unflatten": (lambda x: x.unflatten(1, (2, 2)), lambda a: a.reshape(3, 2, 2)),
    "unsqueeze": (lambda x: x.unsqueeze(1), lambda a: a[:, None]),
    "squeeze": (lambda x: x.unsqueeze(0).squeeze(0), lambda a: a),
    "narrow": (lambda x: x.narrow(1, 1, 2), lambda a: a[:, 1:3]),
    "select": (lambda x: x.select(1, -1), lambda a: a[:, -1]),
    "split": (lambda x: x.split(2)[1], lambda a: a[2:]),
    "chunk": (lambda x: x.chunk(2, 1)[1], lambda a: a[:, 2:]),
    "unbind": (lambda x: x.unbind(1)[2], lambda a: a[:, 2]),
    "iteration": (lambda x: list(x)[2], lambda a: a[2]),
    "view of view": (lambda x: x.T[1:].reshape(3, 3)[0], lambda a: a.T[1:].reshape(3, 3)[0]),
    "detach": (lambda x: x.detach(), lambda a: a),
}
MEMORY_KEPT = [k for k in VIEWS if k != "view of view"]


@pytest.mark.parametrize("name", VIEWS)
def test_views_read_the_right_elements(name):
    of_tensor, of_array = VIEWS[name]
    x = tw.tensor(grid(3, 4))
    np.testing.assert_array_equal(of_tensor(x).numpy(), of_array(grid(3, 4)))


@pytest.mark.parametrize("recording", [True, False], ids=["recorded", "no_grad"])
@pytest.mark.parametrize("name", MEMORY_KEPT)
def test_views_share_memory_and_version(name, recording):
    of_tensor, of_array = VIEWS[name]
    x = tw.tensor(grid(3, 4))
    with tw.set_grad_enabled(recording):
        v = of_tensor(x)
        before = x._version_count
        v.fill_(-5)
    expected = grid(3, 4)
    part = of_array(expected)
    if isinstance(part, np.ndarray):
        part[...] = -5
    else:
        expected[1, 2] = -5
    np.testing.assert_array_equal(x.numpy(), expected)
    assert x._version_count == v._version_count > before
    assert v.data_ptr() - x.data_ptr() in range(x.nbytes)


@pytest.mark.parametrize(
    "copy",
    [
        lambda x: x.clone(),
        lambda x: x * 1,
        lambda x: x[[0, 1, 2]],
        lambda x: x[tw.tensor([0, 1, 2])],
        lambda x: x[x == x],
        lambda x: x.T.reshape(-1),
        lambda x: x.T.contiguous(),
        lambda x: x.flip(0),
        lambda x: x.repeat(1, 1),
        lambda x: tw.cat([x]),
        lambda x: x.to(tw.float32),
        lambda x: tw.tensor(x),
    ],
)
def test_copies_share_nothing(copy):
    x = tw.tensor(grid(3, 4))
    y = copy(x)
    assert not np.shares_memory(x.numpy(), y.numpy())
    y.zero_()
    np.testing.assert_array_equal(x.numpy(), grid(3, 4))


def test_contiguous_and_to_return_the_tensor_itself():
    x = tw.ones(2, 3)
    assert x.contiguous() is x
    assert x.to(tw.float32) is x
    assert x.float() is x
    assert x.cpu() is x
    assert x.to(tw.float32, copy=True) is not x


def test_view_refuses_what_needs_a_copy():
    x = tw.tensor(grid(3, 4))
    with pytest.raises(ShapeError, match=r"view: shape \(3, 4\).*\(5, 2\)|\(5, 2\)"):
        x.view(5, 2)
    with pytest.raises(ShapeError, match=r"shape \(4, 3\) with strides \(1, 4\).*reshape"):
        x.T.view(12)
    assert x.T[None].view(1, 4, 3).shape == (1, 4, 3)
    assert x[:, :2].view(3, 1, 2).stride() == (4, 2, 1) or x[:, :2].view(3, 1, 2).shape == (3, 1, 2)


def test_arrays_are_shared_both_ways():
    a = grid(2, 3)
    x = tw.from_numpy(a)
    a[0, 0] = 100
    assert x[0, 0].item() == 100
    x[1] = -1
    assert a[1].tolist() == [-1, -1, -1]
    assert np.shares_memory(x.numpy(), a)
    assert np.asarray(x) is not None and np.shares_memory(np.asarray(x), a)


# -- in-place operations: values ------------------------------------------------------------------------

INPLACE = {
    "add_": (lambda x: x.add_(2), lambda a: a + 2),
    "add_ alpha": (lambda x: x.add_(tw.ones(4), alpha=3), lambda a: a + 3),
    "sub_": (lambda x: x.sub_(2), lambda a: a - 2),
    "mul_": (lambda x: x.mul_(x), lambda a: a * a),
    "div_": (lambda x: x.div_(4), lambda a: a / 4),
    "pow_": (lambda x: x.pow_(3), lambda a: a**3),
    "exp_": (lambda x: x.exp_(), np.exp),
    "log_": (lambda x: x.log_(), np.log),
    "sqrt_": (lambda x: x.sqrt_(), np.sqrt),
    "neg_": (lambda x: x.neg_(), lambda a: -a),
    "abs_": (lambda x: x.abs_(), abs),
    "tanh_": (lambda x: x.tanh_(), np.tanh),
    "sigmoid_": (lambda x: x.sigmoid_(), lambda a: 1 / (1 + np.exp(-a))),
    "relu_": (lambda x: x.sub_(3).relu_(), lambda a: np.maximum(a - 3, 0)),
    "floor_": (lambda x: x.div_(4).floor_(), lambda a: a // 4),
    "round_": (lambda x: x.div_(4).round_(), lambda a: np.round(a / 4)),
    "sign_": (lambda x: x.sub_(3).sign_(), lambda a: np.sign(a - 3)),
    "reciprocal_": (lambda x: x.reciprocal_(), lambda a: 1 / a),
    "rsqrt_": (lambda x: x.rsqrt_(), lambda a: a**-0.5),
    "sin_": (lambda x: x.sin_(), np.sin),
    "cos_": (lambda x: x.cos_(), np.cos),
    "clamp_": (lambda x: x.clamp_(3, 7), lambda a: np.clip(a, 3, 7)),
    "addcmul_": (lambda x: x.addcmul_(tw.ones(4), tw.full((4,), 3.0), value=2), lambda a: a + 6),
    "addcdiv_": (lambda x: x.addcdiv_(tw.ones(4), tw.full((4,), 4.0), value=2), lambda a: a + 0.5),
    "lerp_": (lambda x: x.lerp_(tw.zeros(4, dtype=tw.float64), 0.25), lambda a: a * 0.75),
    "masked_fill_": (lambda x: x.masked_fill_(x > 5, -1.0), lambda a: np.where(a > 5, -1, a)),
    "copy_": (lambda x: x.copy_(tw.tensor([1, 2, 3, 4])), lambda a: np.broadcast_to([1, 2, 3, 4], (3, 4))),
    "fill_": (lambda x: x.fill_(7), lambda a: np.full((3, 4), 7)),
    "zero_": (lambda x: x.zero_(), lambda a: a * 0),
    "scatter_": (lambda x: x.scatter_(1, tw.tensor([[0], [3], [1]]), 9.0), lambda a: _scattered(a)),
    "+=": (lambda x: x.__iadd__(2), lambda a: a + 2),
    "-=": (lambda x: x.__isub__(2), lambda a: a - 2),
    "*=": (lambda x: x.__imul__(2), lambda a: a * 2),
    "/=": (lambda x: x.__itruediv__(2), lambda a: a / 2),
    "**=": (lambda x: x.__ipow__(2), lambda a: a**2),
    "//=": (lambda x: x.__ifloordiv__(2), lambda a: a // 2),
    "%=": (lambda x: x.__imod__(3), lambda a: a % 3),
    "floor_divide_": (lambda x: x.floor_divide_(2), lambda a: a // 2),
    "remainder_": (lambda x: x.remainder_(3), lambda a: a % 3),
    "fmod_": (lambda x: x.fmod_(3), lambda a: np.fmod(a, 3)),
    "erf_": (lambda x: x.erf_(), lambda a: _erf(a)),
    "expm1_": (lambda x: x.expm1_(), np.expm1),
    "log1p_": (lambda x: x.log1p_(), np.log1p),
    "ceil_": (lambda x: x.div_(4).ceil_(), lambda a: np.ceil(a / 4)),
    "trunc_": (lambda x: x.div_(4).trunc_(), lambda a: np.trunc(a / 4)),
    "square_": (lambda x: x.square_(), lambda a: a * a),
}  # fmt: skip


def _scattered(a):
    a = a.copy()
    a[0, 0] = a[1, 3] = a[2, 1] = 9
    return a


def _erf(a):
    import math

    return np.vectorize(math.erf)(a)


@pytest.mark.parametrize("name", INPLACE)
def test_in_place_operations_change_the_memory(name):
    change, formula = INPLACE[name]
    for whole in (tw.tensor(grid(3, 4)), tw.tensor(np.ones((4, 6))).T[1:4]):  # and through a view with gaps
        x = whole if whole.is_contiguous() else whole.copy_(tw.tensor(grid(3, 4)))
        memory, version = x.numpy(), x._version_count
        result = change(x)
        assert result is x
        assert x.numpy() is memory
        assert x._version_count > version
        np.testing.assert_allclose(memory, formula(grid(3, 4)), rtol=1e-14)


@pytest.mark.parametrize("name", [k for k in INPLACE if k not in ("scatter_", "copy_", "masked_fill_")])
def test_in_place_operations_differentiate(name):
    change, _ = INPLACE[name]
    x = leaf(grid(3, 4) + 0.3)

    def program(x):
        y = x * 1
        change(y)
        return y * y

    assert gradcheck(program, x, atol=1e-6)
    assert gradgradcheck(program, x, atol=1e-4, fast_mode=True)


def test_random_fills_change_the_memory():
    tw.manual_seed(3)
    x = tw.zeros(200, dtype=tw.float64)
    for fill, low, high in ((x.uniform_, 0, 1), (lambda: x.uniform_(2, 3), 2, 3), (lambda: x.bernoulli_(0.5), 0, 1)):
        version = x._version_count
        assert fill() is x
        assert x._version_count > version
        assert x.min().item() >= low and x.max().item() <= high and x.std().item() > 0.2
    assert abs(x.normal_(5, 0.1).mean().item() - 5) < 0.05


# -- in-place programs: gradients against finite differences -----------------------------------------------


def change_base(x, w):
    y = x * 2
    v = y[1]
    y.mul_(3)
    return v * w, y  # the view was made before the change


def change_view(x, w):
    y = x * 2
    y[1].mul_(w)
    return (y * y,)


def change_view_of_view(x, w):
    y = x * 2
    y.T[1:][0].add_(w[:3])
    return y * y, y.T[1] * 2


def change_transposed(x, w):
    y = x * 2
    y.t().mul_(w[:, None])
    return (y.exp(),)


def change_reshaped(x, w):
    y = x * 2
    y.view(2, 6)[0].copy_(tw.cat([w, w[:2]]) * 3)
    return (y * y,)


def change_of_a_reshaped_view_with_gaps(x, w):
    y = x * 2
    y[:, ::2].view(3, 1, 2)[0].mul_(w[:2])
    return (y * y,)


def two_views_that_overlap(x, w):
    y = x * 2
    a, b = y[:2], y[1:]
    a.mul_(w)
    b.add_(w * w)
    a.mul_(a)
    return a * b, y


def base_then_view_then_base(x, w):
    y = x * 2
    v = y[0]
    y.add_(1)
    v.mul_(w)
    y.mul_(y)
    return v * 3, y


def view_used_before_and_after(x, w):
    y = x * 2
    v = y[0]
    before = v + w
    v.mul_(w)
    return before * v, y


def chain_of_views_changed_at_each_level(x, w):
    y = x * 2
    a = y[1:]
    b = a.T
    c = b[2]
    c.mul_(w[0])
    b.add_(w[1])
    a.mul_(w[2])
    y.add_(w)
    return a * 1, b * 1, c * c, y


def assign_numbers_and_tensors(x, w):
    y = x * 2
    y[0] = 5.0
    y[1, 2] = w[0] * w[1]
    y[2, :2] = w[2:]
    y[:, 3] = w[1]
    return (y * y,)


def assign_into_constants(x, w):
    y = tw.zeros(3, 4, dtype=tw.float64)
    y[0] = x[1]
    y[1:, 1:3] = w[:2]
    return (y * y * x,)


def assign_with_arrays(x, w):
    y = x * 2
    y[tw.tensor([0, 2]), tw.tensor([1, 3])] = w[:2]
    y[x.detach() > 11] = w[3]
    y[[1]] = w
    return (y * y,)


def assign_part_of_itself(x, w):
    y = x * w
    y[1:] = y[:-1]
    y[0] = y[2]
    return (y * y,)


def assign_its_own_transpose(x, w):
    y = x[:, :3] * w[:3]
    y[:] = y.T
    return (y * y,)


def multiply_by_own_element(x, w):
    y = x * w
    y.mul_(y[0])
    y.div_(y[1, 1])
    return (y,)


def fill_and_zero(x, w):
    y = x * w
    y[0].zero_()
    y[:, 1].fill_(w[2])
    v = y[2]
    y.zero_()
    return v * x[0], y + x


def whole_value_replaced(x, w):
    y = x * w
    y.copy_(w * w)
    return (y * x,)


def clamp_and_mask(x, w):
    y = x * w
    y[1].clamp_(min=2.0, max=20.0)
    y.masked_fill_(x.detach() > 9, w[0])
    return (y * y,)


def dtype_of_value_differs(x, w):
    y = x * 2
    y[0] = w.float() * 2
    return (y * y,)


def changed_inside_a_longer_graph(x, w):
    h = (x * w).tanh()
    g = h * 2
    g[0].mul_(h[1])
    k = g.sin()
    k.add_(g)
    k[:, 0] = h[:, 1] * k[:, 2].sum()
    return (k,)


def detached_copy_is_changed(x, w):
    y = x * w
    d = y.detach().clone()
    d.mul_(5)
    return (y * 2,)


def scatter(x, w):
    y = x * 2
    y.scatter_(1, tw.tensor([[0, 2], [3, 1]]), w.view(2, 2))
    return (y * y,)


PROGRAMS = [
    change_base, change_view, change_view_of_view, change_transposed, change_reshaped, two_views_that_overlap,
    change_of_a_reshaped_view_with_gaps, base_then_view_then_base, view_used_before_and_after,
    chain_of_views_changed_at_each_level, assign_numbers_and_tensors, assign_into_constants, assign_with_arrays,
    assign_part_of_itself, assign_its_own_transpose, multiply_by_own_element, fill_and_zero, whole_value_replaced,
    clamp_and_mask, changed_inside_a_longer_graph, scatter,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_gradients_of_in_place_programs(program):
    x, w = leaf(grid(3, 4) + 0.1), leaf([0.9, -0.4, 1.3, 0.7])
    assert gradcheck(program, (x, w), atol=1e-5, rtol=1e-5)
    assert gradgradcheck(program, (x, w), atol=1e-3, rtol=1e-4, fast_mode=True)


def test_assignment_of_another_dtype_differentiates():
    x, w = leaf(grid(3, 4)), leaf([0.5, 0.25, 2.0, 1.0])
    (y,) = dtype_of_value_differs(x, w)
    y.sum().backward()
    assert equals(w.grad, 2 * (2 * w.detach().numpy()) * 2)
    assert w.grad.dtype is tw.float64
    assert equals(x.grad[0], np.zeros(4))


def test_values_of_in_place_programs_by_hand():
    x, w = tw.tensor([[1.0, 2.0], [3.0, 4.0]]), tw.tensor([10.0, 100.0])
    y = x.clone()
    v = y[0]
    v.mul_(w)
    assert y.tolist() == [[10, 200], [3, 4]]
    y.T[0].add_(1)
    assert y.tolist() == [[11, 200], [4, 4]]
    assert v.tolist() == [11, 200]
    y[:, 1] = 0
    assert v.tolist() == [11, 0]
    y[1:] = y[:1]
    assert y.tolist() == [[11, 0], [11, 0]]


def test_a_constant_becomes_differentiable_when_something_is_written_into_it():
    w = leaf(3.0)
    y = tw.zeros(3, dtype=tw.float64)
    v = y[1:]
    assert not v.requires_grad
    y[1] = w
    assert y.requires_grad and v.requires_grad and not y.is_leaf
    v.sum().backward()
    assert equals(w.grad, 1.0)


def test_views_of_constants_see_gradients_that_come_later():
    w = leaf([1.0, 2.0])
    y = tw.ones(2, 2, dtype=tw.float64)
    first, t = y[0], y.T
    first.mul_(w)
    assert t.requires_grad
    (t * tw.tensor([[1.0, 10.0], [100.0, 1000.0]])).sum().backward()
    assert equals(w.grad, [1.0, 100.0])


def test_grad_fn_of_views_is_made_anew():
    x = leaf([1.0, 2.0])
    y = x * 1
    v = y[0]
    old = v.grad_fn
    y.add_(1)
    assert v.grad_fn is not old
    assert v.grad_fn is v.grad_fn


# -- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.add_(1),
        lambda x: x.__imul__(2),
        lambda x: x.zero_(),
        lambda x: x.exp_(),
        lambda x: x.copy_(tw.ones(2, dtype=tw.float64)),
        lambda x: x.clamp_(0),
        lambda x: x.normal_(),
        lambda x: x.uniform_(),
        lambda x: x.bernoulli_(),
        lambda x: x.fill_(1.0),
        lambda x: x.masked_fill_(tw.tensor([True, False]), 0.0),
        lambda x: x.__setitem__(0, 1.0),
        lambda x: x.__setitem__([0], 1.0),
    ],
)
def test_leaves_that_require_grad_are_not_changed(change):
    x = leaf([1.0, 2.0])
    with pytest.raises(AutogradError, match=r"leaf tensor that requires grad.*no_grad"):
        change(x)
    assert x.detach().tolist() == [1.0, 2.0]
    with pytest.raises(AutogradError, match="view of a leaf"):
        change(x[:])
    assert x.detach().tolist() == [1.0, 2.0]
    assert x.is_leaf
    with tw.no_grad():
        change(x)
        change(x[:])
    assert x.is_leaf and x.requires_grad


def test_expanded_memory_is_not_changed():
    x = tw.tensor([[1.0], [2.0]])
    e = x.expand(2, 3)
    for change in (
        lambda: e.add_(1),
        lambda: e.__setitem__(0, 1.0),
        lambda: e.__setitem__([0], 1.0),
        lambda: e.fill_(0),
        lambda: e.uniform_(),
    ):
        with pytest.raises(ShapeError, match="clone"):
            change()
    assert x.tolist() == [[1.0], [2.0]]


def test_a_refused_change_leaves_the_graph_alone():
    x = leaf([[1.0], [2.0]])
    y = x * 1
    e = y.expand(2, 3)
    node = y.grad_fn
    with pytest.raises(ShapeError):
        e.mul_(2)
    assert y.grad_fn is node
    e.sum().backward()
    assert equals(x.grad, [[3.0], [3.0]])


def test_shapes_and_dtypes_must_fit():
    x = tw.ones(3)
    with pytest.raises(ShapeError, match=r"add_: the result has shape \(2, 3\).*\(3,\)"):
        x.add_(tw.ones(2, 3))
    with pytest.raises(ShapeError, match=r"\(4,\)"):
        x.add_(tw.ones(4))
    with pytest.raises(ShapeError, match=r"\(2,\).*\(3,\)"):
        x.copy_(tw.ones(2))
    with pytest.raises(ShapeError, match=r"\(2,\).*\(3,\)"):
        x[:] = tw.ones(2)
    with pytest.raises(ShapeError, match=r"\(2, 3\)"):
        x[:] = tw.ones(2, 3)
    n = tw.tensor([1, 2, 3])
    with pytest.raises(DtypeError, match=r"add_: a result of dtype float32 can't be stored.*int64"):
        n.add_(0.5)
    with pytest.raises(DtypeError):
        n /= 2
    b = tw.tensor([True, False])
    with pytest.raises(DtypeError):
        b.add_(1)
    with pytest.raises(DtypeError):
        n.exp_()
    assert n.tolist() == [1, 2, 3]


def test_in_place_keeps_the_dtype():
    x = tw.ones(2)
    x.add_(tw.ones(2, dtype=tw.float64))
    assert x.dtype is tw.float32
    n = tw.tensor([1, 2], dtype=tw.int8)
    n.add_(tw.tensor([1, 1]))
    assert n.dtype is tw.int8
    n += True
    n *= 2
    assert n.tolist() == [6, 8]
    x[0] = 3
    x[1] = tw.tensor(2.5, dtype=tw.float64)
    assert x.dtype is tw.float32 and x.tolist() == [3.0, 2.5]
    n[0] = 2.9  # as PyTorch, numbers are cut
    assert n.tolist() == [2, 8]


def test_detach_in_place():
    x = leaf([1.0])
    y = x * 2
    assert y.detach_() is y
    assert y.is_leaf and not y.requires_grad
    with pytest.raises(AutogradError, match="view"):
        (x * 2)[0].detach_()


def test_the_version_check_sees_changes_through_any_view():
    for change in (
        lambda y: y[0].add_(1),
        lambda y: y.T.zero_(),
        lambda y: y.detach().fill_(2),
        lambda y: y.view(4)[1:].mul_(2),
    ):
        x = leaf(grid(2, 2))
        y = x * 1
        z = (y * y).sum()
        change(y)
        with pytest.raises(AutogradError, match="mul was changed in place"):
            z.backward()


def test_a_view_made_without_recording_is_not_changed_with_it():
    """Nobody could tell the base of its new history."""
    x = leaf([1.0, 2.0])
    y = x * 1
    with tw.no_grad():
        v = y[0]
        v.add_(1)  # fine: nothing is recorded
    with pytest.raises(AutogradError, match="no_grad"):
        v.mul_(x[1])


@pytest.mark.parametrize("change", [lambda x: x.fill_(0.3), lambda x: x.copy_(0.3), lambda x: x.copy_([0.3, 0.3])])
def test_python_numbers_keep_their_digits_in_float64(change):
    assert change(tw.ones(2, dtype=tw.float64)).tolist() == [0.3, 0.3]


def test_zero_dimensional_tensors_that_are_overwritten():
    x = leaf([1.0, 2.0])
    y = x[1].clone()
    y.fill_(0.3)
    z = x[0] * 1
    z[...] = x[1]
    (y + z).backward()
    assert equals(x.grad, [0.0, 1.0])


def test_a_copied_value_has_a_node_of_its_own():
    x = leaf([1.0, 2.0])
    y = x * 1
    z = tw.zeros(2, dtype=tw.float64)
    z.copy_(y)
    z.register_hook(lambda g: g * 100)
    (y + z).sum().backward()
    assert equals(x.grad, [101.0, 101.0])


def test_retained_gradients_follow_in_place_changes():
    x = leaf([1.0, 2.0])
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    v = y[:1]
    v.retain_grad()
    y.add_(1)
    (y * y).sum().backward(retain_graph=True)
    assert equals(y.grad, 2 * (6 * np.array([1.0, 2.0]) + 1))
    v.sum().backward()
    assert equals(v.grad, [1.0])
    assert y.retains_grad and v.retains_grad
