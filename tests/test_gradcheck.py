"""The checker is checked first: it must find what is wrong and pass what is right."""

import re

import numpy as np
import pytest

import thalweg as tw
from thalweg.autograd import Function, GradcheckError, gradcheck, gradgradcheck
from thalweg.errors import TransformError

MODES = pytest.mark.parametrize("fast", [False, True], ids=["slow", "fast"])


def leaf(*shape, seed=0):
    value = np.random.default_rng(seed).normal(size=shape)
    return tw.tensor(value, requires_grad=True)


class Scaled(Function):
    """x * x, with a gradient that is 1 % off."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return 2.02 * x * dy


class WrongAtSecondOrder(Function):
    """x ** 3: the gradient is right, but it is recorded as if x were a constant."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return dy * (3 * x * x).detach()


class IgnoresCotangent(Function):
    """Its backward does not multiply by the gradient that it is given."""

    @staticmethod
    def forward(ctx, x):
        return x.sum()

    @staticmethod
    def backward(ctx, dy):
        return tw.ones(3, dtype=tw.float64)


@MODES
def test_right_gradients_pass(fast):
    x, w, b = leaf(3, 4), leaf(4, 2, seed=1), leaf(2, seed=2)
    assert gradcheck(lambda x, w, b: tw.tanh(x @ w + b), (x, w, b), fast_mode=fast)
    assert gradgradcheck(lambda x, w, b: tw.tanh(x @ w + b), (x, w, b), fast_mode=fast)


@MODES
def test_a_wrong_gradient_is_caught(fast):
    with pytest.raises(GradcheckError, match="output 0 by input 0 is wrong in 6 of 36 entries"):
        gradcheck(Scaled.apply, leaf(2, 3), fast_mode=fast)
    assert not gradcheck(Scaled.apply, leaf(2, 3), fast_mode=fast, raise_exception=False)


@MODES
def test_a_wrong_second_derivative_is_caught(fast):
    x = leaf(3)
    assert gradcheck(WrongAtSecondOrder.apply, x, fast_mode=fast)
    with pytest.raises(GradcheckError, match="output 0 by input 0"):
        gradgradcheck(WrongAtSecondOrder.apply, x, fast_mode=fast)
    assert not gradgradcheck(WrongAtSecondOrder.apply, x, fast_mode=fast, raise_exception=False)


def test_the_message_names_the_place_and_both_values():
    x = tw.tensor([1.0, 2.0, 5.0], dtype=tw.float64, requires_grad=True)

    def second_is_wrong(a, x):
        good, bad = a * x[:2], Scaled.apply(x[2:])
        return good, tw.cat([x[:2] * 1, bad])

    with pytest.raises(GradcheckError) as caught:
        gradcheck(second_is_wrong, (3.0, x))
    text = str(caught.value)
    assert "output 1 by input 1" in text
    assert "output element (2,) and input element (2,)" in text
    assert "analytical 10.1 " in text
    assert re.search(r"numerical (10|10\.00000\d+|9\.99999\d+),", text)
    assert "largest difference is 0.1" in text


def test_a_single_wrong_input_is_named():
    x, z = leaf(2), leaf(2, seed=1)
    with pytest.raises(GradcheckError, match="output 0 by input 1"):
        gradcheck(lambda x, z: x * Scaled.apply(z), (x, z))


@MODES
def test_inputs_and_graph_are_left_as_they_were(fast):
    x = leaf(2, 3)
    before, version = x.detach().clone(), x._version_count
    state = tw.get_rng_state()
    gradcheck(tw.exp, x, fast_mode=fast)
    gradgradcheck(tw.exp, x, fast_mode=fast)
    assert np.array_equal(x.detach().numpy(), before.numpy())
    assert x.grad is None
    assert x._version_count == version
    assert tw.equal(tw.get_rng_state(), state)


def test_inputs_are_restored_when_the_function_raises():
    x = leaf(2)
    before = x.detach().numpy().copy()
    calls = []

    def fails_later(x):
        calls.append(1)
        if len(calls) > 2:
            raise KeyError("third call")
        return x * 2

    with pytest.raises(KeyError):
        gradcheck(fails_later, x)
    assert np.array_equal(x.detach().numpy(), before)


@MODES
def test_float32_inputs_get_a_warning(fast):
    x = tw.randn(2, requires_grad=True)
    with pytest.warns(UserWarning, match="input 0 requires a gradient and is thalweg.float32"):
        gradcheck(lambda x: x + 1, x, atol=10.0, fast_mode=fast)


def test_inputs_without_gradient_are_refused():
    with pytest.raises(ValueError, match="none of the inputs requires a gradient"):
        gradcheck(tw.tanh, tw.zeros(2, dtype=tw.float64))


def test_expanded_inputs_are_refused():
    x = leaf(1).expand(3)
    with pytest.raises(GradcheckError, match="elements of input 0 share memory"):
        gradcheck(tw.tanh, x)


