"""The choices that are made when nothing is said."""

import pytest

import thalweg as tw
from thalweg.train.options import OPTIMIZERS, Options, parse_layers


@pytest.mark.parametrize(
    ("batch_size", "lr"), [(16, 0.05), (1, 0.05 / 16), (32, 0.1), (64, 0.2), (1000, 0.2), (None, 0.2)]
)
def test_the_learning_rate_of_sgd_goes_with_the_batch(batch_size, lr):
    assert Options(batch_size=batch_size).settled(500, 0.0).lr == pytest.approx(lr)


def test_a_full_batch_of_few_rows_counts_its_rows():
    assert Options(batch_size=None).settled(8, 0.0).lr == pytest.approx(0.025)


def test_what_is_given_stays():
    given = Options(lr=3.0, momentum=0.5, weight_decay=0.0, clip_norm=0.0, batch_size=1)
    assert given.settled(100, 1.0) == given


def test_the_target_decides_about_clipping():
    assert Options().settled(100, 1.0).clip_norm == 1.0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimisers_are_built_with_the_choices(name):
    weight = tw.zeros(2, requires_grad=True)
    optimizer = Options(optimizer=name, weight_decay=0.25).settled(100, 0.0).build_optimizer([weight])
    (group,) = optimizer.param_groups
    assert group["lr"] == OPTIMIZERS[name][1]
    assert group["weight_decay"] == 0.25
    assert type(optimizer).__name__ == OPTIMIZERS[name][0]


def test_other_optimisers_keep_their_own_weight_decay():
    (group,) = (
        Options(optimizer="adamw").settled(100, 0.0).build_optimizer([tw.zeros(2, requires_grad=True)]).param_groups
    )
    assert group["weight_decay"] == 0.01


def test_sgd_takes_one_step_as_by_hand():
    """Momentum 0.9 and weight decay 0.001: the first step is lr times (gradient + 0.001 weight)."""
    weight = tw.tensor([2.0], requires_grad=True)
    optimizer = Options(lr=0.5).settled(100, 0.0).build_optimizer([weight])
    (3 * weight).sum().backward()
    optimizer.step()
    assert weight.item() == pytest.approx(2 - 0.5 * (3 + 0.001 * 2))


@pytest.mark.parametrize(("text", "layers"), [("60,40", (60, 40)), (" 7 ", (7,)), ("", ()), ("None", ())])
def test_layers(text, layers):
    assert parse_layers(text) == layers
