"""The public functions: values by hand or by NumPy, forms of arguments, and what they refuse."""

import copy
import math

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import DtypeError, ShapeError


def grid(*shape):
    return tw.tensor(np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape))


def equals(x, expected, tolerance=1e-12):
    np.testing.assert_allclose(x.detach().numpy(), expected, rtol=tolerance, atol=tolerance)
    return True


# -- creation ---------------------------------------------------------------------------------------------


def test_filled_tensors():
    for f, value in ((tw.zeros, 0), (tw.ones, 1)):
        for x in (f(2, 3), f((2, 3)), f([2, 3]), f(tw.Size([2, 3]))):
            assert x.shape == (2, 3) and x.dtype is tw.float32 and bool((x == value).all())
        assert f().shape == f(()).shape == ()
        assert f(2, dtype=tw.int8).dtype is tw.int8
        assert f(2, requires_grad=True).requires_grad
        with pytest.raises(ShapeError, match=r"\(-1,\)"):
            f(-1)
    assert tw.empty(2, 3).shape == (2, 3)
    assert tw.full((2,), 7).tolist() == [7, 7] and tw.full((2,), 7).dtype is tw.int64
    assert tw.full((), 1.5).item() == 1.5 and tw.full((1,), True).dtype is tw.bool
    assert tw.full((2,), tw.tensor(3.0)).tolist() == [3.0, 3.0]
    assert tw.full((1,), 3, dtype=tw.float64).dtype is tw.float64


def test_filled_like():
    x = tw.zeros(2, 3, dtype=tw.float64)
    assert tw.zeros_like(x).dtype is tw.ones_like(x).dtype is tw.empty_like(x).dtype is tw.float64
    assert tw.ones_like(x, dtype=tw.int64).dtype is tw.int64
    assert tw.full_like(x, 4).tolist() == [[4.0] * 3] * 2
    assert x.new_zeros(2).dtype is x.new_ones((1,)).dtype is x.new_empty(1).dtype is tw.float64
    assert x.new_full((2,), 3).tolist() == [3.0, 3.0]
    assert x.new_tensor([1, 2]).dtype is tw.float64


@pytest.mark.parametrize(
    ("arguments", "expected", "dtype"),
    [
        ((5,), [0, 1, 2, 3, 4], tw.int64), ((2, 5), [2, 3, 4], tw.int64), ((1, 10, 3), [1, 4, 7], tw.int64),
        ((5, 0, -2), [5, 3, 1], tw.int64),
        ((0, 1, 0.25), [0, 0.25, 0.5, 0.75], tw.float32), ((3.0,), [0, 1, 2], tw.float32), ((0,), [], tw.int64),
        ((2, 2), [], tw.int64),
        ((1, 2.5, 0.5), [1, 1.5, 2], tw.float32), ((-3, 3, 2), [-3, -1, 1], tw.int64),
        ((1, 0, -0.5), [1, 0.5], tw.float32),
    ],
)  # fmt: skip
def test_arange(arguments, expected, dtype):
    x = tw.arange(*arguments)
    assert x.dtype is dtype
    assert x.tolist() == expected


def test_arange_refuses():
    with pytest.raises(ShapeError, match="step must not be zero"):
        tw.arange(0, 3, 0)
    with pytest.raises(ShapeError, match="leads away"):
        tw.arange(0, 3, -1)
    assert tw.arange(3, dtype=tw.float64).dtype is tw.float64
    assert tw.arange(tw.tensor(3)).tolist() == [0, 1, 2]


