"""thalweg: neural networks by gradient descent, on the CPU, in pure Python.

PyTorch's names and meaning; NumPy computes eagerly. See https://en.wikipedia.org/wiki/Thalweg for the name.
"""

from __future__ import annotations

from .core.dtypes import *  # noqa: F403
from .core.dtypes import bool_ as bool  # noqa: A004
from .core.dtypes import float16 as half
from .core.dtypes import float32 as float  # noqa: A004
from .core.dtypes import float64 as double
from .core.dtypes import int32 as int  # noqa: A004
from .core.dtypes import int64 as long
from .core.modes import *  # noqa: F403
from .core.tensor import Size, Tensor
from .ops.creation import *  # noqa: F403
from .ops.elementwise import (
    abs_ as abs,  # noqa: A004
)
from .ops.elementwise import (
    atan2,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    ceil,
    cos,
    eq,
    erf,
    exp,
    expm1,
    floor,
    floor_divide,
    fmod,
    ge,
    gt,
    isfinite,
    isinf,
    isnan,
    le,
    log,
    log1p,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    maximum,
    minimum,
    mul,
    ne,
    neg,
    reciprocal,
    relu,
    remainder,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sqrt,
    tanh,
    trunc,
)
from .ops.elementwise import pow_ as pow  # noqa: A004
from .ops.elementwise import round_ as round  # noqa: A004
from .ops.functions import *  # noqa: F403
from .ops.printing import set_printoptions
from .ops.random import *  # noqa: F403
from .ops.shaping import *  # noqa: F403
from .ops.shaping import where_ as where
from . import autograd, nn, optim, utils  # isort: skip
from .version import __version__
