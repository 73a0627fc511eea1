"""Three arms of a spiral told apart: the smallest problem that no linear model can solve.

    python examples/spiral.py --steps 600

The whole training step is one compiled function.
"""

import argparse
import math

import thalweg as tw
from thalweg import nn, optim


def spiral(points=200, arms=3, noise=0.15):
    """Points (arms * points, 2) on the arms of a spiral, and the number of the arm of each."""
    radius = tw.linspace(0.1, 1, points)
    xs = []
    for arm in range(arms):
        angle = 2 * math.pi * arm / arms + 4 * radius + noise * tw.randn(points)
        xs.append(tw.stack([radius * angle.cos(), radius * angle.sin()], dim=1))
    return tw.cat(xs), tw.arange(arms)[:, None].expand(arms, points).reshape(-1)


def train(steps):
    """Train for some steps on all points at once; returns the share of points that are told right."""
    tw.manual_seed(0)
    x, y = spiral()
    model = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 3))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    criterion = nn.CrossEntropyLoss()

    @tw.compile
    def step(x, y):
        optimizer.zero_grad()
        logits = model(x)
        loss = criterion(logits, y)
        loss.backward()
        optimizer.step()
        return loss, (logits.argmax(1) == y).float().mean()

    for i in range(steps):
        loss, accuracy = step(x, y)
        if i % 100 == 0 or i == steps - 1:
            print(f"step {i:4}: loss {loss.item():.3f}, {accuracy.item():.1%} right")
    return accuracy.item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600)
    train(parser.parse_args().steps)
