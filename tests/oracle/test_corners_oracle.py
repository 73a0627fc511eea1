"""The cases again with special values, empty and 0-d tensors, and other dtypes, against PyTorch.

What is not compared there stands in differing.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .corners import AREAS, DTYPES, ONE_STRANGE, SPECIAL, agree, agree_in_slope, filled, plain_cases
from .differing import (
    NOT_EMPTY,
    NOT_IN_SLOPE,
    NOT_INTEGER,
    NOT_SPECIAL,
    NOT_THESE_DTYPES,
    NOT_THESE_SPECIAL,
    NOT_TYPED,
)
from .harness import Case

pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]

TOLERANCES = {"float16": 3e-3, "float32": 3e-5}

POINTWISE = sorted({c.name for c in plain_cases("ops", "pointwise", "activations")})
FAMILIES = sorted({c.name for c in plain_cases(*AREAS)})
EVERY = sorted({c.name for c in plain_cases()})
BY_NAME: dict[str, list[Case]] = {n: [c for c in plain_cases() if c.name == n] for n in EVERY}


def mixed(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return lambda shape: rng.choice(SPECIAL, shape)


def with_one(value: float) -> Any:
    def fill(shape: tuple[int, ...]) -> Any:
        x = np.random.default_rng(3).uniform(0.2, 0.9, shape)
        if x.size:
            x.reshape(-1)[x.size // 2] = value
        return x

    return fill


@pytest.mark.parametrize("name", [n for n in FAMILIES if n not in NOT_SPECIAL])
def test_special_values(name: str) -> None:
    for case in BY_NAME[name]:
        for fill in [mixed(0), mixed(1), *map(with_one, ONE_STRANGE)]:
            if str(case) not in NOT_THESE_SPECIAL:
                agree(case, filled(case, fill), order=0)


@pytest.mark.parametrize("name", [n for n in POINTWISE if n not in {*NOT_IN_SLOPE, *NOT_EMPTY}])
def test_derivatives_at_special_values(name: str) -> None:
    for case in BY_NAME[name]:
        if len(case.slots()) == 1 and case.order:
            agree_in_slope(case, SPECIAL, case.tolerance)


@pytest.mark.parametrize("name", [n for n in FAMILIES if n not in NOT_EMPTY])
def test_empty_and_0d(name: str) -> None:
    for case in BY_NAME[name]:
        for shape in ((), (0,), (0, 3), (3, 0), (1,)):
            if len(case.slots()) == 1:
                agree(case, [np.full(shape, 0.5)], min(case.order, 1), case.tolerance)


def compared_dtypes() -> list[tuple[str, str]]:
    pairs = [(n, d) for n in EVERY if n not in NOT_TYPED for d in DTYPES if n not in NOT_INTEGER or "float" in d]
    return [pair for pair in pairs if pair not in NOT_THESE_DTYPES]


@pytest.mark.parametrize(("name", "dtype"), compared_dtypes())
def test_dtypes(name: str, dtype: str) -> None:
    for case in BY_NAME[name]:
        rng = np.random.default_rng(0)
        arrays = filled(case, lambda shape: rng.integers(0, 4, shape).astype(dtype))  # noqa: B023
        agree(case, arrays, 0, TOLERANCES.get(dtype, 1e-6))


def test_the_exceptions_are_of_existing_names() -> None:
    excused = {*NOT_SPECIAL, *NOT_EMPTY, *NOT_IN_SLOPE, *NOT_TYPED, *NOT_INTEGER}
    assert excused <= set(EVERY)
    assert set(NOT_THESE_SPECIAL) <= {str(c) for c in plain_cases()}
