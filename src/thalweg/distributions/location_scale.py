"""What symmetric distributions with a place and a width have in common."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from .distribution import Distribution, as_tensors, require

__all__ = ["LocationScale"]


class LocationScale(Distribution):
    """A distribution that is symmetric round ``loc`` and as wide as ``scale``.

    Raises:
        ArgumentError: a scale is not positive.
    """

    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = as_tensors(loc, scale)
        if validate_args is not False:
            require(self.scale > 0, f"{type(self).__name__}: scale must be positive everywhere")
        super().__init__(self.loc.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc
