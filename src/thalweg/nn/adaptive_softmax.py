"""A softmax over many classes of which a few are frequent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..core.dtypes import dtype
from ..core.tensor import Tensor
from ..errors import ArgumentError, ShapeError
from ..ops.base import where
from ..ops.functions import argmax, clamp
from ..ops.ranges import check_range
from ..ops.shaping import cat, gather, narrow, squeeze, unsqueeze
from . import functional as F
from .containers import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _Output(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """The frequent classes in one softmax (the head) with an entry for each cluster of rarer ones.

    input : (n, in_features), target : (n,), or both without n  ->  (output, loss): the log-probability of each
    target, and the average of their negatives

    Args:
        cutoffs: where the clusters begin; classes are numbered by falling frequency.
        div_value: each cluster's classes are reached through a projection smaller by this factor.
        head_bias: whether the head has a bias.

    Raises:
        ArgumentError: the cutoffs don't rise, or are out of range.

    Reference: Grave et al. (2017), Efficient softmax approximation for GPUs.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        bounds = [int(c) for c in cutoffs]
        if not bounds or bounds != sorted(set(bounds)) or bounds[0] <= 0 or bounds[-1] > n_classes - 1:
            raise ArgumentError(
                f"AdaptiveLogSoftmaxWithLoss: cutoffs must rise within 1 … {n_classes - 1}, got {list(cutoffs)}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*bounds, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = bounds[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        options: dict[str, Any] = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **options)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            hidden = int(in_features // (div_value ** (i + 1)))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            project = Linear(in_features, hidden, bias=False, **options)
            self.tail.append(Sequential(project, Linear(hidden, size, bias=False, **options)))

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        self.head.reset_parameters()
        for project, classes in self.tail:
            project.reset_parameters()
            classes.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _Output:
        """The log-probability of each target, and the average of their negatives."""
        if input_._value.ndim - 1 != target_._value.ndim or input_._value.shape[:-1] != target_._value.shape:
            raise ShapeError(
                f"AdaptiveLogSoftmaxWithLoss: input {tuple(input_.shape)} and target {tuple(target_.shape)} don't fit; "
                "they must be (n, in_features) and (n,)"
            )
        check_range(
            target_._value, 0, self.n_classes, IndexError,
            f"AdaptiveLogSoftmaxWithLoss: target {{value}} is none of the {self.n_classes} classes",
        )  # fmt: skip
        had_batch = target_._value.ndim > 0
        x, t = (input_, target_) if had_batch else (unsqueeze(input_, 0), unsqueeze(target_, 0))
        head = F.log_softmax(self.head(x), 1)
        output = _picked(head, clamp(t, max=self.shortlist_size - 1))
        for i, cluster in enumerate(self.tail):
            low, high = self.cutoffs[i : i + 2]
            own = _picked(F.log_softmax(cluster(x), 1), clamp(t - low, 0, high - low - 1))
            own = own + squeeze(narrow(head, 1, self.shortlist_size + i, 1), 1)
            output = where((t >= low) & (t < high), own, output)
        return _Output(output if had_batch else squeeze(output, 0), -output.mean())

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes. input : (n, in_features)  ->  (n, n_classes)."""
        head = F.log_softmax(self.head(input), 1)
        parts = [narrow(head, 1, 0, self.shortlist_size)]
        for i, cluster in enumerate(self.tail):
            parts.append(F.log_softmax(cluster(input), 1) + narrow(head, 1, self.shortlist_size + i, 1))
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row. input : (n, in_features)  ->  (n,)."""
        return argmax(self.log_prob(input), 1)


def _picked(rows: Tensor, column: Tensor) -> Tensor:
    """The element of each row in its column."""
    return squeeze(gather(rows, 1, unsqueeze(column, 1)), 1)
