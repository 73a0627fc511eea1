"""Time one SGD step of small multilayer perceptrons: thalweg eager beside PyTorch eager, one thread each.

    python benchmarks/eager.py               # a table
    python benchmarks/eager.py --json        # the same as JSON
    python benchmarks/eager.py --in-process  # both libraries in one process

A step is ``zero_grad``, forward, loss, ``backward``, ``optimizer.step``. Both libraries run the same lines of Python
from the same weights on the same batches, so their losses after a number of steps, printed too, must agree. The column
"numpy" is the same step written by hand for this kind of network: what eager NumPy can reach. Each has a process of its
own, unless --in-process is given. They take turns, a short round each, so that a change of the machine's speed meets
all, and the medians over the rounds are compared. The ratio is that of torch to thalweg.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
FRAMEWORKS = ("thalweg", "torch", "numpy")
BATCHES = 32  # different mini-batches, used in turn
STEPS_TO_LOSS = 200


@dataclass(frozen=True)
class Case:
    """One network and one batch size."""

    sizes: tuple[int, ...]
    batch: int

    @property
    def name(self) -> str:
        return f"{'-'.join(map(str, self.sizes))}, batch {self.batch}"


CASES = tuple(Case(sizes, batch) for sizes in ((4, 64, 64, 2), (600, 60, 40, 10)) for batch in (1, 32))


@dataclass
class Result:
    """What one case gave, by framework: microseconds for a step in each round, and the loss in the end."""

    case: str
    rounds: dict[str, list[float]]
    losses: dict[str, float]

    def median(self, framework: str) -> float:
        return statistics.median(self.rounds[framework])

    @property
    def ratio(self) -> float | None:
        """How many times faster the first framework is than the second."""
        if len(self.rounds) < 2:
            return None
        first, second = list(self.rounds)[:2]
        return self.median(second) / self.median(first)


# -- the work -------------------------------------------------------------------------------------------------


def numbers(case: Case) -> tuple[list[Any], list[tuple[Any, Any]]]:
    """Weights and biases, layer by layer, and the batches, as arrays: the same for all frameworks."""
    import numpy as np

    rng = np.random.default_rng(0)
    parameters = []
    for fan_in, fan_out in zip(case.sizes, case.sizes[1:], strict=False):
        parameters.append(rng.uniform(-(fan_in**-0.5), fan_in**-0.5, (fan_out, fan_in)).astype(np.float32))
        parameters.append(rng.uniform(-(fan_out**-0.5), fan_out**-0.5, fan_out).astype(np.float32))
    batches = [
        (rng.standard_normal((case.batch, case.sizes[0]), np.float32), rng.integers(0, case.sizes[-1], case.batch))
        for _ in range(BATCHES)
    ]
    return parameters, batches


class ByHand:
    """The step in plain NumPy: forward, cross-entropy, its gradient layer by layer, SGD."""

    def __init__(self, case: Case) -> None:
        import numpy as np

        self.np = np
        parameters, self.batches = numbers(case)
        self.weights, self.biases = parameters[0::2], parameters[1::2]
        self.rows = np.arange(case.batch)
        self.rate = np.float32(0.01)
        self.next = 0

    def forward(self, x: Any) -> tuple[list[Any], Any]:
        """The input of each layer, and the logarithms of the classes' probabilities."""
        np, inputs = self.np, [x]
        for w, b in zip(self.weights, self.biases, strict=True):
            y = inputs[-1].dot(w.T)
            y += b
            inputs.append(np.maximum(y, 0))
        y -= np.maximum.reduce(y, axis=1, keepdims=True)
        y -= np.log(np.add.reduce(np.exp(y), axis=1, keepdims=True))
        return inputs, y

    def step(self) -> Any:
        """The step that is timed."""
        np = self.np
        x, target = self.batches[self.next]
        self.next = (self.next + 1) % BATCHES
        inputs, y = self.forward(x)
        loss = np.add.reduce(y[self.rows, target]) / -len(target)
        dy = np.exp(y)
        dy[self.rows, target] -= 1
        dy /= len(target)
        gradients = []
        for i in reversed(range(len(self.weights))):
            gradients.append((i, dy.T.dot(inputs[i]), np.add.reduce(dy, 0)))
            if i:
                dy = dy.dot(self.weights[i]) * (inputs[i] > 0)
        for i, dw, db in gradients:
            self.weights[i] -= self.rate * dw
            self.biases[i] -= self.rate * db
        return loss

    def average_loss(self) -> float:
        """Over all batches, without training."""
        return statistics.fmean(-float(self.forward(x)[1][self.rows, t].mean()) for x, t in self.batches)


