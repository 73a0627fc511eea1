"""The table of missing names in docs/migration.md: ``python -m tests.missing_table`` writes it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import thalweg as tw
from thalweg.missing import names_of, replacement

PAGE = Path(__file__).parents[1] / "docs" / "migration.md"
BEGIN, END = "<!-- missing names: begin -->\n", "<!-- missing names: end -->\n"
SPACES = (
    "", "Tensor", "nn", "nn.functional", "nn.init", "nn.utils", "nn.utils.rnn", "nn.utils.parametrizations", "optim",
    "optim.lr_scheduler", "optim.swa_utils", "linalg", "special", "func", "autograd", "utils", "utils.data",
)  # fmt: skip
# What PyTorch itself does not mean users to call.
INTERNAL = ("sym_", "_copy", "quant", "unsafe_", "native_", "to_dlpack", "import_ir", "parse_", "mkldnn", "sparse_")


def missing(space: str) -> list[str]:
    """The documented names of a module of PyTorch's that thalweg has not."""
    try:
        owner: Any = functools.reduce(getattr, space.split("."), tw) if space else tw
    except AttributeError:
        owner = None
    names = [n for n in names_of(space, documented=True) if not hasattr(owner, n)]
    return [n for n in names if not any(part in n for part in INTERNAL)]


def table() -> str:
    """One row for each module, then the names for which there is something else."""
    lines = ["| In | Missing |", "|---|---|"]
    instead = []
    for space in SPACES:
        names = missing(space)
        if names:
            lines.append(f"| `{f'thalweg.{space}' if space else 'thalweg'}` | {', '.join(f'`{n}`' for n in names)} |")
        full = [f"{space}.{n}" if space else n for n in names]
        instead += [f"| `{name}` | {replacement(name)} |" for name in full if replacement(name)]
    return "\n".join([*lines, "", "| Instead of | |", "|---|---|", *instead]) + "\n"


def page() -> str:
    """The page with its table as it is now."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
