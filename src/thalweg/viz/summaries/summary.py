"""``model.summary(x)``: what a model is made of, what it returns, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from ...errors import ArgumentError
from ...nn.module import Module
from ..style import DARK, LIGHT
from .measure import measure, ready
from .rows import Row, rows_of

__all__ = ["Summary", "summary"]

DEPTH = 3


class Summary:
    """A table of a model's modules: classes, output shapes, parameters, FLOPs and memory.

    ``print`` shows it as text, a notebook as HTML; ``to_dict`` gives the numbers.

    Attributes:
        rows: all of them, the model's own first; see ``Row``.
        depth: how many levels of modules the table shows below the model.
        parameters, trainable, frozen: how many numbers the parameters hold, each parameter counted once.
        parameter_bytes, buffer_bytes: their memory.
        flops: operations on numbers of one call; a multiplication and an addition count two.
        kept_bytes: what the traced call keeps for the backward pass, besides the parameters and the inputs; eager code
            keeps about the same, of the loops of recurrent layers more.
    """

    def __init__(self, rows: list[Row], depth: int) -> None:
        total = rows[0]
        self.rows = rows
        self.depth = depth
        self.parameters = total.parameters
        self.trainable = total.trainable
        self.frozen = total.frozen
        self.parameter_bytes = total.parameter_bytes
        self.buffer_bytes = total.buffer_bytes
        self.flops = total.flops
        self.kept_bytes = total.kept_bytes

    def to_dict(self) -> dict[str, Any]:
        """The totals, and under "rows" what each row holds: lists, strings and numbers, as for JSON."""
        names = (
            "parameters", "trainable", "frozen", "shared", "parameter_bytes", "buffer_bytes", "flops", "kept_bytes"
        )  # fmt: skip
        rows = [
            {
                "path": row.path, "class": row.kind, "depth": row.depth, "calls": row.calls,
                "output": _plain(row.output), "same_as": row.same_as, **{name: getattr(row, name) for name in names},
            }
            for row in self.rows
        ]  # fmt: skip
        return {**{name: getattr(self, name) for name in names if name != "shared"}, "rows": rows}

    def __str__(self) -> str:
        head, *body = self._cells()
        widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
        rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
        lines = [_aligned(head, widths), rule, *(_aligned(row, widths) for row in body), rule]
        return "\n".join([*lines, *(f"{name:<18}{text}" for name, text in self._totals())])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *body = self._cells()
        table = "".join(f"<tr>{_html_row(row)}</tr>\n" for row in body)
        totals = "".join(
            f'<tr><th scope="row">{name}</th><td>{escape(text)}</td></tr>\n' for name, text in self._totals()
        )
        titles = "".join(f'<th scope="col"{_kind(i)}>{name}</th>' for i, name in enumerate(head))
        return (
            f'<div class="tw-summary"><style>{_STYLE}</style>\n<table>\n<thead><tr>{titles}</tr></thead>\n'
            f"<tbody>\n{table}</tbody>\n</table>\n<table>\n<tbody>\n{totals}</tbody>\n</table></div>\n"
        )

    def _cells(self) -> Iterator[tuple[str, ...]]:
        """The table's head and its rows, as text; how often modules are called is shown if one is called again."""
        again = any(row.calls > 1 for row in self.rows)
        calls = ("Calls",) if again else ()
        yield ("Module", "Class", "Output", *calls, "Parameters", "FLOPs", "Kept")
        for row in self.rows:
            if row.depth > self.depth:
                continue
            name = "  " * row.depth + (row.path.rpartition(".")[2] or "(model)")
            calls = (str(row.calls or ""),) if again else ()
            yield (
                name,
                row.kind,
                _output(row),
                *calls,
                _parameters(row),
                _count(row.flops),
                _memory(row.kept_bytes),
            )

    def _totals(self) -> Iterator[tuple[str, str]]:
        parts = []
        if self.frozen and self.parameters:
            parts = [f"{self.trainable:,} trainable, {self.frozen:,} frozen"]
        yield "Parameters", ", ".join([f"{self.parameters:,}", *parts, _memory(self.parameter_bytes) or "0 B"])
        if self.buffer_bytes:
            yield "Buffers", _memory(self.buffer_bytes)
        yield "Kept for backward", f"{_memory(self.kept_bytes) or '0 B'}, besides parameters and inputs"
        yield "FLOPs", f"{_count(self.flops) or '0'} forward; a multiply-add counts two"


