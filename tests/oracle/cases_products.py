"""Products and linear algebra beside PyTorch's."""

from __future__ import annotations

import numpy as np

from .harness import Case, In

INF = float("inf")
X, V, S, B3 = In(3, 4), In(5), In(), In(2, 3, 4)
SQ, BSQ = In(3, 3), In(2, 3, 3)
A23 = In(2, 3)
TALL, WIDE = In(4, 3), In(2, 4)
LOWER = In(values=np.array([[1.5, 0.3, 0.2], [0.5, 2.0, -0.7], [-1.0, 0.4, 0.8]]))
SINGULAR = In(values=np.array([[1.0, 2.0], [2.0, 4.0]]))
EQUATIONS = [
    ("ij,jk->ik", (3, 4), (4, 2)), ("ij,jk", (3, 4), (4, 2)), ("ij->ji", (3, 4)), ("ij->", (3, 4)), ("ij->j", (3, 4)),
    ("ii->i", (3, 3)), ("ii", (3, 3)), ("ba", (3, 4)), ("i,i->", (4,), (4,)), ("i,j->ij", (3,), (4,)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)), ("bhid,bhjd->bhij", (2, 2, 3, 4), (2, 2, 5, 4)), ("ij,ij->i", (3, 4),
      (3, 4)),
    ("...ij,...jk->...ik", (2, 3, 4), (4, 5)), ("...i,...i", (2, 3, 4), (4,)), ("i...->...", (3, 4, 2)),
    ("...ij->...ji", (2, 3, 4)), ("ij,jk,kl->il", (3, 4), (4, 2), (2, 5)), ("ij,kj,kl,lm->im", (2, 3), (4, 3),
      (4, 2), (2, 5)),
    ("iij,jkk->ik", (3, 3, 2), (2, 4, 4)), ("ij,k->kji", (2, 3), (4,)), ("ij,->ij", (2, 3), ()), ("i,i,i->i", (3,),
      (3,), (3,)),
    ("ijk,ilm,njm,nlk,abc->", (2, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2)), ("ij,jk->k", (3, 4), (4, 2)),
    ("bn,anm,bm->ba", (2, 3), (5, 3, 4), (2, 4)), ("ij,ij->", (1, 4), (3, 4)), ("Ab,bC->CA", (2, 3), (3, 4)),
    ("b...,b...->...b", (2, 3, 4), (2, 1, 4)), ("ij , jk -> ik", (2, 0), (0, 3)),
]  # fmt: skip

