"""The table of evaluations in docs/no_gradient.md is what its command measures."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "no_gradient.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("derivative_free", ROOT / "benchmarks" / "derivative_free.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["derivative_free"] = module  # where its dataclass looks its annotations up
    spec.loader.exec_module(module)
    return module


def rows_of(benchmark: ModuleType, document: str) -> dict[str, list[str]]:
    table = document.partition(benchmark.BEGIN)[2].partition(benchmark.END)[0]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in table.strip().splitlines()]
    return {row[0]: row[1:] for row in cells}


def test_minima_are_where_they_should_be(benchmark: ModuleType) -> None:
    import numpy as np

    for problem in benchmark.PROBLEMS:
        assert problem.cost(np.zeros(problem.size)) <= problem.target
        assert problem.cost(np.full(problem.size, 0.9)) > problem.target


def test_the_document_has_the_methods_and_problems_of_the_command(benchmark: ModuleType) -> None:
    rows = rows_of(benchmark, DOCUMENT)
    assert rows["Evaluations"] == [problem.name for problem in benchmark.PROBLEMS]
    assert set(benchmark.methods()) <= set(rows)


def test_the_document_has_the_numbers_of_the_command(benchmark: ModuleType) -> None:
    rows = rows_of(benchmark, DOCUMENT)
    for name in ("CoordinateSearch", "PatternSearch", "SeparableCMAES"):
        for i, problem in enumerate(benchmark.PROBLEMS[:1]):
            counts = [benchmark.evaluations(benchmark.methods()[name], problem, seed, 2000) for seed in range(9)]
            assert benchmark.cell(counts) == rows[name][i], (name, problem.name)


def test_what_a_run_counts(benchmark: ModuleType) -> None:
    problem = benchmark.PROBLEMS[0]

    def halving(cost: benchmark.Counted, start: object, seed: int) -> None:  # type: ignore[name-defined]
        while True:
            cost(start)
            start = start / 2  # type: ignore[operator]

    count = benchmark.evaluations(halving, problem, 0, 100)
    assert 10 < count < 30
    assert benchmark.evaluations(halving, problem, 0, 1) is None
    assert benchmark.cell([1000, None, 3000]) == "3,000"
    assert benchmark.cell([1000, None, None]) == "–"


def test_the_table_is_put_between_its_marks(benchmark: ModuleType) -> None:
    text = benchmark.table({"A": {"p": [1, 2, 3], "q": [None]}})
    assert text == "| Evaluations | p | q |\n|---|--:|--:|\n| A | 2 | – |\n"
    assert benchmark.written(f"x\n{benchmark.BEGIN}old\n{benchmark.END}y", text) == (
        f"x\n{benchmark.BEGIN}{text}{benchmark.END}y"
    )
    with pytest.raises(SystemExit, match="has no lines"):
        benchmark.written("nothing", text)
