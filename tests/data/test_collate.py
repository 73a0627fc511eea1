"""From samples to batches."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import DataError, ShapeError
from thalweg.utils.data import default_collate, default_convert


class Point(NamedTuple):
    x: Any
    y: Any


@pytest.mark.parametrize(
    ("samples", "values", "dtype"),
    [
        ([1, 2], [1, 2], tw.int64),
        ([1.5, 2], [1.5, 2.0], tw.float64),
        ([True, False], [True, False], tw.bool),
        ([np.float32(1), np.float32(2)], [1.0, 2.0], tw.float32),
        ([np.uint8(7)], [7], tw.uint8),
        ([np.ones(2, np.float32)] * 2, [[1.0, 1.0]] * 2, tw.float32),
        ([np.array(3)] * 2, [3, 3], tw.int64),
        ([tw.tensor([1, 2])] * 2, [[1, 2]] * 2, tw.int64),
        ([tw.tensor(0.5)], [0.5], tw.float32),
        ([tw.zeros(0)] * 2, [[], []], tw.float32),
    ],
)
def test_numbers_arrays_and_tensors(samples: list[Any], values: list[Any], dtype: Any) -> None:
    batch = default_collate(samples)
    assert batch.tolist() == values
    assert batch.dtype is dtype


def test_strings_stay_a_list() -> None:
    assert default_collate(["a", "b"]) == ["a", "b"]
    assert default_collate([b"a"]) == [b"a"]


def test_structures() -> None:
    batch = default_collate([{"p": Point(1, (2.0, "u"))}, {"p": Point(3, (4.0, "v"))}])
    point = batch["p"]
    assert type(point) is Point
    assert point.x.tolist() == [1, 3]
    assert type(point.y) is list
    assert point.y[0].tolist() == [2.0, 4.0]
    assert point.y[1] == ("u", "v")


def test_a_mapping_keeps_its_class() -> None:
    batch = default_collate([OrderedDict(a=1), OrderedDict(a=2)])
    assert type(batch) is OrderedDict
    assert batch["a"].tolist() == [1, 2]


def test_a_batch_is_a_copy_and_keeps_gradients() -> None:
    a, b = tw.ones(2), tw.ones(2)
    default_collate([a, b]).zero_()
    assert a.tolist() == [1.0, 1.0]
    leaf = tw.ones(2, requires_grad=True)
    (default_collate([leaf, b]) * tw.tensor([[3.0], [5.0]])).sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.tolist() == [3.0, 3.0]


def test_mixed_dtypes_are_promoted() -> None:
    assert default_collate([tw.tensor(1), tw.tensor(0.5)]).dtype is tw.float32


def test_unequal_samples_are_named() -> None:
    with pytest.raises(ShapeError, match=r"sample 0 has \(2,\), sample 1 has \(3,\)"):
        default_collate([tw.zeros(2), tw.zeros(3)])
    with pytest.raises(DataError, match="sample 0 has 1, sample 2 has 2"):
        default_collate([(1,), (1,), (1, 2)])
    with pytest.raises(DataError, match="sample 1 of the batch has no key 'b'"):
        default_collate([{"b": 1}, {"a": 1}])
    with pytest.raises(TypeError, match="sample 1 of float"):
        default_collate([tw.zeros(()), 1.0])
    with pytest.raises(TypeError, match="sample 1 of float"):
        default_collate([np.zeros(()), 1.0])


def test_what_can_t_be_a_batch_is_named() -> None:
    with pytest.raises(TypeError, match="not NoneType; pass collate_fn="):
        default_collate([None])
    with pytest.raises(TypeError, match="not of <U1"):
        default_collate([np.array(["a"])])
    with pytest.raises(DataError, match="no samples"):
        default_collate([])


def test_convert_shares_memory_and_keeps_the_rest() -> None:
    array = np.zeros(2)
    converted = default_convert({"a": array, "p": Point(np.int64(1), "s"), "t": (array,), "l": [None, "x"]})
    array[0] = 5
    assert converted["a"].tolist() == [5.0, 0.0]
    assert type(converted["p"]) is Point
    assert converted["p"].x.item() == 1
    assert converted["p"].y == "s"
    assert type(converted["t"]) is list
    assert converted["l"] == [None, "x"]
    strings = np.array(["a"])
    assert default_convert(strings) is strings
