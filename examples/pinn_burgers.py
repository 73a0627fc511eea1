"""A network that solves Burgers' equation: u_t + u u_x = nu u_xx on -1 <= x <= 1, 0 <= t <= 1.

    python examples/pinn_burgers.py --steps 3000

No solution is shown to the network. Its loss is how far it is from the equation, at random points, and from the
conditions u(x, 0) = -sin(pi x) and u(-1, t) = u(1, t) = 0. The derivatives by x and t are those of the network, and the
gradient by the weights goes through them, second derivatives included: the whole step is one compiled function.

At the end the network is compared with the exact solution, by the formula of Cole and Hopf with nu = 0.1 / pi.
Reference: Raissi, Perdikaris and Karniadakis (2019), Physics-informed neural networks.
"""

import argparse
import itertools
import math

import numpy as np

import thalweg as tw
from thalweg import nn, optim

NU = 0.1 / math.pi


def exact(x, t):
    """The solution at x and t > 0, as a quotient of two integrals by Gauss and Hermite's rule."""
    z, weight = np.polynomial.hermite.hermgauss(80)
    z = math.sqrt(4 * NU * t) * z  # (80,)
    shifted = x[:, None] - z  # (n, 80)
    heat = weight * np.exp(-np.cos(np.pi * shifted) / (2 * np.pi * NU))
    return -(heat * np.sin(np.pi * shifted)).sum(1) / heat.sum(1)


def residual(model, xt):
    """u_t + u u_x - nu u_xx at points (n, 2), which require gradients."""
    u = model(xt)
    (du,) = tw.autograd.grad(u.sum(), xt, create_graph=True)  # (n, 2)
    u_x, u_t = du[:, :1], du[:, 1:]
    (du_x,) = tw.autograd.grad(u_x.sum(), xt, create_graph=True)
    return u_t + u * u_x - NU * du_x[:, :1]


def error(model):
    """The network's distance from the exact solution at t = 1/2, relative to its size."""
    x = np.linspace(-1, 1, 201)
    points = tw.tensor(np.stack([x, np.full_like(x, 0.5)], 1), dtype=tw.float32)
    with tw.no_grad():
        found = model(points).numpy()[:, 0]
    right = exact(x, 0.5)
    return float(np.linalg.norm(found - right) / np.linalg.norm(right))


def train(steps):
    """Train for some steps; returns the relative error at t = 1/2."""
    tw.manual_seed(0)
    sizes = [2, 32, 32, 32, 1]
    layers = [layer for a, b in itertools.pairwise(sizes) for layer in (nn.Linear(a, b), nn.Tanh())]
    model = nn.Sequential(*layers[:-1])
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    @tw.compile
    def step(inside, start, edges):
        inside.requires_grad_()
        optimizer.zero_grad()
        equation = residual(model, inside).square().mean()
        begin = (model(start) + (math.pi * start[:, :1]).sin()).square().mean()
        border = model(edges).square().mean()
        loss = equation + 10 * begin + border
        loss.backward()
        optimizer.step()
        return loss

    for i in range(steps):
        inside = tw.rand(512, 2) * tw.tensor([2.0, 1.0]) - tw.tensor([1.0, 0.0])
        start = tw.cat([tw.rand(128, 1) * 2 - 1, tw.zeros(128, 1)], dim=1)
        edges = tw.cat([tw.randint(0, 2, (64, 1)) * 2.0 - 1, tw.rand(64, 1)], dim=1)
        loss = step(inside, start, edges)
        scheduler.step()
        if i % 500 == 0 or i == steps - 1:
            print(f"step {i:4}: loss {loss.item():.4f}, error at t = 1/2 {error(model):.1%}")
    return error(model)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3000)
    train(parser.parse_args().steps)
