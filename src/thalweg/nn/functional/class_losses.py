"""Losses of scores against classes: cross-entropy, from logits and from log-probabilities."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...core.dtypes import INT64
from ...core.tensor import Tensor
from ...errors import ArgumentError, DtypeError, ShapeError, TargetError
from ...ops import elementwise as e
from ...ops import functions as f
from ...ops import rows
from ...ops.base import convert, where
from ...ops.broadcast import reshape
from ...ops.index import gather
from ...ops.ranges import check_range
from ...ops.shape import permute
from .reduction import expected, reduce_loss, settle

__all__ = ["cross_entropy", "nll_loss"]

UNSIGNED = np.dtype(np.uint64)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The cross-entropy of logits x with the right class, log(sum(exp(x))) - x[t], or with class probabilities.

    Args:
        input: logits of shape (C), (N, C) or (N, C, d1, ..., dk), for C classes.
        target: either class indices, int64 or uint8, of the input's shape without the class axis; or probabilities
            of the input's shape, floating-point: then the loss is -sum(t log(softmax(x))) over the classes.
        weight: a factor for each class, (C). With class indices "mean" divides by the sum of the targets' weights.
        size_average: deprecated, as ``reduce``; see ``reduction``.
        ignore_index: targets of this value cost nothing and are not counted by "mean"; with class indices only.
        reduce: deprecated.
        reduction: "none", "mean" or "sum"; "mean" of nothing (or of ignored targets only) is NaN.
        label_smoothing: the share s of the target that is spread evenly over all classes: (1 - s) onehot(t) + s / C.
            Szegedy et al. (2016), Rethinking the Inception architecture, section 7.

    Raises:
        ShapeError: the shapes of input, target and weight don't fit.
        DtypeError: class indices of another dtype, or an input that is not floating-point.
        TargetError: a target (not ignored) is none of the classes. It is an IndexError.

    >>> import thalweg as tw
    >>> logits = tw.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> tw.nn.functional.cross_entropy(logits, tw.tensor([0, 2]))
    tensor(0.8955)
    """
    if (
        weight is None
        and reduction == "mean"
        and label_smoothing == 0.0
        and ignore_index < 0
        and size_average is None
        and reduce is None
        and _fits_fused(input, target)
    ):
        return rows.cross_entropy_mean(input, target)
    name = "cross_entropy"
    reduction = settle(name, reduction, size_average, reduce, input=input, target=target)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(f"{name}: label_smoothing must be between 0.0 and 1.0, got {label_smoothing}")
    if input._value.ndim and target._value.shape == input._value.shape:
        return _cross_entropy_soft(input, target, weight, ignore_index, reduction, label_smoothing)
    case = _Rows.of(name, input, target, weight, ignore_index)
    if label_smoothing == 0.0:
        return case.reduce(_plain_rows(case), reduction)
    return case.reduce(_smoothed_rows(case, label_smoothing), reduction)


def _fits_fused(input: Any, target: Any) -> bool:
    """Whether these are (N, C) logits with N > 0 int64 classes, all in range: one primitive then does it all.

    Seen as unsigned, a negative target is larger than any class, so one maximum checks both ends. Traced targets
    have no values to look at and may hold ignored ones: they take the general way.
    """
    try:
        x, t = input._value, target._value
    except AttributeError:
        return False
    if x.ndim != 2 or t.ndim != 1 or x.shape[0] != t.shape[0] or t.dtype != INT64 or x.dtype.kind != "f":
        return False
    return type(t) is np.ndarray and t.size != 0 and int(np.maximum.reduce(t.view(UNSIGNED))) < x.shape[1]


def _plain_rows(case: _Rows) -> Tensor:
    """The weighted cross-entropy of each row with its class."""
    if 0 in case.input._value.shape:
        return _picked(f.log_softmax(case.input, dim=1), case)
    loss: Tensor = rows.cross_entropy_rows(case.input, case.target)
    return loss if case.weight is None else loss * case.weight[case.target]


def _smoothed_rows(case: _Rows, smoothing: float) -> Tensor:
    """The same with a share of the target spread over all classes, each with its own weight."""
    logp = f.log_softmax(case.input, dim=1)
    everywhere = -f.sum(logp if case.weight is None else logp * case.weight, 1)
    return (1 - smoothing) * _picked(logp, case) + (smoothing / logp._value.shape[1]) * everywhere


def _picked(logp: Tensor, case: _Rows) -> Tensor:
    """Minus the weighted log-probability of each row's class."""
    n = logp._value.shape[0]
    loss: Tensor = -reshape(gather(logp, reshape(case.target, shape=(n, 1)), dim=1), shape=(n,))
    return loss if case.weight is None else loss * case.weight[case.target]


