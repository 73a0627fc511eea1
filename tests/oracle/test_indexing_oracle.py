"""Random index expressions, read and written, against PyTorch: values, shapes, memory sharing and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw

torch = pytest.importorskip("torch")
hypothesis = pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

pytestmark = pytest.mark.oracle
SETTINGS = settings(
    max_examples=250, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)


@st.composite
def shapes(draw: Any) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.integers(0, 4), min_size=0, max_size=4)))


@st.composite
def items(draw: Any, size: int, length: int) -> Any:
    """An index item for one axis of ``size``; arrays have ``length`` positions or one, so that they broadcast."""
    kind = draw(st.sampled_from(["int", "slice", "slice", "array", "mask", "zero-d"]))
    if kind == "int":
        return draw(st.integers(-size - 1, size))  # sometimes out of range
    if kind == "slice":
        ends = st.none() | st.integers(-size - 1, size + 1)
        return slice(draw(ends), draw(ends), draw(st.none() | st.integers(1, 3)))
    if kind == "zero-d":
        return np.asarray(draw(st.integers(-size, max(size - 1, 0))))
    if kind == "mask":
        return np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), bool)
    shape = draw(st.sampled_from([(length,), (1,), (2, length), (0,)]))
    count = int(np.prod(shape))
    positions = draw(st.lists(st.integers(-size, max(size - 1, 0)), min_size=count, max_size=count))
    return np.array(positions, np.int64).reshape(shape)


@st.composite
def indices(draw: Any, shape: tuple[int, ...]) -> Any:
    """An index expression for a tensor of ``shape``, with None, ... and masks of several axes among the items."""
    length = draw(st.integers(1, 3))
    result: list[Any] = []
    axis, ellipsis = 0, False
    while axis < len(shape) and draw(st.integers(0, 5)):
        choice = draw(st.integers(0, 9))
        if choice == 0:
            result.append(None)
        elif choice == 1 and not ellipsis:
            result.append(Ellipsis)
            ellipsis = True
            axis += draw(st.integers(0, len(shape) - axis))
        elif choice == 2 and axis + 2 <= len(shape):
            size = shape[axis : axis + 2]
            bits = draw(st.lists(st.booleans(), min_size=size[0] * size[1], max_size=size[0] * size[1]))
            result.append(np.array(bits, bool).reshape(size))
            axis += 2
        elif choice == 3 and draw(st.booleans()):
            result.append(draw(st.booleans()))
        else:
            result.append(draw(items(shape[axis], length)))
            axis += 1
    if len(result) == 1 and draw(st.booleans()):
        return result[0]
    return tuple(result)


def converted(index: Any, tensor: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(converted(i, tensor) for i in index)
    return tensor(index) if isinstance(index, np.ndarray) else index


def attempt(function: Any, *args: Any) -> Any:
    try:
        return function(*args)
    except (IndexError, RuntimeError, ValueError, TypeError) as error:
        return error


def grid(shape: tuple[int, ...]) -> Any:
    return np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)


def read(x: Any, index: Any) -> Any:
    return x[index]


def agree(ours: Any, theirs: Any) -> bool:
    """Whether both are values, which then must be equal; both may be errors."""
    if isinstance(ours, IndexError) and not isinstance(theirs, Exception) and not theirs.numel():
        return False  # PyTorch checks no positions where there is nothing to read
    assert isinstance(ours, Exception) == isinstance(theirs, Exception), (ours, theirs)
    if isinstance(ours, Exception):
        return False
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())
    return True


@SETTINGS
@given(data=st.data())
def test_get(data):
    shape = data.draw(shapes())
    index = data.draw(indices(shape))
    a = grid(shape)
    x, t = tw.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    ours, theirs = attempt(read, x, converted(index, tw.tensor)), attempt(read, t, converted(index, torch.tensor))
    if not agree(ours, theirs):
        return
    if ours.numel():
        shared = np.shares_memory(ours.detach().numpy(), x.detach().numpy())
        assert shared == (theirs.untyped_storage().data_ptr() == t.untyped_storage().data_ptr())
    dy = np.random.default_rng(0).normal(size=tuple(ours.shape))
    (g,) = tw.autograd.grad(ours, x, tw.tensor(dy))
    (h,) = torch.autograd.grad(theirs, t, torch.tensor(dy))
    np.testing.assert_allclose(g.numpy(), h.numpy(), rtol=1e-12, atol=1e-12)


def write(x: Any, w: Any, index: Any) -> Any:
    y = x * 1
    y[index] = w
    return y


def writes_twice(shape: tuple[int, ...], index: Any) -> bool:
    places = attempt(read, torch.arange(int(np.prod(shape, dtype=int))).reshape(shape), converted(index, torch.tensor))
    return isinstance(places, Exception) or len(places.unique()) != places.numel()


@SETTINGS
@given(data=st.data())
def test_set(data):
    shape = data.draw(shapes())
    index = data.draw(indices(shape))
    a = grid(shape)
    selected = attempt(read, torch.tensor(a), converted(index, torch.tensor))
    size = (2,) if isinstance(selected, Exception) else tuple(selected.shape)
    kind = data.draw(st.sampled_from(["fits", "fits", "one", "broadcast", "leading", "number"]))
    if writes_twice(shape, index) and kind in ("fits", "broadcast", "leading"):
        kind = "one"
    keep = [data.draw(st.booleans()) for _ in size]
    shape_of_value = {
        "fits": size,
        "one": (),
        "broadcast": tuple(n if k else 1 for n, k in zip(size, keep, strict=True)),
        "leading": (1, *size),
        "number": (),
    }[kind]
    b = -grid(shape_of_value)
    x, t = tw.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    w, u = tw.tensor(b, requires_grad=True), torch.tensor(b, requires_grad=True)
    ours = attempt(write, x, 7 if kind == "number" else w, converted(index, tw.tensor))
    theirs = attempt(write, t, 7 if kind == "number" else u, converted(index, torch.tensor))
    if not agree(ours, theirs):
        return
    dy = np.random.default_rng(0).normal(size=shape)
    got = tw.autograd.grad(ours, [x, w], tw.tensor(dy), allow_unused=True)
    want = torch.autograd.grad(theirs, [t, u], torch.tensor(dy), allow_unused=True)
    for g, h in zip(got, want, strict=True):
        if g is not None or h is not None:
            g_value = np.zeros(h.shape) if g is None else g.numpy()
            np.testing.assert_allclose(g_value, np.zeros(g.shape) if h is None else h.numpy(), rtol=1e-12, atol=1e-12)


@SETTINGS
@given(data=st.data())
def test_set_through_views(data):
    """The target is itself a view: transposed, or a slice of something larger."""
    shape = data.draw(shapes())
    index = data.draw(indices(shape))
    if writes_twice(shape, index):
        return
    big = grid((*shape[::-1], 2))
    x, t = tw.tensor(big, requires_grad=True), torch.tensor(big, requires_grad=True)
    y, u = x * 1, t * 1
    axes = tuple(range(len(shape)))[::-1]
    view, same = y[..., 1].permute(axes), u[..., 1].permute(axes)
    view[converted(index, tw.tensor)] = 0.5
    same[converted(index, torch.tensor)] = 0.5
    agree(y, u)
    agree(view, same)
    (g,) = tw.autograd.grad((y * y).sum(), x)
    (h,) = torch.autograd.grad((u * u).sum(), t)
    np.testing.assert_array_equal(g.numpy(), h.numpy())
