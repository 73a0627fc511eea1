"""Time training side by side: thalweg eager, compiled and by epochs, PyTorch eager, JAX by steps and by epochs.

    python benchmarks/compiled.py                      # every workload, a table
    python benchmarks/compiled.py --workload lecture   # one of them
    python benchmarks/compiled.py --busy               # beside a process that keeps one core busy

Each library has a process of its own. They take turns, a round each, and the medians of the rounds are compared. All
start from the same weights and see the same numbers; the mean losses of the first steps must agree. Batches are
gathered from shuffled data in every column. ``--busy`` compares thalweg's epochs on two threads with those on one, both
beside the busy process.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from eager import import_time, machine
from training.workloads import WORKLOADS, Workload

COLUMNS = (
    ("thalweg", "eager"), ("thalweg", "compiled"), ("thalweg", "epoch"), ("torch", "eager"), ("jax", "jit"),
    ("jax", "scan"),
)  # fmt: skip
AGREEMENT = 2e-3  # of the mean losses, relative


class Worker:
    """Runs the workloads of one library."""

    def __init__(self, library: str, threads: int) -> None:
        self.library = library
        self.training: dict[str, Any] = {}
        if library == "torch":
            importlib.import_module("torch").set_num_threads(threads)
        elif library == "thalweg":
            importlib.import_module("thalweg").set_num_threads(threads)

    def start(self, name: str, mode: str) -> dict[str, float]:
        work = next(w for w in WORKLOADS if w.name == name)
        self.training.pop(mode, None)
        if self.library == "jax":
            from training import jax_like

            self.training[mode] = jax_like.Training(work, mode)
        else:
            from training import torch_like

            self.training[mode] = torch_like.Training(self.library, work, mode)
        found: dict[str, float] = self.training[mode].start()
        return found

    def time(self, mode: str) -> float:
        seconds: float = self.training[mode].time()
        return seconds

    def memory(self) -> float:
        """The most memory that the process has had, in MB."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def serve(library: str, threads: int) -> None:
    """Answer questions by lines of JSON until the pipe closes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes elsewhere
    worker = Worker(library, threads)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer: Any = {"value": getattr(worker, name)(*arguments)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class Remote:
    """A Worker in another process."""

    def __init__(self, library: str, threads: int) -> None:
        flags = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", library, "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, "OMP_NUM_THREADS": str(threads)},
        )

    def ask(self, *question: Any) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("benchmarks/compiled.py: a worker ended early; its error is printed above")
        answer = json.loads(line)
        if "error" in answer:
            raise SystemExit(f"benchmarks/compiled.py: {question}: {answer['error']}")
        return answer["value"]

    def close(self) -> None:
        self.process.communicate()


def measure(work: Workload, remotes: dict[str, Remote], columns: list[tuple[str, str]], rounds: int) -> dict[str, Any]:
    """Microseconds a step of every column, its first step, and its loss."""
    started = {f"{lib} {mode}": remotes[lib].ask("start", work.name, mode) for lib, mode in columns}
    losses = {name: found["loss"] for name, found in started.items()}
    typical = statistics.median(losses.values())
    for name, loss in losses.items():
        if not abs(loss - typical) <= AGREEMENT * abs(typical):
            raise SystemExit(f"benchmarks/compiled.py: {work.name}: the losses differ: {losses} ({name})")
    times: dict[str, list[float]] = {name: [] for name in started}
    turn = list(columns)
    for _ in range(rounds):
        for lib, mode in turn:
            times[f"{lib} {mode}"].append(remotes[lib].ask("time", mode))
        turn.reverse()
    return {
        "workload": work.title,
        "microseconds": {name: statistics.median(t) for name, t in times.items()},
        "first": {name: found["first"] for name, found in started.items()},
        "loss": losses,
        "goals": (work.against_torch, work.against_scan),
    }


def ratio(result: dict[str, Any], other: str) -> float | None:
    """How many times faster an epoch is than another column."""
    times = result["microseconds"]
    return times[other] / times["thalweg epoch"] if other in times and "thalweg epoch" in times else None


def table(results: list[dict[str, Any]]) -> list[str]:
    """The results in Markdown."""
    names = list(results[0]["microseconds"])
    head = ["Workload", *(f"{n}, µs" for n in names), "epoch against torch (goal)", "against JAX scan (goal)"]
    lines = [f"| {' | '.join(head)} |", "|---|" + "--:|" * (len(head) - 1)]
    for r in results:
        cells = [f"{r['microseconds'][n]:,.1f}" for n in names]
        for other, goal in zip(("torch eager", "jax scan"), r["goals"], strict=True):
            found = ratio(r, other)
            cells.append("–" if found is None else f"{found:.1f}× ({goal:g}×)")
        lines.append(f"| {r['workload']} | {' | '.join(cells)} |")
    return lines


def surroundings(libraries: list[str], threads: int) -> str:
    """What the numbers depend on."""
    import importlib.metadata

    about = machine()
    versions = ", ".join(f"{lib} {importlib.metadata.version(lib)}" for lib in libraries)
    return (
        f"{about['cpu']}, {about['cores']} cores, {about['system']}; Python {about['python']}, NumPy {about['numpy']}, "
        f"{versions}; {threads} threads."
    )


def report(results: list[dict[str, Any]], libraries: list[str], memory: dict[str, float], threads: int) -> str:
    """Everything that was measured."""
    lines = [surroundings(libraries, threads), "", *table(results), ""]
    names = list(results[0]["first"])
    lines += [f"| First step, seconds | {' | '.join(names)} |", "|---|" + "--:|" * len(names)]
    for r in results:
        first = " | ".join(f"{r['first'][n]:.3f}" for n in names)
        lines.append(f"| {r['workload']} | {first} |")
    imports = ", ".join(f"{lib} {import_time(lib):.0f} ms" for lib in libraries)
    most = ", ".join(f"{lib} {mb:.0f} MB" for lib, mb in memory.items())
    return "\n".join([*lines, "", f"Import: {imports}. Most memory: {most}."])


def busy_report(works: list[Workload], rounds: int) -> str:
    """thalweg's epochs on two threads against one thread, beside a process that spins."""
    spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    lines = ["| Workload, one core busy | one thread, µs | two threads, µs | ratio (goal 0.8) |", "|---|--:|--:|--:|"]
    try:
        remotes = {threads: Remote("thalweg", threads) for threads in (1, 2)}
        for work in works:
            times: dict[int, list[float]] = {1: [], 2: []}
            for remote in remotes.values():
                remote.ask("start", work.name, "epoch")
            for _ in range(rounds):
                for threads, remote in remotes.items():
                    times[threads].append(remote.ask("time", "epoch"))
            one, two = (statistics.median(times[threads]) for threads in (1, 2))
            lines.append(f"| {work.title} | {one:,.1f} | {two:,.1f} | {one / two:.2f} |")
        for remote in remotes.values():
            remote.close()
    finally:
        spinner.kill()
        spinner.wait()
    return "\n".join(lines)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", choices=[w.name for w in WORKLOADS], action="append")
    parser.add_argument("--libraries", default="thalweg,torch,jax")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        serve(arguments.worker, arguments.threads)
        return
    works = [w for w in WORKLOADS if not arguments.workload or w.name in arguments.workload]
    if arguments.busy:
        print(busy_report(works, arguments.rounds))
        return
    libraries = arguments.libraries.split(",")
    for lib in libraries:
        if importlib.util.find_spec(lib) is None:
            raise SystemExit(
                f"benchmarks/compiled.py: {lib} is not installed; install it, or leave it out: --libraries thalweg"
            )
    columns = [(lib, mode) for lib, mode in COLUMNS if lib in libraries]
    remotes = {lib: Remote(lib, arguments.threads) for lib in libraries}
    results = []
    for work in works:
        begin = time.perf_counter()
        results.append(measure(work, remotes, columns, arguments.rounds))
        print(f"{work.name}: {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
    memory = {lib: remote.ask("memory") for lib, remote in remotes.items()}
    for remote in remotes.values():
        remote.close()
    if arguments.json:
        print(json.dumps({"results": results, "memory": memory}))
    else:
        print(report(results, libraries, memory, arguments.threads))


if __name__ == "__main__":
    main()
