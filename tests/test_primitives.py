"""What holds for every primitive, driven by the rows of registry.py."""

from __future__ import annotations

import importlib
import math
import pkgutil
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import ops
from thalweg.autograd import gradcheck, gradgradcheck
from thalweg.core.primitive import Primitive
from thalweg.core.tensor import Tensor, wrap
from thalweg.errors import LinAlgError, ShapeError
from thalweg.ops.base import Elementwise

from .registry import BINARY, SAMPLES, WITH_SPECIAL_VALUES, Sample
from .symbolic import Recorded

EACH = pytest.mark.parametrize("sample", SAMPLES, ids=str)
FLOWING = [s for s in SAMPLES if s.primitive.differentiable and s.random]
DIFFERENTIABLE = pytest.mark.parametrize("sample", FLOWING, ids=str)
RTOL = {np.float16: 4e-3, np.float32: 3e-6, np.float64: 1e-12}
KINDS = {"f": (np.float16, np.float32, np.float64), "i": (np.int8, np.int16, np.int32, np.int64), "u": (np.uint8,)}
KINDS["b"] = (np.bool_,)


def dtypes_of(sample: Sample, kind: str) -> tuple[Any, ...]:
    """The dtypes of a kind that the primitive computes in."""
    return tuple(d for d in KINDS[kind] if sample.half or d is not np.float16)


def all_primitives() -> dict[int, Primitive]:
    """Every instance that a module of thalweg.ops holds, by identity."""
    modules = [importlib.import_module(f"thalweg.ops.{m.name}") for m in pkgutil.iter_modules(ops.__path__)]
    return {id(v): v for m in modules for v in vars(m).values() if isinstance(v, Primitive)}


def call(sample: Sample, *tensors: Any) -> Any:
    """The primitive with ``tensors`` for its random inputs."""
    inputs = list(sample.inputs)
    for i, x in zip(sample.random, tensors, strict=True):
        inputs[i] = x
    if not tensors:
        inputs = [wrap(v) for v in inputs]
    return sample.primitive(*inputs, **sample.params)


def leaves(sample: Sample, dtype: Any = np.float64) -> list[Tensor]:
    values = sample.values(dtype)
    return [tw.tensor(values[i], requires_grad=np.dtype(dtype).kind == "f") for i in sample.random]


def expected(sample: Sample, values: list[Any]) -> Any:
    with np.errstate(all="ignore"):
        return np.asarray(sample.numpy(*values, **sample.params))


# -- the registry ---------------------------------------------------------------------------------------


def test_every_primitive_has_a_row():
    found = all_primitives()
    covered = {id(s.primitive) for s in SAMPLES}
    assert not sorted(p.name for k, p in found.items() if k not in covered)
    assert len(found) > 60


