"""Random draws natively: the bits of the generator, whose words are NumPy's Philox."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from thalweg.compiler.graph import Graph, Node, apply, evaluate, placeholder
from thalweg.compiler.native import Target
from thalweg.compiler.native_program import Native
from thalweg.ops.random import integers_, normal_, permutation_, uniform_

KEYS = [(0, 0), (12345, 99), (2**64 - 1, 2**64 - 5)]  # the last one counts past 2**64
SHAPES = [(1,), (7,), (8,), (3, 5, 77), (513,), (), (0,)]
SPANS = [(0, 10), (-5, 2**32 - 5), (0, 2**40), (-(2**63), 2**63 - 1)]
HOSTS = [Target.host(), Target.host().narrow(16)]


def drawn(nodes: list[Node], key: Node, target: Target) -> Any:
    """Native and NumPy's values of draws, for each key."""
    native = Native(Graph([key], nodes), [], target=target, threads=1)
    assert native.callbacks == []
    for values in KEYS:
        state = np.array(values, np.uint64)
        results = [np.empty(y.shape, y.dtype) for y in nodes]
        native.run([state], results)
        yield from zip(results, evaluate(Graph([key], nodes), [state]), strict=True)


@pytest.fixture
def key() -> Node:
    return placeholder("key", (2,), np.uint64)


@pytest.mark.parametrize("target", HOSTS, ids=["host", "16 bytes"])
def test_bits(key: Node, target: Target) -> None:
    nodes = [
        apply(uniform_, key, offset=3, shape=shape, dtype=np.dtype(d)) for shape in SHAPES for d in ("f2", "f4", "f8")
    ]
    nodes += [apply(integers_, key, offset=1, low=a, high=b, shape=(301,)) for a, b in SPANS]
    nodes += [apply(permutation_, key, offset=0, n=n) for n in (0, 1, 2, 3, 10, 1000, 70001)]
    for got, want in drawn(nodes, key, target):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)


def test_words_are_those_of_philox(key: Node) -> None:
    y = apply(uniform_, key, offset=2, shape=(10,), dtype=np.dtype(np.float64))
    result = np.empty(10)
    Native(Graph([key], [y]), [], threads=1).run([np.array([42, 7], np.uint64)], [result])
    words = np.random.Philox(key=42, counter=9).random_raw(10)
    assert result.tolist() == [(int(w) >> 11) / 2**53 for w in words]


@pytest.mark.parametrize("target", HOSTS, ids=["host", "16 bytes"])
def test_normal_numbers_within_four_units_in_the_last_place(key: Node, target: Target) -> None:
    nodes = [
        apply(normal_, key, offset=3, shape=shape, dtype=np.dtype(d)) for shape in SHAPES for d in ("f2", "f4", "f8")
    ]
    for got, want in drawn(nodes, key, target):
        assert got.shape == want.shape
        np.testing.assert_array_less(np.abs(got - want), 5 * np.spacing(np.abs(want)))
