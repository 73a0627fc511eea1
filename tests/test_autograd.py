"""What backward, grad, hooks and grad modes promise."""

import gc
import pickle
import sys
import threading
import weakref

import numpy as np
import pytest

import thalweg as tw
from thalweg.autograd import Function
from thalweg.errors import AutogradError, DtypeError, ShapeError


def leaf(data, dtype=tw.float64):
    return tw.tensor(data, dtype=dtype, requires_grad=True)


def equals(x, expected):
    np.testing.assert_allclose(x.detach().numpy(), np.asarray(expected), rtol=1e-13, atol=1e-13)
    return True


# -- accumulation ---------------------------------------------------------------------------------------


def test_gradients_accumulate_in_place():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    first, memory = x.grad, x.grad.numpy()
    assert equals(first, [2.0, 4.0])
    (3 * x).sum().backward()
    assert x.grad is first
    assert np.shares_memory(x.grad.numpy(), memory)
    assert equals(first, [5.0, 7.0])


def test_accumulation_is_seen_by_the_version_check():
    x = leaf(2.0)
    (x * x).backward()
    y = x * x.grad  # 2x * grad, whose rule reads x.grad
    (3 * x).backward()
    with pytest.raises(AutogradError, match="mul was changed in place"):
        y.backward()


def test_recorded_gradients_accumulate_out_of_place():
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    first = x.grad
    assert first.requires_grad
    (x**2).backward(create_graph=True)
    assert x.grad is not first
    assert equals(first, 12.0)
    assert equals(x.grad, 16.0)
    x.grad.backward()  # 6x + 2 on top of what is there
    assert equals(x.grad, 16.0 + 14.0)


def test_a_gradient_that_was_set_is_added_to():
    x = leaf([1.0, 1.0])
    mine = tw.tensor([10.0, 20.0], dtype=tw.float64)
    x.grad = mine
    (2 * x).sum().backward()
    assert x.grad is mine
    assert equals(mine, [12.0, 22.0])


def test_grad_must_fit_its_tensor():
    x = leaf([1.0, 1.0])
    with pytest.raises(ShapeError, match=r"\(3,\).*\(2,\)"):
        x.grad = tw.zeros(3, dtype=tw.float64)
    with pytest.raises(DtypeError, match=r"float32.*float64"):
        x.grad = tw.zeros(2)
    with pytest.raises(TypeError, match="int"):
        x.grad = 1
    x.grad = None
    del x.grad
    assert x.grad is None


def test_two_leaves_that_receive_one_cotangent_do_not_share_memory():
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (a + b).backward(tw.ones(2, dtype=tw.float64))
    assert not np.shares_memory(a.grad.numpy(), b.grad.numpy())
    a.grad.mul_(100)
    assert equals(b.grad, [1.0, 1.0])


@pytest.mark.parametrize(
    "function",
    [
        lambda a: a + 0,
        lambda a: a * 1,
        lambda a: a.reshape(1, 2),
        lambda a: a.clone(),
        lambda a: a[:],
        lambda a: a.view(2, 1),
        lambda a: tw.cat([a, a])[:2],
        lambda a: a.T,
        lambda a: tw.where(tw.tensor(True), a, a),
    ],
)
def test_a_gradient_shares_memory_with_nothing_else(function):
    a = leaf([1.0, 2.0])
    y = function(a)
    dy = tw.ones(*y.shape, dtype=tw.float64)
    y.backward(dy, retain_graph=True)
    assert not np.shares_memory(a.grad.numpy(), dy.numpy())
    (g,) = tw.autograd.grad(y, a, dy)
    assert not np.shares_memory(g.numpy(), dy.numpy())
    a.grad.zero_()
    assert equals(dy, np.ones(y.shape))


def test_gradients_do_not_share_memory_with_saved_values():
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (a * b).sum().backward()
    for g in (a.grad, b.grad):
        for x in (a, b):
            assert not np.shares_memory(g.numpy(), x.detach().numpy())
    dy = tw.ones((), dtype=tw.float64)
    a.grad = None
    (a.sum()).backward(dy)
    a.grad[0] = 7  # an expanded cotangent would change all elements
    assert equals(a.grad, [7.0, 1.0])


def test_a_leaf_that_is_the_output():
    x = leaf(3.0)
    x.backward()
    assert equals(x.grad, 1.0)
    x.backward()
    assert equals(x.grad, 2.0)
    (g,) = tw.autograd.grad(x, x)
    assert equals(g, 1.0)


