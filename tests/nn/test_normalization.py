"""Normalisation by hand: statistics, their running averages, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.errors import ArgumentError, ShapeError

F = nn.functional
RNG = np.random.default_rng(1)


def test_a_batch_is_standardised():
    x = RNG.normal(3, 2, size=(6, 2, 4))
    y = nn.BatchNorm1d(2, affine=False).double()(tw.tensor(x)).numpy()
    centred = x - x.mean((0, 2), keepdims=True)
    np.testing.assert_allclose(y, centred / np.sqrt(x.var((0, 2), keepdims=True) + 1e-5), rtol=1e-12)


def test_running_statistics():
    a, b = RNG.normal(size=(5, 2)), RNG.normal(size=(7, 2))
    for momentum in (0.3, None):
        norm = nn.BatchNorm1d(2, momentum=momentum).double()
        mean, var = np.zeros(2), np.ones(2)
        for i, x in enumerate((a, b)):
            norm(tw.tensor(x))
            m = 1 / (i + 1) if momentum is None else momentum
            mean, var = (1 - m) * mean + m * x.mean(0), (1 - m) * var + m * x.var(0, ddof=1)
        np.testing.assert_allclose(norm.running_mean.numpy(), mean, rtol=1e-12)
        np.testing.assert_allclose(norm.running_var.numpy(), var, rtol=1e-12)
        assert norm.num_batches_tracked.item() == 2
        y = norm.eval()(tw.tensor(a)).detach().numpy()
        np.testing.assert_allclose(y, (a - mean) / np.sqrt(var + 1e-5), rtol=1e-12)
        assert norm.num_batches_tracked.item() == 2
        norm.reset_running_stats()
        assert norm.running_var.tolist() == [1.0, 1.0]


def test_without_running_statistics_evaluation_uses_the_batch():
    norm = nn.BatchNorm1d(1, track_running_stats=False).eval()
    assert norm(tw.tensor([[1.0], [3.0]])).tolist()[0][0] == pytest.approx(-1, abs=1e-4)
    assert list(norm.state_dict()) == ["weight", "bias"]


def test_old_entries_without_a_number_of_batches_are_loaded():
    norm = nn.BatchNorm1d(2)
    entries = {n: v for n, v in norm.state_dict().items() if n != "num_batches_tracked"}
    norm(tw.randn(3, 2))
    norm.load_state_dict(dict(entries))
    assert norm.num_batches_tracked.item() == 1
    new = norm.state_dict()
    del new["num_batches_tracked"]
    with pytest.raises(RuntimeError, match="missing keys"):
        norm.load_state_dict(new)


def test_gradients_do_not_flow_into_running_statistics():
    norm = nn.BatchNorm1d(1)
    x = tw.tensor([[1.0], [3.0]], requires_grad=True)
    norm(x).sum().backward()
    assert x.grad.abs().max().item() < 1e-6
    assert not norm.running_mean.requires_grad


def test_other_normalisations():
    x = RNG.normal(size=(3, 4, 5))
    t = tw.tensor(x)

    def standard(x, axes):
        return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)

    np.testing.assert_allclose(F.layer_norm(t, (4, 5)).numpy(), standard(x, (1, 2)), rtol=1e-10)
    np.testing.assert_allclose(F.instance_norm(t).numpy(), standard(x, (2,)), rtol=1e-10)
    grouped = standard(x.reshape(3, 2, 10), (2,)).reshape(x.shape)
    np.testing.assert_allclose(F.group_norm(t, 2).numpy(), grouped, rtol=1e-10)
    rms = x / np.sqrt((x * x).mean(2, keepdims=True) + 1e-3)
    np.testing.assert_allclose(F.rms_norm(t, (5,), eps=1e-3).numpy(), rms, rtol=1e-12)
    neighbours = np.stack([(x[:, max(0, i - 1) : i + 2] ** 2).sum(1) for i in range(4)], 1)
    np.testing.assert_allclose(
        F.local_response_norm(t, 3, 0.6, 0.5, 2.0).numpy(), x / (2 + 0.2 * neighbours) ** 0.5, rtol=1e-12
    )


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ArgumentError, "more than one value", lambda: nn.BatchNorm1d(2)(tw.ones(1, 2))),
        (ArgumentError, "more than one value", lambda: nn.InstanceNorm1d(2)(tw.ones(3, 2, 1))),
        (ArgumentError, "running_mean", lambda: F.batch_norm(tw.ones(2, 2), None, None)),
        (ShapeError, "dimensions", lambda: nn.BatchNorm2d(2)(tw.ones(3, 2))),
        (ShapeError, "running_mean", lambda: nn.BatchNorm1d(3)(tw.ones(3, 2))),
        (ShapeError, "normalized_shape", lambda: nn.LayerNorm(3)(tw.ones(3, 2))),
        (ShapeError, "weight", lambda: F.layer_norm(tw.ones(3, 2), (2,), tw.ones(3))),
        (ShapeError, "groups", lambda: F.group_norm(tw.ones(2, 3), 2)),
        (ShapeError, "groups", lambda: nn.GroupNorm(2, 3)),
    ],
)
def test_what_is_refused(error, message, call):
    with pytest.raises(error, match=message):
        call()
