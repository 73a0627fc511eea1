"""Valleys that are small and known: a quadratic, Rosenbrock's, a line fitted to points, a small network."""

from __future__ import annotations

import numpy as np

import thalweg as tw
from thalweg import nn, optim, viz
from thalweg.viz.valley.relief import Relief

START = (-1.2, 1.6)


def quadratic(x, y):
    return x * x + 4 * y * y


def rosenbrock(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def line_data():
    """Twenty points near a line."""
    x = np.linspace(-1, 2, 20)
    y = 1.5 * x + 0.5 + 0.3 * np.sin(40 * x)
    return tw.tensor(x[:, None]), tw.tensor(y[:, None])


def line_model():
    model = nn.Linear(1, 1, dtype=tw.float64)
    model.load_state_dict({"weight": tw.tensor([[-1.0]]), "bias": tw.tensor([2.0])})
    return model


def network():
    """A network in float64 with weights that are the same everywhere."""
    model = nn.Sequential(nn.Linear(2, 4, dtype=tw.float64), nn.Tanh(), nn.Linear(4, 1, dtype=tw.float64))
    for k, p in enumerate(model.parameters()):
        p.data.copy_(tw.tensor(np.cos(np.arange(p.numel()) * 1.7 + k)).reshape(p.shape))
    return model


def network_data():
    x = np.stack([np.sin(np.arange(30) * 0.7), np.cos(np.arange(30) * 1.3)], axis=1)
    return tw.tensor(x), tw.tensor(x[:, :1] * x[:, 1:])


def line_fit() -> viz.Trajectory:
    return viz.trajectory(line_model(), nn.MSELoss(), line_data(), lr=0.2, steps=25, points=41, title="A line fitted")


def three_in_rosenbrock() -> viz.Trajectory:
    paths = [
        viz.descend(rosenbrock, x0=START, lr=1e-3, steps=60),
        viz.descend(rosenbrock, x0=START, optimizer=momentum, steps=60, name="momentum <0.9>"),
    ]
    return viz.trajectory(rosenbrock, x0=START, paths=paths, points=61, x_range=(-2, 2), y_range=(-1, 3))


def momentum(weights):
    return optim.SGD(weights, lr=1e-3, momentum=0.9)


def around_the_network() -> viz.Landscape:
    return viz.landscape(network(), nn.MSELoss(), network_data(), points=21, seed=3)


def shades() -> viz.Landscape:
    return viz.landscape(network(), nn.MSELoss(), network_data(), points=15, draw="heat", width=360, height=360)


VALLEYS: dict[str, type[Relief] | object] = {
    made.__name__: made for made in (line_fit, three_in_rosenbrock, around_the_network, shades)
}
