"""Reading and writing by index, against NumPy where the rules agree and by hand where they don't."""

import numpy as np
import pytest

import thalweg as tw
from thalweg.autograd import gradcheck, gradgradcheck
from thalweg.errors import AutogradError, DtypeError, ShapeError


def grid(*shape):
    return np.arange(1.0, 1 + np.prod(shape)).reshape(shape)


TWICE, COLUMN = np.array([2, 0, 2]), np.array([[1], [3]])
MASK = grid(3, 4) % 3 == 0

BASIC = [
    0, -1, np.int64(1), slice(None), slice(1, None), slice(None, None, 2), slice(-2, -1), slice(5, 9), slice(2, 1),
    None, ...,
    (), (1, 2), (0, slice(1, 3)), (slice(None), -1), (..., 1), (1, ...), (None, 1, None, 2),
    (slice(0, 2), None, slice(None, None, 3)),
    (..., None), (1, 2, ...), (..., 1, 2), (slice(None), slice(2, 2)), (slice(None, 100), slice(-100, None)),
]  # fmt: skip

ADVANCED = [
    TWICE, [2, 0], [[0, 1], [2, 2]], (TWICE, np.array([1, 1, 3])), (slice(None), COLUMN), (COLUMN % 3, slice(0, 2)),
    (1, COLUMN),
    (COLUMN % 3, 1), (TWICE, None), (None, TWICE),
    (np.array([0]), slice(None), None), (..., np.array([3, -1])), (TWICE[:, None], COLUMN.T), MASK, (MASK[:, 0],),
    (slice(None), MASK[0]),
    (np.array([True, False, True]), np.array([1, 3])), (1, MASK[1]), np.zeros((3, 4), bool), np.zeros(3, bool),
    np.zeros(0, np.int64),
    (np.zeros(0, np.int64), slice(None)), (np.array(1), slice(None)), (np.array(1), np.array([0, 2])), True, False,
    (True, 0),
    (np.array([-1, -3]), -1), (np.array([0, 1], np.int32),), (np.array([0, 1]), np.array([[0], [1]], np.int8)),
]  # fmt: skip


def as_tensors(index):
    """The same index with tensors for arrays."""
    if isinstance(index, tuple):
        return tuple(as_tensors(i) for i in index)
    return tw.from_numpy(index) if isinstance(index, np.ndarray) else index


def describe(index):
    if isinstance(index, tuple):
        return "(" + ",".join(describe(i) for i in index) + ")"
    if isinstance(index, np.ndarray):
        return f"{index.dtype}{list(index.shape)}"
    return str(index).replace("slice", "")


@pytest.mark.parametrize("index", BASIC + ADVANCED, ids=describe)
def test_get(index):
    a = grid(3, 4)
    expected = a[index]
    for form in (index, as_tensors(index)):
        y = tw.tensor(a)[form]
        assert isinstance(y, tw.Tensor)
        assert y.shape == np.shape(expected)
        np.testing.assert_array_equal(y.numpy(), expected)


@pytest.mark.parametrize("index", BASIC, ids=describe)
def test_basic_indices_give_views(index):
    x = tw.tensor(grid(3, 4))
    y = x[index]
    assert y.numel() == 0 or np.shares_memory(x.numpy(), y.numpy())
    y.fill_(-1)
    expected = grid(3, 4)
    expected[index] = -1
    np.testing.assert_array_equal(x.numpy(), expected)


@pytest.mark.parametrize("index", ADVANCED, ids=describe)
def test_arrays_give_copies(index):
    x = tw.tensor(grid(3, 4))
    if isinstance(index, tuple) and np.ndim(index[0]) == 0 and np.ndim(index[-1]) == 0 and index[0] is not True:
        return  # 0-d tensors count as integers
    assert not np.shares_memory(x.numpy(), x[as_tensors(index)].numpy())


@pytest.mark.parametrize("index", BASIC + ADVANCED, ids=describe)
@pytest.mark.parametrize("value", ["number", "fits", "broadcast"])
def test_set(index, value):
    expected = grid(3, 4)
    part = np.asarray(expected[index])
    values = {"number": 7.5, "fits": -grid(*part.shape), "broadcast": -grid(*part.shape[-1:])}[value]
    expected[index] = values
    for form in (index, as_tensors(index)):
        x = tw.tensor(grid(3, 4))
        x[form] = values if value == "number" else tw.tensor(values)
        if writes_twice(index) and value == "fits":
            continue
        np.testing.assert_array_equal(x.numpy(), expected)


