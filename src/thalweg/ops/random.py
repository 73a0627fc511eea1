"""Random numbers from a counter-based generator: Philox-4x64.

A generator is a seed and a counter, nothing else. Every draw takes whole blocks of four 64-bit words and moves
the counter on by the number of blocks, so a draw depends only on (seed, counter, number of words).
Reference: Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from ..core.device import CPU, device, require_cpu
from ..core.dtypes import INT64
from ..core.modes import state
from ..core.primitive import Primitive
from ..core.tensor import Tensor, wrap
from ..errors import DtypeError, ShapeError, TransformError
from .batching import one_by_one
from .broadcast import reshape
from .shape import cat

__all__ = ["Generator", "default_generator", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]


class Generator:
    """A stream of random numbers of its own.

    >>> import thalweg as tw
    >>> a, b = tw.Generator().manual_seed(7), tw.Generator().manual_seed(7)
    >>> bool((tw.rand(3, generator=a) == tw.rand(3, generator=b)).all())
    True
    """

    def __init__(self, device: Any = "cpu") -> None:
        require_cpu(device, "Generator")
        self._seed = 0
        self._counter = 0
        self._philox = np.random.Philox(key=0)
        self._position = -1  # the counter at which the bit generator stands
        self.manual_seed(67280421310721)

    @property
    def device(self) -> device:
        return CPU

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to ``seed`` (any int; negative ones count from 2**64)."""
        if state.tracer is not None:
            raise state.tracer.refuse("a compiled function can't seed a generator or set its state; do it outside")
        self._seed = int(seed) % 2**64
        self._counter = 0
        self._position = -1
        return self

    def seed(self) -> int:
        """Start a stream that nobody can foresee; returns its seed."""
        value = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(value)
        return value

    def initial_seed(self) -> int:
        """The seed of this stream."""
        if state.tracer is not None:
            raise state.tracer.refuse("a generator's seed can't be read inside a compiled function; read it outside")
        return self._seed

    def get_state(self) -> Tensor:
        """Seed and counter as an int64 tensor of 2 elements."""
        if state.tracer is not None:
            raise state.tracer.refuse("a generator's state can't be read inside a compiled function; read it outside")
        return wrap(np.array([self._seed, self._counter], np.uint64).view(np.int64))

    def set_state(self, new_state: Tensor) -> Generator:
        """Continue where ``get_state`` was taken."""
        if state.tracer is not None:
            raise state.tracer.refuse("a compiled function can't seed a generator or set its state; do it outside")
        value = np.asarray(new_state._value)
        if value.shape != (2,) or value.dtype != np.int64:
            raise ShapeError(
                f"set_state: expects the int64 tensor of 2 elements that get_state gave, got {value.dtype} "
                f"of shape {value.shape}"
            )
        self._seed, self._counter = (int(v) for v in value.view(np.uint64))
        self._position = -1
        return self

    def mark(self) -> Any:
        """Where the stream stands, for ``rewound``."""
        return state.tracer.mark(self) if state.tracer is not None else (self._seed, self._counter)

    @contextmanager
    def rewound(self, mark: Any) -> Iterator[None]:
        """Within it the numbers after ``mark`` are drawn again; afterwards the stream stands where it stood."""
        now = self.mark()
        self._move(mark)
        try:
            yield
        finally:
            self._move(now)

    def _move(self, mark: Any) -> None:
        if state.tracer is not None:
            state.tracer.rewind(self, mark)
        else:
            self._seed, self._counter = mark
            self._position = -1

    def words(self, n: int) -> Any:
        """``n`` random 64-bit words."""
        if state.tracer is not None:
            raise state.tracer.refuse("raw random words can't be drawn inside a compiled function")
        if self._position != self._counter:
            self._philox.state = {
                "bit_generator": "Philox",
                "state": {
                    "counter": np.array([self._counter, 0, 0, 0], np.uint64),
                    "key": np.array([self._seed, 0], np.uint64),
                },
                "buffer": np.zeros(4, np.uint64),
                "buffer_pos": 4,
                "has_uint32": 0,
                "uinteger": 0,
            }
        blocks = -(-n // 4)
        result = self._philox.random_raw(4 * blocks)
        self._counter = self._position = self._counter + blocks
        return result[:n]

    def uniform(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Uniform on [0, 1): 53 random bits for float64, 24 for the others, as many words as elements."""
        if state.batches:
            return for_batches(partial(self.uniform, dtype=dtype), shape)
        n = math.prod(shape)
        if state.tracer is not None:
            return self._traced(uniform_, uniform_words(n, dtype), shape=shape, dtype=np.dtype(dtype))
        if dtype == np.float64:
            return ((self.words(n) >> np.uint64(11)) * 2.0**-53).reshape(shape)
        halves = self.words(-(-n // 2)).view(np.uint32)[:n]
        bits = 24 if dtype == np.float32 else 11
        return (
            ((halves >> np.uint32(32 - bits)).astype(np.float32) * np.float32(2.0**-bits)).astype(dtype).reshape(shape)
        )

    def normal(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Standard normal by Box and Muller's transform: sqrt(-2 log(1 - u)) times cos and sin of 2 pi v."""
        if state.batches:
            return for_batches(partial(self.normal, dtype=dtype), shape)
        n = math.prod(shape)
        half = -(-n // 2)
        if state.tracer is not None:
            return self._traced(normal_, uniform_words(2 * half, dtype), shape=shape, dtype=np.dtype(dtype))
        work = np.float64 if dtype == np.float64 else np.float32
        u, v = self.uniform((2, half), work)
        radius = np.sqrt(-2 * np.log1p(-u))
        angle = work(2 * math.pi) * v
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:n].astype(dtype).reshape(shape)

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> Any:
        """Integers in [low, high), by the high word of a 64 x 32-bit product: bias below 2**-32 for spans < 2**32."""
        if state.batches:
            return for_batches(partial(self.integers, low, high), shape)
        n = math.prod(shape)
        if state.tracer is not None:
            return self._traced(integers_, n, low=low, high=high, shape=shape)
        span = high - low
        words = self.words(n)
        if span <= 2**32:
            top = (
                (words >> np.uint64(32)) * np.uint64(span)
                + ((words & np.uint64(2**32 - 1)) * np.uint64(span) >> np.uint64(32))
            ) >> np.uint64(32)
        else:
            top = words % np.uint64(span)
        return (top.astype(np.int64) + low).reshape(shape)

    def permutation(self, n: int) -> Any:
        """A random order of 0 … n - 1: the order of n random words, equal ones as they come."""
        if state.batches:
            return for_batches(partial(self._permutations, n), ())
        if state.tracer is not None:
            return self._traced(permutation_, n, n=n)
        words = self.words(n)
        order = np.argsort(words)  # many times faster than the stable kind, which differs only where words are equal
        ranked = words[order]
        return np.argsort(words, kind="stable") if (ranked[1:] == ranked[:-1]).any() else order

    def _permutations(self, n: int, shape: tuple[int, ...]) -> Any:
        """A random order for each place of ``shape``: (*shape, n)."""
        if not shape:
            return self.permutation(n)
        orders = [reshape(self.permutation(n), shape=(1, n)) for _ in range(math.prod(shape))]
        return reshape(cat(*orders, dim=0), shape=(*shape, n)) if orders else np.zeros((*shape, n), np.int64)

    def _traced(self, primitive: Primitive, words: int, **params: Any) -> Any:
        """What a run of the traced function will draw here, as a symbolic value."""
        assert state.tracer is not None
        key, offset = state.tracer.random(self, -(-words // 4))
        return primitive(key, offset=offset, **params)


def for_batches(draw: Callable[[tuple[int, ...]], Any], shape: tuple[int, ...]) -> Any:
    """``draw(shape)`` for a sample of each of the batches that the code runs for, as these are told to do."""
    levels = [level for level in state.batches if level.randomness != "same"]
    for level in levels:
        if level.randomness == "error":
            raise TransformError(
                "vmap: random numbers are drawn in a function that is applied to a batch; say whether they are to be "
                'the same for all samples, with randomness="same", or "different"'
            )
    batches, state.batches = state.batches, ()
    try:
        value = draw((*(level.size for level in levels), *shape))
    finally:
        state.batches = batches
    for level in levels:
        value = level.wrap(value)
    return value


def uniform_words(n: int, dtype: Any) -> int:
    """The words that ``n`` uniform numbers take."""
    return n if dtype == np.float64 else -(-n // 2)


class _Draw(Primitive):
    """Random numbers as a function of a generator's state (seed, counter); ``offset`` blocks after the counter."""

    differentiable = False

    @staticmethod
    def generator(key: Any, offset: int) -> Generator:
        """A generator that stands at the place."""
        source = Generator()
        source._seed, source._counter = int(key[0]), (int(key[1]) + offset) % 2**64
        return source

    def batch(self, size: int, inputs: Any, batched: Any, **params: Any) -> Any:
        return one_by_one(self, size, inputs, batched, **params)


class Uniform(_Draw):
    """Uniform on [0, 1), as ``Generator.uniform``."""

    def forward(self, key: Any, offset: int, shape: tuple[int, ...], dtype: Any) -> Any:
        return self.generator(key, offset).uniform(shape, dtype)

    def lower(self, code: Any, key: Any, offset: int, shape: tuple[int, ...], dtype: Any) -> None:
        code.random(key, offset).uniform()

    def shape(self, key: Any, offset: int, shape: tuple[int, ...], dtype: Any) -> tuple[int, ...]:
        return shape

    def dtype(self, key: Any, offset: int, shape: tuple[int, ...], dtype: Any) -> Any:
        return dtype


class Normal(Uniform):
    """Standard normal, as ``Generator.normal``."""

    def forward(self, key: Any, offset: int, shape: tuple[int, ...], dtype: Any) -> Any:
        return self.generator(key, offset).normal(shape, dtype)

    def lower(self, code: Any, key: Any, offset: int, shape: tuple[int, ...], dtype: Any) -> None:
        code.random(key, offset).normal()


class Integers(_Draw):
    """Integers in [low, high), as ``Generator.integers``."""

    def forward(self, key: Any, offset: int, low: int, high: int, shape: tuple[int, ...]) -> Any:
        return self.generator(key, offset).integers(low, high, shape)

    def lower(self, code: Any, key: Any, offset: int, low: int, high: int, shape: tuple[int, ...]) -> None:
        code.random(key, offset).integers(low, high)

    def shape(self, key: Any, offset: int, low: int, high: int, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def dtype(self, key: Any, **params: Any) -> Any:
        return INT64


class Permutation(_Draw):
    """A random order of 0 … n - 1, as ``Generator.permutation``."""

    def forward(self, key: Any, offset: int, n: int) -> Any:
        return self.generator(key, offset).permutation(n)

    def lower(self, code: Any, key: Any, offset: int, n: int) -> None:
        code.random(key, offset).permutation()

    def shape(self, key: Any, offset: int, n: int) -> tuple[int, ...]:
        return (n,)

    def dtype(self, key: Any, **params: Any) -> Any:
        return INT64


uniform_, normal_, integers_, permutation_ = Uniform(), Normal(), Integers(), Permutation()
default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator and return it."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seed the default generator from the operating system; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The default generator's seed."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's state."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Continue the default generator from a state."""
    default_generator.set_state(new_state)


def require_float(dtype: Any, name: str) -> None:
    if dtype.kind != "f":
        raise DtypeError(f"{name}: random numbers of this kind are floating-point, not {dtype}")
