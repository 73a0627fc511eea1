"""autograd.Function: what forward and backward may do, and what is refused."""

import numpy as np
import pytest

import thalweg as tw
from thalweg.autograd import Function, gradcheck, gradgradcheck, once_differentiable
from thalweg.errors import AutogradError


def leaf(data, dtype=tw.float64):
    return tw.tensor(data, dtype=dtype, requires_grad=True)


class Square(Function):
    """x * x."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return 2 * x * dy


class ProductAndSum(Function):
    """(k a b, a + b) for a number k."""

    @staticmethod
    def forward(ctx, a, b, k):
        ctx.save_for_backward(a, b)
        ctx.k = k
        return a * b * k, a + b

    @staticmethod
    def backward(ctx, dp, ds):
        a, b = ctx.saved_tensors
        return dp * b * ctx.k + ds, dp * a * ctx.k + ds, None


class Exponential(Function):
    """exp(x), whose backward reads the output."""

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return dy * y


def test_values_and_gradients():
    x = leaf([1.0, 2.0])
    y = Square.apply(x)
    assert y.tolist() == [1.0, 4.0]
    assert repr(y) == "tensor([1., 4.], dtype=thalweg.float64, grad_fn=<SquareBackward>)"
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


@pytest.mark.parametrize("fast", [False, True], ids=["slow", "fast"])
def test_two_orders(fast):
    a, b = leaf([1.0, 2.0]), leaf([-3.0, 0.5])
    for function, inputs in (
        (Square.apply, (a,)),
        (Exponential.apply, (a,)),
        (lambda a, b: ProductAndSum.apply(a, b, 2.5), (a, b)),
        (lambda a, b: ProductAndSum.apply(a, Exponential.apply(b), 1.0)[0], (a, b)),
    ):
        assert gradcheck(function, inputs, fast_mode=fast)
        assert gradgradcheck(function, inputs, fast_mode=fast)


def test_the_third_order_of_a_saved_output():
    x = leaf(0.5)
    y = Exponential.apply(x)
    for _ in range(3):
        (y,) = tw.autograd.grad(y, x, create_graph=True)
        assert abs(y.item() - np.exp(0.5)) < 1e-14


def test_outputs_that_are_not_used_count_as_zeros():
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    product, _ = ProductAndSum.apply(a, b, 2.0)
    product.sum().backward()
    assert a.grad.tolist() == [6.0, 8.0] and b.grad.tolist() == [2.0, 4.0]


def test_or_as_none():
    seen = []

    class Pair(Function):
        """(x, 2 x)."""

        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, da, db):
            seen.append((da is None, db is None))
            return db * 2

    x = leaf([1.0])
    Pair.apply(x)[1].sum().backward()
    assert seen == [(True, False)]
    assert x.grad.tolist() == [2.0]


def test_what_needs_a_gradient():
    seen = []

    class Sum(Function):
        """a + b."""

        @staticmethod
        def forward(ctx, a, b, c):
            return a + b

        @staticmethod
        def backward(ctx, dy):
            seen.append(ctx.needs_input_grad)
            return dy, dy, None

    b = tw.ones(1, dtype=tw.float64)
    Sum.apply(leaf([1.0]), b, 3).sum().backward()
    assert seen == [(True, False, False)]
    assert b.grad is None


def test_forward_is_not_recorded_and_sees_the_inputs():
    modes = []

    class Probe(Function):
        """x + 1."""

        @staticmethod
        def forward(ctx, x):
            modes.append(tw.is_grad_enabled())
            assert not (x * 2).requires_grad
            return x + 1

        @staticmethod
        def backward(ctx, dy):
            modes.append(tw.is_grad_enabled())
            return dy

    x = leaf([1.0])
    y = Probe.apply(x)
    y.sum().backward(retain_graph=True)
    tw.autograd.grad(y.sum(), x, create_graph=True)
    assert modes == [False, False, True]
    with tw.no_grad():
        assert not Probe.apply(x).requires_grad
    assert not Probe.apply(tw.ones(1)).requires_grad


def test_outputs_without_a_gradient():
    class Halves(Function):
        """(x / 2, whether x > 1, as numbers)."""

        @staticmethod
        def forward(ctx, x):
            large = (x > 1).double()
            ctx.mark_non_differentiable(large)
            return x / 2, large

        @staticmethod
        def backward(ctx, dy, _):
            return dy / 2

    x = leaf([1.0, 2.0])
    half, large = Halves.apply(x)
    assert half.requires_grad and not large.requires_grad
    half.sum().backward()
    assert x.grad.tolist() == [0.5, 0.5]


def test_outputs_that_are_no_tensors():
    class Mixed(Function):
        """(2 x, 7, None)."""

        @staticmethod
        def forward(ctx, x):
            return x * 2, 7, None

        @staticmethod
        def backward(ctx, dy, *_):
            return dy * 2

    x = leaf([1.0])
    y, seven, nothing = Mixed.apply(x)
    y.sum().backward()
    assert (seven, nothing) == (7, None)
    assert x.grad.tolist() == [2.0]


def test_in_place_functions():
    class Triple(Function):
        """x becomes 3 x."""

        @staticmethod
        def forward(ctx, x):
            x.mul_(3)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, dy):
            return dy * 3

    x = leaf([1.0, 2.0])
    y = x * 1
    z = Triple.apply(y)
    assert z is y and y.tolist() == [3.0, 6.0]
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    with pytest.raises(AutogradError, match="Triple: a leaf tensor"):
        Triple.apply(x)


def test_an_input_returned_unchanged_becomes_a_tensor_of_its_own():
    class Same(Function):
        """x, with a gradient of 5."""

        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, dy):
            return dy * 5

    x = leaf([1.0])
    y = Same.apply(x)
    assert y is not x and x.is_leaf
    y.sum().backward()
    assert x.grad.tolist() == [5.0]


def test_setup_context():
    class Times(Function):
        """a * b."""

        @staticmethod
        def forward(a, b):
            return a * b

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, dy):
            a, b = ctx.saved_tensors
            return dy * b, dy * a

    assert gradcheck(Times.apply, (leaf([1.0, 2.0]), leaf([3.0, 4.0])))


def test_saved_tensors_are_watched_and_freed():
    x = leaf([1.0, 2.0])
    h = x * 1
    y = Square.apply(h)
    h.add_(1)
    with pytest.raises(AutogradError, match="gradient of Square was changed in place"):
        y.sum().backward()
    z = Square.apply(x[:1])
    z.backward()
    with pytest.raises(AutogradError, match=r"freed.*SquareBackward"):
        z.backward()
    w = Square.apply(x).sum()
    w.backward(retain_graph=True)
    w.backward()


def test_none_is_a_gradient():
    class First(Function):
        """a, whatever b is."""

        @staticmethod
        def forward(ctx, a, b):
            return a * 1

        @staticmethod
        def backward(ctx, dy):
            return dy, None

    a, b = leaf([1.0]), leaf([2.0])
    First.apply(a, b).sum().backward()
    assert a.grad.tolist() == [1.0] and b.grad is None


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda dy: dy, r"Bad\.backward: returned 1 gradients for 2 inputs"),
        (lambda dy: (dy, dy, dy), "returned 3 gradients for 2 inputs"),
        (lambda dy: (dy, 3.0), "gradient 1 is a float"),
        (lambda dy: (tw.ones(3), dy), r"gradient 0 has shape \(3,\), but input 0 of forward has shape \(2,\)"),
        (lambda dy: (dy, tw.ones(())), r"gradient 1 has shape \(\), but input 1"),
    ],
)
def test_gradients_that_do_not_fit(result, message):
    class Bad(Function):
        """a + b."""

        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, dy):
            return result(dy)

    with pytest.raises(AutogradError, match=message):
        Bad.apply(leaf([1.0, 2.0]), leaf([1.0, 2.0])).sum().backward()


def test_gradients_are_fitted():
    class Wide(Function):
        """Repeats x; its gradient comes back unsummed and in float64."""

        @staticmethod
        def forward(ctx, x):
            return x.expand(3, 2) * 1

        @staticmethod
        def backward(ctx, dy):
            return dy.double(), None, dy.sum(0)

    x = leaf([1.0, 2.0], tw.float32)
    with pytest.raises(AutogradError, match="returned 3"):
        Wide.apply(x).sum().backward()

    class Fitted(Wide):
        """The same with one gradient."""

        @staticmethod
        def backward(ctx, dy):
            return dy.double()

    Fitted.apply(x).sum().backward()
    assert x.grad.dtype is tw.float32 and x.grad.tolist() == [3.0, 3.0]


def test_once_differentiable():
    class Cube(Function):
        """x ** 3, to first order only."""

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        @once_differentiable
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return 3 * x * x * dy

    x = leaf([2.0])
    Cube.apply(x).sum().backward()
    assert x.grad.tolist() == [12.0]
    dy = leaf([1.0])
    (g,) = tw.autograd.grad(Cube.apply(x), x, dy, create_graph=True)
    assert g.tolist() == [12.0]
    with pytest.raises(AutogradError, match="once_differentiable"):
        g.sum().backward()


def test_functions_without_methods_say_so():
    class Empty(Function):
        """Nothing."""

    with pytest.raises(NotImplementedError, match="forward"):
        Empty.apply(leaf([1.0]))
