"""Samplers: which indices, in which order, from which draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import DataError
from thalweg.utils.data import (
    BatchSampler,
    DistributedSampler,
    IndexSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


def seeded(seed: int = 0) -> tw.Generator:
    return tw.Generator().manual_seed(seed)


def test_sequential() -> None:
    sampler = SequentialSampler("abc")
    assert list(sampler) == [0, 1, 2]
    assert len(sampler) == 3
    assert sampler.order().dtype == np.int64


def test_base_classes_name_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match="Sampler must define __iter__"):
        iter(Sampler())
    with pytest.raises(NotImplementedError, match="IndexSampler must define order"):
        iter(IndexSampler())


def test_random_order_is_one_permutation_of_the_generator() -> None:
    generator = seeded(4)
    sampler = RandomSampler(range(9), generator=generator)
    twin = seeded(4)
    for _ in range(2):
        assert list(sampler) == twin.permutation(9).tolist()
    assert generator.get_state().tolist() == twin.get_state().tolist()


def test_a_permutation_is_the_stable_order_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for n in (0, 1, 2, 1000):
        words = seeded(3).words(n).tolist()
        assert seeded(3).permutation(n).tolist() == sorted(range(n), key=words.__getitem__)
    ties = np.arange(1000, dtype=np.uint64) % 7
    monkeypatch.setattr(tw.Generator, "words", lambda self, n: ties[:n])
    assert seeded().permutation(1000).tolist() == sorted(range(1000), key=ties.tolist().__getitem__)


def test_random_order_comes_from_the_default_generator() -> None:
    tw.manual_seed(8)
    first = list(RandomSampler(range(30)))
    second = list(RandomSampler(range(30)))
    tw.manual_seed(8)
    assert list(RandomSampler(range(30))) == first != second
    assert sorted(first) == list(range(30))


def test_random_yields_python_ints() -> None:
    assert {type(i) for i in RandomSampler(range(3))} == {int}


@pytest.mark.parametrize(("n", "count"), [(5, 3), (5, 5), (5, 13)])
def test_random_with_num_samples_repeats_whole_permutations(n: int, count: int) -> None:
    order = list(RandomSampler(range(n), num_samples=count, generator=seeded()))
    assert len(order) == count
    for start in range(0, count - n + 1, n):
        assert sorted(order[start : start + n]) == list(range(n))
    assert len(set(order[count - count % n :])) == count % n


def test_random_with_replacement_is_uniform() -> None:
    sampler = RandomSampler(range(4), replacement=True, num_samples=8000, generator=seeded())
    counts = np.bincount(list(sampler), minlength=4)
    assert len(sampler) == 8000
    assert (abs(counts - 2000) < 5 * np.sqrt(8000 * 0.25 * 0.75)).all()
    assert list(RandomSampler(range(4), True, generator=seeded(1))) == seeded(1).integers(0, 4, (4,)).tolist()


def test_random_over_nothing() -> None:
    assert list(RandomSampler([])) == []
    with pytest.raises(DataError, match="3 samples were asked of an empty data set"):
        list(RandomSampler([], num_samples=3))


def test_random_follows_a_data_set_that_grows() -> None:
    data = [0]
    sampler = RandomSampler(data)
    data.append(1)
    assert (len(sampler), sorted(sampler)) == (2, [0, 1])


@pytest.mark.parametrize("count", [0, -1, 1.5, True])
def test_random_refuses_num_samples(count: Any) -> None:
    with pytest.raises(DataError, match="num_samples must be a positive int"):
        RandomSampler(range(3), num_samples=count)


def test_replacement_is_a_bool() -> None:
    with pytest.raises(TypeError, match="replacement must be a bool"):
        RandomSampler(range(3), replacement=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="replacement must be a bool"):
        WeightedRandomSampler([1.0], 1, replacement=1)  # type: ignore[arg-type]


def test_subset_random() -> None:
    sampler = SubsetRandomSampler([7, 3, 9], generator=seeded(2))
    assert list(sampler) == [[7, 3, 9][i] for i in seeded(2).permutation(3)]
    assert len(sampler) == 3
    assert list(SubsetRandomSampler([])) == []


def test_weighted_with_replacement_follows_the_weights() -> None:
    weights = np.array([1.0, 0.0, 3.0, 4.0, 0.0])
    sampler = WeightedRandomSampler(weights, 16000, generator=seeded())
    counts = np.bincount(list(sampler), minlength=5)
    p = weights / weights.sum()
    assert counts[1] == counts[4] == 0
    assert (abs(counts - 16000 * p) <= 5 * np.sqrt(16000 * p * (1 - p))).all()


def test_weighted_without_replacement_draws_in_proportion() -> None:
    weights = [1.0, 2.0, 0.0, 5.0]
    generator = seeded(6)
    draws = [list(WeightedRandomSampler(weights, 2, replacement=False, generator=generator)) for _ in range(4000)]
    assert all(len(set(d)) == 2 and 2 not in d for d in draws)
    first = np.bincount([d[0] for d in draws], minlength=4) / 4000
    np.testing.assert_allclose(first, np.array(weights) / 8, atol=0.04)
    then = np.bincount([d[1] for d in draws if d[0] == 3], minlength=4)  # the weights 1 and 2 are left
    np.testing.assert_allclose(then / then.sum(), [1 / 3, 2 / 3, 0, 0], atol=0.04)


@pytest.mark.parametrize("weights", [[1.0, -1.0], [0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0], []])
def test_weighted_refuses_weights(weights: list[float]) -> None:
    with pytest.raises(DataError, match="weights must be finite and ≥ 0"):
        WeightedRandomSampler(weights, 1)


def test_weighted_refuses_shapes_and_counts() -> None:
    with pytest.raises(DataError, match=r"one-dimensional, got shape \(1, 2\)"):
        WeightedRandomSampler([[1.0, 2.0]], 1)
    with pytest.raises(DataError, match="3 samples without replacement need as many positive weights, there are 2"):
        WeightedRandomSampler([1.0, 0.0, 2.0], 3, replacement=False)
    with pytest.raises(DataError, match="num_samples must be a positive int, not 0"):
        WeightedRandomSampler([1.0], 0)


@pytest.mark.parametrize(
    ("size", "drop_last", "batches"),
    [(2, False, [[0, 1], [2, 3], [4]]), (2, True, [[0, 1], [2, 3]]), (5, True, [[0, 1, 2, 3, 4]]), (9, True, [])],
)
def test_batches(size: int, drop_last: bool, batches: list[list[int]]) -> None:
    sampler = BatchSampler(SequentialSampler(range(5)), size, drop_last)
    assert list(sampler) == batches
    assert len(sampler) == len(batches)


def test_batches_of_any_iterable() -> None:
    letters: Any = iter("abc")
    assert [*map("".join, BatchSampler(letters, 2, False))] == ["ab", "c"]  # type: ignore[arg-type]


def test_batch_sampler_refuses() -> None:
    with pytest.raises(DataError, match="batch_size must be a positive int, not 0"):
        BatchSampler(range(3), 0, False)
    with pytest.raises(TypeError, match="drop_last must be a bool"):
        BatchSampler(range(3), 1, 1)  # type: ignore[arg-type]


# -- DistributedSampler -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, 7, 8])
@pytest.mark.parametrize("drop_last", [False, True])
def test_the_parts_of_all_processes_are_the_whole(n, drop_last):
    parts = [DistributedSampler(range(n), 3, rank, shuffle=False, drop_last=drop_last) for rank in range(3)]
    read = [list(part) for part in parts]
    assert [len(part) for part in parts] == list(map(len, read))
    assert len(set(map(len, read))) == 1
    together = [i for row in zip(*read, strict=True) for i in row]
    assert together[:n] == list(range(n))[: len(together)]
    assert set(together[n:]) <= set(range(n))


def test_the_processes_shuffle_alike_and_anew_in_each_epoch():
    parts = [DistributedSampler(range(10), 2, rank, seed=3) for rank in range(2)]
    first = [list(part) for part in parts]
    assert sorted(first[0] + first[1]) == list(range(10)) and first == [list(part) for part in parts]
    for part in parts:
        part.set_epoch(1)
    second = [list(part) for part in parts]
    assert sorted(second[0] + second[1]) == list(range(10)) and second != first


def test_number_and_rank_must_be_given():
    with pytest.raises(DataError, match="must be given"):
        DistributedSampler(range(3))
    with pytest.raises(DataError, match="rank 2 must be from 0 to 1"):
        DistributedSampler(range(3), 2, 2)