class Trainer:
    """A network of one framework with its optimiser and its data, made of the same numbers in each."""

    def __init__(self, framework: str, case: Case) -> None:
        self.library: Any = importlib.import_module(framework)
        if framework == "torch":
            self.library.set_num_threads(1)
        nn, optim = (importlib.import_module(f"{framework}.{name}") for name in ("nn", "optim"))
        layers: list[Any] = []
        for fan_in, fan_out in zip(case.sizes, case.sizes[1:], strict=False):
            layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
        self.model = nn.Sequential(*layers[:-1])
        parameters, batches = numbers(case)
        with self.library.no_grad():
            for p, array in zip(self.model.parameters(), parameters, strict=True):
                p.copy_(self.tensor(array))
        self.batches = [(self.tensor(x), self.tensor(y)) for x, y in batches]
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = optim.SGD(self.model.parameters(), lr=0.01)
        self.next = 0

    def tensor(self, array: Any) -> Any:
        return self.library.from_numpy(array)

    def step(self) -> Any:
        """The step that is timed."""
        x, y = self.batches[self.next]
        self.next = (self.next + 1) % BATCHES
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss

    def average_loss(self) -> float:
        """Over all batches, without training."""
        with self.library.no_grad():
            return statistics.fmean(float(self.criterion(self.model(x), y)) for x, y in self.batches)


class Worker:
    """Runs the steps of one framework."""

    def __init__(self, framework: str) -> None:
        self.framework = framework
        self.trainer: Trainer | ByHand | None = None

    def start(self, case: Case) -> float:
        """Train a fresh network for STEPS_TO_LOSS steps, which also warms up; returns its loss."""
        self.trainer = ByHand(case) if self.framework == "numpy" else Trainer(self.framework, case)
        for _ in range(STEPS_TO_LOSS):
            self.trainer.step()
        return self.trainer.average_loss()

    def time(self, steps: int) -> float:
        """Microseconds for a step, on average over ``steps``."""
        assert self.trainer is not None, "start comes first"
        step = self.trainer.step
        begin = time.perf_counter()
        for _ in range(steps):
            step()
        return (time.perf_counter() - begin) / steps * 1e6


class Runner(Protocol):
    """A Worker, here or in another process."""

    def start(self, case: Case) -> float: ...

    def time(self, steps: int) -> float: ...


class Remote:
    """A Worker in a process of its own, asked by lines of JSON."""

    def __init__(self, framework: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", framework],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | ONE_THREAD,
        )

    def start(self, case: Case) -> float:
        return self._ask("start", asdict(case))

    def time(self, steps: int) -> float:
        return self._ask("time", steps)

    def close(self) -> None:
        """End the process."""
        self.process.communicate()

    def _ask(self, *question: Any) -> float:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("benchmarks/eager.py: a worker ended early; its error is printed above")
        return float(json.loads(answer))


def serve(framework: str) -> None:
    """Answer a Remote, until its pipe closes."""
    worker = Worker(framework)
    for line in sys.stdin:
        command, argument = json.loads(line)
        if command == "start":
            answer = worker.start(Case(tuple(argument["sizes"]), argument["batch"]))
        else:
            answer = worker.time(argument)
        print(json.dumps(answer), flush=True)


def measure(case: Case, runners: dict[str, Runner], rounds: int, steps: int) -> Result:
    """Let the frameworks take turns on one case; who begins changes from round to round."""
    losses = {name: runner.start(case) for name, runner in runners.items()}
    times: dict[str, list[float]] = {name: [] for name in runners}
    order = list(runners)
    for _ in range(rounds):
        for name in order:
            times[name].append(runners[name].time(steps))
        order.reverse()
    return Result(case.name, times, losses)


