"""The benchmark scripts run, and measure what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "eager.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("where", [[], ["--in-process"]], ids=["own-process", "in-process"])
def test_eager_reports_every_case_and_the_surroundings(where: list[str]) -> None:
    result = run("--frameworks", "thalweg", "--rounds", "2", "--steps", "3", "--json", *where)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert [case["case"] for case in report["cases"]] == [
        "4-64-64-2, batch 1",
        "4-64-64-2, batch 32",
        "600-60-40-10, batch 1",
        "600-60-40-10, batch 32",
    ]
    for case in report["cases"]:
        times = case["rounds"]["thalweg"]
        assert len(times) == 2
        assert case["median_us"]["thalweg"] == pytest.approx(sum(times) / 2)
        assert min(times) > 0
        assert case["ratio"] is None  # there is nothing to compare with
        assert 0 < case["losses"]["thalweg"] < 3
    assert set(report["machine"]) == {"cpu", "cores", "system", "python", "numpy"}
    assert report["import_ms"]["thalweg"] > 0


def test_eager_prints_a_table() -> None:
    result = run("--frameworks", "thalweg", "--rounds", "1", "--steps", "1")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[2] == "| Network | thalweg, µs a step | ratio | thalweg, loss after 200 steps |"
    assert lines[4].startswith("| 4-64-64-2, batch 1 | ")
    assert lines[-1].startswith("Import: thalweg ")


def test_eager_names_a_framework_that_is_not_installed() -> None:
    code = (
        "import importlib.util, runpy, sys\n"
        "importlib.util.find_spec = lambda name: None\n"
        f"sys.argv = [{str(SCRIPT)!r}, '--frameworks', 'torch']\n"
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "benchmarks/eager.py: torch is not installed; install it, or leave it out: --frameworks thalweg"
    )


COMPILED = SCRIPT.with_name("compiled.py")


def test_compiled_measures_the_columns_of_the_installed_library() -> None:
    arguments = ["--libraries", "thalweg", "--workload", "small", "--workload", "burgers", "--rounds", "1", "--json"]
    result = subprocess.run([sys.executable, COMPILED, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert [r["workload"].split(",")[0] for r in report["results"]] == ["4-64-64-2", "2-32-32-32-1 tanh"]
    for r in report["results"]:
        assert set(r["microseconds"]) == {"thalweg eager", "thalweg compiled", "thalweg epoch"}
        assert min(r["microseconds"].values()) > 0
        losses = list(r["loss"].values())
        assert max(losses) - min(losses) < 1e-3 * max(losses)  # the three ways train alike
    assert report["memory"]["thalweg"] > 10


def test_transforms_prints_a_table() -> None:
    script = SCRIPT.parent / "transforms.py"
    result = subprocess.run([sys.executable, script, "--rounds", "1"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("| ms | thalweg |")
    assert len(lines) == 7
    times = {
        name.strip(): float(cells.split("|")[0]) for name, _, cells in (line[1:].partition("|") for line in lines[2:])
    }
    assert times["Jacobian R^4 -> R^1000, jacfwd"] < times["Jacobian R^4 -> R^1000, jacrev"]


def test_landscape_measures_loops_that_agree() -> None:
    script = SCRIPT.parent / "landscape.py"
    arguments = ["--points", "5", "--images", "40", "--rounds", "1", "--part", "6", "--json"]
    result = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert {"thalweg, native loop", "thalweg, eager"} <= set(report["milliseconds_a_point"])
    assert min(report["milliseconds_a_point"].values()) > 0
    assert report["seconds"] > 0 and report["svg_bytes"] > 1000
