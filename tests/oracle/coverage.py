"""The table of names that thalweg shares with PyTorch and how each is compared: ``python -m tests.oracle.coverage``.

It writes docs/coverage.md. A name counts as compared if cases of the harness call it, or if a test of this folder
reaches it as an attribute of both libraries (or of the one that stands for either), or names it in a list.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import thalweg as tw

from . import corners, names_in_tests
from .harness import Case, Layer, all_cases, lookup

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "coverage.md"
SPACES = {
    "": "Functions: `thalweg`",
    "Tensor": "Methods: `thalweg.Tensor`",
    "nn.functional": "`thalweg.nn.functional`",
    "linalg": "`thalweg.linalg`",
    "special": "`thalweg.special`",
    "nn": "Layers: `thalweg.nn`",
    "nn.init": "`thalweg.nn.init`",
    "nn.utils": "`thalweg.nn.utils`",
    "nn.utils.rnn": "`thalweg.nn.utils.rnn`",
    "nn.utils.parametrizations": "`thalweg.nn.utils.parametrizations`",
    "nn.utils.parametrize": "`thalweg.nn.utils.parametrize`",
    "func": "`thalweg.func`",
    "autograd": "`thalweg.autograd`",
    "autograd.functional": "`thalweg.autograd.functional`",
    "distributions": "`thalweg.distributions`",
    "optim": "`thalweg.optim`",
    "optim.lr_scheduler": "`thalweg.optim.lr_scheduler`",
    "optim.swa_utils": "`thalweg.optim.swa_utils`",
    "utils.checkpoint": "`thalweg.utils.checkpoint`",
    "utils.data": "`thalweg.utils.data`",
}
# What has no value to compare, and why.
NOT_COMPARED = {
    "": {
        "compile": "the compiled function is compared with the eager one",
        "get_num_threads": "of the process", "set_num_threads": "of the process",
        "layout": "a type without behaviour", "memory_format": "a type without behaviour",
        "seed": "draws a seed from the system",
    },
    "Tensor": {
        "data_ptr": "an address", "pin_memory": "of devices", "is_pinned": "of devices",
    },
}  # fmt: skip


@dataclass
class Row:
    """What is compared of one name: by what, to which derivative, with other strides, special values and dtypes."""

    by: str
    derivatives: str = ""
    strides: str = ""
    special: str = ""
    dtypes: str = ""

    def cells(self) -> list[str]:
        return [self.by, self.derivatives, self.strides, self.special, self.dtypes]


def public_names() -> Iterator[tuple[str, str]]:
    """(space, name) for all that thalweg and PyTorch both offer to call, but modules and what serves annotations."""
    import torch

    for space in SPACES:
        ours, theirs = (lookup(m, space) if space else m for m in (tw, torch))
        for name in sorted(getattr(ours, "__all__", dir(ours))):
            if not name.startswith("_") and _is_callable(ours, name) and _is_callable(theirs, name):
                yield space, name


def _is_callable(owner: Any, name: str) -> bool:
    value = getattr(owner, name, None)
    foreign = getattr(value, "__module__", None) in ("typing", "collections.abc", "collections", "functools")
    imported = inspect.ismodule(owner) and name == "Tensor" and owner.__name__ not in ("torch", "thalweg")
    return callable(value) and not inspect.ismodule(value) and not foreign and not imported


@functools.cache
def _rows() -> dict[str, Row]:
    """The rows of names that have cases, by full name; methods begin with "Tensor."."""
    found: dict[str, list[Case]] = defaultdict(list)
    for case in all_cases():
        for form in case.forms():
            found[case.name if form == "function" else f"Tensor.{case.name}"].append(case)
    special, typed = corners.special_names(), corners.typed_names()
    return {name: _row(cases, special, typed) for name, cases in found.items()}


def _row(cases: list[Case], special: dict[str, str], typed: dict[str, str]) -> Row:
    order = max(c.order if _differentiable(c) else 0 for c in cases)
    name = cases[0].name
    return Row(
        f"{len(cases)} cases" if len(cases) > 1 else "1 case",
        str(order) if order else "",
        "yes" if any(c.memory_orders and type(c) is Case for c in cases) else "",
        special.get(name, ""),
        typed.get(name, ""),
    )


def _differentiable(case: Case) -> bool:
    return any(s.grad for s in case.slots()) or (isinstance(case, Layer) and case.has_parameters())


def compared(space: str, name: str) -> Row | None:
    """What compares a name; None if nothing does."""
    full = f"{space}.{name}" if space else name
    if row := _rows().get(full):
        return row
    if reason := NOT_COMPARED.get(space, {}).get(name):
        return Row(f"not comparable: {reason}")
    if row := _in_place(space, name) or _same_function(space, name):
        return row
    file = names_in_tests.file_of(space, name)
    return Row(f"`{file}`") if file else None


def _in_place(space: str, name: str) -> Row | None:
    """test_in_place_oracle.py runs the cases of a method on its in-place form, and finds the functions the same."""
    if space not in ("", "Tensor") or not name.endswith("_"):
        return None
    row = _rows().get(f"Tensor.{name[:-1]}")
    same = space == "Tensor" or getattr(tw, name) is inspect.getattr_static(tw.Tensor, name, None)
    return Row(f"as `{name[:-1]}`, in place", row.derivatives and "1") if row and same else None


def _same_function(space: str, name: str) -> Row | None:
    """The row of the name under which another package has this very function."""
    ours = lookup(tw, f"{space}.{name}" if space else name)
    for other in ("", "nn.functional", "special", "linalg", "func"):
        full = f"{other}.{name}" if other else name
        owner = lookup(tw, other) if other else tw
        if other != space and getattr(owner, name, None) is ours and (row := _rows().get(full)):
            return Row(f"as `{full}`", row.derivatives, row.strides, row.special, row.dtypes)
    return None


def uncompared() -> list[str]:
    return [f"{space}.{name}" for space, name in public_names() if compared(space, name) is None]


def page() -> str:
    """The text of docs/coverage.md."""
    names: dict[str, list[str]] = defaultdict(list)
    for space, name in public_names():
        names[space].append(name)
    lines = [*_introduction(), *_summary(names)]
    for space, members in names.items():
        lines += [
            "",
            f"## {SPACES[space]}",
            "",
            "| Name | Compared by | Derivatives | Strides | Special values | Dtypes |",
        ]
        lines += ["|---|---|---|---|---|---|"]
        for name in members:
            row = compared(space, name) or Row("**nothing**")
            lines.append(f"| `{name}` | {' | '.join(row.cells())} |")
    return re.sub(r" +\|", " |", "\n".join(lines)) + "\n"


def _introduction() -> list[str]:
    return [
        "# What is compared with PyTorch",
        "",
        "The names that thalweg and PyTorch share, and what compares them. `python -m tests.oracle.coverage` writes",
        "this page, and a test of `tests/oracle/` sees that it is true and that nothing is left out.",
        "",
        "- **Compared by**: cases are calls in both libraries (`tests/oracle/cases_*.py`), whose values, dtypes and",
        "  shapes must agree in float64 to 1e-9; a file is a test in `tests/oracle/` of its own kind.",
        "- **Derivatives**: up to which order they are compared, to 1e-9 as well.",
        "- **Strides**: values and first derivatives again on tensors whose axes lie in the opposite order in memory.",
        "- **Special values**: again with NaN, ±inf, ±0, huge and tiny numbers, and on empty and 0-d tensors;",
        '  "differs" where thalweg means to: [differences.md](differences.md#other-results) and, name by name,',
        "  `tests/oracle/differing.py` say how.",
        "- **Dtypes**: again in bool, all integers and floats: the result's dtype and values, the class of errors;",
        "  or in the floats alone.",
    ]


def _summary(names: dict[str, list[str]]) -> list[str]:
    rows = [compared(space, name) for space, members in names.items() for name in members]
    kinds = Counter(_kind(row) for row in rows)
    return ["", f"{len(rows)} names: " + ", ".join(f"{n} {kind}" for kind, n in kinds.most_common()) + "."]


def _kind(row: Row | None) -> str:
    if row is None:
        return "by nothing"
    first = row.by.split()[0]
    words = {"as": "as another name of the same", "not": "not comparable"}
    return words.get(first, "by tests of their own" if first.startswith("`") else "by cases")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
