"""Losses, as functions and as layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .harness import Case, In, Layer, Program, idx, pos

F = "nn.functional."
X, Y = In(3, 4), In(3, 4)
SHARES = In(3, 4, low=0.05, high=0.95)
CLASSES, IGNORED = idx([1, 3, 0]), idx([1, -100, 0])
SIGNS = In(values=[1.0, -1.0, 1.0])
SIGN_ROWS = In(values=np.where(np.arange(12).reshape(3, 4) % 3, 1.0, -1.0))
MANY = In(values=(np.arange(12).reshape(3, 4) % 3 == 0).astype(float))
TARGETS = idx([[2, 0, -1, 1], [-1, 0, 1, 2], [0, 1, 2, 3]])
W4 = pos(4)
REDUCTIONS: list[dict[str, Any]] = [{}, {"reduction": "sum"}, {"reduction": "none"}]
# function, layer, inputs, options beyond the reduction
LOSSES: list[tuple[str, str, list[Any], list[dict[str, Any]]]] = [
    ("mse_loss", "MSELoss", [X, Y], [{}]),
    ("l1_loss", "L1Loss", [X, Y], [{}]),
    ("smooth_l1_loss", "SmoothL1Loss", [X, Y], [{}, {"beta": 0.3}]),
    ("huber_loss", "HuberLoss", [X, Y], [{}, {"delta": 0.3}]),
    ("soft_margin_loss", "SoftMarginLoss", [X, SIGN_ROWS], [{}]),
    ("binary_cross_entropy", "BCELoss", [SHARES, SHARES], [{}]),
    ("binary_cross_entropy_with_logits", "BCEWithLogitsLoss", [X, SHARES], [{}]),
    ("kl_div", "KLDivLoss", [X, SHARES], [{}, {"log_target": True}]),
    ("poisson_nll_loss", "PoissonNLLLoss", [X, pos(3, 4)], [{}, {"log_input": False, "eps": 3.0}, {"full": True}]),
    ("gaussian_nll_loss", "GaussianNLLLoss", [X, Y, pos(3, 4)], [{}, {"full": True}, {"eps": 1.0}]),
    ("hinge_embedding_loss", "HingeEmbeddingLoss", [X, SIGN_ROWS], [{}, {"margin": 0.4}]),
    ("margin_ranking_loss", "MarginRankingLoss", [In(3), In(3), SIGNS], [{}, {"margin": 0.4}]),
    ("cosine_embedding_loss", "CosineEmbeddingLoss", [X, Y, SIGNS], [{}, {"margin": 0.4}]),
    ("triplet_margin_loss", "TripletMarginLoss", [X, Y, In(3, 4)], [{}, {"margin": 2.0, "p": 1.0}, {"swap": True}]),
    ("nll_loss", "NLLLoss", [X, CLASSES], [{}, {"ignore_index": 3}]),
    ("cross_entropy", "CrossEntropyLoss", [X, CLASSES], [{}, {"label_smoothing": 0.2}, {"ignore_index": 3}]),
    ("cross_entropy", "CrossEntropyLoss", [X, IGNORED], [{}]),
    ("cross_entropy", "CrossEntropyLoss", [X, SHARES], [{}, {"label_smoothing": 0.2}]),
    ("cross_entropy", "CrossEntropyLoss", [In(2, 3, 4), idx([[0, 1, 2, 2], [1, -100, 1, 0]])], [{}]),
    ("multi_margin_loss", "MultiMarginLoss", [X, CLASSES], [{}, {"p": 2, "margin": 0.5}]),
    ("multilabel_margin_loss", "MultiLabelMarginLoss", [X, TARGETS], [{}]),
    ("multilabel_soft_margin_loss", "MultiLabelSoftMarginLoss", [X, MANY], [{}]),
    ("triplet_margin_with_distance_loss", "TripletMarginWithDistanceLoss", [X, Y, In(3, 4)], [{}, {"swap": True}]),
]  # fmt: skip
# PyTorch has no second derivative of these.
ONCE = {"multilabel_margin_loss", "multi_margin_loss"}
WEIGHTED = [
    ("cross_entropy", [X, CLASSES]), ("cross_entropy", [X, IGNORED]), ("cross_entropy", [X, SHARES]),
    ("nll_loss", [X, CLASSES]), ("multi_margin_loss", [X, CLASSES]), ("multilabel_soft_margin_loss", [X, MANY]),
    ("binary_cross_entropy", [SHARES, MANY]), ("binary_cross_entropy_with_logits", [X, MANY]),
]  # fmt: skip


def ctc(m: Any, x: Any) -> Any:
    """CTC behind log_softmax, without which PyTorch's gradient has a further term."""
    lengths = m.tensor([5, 4]), m.tensor([2, 1])
    return m.nn.functional.ctc_loss(x.log_softmax(-1), m.tensor([[1, 2], [2, 0]]), *lengths)


def ctc_layer(m: Any, x: Any) -> Any:
    loss = m.nn.CTCLoss(blank=1, reduction="sum", zero_infinity=True)
    return loss(x.log_softmax(-1), m.tensor([[0, 2], [2, 0]]), m.tensor([5, 1]), m.tensor([2, 2]))


def adaptive(m: Any, x: Any, head: Any, inner: Any, outer: Any) -> Any:
    layer = m.nn.AdaptiveLogSoftmaxWithLoss(4, 6, [3], div_value=2.0).double()
    for p, w in zip(layer.parameters(), (head, inner, outer), strict=True):
        p.data = w.detach()
    output, loss = layer(x, m.tensor([0, 4, 5]))
    return output, loss, layer.log_prob(x), layer.predict(x)


CASES = [
    *[Case(F + f, *inputs, **o, **r, order=1 if f in ONCE else 2)
      for f, _, inputs, options in LOSSES for o in options for r in REDUCTIONS],
    *[Layer(f"nn.{layer}", inputs=inputs, **o, **r, order=1 if f in ONCE else 2)
      for f, layer, inputs, options in LOSSES for o in options for r in REDUCTIONS[:2]],
    *[Case(F + f, *inputs, weight=In(values=[0.5, 2.0, 1.0, 3.0]), **r) for f, inputs in WEIGHTED for r in REDUCTIONS],
    Case(f"{F}binary_cross_entropy_with_logits", X, MANY, pos_weight=In(values=[0.5, 2.0, 1.0, 3.0])),
    Case(f"{F}kl_div", X, SHARES, reduction="batchmean"), Case(f"{F}mse_loss", X, Y, weight=pos(3, 4)),
    *[Case(F + f, In(0, 4), In(0, 4)) for f in ("mse_loss", "l1_loss", "smooth_l1_loss")],
    Case(f"{F}cross_entropy", In(4), idx(2)), Case(f"{F}nll_loss", In(4), idx(2)),
    Case(f"{F}cross_entropy", In(0, 4), idx([])), Case(f"{F}cross_entropy", X, idx([-100] * 3), reduction="sum"),
    Program(f"{F}ctc_loss", ctc, In(5, 2, 3)), Program("nn.CTCLoss", ctc_layer, In(5, 2, 3)),
    Program("nn.AdaptiveLogSoftmaxWithLoss", adaptive, X, In(4, 4), In(2, 4), In(3, 2)),
]  # fmt: skip