CASES = [
    *[Case("einsum", e, *(In(*s) for s in shapes), only="function") for e, *shapes in EQUATIONS],
    Case("einsum", "ij,jk->ik", [X, In(4, 2)], only="function"),
    Case("einsum", X, [0, 1], In(4, 2), [1, 2], [0, 2], only="function"),
    Case("einsum", X, [0, 1], In(4, 2), [1, 2], only="function"),
    Case("einsum", X, [..., 0], [0, ...], only="function"),
    Case("inner", V, In(5)), Case("inner", X, In(2, 4)), Case("inner", B3, In(4)), Case("inner", S, X),
    Case("ger", V, In(3)),
    Case("vdot", V, In(5)),
    *[Case("tensordot", a, b, d, only="function") for a, b, d in (
        (X, In(4, 2), 1), (B3, In(4, 3, 5), ([1, 2], [1, 0])), (V, In(3), 0), (B3, B3, 3), (X, In(3, 2), ([0], [0])))],
    Case("tensordot", X, In(4, 2), dims=1, only="function"),
    *[Case("kron", a, b, memory_orders=False) for a, b in ((X, In(2, 2)), (V, In(3)), (X, V), (S, X), (B3, In(2, 2)))],
    Case("trace", X), Case("trace", SQ), Case("cross", In(3, 4), In(3, 4), 0),
    Case("cross", In(4, 3), In(4, 3), dim=1), Case("linalg.cross", In(4, 3), In(1, 3)), Case("linalg.cross", X,
      In(3, 4), dim=0),
    Case("addmv", In(3), X, In(4)), Case("addmv", In(3), X, In(4), beta=0.5, alpha=2), Case("addr", X, In(3), In(4)),
    Case("addr", X, In(3), In(4), beta=2, alpha=-1), Case("baddbmm", In(2, 3, 5), B3, In(2, 4, 5), beta=0.3, alpha=2),
    Case("baddbmm", In(3, 5), B3, In(2, 4, 5)), Case("addbmm", In(3, 5), B3, In(2, 4, 5), beta=0.3, alpha=2),
    Case("addmm", In(3, 2), X, In(4, 2), beta=0), Case("addmm", In(values=np.full((3, 2), np.nan)), X,
      In(4, 2), beta=0),
    *[Case("cdist", In(3, 4), In(2, 4), p, only="function", order=o) for p, o in ((2.0, 1), (1.0, 1), (0.0, 0),
      (3.0, 1), (INF, 1), (1.5, 1))],
    Case("cdist", In(2, 3, 4), In(5, 4), only="function", order=1), Case("cdist", In(0, 4),
      In(2, 4), only="function", order=1),
    Case("linalg.multi_dot", [In(2, 3), In(3, 4), In(4, 2), In(2, 5)]), Case("linalg.multi_dot", [In(3), In(3, 4),
      In(4)]),
    Case("linalg.vecdot", X, In(3, 4)), Case("linalg.vecdot", X, In(4)), Case("linalg.vecdot", X, In(3, 4), dim=0),
    Case("linalg.matmul", X, In(4)), Case("linalg.diagonal", B3), Case("linalg.diagonal", B3, offset=1, dim1=0, dim2=1),
    *[Case("pdist", In(4, 3), p, only="function", order=1) for p in (2.0, 1.0, 3.0, INF)],
    *[Case("nn.functional.pdist", In(4, 3), only="function", order=1)],
    # systems
    *[Case("linalg.inv", x) for x in (SQ, BSQ, In(0, 3, 3))], Case("inverse", SQ), Case("linalg.inv_ex", SQ),
    Case("linalg.inv_ex", In(3, 3)), Case("linalg.tensorinv", In(2, 3, 6), 2), Case("linalg.tensorinv",
      In(6, 2, 3), ind=1),
    Case("linalg.tensorsolve", In(2, 3, 6), In(2, 3)), Case("linalg.tensorsolve", In(2, 6, 3), In(2, 3), dims=(1,)),
    *[Case("linalg.solve", a, b) for a, b in (
        (SQ, In(3)), (SQ, In(3, 2)), (BSQ, In(2, 3)), (BSQ, In(2, 3, 4)), (BSQ, In(3, 4)), (SQ, In(2, 3, 1)))],
    Case("linalg.solve", SQ, In(2, 3), left=False), Case("linalg.solve_ex", SQ, In(3, 2)),
    *[Case("linalg.solve_triangular", a, b, upper=u, unitriangular=t) for a, b in ((SQ, In(3, 2)), (BSQ, In(3, 2)))
      for u in (True, False) for t in (True, False)],
    Case("linalg.solve_triangular", SQ, In(2, 3), upper=True, left=False),
    Case("linalg.solve_triangular", In(values=np.diag([1.0, 0.0])), In(2, 1), upper=True, order=0),
    *[Case("linalg.pinv", x) for x in (TALL, WIDE, SQ, BSQ)], Case("pinverse", TALL), Case("linalg.pinv", SINGULAR),
    Case("linalg.pinv", TALL, rtol=0.1, order=1), Case("linalg.pinv", TALL, atol=0.2, order=1),
    Case("linalg.lstsq", TALL, In(4, 2)), Case("linalg.lstsq", TALL, In(4, 2), driver="gelsd"),
    Case("linalg.lstsq", BSQ, In(2, 3, 1)),
    # determinants
    *[Case(n, x) for n in ("det", "linalg.det") for x in (SQ, BSQ, In(1, 1), In(0, 0))], Case("det", SINGULAR),
    *[Case(n, x) for n in ("slogdet", "linalg.slogdet") for x in (SQ, BSQ)],
    Case("logdet", In(values=np.array([[2.0, 0.5], [0.3, 1.0]]))), Case("logdet", In(values=-np.eye(3))),
    Case("logdet", SINGULAR),
    # functions
    *[Case(n, x, k) for n in ("matrix_power", "linalg.matrix_power") for x in (SQ, BSQ)
      for k in (0, 1, 2, 3, 5, -1, -2)],
    *[Case(n, x) for n in ("matrix_exp", "linalg.matrix_exp") for x in (SQ, BSQ, In(3, 3, low=-8, high=8))],
    Case("linalg.matrix_exp", In(values=np.zeros((2, 2)))), Case("linalg.matrix_exp", In(1, 1)),
    *[Case("linalg.matrix_rank", x) for x in (TALL, WIDE, BSQ, SINGULAR)], Case("linalg.matrix_rank", TALL, atol=1.0),
    Case("linalg.matrix_rank", TALL, rtol=0.5), Case("linalg.matrix_rank", TALL, tol=2.0),
    *[Case("linalg.cond", x, *a, order=0) for x in (SQ, BSQ) for a in ((), (2,), (-2,), ("fro",), (1,), (INF,),
      ("nuc",))],
    # norms
    *[Case("linalg.vector_norm", X, p, **a) for p in (0, 1, 2, 3, 0.5, INF, -INF, -1)
      for a in ({}, {"dim": 1}, {"dim": (0, 1), "keepdim": True})],
    *[Case("linalg.matrix_norm", x, p, order=1) for x in (X, B3) for p in ("fro", "nuc", 1, -1, 2, -2, INF, -INF)],
    Case("linalg.matrix_norm", B3, dim=(0, 2), keepdim=True), Case("linalg.matrix_norm", B3, 1, dim=(0, 1)),
    *[Case("linalg.norm", X, **a, order=1)
      for a in ({}, {"ord": 2}, {"ord": "fro"}, {"dim": 1}, {"dim": (0, 1)}, {"ord": 1,
        "dim": (0, 1)}, {"keepdim": True})],
    Case("linalg.norm", V, 3), Case("linalg.norm", B3), Case("linalg.norm", B3, "nuc", (0, 1), order=1),
    *[Case("linalg.svdvals", x) for x in (TALL, WIDE, BSQ)],
    *[Case("linalg.qr", x) for x in (TALL, SQ, In(2, 4, 3))],
    Case("linalg.qr", WIDE), Case("linalg.qr", TALL, "r", order=0), Case("linalg.qr", SQ, mode="complete"),
    Case("linalg.cholesky", In(values=np.array([[4.0, 2.0], [2.0, 5.0]]))),
    Case("linalg.cholesky", In(values=np.array([[4.0, 2.0], [2.0, 5.0]])), upper=True),
    Case("linalg.cholesky_ex", In(values=np.array([[4.0, 2.0], [2.0, 5.0]]))),
    *[Case("cholesky_solve", In(3, 2), LOWER, u) for u in (False, True)], Case("cholesky_inverse", LOWER),
    Case("cholesky_inverse", LOWER, upper=True),
    Case("linalg.eigvalsh", In(values=np.array([[2.0, 0.5], [0.5, -1.0]]))), Case("linalg.eigvalsh", SQ, order=1),
]  # fmt: skip
