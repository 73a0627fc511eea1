"""Every case of every area against PyTorch."""

from __future__ import annotations

import pytest

from .harness import Case, Layer, all_cases, check

pytest.importorskip("torch")

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::UserWarning")]  # PyTorch's
CASES = all_cases()
PARAMETERS = [pytest.param(c, f, id=f"{c}-{f}") for c in CASES for f in c.forms()]


@pytest.mark.parametrize(("case", "form"), PARAMETERS)
def test_values_and_derivatives(case: Case, form: str) -> None:
    check(case, form)


@pytest.mark.parametrize("case", [c for c in CASES if c.memory_orders and not isinstance(c, Layer)], ids=str)
def test_other_memory_orders(case: Case) -> None:
    check(case, case.forms()[0], transposed=True)