def test_backward_to_some_inputs_only():
    a, b = leaf(2.0), leaf(5.0)
    y = a * b
    y.backward(inputs=[a], retain_graph=True)
    assert equals(a.grad, 5.0)
    assert b.grad is None
    y.backward(inputs=b)
    assert equals(b.grad, 2.0)
    with pytest.raises(AutogradError, match="inputs is empty"):
        (a * b).backward(inputs=[])
    with pytest.raises(AutogradError, match="does not require grad"):
        (a * b).backward(inputs=[tw.ones(1)])


def test_backward_from_several_outputs():
    x = leaf([1.0, 2.0])
    tw.autograd.backward([x.sum(), (x * x)], [None, tw.tensor([1.0, 10.0], dtype=tw.float64)])
    assert equals(x.grad, [1 + 2.0, 1 + 40.0])
    y = x * 2
    tw.autograd.backward([y, y], [tw.ones(2, dtype=tw.float64)] * 2)  # one output twice
    assert equals(x.grad, [7.0, 45.0])


def test_what_backward_refuses():
    x = leaf([1.0, 2.0])
    with pytest.raises(AutogradError, match=r"outputs of one element, this one has shape \(2,\)"):
        (x * 2).backward()
    with pytest.raises(ShapeError, match=r"gradient has shape \(3,\) but the output has shape \(2,\)"):
        (x * 2).backward(tw.ones(3))
    with pytest.raises(AutogradError, match="does not require grad and has no grad_fn"):
        tw.ones(1).backward()
    with pytest.raises(AutogradError, match="2 outputs but 1 gradients"):
        tw.autograd.backward([x.sum(), x.sum()], [tw.ones(())])


def test_cotangents_are_converted_to_the_outputs_dtype():
    x = leaf([1.0, 2.0])
    (x * 2).backward(tw.tensor([1.0, 3.0]))
    assert x.grad.dtype is tw.float64
    assert equals(x.grad, [2.0, 6.0])


def test_one_element_of_any_shape_can_be_differentiated():
    x = leaf([[3.0]])
    (x * x).backward()
    assert equals(x.grad, [[6.0]])


# -- one graph, several walks ---------------------------------------------------------------------------


def test_a_graph_is_freed_after_backward():
    x = leaf(2.0)
    y = x * x
    y.backward()
    with pytest.raises(AutogradError, match=r"already freed.*MulBackward.*retain_graph=True"):
        y.backward()
    assert equals(x.grad, 4.0)


def test_retain_graph():
    x = leaf(2.0)
    y = x * x
    for _ in range(3):
        y.backward(retain_graph=True)
    assert equals(x.grad, 12.0)
    y.backward()
    with pytest.raises(AutogradError, match="already freed"):
        tw.autograd.grad(y, x)


def test_a_shared_part_is_freed_once():
    x = leaf(2.0)
    h = x * x
    a, b = h * 3, h.exp()
    a.backward()
    with pytest.raises(AutogradError, match="already freed"):
        b.backward()


def test_orders_one_to_four():
    x = leaf(3.0)
    y = x**4
    for factor, power in ((4, 3), (12, 2), (24, 1), (24, 0)):
        (y,) = tw.autograd.grad(y, x, create_graph=True)
        assert equals(y, factor * 3.0**power)


def test_third_derivatives_of_composed_functions():
    x = leaf([0.3, -1.2])
    (first,) = tw.autograd.grad(tw.tanh(x * x).sum(), x, create_graph=True)
    (second,) = tw.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = tw.autograd.grad(second.sum(), x)
    v = x.detach().numpy()
    t = np.tanh(v**2)
    s = 1 - t * t  # d t / d(v^2)
    assert equals(first, 2 * v * s)
    assert equals(second, 2 * s - 8 * v**2 * t * s)
    assert equals(third, -24 * v * t * s - 16 * v**3 * s * (1 - 3 * t * t))


def test_mixed_second_derivatives_are_symmetric():
    x, y = leaf(0.7), leaf(-0.4)
    z = tw.sin(x * y) * tw.exp(y)
    dx, dy = tw.autograd.grad(z, [x, y], create_graph=True)
    (dxdy,) = tw.autograd.grad(dx, y, retain_graph=True)
    (dydx,) = tw.autograd.grad(dy, x)
    assert abs(dxdy.item() - dydx.item()) < 1e-15


