"""The public functions that compute: elementwise, comparisons, reductions, order, products, matrices."""

from __future__ import annotations

from . import comparing, contraction, counting, pointwise, products, reductions, scans, sorting
from .bessel import i0
from .comparing import *  # noqa: F403
from .contraction import *  # noqa: F403
from .counting import *  # noqa: F403
from .factoring import cholesky, cholesky_inverse, cholesky_solve, qr, svd
from .matrix_functions import det, logdet, matrix_exp, matrix_power, slogdet
from .normal_curve import erfc, erfinv
from .pointwise import *  # noqa: F403
from .products import *  # noqa: F403
from .reductions import *  # noqa: F403
from .scans import *  # noqa: F403
from .solving import inverse, pinverse, triangular_solve
from .sorting import *  # noqa: F403

__all__ = [
    "cholesky", "cholesky_inverse", "cholesky_solve", "det", "erfc", "erfinv", "i0", "inverse", "logdet",
    "matrix_exp", "matrix_power", "pinverse", "qr", "slogdet", "svd", "triangular_solve",
]  # fmt: skip
for _module in (comparing, contraction, counting, pointwise, products, reductions, scans, sorting):
    __all__ += _module.__all__
