"""The public functions that rearrange, join, split, select and write elements."""

from __future__ import annotations

from . import diagonals, joining, reshaping, scattering, selecting
from .diagonals import *  # noqa: F403
from .joining import *  # noqa: F403
from .joining import narrow_copy as narrow_copy
from .reshaping import *  # noqa: F403
from .reshaping import expand as expand
from .reshaping import repeat as repeat
from .reshaping import sizes_of as sizes_of
from .reshaping import stride as stride
from .reshaping import sum_to_size as sum_to_size
from .reshaping import unfold as unfold
from .reshaping import view as view
from .scattering import *  # noqa: F403
from .selecting import *  # noqa: F403
from .selecting import where_ as where_

__all__: list[str] = []
for _module in (diagonals, joining, reshaping, scattering, selecting):
    __all__ += _module.__all__
