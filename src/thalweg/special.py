"""Special functions, under the names of ``torch.special``."""

from __future__ import annotations

from .ops.bessel import i0, i0e, i1, i1e
from .ops.elementwise import erf, expm1, log1p
from .ops.elementwise import sigmoid as expit
from .ops.gamma import lgamma as gammaln
from .ops.gamma import zeta
from .ops.normal_curve import erfc, erfcx, erfinv, ndtri
from .ops.pointwise import digamma, exp2, logit, polygamma, round, sinc, xlogy
from .ops.pointwise import digamma as psi
from .ops.pointwise import mvlgamma as multigammaln
from .ops.reductions import logsumexp
from .ops.special_functions import entr, log_ndtr, log_softmax, ndtr, softmax, xlog1py

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammaln", "i0", "i0e", "i1",
    "i1e", "log1p", "log_ndtr", "log_softmax", "logit", "logsumexp", "multigammaln", "ndtr", "ndtri", "polygamma",
    "psi", "round", "sinc", "softmax", "xlog1py", "xlogy", "zeta",
]  # fmt: skip