def test_a_gradient_without_graph_is_a_constant():
    x = leaf(2.0)
    (g,) = tw.autograd.grad(x**3, x)
    assert not g.requires_grad
    assert g.is_leaf


def test_backward_of_a_gradient_penalty():
    x, w = leaf([1.0, 2.0]), leaf([3.0, -1.0])
    (g,) = tw.autograd.grad((x * w).pow(2).sum(), x, create_graph=True)
    g.pow(2).sum().backward()  # sum (2 x w^2)^2, by w: 4 x^2 * 4 w^3
    assert equals(w.grad, 16 * x.detach().numpy() ** 2 * w.detach().numpy() ** 3)


def test_use_of_one_tensor_several_times():
    x = leaf(3.0)
    y = x * x + x
    z = y * y + x + x
    z.backward()
    assert equals(x.grad, 2 * 12.0 * 7.0 + 2)
    x.grad = None
    tw.autograd.backward(x + x + x)
    assert equals(x.grad, 3.0)
    x.grad = None
    tw.cat([x.reshape(1)] * 4).sum().backward()
    assert equals(x.grad, 4.0)


# -- grad -----------------------------------------------------------------------------------------------


def test_grad_leaves_grad_alone():
    x = leaf(3.0)
    tw.autograd.grad(x * x, x)
    assert x.grad is None


def test_grad_by_inner_tensors():
    x = leaf([1.0, 2.0])
    h = x * 3
    y = (h * h).sum()
    dh, dx = tw.autograd.grad(y, [h, x], retain_graph=True)
    assert equals(dh, [6.0, 12.0])
    assert equals(dx, [18.0, 36.0])
    (dy,) = tw.autograd.grad(y, y)
    assert equals(dy, 1.0)


def test_grad_by_the_same_input_twice():
    x = leaf(2.0)
    a, b = tw.autograd.grad(x * x, [x, x])
    assert equals(a, 4.0)
    assert equals(b, 4.0)
    assert not np.shares_memory(a.numpy(), b.numpy())


def test_grad_of_several_outputs_adds_up():
    x = leaf([1.0, 2.0])
    (g,) = tw.autograd.grad([x * 2, x.sum()], x, [tw.tensor([1.0, 5.0]), tw.tensor(10.0)])
    assert equals(g, [12.0, 20.0])


def test_unused_inputs():
    x, z = leaf(2.0), leaf([1.0, 1.0])
    y = x * x
    with pytest.raises(AutogradError, match=r"input 1 \(shape \(2,\)\) was not used.*allow_unused"):
        tw.autograd.grad(y, [x, z], retain_graph=True)
    gx, gz = tw.autograd.grad(y, [x, z], retain_graph=True, allow_unused=True)
    assert equals(gx, 4.0)
    assert gz is None
    _, gz = tw.autograd.grad(y, [x, z], materialize_grads=True)
    assert gz.shape == (2,)
    assert gz.dtype is tw.float64
    assert equals(gz, [0.0, 0.0])
    with pytest.raises(AutogradError, match="materialize_grads"):
        tw.autograd.grad(x * x, x, allow_unused=False, materialize_grads=True)


def test_grad_refuses_inputs_without_gradient():
    x = leaf(2.0)
    with pytest.raises(AutogradError, match="input 1 does not require grad"):
        tw.autograd.grad(x * x, [x, tw.ones(1)])


def test_grad_walks_only_where_it_must():
    """Hooks on branches that don't lead to an input stay silent, and their graph is not needed."""
    x, w = leaf(2.0), leaf(3.0)
    called = []
    side = w.exp()
    side.register_hook(lambda g: called.append("side"))
    y = x * side
    side.backward(retain_graph=False)  # frees the graph below side
    called.clear()
    (g,) = tw.autograd.grad(y, x)
    assert equals(g, np.exp(3.0))
    assert called == []


def test_batched_cotangents():
    x = leaf([1.0, 2.0, 3.0])
    y = x * x
    (jacobian,) = tw.autograd.grad(y, x, tw.eye(3, dtype=tw.float64), is_grads_batched=True)
    assert equals(jacobian, np.diag([2.0, 4.0, 6.0]))


# -- leaves, flags --------------------------------------------------------------------------------------


