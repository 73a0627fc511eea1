"""PyTorch's public names, for what thalweg says of those that it has not: ``python -m tests.oracle.torch_names``.

It writes src/thalweg/torch_names.json and torch_methods.txt from the installed PyTorch; only names are taken.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = Path(__file__).parents[2] / "src" / "thalweg"
SPACES = (
    "", "Tensor", "amp", "autograd", "autograd.functional", "backends", "cuda", "distributed", "distributions", "func",
    "jit", "linalg", "nn", "nn.functional", "nn.init", "nn.parallel", "nn.utils", "nn.utils.parametrizations",
    "nn.utils.parametrize", "nn.utils.rnn", "optim", "optim.lr_scheduler", "optim.swa_utils", "random", "special",
    "testing", "utils", "utils.data",
)  # fmt: skip
_HELPERS = ("BroadcastingList1", "BroadcastingList2", "BroadcastingList3", "OpaqueBase", "bind")
_TYPING = ("typing", "typing_extensions", "__future__")


def owner_of(space: str) -> Any:
    import torch

    try:
        return importlib.import_module(f"torch.{space}") if space else torch
    except ImportError:
        return functools.reduce(getattr, space.split("."), torch)


def is_public(owner: Any, name: str) -> bool:
    """Whether the name is PyTorch's own, and not one of the modules and helpers that it imports."""
    if name.startswith("_"):
        return False
    if name == "Tensor" and owner.__name__ != "torch":
        return False  # imported for annotations
    if name in getattr(owner, "__all__", ()):
        return True
    value = inspect.getattr_static(owner, name)
    if isinstance(value, ModuleType):
        return value.__name__.startswith("torch.")
    home = getattr(value, "__module__", None) or "torch"
    return home.startswith("torch") and name not in _HELPERS and type(value).__module__ not in _TYPING


def documented(owner: Any, name: str) -> bool:
    value = inspect.getattr_static(owner, name)
    value = getattr(owner, name, value) if not isinstance(value, property) else value
    internal = any(part in name for part in ("cudnn", "miopen", "mkldnn", "fbgemm", "fake_quantize", "sym_"))
    return not internal and (isinstance(value, ModuleType) or bool(getattr(value, "__doc__", None)))


def collect() -> dict[str, Any]:
    """All names by space, those with a docstring apart."""
    import torch

    spaces = {}
    for space in SPACES:
        owner = owner_of(space)
        names = [name for name in sorted(dir(owner)) if is_public(owner, name)]
        spaces[space] = {
            "documented": [n for n in names if documented(owner, n)],
            "other": [n for n in names if not documented(owner, n)],
        }
    return {"version": torch.__version__.partition("+")[0], "spaces": spaces}


def main() -> None:
    data = collect()
    (PACKAGE / "torch_names.json").write_text(json.dumps(data, indent=0) + "\n", encoding="utf-8")
    methods = data["spaces"]["Tensor"]
    names = sorted(methods["documented"] + methods["other"])
    (PACKAGE / "torch_methods.txt").write_text("\n".join(names) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
