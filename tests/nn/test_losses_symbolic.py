"""Losses on tensors that hold symbolic values: what a tracer will see, with values and gradients unchanged."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw
from thalweg.core.tensor import wrap
from thalweg.nn import functional as F

from ..symbolic import Recorded
from . import test_class_losses, test_losses, test_margin_losses

WEIGHT = tw.tensor(test_class_losses.WEIGHT)
CASES = {
    **{name: (row[0], row[1], row[2]) for name, row in test_losses.ELEMENTWISE.items()},
    **{name: (row[0], row[2], test_margin_losses.options_of(name)) for name, row in test_margin_losses.LOSSES.items()},
    **{
        f"{function.__name__}, {layout}, {option}": (function, arrays, test_class_losses.tensors(options))
        for layout, arrays in test_class_losses.LAYOUTS.items()
        for option, options in test_class_losses.OPTIONS.items()
        for function in (F.cross_entropy, F.nll_loss)
        if function is F.cross_entropy or "label_smoothing" not in options
    },
    "cross_entropy, probabilities": (F.cross_entropy, (test_losses.X, test_losses.Q), {"weight": WEIGHT}),
    "cross_entropy, nothing": (F.cross_entropy, (np.zeros((0, 4)), np.zeros(0, np.int64)), {}),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_traced_losses_are_the_losses(name, reduction):
    function, arrays, options = CASES[name]
    x = tw.tensor(arrays[0], requires_grad=True)
    y = function(x, *map(tw.tensor, arrays[1:]), reduction=reduction, **options)
    y.sum().backward()
    tape: list[str] = []
    symbols = [wrap(Recorded(a, tape)) for a in arrays]
    symbols[0].requires_grad_()
    z = function(*symbols, reduction=reduction, **options)
    np.testing.assert_allclose(z._value.inner, y.detach().numpy(), rtol=1e-13, atol=1e-14)
    (g,) = tw.autograd.grad(z, symbols[0], wrap(Recorded(np.ones(z.shape), tape)))
    np.testing.assert_allclose(g._value.inner, x.grad.numpy(), rtol=1e-12, atol=1e-13)
