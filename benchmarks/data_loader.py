"""Time one epoch of a DataLoader over data in memory: gathered batches beside single samples, and beside PyTorch.

    python benchmarks/data_loader.py          # 20,000 rows of 20 numbers, batches of 1, 32 and 1,024
    python benchmarks/data_loader.py --json

"gathered" is thalweg's loader over a TensorDataset. "item by item" is the same loader over the same data set, wrapped
so that it offers single samples only, which are then collated. "torch" is PyTorch's loader over its TensorDataset, one
thread. Each time is the CPU time of the best of several epochs, the three taking turns; the targets of an epoch must
add up to the same sum.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import time
from collections.abc import Iterable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import thalweg as tw
from thalweg.utils.data import DataLoader, Dataset, TensorDataset

ROWS, COLUMNS = 20_000, 20
BATCH_SIZES = (1, 32, 1024)
REQUIRED = 50  # times faster than item by item, at batch size 32


class Single(Dataset[Any]):
    """A data set's samples without its way to gather batches."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index]


def loaders(batch_size: int, shuffle: bool) -> dict[str, Iterable[Any]]:
    """The loaders to compare, over equal data."""
    x = np.random.default_rng(0).normal(size=(ROWS, COLUMNS)).astype(np.float32)
    y = np.arange(ROWS)
    dataset = TensorDataset(tw.from_numpy(x), tw.from_numpy(y))
    found: dict[str, Iterable[Any]] = {
        "gathered": DataLoader(dataset, batch_size, shuffle),
        "item by item": DataLoader(Single(dataset), batch_size, shuffle),
    }
    if importlib.util.find_spec("torch") is not None:
        import torch
        from torch.utils import data

        torch.set_num_threads(1)
        theirs = data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
        found["torch"] = data.DataLoader(theirs, batch_size, shuffle)
    return found


def epoch(loader: Iterable[Any]) -> tuple[float, int]:
    """CPU seconds for one epoch, and the sum of all targets."""
    start = time.process_time()
    batches = [y for _, y in loader]
    seconds = time.process_time() - start
    return seconds, sum(int(y.sum()) for y in batches)


def measure(batch_size: int, shuffle: bool, rounds: int) -> dict[str, float]:
    """The best milliseconds of each loader."""
    best: dict[str, float] = {}
    for _ in range(rounds):
        for name, loader in loaders(batch_size, shuffle).items():
            seconds, total = epoch(loader)
            if total != ROWS * (ROWS - 1) // 2:
                raise RuntimeError(f"{name}: the batches of an epoch do not hold each row once")
            best[name] = min(best.get(name, np.inf), 1000 * seconds)
    return best


def report(results: list[dict[str, Any]]) -> None:
    """A table of milliseconds and ratios."""
    print(f"One epoch over {ROWS:,} x {COLUMNS} float32 and {ROWS:,} int64, in milliseconds of CPU time\n")
    print(f"{'batch':>6} {'order':>10} {'gathered':>10} {'item by item':>14} {'torch':>10} {'ratios':>16}")
    for result in results:
        ms = result["ms"]
        ratios = " ".join(f"{ms[name] / ms['gathered']:7.1f}x" for name in ms if name != "gathered")
        torch = f"{ms['torch']:10.2f}" if "torch" in ms else f"{'-':>10}"
        order = "shuffled" if result["shuffle"] else "in order"
        print(
            f"{result['batch']:>6} {order:>10} {ms['gathered']:>10.2f} {ms['item by item']:>14.2f} {torch} {ratios:>16}"
        )


def main() -> None:
    """Measure, print, and fail if gathering is not as fast as required."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="epochs of each loader, the best of which counts")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    results: list[dict[str, Any]] = [
        {"batch": size, "shuffle": shuffle, "ms": measure(size, shuffle, options.rounds)}
        for size in BATCH_SIZES
        for shuffle in (False, True)
    ]
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        report(results)
    for result in results:
        ratio = result["ms"]["item by item"] / result["ms"]["gathered"]
        if result["batch"] == 32 and ratio < REQUIRED:
            raise SystemExit(f"gathering is only {ratio:.0f} times faster than item by item, {REQUIRED} is required")


if __name__ == "__main__":
    main()
