"""thalweg: neural networks by gradient descent, on the CPU, in pure Python.

PyTorch's names and meaning; NumPy computes eagerly, ``compile`` makes native code. See
https://en.wikipedia.org/wiki/Thalweg for the name.
"""

from __future__ import annotations

import sys as _sys
from math import e, inf, nan, pi

from . import (
    accelerator,
    amp,
    autograd,
    backends,
    cuda,
    distributed,
    distributions,
    func,
    games,
    io,
    jit,
    linalg,
    mps,
    multiprocessing,
    nn,
    optim,
    random,
    serialization,
    special,
    testing,
    types,
    utils,
    version,
    viz,
    xpu,
)
from .amp import autocast, is_autocast_available
from .autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled, set_anomaly_enabled
from .compiler import compile
from .core import device as _device
from .core import dtypes as _dtypes
from .core import layouts as _layouts
from .core import modes as _modes
from .core import parallel as _parallel
from .core import settings as _settings
from .core.device import *
from .core.dtypes import *
from .core.dtypes import bool_ as bool
from .core.dtypes import float16 as half
from .core.dtypes import float32 as float
from .core.dtypes import float64 as double
from .core.dtypes import int16 as short
from .core.dtypes import int32 as int
from .core.dtypes import int64 as long
from .core.layouts import *
from .core.modes import *
from .core.parallel import *
from .core.settings import *
from .core.tensor import Size, Tensor
from .io.saving import load, save
from .missing import explain_missing_names as _explain_missing_names
from .nn.functional import everywhere as _everywhere
from .nn.functional.everywhere import *
from .ops import complex_numbers as _complex_numbers
from .ops import creation as _creation
from .ops import drawing as _drawing
from .ops import functions as _functions
from .ops import in_place_functions as _in_place_functions
from .ops import legacy as _legacy
from .ops import queries as _queries
from .ops import random as _random
from .ops import shaping as _shaping
from .ops import signal_windows as _signal_windows
from .ops.complex_numbers import *
from .ops.creation import *
from .ops.drawing import *
from .ops.elementwise import abs_ as abs
from .ops.elementwise import (
    atan2,
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
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
    hypot,
    isfinite,
    isinf,
    isnan,
    le,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
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
    signbit,
    sin,
    sqrt,
    tanh,
    trunc,
)
from .ops.elementwise import pow_ as pow
from .ops.functions import *
from .ops.in_place_functions import *
from .ops.legacy import *
from .ops.numpy_names import accept_numpy_names as _accept_numpy_names
from .ops.printing import set_printoptions
from .ops.queries import *
from .ops.random import *
from .ops.shaping import *
from .ops.shaping import where_ as where
from .ops.signal_windows import *
from .optim import minimize
from .transforms.vmap import vmap
from .version import __version__

__all__ = [
    "Size",
    "Tensor",
    "__version__",
    "abs",
    "accelerator",
    "amp",
    "atan2",
    "autocast",
    "autograd",
    "backends",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "bool",
    "ceil",
    "compile",
    "cos",
    "cuda",
    "distributed",
    "distributions",
    "double",
    "e",
    "eq",
    "erf",
    "exp",
    "expm1",
    "float",
    "floor",
    "floor_divide",
    "fmod",
    "func",
    "games",
    "ge",
    "gt",
    "half",
    "hypot",
    "inf",
    "int",
    "io",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_autocast_available",
    "isfinite",
    "isinf",
    "isnan",
    "jit",
    "le",
    "linalg",
    "load",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "long",
    "lt",
    "maximum",
    "minimize",
    "minimum",
    "mps",
    "mul",
    "multiprocessing",
    "nan",
    "ne",
    "neg",
    "nn",
    "optim",
    "pi",
    "pow",
    "random",
    "reciprocal",
    "relu",
    "remainder",
    "rsqrt",
    "save",
    "serialization",
    "set_anomaly_enabled",
    "set_printoptions",
    "short",
    "sigmoid",
    "sign",
    "signbit",
    "sin",
    "special",
    "sqrt",
    "tanh",
    "testing",
    "trunc",
    "types",
    "utils",
    "version",
    "viz",
    "vmap",
    "where",
    "xpu",
]  # fmt: skip
__all__ += _device.__all__
__all__ += _layouts.__all__
__all__ += _dtypes.__all__
__all__ += _modes.__all__
__all__ += _parallel.__all__
__all__ += _everywhere.__all__
__all__ += _complex_numbers.__all__
__all__ += _creation.__all__
__all__ += _drawing.__all__
__all__ += _functions.__all__
__all__ += _in_place_functions.__all__
__all__ += _legacy.__all__
__all__ += _queries.__all__
__all__ += _settings.__all__
__all__ += _random.__all__
__all__ += _shaping.__all__
__all__ += _signal_windows.__all__

_accept_numpy_names({n: globals()[n] for n in __all__}, _sys.modules[__name__])
_explain_missing_names()
