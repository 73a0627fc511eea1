"""A small residual network with batch normalisation reads handwritten digits of 8 x 8 pixels.

    python examples/resnet_digits.py --steps 300

After He et al. (2015), Deep residual learning for image recognition: three stages of two blocks, each with half the
pixels and twice the channels. While it trains, images are shifted by up to one pixel. The training step is one compiled
function.
"""

import argparse

import thalweg as tw
import thalweg.nn.functional as F
from thalweg import nn, optim
from thalweg.datasets import Digits
from thalweg.utils.data import DataLoader, TensorDataset


class BasicBlock(nn.Module):
    """Two convolutions, added to what comes in: (n, inplanes, h, w) -> (n, planes, h / stride, w / stride)."""

    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = nn.Identity()
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class ResNet(nn.Module):
    """Images (n, 1, 8, 8) to the logits of ten digits (n, 10)."""

    def __init__(self, width=16):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = self._stage(width, width, 1)
        self.layer2 = self._stage(width, 2 * width, 2)
        self.layer3 = self._stage(2 * width, 4 * width, 2)
        self.fc = nn.Linear(4 * width, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def _stage(self, inplanes, planes, stride):
        return nn.Sequential(BasicBlock(inplanes, planes, stride), BasicBlock(planes, planes))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def shifted(x):
    """All images of a batch, moved by the same -1, 0 or 1 pixels each way."""
    down, right = tw.randint(-1, 2, (2,)).tolist()
    padded = F.pad(x, (1, 1, 1, 1))
    return padded[:, :, 1 + down : 9 + down, 1 + right : 9 + right].contiguous()


def train(steps):
    """Train for some steps of 64 images; returns the share of other images that are read right."""
    tw.manual_seed(0)
    train_set, test = Digits("train", flatten=False), Digits("test", flatten=False)
    model = ResNet()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)

    @tw.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    def accuracy():
        model.eval()
        with tw.no_grad():
            right = (model(test.x).argmax(1) == test.y).float().mean().item()
        model.train()
        return right

    loader = DataLoader(TensorDataset(train_set.x, train_set.y), batch_size=64, shuffle=True, drop_last=True)
    done = 0
    while done < steps:
        for x, y in loader:
            loss = step(shifted(x), y)
            scheduler.step()
            done += 1
            if done == steps:
                break
        print(f"step {done:3}: loss {loss.item():.3f}, {accuracy():.1%} of {len(test)} other images right")
    return accuracy()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    train(parser.parse_args().steps)