def test_linspace_and_eye():
    assert tw.linspace(0, 1, 5).tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert tw.linspace(2, -2, 3).tolist() == [2, 0, -2]
    assert tw.linspace(3, 9, 1).tolist() == [3]
    assert tw.linspace(0, 1, 0).shape == (0,)
    assert tw.linspace(0, 1, 3, dtype=tw.float64).dtype is tw.float64
    with pytest.raises(ShapeError, match="-1"):
        tw.linspace(0, 1, -1)
    assert tw.eye(2).tolist() == [[1, 0], [0, 1]]
    assert tw.eye(2, 3, dtype=tw.int64).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_tensors_are_copies():
    a = np.ones(2)
    x = tw.tensor(a)
    a[0] = 9
    assert x.tolist() == [1, 1]
    y = tw.tensor(x)
    y[0] = 5
    assert x.tolist() == [1, 1]
    assert tw.tensor([[1, 2], [3, 4]]).shape == (2, 2)
    assert tw.tensor([tw.tensor(1.0), tw.tensor(2.0)]).tolist() == [1.0, 2.0]
    assert tw.Tensor([1, 2]).dtype is tw.float32 and tw.Tensor(2, 3).shape == (2, 3) and tw.Tensor().shape == (0,)


# -- arithmetic -------------------------------------------------------------------------------------------


def test_scaled_sums():
    x, y = tw.tensor([1.0, 2.0]), tw.tensor([10.0, 20.0])
    assert tw.add(x, y, alpha=0.5).tolist() == [6, 12]
    assert tw.sub(x, y, alpha=2).tolist() == [-19, -38]
    assert x.add(1).tolist() == [2, 3] and x.sub(1, alpha=3).tolist() == [-2, -1]
    assert tw.addcmul(x, y, y, value=0.1).tolist() == pytest.approx([11, 42])
    assert tw.addcdiv(x, y, tw.tensor([2.0, 4.0]), value=2).tolist() == [11, 12]
    assert tw.lerp(x, y, 0.5).tolist() == [5.5, 11]
    assert tw.lerp(x, y, tw.tensor([0.0, 1.0])).tolist() == [1, 20]


