"""The default generator of random numbers: its seed, its state, and blocks that leave it as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from .ops.random import default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state

__all__ = ["default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]


@contextlib.contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str = "cuda",
) -> Iterator[None]:
    """A block after which the default generator goes on as if the block had drawn nothing.

    ``enabled=False`` makes it an ordinary block; the other arguments are for other devices and have no effect.

    >>> import thalweg as tw
    >>> _ = tw.manual_seed(0)
    >>> with tw.random.fork_rng():
    ...     a = tw.rand(3)
    >>> bool((tw.rand(3) == a).all())
    True
    """
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)