def test_names_are_unique():
    names = [p.name for p in all_primitives().values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("primitive", all_primitives().values(), ids=lambda p: p.name)
def test_every_primitive_has_a_docstring(primitive):
    assert primitive.__doc__
    assert type(primitive).__doc__ not in (Primitive.__doc__, Elementwise.__doc__)


# -- forward --------------------------------------------------------------------------------------------


@EACH
def test_forward_equals_the_formula(sample):
    for dtype in dtypes_of(sample, "f") if "f" in sample.kinds and sample.random else [np.float64]:
        values = sample.values(dtype)
        y = sample.primitive(*values, **sample.params)
        tolerance = max(RTOL[dtype], RTOL.get(np.asarray(y).dtype.type, 0)) * (16 if len(values) > 1 else 4)
        np.testing.assert_allclose(y, expected(sample, values), rtol=tolerance, atol=tolerance)


@EACH
def test_forward_of_tensors_equals_forward_of_arrays(sample):
    values = sample.values()
    y = call(sample, *leaves(sample))
    assert isinstance(y, Tensor)
    np.testing.assert_array_equal(y.detach().numpy(), sample.primitive(*values, **sample.params))


@EACH
def test_forward_of_integers_and_booleans(sample):
    for kind in sample.kinds.replace("f", "") if sample.random else "":
        for dtype in KINDS[kind]:
            values = [
                v if i not in sample.random else np.abs(v) if kind == "u" else v for i, v in enumerate(sample.values())
            ]
            values = [np.asarray(v * 3).astype(dtype) if i in sample.random else v for i, v in enumerate(values)]
            y = np.asarray(sample.primitive(*values, **sample.params))
            want = expected(sample, values)
            assert y.dtype == want.dtype, dtype
            np.testing.assert_array_equal(y, want)


def layouts(x: Any) -> dict[str, Any]:
    """The same numbers in other memory: axes swapped, gaps between them, backwards."""
    gaps = np.full([2 * n + 1 for n in x.shape], 77.0, x.dtype)[(*(slice(1, 2 * n + 1, 2) for n in x.shape), ...)]
    gaps[...] = x
    backwards = (*(slice(None, None, -1) for _ in x.shape), ...)
    return {
        "transposed": np.array(x.T, order="C").T,
        "gaps": gaps,
        "backwards": np.array(x[backwards])[backwards],
    }


@EACH
def test_memory_order_does_not_matter(sample):
    values = sample.values()
    want = np.asarray(sample.primitive(*values, **sample.params))
    for name in ("transposed", "gaps", "backwards"):
        others = [layouts(v)[name] if i in sample.random else v for i, v in enumerate(values)]
        before = [np.array(v) if isinstance(v, np.ndarray) else v for v in others]
        y = sample.primitive(*others, **sample.params)
        np.testing.assert_allclose(y, want, rtol=1e-14, atol=1e-15, err_msg=name)
        for a, b in zip(others, before, strict=True):
            np.testing.assert_array_equal(a, b, err_msg="an input was changed")


@pytest.mark.parametrize("sample", [s for s in SAMPLES if any(np.ndim(v) == 0 for v in s.values())], ids=str)
def test_numpy_scalars_count_as_0d_arrays(sample):
    """NumPy returns scalars, which can't be changed in place, where arrays of no axes are meant."""
    values = sample.values()
    scalars = [v[()] if isinstance(v, np.ndarray) else v for v in values]
    y, want = sample.primitive(*scalars, **sample.params), sample.primitive(*values, **sample.params)
    np.testing.assert_array_equal(y, want)
    assert np.asarray(y).dtype == np.asarray(want).dtype


@EACH
def test_expanded_inputs(sample):
    """Inputs whose elements share memory (stride 0), as expand makes them."""
    values = sample.values()
    shared = [
        np.broadcast_to(v[(slice(0, 1),) * v.ndim], v.shape) if i in sample.random and v.size else v
        for i, v in enumerate(values)
    ]
    copies = [np.array(v) if isinstance(v, np.ndarray) else v for v in shared]
    try:
        want = sample.primitive(*copies, **sample.params)
    except LinAlgError:  # a matrix of equal elements has no inverse
        with pytest.raises(LinAlgError):
            sample.primitive(*shared, **sample.params)
        return
    np.testing.assert_allclose(sample.primitive(*shared, **sample.params), want, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("sample", WITH_SPECIAL_VALUES, ids=lambda s: s.primitive.name)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(sample, dtype):
    x = np.array(sample.special, dtype)
    y = sample.primitive(wrap(x))._value
    want = expected(sample, [x])
    assert y.dtype == want.dtype
    np.testing.assert_allclose(y, want, rtol=3e-7 if dtype is np.float32 else 1e-15, atol=0)
    if want.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(y[y == 0]), np.signbit(want[y == 0]), err_msg="the sign of zero")


# -- shape and dtype rules ------------------------------------------------------------------------------


@EACH
def test_shape_rule(sample):
    values = sample.values()
    y = np.asarray(sample.primitive(*values, **sample.params))
    assert tuple(sample.primitive.shape(*values, **sample.params)) == y.shape
    outlines = [Recorded(v, []) if isinstance(v, np.ndarray) else v for v in values]
    assert tuple(sample.primitive.shape(*outlines, **sample.params)) == y.shape, "the rule reads more than shapes"


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.misfits], ids=str)
def test_shape_rule_refuses_misfits(sample):
    for shapes in sample.misfits:
        inputs = [np.zeros(s) for s in shapes]
        with pytest.raises(ShapeError) as caught:
            sample.primitive.shape(*inputs, **sample.params)
        text = str(caught.value)
        assert sample.primitive.name in text
        assert any(str(s) in text for s in shapes), text


@pytest.mark.parametrize("sample", [s for s in BINARY if s.misfits], ids=str)
def test_misfits_raise_from_tensors_too(sample):
    for shapes in sample.misfits:
        with pytest.raises(ShapeError, match=sample.primitive.name) as caught:
            sample.primitive(*(tw.zeros(*s) for s in shapes), **sample.params)
        assert all(str(s) in str(caught.value) for s in shapes)


