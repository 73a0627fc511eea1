"""The part of a data set that one of several processes reads."""

from __future__ import annotations

import math
from collections.abc import Sized

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...ops.random import Generator
from .sampler import IndexSampler

__all__ = ["DistributedSampler"]


class DistributedSampler(IndexSampler):
    """Every ``num_replicas``-th index from ``rank`` on: what one of several processes reads of a data set.

    All parts are equally long: with ``drop_last`` the last indices are left out where they do not suffice for all,
    otherwise the first ones are read once more. thalweg starts no processes, so that number and rank must be given.

    Args:
        dataset: only its length counts.
        num_replicas: how many processes there are.
        rank: the number of this one, from 0 on.
        shuffle: in a random order, the same in all processes: it is drawn from a generator with the seed
            ``seed`` + epoch. ``set_epoch`` before each epoch makes it a new one.
        seed: the seed of epoch 0.
        drop_last: leave out indices instead of reading some twice.

    Raises:
        DataError: ``num_replicas`` or ``rank`` is missing, or the rank is not below the number.

    >>> from thalweg.utils.data import DistributedSampler
    >>> [list(DistributedSampler(range(5), num_replicas=2, rank=rank, shuffle=False)) for rank in (0, 1)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise DataError("DistributedSampler: num_replicas and rank must be given, since no processes were started")
        if not 0 <= rank < num_replicas:
            raise DataError(f"DistributedSampler: rank {rank} must be from 0 to {num_replicas - 1}")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        each = len(dataset) / num_replicas
        self.num_samples = math.floor(each) if drop_last else math.ceil(each)
        self.total_size = self.num_samples * num_replicas

    def order(self) -> NDArray[np.int64]:
        n = len(self.dataset)
        generator = Generator().manual_seed(self.seed + self.epoch)
        indices = np.asarray(generator.permutation(n) if self.shuffle else np.arange(n), np.int64)
        return np.resize(indices, self.total_size)[self.rank :: self.num_replicas] if n else indices

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next pass is, so that it has an order of its own."""
        self.epoch = epoch
