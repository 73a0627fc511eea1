"""Linear algebra, under the names of ``torch.linalg``. Matrices are the last two axes, all others are batches."""

from __future__ import annotations

from .errors import LinAlgError
from .ops.factoring import cholesky_ex, eigh, eigvalsh, svdvals
from .ops.factoring import complete_qr as qr
from .ops.factoring import full_svd as svd
from .ops.factoring import linalg_cholesky as cholesky
from .ops.matrix_functions import det, matrix_exp, matrix_power, matrix_rank, multi_dot, slogdet, vecdot
from .ops.matrix_functions import last_diagonal as diagonal
from .ops.matrix_functions import linalg_cross as cross
from .ops.matrix_functions import linalg_vander as vander
from .ops.matrix_norms import cond, matrix_norm, vector_norm
from .ops.matrix_norms import linalg_norm as norm
from .ops.products import matmul
from .ops.solving import inv, inv_ex, lstsq, pinv, solve, solve_ex, solve_triangular, tensorinv, tensorsolve

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "inv_ex",
    "lstsq", "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr",
    "slogdet", "solve", "solve_ex", "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander",
    "vecdot", "vector_norm",
]  # fmt: skip
