"""A model whose weights are the average of another one's."""

from __future__ import annotations

import copy
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ...core.device import require_cpu
from ...core.modes import no_grad
from ...core.tensor import Tensor
from ...errors import OptimizerError
from ...nn.module import Module
from ...nn.normalization import _BatchNorm
from ...ops.creation import tensor

__all__ = [
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

AverageOne = Callable[[Tensor, Tensor, Any], Tensor]
AverageAll = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


def _swa(averaged: Tensor, current: Tensor, count: Any) -> Tensor:
    """The average of ``count`` values and one more."""
    return averaged + (current - averaged) / (count + 1)


def _ema(averaged: Tensor, current: Tensor, count: Any, decay: float) -> Tensor:
    return decay * averaged + (1 - decay) * current


@no_grad()
def _all(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Any, one: AverageOne) -> None:
    for a, x in zip(averaged, current, strict=True):
        a.copy_(one(a, x, count))


def _checked(decay: float) -> float:
    if not 0 <= decay <= 1:
        raise OptimizerError(f"swa_utils: decay must be from 0 to 1, got {decay}")
    return decay


def get_swa_avg_fn() -> AverageOne:
    """The function (averaged, current, count) -> averaged + (current - averaged) / (count + 1)."""
    return _swa


def get_ema_avg_fn(decay: float = 0.999) -> AverageOne:
    """The function (averaged, current, count) -> decay averaged + (1 - decay) current.

    Raises:
        OptimizerError: ``decay`` is not from 0 to 1.
    """
    return functools.partial(_ema, decay=_checked(decay))


def get_swa_multi_avg_fn() -> AverageAll:
    """``get_swa_avg_fn`` for lists of tensors, the first of which are changed."""
    return functools.partial(_all, one=_swa)


def get_ema_multi_avg_fn(decay: float = 0.999) -> AverageAll:
    """``get_ema_avg_fn`` for lists of tensors, the first of which are changed.

    Raises:
        OptimizerError: ``decay`` is not from 0 to 1.
    """
    return functools.partial(_all, one=get_ema_avg_fn(decay))


class AveragedModel(Module):
    """A copy of a model, whose parameters are averages of those that the model had at each ``update_parameters``.

    Args:
        model: the model; the copy is the child ``module``.
        device: "cpu" or None.
        avg_fn: makes the new average of ``(averaged, current, count)``; the plain average if None.
        multi_avg_fn: the same for lists, in place, instead of ``avg_fn``.
        use_buffers: average buffers too, instead of copying them.

    Reference: Izmailov et al. (2018), Averaging weights leads to wider optima and better generalization.

    >>> import thalweg as tw
    >>> model = tw.nn.Linear(1, 1, bias=False)
    >>> averaged = tw.optim.swa_utils.AveragedModel(model)
    >>> for value in (1.0, 3.0):
    ...     _ = tw.nn.init.constant_(model.weight, value)
    ...     averaged.update_parameters(model)
    >>> averaged.module.weight.item()
    2.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: AverageOne | None = None,
        multi_avg_fn: AverageAll | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        require_cpu(device, "AveragedModel")
        if avg_fn is not None and multi_avg_fn is not None:
            raise OptimizerError("AveragedModel: give avg_fn or multi_avg_fn, not both")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", tensor(0))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model gives."""
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the model's present parameters into the average. The first ones are copied."""
        averaged, current = list(self._averaged_of(self.module)), list(self._averaged_of(model))
        count = self.n_averaged.clone()
        if count.item() == 0:
            for a, x in zip(averaged, current, strict=True):
                a.copy_(x)
        elif self.multi_avg_fn is not None:
            self.multi_avg_fn(averaged, current, count)
        else:
            _all(averaged, current, count, self.avg_fn or _swa)
        if not self.use_buffers:
            for b, x in zip(self.module.buffers(), model.buffers(), strict=True):
                b.copy_(x)
        self.n_averaged += 1

    def _averaged_of(self, model: Module) -> Iterator[Tensor]:
        tensors = itertools.chain(model.parameters(), model.buffers()) if self.use_buffers else model.parameters()
        return (x.detach() for x in tensors)


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Set the running statistics of all batch normalisations in ``model`` by a pass over the inputs of ``loader``.

    Of a batch that is a list or tuple the first entry is the input.
    """
    require_cpu(device, "update_bn")
    norms: list[Any] = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    momenta, training = [norm.momentum for norm in norms], model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    for batch in loader:
        model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(training)
