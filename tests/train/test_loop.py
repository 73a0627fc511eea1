"""The training loop: its steps by hand, its schedule, and the weights it keeps."""

import math

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import DivergenceError
from thalweg.train.loop import ROWS_AT_ONCE, Part, Trainer, evaluate, network, outputs_of
from thalweg.train.options import Options
from thalweg.train.targets import ClassTarget, NumberTarget

PLAIN = {"layers": (), "momentum": 0.0, "weight_decay": 0.0, "clip_norm": 0.0, "batch_size": None}
number = NumberTarget("y", 0.0, 1.0)


class Silent:
    def batch(self, epoch, samples, loss):
        pass

    def epoch(self, epoch):
        pass


def part(x, y):
    return Part(np.array(x, np.float32), np.array(y, np.float32))


def trainer_of(train, validation=None, start=0.0, **options):
    model = network([train.x.shape[1], 1])
    for parameter in model.parameters():
        parameter.data.fill_(start)
    return Trainer(model, number, train, validation or train, Options(**{**PLAIN, **options}))


def run(trainer, epochs):
    return [trainer.run_epoch(Silent(), lambda: False) for _ in range(epochs)]


def test_a_full_batch_step_is_gradient_descent_by_hand():
    """From w = b = 0: dL/dw = -2 mean(x y), dL/db = -2 mean(y)."""
    train = part([[1.0], [2.0]], [[3.0], [5.0]])
    trainer = trainer_of(train, lr=0.1, epochs=1)
    (epoch,) = run(trainer, 1)
    weight, bias = (p.item() for p in trainer.model.parameters())
    assert weight == pytest.approx(0.1 * 2 * (3 + 10) / 2)
    assert bias == pytest.approx(0.1 * 2 * (3 + 5) / 2)
    assert epoch.train_loss == pytest.approx((9 + 25) / 2)
    assert epoch.validation_loss == pytest.approx(((3 - weight - bias) ** 2 + (5 - 2 * weight - bias) ** 2) / 2)
    assert epoch.samples == 2


def test_clipping_bounds_the_step():
    train = part([[1.0], [2.0]], [[300.0], [500.0]])
    trainer = trainer_of(train, lr=0.1, clip_norm=2.0)
    run(trainer, 1)
    step = np.array([p.item() for p in trainer.model.parameters()])
    assert np.linalg.norm(step) == pytest.approx(0.1 * 2.0, rel=1e-4)
    np.testing.assert_allclose(step / step[1], [(300 + 1000) / 800, 1], rtol=1e-4)


def test_the_learning_rate_falls_along_half_a_cosine():
    trainer = trainer_of(part([[1.0]], [[1.0]]), lr=0.02, epochs=4)
    rates = [epoch.lr for epoch in run(trainer, 4)]
    np.testing.assert_allclose(rates, [0.02 * (1 + math.cos(math.pi * t / 4)) / 2 for t in range(4)])


def test_the_mean_loss_weighs_batches_by_their_size():
    """Five samples in batches of 2, 2, 1 at a vanishing step size: the mean over the samples."""
    y = np.arange(5.0)[:, None]
    trainer = trainer_of(part(np.ones((5, 1)), y), lr=1e-12, batch_size=2)
    assert run(trainer, 1)[0].train_loss == pytest.approx(np.mean(y**2))


def test_the_weights_of_the_best_epoch_are_kept():
    """Training pulls the output to 1; validation wants 0.5, so the loss there falls and rises again."""
    trainer = trainer_of(part([[0.0]], [[1.0]]), part([[0.0]], [[0.5]]), lr=0.1, epochs=1000)
    history = run(trainer, 12)
    losses = [epoch.validation_loss for epoch in history]
    best = int(np.argmin(losses))
    assert 0 < best < 11
    assert trainer.best is history[best]
    bias = trainer.best_state()["0.bias"].item()
    assert (bias - 0.5) ** 2 == pytest.approx(losses[best], rel=1e-4)
    assert trainer.model.state_dict()["0.bias"].item() > bias


def test_a_stop_ends_the_epoch_after_the_step():
    trainer = trainer_of(part(np.ones((10, 1)), np.ones((10, 1))), lr=0.01, batch_size=1, eager=True)
    asked = []
    epoch = trainer.run_epoch(Silent(), lambda: asked.append(1) or len(asked) > 4)
    assert epoch.samples == 4
    assert trainer.run_epoch(Silent(), lambda: True) is None
    assert len(trainer.history) == 1


def test_a_stop_ends_a_compiled_epoch_between_two_slices():
    trainer = trainer_of(part(np.ones((5000, 1)), np.ones((5000, 1))), lr=0.01, batch_size=1)
    asked = []
    epoch = trainer.run_epoch(Silent(), lambda: asked.append(1) or len(asked) > 3)
    assert 1 < epoch.samples < 5000
    assert trainer.run_epoch(Silent(), lambda: True) is None


def test_compiled_and_eager_epochs_agree():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 3)), rng.standard_normal((50, 1))
    options = {"lr": 0.05, "batch_size": 8, "momentum": 0.9, "clip_norm": 0.5}
    first, second = (trainer_of(part(x, y), eager=eager, **options) for eager in (True, False))
    for a, b in zip(run(first, 3), run(second, 3), strict=True):
        assert a.samples == b.samples == 50
        assert b.train_loss == pytest.approx(a.train_loss, rel=1e-5)
        assert b.validation_loss == pytest.approx(a.validation_loss, rel=1e-5)


def test_an_infinite_loss_is_an_error_that_names_epoch_and_rate():
    trainer = trainer_of(part([[1.0]], [[1.0]]), lr=1e25, epochs=10**6)
    with pytest.raises(
        DivergenceError, match=r"the loss became (inf|nan) in epoch [12] at learning rate 1e\+25; lower"
    ):
        run(trainer, 3)


def test_an_infinite_validation_loss_is_an_error_too():
    trainer = trainer_of(part([[1.0]], [[1.0]]), part([[1e30]], [[1.0]]), lr=0.1)
    with pytest.raises(DivergenceError, match="the loss became inf in epoch 1"):
        run(trainer, 1)
    assert trainer.best is None


def test_outputs_are_computed_in_pieces_without_a_graph():
    tw.manual_seed(0)
    model = network([3, 4, 2])
    x = np.random.default_rng(0).normal(size=(ROWS_AT_ONCE + 5, 3)).astype(np.float32)
    outputs = outputs_of(model, x)
    w0, b0, w1, b1 = (p.detach().numpy().astype(np.float64) for p in model.parameters())
    np.testing.assert_allclose(outputs, np.maximum(x @ w0.T + b0, 0) @ w1.T + b1, atol=1e-5)
    assert model.training


def test_evaluation_by_hand():
    model = network([1, 2])
    for parameter, value in zip(model.parameters(), ([[1.0], [0.0]], [0.0, 0.0]), strict=True):
        parameter.data = tw.tensor(value)
    loss, accuracy = evaluate(
        model, ClassTarget("c", ("a", "b")), Part(np.array([[2.0], [-2.0]], np.float32), np.array([0, 0]))
    )
    assert accuracy == 0.5
    assert loss == pytest.approx((math.log(1 + math.exp(-2)) + math.log(1 + math.exp(2))) / 2)


def test_shuffling_and_weights_repeat_with_the_seed():
    x = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)
    train = Part(x, x[:, :1])
    histories = []
    for seed in (1, 1, 2):
        trainer = trainer_of(train, lr=0.01, batch_size=3, seed=seed)
        histories.append([epoch.train_loss for epoch in run(trainer, 2)])
    assert histories[0] == histories[1] != histories[2]
