"""Averaged models and their schedule, beside PyTorch's."""

import numpy as np
import pytest

import thalweg as tw

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle


def net(library):
    model = library.nn.Sequential(library.nn.Linear(3, 4), library.nn.BatchNorm1d(4), library.nn.Linear(4, 1))
    with library.no_grad():
        for i, p in enumerate(model.parameters()):
            p.copy_((library.arange(p.numel()).view(p.shape) - 3) / 8 + i)
    return model.double()


@pytest.mark.parametrize("kind", ["plain", "swa", "swa all", "ema", "ema all", "own"])
@pytest.mark.parametrize("use_buffers", [False, True])
def test_averages_are_pytorchs(kind, use_buffers):
    if use_buffers and kind == "swa all":
        pytest.skip("PyTorch can't average the integers among the buffers in this way")
    rng = np.random.default_rng(0)
    batches = [rng.normal(size=(5, 3)) for _ in range(4)]
    results = []
    for library in (tw, torch):
        u = library.optim.swa_utils
        options = {
            "plain": {},
            "swa": {"avg_fn": u.get_swa_avg_fn()},
            "swa all": {"multi_avg_fn": u.get_swa_multi_avg_fn()},
            "ema": {"avg_fn": u.get_ema_avg_fn(0.9)},
            "ema all": {"multi_avg_fn": u.get_ema_multi_avg_fn(0.9)},
            "own": {"avg_fn": lambda averaged, current, count: averaged * 0.5 + current * 0.5 + count},
        }[kind]
        model = net(library)
        averaged = u.AveragedModel(model, use_buffers=use_buffers, **options)
        optimizer = library.optim.SGD(model.parameters(), lr=1e-3)
        inputs = [library.tensor(b) for b in batches]
        for x in inputs:
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
            averaged.update_parameters(model)
        states = [averaged.state_dict()]
        if not use_buffers:
            u.update_bn([(x, None) for x in inputs], averaged)
            states.append(averaged.state_dict())
        results.append([{n: x.detach().numpy().copy() for n, x in s.items()} for s in states])
    for ours, theirs in zip(*results, strict=True):
        assert list(ours) == list(theirs)
        for name in theirs:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-7, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 5])
def test_the_rates_are_pytorchs(strategy, epochs):
    rates = []
    for library in (tw, torch):
        groups = [{"params": [library.nn.Parameter(library.ones(1))], "lr": lr} for lr in (1.0, 0.1)]
        optimizer = library.optim.SGD(groups, lr=1.0)
        scheduler = library.optim.swa_utils.SWALR(optimizer, [0.2, 0.3], epochs, strategy)
        history = []
        for _ in range(8):
            optimizer.step()
            scheduler.step()
            history.append(scheduler.get_last_lr())
        rates.append(history)
    np.testing.assert_allclose(*rates, rtol=1e-12)


def test_what_is_refused():
    u, model = tw.optim.swa_utils, tw.nn.Linear(1, 1)
    optimizer = tw.optim.SGD(model.parameters(), lr=0.1)
    for refused in (
        lambda: u.get_ema_avg_fn(1.5),
        lambda: u.AveragedModel(model, avg_fn=u.get_swa_avg_fn(), multi_avg_fn=u.get_swa_multi_avg_fn()),
        lambda: u.SWALR(optimizer, 0.1, anneal_strategy="jump"),
        lambda: u.SWALR(optimizer, 0.1, anneal_epochs=-1),
        lambda: u.SWALR(optimizer, [0.1, 0.2]),
    ):
        with pytest.raises(ValueError, match=r"decay|avg_fn|anneal|swa_lr"):
            refused()