@pytest.mark.parametrize("index", BASIC + ADVANCED, ids=describe)
def test_gradient_of_get(index):
    x = tw.tensor(grid(3, 4), requires_grad=True)
    assert gradcheck(lambda x: x[as_tensors(index)] ** 2, x, atol=1e-4)
    assert gradgradcheck(lambda x: x[as_tensors(index)] ** 2, x, atol=1e-4, fast_mode=True)


def writes_twice(index):
    """Whether a position occurs twice, so that one of two values is stored."""
    places = np.asarray(np.arange(12).reshape(3, 4)[index])
    return places.size != np.unique(places).size


UNIQUE = [i for i in BASIC + ADVANCED if not writes_twice(i)]


@pytest.mark.parametrize("index", UNIQUE, ids=describe)
@pytest.mark.parametrize("broadcast", [False, True], ids=["fits", "broadcast"])
def test_gradients_of_set(index, broadcast):
    x = tw.tensor(grid(3, 4), requires_grad=True)
    shape = np.shape(grid(3, 4)[index])
    w = tw.tensor(grid(*shape[-1:] if broadcast else shape), requires_grad=True)

    def program(x, w):
        y = x * 1
        y[as_tensors(index)] = w * w
        return y * y

    assert gradcheck(program, (x, w), atol=1e-3)
    assert gradgradcheck(program, (x, w), atol=1e-2, fast_mode=True)


def test_integers_are_applied_before_arrays():
    """PyTorch's order of axes; NumPy counts the integer among the arrays and puts their axes first."""
    a = grid(2, 3, 4)
    x = tw.tensor(a, requires_grad=True)
    for index in ((0, slice(None), [1, 3]), (tw.tensor(0), slice(None), tw.tensor([1, 3]))):
        y = x[index]
        np.testing.assert_array_equal(y.detach().numpy(), a[0][:, [1, 3]])
    z = x * 1
    z[1, :, tw.tensor([0, 2])] = tw.tensor(-grid(3, 2))
    expected = a.copy()
    expected[1][:, [0, 2]] = -grid(3, 2)
    np.testing.assert_array_equal(z.detach().numpy(), expected)
    z.sum().backward()
    assert x.grad.sum().item() == 24 - 6
    np.testing.assert_array_equal(x.detach()[[0, 1], :, 2].numpy(), a[[0, 1], :, 2])


def test_repeated_positions_add_up_in_the_gradient():
    x = tw.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (x[tw.tensor([0, 0, 2, 0])] * tw.tensor([1.0, 10.0, 100.0, 1000.0])).sum().backward()
    assert x.grad.tolist() == [1011.0, 0.0, 100.0]


def test_iteration_and_containers():
    x = tw.tensor(grid(3, 2))
    assert [row.tolist() for row in x] == [[1, 2], [3, 4], [5, 6]]
    assert len(x) == 3
    assert 4 in x and 7 not in x
    _, b, _ = x
    assert b.tolist() == [3, 4]
    with pytest.raises(TypeError, match="0-d"):
        len(tw.tensor(1))
    with pytest.raises(TypeError, match="0-d"):
        iter(tw.tensor(1))
    assert [10, 20, 30][tw.tensor(1)] == 20


def test_zero_dimensional_tensors():
    x = tw.tensor(5.0)
    assert x[()].shape == () and x[...].shape == () and x[None].shape == (1,)
    assert x[tw.tensor(True)].tolist() == [5.0]
    assert x[tw.tensor(False)].tolist() == []
    x[...] = 6
    assert x.item() == 6
    x[()] = 7
    assert x.item() == 7
    x[x > 1] = 8
    assert x.item() == 8
    with pytest.raises(IndexError):
        x[0]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (3, "3"), (-4, "-4"), ((0, 4), "4"), ((0, 0, 0), "too many|3"), ([0, 3], "3"), (tw.tensor([-4]), "-4"),
        (1.5, "integer or bool, not float64"), ("a", "integer or bool"),
        (tw.tensor([0], dtype=tw.uint8), "mask or positions"), (tw.tensor([0.5]), "integer or bool"),
        ((..., ...), "[Ee]llips"),
        (tw.tensor([True, False]), r"\[?2"), (tw.tensor([True, False, False, False]), r"4"),
        (tw.ones(3, 5, dtype=tw.bool), "5"), ((0, tw.tensor([True, False, True])), "3"),
        ((tw.tensor([0, 1]), tw.tensor([0, 1, 2])), "broadcast|shape"),
        (tw.tensor([False, False, False, False]), "4"),
    ],
)  # fmt: skip
def test_bad_indices(index, message):
    x = tw.tensor(grid(3, 4))
    with pytest.raises(IndexError, match=message):
        x[index]
    with pytest.raises(IndexError, match=message):
        x[index] = 1.0
    np.testing.assert_array_equal(x.numpy(), grid(3, 4))