@EACH
def test_dtype_rule(sample):
    for kind in sample.kinds if sample.random else "f":
        for dtype in dtypes_of(sample, kind) if sample.random else [np.float64]:
            values = sample.values()
            values = [np.abs(v).astype(dtype) if i in sample.random else v for i, v in enumerate(values)]
            y = np.asarray(sample.primitive(*values, **sample.params))
            assert sample.primitive.dtype(*values, **sample.params) == y.dtype, dtype


# -- derivatives ----------------------------------------------------------------------------------------


@DIFFERENTIABLE
@pytest.mark.parametrize("fast", [False, True], ids=["slow", "fast"])
def test_gradient(sample, fast):
    assert gradcheck(lambda *xs: call(sample, *xs), leaves(sample), atol=1e-7, rtol=1e-6, fast_mode=fast)


@DIFFERENTIABLE
@pytest.mark.parametrize("fast", [False, True], ids=["slow", "fast"])
def test_second_derivative(sample, fast):
    assert gradgradcheck(lambda *xs: call(sample, *xs), leaves(sample), atol=1e-6, rtol=1e-5, fast_mode=fast)


@DIFFERENTIABLE
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_recorded_backward_equals_the_raw_one(sample, dtype):
    xs = leaves(sample, dtype)
    y = call(sample, *xs)
    dy = tw.tensor(np.asarray(np.random.default_rng(2).normal(size=y.shape), dtype))
    raw = tw.autograd.grad(y, xs, dy, retain_graph=True)
    recorded = tw.autograd.grad(y, xs, dy, create_graph=True)
    for x, a, b in zip(xs, raw, recorded, strict=True):
        assert a.shape == b.shape == x.shape
        assert a.dtype is b.dtype is x.dtype
        assert not a.requires_grad
        np.testing.assert_allclose(
            a.numpy(), b.detach().numpy(), rtol=1e-6 if dtype is np.float32 else 1e-13, atol=1e-7
        )


@DIFFERENTIABLE
def test_gradients_in_other_memory_orders(sample):
    values = sample.values()
    xs = [tw.tensor(values[i], requires_grad=True) for i in sample.random]
    y = call(sample, *xs)
    dy = np.asarray(np.random.default_rng(2).normal(size=y.shape))
    want = tw.autograd.grad(y, xs, tw.tensor(dy))
    for name in ("transposed", "gaps", "backwards"):
        others = [tw.from_numpy(layouts(values[i])[name]).requires_grad_() for i in sample.random]
        got = tw.autograd.grad(call(sample, *others), others, tw.from_numpy(layouts(dy)[name]))
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-13, err_msg=name)
            assert a.is_contiguous(), "a gradient must not be a view of something else"


@pytest.mark.parametrize("sample", [s for s in FLOWING if isinstance(s.primitive, Elementwise)], ids=str)
def test_zero_cotangents_give_zero_gradients(sample):
    """Also where the slope is infinite or NaN: a branch that was not taken sends nothing back."""
    values = sample.values()
    for special in (0.0, math.inf, -1.0, math.nan):
        xs = [tw.full(values[i].shape, special, dtype=tw.float64, requires_grad=True) for i in sample.random]
        with np.errstate(all="ignore"):
            y = call(sample, *xs)
        for dx in tw.autograd.grad(y, xs, tw.zeros_like(y)):
            np.testing.assert_array_equal(dx.numpy(), np.zeros(dx.shape), err_msg=f"at {special}")


# -- symbolic values ------------------------------------------------------------------------------------


@EACH
def test_forward_on_symbolic_values(sample):
    tape: list[str] = []
    values = [Recorded(v, tape) if isinstance(v, np.ndarray) else v for v in sample.values()]
    y = sample.primitive(*values, **sample.params)
    assert isinstance(y, Recorded)
    assert tape == [sample.primitive.name]


@DIFFERENTIABLE
def test_pullbacks_on_symbolic_values(sample):
    """Rules need nothing but primitives and operators; the values agree with those of the raw rules."""
    primitive, params = sample.primitive, sample.params
    values = sample.values()
    y = primitive(*values, **params)
    dy = np.asarray(np.random.default_rng(2).normal(size=np.shape(y)))
    tape: list[str] = []
    symbols = [Recorded(v, tape) if isinstance(v, np.ndarray) else v for v in values]
    edges = [True if i in sample.random else None for i in range(len(values))]
    got = primitive.pullback(edges, Recorded(dy, tape), Recorded(y, tape), symbols, params)
    with np.errstate(all="ignore"):
        want = primitive.pullback(edges, dy, np.asarray(y), values, params)
    for i in sample.random:
        if got[i] is not None:
            assert isinstance(got[i], Recorded)
            np.testing.assert_allclose(got[i].inner, want[i], rtol=1e-13, atol=1e-14)


