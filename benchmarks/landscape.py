"""A loss landscape of 101 x 101 points: the digits network on all its training images.

``python benchmarks/landscape.py`` prints what ``viz.landscape`` takes in all, and milliseconds a point of its native
loop, of the same loop over the points in eager thalweg, and in PyTorch, if that is installed. All compute the same
losses, which is checked. The loops run in turns, each over a part of the points; medians are compared. The native
loop's times include tracing, and loading the compiled code from the disk. ``--points`` and ``--images`` choose another
size, ``--json`` prints everything.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import thalweg as tw
from thalweg import nn, viz
from thalweg.datasets import Digits
from thalweg.viz.valley.grid import losses_along
from thalweg.viz.valley.objective import ModuleCost

SIZES = (64, 60, 40, 10)
TOLERANCE = 1e-4  # by which losses may differ, relatively: they are sums of float32 in different orders

NATIVE = 20  # times as many points for the native loop, which traces and loads its code in each round

Loop = Callable[[Any], Any]  # points (n, 2) -> losses (n,)


def network() -> nn.Sequential:
    """The network of ``thalweg train digits``."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(SIZES):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def torch_loop(model: nn.Module, x: tw.Tensor, y: tw.Tensor, directions: list[dict[str, Any]]) -> Loop:
    """The loop in PyTorch: the weights of a module are set for each point, the usual way."""
    import torch

    layers: list[Any] = []
    for inputs, outputs in pairwise(SIZES):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    start = {name: torch.from_numpy(p.detach().numpy().copy()) for name, p in model.named_parameters()}
    moves = [{name: torch.from_numpy(d.numpy().copy()) for name, d in one.items()} for one in directions]
    images, labels = torch.from_numpy(x.numpy()), torch.from_numpy(y.numpy())
    parameters = dict(net.named_parameters())

    def loop(points: Any) -> Any:
        losses = []
        with torch.no_grad():
            for a, b in points.tolist():
                for name, p in parameters.items():
                    p.copy_(start[name])
                    if name in moves[0]:
                        p.add_(moves[0][name], alpha=a).add_(moves[1][name], alpha=b)
                losses.append(torch.nn.functional.cross_entropy(net(images), labels).item())
        return np.array(losses)

    return loop


def measure(points: int, images: int, rounds: int, part: int) -> dict[str, Any]:
    """Seconds in all, and milliseconds a point of each loop."""
    tw.manual_seed(0)
    x, y = Digits("train")[:images]
    model = network()
    began = time.perf_counter()
    picture = viz.landscape(model, nn.CrossEntropyLoss(), (x, y), points=points)
    total = time.perf_counter() - began
    began = time.perf_counter()
    size = len(picture.svg())
    drawing = time.perf_counter() - began

    objective = ModuleCost(model, nn.CrossEntropyLoss(), (x, y))
    directions = [{n: tw.randn_like(p) for n, p in objective.start.items() if p.ndim > 1} for _ in range(2)]
    grid = np.random.default_rng(0).uniform(-0.1, 0.1, (NATIVE * part, 2))
    loops: dict[str, Loop] = {
        "thalweg, native loop": lambda at: losses_along(objective, objective.start, directions, at),
        "thalweg, eager": lambda at: losses_along(objective, objective.start, directions, at, compile=False),
    }
    if importlib.util.find_spec("torch") is not None:
        loops["torch"] = torch_loop(model, x, y, directions)
    found = {name: loop(grid[:5]) for name, loop in loops.items()}
    for name, losses in found.items():
        if not np.allclose(losses, found["thalweg, eager"], rtol=TOLERANCE, atol=0):
            raise SystemExit(f"benchmarks/landscape.py: the losses of {name} differ from those of the eager loop")
    times: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, loop in loops.items():
            some = grid if "native" in name else grid[:part]
            began = time.perf_counter()
            loop(some)
            times[name].append(1000 * (time.perf_counter() - began) / len(some))
    return {
        "points": points,
        "images": len(x),
        "seconds": total,
        "seconds_drawing": drawing,
        "svg_bytes": size,
        "milliseconds_a_point": {name: statistics.median(found) for name, found in times.items()},
        "machine": f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}",
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=101, help="in each direction")
    parser.add_argument("--images", type=int, default=1437)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--part", type=int, default=50, help="points that a slow loop computes in a round")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    report = measure(arguments.points, arguments.images, arguments.rounds, arguments.part)
    if arguments.json:
        print(json.dumps(report, indent=2))
        return
    print(
        f"viz.landscape, {report['points']} x {report['points']} points of {'-'.join(map(str, SIZES))} on "
        f"{report['images']:,} images: {report['seconds']:.2f} s, compiling included; "
        f"drawing {report['seconds_drawing']:.2f} s, {report['svg_bytes'] / 1000:.0f} kB\n"
    )
    print("| Loop | ms a point | against the native loop |\n|---|--:|--:|")
    times = report["milliseconds_a_point"]
    for name, value in times.items():
        print(f"| {name} | {value:.3f} | {value / times['thalweg, native loop']:.1f}× |")
    print(f"\n{report['machine']}")


if __name__ == "__main__":
    main()
