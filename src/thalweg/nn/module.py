"""Module: the base of every layer and network."""

from __future__ import annotations

from typing import Any

__all__ = ["Module"]


class Module:
    """The base of every layer and network."""

    def __init__(self) -> None:
        self.training = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The output."""
        raise NotImplementedError
