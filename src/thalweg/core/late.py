"""Names of a package that are imported when they are first used, so that importing the package stays quick."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["LateNames"]


class LateNames:
    """What a package takes for its ``__getattr__`` and ``__dir__``.

    Args:
        package: its name.
        homes: the names by the module in the package that has them.

    >>> late = LateNames("thalweg.core", {"structure": ("leaves",)})
    >>> list(late.get("leaves")([1, [2, 3]]))
    [1, 2, 3]
    """

    def __init__(self, package: str, homes: Mapping[str, Sequence[str]]) -> None:
        self.package = package
        self.homes = {name: home for home, names in homes.items() for name in names}

    def get(self, name: str) -> Any:
        """The package's ``__getattr__``: import what has the name, and keep it in the package.

        Raises:
            AttributeError: the package has no such name.
        """
        if name not in self.homes:
            raise AttributeError(f"module {self.package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{self.package}.{self.homes[name]}"), name)
        setattr(sys.modules[self.package], name, value)
        return value

    def names(self) -> list[str]:
        """The package's ``__dir__``."""
        held = vars(sys.modules[self.package])
        return sorted({*held, *held["__all__"]})
