"""The table of names that thalweg shares with PyTorch and where each is compared: ``python -m tests.oracle.coverage``.

It writes docs/coverage.md. A name is compared by the cases of the harness, or by a test in this folder that calls it.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import thalweg as tw

from .harness import all_cases, lookup

HERE = Path(__file__).parent
SPACES = {
    "": "Functions: `thalweg`",
    "Tensor": "Methods: `thalweg.Tensor`",
    "nn.functional": "`thalweg.nn.functional`",
    "linalg": "`thalweg.linalg`",
    "special": "`thalweg.special`",
    "nn": "Layers: `thalweg.nn`",
    "nn.init": "`thalweg.nn.init`",
    "nn.utils": "`thalweg.nn.utils`",
    "func": "`thalweg.func`",
    "autograd": "`thalweg.autograd`",
    "optim": "`thalweg.optim`",
    "optim.lr_scheduler": "`thalweg.optim.lr_scheduler`",
    "utils.data": "`thalweg.utils.data`",
}

# Names that have nothing to compare: modes, information about the process, and what only the two share in name.
NOT_COMPARED = {
    "": {"compile", "get_num_threads", "set_num_threads", "inference_mode", "set_printoptions"},
    "Tensor": {"data_ptr", "pin_memory"},
}  # fmt: skip


def public_names() -> Iterator[tuple[str, str]]:
    """(space, name) for all that thalweg and PyTorch both offer to call."""
    import torch

    for space in SPACES:
        try:
            ours, theirs = (lookup(m, space) if space else m for m in (tw, torch))
        except AttributeError:
            continue
        for name in sorted(dir(ours)):
            value = inspect.getattr_static(ours, name)
            public = (
                not name.startswith("_")
                and hasattr(ours, name)
                and hasattr(theirs, name)
                and not inspect.ismodule(value)
            )
            if public and callable(getattr(ours, name)) and getattr(getattr(ours, name), "__module__", "") != "typing":
                yield space, name


@functools.cache
def _counts() -> Counter[str]:
    """How many cases there are of each name, also as the method of that name."""
    counts: Counter[str] = Counter()
    for case in all_cases():
        for form in case.forms():
            counts[case.name if form == "function" else f"Tensor.{case.name}"] += 1
    return counts


@functools.cache
def _words() -> dict[str, str]:
    """Every word of the tests in this folder, with the first file that has it."""
    words: dict[str, str] = {}
    for file in sorted(HERE.glob("test_*_oracle.py")):
        for word in re.findall(r"\w+", file.read_text()):
            words.setdefault(word, file.name)
    return words


def compared(space: str, name: str) -> str:
    """What compares it: the number of cases, or a file; empty if nothing does."""
    full = f"{space}.{name}" if space else name
    if count := _counts()[full]:
        return f"{count} cases" if count > 1 else "1 case"
    if name in NOT_COMPARED.get(space, ()):
        return "not comparable"
    if not space and (same := getattr(tw.nn.functional, name, None)) is not None and same is getattr(tw, name):
        return f"as `nn.functional.{name}`" if compared("nn.functional", name) else ""
    if name.endswith("_") and space in ("", "Tensor") and _words().get("inplace"):
        base = _counts()[f"Tensor.{name[:-1]}"] or _counts()[name[:-1]]
        if base:
            return f"as `{name[:-1]}`, in place"
    return _words().get(name, "")


def _orders() -> dict[str, int]:
    orders: dict[str, int] = {}
    for case in all_cases():
        differentiable = any(s.grad for s in case.slots())
        orders[case.name] = max(orders.get(case.name, 0), case.order if differentiable else 0)
    return orders


def page() -> str:
    """The text of docs/coverage.md."""
    orders = _orders()
    lines = [
        "# What is compared with PyTorch",
        "",
        "Names shared with PyTorch, and what compares them; `python -m tests.oracle.coverage` writes this.",
        "Cases compare values, dtypes, shapes and, in float64 to 1e-9, the derivatives of the order that stands beside",
        "them, with ordinary and with transposed strides. A file is a test in `tests/oracle/` of its own kind.",
    ]
    spaces: dict[str, list[Any]] = {}
    for space, name in public_names():
        spaces.setdefault(space, []).append(name)
    for space, names in spaces.items():
        lines += ["", f"## {SPACES[space]} ({len(names)})", "", "| Name | Compared by | Derivatives |", "|---|---|---|"]
        for name in names:
            full = f"{space}.{name}" if space and space != "Tensor" else name
            order = str(orders[full]) if orders.get(full) else ""
            lines.append(f"| `{name}` | {compared(space, name)} | {order} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (HERE.parents[1] / "docs" / "coverage.md").write_text(page())