def test_leaves_and_results():
    x, c = leaf([1.0]), tw.ones(1)
    y = x * 2
    assert x.is_leaf and c.is_leaf and not y.is_leaf
    assert x.requires_grad and y.requires_grad and not c.requires_grad
    assert x.grad_fn is None and c.grad_fn is None
    assert y.grad_fn.name() == "MulBackward"
    assert not (x > 0).requires_grad
    assert not tw.argmax(x).requires_grad
    assert [edge for edge, _ in y.grad_fn.next_functions if edge is not None] == [x]


def test_requires_grad_can_be_switched_on_leaves_only():
    x = tw.ones(2)
    assert x.requires_grad_() is x
    assert x.requires_grad
    y = x * 2
    with pytest.raises(AutogradError, match="only on leaf tensors"):
        y.requires_grad = False
    y.requires_grad = True  # already so
    x.requires_grad = False
    assert not x.requires_grad
    with pytest.raises(DtypeError, match=r"only floating-point.*int64"):
        tw.arange(3).requires_grad_()
    with pytest.raises(DtypeError):
        tw.tensor([True], requires_grad=True)


def test_gradients_pass_through_dtype_conversions():
    x = leaf([1.5, 2.5], tw.float32)
    y = x.double() * 3
    y.sum().backward()
    assert x.grad.dtype is tw.float32
    assert equals(x.grad, [3.0, 3.0])
    h = leaf([2.0], tw.float16)
    (h.float() ** 2).sum().backward()
    assert h.grad.dtype is tw.float16
    assert not x.long().requires_grad
    a, b = leaf([1.0, 2.0], tw.float32), leaf([3.0, 4.0])
    (a * b).sum().backward()  # promoted to float64
    assert a.grad.dtype is tw.float32 and b.grad.dtype is tw.float64


def test_detach_shares_memory_and_version():
    x = leaf([1.0, 2.0])
    y = x * 1
    d = y.detach()
    assert not d.requires_grad
    assert np.shares_memory(d.numpy(), y.detach().numpy())
    z = (y * y).sum()
    d[0] = 5.0  # seen by the version check
    assert y._version_count == d._version_count
    with pytest.raises(AutogradError, match="changed in place"):
        z.backward()


def test_data_shares_memory_but_not_the_version():
    x = leaf([1.0, 2.0])
    y = x * x
    x.data[0] = 10.0
    y.sum().backward()  # nobody noticed: the gradient reads the new value
    assert equals(x.grad, [20.0, 4.0])


# -- hooks ----------------------------------------------------------------------------------------------


def test_hooks_on_leaves_and_results():
    x = leaf([1.0, 2.0])
    y = x * 2
    seen = []
    x.register_hook(lambda g: seen.append(("x", g.tolist())))
    y.register_hook(lambda g: seen.append(("y", g.tolist())))
    (y * y).sum().backward()
    assert seen == [("y", [4.0, 8.0]), ("x", [8.0, 16.0])]


def test_a_hook_sees_the_sum_over_all_uses():
    x = leaf(1.0)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(g.item()))
    (y * 3 + y * 4).backward()
    assert seen == [7.0]


def test_hooks_replace_in_order():
    x = leaf(1.0)
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: g * 10)
    (x * 5).backward()
    assert equals(x.grad, 60.0)


def test_hooks_of_results_replace_what_flows_on():
    x = leaf(1.0)
    y = x * 2
    y.register_hook(lambda g: g * 100)
    (y * 3).backward()
    assert equals(x.grad, 600.0)


def test_hooks_can_be_removed():
    x = leaf(1.0)
    handle = x.register_hook(lambda g: g * 0)
    with x.register_hook(lambda g: g * 0):
        pass
    handle.remove()
    handle.remove()
    (x * 5).backward()
    assert equals(x.grad, 5.0)


def test_hooks_apply_to_grad_too():
    x = leaf(1.0)
    x.register_hook(lambda g: g * 7)
    (g,) = tw.autograd.grad(x * 2, x)
    assert equals(g, 14.0)


def test_hooks_are_recorded_under_create_graph():
    x = leaf(2.0)
    y = x**3
    x.register_hook(lambda g: g * x)
    (g,) = tw.autograd.grad(y, x, create_graph=True)  # 3x^2 * x
    assert equals(g, 24.0)


