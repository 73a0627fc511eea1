"""Losses with a margin, as modules: the functions of ``nn.functional`` with their options held as attributes."""

from __future__ import annotations

from collections.abc import Callable

from ..core.tensor import Tensor
from ..errors import ArgumentError, ShapeError
from .distance import PairwiseDistance
from .functional import margin_losses
from .losses import Loss, WeightedLoss

__all__ = [
    "CosineEmbeddingLoss",
    "HingeEmbeddingLoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]

Flag = bool | None


# -- two classes ------------------------------------------------------------------------------------------


class SoftMarginLoss(Loss):
    """log(1 + exp(-t x)) for targets of 1 or -1; see ``functional.soft_margin_loss``.

    input, target : (...)  ->  () or, with reduction "none", (...)

    >>> import thalweg as tw
    >>> tw.nn.SoftMarginLoss()(tw.tensor([0.0, -1000.0]), tw.tensor([1.0, 1.0]))
    tensor(500.3466)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return margin_losses.soft_margin_loss(input, target, reduction=self.reduction)


# -- pairs and triplets -----------------------------------------------------------------------------------


class MarginLoss(Loss):
    """A loss with a margin."""

    def __init__(
        self, margin: float = 0.0, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin


class HingeEmbeddingLoss(MarginLoss):
    """Distances of like pairs small, of unlike ones above the margin; see ``functional.hinge_embedding_loss``.

    input : (...), target : (...) of 1 and -1  ->  () or, with reduction "none", (...)

    >>> import thalweg as tw
    >>> tw.nn.HingeEmbeddingLoss()(tw.tensor([0.25, 0.25, 2.0]), tw.tensor([1, -1, -1]))
    tensor(0.3333)
    """

    def __init__(
        self, margin: float = 1.0, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean"
    ) -> None:
        super().__init__(margin, size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return margin_losses.hinge_embedding_loss(input, target, self.margin, reduction=self.reduction)


class MarginRankingLoss(MarginLoss):
    """Which of two inputs ranks higher; see ``functional.margin_ranking_loss``.

    input1, input2 : (...), target : (...) of 1 and -1  ->  () or, with reduction "none", (...)

    >>> import thalweg as tw
    >>> tw.nn.MarginRankingLoss()(tw.tensor([1.0, 1.0]), tw.tensor([3.0, 0.0]), tw.tensor([1, 1]))
    tensor(1.)
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return margin_losses.margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)


class CosineEmbeddingLoss(MarginLoss):
    """The cosine of like pairs near 1, of unlike ones below the margin; see ``functional.cosine_embedding_loss``.

    input1, input2 : (N, D) or (D), target : (N) or () of 1 and -1  ->  () or, with reduction "none", (N)

    >>> import thalweg as tw
    >>> x1, x2 = tw.tensor([[1.0, 0.0], [3.0, 4.0]]), tw.tensor([[0.0, 2.0], [3.0, 4.0]])
    >>> tw.nn.CosineEmbeddingLoss(margin=0.5)(x1, x2, tw.tensor([1, -1]))
    tensor(0.7500)
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return margin_losses.cosine_embedding_loss(input1, input2, target, self.margin, reduction=self.reduction)


class TripletMarginLoss(MarginLoss):
    """The anchor nearer to the positive than to the negative; see ``functional.triplet_margin_loss``.

    anchor, positive, negative : (N, D) or (D)  ->  () or, with reduction "none", (N)

    Raises:
        ArgumentError: the margin is not positive.

    >>> import thalweg as tw
    >>> a, p, n = tw.tensor([[0.0, 0.0]]), tw.tensor([[3.0, 4.0]]), tw.tensor([[0.0, 5.5]])
    >>> tw.nn.TripletMarginLoss()(a, p, n)
    tensor(0.5000)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: Flag = None,
        reduce: Flag = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(margin, size_average, reduce, reduction)
        if margin <= 0:
            raise ArgumentError(f"TripletMarginLoss: margin must be greater than 0, got {margin}")
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """The loss."""
        return margin_losses.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, reduction=self.reduction
        )


class TripletMarginWithDistanceLoss(Loss):
    """``TripletMarginLoss`` with any distance; see ``functional.triplet_margin_with_distance_loss``.

    anchor, positive, negative : (N, ...)  ->  () or, with reduction "none", what the distance gives

    Raises:
        ArgumentError: the margin is not positive.
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if margin <= 0:
            raise ArgumentError(f"TripletMarginWithDistanceLoss: margin must be greater than 0, got {margin}")
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """The loss."""
        return margin_losses.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=self.distance_function, margin=self.margin, swap=self.swap,
            reduction=self.reduction,
        )  # fmt: skip


# -- many classes ----------------------------------------------------------------------------------------------


class MultiMarginLoss(WeightedLoss):
    """The hinge loss of many classes; see ``functional.multi_margin_loss``.

    input : (N, C) or (C), target : (N) or ()  ->  () or, with reduction "none", (N)

    Raises:
        ArgumentError: p is neither 1 nor 2.
        ShapeError: the weight is not one-dimensional.

    >>> import thalweg as tw
    >>> tw.nn.MultiMarginLoss()(tw.tensor([[0.1, 0.2, 0.4, 0.8]]), tw.tensor([3]))
    tensor(0.3250)
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: Flag = None,
        reduce: Flag = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ArgumentError(f"MultiMarginLoss: p must be 1 or 2, got {p}")
        if weight is not None and weight.ndim != 1:
            raise ShapeError(
                f"MultiMarginLoss: the weight must hold one number for each class, got shape {tuple(weight.shape)}"
            )
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return margin_losses.multi_margin_loss(
            input, target, self.p, self.margin, self.weight, reduction=self.reduction
        )


class MultiLabelMarginLoss(Loss):
    """The hinge loss of several right classes; see ``functional.multilabel_margin_loss``.

    input : (N, C) or (C), target : the same shape, class indices up to the first -1
    ->  () or, with reduction "none", (N)

    >>> import thalweg as tw
    >>> tw.nn.MultiLabelMarginLoss()(tw.tensor([[0.1, 0.2, 0.4, 0.8]]), tw.tensor([[3, 0, -1, 1]]))
    tensor(0.8500)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return margin_losses.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(WeightedLoss):
    """The binary cross-entropy of logits over classes; see ``functional.multilabel_soft_margin_loss``.

    input, target : (N, C)  ->  () or, with reduction "none", (N)

    >>> import thalweg as tw
    >>> tw.nn.MultiLabelSoftMarginLoss()(tw.tensor([[0.0, 2.0]]), tw.tensor([[1.0, 0.0]]))
    tensor(1.4100)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return margin_losses.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)
