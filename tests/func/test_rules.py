"""The batching rule and the forward mode of every primitive, driven by the rows of registry.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from thalweg.core.primitive import Primitive
from thalweg.transforms.batched import BatchLevel, enter, leave
from thalweg.transforms.duals import DualLevel, dualize, primal, tangent

from ..registry import SAMPLES, Sample
from ..test_primitives import FLOWING, all_primitives

SIZE = 3


def in_batches(sample: Sample, chosen: tuple[int, ...], size: int = SIZE) -> list[Any]:
    """The inputs, of which the chosen ones hold different values for each sample."""
    values = sample.values()
    rng = np.random.default_rng(5)
    for i in chosen:
        x = np.asarray(values[i])
        if i in sample.random:
            others = [sample.values(seed=k)[i] for k in range(1, size + 1)]
            values[i] = np.array(others).reshape(size, *x.shape)
        elif x.dtype.kind == "f":  # fractions, which leave a definite matrix definite
            values[i] = np.array([x / (k + 1) for k in range(size)], x.dtype).reshape(size, *x.shape)
        else:  # the same integers or booleans in other orders
            orders = [rng.permuted(x.reshape(-1)).reshape(x.shape) if k else x for k in range(size)]
            values[i] = np.array(orders, x.dtype).reshape(size, *x.shape)
    return values


def choices(sample: Sample) -> list[tuple[int, ...]]:
    """All arrays together, and each of them alone."""
    arrays = [i for i, v in enumerate(sample.values()) if isinstance(v, np.ndarray)]
    return [tuple(arrays), *((i,) for i in arrays if len(arrays) > 1)]


def batched(sample: Sample, values: list[Any], chosen: tuple[int, ...], size: int = SIZE) -> Any:
    level = BatchLevel(size)
    inputs = [enter(v, level=level) if i in chosen else v for i, v in enumerate(values)]
    with np.errstate(all="ignore"):
        return np.asarray(leave(sample.primitive(*inputs, **sample.params), level=level))


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_batching_rule_equals_the_loop_over_the_batch(sample):
    for chosen in choices(sample):
        values = in_batches(sample, chosen)
        got = batched(sample, values, chosen)
        for k in range(SIZE):
            one = [v[k] if i in chosen else v for i, v in enumerate(values)]
            want = np.asarray(sample.primitive(*one, **sample.params))
            assert got[k].dtype == want.dtype
            np.testing.assert_allclose(got[k], want, rtol=1e-13, atol=1e-14, err_msg=f"inputs {chosen}, sample {k}")


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_batches_of_no_samples(sample):
    for chosen in choices(sample):
        values = [v[:0] if i in chosen else v for i, v in enumerate(in_batches(sample, chosen))]
        want = np.asarray(sample.primitive(*sample.values(), **sample.params))
        got = batched(sample, values, chosen, 0)
        assert got.shape == (0, *want.shape)
        assert got.dtype == want.dtype


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_batches_of_batches(sample):
    """The rule of a primitive is made of primitives, so that it can be applied to batches in turn."""
    (chosen, *_) = choices(sample)
    values = [np.array([v, v[::-1]]) if i in chosen else v for i, v in enumerate(in_batches(sample, chosen))]
    outer, inner = BatchLevel(2), BatchLevel(SIZE)
    inputs = [enter(enter(v, level=outer), level=inner) if i in chosen else v for i, v in enumerate(values)]
    with np.errstate(all="ignore"):
        y = sample.primitive(*inputs, **sample.params)
    got = leave(leave(y, level=inner), level=outer)
    for j in range(2):
        want = batched(sample, [v[j] if i in chosen else v for i, v in enumerate(values)], chosen)
        np.testing.assert_allclose(got[j], want, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("primitive", all_primitives().values(), ids=lambda p: p.name)
def test_every_primitive_has_a_batching_rule(primitive):
    assert type(primitive).batch is not Primitive.batch


def pushed(sample: Sample, values: list[Any], tangents: dict[int, Any]) -> Any:
    level = DualLevel()
    inputs = [dualize(v, tangents[i], level=level) if i in tangents else v for i, v in enumerate(values)]
    y = sample.primitive(*inputs, **sample.params)
    return primal(y, level=level), tangent(y, level=level)


@pytest.mark.parametrize("sample", FLOWING, ids=str)
def test_forward_mode_equals_finite_differences(sample):
    values, rng, eps = sample.values(), np.random.default_rng(3), 1e-6
    for chosen in [tuple(sample.random), *((i,) for i in sample.random if len(sample.random) > 1)]:
        tangents = {i: np.asarray(rng.normal(size=values[i].shape)) for i in chosen}
        y, y_dot = pushed(sample, values, tangents)
        want = np.asarray(sample.primitive(*values, **sample.params))
        np.testing.assert_array_equal(y, want)
        assert y_dot.shape == want.shape
        assert y_dot.dtype == want.dtype
        ends = [
            sample.primitive(*(v + s * eps * tangents[i] if i in tangents else v for i, v in enumerate(values)),
                             **sample.params)
            for s in (1, -1)
        ]  # fmt: skip
        np.testing.assert_allclose(y_dot, (ends[0] - ends[1]) / (2 * eps), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("sample", FLOWING, ids=str)
def test_forward_mode_and_reverse_mode_are_transposes(sample):
    """<dy, J t> = <J^T dy, t>, for all inputs together."""
    values, rng = sample.values(), np.random.default_rng(4)
    tangents = {i: np.asarray(rng.normal(size=values[i].shape)) for i in sample.random}
    y, y_dot = pushed(sample, values, tangents)
    y, dy = np.asarray(y), np.asarray(rng.normal(size=np.shape(y)))
    edges = [True if i in tangents else None for i in range(len(values))]
    cotangents = sample.primitive.pullback(edges, dy, y, values, sample.params)
    found = 0.0
    for i, t in tangents.items():
        dx = cotangents[i]
        if dx is not None:
            dx = sample.primitive.unbroadcast(dx, t.shape) if dx.shape != t.shape else dx
            found += np.sum(dx * t)
    np.testing.assert_allclose(np.sum(dy * y_dot), found, rtol=1e-11, atol=1e-12)
