"""Losses as modules: the functions of ``nn.functional`` with their options held as attributes."""

from __future__ import annotations

from typing import Any, ClassVar

from ..core.tensor import Tensor
from .functional import class_losses, losses
from .functional.ctc import ctc_loss
from .functional.reduction import REDUCTIONS, settle
from .module import Module

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
]

Flag = bool | None


class Loss(Module):
    """What the losses share: the reduction, "none", "mean" or "sum", checked once and early.

    Raises:
        ArgumentError: the reduction is none of these.
    """

    reductions: ClassVar[tuple[str, ...]] = REDUCTIONS

    def __init__(self, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = settle(type(self).__name__, reduction, size_average, reduce, self.reductions)


# -- distances --------------------------------------------------------------------------------------------


class MSELoss(Loss):
    """The squared difference; see ``functional.mse_loss``.

    input, target : (...)  ->  () or, with reduction "none", (...)

    >>> import thalweg as tw
    >>> tw.nn.MSELoss()(tw.tensor([1.0, 2.0]), tw.tensor([0.0, 4.0]))
    tensor(2.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return losses.mse_loss(input, target, None, None, self.reduction)


class L1Loss(Loss):
    """The absolute difference; see ``functional.l1_loss``.

    input, target : (...)  ->  () or, with reduction "none", (...)

    >>> import thalweg as tw
    >>> tw.nn.L1Loss(reduction="sum")(tw.tensor([1.0, 2.0]), tw.tensor([0.0, 4.0]))
    tensor(3.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return losses.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """Squared near 0 and absolute from ``beta`` on; see ``functional.smooth_l1_loss``.

    input, target : (...)  ->  () or, with reduction "none", (...)

    >>> import thalweg as tw
    >>> tw.nn.SmoothL1Loss()(tw.tensor([0.5, 3.0]), tw.zeros(2))
    tensor(1.3125)
    """

    def __init__(
        self, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean", beta: float = 1.0
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return losses.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """Squared near 0 and absolute from ``delta`` on; see ``functional.huber_loss``.

    input, target : (...)  ->  () or, with reduction "none", (...)

    >>> import thalweg as tw
    >>> tw.nn.HuberLoss(delta=2.0)(tw.tensor([0.5, 3.0]), tw.zeros(2))
    tensor(2.0625)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return losses.huber_loss(input, target, self.reduction, self.delta)


# -- classes ----------------------------------------------------------------------------------------------


class WeightedLoss(Loss):
    """A loss with a weight, which is a buffer: it moves and is saved with the module."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Flag = None,
        reduce: Flag = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class CrossEntropyLoss(WeightedLoss):
    """The cross-entropy of logits with class indices or probabilities; see ``functional.cross_entropy``.

    input : (C), (N, C) or (N, C, d1, ..., dk); target : the same without C (indices) or the same (probabilities)
    ->  () or, with reduction "none", the input's shape without C

    >>> import thalweg as tw
    >>> criterion = tw.nn.CrossEntropyLoss(label_smoothing=0.1)
    >>> criterion(tw.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), tw.tensor([0, 2]))
    tensor(0.9455)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Flag = None,
        ignore_index: int = -100,
        reduce: Flag = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return class_losses.cross_entropy(
            input, target, self.weight, None, self.ignore_index, None, self.reduction, self.label_smoothing
        )


class NLLLoss(WeightedLoss):
    """Minus the log-probability of the right class; see ``functional.nll_loss``.

    input : (C), (N, C) or (N, C, d1, ..., dk); target : the same without C
    ->  () or, with reduction "none", the target's shape

    >>> import thalweg as tw
    >>> logp = tw.log(tw.tensor([[0.25, 0.75], [0.5, 0.5]]))
    >>> tw.nn.NLLLoss()(logp, tw.tensor([1, 0]))
    tensor(0.4904)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Flag = None,
        ignore_index: int = -100,
        reduce: Flag = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return class_losses.nll_loss(
            input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


# -- probabilities ----------------------------------------------------------------------------------------


class BCELoss(WeightedLoss):
    """The binary cross-entropy of probabilities; see ``functional.binary_cross_entropy``.

    input, target : (...), each in [0, 1]  ->  () or, with reduction "none", (...)

    >>> import thalweg as tw
    >>> tw.nn.BCELoss()(tw.tensor([0.5, 0.25]), tw.tensor([1.0, 0.0]))
    tensor(0.4904)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return losses.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """The binary cross-entropy of logits; see ``functional.binary_cross_entropy_with_logits``.

    input, target : (...)  ->  () or, with reduction "none", (...)

    >>> import thalweg as tw
    >>> tw.nn.BCEWithLogitsLoss()(tw.tensor([0.0, 1000.0]), tw.tensor([1.0, 0.0]))
    tensor(500.3466)
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Flag = None,
        reduce: Flag = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return losses.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(Loss):
    """The Kullback-Leibler divergence of log-probabilities from probabilities; see ``functional.kl_div``.

    ``reduction="batchmean"`` is the divergence averaged over a batch.

    input, target : (...)  ->  () or, with reduction "none", (...)

    >>> import thalweg as tw
    >>> logp = tw.log(tw.tensor([[0.25, 0.75]]))
    >>> tw.nn.KLDivLoss(reduction="batchmean")(logp, tw.tensor([[0.5, 0.5]]))
    tensor(0.1438)
    """

    reductions = (*REDUCTIONS, "batchmean")

    def __init__(
        self, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean", log_target: bool = False
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return losses.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


# -- likelihoods ------------------------------------------------------------------------------------------


class PoissonNLLLoss(Loss):
    """Minus the log-likelihood of counts under a Poisson distribution; see ``functional.poisson_nll_loss``.

    log_input (the input, whatever the flag of that name says), target : (...)  ->  () or, with reduction "none", (...)

    >>> import thalweg as tw
    >>> tw.nn.PoissonNLLLoss()(tw.tensor([0.0, 1.0]), tw.tensor([3.0, 2.0]))
    tensor(0.8591)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: Flag = None,
        eps: float = 1e-8,
        reduce: Flag = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return losses.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(Loss):
    """Minus the log-likelihood under a normal distribution; see ``functional.gaussian_nll_loss``.

    input, target, var : (...)  ->  () or, with reduction "none", (...)

    >>> import thalweg as tw
    >>> tw.nn.GaussianNLLLoss()(tw.tensor([1.0, 2.0]), tw.tensor([1.0, 4.0]), tw.tensor([1.0, 4.0]))
    tensor(0.5966)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """The loss."""
        return losses.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class CTCLoss(Loss):
    """The loss of labels whose times are not known; see ``functional.ctc_loss``.

    log_probs : (T, n, C) or (T, C), targets : (n, S) or (all labels)  ->  () or, with reduction "none", (n)

    Raises:
        ShapeError: the shapes or lengths don't fit.

    >>> import thalweg as tw
    >>> p = tw.tensor([[0.25, 0.75], [0.5, 0.5]]).log()
    >>> tw.nn.CTCLoss()(p, tw.tensor([1]), 2, 1)
    tensor(0.1335)
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any) -> Tensor:
        """The loss."""
        return ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )


_Loss, _WeightedLoss = Loss, WeightedLoss  # PyTorch's names of the bases
