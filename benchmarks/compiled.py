"""Time training side by side: thalweg eager, compiled and by epochs, PyTorch eager, JAX by steps and by epochs.

    python benchmarks/compiled.py                      # every workload, a table
    python benchmarks/compiled.py --workload lecture   # one of them
    python benchmarks/compiled.py --busy               # beside a process that keeps one core busy

Each library has a process of its own. They take turns, a round each, and the medians of the rounds are compared. All
start from the same weights and see the same numbers; the mean losses of the first steps must agree. Batches are
gathered from shuffled data in every column. Of perceptrons epochs are compared, thalweg's and JAX's, of other networks
steps. Rounds during which other processes use a processor are repeated, because
they tell little: PyTorch's threads wait for one another at every operation, which can cost fifty times the time of a
step. Numbers that come from such rounds all the same have a star, and give no ratio. ``--busy`` compares thalweg's
epochs on two threads with those on one, both beside the busy process.
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
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from eager import import_time, machine
from threads import processor_seconds
from training.workloads import WORKLOADS, Workload

COLUMNS = (
    ("thalweg", "eager"), ("thalweg", "compiled"), ("thalweg", "epoch"), ("torch", "eager"), ("jax", "jit"),
    ("jax", "scan"),
)  # fmt: skip
AGREEMENT = 2e-4  # of the mean losses, relative
QUIET = 0.2  # processors that others may use during a round
PAUSE = 0.4  # seconds before a round: OpenMP's threads go on spinning for 0.2 s after the work of the one before
REPEATS = 4  # times the rounds that are asked for, at most, if others use more


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

    def prepare(self) -> float:
        """Seconds that thalweg needs before it compiles for the first time: its run-time library is built."""
        from thalweg.compiler.library import library

        begin = time.perf_counter()
        library()
        return time.perf_counter() - begin

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


class WorkerError(Exception):
    """What a worker could not do."""


class Remote:
    """A Worker in another process; ``cache`` is where thalweg keeps native code, if not where it does by default."""

    def __init__(self, library: str, threads: int, cache: str = "") -> None:
        flags = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", library, "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ
            | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, "OMP_NUM_THREADS": str(threads)}
            | ({"THALWEG_CACHE_DIR": cache} if cache else {}),
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
            raise WorkerError(answer["error"])
        return answer["value"]

    def close(self) -> None:
        self.process.communicate()

    def time(self, mode: str) -> tuple[float, float]:
        """Microseconds a step of a round, and how many processors others used meanwhile."""
        time.sleep(PAUSE)
        began, all_used, used = time.perf_counter(), processor_seconds(), self.processor_seconds()
        microseconds: float = self.ask("time", mode)
        others = processor_seconds() - all_used - (self.processor_seconds() - used)
        return microseconds, others / (time.perf_counter() - began)

    def processor_seconds(self) -> float:
        """What the worker has used; 0 where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(work: Workload, remotes: dict[str, Remote], columns: list[tuple[str, str]], rounds: int) -> dict[str, Any]:
    """Microseconds a step of every column, its first step, and its loss; or why a column failed."""
    times: dict[tuple[str, str], list[tuple[float, float]]] = {}
    started: dict[str, dict[str, float]] = {}
    failed: dict[str, str] = {}
    for lib, mode in columns:
        try:
            started[f"{lib} {mode}"] = remotes[lib].ask("start", work.name, mode)
            times[lib, mode] = []
        except WorkerError as error:
            failed[f"{lib} {mode}"] = str(error)
    turn = list(times)
    for done in range(REPEATS * rounds):
        if done >= rounds and min(map(quiet_rounds, times.values()), default=rounds) >= rounds:
            break
        for lib, mode in turn:
            times[lib, mode].append(remotes[lib].time(mode))
        turn.reverse()
    return {
        "workload": work.title,
        "microseconds": {f"{lib} {mode}": median(t) for (lib, mode), t in times.items()},
        "disturbed": [f"{lib} {mode}" for (lib, mode), t in times.items() if not quiet_rounds(t)],
        "first": {name: found["first"] for name, found in started.items()},
        "loss": {name: found["loss"] for name, found in started.items()},
        "failed": failed,
        "by_epochs": work.by_epochs,
        "goals": (work.against_torch, work.against_jax),
    }


def quiet_rounds(times: list[tuple[float, float]]) -> int:
    """In how many rounds other processes used little."""
    return sum(not others > QUIET for _, others in times)  # not known (NaN) counts as quiet


def median(times: list[tuple[float, float]]) -> float:
    """Of the quiet rounds, if there are any."""
    quiet = [t for t, others in times if not others > QUIET]
    return statistics.median(quiet or [t for t, _ in times])


def disagreement(result: dict[str, Any]) -> str | None:
    """What is wrong with the losses, if they are not the same."""
    losses = result["loss"]
    typical = statistics.median(losses.values()) if losses else 0.0
    if all(abs(loss - typical) <= AGREEMENT * abs(typical) for loss in losses.values()):
        return None
    return f"{result['workload']}: the losses differ: {losses}"


