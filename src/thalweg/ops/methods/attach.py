"""All methods of Tensor together; ``install`` puts them on the class."""

from __future__ import annotations

from ...core.tensor import Tensor
from ...missing import mark_methods
from .. import shaping
from ..numpy_names import accept_numpy_names
from .binding import IN_PLACE, in_place
from .changes import InPlace
from .conversions import Conversions
from .functions import Functions
from .information import Information
from .operators import Operators

__all__ = ["TensorMethods", "install"]


class TensorMethods(Operators, Information, Conversions, InPlace, Functions):
    """What a Tensor can do. ``self`` is always a Tensor."""

    __slots__ = ()


def install() -> None:
    """Put every method on Tensor."""
    own = {"__module__", "__qualname__", "__doc__", "__slots__", "__dict__", "__weakref__"}
    for part in TensorMethods.__bases__:
        for name, method in vars(part).items():
            if method is IN_PLACE:
                setattr(Tensor, name, in_place(getattr(TensorMethods, name[:-1]), name))
            elif name not in own:
                setattr(Tensor, name, method)
    Tensor.stack = staticmethod(shaping.stack)  # type: ignore[attr-defined]
    accept_numpy_names({n: m for n, m in vars(Tensor).items() if not n.startswith("_")}, Tensor)
    mark_methods(Tensor)


install()