def test_what_hooks_refuse():
    with pytest.raises(AutogradError, match="does not require grad"):
        tw.ones(1).register_hook(print)
    x = leaf([1.0])
    x.register_hook(lambda g: tw.ones(3))
    with pytest.raises(AutogradError, match=r"float64 of shape \(1,\); got thalweg\.float32 of shape \(3,\)"):
        (x * 1).sum().backward()
    y = leaf([1.0])
    y.register_hook(lambda g: "no")
    with pytest.raises(AutogradError, match="got <class 'str'>"):
        (y * 1).sum().backward()
    z = leaf([1.0])
    z.register_hook(lambda g: g.float())
    with pytest.raises(AutogradError, match=r"got thalweg\.float32"):
        (z * 1).sum().backward()


def test_post_accumulate_hooks():
    x = leaf(1.0)
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda p: seen.append((p is x, p.grad.item())))
    (x * 2).backward()
    (x * 2).backward()
    handle.remove()
    (x * 2).backward()
    assert seen == [(True, 2.0), (True, 4.0)]
    with pytest.raises(AutogradError, match="only leaf tensors"):
        (x * 2).register_post_accumulate_grad_hook(print)


def test_retain_grad():
    x = leaf([1.0, 2.0])
    y = x * 3
    y.retain_grad()
    y.retain_grad()
    x.retain_grad()  # nothing to do on a leaf
    assert y.retains_grad and not x.retains_grad
    (y * y).sum().backward()
    assert equals(y.grad, [6.0, 12.0])
    with pytest.raises(AutogradError, match="does not require grad"):
        tw.ones(1).retain_grad()


def test_retain_grad_accumulates_and_sees_hooks():
    x = leaf(1.0)
    y = x * 3
    y.register_hook(lambda g: g * 10)
    y.retain_grad()
    y.register_hook(lambda g: g + 1)  # retained is what flows on, after all hooks
    z = y * 2
    z.backward(retain_graph=True)
    assert equals(y.grad, 21.0)
    z.backward()
    assert equals(y.grad, 42.0)
    assert equals(x.grad, 126.0)


def test_retained_gradients_are_not_shared_with_the_flow():
    x = leaf([1.0, 2.0])
    y = x + 0
    y.retain_grad()
    z = y + 0
    z.retain_grad()
    z.sum().backward()
    y.grad.mul_(100)
    assert equals(z.grad, [1.0, 1.0])
    assert equals(x.grad, [1.0, 1.0])


# -- grad modes -----------------------------------------------------------------------------------------


def test_no_grad_and_enable_grad():
    x = leaf(1.0)
    with tw.no_grad():
        assert not tw.is_grad_enabled()
        y = x * 2
        with tw.enable_grad():
            z = x * 2
            assert tw.is_grad_enabled()
        assert not tw.is_grad_enabled()
    assert tw.is_grad_enabled()
    assert not y.requires_grad and y.is_leaf
    assert z.requires_grad
    assert x.requires_grad


def test_modes_are_restored_after_errors():
    with pytest.raises(KeyError), tw.no_grad():
        raise KeyError
    assert tw.is_grad_enabled()


def test_modes_as_decorators():
    x = leaf(1.0)

    @tw.no_grad()
    def called(x):
        """Doc."""
        return x * 2

    @tw.no_grad
    def bare(x):
        return x * 2

    @tw.enable_grad()
    def enabled(x):
        return x * 2

    @tw.set_grad_enabled(False)
    def switched(x):
        return x * 2

    @tw.inference_mode()
    def inference(x):
        return x * 2, tw.is_inference_mode_enabled()

    assert tw.is_grad_enabled()  # set_grad_enabled acted on the function only
    assert not called(x).requires_grad
    assert not bare(x).requires_grad
    assert not switched(x).requires_grad
    assert inference(x)[1]
    assert not inference(x)[0].requires_grad
    with tw.no_grad():
        assert enabled(x).requires_grad
    assert called.__name__ == "called" and called.__doc__ == "Doc."


def test_a_decorated_function_may_call_itself():
    @tw.no_grad()
    def countdown(n):
        return [tw.is_grad_enabled()] + (countdown(n - 1) if n else [])

    assert countdown(3) == [False] * 4
    assert tw.is_grad_enabled()


def test_modes_on_generators_hold_only_inside():
    @tw.no_grad()
    def numbers():
        assert not tw.is_grad_enabled()
        got = yield 1
        assert not tw.is_grad_enabled()
        assert got == "sent"
        yield 2

    g = numbers()
    assert next(g) == 1
    assert tw.is_grad_enabled()
    assert g.send("sent") == 2
    assert tw.is_grad_enabled()
    g.close()


def test_set_grad_enabled_as_a_call():
    try:
        tw.set_grad_enabled(False)
        assert not tw.is_grad_enabled()
        with tw.set_grad_enabled(True):
            assert tw.is_grad_enabled()
        assert not tw.is_grad_enabled()
    finally:
        tw.set_grad_enabled(True)
    assert tw.is_grad_enabled()


def test_inference_mode():
    x = leaf(1.0)
    assert not tw.is_inference_mode_enabled()
    with tw.inference_mode():
        assert tw.is_inference_mode_enabled()
        assert not tw.is_grad_enabled()
        assert not (x * 2).requires_grad
        with tw.inference_mode(False):
            assert not tw.is_inference_mode_enabled()
    with tw.inference_mode(mode=False):
        assert (x * 2).requires_grad


def test_one_instance_may_be_entered_twice():
    mode = tw.no_grad()
    with mode, mode:
        pass
    assert tw.is_grad_enabled()


def test_each_thread_has_its_own_mode():
    seen = []
    with tw.no_grad():
        thread = threading.Thread(target=lambda: seen.append(tw.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_threads_differentiate_side_by_side():
    x = leaf(np.ones(50))
    results = {}

    def work(k):
        total = 0.0
        for _ in range(20):
            (g,) = tw.autograd.grad(tw.tanh(x * k).sum(), x)
            total += g.sum().item()
        results[k] = total

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k in range(1, 5):
        assert abs(results[k] - 20 * 50 * k * (1 - np.tanh(k) ** 2)) < 1e-9


def test_hooks_and_functions_run_in_the_walks_mode():
    x = leaf(2.0)
    modes = []
    x.register_hook(lambda g: modes.append(tw.is_grad_enabled()))
    y = x * x
    y.backward(retain_graph=True)
    y.backward(create_graph=True)
    assert modes == [False, True]
    assert tw.is_grad_enabled()


def test_the_mode_is_restored_when_a_walk_fails():
    x = leaf(2.0)

    def fails(g):
        raise KeyError("hook")

    x.register_hook(fails)
    with pytest.raises(KeyError):
        (x * x).backward()
    assert tw.is_grad_enabled()
    with tw.no_grad():
        y = tw.ones(1)
    assert not y.requires_grad


# -- the version check ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (lambda y: y * y, "mul"),
        (lambda y: y / 2 + 1 / y, "div"),
        (lambda y: y.exp(), None),
        (lambda y: y.log(), "log"),
        (lambda y: y.reshape(1, 2) @ y.reshape(2, 1), "matmul"),
        (lambda y: y**2, "pow"),
        (lambda y: y + 1, None),
        (lambda y: y.sum(), None),
    ],
)
def test_a_needed_value_that_was_changed_is_named(operation, name):
    x = leaf([1.0, 2.0])
    y = x * 1
    z = operation(y).sum()
    y.add_(1)
    if name is None:  # the rule does not read the input
        z.backward()
        return
    with pytest.raises(AutogradError, match=rf"gradient of {name} was changed in place.*2.*float64.*clone\(\)"):
        z.backward()


@pytest.mark.parametrize("function", [tw.exp, tw.tanh, tw.sigmoid, tw.sqrt, tw.relu, tw.reciprocal])
def test_a_needed_output_that_was_changed_is_named(function):
    x = leaf([1.0, 2.0])
    y = function(x)
    z = y + 2
    y.mul_(2)
    with pytest.raises(AutogradError, match="its output"):
        z.sum().backward()


@pytest.mark.parametrize(
    "product", [lambda x, c: x * c, lambda x, c: c * x, lambda x, c: x @ c, lambda x, c: c @ x, tw.ops.linalg.matmul]
)
def test_a_factor_is_kept_only_for_the_others_gradient(product):
    x, c = leaf([[1.0, 2.0], [3.0, 4.0]]), tw.tensor([[5.0, 6.0], [7.0, 8.0]], dtype=tw.float64)
    y = x * 1
    z = product(y, c)
    y.fill_(99)  # nobody needs it: c has no gradient
    z.sum().backward()
    before = x.grad
    x.grad = None
    product(x, c).sum().backward()
    assert equals(before, x.grad.numpy())
    z = product(x * 1, c)
    c.fill_(0)
    with pytest.raises(AutogradError, match="changed in place"):
        z.sum().backward()


