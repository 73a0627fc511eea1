"""How tensors print: as PyTorch's do."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import BOOL, INT64, default_float
from ..core.tape import LEAF
from ..core.tensor import Tensor
from ..errors import ThalwegError

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
            raise ThalwegError(f"set_printoptions: profile must be one of {', '.join(profiles)}, not {profile!r}")
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
    body = _body(value, len("tensor("))
    return f"{name}({', '.join([body, *notes])})"


def _body(value: Any, indent: int) -> str:
    if not value.size:
        return "[]"
    kind = value.dtype.kind
    formatter: Any = {"float": _number_format(value)} if kind == "f" else {"bool": str} if kind == "b" else None
    with np.printoptions(
        threshold=_options["threshold"],
        edgeitems=_options["edgeitems"],
        linewidth=_options["linewidth"],
        formatter=formatter,
    ):
        return np.array2string(value, separator=", ", prefix=" " * indent)


def _number_format(value: Any) -> Any:
    """One format for all elements: whole numbers as "1.", else fixed or scientific, padded to one width."""
    finite = np.abs(value[np.isfinite(value)].astype(np.float64))
    nonzero = finite[finite > 0]
    digits = _options["precision"]
    whole = bool(np.all(finite == np.floor(finite)))
    wide = bool(nonzero.size) and (
        nonzero.max() > 1e8 or (not whole and (nonzero.min() < 1e-4 or nonzero.max() / nonzero.min() > 1000))
    )
    scientific = wide if _options["sci_mode"] is None else _options["sci_mode"]
    spec = f".{digits}e" if scientific else ".0f" if whole else f".{digits}f"
    suffix = "." if whole and not scientific else ""

    texts = _texts(value, spec, suffix)
    width = max(map(len, texts))
    return _Padded(spec, suffix, width)


def _texts(value: Any, spec: str, suffix: str) -> list[str]:
    flat = value.reshape(-1)
    if flat.size > _options["threshold"]:
        n = _options["edgeitems"] ** max(value.ndim, 1) * 4
        flat = np.concatenate([flat[:n], flat[-n:]])
    return [_text(v, spec, suffix) for v in flat]


def _text(v: Any, spec: str, suffix: str) -> str:
    return format(float(v), spec) + suffix if np.isfinite(v) else format(float(v), "f")


class _Padded:
    """Formats one number, right-aligned."""

    def __init__(self, spec: str, suffix: str, width: int) -> None:
        self.spec, self.suffix, self.width = spec, suffix, width

    def __call__(self, v: Any) -> str:
        return _text(v, self.spec, self.suffix).rjust(self.width)