@pytest.mark.parametrize("fast", [False, True], ids=["slow", "fast"])
def test_other_modes_are_checked(fast):
    both = {"check_batched_grad": True, "fast_mode": fast}
    forward = {"check_forward_ad": True, "check_batched_forward_grad": True}
    assert gradcheck(lambda x, y: (x * y.sin(), x.sum()), (leaf(3), leaf(3)), **forward, **both)
    assert gradcheck(tw.tanh, leaf(3), check_forward_ad=True, check_backward_ad=False)
    assert gradgradcheck(lambda x, y: x * y.sin(), (leaf(3), leaf(3)), check_fwd_over_rev=True, **both)
    with pytest.raises(ValueError, match="checks nothing"):
        gradcheck(tw.tanh, leaf(1), check_backward_ad=False)
    with pytest.raises(ValueError, match="checks nothing"):
        gradgradcheck(tw.tanh, leaf(1), check_rev_over_rev=False)
    with pytest.raises(ValueError, match="check_forward_ad=True"):
        gradcheck(tw.tanh, leaf(1), check_batched_forward_grad=True)


def test_a_wrong_derivative_in_another_mode_is_caught():
    def detached(x):
        return x * x.detach()

    with pytest.raises(GradcheckError, match="forward mode gives another derivative of output 0"):
        gradcheck(detached, leaf(3), check_forward_ad=True, check_backward_ad=False)

    class Cubed(tw.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2  # and not x**3

        @staticmethod
        def backward(ctx, dy):
            return 3 * ctx.saved_tensors[0] ** 2 * dy

    assert not gradcheck(Cubed.apply, leaf(3), raise_exception=False)

    class Numpy(tw.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return tw.tensor(np.sin(x.detach().numpy()))

        @staticmethod
        def backward(ctx, dy):
            return dy

    with pytest.raises(TransformError):
        gradcheck(Numpy.apply, leaf(3), check_forward_ad=True)


@MODES
def test_views_non_leaves_and_empty_tensors(fast):
    base = leaf(3, 4)
    for x in (base.T, base[::2, 1:], base * 2, leaf(0, 3), leaf()):
        assert gradcheck(lambda x: (tw.sin(x), x.sum()), x, fast_mode=fast)
        assert gradgradcheck(lambda x: (tw.sin(x), x.sum()), x, fast_mode=fast)
    assert gradcheck(lambda x: x, base, fast_mode=fast)  # an output that is the input
    assert gradcheck(lambda x: x[1:], base, fast_mode=fast)  # and one that is a view of it


@MODES
def test_outputs_without_a_connection(fast):
    x = leaf(2)
    assert gradcheck(lambda x: (x * 2, tw.ones(3, dtype=tw.float64), tw.argmax(x)), x, fast_mode=fast)
    with pytest.raises(GradcheckError, match="analytical 0 "):
        gradcheck(lambda x: x.detach() * 2, x, fast_mode=fast)


@MODES
def test_nan_is_a_difference(fast):
    with pytest.raises(GradcheckError, match="nan"):
        gradcheck(lambda x: x * float("nan"), leaf(2), fast_mode=fast)


def test_a_backward_that_ignores_its_cotangent_is_caught():
    with pytest.raises(GradcheckError, match="does not multiply"):
        gradcheck(IgnoresCotangent.apply, leaf(3))


def test_nondeterminism_is_caught():
    factors = iter([1.0 + 1e-7 * i for i in range(100)])

    def drifts(x):
        y = x * 2
        y.register_hook(lambda g: g * next(factors))
        return y

    with pytest.raises(GradcheckError, match="not deterministic"):
        gradcheck(drifts, leaf(2))
    factors = iter([1.0 + 1e-7 * i for i in range(100)])
    assert gradcheck(drifts, leaf(2), nondet_tol=1e-3)


def test_undefined_gradients_must_count_as_zeros():
    class Careless(Function):
        """(x, x * x), whose backward forgets the second output when the first gets no gradient."""

        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            ctx.save_for_backward(x)
            return x + 0, x * x

        @staticmethod
        def backward(ctx, da, db):
            (x,) = ctx.saved_tensors
            if da is None:
                return db * x
            return da if db is None else da + 2 * x * db

    with pytest.raises(GradcheckError):
        gradcheck(Careless.apply, leaf(2))


def test_gradient_dtypes():
    x = tw.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="float32"):
        assert gradcheck(lambda x: x.double() * 2, x, eps=2.0**-10, check_grad_dtypes=True)


def test_gradgradcheck_with_given_cotangents():
    x = leaf(3)
    v = tw.tensor([1.0, -2.0, 0.5], dtype=tw.float64, requires_grad=True)
    assert gradgradcheck(tw.exp, x, v)
    assert gradgradcheck(tw.exp, x, [v], gen_non_contig_grad_outputs=True)
    assert gradgradcheck(lambda x: (x * x, x.sin()), x, gen_non_contig_grad_outputs=True)
    with pytest.raises(ValueError, match="1 differentiable outputs but 2 grad_outputs"):
        gradgradcheck(tw.exp, x, [v, v])


def test_a_linear_function_has_a_second_derivative_of_zero():
    assert gradgradcheck(lambda x: 3 * x.sum(), leaf(3))
