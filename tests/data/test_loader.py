"""The loader in one process: which batches, in which order, gathered how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import DataError
from thalweg.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    StackDataset,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
)

N = 11
X = np.arange(3.0 * N).reshape(N, 3)


class Items(Dataset[Any]):
    """Read item by item; counts how often."""

    def __init__(self) -> None:
        self.reads: list[int] = []

    def __len__(self) -> int:
        return N

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < N:
            raise IndexError(index)
        self.reads.append(index)
        return tw.tensor(X[index]), index


class Stream(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(7))


def memory() -> TensorDataset:
    return TensorDataset(tw.tensor(X), tw.arange(N))


def indices(loader: Any) -> list[list[int]]:
    return [y.tolist() for _, y in loader]


@pytest.mark.parametrize(
    "dataset", [memory, Items, lambda: Subset(memory(), range(N)), lambda: memory() + Subset(memory(), [])]
)
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", [1, 4, 11, 20])
def test_sequential_batches(dataset: Any, size: int, drop_last: bool) -> None:
    loader = DataLoader(dataset(), batch_size=size, drop_last=drop_last)
    cuts = [list(range(N))[i : i + size] for i in range(0, N, size)]
    expected = [c for c in cuts if len(c) == size or not drop_last]
    for _ in range(2):
        batches = list(loader)
        assert all(type(b) is list for b in batches)
        assert [y.tolist() for _, y in batches] == expected
        for (x, _), cut in zip(batches, expected, strict=True):
            np.testing.assert_array_equal(x.numpy(), X[cut])
    assert len(loader) == len(expected)


@pytest.mark.parametrize("dataset", [memory, Items])
def test_shuffled_epochs_are_permutations_drawn_once_each(dataset: Any) -> None:
    generator = tw.Generator().manual_seed(2)
    twin = tw.Generator().manual_seed(2)
    loader = DataLoader(dataset(), batch_size=4, shuffle=True, generator=generator)
    for _ in range(2):
        order = twin.permutation(N).tolist()
        assert indices(loader) == [order[:4], order[4:8], order[8:]]
    assert generator.get_state().tolist() == twin.get_state().tolist()


def test_shuffle_repeats_with_manual_seed() -> None:
    loader = DataLoader(memory(), batch_size=4, shuffle=True)
    tw.manual_seed(9)
    first, second = indices(loader), indices(loader)
    tw.manual_seed(9)
    assert indices(loader) == first != second


def test_the_order_is_drawn_when_iter_is_called() -> None:
    loader = DataLoader(memory(), batch_size=N, shuffle=True)
    tw.manual_seed(1)
    epoch = iter(loader)
    tw.rand(5)  # drawn between iter and the first batch: does not change the order
    tw.manual_seed(1)
    assert indices(epoch) == [loader.epoch_order().tolist()]


def test_sequential_epochs_draw_nothing() -> None:
    tw.manual_seed(1)
    list(DataLoader(memory(), batch_size=4))
    assert tw.get_rng_state().tolist() == [1, 0]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shuffle": True},
        {"sampler": WeightedRandomSampler(np.arange(N), 20)},
        {"sampler": RandomSampler(range(N), True, 5)},
        {"sampler": [3, 1, 2]},
        {"batch_size": None},
    ],
)
def test_epoch_order_stands_for_the_epoch(options: dict[str, Any]) -> None:
    loader = DataLoader(memory(), **{"batch_size": 3, **options})
    tw.manual_seed(4)
    order = loader.epoch_order()
    state = tw.get_rng_state().tolist()
    tw.manual_seed(4)
    read = np.concatenate([y.numpy().ravel() for _, y in loader])
    assert order.dtype == np.int64
    assert read.tolist() == order.tolist()
    assert tw.get_rng_state().tolist() == state


def test_epoch_order_where_there_is_none() -> None:
    with pytest.raises(DataError, match="was given a batch_sampler"):
        DataLoader(memory(), batch_sampler=[[0]]).epoch_order()
    with pytest.raises(DataError, match="reads an IterableDataset"):
        DataLoader(Stream()).epoch_order()


def test_data_in_memory_is_never_read_item_by_item(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any, index: Any) -> Any:
        raise AssertionError("read item by item")

    data = StackDataset(a=memory(), b=Subset(memory(), list(range(N))))
    loaders = [DataLoader(data, batch_size=4), DataLoader(data, batch_size=4, shuffle=True)]
    monkeypatch.setattr(tw.Tensor, "__getitem__", refuse)
    for loader in loaders:
        for batch in loader:
            assert batch["a"][1].tolist() == batch["b"][1].tolist()


def test_changing_a_batch_in_place_leaves_the_data_alone() -> None:
    data = memory()
    for shuffle in (False, True):
        for x, _ in DataLoader(data, batch_size=4, shuffle=shuffle):
            x.zero_()
    np.testing.assert_array_equal(data.tensors[0].numpy(), X)


def test_plain_arrays_tensors_and_lists() -> None:
    for data in (X, tw.tensor(X), list(X)):
        batches = list(DataLoader(data, batch_size=4))
        np.testing.assert_array_equal(np.concatenate([b.numpy() for b in batches]), X)
        assert batches[0].dtype is tw.float64


def test_getitems_is_asked_once_a_batch() -> None:
    class Many(Items):
        def __getitems__(self, wanted: list[int]) -> list[Any]:
            self.reads.append(len(wanted))
            return [(X[i], i) for i in wanted]

    data = Many()
    assert indices(DataLoader(data, batch_size=4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    assert data.reads == [4, 4, 3]


def test_collate_fn_gets_the_samples() -> None:
    batches = list(DataLoader(memory(), batch_size=6, collate_fn=lambda samples: [int(y) for _, y in samples]))
    assert batches == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]


@pytest.mark.parametrize("dataset", [memory, Items])
def test_samplers_and_batch_samplers_of_one_s_own(dataset: Any) -> None:
    assert indices(DataLoader(dataset(), batch_size=2, sampler=[5, 5, 1])) == [[5, 5], [1]]
    loader = DataLoader(dataset(), batch_sampler=[[1], [2, 3], [7]])
    assert indices(loader) == [[1], [2, 3], [7]]
    assert (len(loader), loader.batch_size) == (3, None)
    assert indices(DataLoader(dataset(), batch_sampler=BatchSampler(range(3), 2, True))) == [[0, 1]]


def test_a_sampler_s_own_iteration_is_used() -> None:
    class Reversed(RandomSampler):
        def __iter__(self) -> Iterator[int]:
            return iter(range(N - 1, -1, -1))

    assert indices(DataLoader(memory(), batch_size=9, sampler=Reversed(range(N))))[1] == [1, 0]


def test_keys_that_are_no_ints() -> None:
    loader = DataLoader({"a": 1.0, "b": 2.0}, batch_size=2, sampler=["b", "a"])
    assert [b.tolist() for b in loader] == [[2.0, 1.0]]


def test_without_batches_samples_come_one_by_one() -> None:
    loader = DataLoader(list(X), batch_size=None)
    assert len(loader) == N
    np.testing.assert_array_equal(np.stack([x.numpy() for x in loader]), X)
    assert list(DataLoader(["a", "b"], batch_size=None)) == ["a", "b"]


def test_streams() -> None:
    assert [b.tolist() for b in DataLoader(Stream(), batch_size=3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [b.tolist() for b in DataLoader(Stream(), batch_size=3, drop_last=True)] == [[0, 1, 2], [3, 4, 5]]
    assert list(DataLoader(Stream(), batch_size=None)) == list(range(7))
    with pytest.raises(TypeError):
        len(DataLoader(Stream()))


def test_empty_data() -> None:
    for shuffle in (False, True):
        assert list(DataLoader(TensorDataset(tw.zeros(0, 3)), shuffle=shuffle)) == []
    assert len(DataLoader([], batch_size=3)) == 0


def test_a_data_set_that_grows_between_epochs() -> None:
    data = [0, 1]
    loader = DataLoader(data, batch_size=2)
    data.append(2)
    assert [b.tolist() for b in loader] == [[0, 1], [2]]


def test_an_error_names_its_index() -> None:
    class Bad(Items):
        def __getitem__(self, index: int) -> Any:
            if index == 5:
                raise KeyError("broken")
            return super().__getitem__(index)

    with pytest.raises(KeyError, match="broken") as caught:
        list(DataLoader(Bad(), batch_size=4))
    assert caught.value.__notes__ == [
        "while reading index 5 of the Bad",
        "in the batch of the indices 4, 5, 6, 7 of the Bad",
    ]
    with pytest.raises(IndexError) as missing:
        list(DataLoader(memory(), batch_size=12, sampler=[*range(N), 99]))
    assert missing.value.__notes__ == [
        "in the batch of the indices 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, … of the TensorDataset"
    ]


def test_a_data_set_s_stop_iteration_does_not_end_the_epoch_silently() -> None:
    class Stops(Items):
        def __getitem__(self, index: int) -> Any:
            raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        list(DataLoader(Stops()))


def test_what_the_loader_shows() -> None:
    data = memory()
    loader = DataLoader(data, batch_size=4, drop_last=True, pin_memory=True)
    assert (loader.dataset, loader.batch_size, loader.drop_last) == (data, 4, True)
    assert (loader.num_workers, loader.prefetch_factor, loader.persistent_workers) == (0, None, False)
    assert isinstance(loader.batch_sampler, BatchSampler)
    for name in ("batch_size", "sampler", "dataset", "drop_last"):
        with pytest.raises(ValueError, match=f"{name} can't be changed"):
            setattr(loader, name, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a positive int or None, got 0"),
        ({"batch_size": -2}, "got -2"),
        ({"batch_size": True}, "got True"),
        ({"batch_size": None, "drop_last": True}, "drop_last=True needs a batch_size"),
        ({"sampler": [0], "shuffle": True}, "sampler and shuffle=True exclude"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler excludes"),
        ({"batch_sampler": [[0]], "shuffle": True}, "batch_sampler excludes"),
        ({"batch_sampler": [[0]], "drop_last": True}, "batch_sampler excludes"),
        ({"num_workers": -1}, "num_workers can't be negative, got -1"),
        ({"timeout": -1}, "timeout can't be negative"),
        ({"prefetch_factor": 2}, "prefetch_factor=2 needs num_workers"),
        ({"prefetch_factor": 0, "num_workers": 1}, "prefetch_factor=0"),
        ({"persistent_workers": True}, "persistent_workers=True needs num_workers"),
        ({"multiprocessing_context": "spawn"}, "multiprocessing_context needs num_workers"),
    ],
)
def test_options_that_exclude_one_another(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        DataLoader(memory(), **options)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}])
def test_streams_have_their_own_order(options: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="can't be used with an IterableDataset"):
        DataLoader(Stream(), **options)


def test_batch_size_must_be_an_int() -> None:
    with pytest.raises(TypeError):
        DataLoader(memory(), batch_size=2.5)  # type: ignore[arg-type]