# -- the surroundings -----------------------------------------------------------------------------------------


def import_time(module: str, repeats: int = 5) -> float:
    """Milliseconds that importing takes in a fresh interpreter: the median of a few."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(repeats)
    ]
    return statistics.median(runs) * 1e3


def machine() -> dict[str, str]:
    """What the numbers depend on."""
    return {
        "cpu": cpu_model(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": importlib.metadata.version("numpy"),
    }


def cpu_model() -> str:
    """The processor's name, as well as the system tells it."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def report(results: list[Result], imports: dict[str, float], versions: dict[str, str]) -> str:
    """The results as Markdown."""
    names = list(versions)
    about = machine()
    used = ", ".join(f"{name} {version}" for name, version in versions.items() if name != "numpy")
    header = [
        "Network",
        *(f"{n}, µs a step" for n in names),
        "ratio",
        *(f"{n}, loss after {STEPS_TO_LOSS} steps" for n in names),
    ]
    surroundings = (
        f"{about['cpu']}, {about['cores']} cores, {about['system']}; "
        f"Python {about['python']}, NumPy {about['numpy']}, {used}; one thread."
    )
    lines = [
        surroundings,
        "",
        f"| {' | '.join(header)} |",
        "|---|" + "--:|" * (len(header) - 1),
    ]
    for r in results:
        times = " | ".join(f"{r.median(n):.1f}" for n in names)
        losses = " | ".join(f"{r.losses[n]:.6f}" for n in names)
        lines.append(f"| {r.case} | {times} | {'–' if r.ratio is None else f'{r.ratio:.2f}'} | {losses} |")
    lines += ["", "Import: " + ", ".join(f"{n} {imports[n]:.0f} ms" for n in names) + "."]
    return "\n".join(lines)


def as_json(results: list[Result], imports: dict[str, float], versions: dict[str, str]) -> str:
    """The results for a program to read."""
    return json.dumps(
        {
            "machine": machine(),
            "versions": versions,
            "import_ms": imports,
            "cases": [asdict(r) | {"median_us": {n: r.median(n) for n in versions}, "ratio": r.ratio} for r in results],
        },
        indent=2,
    )


def check_installed(frameworks: list[str]) -> None:
    """One clear line for a framework that is not there."""
    for name in frameworks:
        if importlib.util.find_spec(name) is None:
            raise SystemExit(
                f"benchmarks/eager.py: {name} is not installed; install it, or leave it out: --frameworks thalweg"
            )


def run(frameworks: list[str], cases: list[Case], rounds: int, steps: int, in_process: bool) -> list[Result]:
    """All cases, each measured with the frameworks alternating."""
    if in_process:
        return [measure(case, {n: Worker(n) for n in frameworks}, rounds, steps) for case in cases]
    remotes = {n: Remote(n) for n in frameworks}
    try:
        runners: dict[str, Runner] = dict(remotes)
        return [measure(case, runners, rounds, steps) for case in cases]
    finally:
        for remote in remotes.values():
            remote.close()


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--frameworks", nargs="+", choices=FRAMEWORKS, default=list(FRAMEWORKS), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=25, help="rounds of each framework (default 25)")
    parser.add_argument("--steps", type=int, default=100, help="steps in a round (default 100)")
    parser.add_argument("--in-process", action="store_true", help="all frameworks in one process")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--worker", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        serve(options.worker)
        return
    check_installed(options.frameworks)
    results = run(options.frameworks, list(CASES), options.rounds, options.steps, options.in_process)
    imports = {n: import_time(n) for n in options.frameworks}
    versions = {n: importlib.metadata.version(n) for n in options.frameworks}
    print((as_json if options.json else report)(results, imports, versions))


if __name__ == "__main__":
    os.environ.update(ONE_THREAD)  # before NumPy is imported, which happens with the first Trainer
    main()