def summary(model: Module, *inputs: Any, depth: int = DEPTH, **kwargs: Any) -> Summary:
    """What a model is made of, what each module returns, and what a call costs; also ``model.summary(*inputs)``.

    (A model may have a member named ``summary``, which then hides the method.)

    The model is traced with the inputs, as ``tw.compile`` traces it: nothing is computed, and parameters, buffers,
    modes and random numbers stay as they are. A model that learns shapes from its first input (``nn.LazyLinear``) is
    copied, and the copy called once.

    Args:
        model: the module.
        inputs, kwargs: what it is called with.
        depth: how many levels of modules the table shows; their numbers count all that is inside them.

    Raises:
        TraceError: the model branches on a tensor's value; the message names the line.
        ArgumentError: ``model`` is no module, or ``depth`` is negative.

    >>> import thalweg as tw
    >>> model = tw.nn.Sequential(tw.nn.Linear(8, 4), tw.nn.ReLU(), tw.nn.Linear(4, 1))
    >>> model.summary(tw.zeros(16, 8))
    Module   Class       Output  Parameters   FLOPs   Kept
    ──────────────────────────────────────────────────────
    (model)  Sequential  16 × 1          41  1.30 k  256 B
      0      Linear      16 × 4          36  1.09 k
      1      ReLU        16 × 4                  64  256 B
      2      Linear      16 × 1           5     144
    ──────────────────────────────────────────────────────
    Parameters        41, 164 B
    Kept for backward 256 B, besides parameters and inputs
    FLOPs             1.30 k forward; a multiply-add counts two
    """
    if not isinstance(model, Module):
        raise ArgumentError(f"summary: an nn.Module is needed, got {type(model).__name__}")
    if depth < 0:
        raise ArgumentError(f"summary: depth counts the levels below the model and can't be {depth}")
    return Summary(rows_of(measure(ready(model, inputs, kwargs), inputs, kwargs)), depth)


Module.summary = summary  # type: ignore[method-assign, assignment]  # it traces, and nn stands below


# -- cells ------------------------------------------------------------------------------------------------

# Doubled classes weigh more than a notebook's own rules for tables.
_STYLE = (
    ".tw-summary { font: 13px system-ui, sans-serif; overflow-x: auto; }\n"
    ".tw-summary.tw-summary table { border-collapse: collapse; border: none; margin: 0 0 0.6em; font-size: 13px; }\n"
    ".tw-summary.tw-summary tr:nth-child(n):nth-child(n) { background: none; }\n"
    ".tw-summary.tw-summary table th, .tw-summary.tw-summary table td { padding: 2px 12px 2px 0; text-align: left; "
    "white-space: pre; font-weight: normal; border: none; max-width: none; }\n"
    ".tw-summary.tw-summary table thead th { font-weight: 600; border-bottom: 1px solid INK; }\n"
    ".tw-summary.tw-summary table .number { text-align: right; font-variant-numeric: tabular-nums; }\n"
).replace("INK", LIGHT["muted"]) + (
    "@media (prefers-color-scheme: dark) "
    f"{{ .tw-summary.tw-summary table thead th {{ border-color: {DARK['muted']}; }} }}\n"
)

_TEXTS = 3  # columns of text; numbers follow, and stand at the right


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    placed = [
        cell.ljust(width) if i < _TEXTS else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(placed).rstrip()


def _html_row(cells: tuple[str, ...]) -> str:
    first, *others = map(escape, cells)
    return f'<th scope="row">{first}</th>' + "".join(f"<td{_kind(i)}>{cell}</td>" for i, cell in enumerate(others, 1))


def _kind(column: int) -> str:
    return "" if column < _TEXTS else ' class="number"'


def _parameters(row: Row) -> str:
    """The number, and how many others are an earlier row's."""
    if row.same_as is not None:
        return ""
    shared = f"(+ {row.shared:,} shared)" if row.shared else ""
    return " ".join(part for part in (f"{row.parameters:,}" if row.parameters else "", shared) if part)


def _output(row: Row) -> str:
    if row.same_as is not None:
        return f"same as {row.same_as or 'the model'}"
    if not row.reached:
        return "not called"
    if row.output is None:
        return ""
    return _shapes(row.output)


def _shapes(output: Any) -> str:
    """Shapes as "64 × 10", the shape of a number as "scalar", and containers in their brackets."""
    if isinstance(output, tuple) and all(isinstance(n, int) for n in output) and not hasattr(output, "_fields"):
        return " × ".join(map(str, output)) or "scalar"
    if isinstance(output, dict):
        return "{" + ", ".join(f"{key}: {_shapes(value)}" for key, value in output.items()) + "}"
    if isinstance(output, (list, tuple)):
        return "(" + ", ".join(map(_shapes, output)) + ")"
    return "None" if output is None else type(output).__name__


def _plain(output: Any) -> Any:
    """The same of lists, strings and numbers."""
    if isinstance(output, dict):
        return {str(key): _plain(value) for key, value in output.items()}
    if isinstance(output, (list, tuple)):
        return [_plain(x) for x in output]
    return output if output is None or isinstance(output, (bool, int, float, str)) else type(output).__name__


def _count(n: int) -> str:
    """Three digits and a unit; exactly below 1000, and nothing for 0.

    >>> [_count(n) for n in (0, 999, 1000, 12_345, 6_700_000_000)]
    ['', '999', '1.00 k', '12.3 k', '6.70 G']
    """
    return _scaled(n, 1000, ("", " k", " M", " G", " T", " P"))


def _memory(n: int) -> str:
    """The same of bytes, in powers of 1024.

    >>> [_memory(n) for n in (0, 512, 1536, 3 << 30)]
    ['', '512 B', '1.50 KiB', '3.00 GiB']
    """
    return _scaled(n, 1024, (" B", " KiB", " MiB", " GiB", " TiB", " PiB"))


def _scaled(n: int, base: int, units: tuple[str, ...]) -> str:
    if n < base:
        return f"{n}{units[0]}" if n else ""
    value, unit = float(n), 0
    while value >= base - 0.5 and unit < len(units) - 1:
        value, unit = value / base, unit + 1
    digits = max(0, 3 - len(str(int(value))))
    return f"{value:.{digits}f}{units[unit]}"