def test_negative_steps_are_refused():
    x = tw.tensor(grid(3, 4))
    for index in (slice(None, None, -1), (0, slice(None, None, -2)), slice(None, None, 0)):
        with pytest.raises(ShapeError, match=r"steps must be positive.*flip"):
            x[index]


def test_bad_values():
    x = tw.tensor(grid(3, 4))
    with pytest.raises(ShapeError, match=r"shape \(3,\) does not fit into the selected shape \(4,\).*\(3, 4\)"):
        x[0] = tw.ones(3)
    with pytest.raises(ShapeError, match=r"\(2, 4\)"):
        x[[0, 1, 2]] = tw.ones(2, 4)
    with pytest.raises(ShapeError):
        x[x > 3] = tw.ones(2)
    with pytest.raises((TypeError, DtypeError)):
        x[0] = "text"
    n = tw.tensor([1, 2])
    with pytest.raises(DtypeError, match="float32"):
        n[0] = tw.tensor(1.5, requires_grad=True)


def test_leading_ones_of_a_value_are_dropped():
    x = tw.tensor(grid(3, 4))
    x[0] = tw.zeros(1, 1, 4)
    x[1, 1] = tw.zeros(1)
    x[[2]] = tw.zeros(1, 1, 4)
    assert x[0].tolist() == [0] * 4 and x[1, 1].item() == 0 and x[2].tolist() == [0] * 4
    w = tw.tensor([[2.0, 2.0, 2.0, 2.0]], requires_grad=True)
    y = tw.zeros(2, 4)
    y[0, :] = w
    y[[1]] = w[None] * 10
    y.sum().backward()
    assert w.grad.tolist() == [[11.0] * 4]


def test_values_are_converted():
    x = tw.zeros(4)
    x[0] = True
    x[1] = 3
    x[2:] = tw.tensor([2.5, 3.5], dtype=tw.float64)
    assert x.dtype is tw.float32 and x.tolist() == [1.0, 3.0, 2.5, 3.5]
    x[1:3] = np.array([9, 8])
    x[3:] = [7.0]
    assert x.tolist() == [1.0, 9.0, 8.0, 7.0]
    b = tw.zeros(2, dtype=tw.bool)
    b[0] = 5
    assert b.tolist() == [True, False]


def test_assignment_to_overlapping_memory():
    x = tw.tensor(np.arange(6.0))
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3, 4]
    y = tw.tensor(grid(3, 3))
    y[:] = y.T
    np.testing.assert_array_equal(y.numpy(), grid(3, 3).T)


def test_augmented_assignment_through_an_index():
    x = tw.tensor([1.0, 2.0, 3.0])
    x[1:] += 10
    x[0] *= 5
    x[tw.tensor([0, 2])] -= 1
    assert x.tolist() == [4.0, 12.0, 12.0]
    w = tw.tensor([2.0, 3.0], requires_grad=True)
    y = tw.ones(3)
    y[1:] *= w
    y[0] += w[0]
    (y * tw.tensor([100.0, 1.0, 10.0])).sum().backward()
    assert w.grad.tolist() == [101.0, 10.0]


def test_indices_that_change_later_are_noticed():
    x = tw.tensor([1.0, 2.0, 3.0], requires_grad=True)
    i = tw.tensor([0, 0])
    y = x[i]
    z = x * 1
    j = tw.tensor([1])
    z[j] = x[2] * 2
    i.fill_(2)
    j.fill_(2)
    with pytest.raises(AutogradError, match="gradient of take was changed in place"):
        y.sum().backward()
    with pytest.raises(AutogradError, match=r"gradient of index_?put was changed in place"):
        z.sum().backward()


def test_masks_that_change_later_do_not_change_the_gradient():
    x = tw.tensor([1.0, 2.0, 3.0], requires_grad=True)
    mask = tw.tensor([True, False, True])
    y = x[mask]
    mask.fill_(False)
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 0.0, 1.0]


# -- the functions that select ----------------------------------------------------------------------------