def test_a_frozen_weight_needs_no_input():
    x, w, b = leaf(np.ones((2, 3, 4))), tw.ones(5, 4, dtype=tw.float64), leaf(np.zeros(5))
    h = x * 1
    y = tw.nn.functional.linear(h, w, b)
    h.zero_()
    y.sum().backward()
    assert equals(x.grad, np.full((2, 3, 4), 5.0))
    assert equals(b.grad, np.full(5, 6.0))


def test_changes_before_recording_are_fine():
    x = leaf([1.0, 2.0])
    y = x * 1
    y.add_(1)
    y.mul_(2)
    (y * y).sum().backward()  # y = 2(x + 1): dy^2 = 2y * 2
    assert equals(x.grad, 4 * 2 * (np.array([1.0, 2.0]) + 1))


def test_leaves_changed_without_recording_are_caught_too():
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    with tw.no_grad():
        x.add_(1)
    with pytest.raises(AutogradError, match="mul was changed in place"):
        y.backward()


# -- memory ---------------------------------------------------------------------------------------------


def big_array(x):
    """A weak reference to the memory of a tensor: arrays take them, memory does not."""
    return weakref.ref(x._value)


def test_saved_values_die_with_backward():
    gc.disable()
    try:
        x = leaf(np.ones(1000))
        h = x.exp()
        saved = big_array(h)
        y = (h * h).sum()
        del h
        assert saved() is not None
        y.backward()
        assert saved() is None
        assert y.grad_fn is not None
    finally:
        gc.enable()


def test_a_graph_dies_with_its_outputs():
    gc.disable()
    try:
        x = leaf(np.ones(1000))
        h = x.exp()
        saved = big_array(h)
        y = (h * h).sum()
        del h, y
        assert saved() is None
    finally:
        gc.enable()


def test_a_graph_with_views_in_place_changes_and_hooks_dies_without_the_collector():
    gc.disable()
    try:
        x = leaf(np.ones((20, 20)))
        h = x * 2
        h[0].mul_(3)
        h[:, 1] = x[0] * 2
        h.T.add_(1)
        g = h.view(400)
        g.register_hook(lambda grad: grad * 1)
        g.retain_grad()
        saved = big_array(h)
        y = g.exp().sum()
        y.backward()
        del h, g, y
        assert saved() is None
    finally:
        gc.enable()


def test_a_training_step_leaves_no_cycles():
    w1, w2 = leaf(np.ones((8, 4))), leaf(np.ones((1, 8)))
    x = tw.ones(16, 4, dtype=tw.float64)

    def step():
        loss = ((tw.tanh(x @ w1.T) @ w2.T - 1) ** 2).mean()
        loss.backward()
        with tw.no_grad():
            for w in (w1, w2):
                w -= 0.1 * w.grad
                w.grad = None

    step()
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            step()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_recorded_backward_leaves_no_cycles():
    x = leaf(2.0)

    def penalty():
        (g,) = tw.autograd.grad((x.exp() * x).tanh(), x, create_graph=True)
        (g * g).backward()
        x.grad = None

    penalty()
    gc.collect()
    gc.disable()
    try:
        penalty()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_custom_functions_leave_no_cycles():
    class Double(Function):
        """2x, keeping its output."""

        @staticmethod
        def forward(ctx, x):
            y = x * 2
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx, dy):
            x, y = ctx.saved_tensors
            return dy * y / x

    x = leaf(2.0)
    Double.apply(x).backward()
    gc.collect()
    gc.disable()
    try:
        Double.apply(x).backward()
        Double.apply(x)  # never walked
        assert gc.collect() == 0
    finally:
        gc.enable()


# -- long and odd graphs --------------------------------------------------------------------------------


def test_a_chain_of_100_000_operations():
    x = leaf(1.0)
    y = x
    for _ in range(50_000):
        y = y * 1.00001
        y = y + 0.0
    y.backward()
    assert abs(x.grad.item() - 1.00001**50_000) < 1e-9
    del y


def test_a_long_chain_is_freed_without_recursion_when_it_was_not_walked():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y.exp()
    alive = weakref.ref(y.grad_fn)
    del y
    assert alive() is None


def test_a_long_chain_of_views_and_in_place_changes():
    x = leaf([1.0, 2.0])
    y = x * 1
    for _ in range(5_000):
        y = y.view(2)
    y.sum().backward(retain_graph=True)
    assert equals(x.grad, [1.0, 1.0])
    z = x * 1
    for _ in range(5_000):
        z.mul_(1.0)
        z[0] = z[1]
    x.grad = None
    z.sum().backward()
    assert equals(x.grad, [0.0, 2.0])
    del y, z


