"""What is measured while training: the right numbers, and not one bit of the weights changed by it."""

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.errors import DivergenceError
from thalweg.train import gauges
from thalweg.train.gauges import (
    MEASURED_STEPS,
    SNAPSHOTS,
    Gauges,
    Histogram,
    activations_of,
    chosen_epochs,
    chosen_steps,
)
from thalweg.train.loop import Part, Trainer, network
from thalweg.train.options import Options
from thalweg.train.targets import ClassTarget, NumberTarget

number = NumberTarget("y", 0.0, 1.0)


class Silent:
    def batch(self, epoch, samples, loss):
        pass

    def epoch(self, epoch):
        pass


def rows(n, width=3, classes=None, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, width)).astype(np.float32)
    y = x[:, :1] * 2 if classes is None else rng.integers(0, classes, n)
    return Part(x, y)


def trained(measure, part, target=number, sizes=(3, 5, 1), seed=0, stop=None, **options):
    tw.manual_seed(seed)
    trainer = Trainer(network(sizes), target, part, part, Options(**options), measure=measure)
    for _ in range(trainer.scheduler.T_max):
        trainer.run_epoch(Silent(), stop or (lambda: False))
    return trainer


def bits(trainer):
    return [p._value.tobytes() for p in trainer.model.parameters()]


# -- the training is not touched --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 3, "batch_size": 7, "lr": 0.05},
        {"epochs": 2, "batch_size": 1, "lr": 0.01},
        {"epochs": 70, "batch_size": None, "lr": 0.1},
        {"epochs": 120, "batch_size": 16, "lr": 0.05, "optimizer": "adam"},
        {"epochs": 5, "batch_size": 8, "lr": 0.05, "clip_norm": 0.1, "weight_decay": 0.01},
        {"epochs": 4, "batch_size": 8, "lr": 0.05, "eager": True},
    ],
)
def test_the_weights_are_the_same_to_the_bit(options):
    with_gauges, without = (trained(measure, rows(50), **options) for measure in (True, False))
    assert with_gauges.gauges is not None
    assert without.gauges is None
    assert bits(with_gauges) == bits(without)
    assert [e.train_loss for e in with_gauges.history] == pytest.approx([e.train_loss for e in without.history])
    assert [e.validation_loss for e in with_gauges.history] == [e.validation_loss for e in without.history]


def test_classes_are_trained_to_the_same_bits_too():
    target = ClassTarget("c", ("a", "b", "c"))
    part = rows(60, classes=3)
    first, second = (trained(m, part, target, (3, 8, 3), epochs=6, batch_size=9, lr=0.1) for m in (True, False))
    assert bits(first) == bits(second)


def test_gradients_that_are_kept_stay_as_they_are():
    trainer = trained(True, rows(8), epochs=1, batch_size=8, lr=0.1, eager=True)
    x, y = (tensor[:4] for tensor in trainer.data.tensors)
    before = [p.grad.numpy().copy() for p in trainer.model.parameters()]
    trainer.gauges.measured(lambda x, y: tw.zeros(()), x, y)
    for p, gradient in zip(trainer.model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), gradient)


def test_a_stop_between_measured_steps_ends_the_epoch():
    asked = []
    trainer = trained(True, rows(50), epochs=1, batch_size=1, lr=0.01, stop=lambda: asked.append(1) or len(asked) > 5)
    (epoch,) = trainer.history
    assert epoch.samples == 5  # of the 50 steps all are measured, and it is asked before each


def test_a_divergence_in_a_measured_step_is_an_error():
    with pytest.raises(DivergenceError, match="the loss became"):
        trained(True, rows(20), epochs=5, batch_size=20, lr=1e30)


# -- norms ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eager", [True, False])
def test_norms_of_a_linear_model_by_hand(eager):
    """Full batch, no momentum: the gradient by w is 2 mean((w x + b - y) x), the update lr times that."""
    x, y = np.array([[1.0], [2.0]], np.float32), np.array([[3.0], [5.0]], np.float32)
    part = Part(x, y)
    model = network([1, 1])
    for p, value in zip(model.parameters(), ([[0.5]], [0.25]), strict=True):
        p.data = tw.tensor(value)
    options = Options(epochs=1, batch_size=None, lr=0.1, momentum=0.0, weight_decay=0.0, clip_norm=0.0, eager=eager)
    trainer = Trainer(model, number, part, part, options, measure=True)
    norms = trainer.run_epoch(Silent(), lambda: False).norms
    residuals = 0.5 * x + 0.25 - y
    by_weight, by_bias = 2 * np.mean(residuals * x), 2 * np.mean(residuals)
    assert norms.gradient == pytest.approx({"0.weight": abs(by_weight), "0.bias": abs(by_bias)})
    assert norms.weight == pytest.approx({"0.weight": 0.5, "0.bias": 0.25})
    assert norms.update == pytest.approx({"0.weight": 0.1 * abs(by_weight), "0.bias": 0.1 * abs(by_bias)}, rel=1e-5)


def test_the_gradient_is_measured_before_it_is_clipped():
    part = rows(16)
    clipped, free = (trained(True, part, epochs=1, batch_size=16, lr=0.1, momentum=0.0, weight_decay=0.0, clip_norm=c)
                     for c in (0.01, 0.0))  # fmt: skip
    assert clipped.history[0].norms.gradient == free.history[0].norms.gradient
    update = np.sqrt(sum(u**2 for u in clipped.history[0].norms.update.values()))
    assert update == pytest.approx(0.1 * 0.01, rel=1e-3)


