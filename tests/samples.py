"""What a row of the registry is, and how rows are made."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from thalweg.core.primitive import Primitive


@dataclass(frozen=True)
class Sample:
    """One primitive with one set of inputs.

    numpy: the same function of arrays, written independently.
    params: the primitive's keyword arguments.
    domain: where random inputs are drawn; a list gives one interval for each input.
    special: values at which a unary primitive is compared with ``numpy`` in float32 and float64.
    kinds: the dtype kinds it computes with: floating, integer, bool.
    misfits: shapes that its shape rule refuses, with the same params.
    half: whether it computes in float16 too.
    """

    primitive: Primitive
    inputs: list[Any]
    numpy: Any
    params: dict[str, Any] = field(default_factory=dict)
    domain: Any = (-2.0, 2.0)
    special: tuple[float, ...] = ()
    kinds: str = "f"
    misfits: tuple[Any, ...] = ()
    half: bool = True

    def __str__(self) -> str:
        sizes = " ".join("x".join(map(str, v if _is_shape(v) else np.shape(v))) or "0d" for v in self.inputs)
        extra = " ".join(f"{k}={v}" for k, v in self.params.items())
        return f"{self.primitive.name} {sizes} {extra}".strip().replace("::", "")[:60]

    def values(self, dtype: Any = np.float64, seed: int = 1) -> list[Any]:
        """The inputs as arrays; random ones in ``dtype``."""
        rng = np.random.default_rng(seed)
        result = []
        for i, v in enumerate(self.inputs):
            if not _is_shape(v):
                result.append(v)
                continue
            low, high = self.domain[i] if isinstance(self.domain, list) else self.domain
            result.append(np.asarray(rng.uniform(low, high, v)).astype(dtype))
        return result

    @property
    def random(self) -> list[int]:
        """The positions of the random inputs: those to differentiate by."""
        return [i for i, v in enumerate(self.inputs) if _is_shape(v)]


def _is_shape(v: Any) -> bool:
    return isinstance(v, tuple)


INF, NAN = math.inf, math.nan
ZEROS = (0.0, -0.0)
ENDS = (INF, -INF, NAN)
POSITIVE = (0.2, 3.0)
TINY, HUGE = 1e-30, 1e30  # of float32, where squares under- and overflow


def long(f: Any) -> Any:
    """``f`` computed in extended precision, rounded at the end."""

    def formula(x: Any) -> Any:
        return np.asarray(f(np.asarray(x, np.longdouble))).astype(x.dtype)

    return formula


def each(f: Any) -> Any:
    """A function of Python floats, element by element."""

    def formula(*arrays: Any) -> Any:
        return np.vectorize(f, otypes=[arrays[0].dtype])(*arrays)

    return formula


def unary(primitive: Any, numpy: Any, special: tuple[float, ...], **kw: Any) -> list[Sample]:
    return [Sample(primitive, [s], numpy, special=special, **kw) for s in ((3, 4), (), (0, 3))]


def binary(primitive: Any, numpy: Any, **kw: Any) -> list[Sample]:
    shapes: list[Any] = [
        [(3, 4), (3, 4)],
        [(), ()],
        [(0, 3), (3,)],
        [(3, 1), (2, 1, 4)],
        [(2, 3), ()],
        [(1, 3), (2, 1)],
    ]
    return [Sample(primitive, s, numpy, misfits=(((2, 3), (4,)), ((2, 1, 3), (3, 2))), **kw) for s in shapes]
