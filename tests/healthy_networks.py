"""Networks that learn, of many kinds, about which ``explain`` must be silent.

A case is a function that gives a model and a function of no arguments: a loss on data of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import thalweg as tw
from thalweg import nn

F = nn.functional

Case = tuple[Any, Callable[[], Any]]
HEALTHY: dict[str, Callable[[], Case]] = {}


def healthy(make: Callable[[], Case]) -> Callable[[], Case]:
    HEALTHY[make.__name__] = make
    return make


def classes(n: int, count: int) -> Any:
    return tw.arange(n) % count


@healthy
def mlp() -> Case:
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 4))
    x, y = tw.randn(16, 10), classes(16, 4)
    return model, lambda: F.cross_entropy(model(x), y)


@healthy
def with_dropout() -> Case:
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 1), nn.Sigmoid())
    x, y = tw.randn(16, 10), (tw.arange(16) % 2).float()
    return model, lambda: F.binary_cross_entropy(model(x)[:, 0], y)


@healthy
def cnn_with_bias_before_a_normalisation() -> Case:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 3),
    )  # fmt: skip
    x, y = tw.randn(6, 1, 8, 8), classes(6, 3)
    return model, lambda: F.cross_entropy(model(x), y)


class Block(nn.Module):
    """Two convolutions with a way round them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Any) -> Any:
        y = F.relu(self.norm(self.first(x)))
        return F.relu(x + self.norm2(self.second(y)))


@healthy
def resnet() -> Case:
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), Block(8), Block(8), nn.AvgPool2d(8), nn.Flatten(), nn.Linear(8, 3)
    )
    x, y = tw.randn(4, 1, 8, 8), classes(4, 3)
    return model, lambda: F.cross_entropy(model(x), y)


class Reader(nn.Module):
    """Reads sequences of words."""

    def __init__(self, cell: type) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 8, padding_idx=0)
        self.cell = cell(8, 16, num_layers=2, batch_first=True)
        self.out = nn.Linear(16, 2)

    def forward(self, words: Any) -> Any:
        states, _ = self.cell(self.words(words))
        return self.out(states[:, -1])


@healthy
def lstm() -> Case:
    model = Reader(nn.LSTM)
    words = tw.arange(4 * 12).reshape(4, 12) % 23
    return model, lambda: F.cross_entropy(model(words), classes(4, 2))


@healthy
def gru() -> Case:
    model = Reader(nn.GRU)
    words = tw.arange(4 * 12).reshape(4, 12) % 23
    return model, lambda: F.cross_entropy(model(words), classes(4, 2))


class Language(nn.Module):
    """A small GPT, of which the output shares its weights with the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(30, 16)
        self.places = nn.Embedding(12, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(16)
        self.out = nn.Linear(16, 30, bias=False)
        self.out.weight = self.words.weight

    def forward(self, words: Any) -> Any:
        n = words.shape[1]
        x = self.words(words) + self.places(tw.arange(n))
        mask = nn.Transformer.generate_square_subsequent_mask(n)
        return self.out(self.norm(self.blocks(x, mask=mask)))


@healthy
def transformer() -> Case:
    model = Language()
    words = tw.arange(3 * 9).reshape(3, 9) % 17
    return model, lambda: F.cross_entropy(model(words[:, :-1]).flatten(0, 1), words[:, 1:].flatten())


class Attention(nn.Module):
    """Attention with a bias for the keys, on which its result does not depend."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))

    def forward(self, x: Any) -> Any:
        scores = self.query(x) @ self.key(x).transpose(1, 2) / 8**0.5
        n = x.shape[1]
        scores = scores.masked_fill(tw.ones(n, n, dtype=tw.bool).triu(1), float("-inf"))
        return scores.softmax(-1) @ self.value(x)


@healthy
def attention_by_hand() -> Case:
    model = Attention()
    x, y = tw.randn(3, 5, 8), tw.randn(3, 5, 8)
    return model, lambda: F.mse_loss(model(x), y)


class VAE(nn.Module):
    """Draws its code."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(12, 16)
        self.mean, self.logvar = nn.Linear(16, 3), nn.Linear(16, 3)
        self.decoder = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 12))

    def forward(self, x: Any) -> Any:
        h = self.encoder(x).relu()
        mean, logvar = self.mean(h), self.logvar(h)
        z = mean + tw.randn(*mean.shape) * (0.5 * logvar).exp()
        y = self.decoder(z)
        divergence = -0.5 * (1 + logvar - mean.square() - logvar.exp()).sum(1)
        return F.binary_cross_entropy_with_logits(y, x, reduction="sum") / len(x) + divergence.mean()


@healthy
def vae() -> Case:
    model, x = VAE(), tw.rand(8, 12)
    return model, lambda: model(x)


@healthy
def frozen_layers() -> Case:
    model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 4))
    model[0].requires_grad_(False)
    x, y = tw.randn(16, 10), classes(16, 4)
    return model, lambda: F.cross_entropy(model(x), y)


@healthy
def straight_through() -> Case:
    model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 4))
    x, y = tw.randn(16, 10), tw.randn(16, 4)

    def loss() -> Any:
        h = model[:2](x)
        h = h + (h.sign() - h).detach()
        return F.mse_loss(model[2](h), y)

    return model, loss


@healthy
def target_network() -> Case:
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    old, new, reward = tw.randn(16, 4), tw.randn(16, 4), tw.randn(16)
    action = tw.arange(16) % 2

    def loss() -> Any:
        with tw.no_grad():
            target = reward + 0.9 * model(new).max(1).values
        return F.smooth_l1_loss(model(old).gather(1, action[:, None])[:, 0], target)

    return model, loss


@healthy
def reduced_activations() -> Case:
    parts = [
        nn.GELU(),
        nn.SiLU(),
        nn.ELU(),
        nn.LeakyReLU(),
        nn.ReLU6(),
        nn.Softplus(),
        nn.Mish(),
        nn.Hardswish(),
        nn.PReLU(),
    ]
    model = nn.Sequential(nn.Linear(6, 12), *(m for part in parts for m in (part, nn.Linear(12, 12), nn.LayerNorm(12))))
    x, y = tw.randn(8, 6), tw.randn(8, 12)
    return model, lambda: F.mse_loss(model(x), y)


@healthy
def normalised_weights() -> Case:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(6, 8))
    model = nn.Sequential(layer, nn.GroupNorm(2, 8), nn.ReLU(), nn.Linear(8, 2))
    x, y = tw.randn(16, 6), tw.randn(16, 2)
    return model, lambda: F.mse_loss(model(x), y)


@healthy
def penalised_gradient() -> Case:
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
    x = tw.randn(8, 6)

    def loss() -> Any:
        inputs = x.clone().requires_grad_()
        (slope,) = tw.autograd.grad(model(inputs).sum(), inputs, create_graph=True)
        return ((slope.norm(dim=1) - 1) ** 2).mean() + model(x).square().mean()

    return model, loss