@DIFFERENTIABLE
def test_backward_of_tensors_that_hold_symbolic_values(sample):
    """What a tracer does: the same user-level code, differentiated twice, on tensors without numbers."""
    tape: list[str] = []
    values = sample.values()
    xs = [wrap(Recorded(values[i], tape)).requires_grad_() for i in sample.random]
    inputs = list(sample.inputs)
    for i, x in zip(sample.random, xs, strict=True):
        inputs[i] = x
    y = sample.primitive(*inputs, **sample.params)
    assert isinstance(y._value, Recorded)
    dy = wrap(Recorded(np.ones(y.shape), tape))
    first = tw.autograd.grad(y, xs, dy, create_graph=True)
    others = leaves(sample)
    want = tw.autograd.grad(call(sample, *others), others, tw.ones(*y.shape, dtype=tw.float64))
    for a, b in zip(first, want, strict=True):
        assert isinstance(a._value, Recorded)
        np.testing.assert_allclose(a._value.inner, b.numpy(), rtol=1e-12, atol=1e-13)
    for a, x in zip(first, xs, strict=True):
        if a.requires_grad:
            tw.autograd.grad(a, x, wrap(Recorded(np.ones(a.shape), tape)), retain_graph=True, allow_unused=True)


COMPOSED = {
    "numbers": lambda x, v: (2 - x * 3.0) / (1 + x) + x**2 + 2.0**x,
    "comparison": lambda x, v: tw.where((x > 0.5) & ~(x == v), x, 0.0),
    "spread": lambda x, v: x.var(0) * x.std() + x.norm(dim=1).sum() + x.mean(),
    "exponentials": lambda x, v: tw.logsumexp(x, 1).sum() + tw.softmax(x, 1) * tw.log_softmax(x, 0),
    "shapes": lambda x, v: x.reshape(-1).view(2, 6).flatten().unsqueeze(0).squeeze(0),
    "indices": lambda x, v: x[1:, 0].sum() + x[[0, 2]].sum() + x[tw.tensor([0, 1])].sum() + x[..., None, -1].sum(),
    "joins": lambda x, v: tw.cat([x, x * 2]).sum(0) + tw.stack([x, x], 1).sum() + len(x) + x.numel(),
    "extremes": lambda x, v: x.max(1).values.sum() + x.amin(0) + x.clamp(0.3, 0.8),
    "products": lambda x, v: (x @ v).sum() + (x @ x.T).sum() + tw.outer(v, v).sum() + tw.addmm(v, x, x.T @ x),
    "copies": lambda x, v: x.flip(0) + x.roll(1, 0) + v.repeat(3, 1) + v.expand(3, 4) + x.clone() + x.tril(),
    "pieces": lambda x, v: (
        x.split(2)[1] + x.chunk(2, 1)[0].sum() + x.unbind()[0] + x.gather(1, tw.tensor([[0], [1], [2]])).sum()
    ),
    "sums": lambda x, v: (
        x.cumsum(0) + x.prod(1, keepdim=True) + x.masked_fill(tw.tensor([True, False, True, False]), 0.0)
    ),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_public_functions_on_symbolic_values(name):
    """They are composed of primitives, so an interpreter sees nothing else, forward and backward."""
    rng = np.random.default_rng(3)
    a, b, tape = rng.uniform(0.2, 1, (3, 4)), rng.uniform(0.2, 1, 4), []
    outcomes = []
    for inputs in (
        [tw.tensor(a, requires_grad=True), tw.tensor(b, requires_grad=True)],
        [wrap(Recorded(v, tape)).requires_grad_() for v in (a, b)],
    ):
        y = COMPOSED[name](*inputs).sum()
        gradients = tw.autograd.grad(y, inputs, create_graph=True, materialize_grads=True)
        outcomes.append([getattr(t._value, "inner", t._value) for t in (y, *gradients)])
    for value, symbolic in zip(*outcomes, strict=True):
        np.testing.assert_allclose(symbolic, value, rtol=1e-12, atol=1e-13)
    assert tape
