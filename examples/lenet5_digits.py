"""LeNet-5 reads handwritten digits: the network of LeCun et al. (1998), Gradient-based learning applied to document
recognition, with today's losses.

    python examples/lenet5_digits.py --steps 450

The images have 8 x 8 pixels, and are enlarged to the 32 x 32 that the network takes. The training step is one compiled
function.
"""

import argparse

import thalweg as tw
import thalweg.nn.functional as F
from thalweg import nn, optim
from thalweg.datasets import Digits
from thalweg.utils.data import DataLoader, TensorDataset


class LeNet5(nn.Module):
    """Images (n, 1, 32, 32) to the logits of ten digits (n, 10)."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)  # (n, 6, 28, 28)
        self.conv2 = nn.Conv2d(6, 16, 5)  # (n, 16, 10, 10)
        self.conv3 = nn.Conv2d(16, 120, 5)  # (n, 120, 1, 1)
        self.fc1 = nn.Linear(120, 84)
        self.fc2 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.avg_pool2d(self.conv1(x).tanh(), 2)
        x = F.avg_pool2d(self.conv2(x).tanh(), 2)
        x = self.conv3(x).tanh().flatten(1)
        return self.fc2(self.fc1(x).tanh())


def images(split):
    """The images of a split, enlarged, around 0; and the digits."""
    digits = Digits(split, flatten=False)
    return F.interpolate(digits.x, size=(32, 32), mode="bilinear", align_corners=False) * 2 - 1, digits.y


def train(steps):
    """Train for some steps of 64 images; returns the share of other images that are read right."""
    tw.manual_seed(0)
    x, y = images("train")
    test_x, test_y = images("test")
    model = LeNet5()
    optimizer = optim.Adam(model.parameters(), lr=2e-3)

    @tw.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True, drop_last=True)
    done = 0
    while done < steps:
        for xb, yb in loader:
            loss = step(xb, yb)
            done += 1
            if done == steps:
                break
        with tw.no_grad():
            accuracy = (model(test_x).argmax(1) == test_y).float().mean().item()
        print(f"step {done:3}: loss {loss.item():.3f}, {accuracy:.1%} of {len(test_y)} other images right")
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=450)
    train(parser.parse_args().steps)