def test_norms_are_means_over_the_measured_steps():
    part = rows(40)
    trainer = trained(True, part, epochs=1, batch_size=10, lr=0.0001, momentum=0.0, weight_decay=0.0)
    seen = []
    order = tw.Generator().manual_seed(0).permutation(40)  # what the trainer's loader draws
    tw.manual_seed(0)
    model = network((3, 5, 1))
    for start in range(0, 40, 10):
        batch = order[start : start + 10]
        loss = number.loss(model(tw.tensor(part.x[batch])), tw.tensor(part.y[batch]))
        gradient = tw.autograd.grad(loss, list(model.parameters()))
        seen.append([np.linalg.norm(g.numpy()) for g in gradient])
    expected = np.mean(seen, axis=0)  # the weights hardly move at this rate
    np.testing.assert_allclose(list(trainer.history[0].norms.gradient.values()), expected, rtol=1e-2)


def test_norms_in_double_precision_do_not_overflow():
    assert gauges._norm(np.full(4, 1e30, np.float32)) == pytest.approx(2e30)


def test_measured_epochs_have_a_training_score_and_others_have_none():
    trainer = trained(True, rows(20), epochs=100, batch_size=20, lr=0.01)
    measured = [epoch.norms is not None for epoch in trainer.history]
    assert MEASURED_STEPS <= sum(measured) < 100
    assert [epoch.train_score is not None for epoch in trainer.history] == measured
    first = trainer.history[0].to_dict()
    assert set(first["update_norms"]) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert not any("norms" in key for key in next(e for e in trainer.history if e.norms is None).to_dict())


@pytest.mark.parametrize(("epochs", "steps"), [(1, 1), (1, 1000), (3, 7), (49, 2), (50, 10), (5000, 3), (10**6, 2)])
def test_few_steps_are_measured_spread_over_the_whole_run(epochs, steps):
    chosen = chosen_steps(epochs, steps)
    assert min(MEASURED_STEPS, epochs * steps) <= len(chosen) <= MEASURED_STEPS + 100
    assert chosen[0] == 0
    assert chosen[-1] >= (epochs - 1) * steps
    assert np.diff(chosen).min(initial=10**9) >= 1
    assert np.diff(chosen).max(initial=0) <= -(-epochs * steps // (MEASURED_STEPS - 1)) + 1
    by_epoch = Gauges(network([1, 1]), number, np.ones((1, 1), np.float32), epochs, steps)
    found = [
        (e - 1) * steps + s for e in (1 + np.unique(chosen // steps)).tolist() for s in by_epoch.steps_of(e)
    ]  # fmt: skip
    assert found == chosen.tolist()


def test_a_long_run_that_is_stopped_early_has_been_measured():
    for stopped in (10, 100, 1000):
        assert np.count_nonzero(chosen_steps(10**6, 80) < stopped * 80) >= 8
        assert np.count_nonzero(chosen_epochs(10**6) <= stopped) >= 4
    assert len(chosen_epochs(10**6)) <= 2 * SNAPSHOTS + 20


# -- histograms -------------------------------------------------------------------------------------------


def test_a_histogram_counts_every_value():
    values = np.random.default_rng(0).normal(size=(30, 40)).astype(np.float32)
    found = Histogram.of(values)
    counts, edges = np.histogram(values.astype(np.float64), bins=len(found.counts))
    assert found.counts == counts.tolist()
    assert (found.low, found.high) == (edges[0], edges[-1])
    assert found.mean == pytest.approx(values.mean(), abs=1e-6)
    assert found.std == pytest.approx(values.std(), rel=1e-5)


def test_a_histogram_of_many_values_takes_some_of_them_at_even_distances():
    found = Histogram.of(np.arange(10**6, dtype=np.float32))
    assert sum(found.counts) == pytest.approx(gauges.SAMPLE_VALUES, rel=0.05)
    assert max(found.counts) - min(found.counts) <= 1


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf, -np.inf]])
def test_a_histogram_of_nothing_finite_is_empty(values):
    assert sum(Histogram.of(np.array(values, np.float32)).counts) == 0


def test_histograms_leave_out_what_is_not_finite():
    found = Histogram.of(np.array([1.0, np.nan, 2.0, np.inf]), bins=2)
    assert found.counts == [1, 1]
    assert found.zeros == 0


def test_snapshots_are_taken_at_even_distances():
    trainer = trained(True, rows(10), epochs=100, batch_size=10, lr=0.01)
    epochs = [snapshot.epoch for snapshot in trainer.gauges.snapshots]
    assert epochs == chosen_epochs(100).tolist()
    assert (epochs[0], epochs[-1]) == (1, 100)
    last = trainer.gauges.snapshots[-1]
    assert last.weights["0.weight"].counts == Histogram.of(trainer.model[0].weight.detach().numpy()).counts
    assert list(last.activations) == ["0", "1", "2"]


def test_activations_and_dead_units_by_hand():
    model = network([1, 2, 1])
    for p, value in zip(model.parameters(), ([[1.0], [-1.0]], [0.0, -5.0], [[1.0, 1.0]], [0.5]), strict=True):
        p.data = tw.tensor(value)
    x = np.array([[1.0], [2.0]], np.float32)
    outputs = activations_of(model, x)
    np.testing.assert_allclose(outputs["0"], [[1, -6], [2, -7]])
    np.testing.assert_allclose(outputs["1"], [[1, 0], [2, 0]])
    np.testing.assert_allclose(outputs["2"], [[1.5], [2.5]])
    snapshot = Gauges(model, number, x, 1, 1).snapshot(1)
    assert snapshot.dead == {"0": 0.0, "1": 0.5, "2": 0.0}
    assert snapshot.activations["1"].zeros == 0.5


def test_activations_leave_the_mode_of_the_model_alone():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.9))
    model.train()
    x = np.ones((5, 2), np.float32)
    outputs = activations_of(model, x)
    np.testing.assert_array_equal(outputs["0"], outputs["1"])  # evaluated, so nothing is dropped
    assert model.training