def test_gather_and_scatter_add():
    x = tw.tensor(grid(3, 4))
    i = tw.tensor([[0, 3], [2, 2], [1, 0]])
    assert tw.gather(x, 1, i).tolist() == [[1, 4], [7, 7], [10, 9]]
    assert x.gather(0, tw.tensor([[2, 0, 1, 0]])).tolist() == [[9, 2, 7, 4]]
    assert tw.zeros(3, 4).scatter_add(1, i, tw.ones(3, 2)).tolist() == [[1, 0, 0, 1], [0, 0, 2, 0], [1, 1, 0, 0]]
    with pytest.raises(IndexError, match=r"index 4 is out of range.*4"):
        x.gather(1, tw.tensor([[4]]))
    with pytest.raises(IndexError, match="-1"):
        x.gather(1, tw.tensor([[-1]]))
    with pytest.raises(ShapeError, match=r"\(1,\).*\(3, 4\)"):
        x.gather(1, tw.tensor([0]))
    with pytest.raises(ShapeError, match="along dim 0"):
        x.gather(1, tw.zeros(4, 1, dtype=tw.int64))
    with pytest.raises(IndexError, match="integer"):
        x.gather(1, tw.zeros(1, 1))


def test_scatter_forms():
    ones = tw.ones(2, 2)
    assert tw.zeros(2, 2).scatter_(1, tw.tensor([[0], [1]]), ones).tolist() == [[1, 0], [0, 1]]  # the rest is not used
    assert tw.zeros(2, 2).scatter_(1, tw.tensor([[0], [1]]), 3.0).tolist() == [[3, 0], [0, 3]]
    assert tw.tensor(1.0).scatter_add(0, tw.tensor(0), tw.tensor(2.0)).item() == 3
    assert tw.zeros(3).scatter_add(0, tw.tensor([0, 1]), tw.ones(4)).tolist() == [1, 1, 0]
    assert tw.tensor(5.0).index_select(0, tw.tensor([0])).item() == 5
    for call, error, message in (
        (
            lambda: tw.zeros(3).scatter_add(0, tw.tensor([0, 1, 2, 0]), tw.ones(2)),
            ShapeError,
            r"larger than src \(2,\)",
        ),
        (
            lambda: tw.zeros(2, 2).scatter_(1, tw.tensor([[0], [2]]), 3.0),
            IndexError,
            "scatter: index 2 is out of range",
        ),
        (lambda: tw.zeros(2, 2).scatter_(1, tw.tensor([0]), 3.0), ShapeError, "equally many axes"),
        (lambda: tw.zeros(1, 2).scatter_(1, tw.zeros(2, 1).long(), 3.0), ShapeError, "larger than input.*dim 0"),
        (lambda: tw.zeros(2).scatter_add(0, tw.tensor([0]), tw.ones(1).double()), DtypeError, "float64.*float32"),
        (lambda: tw.zeros(2).scatter_(0, tw.tensor([0]), tw.ones(1).double()), DtypeError, "float64.*float32"),
    ):
        with pytest.raises(error, match=message):
            call()


def test_index_select_and_take_along_dim():
    x = tw.tensor(grid(3, 4))
    assert tw.index_select(x, 1, tw.tensor([3, 3, 0])).tolist() == [[4, 4, 1], [8, 8, 5], [12, 12, 9]]
    order = x.argmin(1, keepdim=True)
    assert tw.take_along_dim(x, order, 1).tolist() == [[1], [5], [9]]
    assert tw.take_along_dim(x, tw.tensor([11, 0])).tolist() == [12, 1]
    with pytest.raises(IndexError, match="3"):
        x.index_select(0, tw.tensor([3]))


def test_masked_select_and_fill():
    x = tw.tensor(grid(2, 3))
    assert x.masked_select(x > 3).tolist() == [4, 5, 6]
    assert x.masked_select(tw.tensor([True, False, True])).tolist() == [1, 3, 4, 6]
    assert x.masked_fill(x > 3, 0).tolist() == [[1, 2, 3], [0, 0, 0]]
    assert x.masked_fill(x > 3, tw.tensor(-1)).tolist() == [[1, 2, 3], [-1, -1, -1]]
    with pytest.raises(DtypeError, match="bool"):
        x.masked_fill(tw.ones(2, 3), 0)


def test_nonzero_and_where():
    x = tw.tensor([[0, 3], [4, 0]])
    assert tw.nonzero(x).tolist() == [[0, 1], [1, 0]]
    assert [i.tolist() for i in tw.nonzero(x, as_tuple=True)] == [[0, 1], [1, 0]]
    assert [i.tolist() for i in tw.where(x > 0)] == [[0, 1], [1, 0]]
    assert tw.nonzero(tw.tensor(3)).shape == (1, 0)
    assert tw.nonzero(tw.tensor(0)).shape == (0, 0)
    assert tw.where(x > 0, x, -1).tolist() == [[-1, 3], [4, -1]]
    assert tw.where(x > 0, 1.0, 0.0).dtype is tw.float32
    with pytest.raises(DtypeError, match="bool"):
        tw.where(x, x, x)
