"""Batches, splits and collation against PyTorch's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import thalweg as tw
from thalweg.utils import data

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle


class Pair(NamedTuple):
    a: Any
    b: Any


SAMPLES: list[list[Any]] = [
    [1, 2],
    [1.5, 2.5],
    [True, False],
    ["a", "b"],
    [np.float32(1), np.float32(2)],
    [np.ones((2, 3)), np.zeros((2, 3))],
    [(1, "x", [2.0]), (3, "y", [4.0])],
    [Pair(1, {"k": 2}), Pair(3, {"k": 4})],
    [{"x": np.arange(3), "y": (1, 2)}, {"x": np.arange(3), "y": (3, 4)}],
]


def plain(batch: Any) -> Any:
    """Tensors of either library as (dtype, values), within any structure."""
    if isinstance(batch, (tw.Tensor, torch.Tensor)):
        return str(batch.dtype).rpartition(".")[2], batch.tolist()
    if isinstance(batch, dict):
        return {key: plain(value) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        return type(batch).__name__, [plain(value) for value in batch]
    return batch


@pytest.mark.parametrize("samples", SAMPLES, ids=str)
def test_default_collate(samples: list[Any]) -> None:
    theirs = torch.utils.data.default_collate(samples)
    assert plain(data.default_collate(samples)) == plain(theirs)


@pytest.mark.parametrize(
    "sample", [{"a": np.ones(2), "b": "s"}, (np.int64(3), 1.5), [np.zeros(1)], Pair(np.ones(1), 2)]
)
def test_default_convert(sample: Any) -> None:
    assert plain(data.default_convert(sample)) == plain(torch.utils.data.default_convert(sample))


X = np.arange(26.0).reshape(13, 2)


class Letters:
    def __len__(self) -> int:
        return 13

    def __getitem__(self, index: int) -> Any:
        return {"letter": "abcdefghijklm"[index], "row": X[index], "number": index}


class Stream(data.IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(7))


class TorchStream(torch.utils.data.IterableDataset):  # type: ignore[misc, name-defined]
    def __iter__(self) -> Iterator[int]:
        return iter(range(7))


OPTIONS: list[dict[str, Any]] = [
    {},
    {"batch_size": 4},
    {"batch_size": 4, "drop_last": True},
    {"batch_size": None},
]


@pytest.mark.parametrize("source", [Letters(), X, list(range(5))], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_batches_in_sequence(source: Any, options: dict[str, Any]) -> None:
    ours, theirs = data.DataLoader(source, **options), torch.utils.data.DataLoader(source, **options)
    assert [plain(b) for b in ours] == [plain(b) for b in theirs]
    assert len(ours) == len(theirs)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_batches_of_streams(options: dict[str, Any]) -> None:
    theirs = torch.utils.data.DataLoader(TorchStream(), **options)
    assert [plain(b) for b in data.DataLoader(Stream(), **options)] == [plain(b) for b in theirs]


@pytest.mark.parametrize("options", [{"sampler": [3, 1, 1], "batch_size": 2}, {"batch_sampler": [[0, 5], [2]]}])
def test_batches_in_a_given_order(options: dict[str, Any]) -> None:
    ours = data.DataLoader(data.TensorDataset(tw.tensor(X), tw.arange(13)), **options)
    theirs = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(X), torch.arange(13)), **options)
    assert [plain(b) for b in ours] == [plain(b) for b in theirs]


@pytest.mark.parametrize("n", [1, 7, 100, 1797])
@pytest.mark.parametrize("fractions", [[1.0], [0.5, 0.5], [0.8, 0.1, 0.1], [0.25] * 4])
@pytest.mark.filterwarnings("ignore")
def test_sizes_of_random_splits(n: int, fractions: list[float]) -> None:
    ours = data.random_split(range(n), fractions)
    theirs = torch.utils.data.random_split(range(n), fractions)
    assert [len(part) for part in ours] == [len(part) for part in theirs]


def test_concat_and_stack() -> None:
    parts = [[1, 2], [3], [4, 5, 6]]
    ours, theirs = data.ConcatDataset(parts), torch.utils.data.ConcatDataset(parts)
    assert [ours[i] for i in range(-6, 6)] == [theirs[i] for i in range(-6, 6)]
    assert ours.cumulative_sizes == theirs.cumulative_sizes
    assert data.StackDataset(a=[1, 2], b="xy")[1] == torch.utils.data.StackDataset(a=[1, 2], b="xy")[1]
