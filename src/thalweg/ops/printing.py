"""How tensors print: as PyTorch's do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import BOOL, INT64, default_float
from ..core.tape import LEAF
from ..core.tensor import Tensor
from ..errors import ArgumentError

__all__ = ["format_tensor", "set_printoptions"]

_options: dict[str, Any] = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}


def set_printoptions(
    precision: int | None = None,
    threshold: int | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed; ``profile`` is "default", "short" or "full"."""
    if profile is not None:
        profiles = {
            "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
            "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
            "full": {"precision": 4, "threshold": 2**62, "edgeitems": 3, "linewidth": 80},
        }
        if profile not in profiles:
            raise ArgumentError(f"set_printoptions: profile must be one of {', '.join(profiles)}, not {profile!r}")
        _options.update(profiles[profile])
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    _options.update({k: v for k, v in given.items() if v is not None})
    _options["sci_mode"] = sci_mode


def format_tensor(x: Tensor) -> str:
    """The tensor as text: ``tensor([...])`` with dtype and history where they are not the usual ones."""
    value = x._value
    name = "Parameter containing:\ntensor" if type(x).__name__ == "Parameter" else "tensor"
    if not isinstance(value, np.ndarray):
        return f"{name}(<{value!r}>, shape={tuple(value.shape)}, dtype={value.dtype})"
    notes = []
    if not value.size and value.shape != (0,):
        notes.append(f"size={tuple(value.shape)}")
    if value.dtype not in (default_float(), INT64, BOOL) or (not value.size and value.dtype != default_float()):
        notes.append(f"dtype={x.dtype!r}")
    if x.requires_grad:
        notes.append("requires_grad=True" if x._node is LEAF else f"grad_fn=<{x._node.name()}>")
    return _with_notes(f"{name}({_body(value)}", notes)


_INDENT = len("tensor(")


def _with_notes(text: str, notes: list[str]) -> str:
    """The notes behind the numbers, on a new line where they don't fit."""
    column = len(text) - text.rfind("\n") + 1
    for note in notes:
        if column + len(note) + 2 > _options["linewidth"]:
            text += ",\n" + " " * _INDENT + note
            column = _INDENT + len(note)
        else:
            text += f", {note}"
            column += len(note) + 2
    return text + ")"


def _body(value: Any) -> str:
    if not value.size:
        return "[]"
    shorten = value.size > _options["threshold"]
    shown = value[np.ix_(*map(_ends, value.shape))] if shorten and value.ndim else value
    return _lines(value, _number_format(shown), shorten, _INDENT)


def _ends(n: int) -> Any:
    """The positions that are shown of an axis: all, or the first and last few."""
    edge = _options["edgeitems"]
    return np.arange(n) if n <= 2 * edge else np.r_[:edge, n - edge : n]


def _lines(value: Any, form: _Format, shorten: bool, indent: int) -> str:
    """The elements in nested brackets; a row is broken into lines of equally many elements."""
    if not value.ndim:
        return form.text(value.item())
    ends = _ends(len(value)) if shorten else range(len(value))
    if value.ndim == 1:
        parts = [form.text(v) for v in value[ends].tolist()] if shorten else [form.text(v) for v in value.tolist()]
        dots = " ..."
    else:
        parts = [_lines(value[i], form, shorten, indent + 1) for i in ends]
        dots = "..."
    if len(ends) < len(value):
        parts.insert(_options["edgeitems"], dots)
    margin = " " * (indent + 1)
    if value.ndim > 1:
        return "[" + ("," + "\n" * (value.ndim - 1) + margin).join(parts) + "]"
    fit = max((_options["linewidth"] - indent) // (form.width + 2), 1)
    rows = [", ".join(parts[i : i + fit]) for i in range(0, len(parts), fit)]
    return "[" + (",\n" + margin).join(rows) + "]"


class _Format:
    """How each element is written: a format specification, what follows whole numbers, and the common width."""

    def __init__(self, spec: str, suffix: str = "", width: int = 0) -> None:
        self.spec, self.suffix, self.width = spec, suffix, width

    def text(self, v: Any) -> str:
        """One element, right-aligned."""
        ending = self.suffix if self.suffix and math.isfinite(v) else ""
        return (format(v, self.spec) + ending).rjust(self.width)


def _number_format(value: Any) -> _Format:
    """One format for all elements: whole numbers as "1.", other floats fixed or scientific.

    Scientific is for numbers above 1e8, for a largest more than 1000 times the smallest, and for fractions below
    1e-4. The width is that of the longest finite number.
    """
    if value.dtype.kind != "f":
        texts = map(str, value.reshape(-1).tolist())
        return _Format("", width=max(map(len, texts)))
    numbers = value[np.isfinite(value) & (value != 0)].astype(np.float64)
    whole = bool(np.all(numbers == np.ceil(numbers)))
    high, low = (float(f(np.abs(numbers))) if numbers.size else 1.0 for f in (np.max, np.min))
    wide = high / low > 1000 or high > 1e8 or (not whole and low < 1e-4)
    scientific = wide if _options["sci_mode"] is None else _options["sci_mode"]
    spec = f".{_options['precision']}e" if scientific else ".0f" if whole else f".{_options['precision']}f"
    form = _Format(spec, "." if whole and not scientific else "")
    form.width = max((len(form.text(v)) for v in numbers.tolist()), default=1)
    return form
