"""The gradient of each sample's loss by the parameters of a model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from ..errors import ArgumentError
from ..nn.module import Module
from ..transforms.reverse import grad
from ..transforms.vmap import vmap
from .functional_call import functional_call

__all__ = ["per_sample_grad"]


def per_sample_grad(
    model: Module, loss: Callable[..., Tensor], *, randomness: str = "different", chunk_size: int | None = None
) -> Callable[..., dict[str, Tensor]]:
    """The function that computes, for each sample, the gradient of its loss by each parameter of ``model``.

    ``per_sample_grad(model, loss)(x, y)[name]`` has the shape (N, \\*parameter.shape), where ``x`` and ``y`` hold N
    samples along axis 0. Each sample goes through the model as a batch of one, so that a loss that averages over the
    batch is the loss of the sample, and the gradient of the average loss is the average of these gradients; a loss
    that is not a single number is summed. Parameters that don't require a gradient are left out.

    Args:
        model: maps a batch of inputs to a batch of outputs. Buffers keep their values: a layer that changes them in
            training mode, such as BatchNorm, mixes the samples, and has no gradient for each.
        loss: ``loss(model(x), y)``, or ``loss(model(x))`` if no ``y`` is given.
        randomness: whether dropout and the like draw "different" numbers for each sample, or the "same".
        chunk_size: how many samples are computed at a time.

    >>> import thalweg as tw
    >>> model = tw.nn.Linear(3, 1)
    >>> grads = tw.func.per_sample_grad(model, tw.nn.MSELoss())(tw.randn(8, 3), tw.randn(8, 1))
    >>> grads["weight"].shape, grads["bias"].shape
    (thalweg.Size([8, 1, 3]), thalweg.Size([8, 1]))
    """

    def gradients(x: Tensor, *targets: Tensor) -> dict[str, Tensor]:
        params = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
        if not params:
            raise ArgumentError("per_sample_grad: none of the model's parameters requires a gradient")
        buffers = {name: b.detach() for name, b in model.named_buffers()}
        single = grad(functools.partial(_loss_of_one, model, loss, buffers))
        dims = (None, 0, *(0 for _ in targets))
        return vmap(single, in_dims=dims, randomness=randomness, chunk_size=chunk_size)(params, x, *targets)

    return gradients


def _loss_of_one(
    model: Module, loss: Callable[..., Tensor], buffers: dict[str, Tensor], params: Any, x: Tensor, *targets: Tensor
) -> Tensor:
    """The loss of one sample, as a batch of one."""
    output = functional_call(model, (params, buffers), (x.unsqueeze(0),))
    value = loss(output, *(t.unsqueeze(0) for t in targets))
    return value.sum() if value.ndim else value
