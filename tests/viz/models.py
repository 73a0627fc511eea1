"""A dozen models and functions to draw, from the smallest to a ResNet-18 and a GPT with 12 blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import thalweg as tw
from thalweg import nn
from thalweg.nn import functional as F


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)
        )

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        return self.classifier(self.features(x))


class Basic(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet18(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Basic(64, 64), Basic(64, 64))
        self.layer2 = nn.Sequential(Basic(64, 128, 2), Basic(128, 128))
        self.layer3 = nn.Sequential(Basic(128, 256, 2), Basic(256, 256))
        self.layer4 = nn.Sequential(Basic(256, 512, 2), Basic(512, 512))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, 10)

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.heads = heads

    def attention(self, x: tw.Tensor) -> tw.Tensor:
        n, t, width = x.shape
        shape = (n, t, self.heads, width // self.heads)
        q, k, v = (z.reshape(shape).transpose(1, 2) for z in self.qkv(x).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(n, t, width))

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, blocks: int = 12, width: int = 64, letters: int = 65, context: int = 32) -> None:
        super().__init__()
        self.token = nn.Embedding(letters, width)
        self.position = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, 4) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, letters)

    def forward(self, ids: tw.Tensor) -> tw.Tensor:
        x = self.token(ids) + self.position(tw.arange(ids.shape[1]))
        return self.head(self.norm(self.blocks(x)))


class Reader(nn.Module):
    """An LSTM, and a linear layer on its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 16, 2, batch_first=True)
        self.head = nn.Linear(16, 3)

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        out, _ = self.lstm(x)
        return self.head(out[:, -1])


class VAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.Tanh())
        self.mean = nn.Linear(32, 2)
        self.log_variance = nn.Linear(32, 2)
        self.decoder = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 64), nn.Sigmoid())

    def forward(self, x: tw.Tensor) -> tuple[tw.Tensor, tw.Tensor, tw.Tensor]:
        h = self.encoder(x)
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + tw.randn_like(mean) * (0.5 * log_variance).exp()
        return self.decoder(z), mean, log_variance


class UNet(nn.Module):
    """Two levels, with the outer one's features passed on beside the inner one."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU())
        self.down2 = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU())
        self.middle = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
        self.up1 = nn.ConvTranspose2d(8, 8, 2, 2)
        self.up2 = nn.ConvTranspose2d(16, 4, 2, 2)
        self.out = nn.Conv2d(8, 1, 1)

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.up1(self.middle(F.max_pool2d(b, 2)))
        return self.out(tw.cat([self.up2(tw.cat([c, b], 1)), a], 1))


class Siamese(nn.Module):
    """One encoder, called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(5, 4), nn.Tanh())

    def forward(self, left: tw.Tensor, right: tw.Tensor) -> tw.Tensor:
        return (self.encoder(left) - self.encoder(right)).square().sum(1)


def rosenbrock(x: tw.Tensor, y: tw.Tensor) -> tw.Tensor:
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 60), nn.ReLU(), nn.Linear(60, 40), nn.ReLU(), nn.Linear(40, 10))


def loss_of_mlp() -> Callable[..., tw.Tensor]:
    model, criterion = mlp(), nn.CrossEntropyLoss()

    def digits_loss(x: tw.Tensor, y: tw.Tensor) -> tw.Tensor:
        return criterion(model(x), y)

    return digits_loss


def training_step() -> Callable[..., tw.Tensor]:
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
    optimizer = tw.optim.SGD(model.parameters(), lr=0.1)

    @tw.compile
    def step(x: tw.Tensor, y: tw.Tensor) -> tw.Tensor:
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _integers(*shape: int) -> tw.Tensor:
    return tw.zeros(*shape, dtype=tw.int64)


# name: (what to draw, its inputs, options)
MODELS: dict[str, Callable[[], tuple[Any, tuple[tw.Tensor, ...], dict[str, Any]]]] = {
    "mlp": lambda: (mlp(), (tw.ones(16, 64),), {}),
    "loss": lambda: (loss_of_mlp(), (tw.ones(16, 64), _integers(16)), {"direction": "right"}),
    "backward": lambda: (nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), (tw.ones(5, 4),), {
        "backward": True,
    }),
    "lenet": lambda: (LeNet(), (tw.ones(64, 1, 28, 28),), {}),
    "lenet_right": lambda: (LeNet(), (tw.ones(64, 1, 28, 28),), {"direction": "right", "depth": 2}),
    "resnet18": lambda: (ResNet18(), (tw.ones(2, 3, 64, 64),), {}),
    "resnet18_open": lambda: (ResNet18(), (tw.ones(2, 3, 64, 64),), {"depth": 4}),
    "gpt": lambda: (GPT(), (_integers(2, 32),), {}),
    "transformer": lambda: (
        nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 6), (tw.ones(2, 5, 32),), {},
    ),
    "lstm": lambda: (Reader(), (tw.ones(2, 5, 8),), {}),
    "vae": lambda: (VAE(), (tw.ones(8, 64),), {}),
    "unet": lambda: (UNet(), (tw.ones(1, 1, 16, 16),), {"direction": "right"}),
    "siamese": lambda: (Siamese(), (tw.ones(3, 5), tw.ones(3, 5)), {"depth": 2}),
    "rosenbrock": lambda: (rosenbrock, (tw.tensor(1.0), tw.tensor(2.0)), {"direction": "right"}),
    "step": lambda: (training_step(), (tw.ones(8, 4), tw.ones(8, 1)), {}),
}  # fmt: skip


def drawn(name: str) -> tw.viz.Diagram:
    """The diagram of a model by its name."""
    tw.manual_seed(0)
    function, inputs, options = MODELS[name]()
    return tw.viz.diagram(function, *inputs, **options)