def test_a_chain_longer_than_the_stack_differentiates_twice():
    x = leaf(1.0)
    y = x
    for _ in range(3 * sys.getrecursionlimit()):
        y = y * 1.0
    (g,) = tw.autograd.grad(y * y, x, create_graph=True)
    (h,) = tw.autograd.grad(g, x)
    assert equals(h, 2.0)


def test_a_wide_graph():
    x = leaf(np.arange(4.0))
    sum(x * float(k) for k in range(300)).sum().backward()
    assert equals(x.grad, np.full(4, 300 * 299 / 2))


def test_a_diamond_is_walked_once_per_node():
    """2**40 paths, 40 nodes."""
    x = leaf(1.0)
    y = x
    for _ in range(40):
        y = y + y
    y.backward()
    assert equals(x.grad, 2.0**40)


def test_empty_and_zero_dimensional_tensors():
    e = leaf(np.zeros((0, 3)))
    (e * 2).sum().backward()
    assert e.grad.shape == (0, 3)
    e.grad = None
    (e.sum(0) + 1).sum().backward()
    assert e.grad.shape == (0, 3)
    s = leaf(3.0)
    (s * s.reshape(1)).sum().backward()
    assert s.grad.shape == ()
    assert equals(s.grad, 6.0)
    m = leaf(np.zeros((2, 0)))
    (m @ tw.zeros(0, 3, dtype=tw.float64)).sum().backward()
    assert m.grad.shape == (2, 0)


def test_broadcast_gradients_are_summed():
    a, b, c = leaf(np.ones((3, 1))), leaf(np.ones((1, 4))), leaf(2.0)
    (a * b * c).sum().backward()
    assert equals(a.grad, np.full((3, 1), 8.0))
    assert equals(b.grad, np.full((1, 4), 6.0))
    assert equals(c.grad, 12.0)


def test_non_contiguous_values_and_cotangents():
    x = leaf(np.arange(12.0).reshape(3, 4))
    y = x.T[::2] * 2
    dy = tw.tensor(np.arange(6.0).reshape(3, 2)).T
    y.backward(dy)
    expected = np.zeros((3, 4))
    expected[:, ::2] = 2 * np.arange(6.0).reshape(3, 2)
    assert equals(x.grad, expected)
    assert x.grad.is_contiguous()


def test_no_warnings_from_singular_functions_and_their_gradients():
    x = leaf([0.0, -1.0, np.inf, np.nan, 1e308])
    for f in (
        tw.log,
        tw.sqrt,
        tw.rsqrt,
        tw.reciprocal,
        tw.exp,
        tw.tan,
        lambda x: x / x,
        lambda x: x**-2.5,
        lambda x: x**x,
    ):
        f(x).sum().backward()
    h = leaf([1e38, 1e-38], tw.float32)
    for f in (lambda h: h * 2, lambda h: h / 1e-20, lambda h: h.exp()):
        f(h).backward(tw.tensor([1e38, 1e38]))


def test_python_numbers_keep_their_digits_in_second_derivatives():
    x = leaf([2.0, -3.0])
    (g,) = tw.autograd.grad(((x * 0.7) ** 2).sum(), x, create_graph=True)
    assert equals(g, np.array([2.0, -3.0]) * 2 * 0.7 * 0.7)
    assert equals(tw.autograd.grad(g.sum(), x)[0], np.full(2, 2 * 0.7 * 0.7))


def test_a_leaf_goes_to_another_process_and_a_history_does_not():
    x = leaf([1.0, 2.0])
    x.grad = tw.tensor([3.0, 4.0], dtype=x.dtype)
    y = pickle.loads(pickle.dumps(x))
    assert equals(y, [1.0, 2.0]) and equals(y.grad, [3.0, 4.0]) and y.is_leaf
    (y * y).sum().backward()
    assert equals(y.grad, [5.0, 8.0]) and equals(x.grad, [3.0, 4.0])
    layer = pickle.loads(pickle.dumps(tw.nn.Linear(2, 2)))
    layer(tw.ones(1, 2)).sum().backward()
    assert equals(layer.weight.grad, [[1.0, 1.0], [1.0, 1.0]])
    assert pickle.loads(pickle.dumps(tw.arange(6).view(2, 3)[1])).tolist() == [3, 4, 5]
    with pytest.raises(RuntimeError, match="pickle"):
        pickle.dumps(x * 2)