def test_division_and_its_roundings():
    a, b = tw.tensor([7, -7, 7, -7]), tw.tensor([2, 2, -2, -2])
    assert tw.div(a, b).tolist() == [3.5, -3.5, -3.5, 3.5]
    assert tw.div(a, b, rounding_mode="floor").tolist() == [3, -4, -4, 3]
    assert tw.div(a, b, rounding_mode="trunc").tolist() == [3, -3, -3, 3]
    assert tw.div(a, b, rounding_mode="trunc").dtype is tw.int64
    assert (a // b).tolist() == [3, -4, -4, 3]
    assert (a % b).tolist() == [1, 1, -1, -1]
    assert tw.fmod(a, b).tolist() == [1, -1, 1, -1]
    assert (7 // tw.tensor([2.0, -2.0])).tolist() == [3, -4]
    assert (7 % tw.tensor([4, -4])).tolist() == [3, -1]
    with pytest.raises(ShapeError, match="'up'"):
        tw.div(a, b, rounding_mode="up")


def test_integer_division_that_needs_all_digits():
    big = tw.tensor([2**62 + 1, -(2**62) - 1])
    assert tw.div(big, 3, rounding_mode="trunc").tolist() == [(2**62 + 1) // 3, -((2**62 + 1) // 3)]
    assert tw.div(big, 3, rounding_mode="floor").tolist() == [(2**62 + 1) // 3, (-(2**62) - 1) // 3]


def test_clamp():
    x = tw.tensor([-2.0, 0.5, 3.0, math.nan])
    assert tw.clamp(x, 0, 1).tolist()[:3] == [0, 0.5, 1] and math.isnan(tw.clamp(x, 0, 1)[3].item())
    assert tw.clamp(x[:3], min=0).tolist() == [0, 0.5, 3]
    assert tw.clamp(x[:3], max=tw.tensor([0.0, 0.0, 9.0])).tolist() == [-2, 0, 3]
    assert x[:3].clip(0, 1).tolist() == [0, 0.5, 1]
    assert tw.clamp(tw.tensor([1, 5]), 2, 4).tolist() == [2, 4]
    with pytest.raises(ShapeError, match="min, max, or both"):
        tw.clamp(x)


def test_functions_of_one_number():
    x = tw.tensor([0.5, 1.0, 2.0], dtype=tw.float64)
    v = np.array([0.5, 1, 2])
    for ours, numpys in (
        (tw.log2, np.log2), (tw.log10, np.log10), (tw.tan, np.tan), (tw.square, np.square), (tw.log1p, np.log1p),
        (tw.expm1, np.expm1),
        (tw.rsqrt, lambda v: v**-0.5), (tw.trunc, np.trunc), (tw.round, np.round), (tw.ceil, np.ceil),
        (tw.reciprocal, lambda v: 1 / v),
    ):  # fmt: skip
        assert equals(ours(x), numpys(v))
    assert tw.round(tw.tensor([0.5, 1.5, 2.5, -0.5])).tolist() == [0, 2, 2, 0]
    for f in (tw.sqrt, tw.exp, tw.tanh, tw.sigmoid, tw.log, tw.sin):
        assert f(tw.tensor([1, 4])).dtype is tw.float32
        assert f(tw.tensor(True)).dtype is tw.float32


def test_closeness():
    x, y = tw.tensor([1.0, math.inf, math.nan]), tw.tensor([1 + 1e-6, math.inf, math.nan])
    assert tw.isclose(x, y).tolist() == [True, True, False]
    assert tw.isclose(x, y, equal_nan=True).tolist() == [True, True, True]
    assert tw.isclose(x[:1], y[:1], rtol=0, atol=1e-7).tolist() == [False]
    assert tw.allclose(x[:2], y[:2]) is True and tw.allclose(x, y) is False
    assert tw.equal(x[:2], x[:2]) is True and tw.equal(x, x) is False and tw.equal(x[:1], x[:2]) is False


# -- reductions -------------------------------------------------------------------------------------------


def test_forms_of_dim():
    x = grid(2, 3, 4)
    v = x.numpy()
    for dim, axis in ((None, None), (0, 0), (-1, -1), ((0, 2), (0, 2)), ([1], 1), ((-1, 0), (0, 2)), ((), None)):
        for keep in (False, True):
            assert equals(x.sum(dim, keepdim=keep), v.sum(axis, keepdims=keep))
            assert equals(x.mean(dim, keepdim=keep), v.mean(axis, keepdims=keep))
            assert equals(x.amax(() if dim is None else dim, keepdim=keep), v.max(axis, keepdims=keep))
    with pytest.raises(IndexError, match=r"sum: dim 3 is out of range.*3 dimensions"):
        x.sum(3)
    with pytest.raises(ShapeError, match="twice"):
        x.sum((0, -3))
    with pytest.raises(IndexError):
        tw.tensor(1.0).sum(1)
    assert tw.tensor(1.0).sum(0).shape == tw.tensor(1.0).sum(-1).shape == ()


def test_sums_of_other_dtypes():
    assert tw.tensor([True, True]).sum().item() == 2
    assert tw.tensor([100, 100], dtype=tw.int8).sum().tolist() == 200
    assert tw.tensor([1, 2]).sum(dtype=tw.float64).dtype is tw.float64
    assert tw.tensor([1, 2]).mean(dtype=tw.float32).item() == 1.5
    assert tw.tensor([2, 3]).prod().item() == 6
    assert tw.full((4096,), 1.0, dtype=tw.float16).sum().item() == 4096
    assert tw.cumsum(tw.tensor([1, 2, 3], dtype=tw.int8), 0).dtype is tw.int64
    assert tw.cumsum(tw.tensor([1.0, 2.0]), 0, dtype=tw.float64).tolist() == [1.0, 3.0]


def test_nothing_to_reduce():
    e = tw.zeros(0, 3)
    assert e.sum().item() == 0 and e.prod().item() == 1
    assert e.sum(0).tolist() == [0, 0, 0] and e.sum(1).shape == (0,)
    assert e.all().item() is True and e.any().item() is False
    with np.errstate(all="ignore"):
        assert math.isnan(e.mean().item())
    assert e.amax(1).shape == (0,)
    for f in (tw.amax, tw.amin, tw.argmax, tw.argmin):
        with pytest.raises((ShapeError, IndexError), match="empty"):
            f(e)
        with pytest.raises((ShapeError, IndexError), match="empty"):
            f(e, 0)
    with pytest.raises((ShapeError, IndexError), match="empty"):
        tw.max(e, 0)


def test_var_and_std():
    x = tw.tensor([[1.0, 2.0, 4.0], [3.0, 3.0, 3.0]], dtype=tw.float64)
    v = x.numpy()
    assert equals(x.var(), v.var(ddof=1)) and equals(x.std(), v.std(ddof=1))
    assert equals(x.var(1), v.var(1, ddof=1)) and equals(x.var(0, correction=0), v.var(0))
    assert equals(x.std(1, unbiased=False, keepdim=True), v.std(1, keepdims=True))
    assert equals(tw.var(x, (0, 1), correction=2), v.var(ddof=2))
    with np.errstate(all="ignore"):
        assert math.isnan(tw.tensor([1.0]).var().item())
    with pytest.raises(DtypeError):
        tw.tensor([1, 2]).var()


def test_extrema():
    x = tw.tensor([[3.0, 1.0, 3.0], [2.0, 5.0, 4.0]])
    assert x.max().item() == 5 and x.min().item() == 1
    values, indices = x.max(1)
    assert values.tolist() == [3, 5] and indices.tolist() == [0, 1]
    result = tw.min(x, dim=0, keepdim=True)
    assert result.values.tolist() == [[2, 1, 3]] and result.indices.tolist() == [[1, 0, 0]]
    assert tw.max(x, tw.tensor(3.0)).tolist() == [[3, 3, 3], [3, 5, 4]]
    assert x.argmax().item() == 4 and x.argmin(1).tolist() == [1, 0]
    assert x.argmax(0, keepdim=True).tolist() == [[0, 1, 1]]
    nans = tw.tensor([1.0, math.nan, 0.0])
    assert math.isnan(nans.max().item()) and nans.argmax().item() == 1 and math.isnan(nans.min(0).values.item())
    assert tw.tensor([1, 3, 2]).max().item() == 3


def test_norms():
    x = tw.tensor([[3.0, -4.0], [0.0, 12.0]], dtype=tw.float64)
    assert x.norm().item() == 13 and tw.norm(x, "fro").item() == 13
    assert equals(x.norm(dim=1), [5, 12])
    assert (
        x.norm(1).item() == 19
        and x.norm(math.inf).item() == 12
        and x.norm(-math.inf).item() == 0
        and x.norm(0).item() == 3
    )
    assert equals(x.norm(3, dim=0), [3, (64 + 1728) ** (1 / 3)])
    assert x.norm(dim=(0, 1), keepdim=True).shape == (1, 1)


def test_softmax_chooses_its_axis():
    x = grid(2, 3)
    assert equals(tw.softmax(x, -1).sum(1), [1, 1])
    assert equals(tw.log_softmax(x, 0).exp().sum(0), [1, 1, 1])
    assert tw.softmax(tw.tensor(3.0), 0).item() == 1
    assert tw.softmax(x, 1, dtype=tw.float32).dtype is tw.float32
    with pytest.raises(DtypeError, match="int64"):
        tw.softmax(tw.tensor([1, 2]), 0)
    with pytest.raises(IndexError, match="softmax: dim 2"):
        tw.softmax(x, 2)


# -- products ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3,)), ((3,), (5, 3, 2)),
        ((5, 1, 2, 3), (4, 3, 2)), ((0, 3), (3, 2)), ((2, 0), (0, 3)),
    ],
)  # fmt: skip
def test_matmul(a, b):
    x, y = grid(*a), grid(*b)
    assert equals(x @ y, np.matmul(x.numpy(), y.numpy()))
    assert equals(tw.matmul(x, y), np.matmul(x.numpy(), y.numpy()))


def test_products_by_name():
    a, b = grid(2, 3), grid(3, 2)
    assert equals(tw.mm(a, b), a.numpy() @ b.numpy())
    assert equals(tw.mv(a, grid(3)), [14, 32])
    assert tw.dot(grid(3), grid(3)).item() == 14
    assert equals(tw.outer(grid(2), grid(3)), [[1, 2, 3], [2, 4, 6]])
    assert equals(tw.bmm(a[None], b[None]), (a.numpy() @ b.numpy())[None])
    assert equals(tw.addmm(grid(2), a, b, beta=2, alpha=0.5), 2 * grid(2).numpy() + 0.5 * (a.numpy() @ b.numpy()))
    assert equals(np.ones((1, 2)) @ a, [[5, 7, 9]])


@pytest.mark.parametrize(
    ("name", "a", "b", "message"),
    [
        ("matmul", (2, 3), (2, 3), r"inner sizes differ.*\(2, 3\) @ \(2, 3\)"), ("matmul", (), (2,), "0-d"),
        ("matmul", (3,), (2,), r"\(3,\) @ \(2,\)"),
        ("matmul", (2, 2, 3), (3, 3, 2), "batch axes"),
        ("mm", (3,), (3, 2), r"mm: input must have 2 dimensions, got shape \(3,\)"),
        ("mv", (2, 3), (3, 1), "vec must have 1"), ("bmm", (2, 3), (3, 2), "3 dimensions"),
        ("dot", (2, 2), (2,), "input"), ("outer", (2, 2), (2,), "outer"),
    ],
)  # fmt: skip
def test_products_that_do_not_fit(name, a, b, message):
    with pytest.raises(ShapeError, match=message):
        getattr(tw, name)(tw.zeros(*a), tw.zeros(*b))


def test_products_need_tensors_of_one_dtype():
    with pytest.raises(DtypeError, match=r"float32 and thalweg\.float64"):
        tw.ones(2, 2) @ tw.ones(2, 2, dtype=tw.float64)
    with pytest.raises(TypeError, match="tensors"):
        tw.matmul(tw.ones(2, 2), 3)


# -- shapes -----------------------------------------------------------------------------------------------


def test_reshaping():
    x = grid(3, 4)
    assert x.reshape(2, 6).shape == x.reshape((2, 6)).shape == x.reshape([2, -1]).shape == x.view(-1, 6).shape == (2, 6)
    assert (
        x.flatten().shape == (12,)
        and grid(2, 3, 4).flatten(1).shape == (2, 12)
        and tw.tensor(1.0).flatten().shape == (1,)
    )
    assert grid(2, 6).unflatten(1, (2, 3)).shape == grid(2, 6).unflatten(-1, (-1, 3)).shape == (2, 2, 3)
    for sizes in ((5, 3), (-1, 5), (-1, -1), (-2, 6)):
        with pytest.raises(ShapeError, match=r"reshape: a tensor of shape \(3, 4\) \(12 elements\)"):
            x.reshape(*sizes)
    with pytest.raises(ShapeError, match="start_dim"):
        x.flatten(1, 0)
    with pytest.raises(ShapeError, match="unflatten"):
        x.unflatten(1, (3, 3))


def test_axes():
    x = grid(2, 3, 4)
    assert x.permute(2, 0, 1).shape == x.permute((2, 0, 1)).shape == tw.permute(x, (-1, 0, 1)).shape == (4, 2, 3)
    assert x.transpose(0, -1).shape == x.swapaxes(0, 2).shape == (4, 3, 2)
    assert x.movedim(0, -1).shape == (3, 4, 2) and x.movedim((0, 1), (1, 0)).shape == (3, 2, 4)
    assert x.mT.shape == (2, 4, 3) and grid(2, 3).T.shape == (3, 2) and grid(2).t().shape == (2,)
    assert x.unsqueeze(-1).shape == (2, 3, 4, 1) and x[None].squeeze(0).shape == (2, 3, 4)
    assert tw.zeros(1, 2, 1).squeeze().shape == (2,) and tw.zeros(1, 2, 1).squeeze(1).shape == (1, 2, 1)
    assert tw.zeros(1, 2, 1).squeeze((0, 2)).shape == (2,)
    with pytest.raises(ShapeError, match="not an order"):
        x.permute(0, 0, 1)
    with pytest.raises(IndexError, match="dim 3"):
        x.transpose(0, 3)
    with pytest.raises(ShapeError, match="at most 2"):
        x.t()
    with pytest.raises(ShapeError, match="movedim"):
        x.movedim((0, 1), (0,))


def test_repetition():
    x = grid(1, 2)
    assert x.expand(3, 2).tolist() == x.expand(3, -1).tolist() == x.broadcast_to((3, 2)).tolist() == [[1, 2]] * 3
    assert x.repeat(2, 2).tolist() == [[1, 2, 1, 2]] * 2 and grid(2).repeat(2, 1).tolist() == [[1, 2]] * 2
    assert tw.tile(x, (2,)).tolist() == [[1, 2, 1, 2]]
    a, b = tw.broadcast_tensors(grid(3, 1), grid(4))
    assert a.shape == b.shape == (3, 4)
    with pytest.raises(ShapeError, match=r"\(1, 2\).*\(3, 3\)|expand"):
        x.expand(3, 3)
    with pytest.raises(ShapeError, match="fewer"):
        x.expand(2)
    with pytest.raises(ShapeError, match="fewer"):
        x.repeat(2)
    with pytest.raises(ShapeError, match="broadcast_tensors"):
        tw.broadcast_tensors(grid(3), grid(4))


def test_flips_and_rolls():
    x = grid(2, 3)
    assert x.flip(0).tolist() == [[4, 5, 6], [1, 2, 3]] and x.flip(0, 1).tolist() == x.flip((0, 1)).tolist() == [
        [6, 5, 4],
        [3, 2, 1],
    ]
    assert x.roll(1).tolist() == [[6, 1, 2], [3, 4, 5]] and x.roll(-1, 1).tolist() == [[2, 3, 1], [5, 6, 4]]
    assert x.roll((1, 2), (0, 1)).tolist() == [[5, 6, 4], [2, 3, 1]]
    with pytest.raises(ShapeError, match="roll"):
        x.roll((1, 2), 0)


def test_joining():
    x = grid(2, 3)
    assert tw.cat([x, x[:1]]).shape == (3, 3) and tw.cat((x, x), -1).shape == (2, 6)
    assert tw.stack([x, x], 1).shape == (2, 2, 3) and tw.stack([tw.tensor(1), tw.tensor(2)]).tolist() == [1, 2]
    assert tw.cat([x, tw.zeros(0)]).shape == (2, 3)
    assert tw.concat([x, x]).shape == tw.concatenate([x, x], dim=0).shape == (4, 3)
    with pytest.raises(ShapeError, match=r"cat: tensor 1 has shape \(2, 2\), tensor 0 \(2, 3\)"):
        tw.cat([x, x[:, :2]])
    with pytest.raises(ShapeError, match="at least one"):
        tw.cat([])
    with pytest.raises(ShapeError, match="at least one"):
        tw.stack([])
    with pytest.raises(ShapeError, match="0-d"):
        tw.cat([tw.tensor(1), tw.tensor(2)])
    with pytest.raises(ShapeError, match=r"stack: tensor 1 has shape \(3,\), tensor 0 has \(2,\)"):
        tw.stack([grid(2), grid(3)])
    with pytest.raises(TypeError, match="int"):
        tw.cat([x, 1])
    with pytest.raises(IndexError, match="dim 2"):
        tw.cat([x, x], 2)


def test_splitting():
    x = tw.arange(10)
    assert [len(p) for p in x.split(4)] == [4, 4, 2] and [len(p) for p in x.split([3, 7])] == [3, 7]
    assert [len(p) for p in x.chunk(4)] == [3, 3, 3, 1] and [len(p) for p in x.chunk(20)] == [1] * 10
    assert [p.tolist() for p in grid(2, 2).unbind(1)] == [[1, 3], [2, 4]]
    assert x.narrow(0, 2, 3).tolist() == [2, 3, 4] and x.narrow(0, -3, 2).tolist() == [7, 8]
    assert grid(2, 3).select(1, -1).tolist() == [3, 6]
    assert len(tw.zeros(0, 2).split(3)) == 1 and tw.zeros(0, 2).chunk(3)[0].shape == (0, 2)
    with pytest.raises(ShapeError, match="10"):
        x.split([3, 3])
    with pytest.raises(ShapeError, match="positive"):
        x.split(0)
    with pytest.raises(ShapeError, match="positive"):
        x.chunk(0)
    with pytest.raises(ShapeError, match="narrow"):
        x.narrow(0, 8, 3)
    with pytest.raises(IndexError, match="select: index 3"):
        grid(2, 3).select(1, 3)


def test_triangles_and_diagonals():
    x = grid(3, 3)
    assert x.tril().tolist() == [[1, 0, 0], [4, 5, 0], [7, 8, 9]] and x.triu(1).tolist() == [
        [0, 2, 3],
        [0, 0, 6],
        [0, 0, 0],
    ]
    assert x.diag().tolist() == [1, 5, 9] and x.diag(1).tolist() == [2, 6]
    assert tw.diag(tw.tensor([1, 2]), -1).tolist() == [[0, 0, 0], [1, 0, 0], [0, 2, 0]]
    assert tw.tril(tw.ones(2, 2, 2)).tolist() == [[[1, 0], [1, 1]]] * 2
    with pytest.raises(ShapeError, match=r"\(2,\)"):
        tw.tril(grid(2))
    with pytest.raises(ShapeError, match="diag"):
        tw.diag(grid(2, 2, 2))


def test_information():
    x = tw.zeros(2, 3, dtype=tw.float64)
    assert x.dim() == x.ndim == x.ndimension() == 2 and x.numel() == x.nelement() == tw.numel(x) == 6
    assert x.size() == (2, 3) and x.size(1) == x.size(-1) == 3 and x.shape.numel() == 6 and len(x) == 2
    assert x.stride(-2) == 3
    for f in (x.size, x.stride):
        with pytest.raises(IndexError, match="dim 5"):
            f(5)
    assert x.stride() == (3, 1) and x.T.stride() == (1, 3) and x.is_contiguous() and not x.T.is_contiguous()
    assert x.element_size() == x.itemsize == 8 and x.nbytes == 48 and x.data_ptr() == x.T.data_ptr()
    assert (
        x.is_floating_point()
        and tw.is_floating_point(x)
        and not x.is_complex()
        and not tw.tensor(1).is_floating_point()
    )
    assert tw.is_tensor(x) and not tw.is_tensor(1)
    assert str(x.device) == "cpu" and not x.is_cuda and x.type() == "thalweg.DoubleTensor"


def test_hash_and_identity():
    x, y = tw.ones(2), tw.ones(2)
    assert len({x, y, x}) == 2 and {x: 1}[x] == 1
    assert (x == y).tolist() == [True, True] and (x != y).tolist() == [False, False]
    assert (x == None) is False  # noqa: E711
    assert x is not y and +x is x


def test_copies():
    x = tw.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    assert y.requires_grad and y.is_leaf and y.grad.tolist() == [2, 4] and y.grad is not x.grad
    y.data[0] = 9
    assert x.tolist() == [1, 2]
    with pytest.raises(RuntimeError, match="leaf"):
        copy.deepcopy(x * 2)
    c = (x * 2).clone()
    assert c.requires_grad and not np.shares_memory(c.detach().numpy(), x.detach().numpy())


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "argmax", "cumsum", "softmax", "sort", "std", "any", "prod"])
def test_numpys_names_of_arguments(name):
    x = tw.tensor([[1.0, 3.0, 2.0], [4.0, 0.0, 5.0]])
    for call in (getattr(tw, name), getattr(tw.Tensor, name)):
        for a, b in zip(_parts(call(x, axis=1)), _parts(call(x, dim=1)), strict=True):
            assert a.tolist() == b.tolist()
        with pytest.raises(TypeError, match="both dim and axis"):
            call(x, axis=1, dim=1)


def _parts(result):
    return result if isinstance(result, tuple) else (result,)


def test_numpys_keepdims():
    x = tw.ones(2, 3)
    assert x.sum(axis=(0, 1), keepdims=True).shape == tw.mean(x, axis=[0, 1], keepdims=True).shape == (1, 1)
    assert tw.cat([x, x], axis=1).shape == (2, 6) and tw.stack([x, x], axis=2).shape == (2, 3, 2)
    assert tw.max(x, axis=0, keepdims=True).values.shape == (1, 3)
