"""The lecture's program, run as it stands in examples/lecture.py."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import thalweg as tw

LECTURE = Path(__file__).parents[1] / "examples" / "lecture.py"


@pytest.fixture(scope="module")
def lecture():
    tw.manual_seed(0)
    return runpy.run_path(str(LECTURE))


def by_hand(image, weights):
    """The three linear layers in NumPy: (3, 10, 20) -> (10,)."""
    (w0, b0), (w1, b1), (w2, b2) = weights
    z0 = image.reshape(-1)
    z1 = np.maximum(w0 @ z0 + b0, 0)
    z2 = np.maximum(w1 @ z1 + b1, 0)
    return w2 @ z2 + b2


def weights_of(model):
    layers = (model.m0, model.m1, model.m2)
    return [tuple(p.detach().numpy().astype(np.float64) for p in (m.weight, m.bias)) for m in layers]


def test_the_output_is_that_of_numpy(lecture):
    out = lecture["out"]
    assert tuple(out.shape) == (10,)
    assert lecture["d0"] == 600
    expected = by_hand(lecture["image"].numpy().astype(np.float64), weights_of(lecture["model"]))
    np.testing.assert_allclose(out.detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_only_the_imports_name_thalweg():
    lines = [line for line in LECTURE.read_text().splitlines() if "thalweg" in line]
    assert lines == ["import thalweg as torch", "from thalweg import nn"]


def test_parameters_have_the_sizes_of_the_lecture(lecture):
    shapes = {name: tuple(p.shape) for name, p in lecture["model"].named_parameters()}
    assert shapes == {
        "m0.weight": (60, 600), "m0.bias": (60,),
        "m1.weight": (40, 60), "m1.bias": (40,),
        "m2.weight": (10, 40), "m2.bias": (10,),
    }  # fmt: skip


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("which", [0, 1])  # weight, bias
def test_the_gradient_agrees_with_finite_differences(lecture, layer, which):
    """Along one random direction, with the differences in float64 by NumPy."""
    model, image = lecture["model"], lecture["image"]
    direction = np.random.default_rng(7).normal(size=10)
    model.zero_grad()
    (model(image) * tw.tensor(direction, dtype=tw.float32)).sum().backward()
    parameter = list((model.m0, model.m1, model.m2)[layer].parameters())[which]

    pixels, weights = image.numpy().astype(np.float64), weights_of(model)
    step = np.random.default_rng(8).normal(size=parameter.shape)
    values = []
    for sign in (1, -1):
        moved = [list(pair) for pair in weights]
        moved[layer][which] = moved[layer][which] + sign * 1e-6 * step
        values.append(direction @ by_hand(pixels, moved))
    slope = (values[0] - values[1]) / 2e-6
    assert (parameter.grad.numpy() * step).sum() == pytest.approx(slope, rel=1e-3)