def from_cache(work: Workload, threads: int, cache: str) -> float | None:
    """Seconds of the first step in a new process that finds native code on disk; llvmlite is imported in it."""
    remote = Remote("thalweg", threads, cache)
    try:
        seconds: float = remote.ask("start", work.name, "compiled")["first"]
    except WorkerError:
        return None
    finally:
        remote.close()
    return seconds


def rivals(result: dict[str, Any]) -> tuple[str, str, str]:
    """The columns of thalweg, PyTorch and JAX that are compared: epochs, or steps."""
    if result["by_epochs"]:
        return "thalweg epoch", "torch eager", "jax scan"
    return "thalweg compiled", "torch eager", "jax jit"


def ratio(result: dict[str, Any], other: str) -> float | None:
    """How many times faster thalweg is than another column; None if one is missing, or was disturbed."""
    times = {name: t for name, t in result["microseconds"].items() if name not in result["disturbed"]}
    ours = rivals(result)[0]
    return times[other] / times[ours] if other in times and ours in times else None


def table(results: list[dict[str, Any]], names: list[str]) -> list[str]:
    """The times and the ratios in Markdown."""
    head = ["Workload", *(f"{n}, µs" for n in names), "against torch (goal)", "against JAX (goal)"]
    lines = [f"| {' | '.join(head)} |", "|---|" + "--:|" * (len(head) - 1)]
    for r in results:
        cells = [f"{r['microseconds'][n]:,.1f}" if n in r["microseconds"] else "failed" for n in names]
        cells = [c + "*" if n in r["disturbed"] else c for n, c in zip(names, cells, strict=True)]
        for other, goal in zip(rivals(r)[1:], r["goals"], strict=True):
            found = ratio(r, other)
            cells.append("–" if found is None else f"{found:.2f}× ({goal:g}×)")
        lines.append(f"| {r['workload']} | {' | '.join(cells)} |")
    return lines


def first_steps(results: list[dict[str, Any]], names: list[str]) -> list[str]:
    """Seconds of the first steps in Markdown."""
    columns = [*names, *(["thalweg, code on disk"] if "from_cache" in results[0] else [])]
    lines = [f"| First step, seconds | {' | '.join(columns)} |", "|---|" + "--:|" * len(columns)]
    for r in results:
        seconds = r["first"] | {"thalweg, code on disk": r.get("from_cache")}
        cells = ["failed" if seconds.get(n) is None else f"{seconds[n]:.3f}" for n in columns]
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


def report(found: dict[str, Any], libraries: list[str], names: list[str], threads: int) -> str:
    """Everything that was measured."""
    results = found["results"]
    lines = [surroundings(libraries, threads), "", *table(results, names), "", *first_steps(results, names), ""]
    imports = ", ".join(f"{lib} {import_time(lib):.0f} ms" for lib in libraries)
    most = ", ".join(f"{lib} {mb:.0f} MB" for lib, mb in found["memory"].items())
    lines.append(f"Import: {imports}. Most memory: {most}.")
    if "prepared" in found:
        lines.append(f"Building thalweg's run-time library, once on a machine: {found['prepared']:.2f} s.")
    lines += [f"{r['workload']}, {name} failed: {why}" for r in results for name, why in r["failed"].items()]
    return "\n".join(lines)


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
    with tempfile.TemporaryDirectory() as cache:
        found = compare(works, columns, arguments.rounds, arguments.threads, cache)
    if arguments.json:
        print(json.dumps(found))
    else:
        print(report(found, libraries, [f"{lib} {mode}" for lib, mode in columns], arguments.threads))
    wrong = [text for text in map(disagreement, found["results"]) if text]
    if wrong:
        raise SystemExit("benchmarks/compiled.py: " + "\n".join(wrong))


def compare(
    works: list[Workload], columns: list[tuple[str, str]], rounds: int, threads: int, cache: str
) -> dict[str, Any]:
    """All workloads, in one process for each library; thalweg finds an empty cache."""
    found: dict[str, Any] = {}
    remotes = {lib: Remote(lib, threads, cache) for lib in dict.fromkeys(lib for lib, _ in columns)}
    if "thalweg" in remotes:
        found["prepared"] = remotes["thalweg"].ask("prepare")
    found["results"] = []
    for work in works:
        begin = time.perf_counter()
        found["results"].append(measure(work, remotes, columns, rounds))
        print(f"{work.name}: {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
    found["memory"] = {lib: remote.ask("memory") for lib, remote in remotes.items()}
    for remote in remotes.values():
        remote.close()
    if "thalweg" in remotes:
        for work, result in zip(works, found["results"], strict=True):
            result["from_cache"] = from_cache(work, threads, cache)
    return found


if __name__ == "__main__":
    main()
