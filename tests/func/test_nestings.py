"""Nestings of forward mode, reverse mode and batches, to third order, for every differentiable primitive.

A word such as "FRR" stands for forward mode over reverse mode over reverse mode: each letter takes the derivative,
along one direction, of what stands to its right. "V" turns a function of one sample into the weighted sum over two.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.core.tensor import wrap
from thalweg.func import grad, jvp, vmap

from ..registry import Sample
from ..test_primitives import FLOWING, call

EPS = 1e-5
Scalar = Callable[..., Any]  # of some tensors, to a 0-d tensor


def weighted(sample: Sample) -> Scalar:
    """The sum of the outputs of a primitive, with weights."""
    values = sample.values()
    y = np.asarray(sample.primitive(*values, **sample.params))
    weights = wrap(np.cos(np.arange(1.0, y.size + 1)).reshape(y.shape))

    def scalar(*xs: Any) -> Any:
        return (call(sample, *xs) * weights).sum()

    return scalar


def direction(sample: Sample, order: int) -> list[Any]:
    """A random direction for each input, another one for each order."""
    rng = np.random.default_rng(order)
    return [np.asarray(rng.normal(size=sample.values()[i].shape)) for i in sample.random]


def forward(f: Scalar, us: list[Any]) -> Scalar:
    return lambda *xs: jvp(f, xs, tuple(map(wrap, us)))[1]


def reverse(f: Scalar, us: list[Any]) -> Scalar:
    def derivative(*xs: Any) -> Any:
        gradients = grad(f, argnums=tuple(range(len(xs))))(*xs)
        return sum(((dx * wrap(u)).sum() for dx, u in zip(gradients, us, strict=True)), tw.tensor(0.0).double())

    return derivative


WEIGHTS = np.array([0.7, -1.3])


def of_batch(f: Scalar) -> Scalar:
    return lambda *xs: (vmap(f)(*xs) * wrap(WEIGHTS)).sum()


def nested(word: str, sample: Sample) -> Scalar:
    """What a word stands for. Left of a V all inputs hold two samples, and so do the directions."""
    f, order = weighted(sample), 0
    in_batch = False
    for letter in reversed(word):
        if letter == "V":
            f, in_batch = of_batch(f), True
            continue
        order += 1
        us = direction(sample, order)
        us = [np.array([u, u]) for u in us] if in_batch else us
        f = forward(f, us) if letter == "F" else reverse(f, us)
    return f


def evaluated(word: str, sample: Sample, shift: float = 0.0, seed: int = 1) -> float:
    """The value of a word without V at the sample's inputs, moved along the direction of the next order."""
    us = direction(sample, len(word) + 1)
    xs = [sample.values(seed=seed)[i] + shift * u for i, u in zip(sample.random, us, strict=True)]
    with np.errstate(all="ignore"):
        return float(nested(word, sample)(*map(wrap, xs)).item())


def difference(word: str, sample: Sample) -> float:
    """The derivative of a word's value along the next direction, by central differences."""
    return (evaluated(word, sample, EPS) - evaluated(word, sample, -EPS)) / (2 * EPS)


ROWS = [sample for sample in FLOWING if all(sample.values()[i].size for i in sample.random)]
WORDS = {n: ["".join(letters) for letters in itertools.product("FR", repeat=n)] for n in (1, 2, 3)}


@pytest.mark.parametrize("sample", ROWS, ids=str)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_every_nesting_equals_finite_differences_of_the_order_below(sample, order):
    want = difference("FR"[: order - 1], sample)
    for word in WORDS[order]:
        got = evaluated(word, sample)
        assert got == pytest.approx(want, rel=1e-5, abs=1e-6), word


@pytest.mark.parametrize(("turn", "sample"), list(enumerate(ROWS)), ids=map(str, ROWS))
def test_nestings_with_batches_equal_the_loop(turn, sample):
    """V in every place of a word; which words is different for each row."""
    xs = [np.array([sample.values(seed=1)[i], sample.values(seed=2)[i]]) for i in sample.random]
    for n in (1, 2, 3):
        word = WORDS[n][turn % len(WORDS[n])]
        want = float(WEIGHTS @ [evaluated(word, sample, seed=s) for s in (1, 2)])
        for place in range(n + 1):
            mixed = f"{word[:place]}V{word[place:]}"
            with np.errstate(all="ignore"):
                got = nested(mixed, sample)(*map(wrap, xs)).item()
            assert got == pytest.approx(want, rel=1e-9, abs=1e-10), mixed