def _cross_entropy_soft(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, smoothing: float
) -> Tensor:
    """The cross-entropy with class probabilities; "mean" divides by the number of rows, whatever the weights."""
    if target._value.dtype.kind != "f":
        raise DtypeError(
            f"cross_entropy: a target of the input's shape holds class probabilities and must be floating-point, this "
            f"one is {target.dtype}; class indices have the shape of the input without its class axis"
        )
    if ignore_index >= 0:
        raise ArgumentError(f"cross_entropy: ignore_index={ignore_index} can't be used with class probabilities")
    dim = min(input._value.ndim - 1, 1)
    classes = input._value.shape[dim]
    if smoothing > 0.0:
        target = target * (1 - smoothing) + smoothing / classes
    loss = expected(target, f.log_softmax(input, dim=dim))  # 0 log(0) costs nothing
    if weight is not None:
        class_weights("cross_entropy", weight, classes)
        loss = loss * reshape(weight, shape=(classes,) + (1,) * (loss._value.ndim - 1 - dim))
    return reduce_loss(-f.sum(loss, dim), reduction)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log-probability of the right class, -x[t].

    Arguments and errors are those of ``cross_entropy`` with class indices, except that ``input`` holds
    log-probabilities: ``cross_entropy(x, t)`` equals ``nll_loss(log_softmax(x, 1), t)``.

    >>> import thalweg as tw
    >>> logp = tw.log(tw.tensor([[0.25, 0.75], [0.5, 0.5]]))
    >>> tw.nn.functional.nll_loss(logp, tw.tensor([1, 0]), reduction="none")
    tensor([0.2877, 0.6931])
    """
    reduction = settle("nll_loss", reduction, size_average, reduce, input=input, target=target)
    case = _Rows.of("nll_loss", input, target, weight, ignore_index)
    return case.reduce(_picked(case.input, case), reduction)


class _Rows(NamedTuple):
    """Scores and classes of any shape, laid out as one row for each target."""

    input: Tensor  # (M, C)
    target: Tensor  # (M,) int64, 0 where ignored
    ignored: Tensor | None  # (M,) bool; None if no target is
    weight: Tensor | None  # (C,)
    shape: tuple[int, ...]  # of the target

    @classmethod
    def of(cls, name: str, input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int) -> _Rows:
        """The rows, checked, of scores with the class axis first of one or second of several."""
        shape, wanted, given = input._value.shape, _target_shape(name, input), target._value.shape
        if input._value.dtype.kind != "f":
            raise DtypeError(f"{name}: the input must be floating-point, this one is {input.dtype}; use .float() first")
        if given == (1,) and len(shape) == 1:
            target, given = reshape(target, shape=()), ()
        if given != wanted:
            raise ShapeError(
                f"{name}: for an input of shape {shape} the target must hold class indices of shape {wanted}"
                f"{f' or probabilities of shape {shape}' if name == 'cross_entropy' else ''}, got shape {given}"
            )
        classes = shape[min(len(shape) - 1, 1)]
        if weight is not None:
            class_weights(name, weight, classes)
        count = int(np.prod(wanted))
        flat = reshape(class_indices(name, target), shape=(count,))
        ignored = _ignored(flat, ignore_index)
        check_classes(name, flat, classes, ignored)
        if ignored is not None:
            flat = where(ignored, 0, flat)
        if len(shape) > 2:
            input = permute(input, dims=(0, *range(2, len(shape)), 1))
        return cls(reshape(input, shape=(count, classes)), flat, ignored, weight, wanted)

    def reduce(self, loss: Tensor, reduction: str) -> Tensor:
        """The losses of the rows, reduced: ignored rows cost nothing and are not counted."""
        if self.ignored is not None:
            loss = where(self.ignored, 0.0, loss)
        if reduction == "none":
            return reshape(loss, shape=self.shape)
        if reduction == "sum":
            return f.sum(loss)
        if self.weight is None and self.ignored is None:
            return f.mean(loss)
        return f.sum(loss) / self._counted(loss)

    def _counted(self, loss: Tensor) -> Tensor:
        """What "mean" divides by: the sum of the weights of the targets that are not ignored."""
        if self.weight is None:
            assert self.ignored is not None
            return f.sum(convert(e.logical_not(self.ignored), dtype=loss._value.dtype))
        weights = self.weight[self.target]
        return f.sum(weights if self.ignored is None else where(self.ignored, 0.0, weights))


def _target_shape(name: str, input: Tensor) -> tuple[int, ...]:
    """The shape of class indices for scores of this shape."""
    shape = input._value.shape
    if not shape:
        raise ShapeError(f"{name}: the input needs a class axis, got a 0-d tensor")
    return () if len(shape) == 1 else (shape[0], *shape[2:])


def class_weights(name: str, weight: Tensor, classes: int) -> None:
    """Raise a ShapeError unless there is one weight for each class."""
    if weight._value.shape != (classes,):
        raise ShapeError(
            f"{name}: the weight must hold one number for each of the {classes} classes, got shape "
            f"{tuple(weight.shape)}"
        )


def class_indices(name: str, target: Tensor) -> Tensor:
    """The target as int64; like PyTorch's, it must be int64 or uint8."""
    kind = target._value.dtype
    if kind == INT64:
        return target
    if kind != np.uint8:
        raise DtypeError(
            f"{name}: class indices must be int64 or uint8, this target is {target.dtype}; convert it with .long()"
        )
    result: Tensor = convert(target, dtype=INT64)
    return result


def _ignored(target: Tensor, ignore_index: int) -> Tensor | None:
    """Where the target is ``ignore_index``; None where that is known to be nowhere."""
    hit: Tensor = e.eq(target, ignore_index)
    if type(hit._value) is np.ndarray and not np.logical_or.reduce(hit._value, axis=None):
        return None
    return hit


def check_classes(name: str, target: Tensor, classes: int, ignored: Tensor | None = None) -> None:
    """Raise a TargetError that names the first target that is no class, unless it is ignored."""
    t = target._value
    if ignored is not None:
        t = where(ignored._value, 0, t)
    check_range(
        t,
        0,
        classes,
        TargetError,
        f"{name}: target {{value}} is none of the {classes} classes; classes are numbered from 0 to {classes - 1}",
    )
