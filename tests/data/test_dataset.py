"""Data sets and how they are cut, joined and stacked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import DataError, ShapeError
from thalweg.utils.data import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from thalweg.utils.data.gather import batch_getter

X = np.arange(12.0).reshape(6, 2)
Y = np.arange(6) * 10


class Count(IterableDataset[int]):
    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.n))

    def __len__(self) -> int:
        return self.n


def tensors() -> TensorDataset:
    return TensorDataset(tw.tensor(X), tw.tensor(Y))


def batch(dataset: Any, rows: Any) -> Any:
    get = batch_getter(dataset)
    assert get is not None
    return get(rows)


def test_base_classes_name_what_is_missing() -> None:
    class Empty(Dataset[int]):
        pass

    class EmptyStream(IterableDataset[int]):
        pass

    with pytest.raises(NotImplementedError, match="Empty must define __getitem__"):
        Empty()[0]
    with pytest.raises(NotImplementedError, match="EmptyStream must define __iter__"):
        iter(EmptyStream())


def test_tensor_dataset_items_are_tuples_of_rows() -> None:
    x, y = tensors()[-1]
    assert len(tensors()) == 6
    assert x.tolist() == [10.0, 11.0]
    assert y.item() == 50


@pytest.mark.parametrize("rows", [slice(1, 4), np.array([5, 0, 0]), np.array([-1]), np.array([], np.int64)])
def test_tensor_dataset_gathers_rows(rows: Any) -> None:
    x, y = batch(tensors(), rows)
    np.testing.assert_array_equal(x.numpy(), X[rows])
    np.testing.assert_array_equal(y.numpy(), Y[rows])
    assert (x.dtype, y.dtype) == (tw.float64, tw.int64)


@pytest.mark.parametrize("rows", [slice(0, 2), np.array([1, 0])])
@pytest.mark.parametrize("layout", ["C", "F", "strided"])
def test_a_gathered_batch_is_a_copy(rows: Any, layout: str) -> None:
    array = np.repeat(X, 2, axis=0)[::2] if layout == "strided" else np.array(X, order="F" if layout == "F" else "C")
    data = TensorDataset(tw.from_numpy(array))
    (x,) = batch(data, rows)
    np.testing.assert_array_equal(x.numpy(), X[rows])
    x.zero_()
    np.testing.assert_array_equal(array, X)


def test_gathering_reaches_the_data_s_gradient() -> None:
    x = tw.tensor(X, requires_grad=True)
    for rows in (np.array([0, 0, 3]), slice(0, 1)):
        batch(TensorDataset(x), rows)[0].sum().backward()
    assert x.grad is not None
    assert x.grad[:, 0].tolist() == [3.0, 0.0, 0.0, 1.0, 0.0, 0.0]


def test_an_index_out_of_range_is_an_index_error() -> None:
    with pytest.raises(IndexError, match="index 6 is out of bounds"):
        batch(tensors(), np.array([6]))


def test_a_subclass_that_reads_its_own_way_is_not_bypassed() -> None:
    class Doubled(TensorDataset):
        def __getitem__(self, index: Any) -> tuple[tw.Tensor, ...]:
            return tuple(2 * t for t in super().__getitem__(index))

    class Shifted(Subset[Any]):
        def __getitem__(self, index: Any) -> Any:
            return super().__getitem__((index + 1) % len(self))

    data = Doubled(tw.tensor(X))
    assert batch_getter(data) is None
    assert batch_getter(Subset(data, [0])) is None
    assert batch_getter(StackDataset(data)) is None
    assert batch_getter(Shifted(tensors(), [0, 1])) is None


def test_tensor_dataset_refuses_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"first size, got the shapes \[\(2,\), \(3,\)\]"):
        TensorDataset(tw.zeros(2), tw.zeros(3))
    with pytest.raises(ShapeError, match=r"\(\)"):
        TensorDataset(tw.tensor(1.0))
    with pytest.raises(TypeError, match="got ndarray; use tw"):
        TensorDataset(X)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="at least one"):
        TensorDataset()


def test_subset_gathers_through_nested_indices() -> None:
    inner = Subset(tensors(), [5, 3, 1])
    outer = Subset(inner, [2, 0])
    assert [int(y) for _, y in (outer[0], outer[1])] == [10, 50]
    assert [int(sample[1]) for sample in outer.__getitems__([1, 0])] == [50, 10]
    assert batch(outer, np.array([1, 0]))[1].tolist() == [50, 10]
    assert batch(outer, slice(0, 1))[1].tolist() == [10]
    assert batch(Subset(tensors(), []), slice(0, 0))[0].shape == (0, 2)


def test_subset_sees_its_indices_change_between_epochs() -> None:
    indices = [0]
    subset = Subset(tensors(), indices)
    indices.append(4)
    assert batch(subset, slice(0, 2))[1].tolist() == [0, 40]


def test_subset_refuses_indices_that_are_no_ints() -> None:
    with pytest.raises(DataError, match="Subset: indices must be a sequence of ints, not float64"):
        batch_getter(Subset(tensors(), [0.5]))  # type: ignore[list-item]


def test_arrays_and_tensors_are_data_sets_of_their_rows() -> None:
    np.testing.assert_array_equal(batch(X, np.array([2, 0])).numpy(), X[[2, 0]])
    np.testing.assert_array_equal(batch(tw.tensor(X), slice(1, 2)).numpy(), X[1:2])
    assert batch_getter(np.array(["a", "b"])) is None
    assert batch_getter([1, 2]) is None


def test_stack_by_position_and_by_name() -> None:
    assert StackDataset("ab", [1, 2])[1] == ("b", 2)
    assert StackDataset(letter="ab", number=[1, 2]).__getitems__([1, 0]) == [
        {"letter": "b", "number": 2},
        {"letter": "a", "number": 1},
    ]
    both = batch(StackDataset(x=tw.tensor(X), rest=tensors()), np.array([4]))
    assert both["x"].tolist() == [[8.0, 9.0]]
    assert [t.tolist() for t in both["rest"]] == [[[8.0, 9.0]], [40]]
    assert batch(StackDataset(X, Y), slice(2, 3))[1].tolist() == [20]
    assert batch_getter(StackDataset(X, "abcdef")) is None


def test_stack_refuses_what_does_not_fit() -> None:
    with pytest.raises(DataError, match=r"same length, got \[2, 3\]"):
        StackDataset("ab", "cde")
    with pytest.raises(DataError, match="by position or by name"):
        StackDataset("ab", x="cd")
    with pytest.raises(DataError, match="by position or by name"):
        StackDataset()


def test_a_short_answer_of_getitems_is_named() -> None:
    class Short(Dataset[int]):
        def __getitems__(self, indices: list[int]) -> list[int]:
            return indices[1:]

    with pytest.raises(DataError, match=r"Short.__getitems__ returned 1 samples for 2 indices"):
        Subset(Short(), [3, 4]).__getitems__([0, 1])


def test_concat_finds_its_parts() -> None:
    joined = ConcatDataset(["ab", "", "cde"])
    assert [joined[i] for i in range(-5, 5)] == list("abcde" * 2)
    assert joined.cumulative_sizes == [2, 2, 5]
    assert [int(y) for _, y in iter_all(tensors() + tensors())] == [*Y, *Y]
    for index in (5, -6):
        with pytest.raises(IndexError, match=f"index {index} is outside of its 5 samples"):
            joined[index]


def iter_all(dataset: Any) -> list[Any]:
    return [dataset[i] for i in range(len(dataset))]


def test_concat_refuses_streams_and_nothing() -> None:
    with pytest.raises(DataError, match="IterableDataset can't be read by index"):
        ConcatDataset([Count(2)])
    with pytest.raises(DataError, match="at least one"):
        ConcatDataset([])


def test_chain() -> None:
    chained = Count(2) + Count(3)
    assert isinstance(chained, ChainDataset)
    assert list(chained) == [0, 1, 0, 1, 2]
    assert len(chained) == 5
    with pytest.raises(TypeError, match="expected IterableDatasets, got list"):
        list(ChainDataset([[1]]))


def test_random_split_is_a_partition_in_the_generator_s_order() -> None:
    parts = random_split(range(10), [3, 0, 7], generator=tw.Generator().manual_seed(5))
    assert [len(p) for p in parts] == [3, 0, 7]
    order = tw.Generator().manual_seed(5).permutation(10).tolist()
    assert parts[0].indices == order[:3]
    assert iter_all(parts[2]) == order[3:]


@pytest.mark.parametrize(
    ("fractions", "n", "sizes"),
    [
        ([0.5, 0.5], 5, [3, 2]),
        ([0.8, 0.1, 0.1], 103, [83, 10, 10]),
        ([1.0], 7, [7]),
        ([0.7, 0.2, 0.1], 10, [7, 2, 1]),
        ([1 / 3] * 3, 8, [3, 3, 2]),
        ([1, 0], 1, [1, 0]),
    ],
)
@pytest.mark.filterwarnings("ignore:random_split")
def test_random_split_by_fractions(fractions: list[float], n: int, sizes: list[int]) -> None:
    parts = random_split(range(n), fractions)
    assert [len(p) for p in parts] == sizes
    assert sorted(i for p in parts for i in p.indices) == list(range(n))


def test_random_split_repeats_with_the_seed() -> None:
    def split() -> Any:
        tw.manual_seed(3)
        return random_split(range(20), [0.5, 0.5])[0].indices

    assert split() == split()


def test_random_split_refuses_lengths_that_do_not_add_up() -> None:
    with pytest.raises(DataError, match=r"add up to the 10 samples, .* \[3, 3\] add up to 6"):
        random_split(range(10), [3, 3])
    with pytest.raises(DataError, match="can't be negative"):
        random_split(range(10), [11, -1])
    with pytest.raises(DataError, match="fractions that add up to 1"):
        random_split(range(10), [5.0, 5.0])
    with pytest.warns(UserWarning, match="subset 1 .* is empty"):
        random_split(range(2), [0.9, 0.1])
