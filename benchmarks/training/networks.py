"""LeNet-5, a small GPT and an LSTM, as modules of thalweg or of PyTorch: the same lines for both."""

from __future__ import annotations

import importlib
from typing import Any

from .workloads import BLOCKS, CLASSES, FEATURES, HEADS, HIDDEN, TOKENS, VOCABULARY, WIDTH

__all__ = ["network"]


def network(library: str, kind: str) -> Any:
    """A module of this kind."""
    nn = importlib.import_module(f"{library}.nn")
    F = importlib.import_module(f"{library}.nn.functional")
    lib = importlib.import_module(library)

    class LeNet(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
            self.linear1, self.linear2, self.linear3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, CLASSES)

        def forward(self, x: Any) -> Any:
            x = F.max_pool2d(F.relu(self.conv1(x)), 2)
            x = F.max_pool2d(F.relu(self.conv2(x)), 2)
            x = F.relu(self.linear2(F.relu(self.linear1(x.flatten(1)))))
            return self.linear3(x)

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.attention, self.projection = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.expand, self.contract = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

        def forward(self, x: Any) -> Any:  # (batch, tokens, width)
            parts = self.attention(self.norm1(x)).split(WIDTH, dim=2)
            q, k, v = (p.view(*p.shape[:2], HEADS, WIDTH // HEADS).transpose(1, 2) for p in parts)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.projection(y.transpose(1, 2).reshape(x.shape))
            return x + self.contract(F.gelu(self.expand(self.norm2(x))))

    class GPT(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.position_embedding = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(TOKENS, WIDTH)
            self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
            self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY, bias=False)

        def forward(self, tokens: Any) -> Any:
            x = self.embedding(tokens) + self.position_embedding(lib.arange(TOKENS))
            return self.head(self.norm(self.blocks(x))).transpose(1, 2)  # classes second, as the loss has them

    class Recurrent(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.linear = nn.LSTM(FEATURES, HIDDEN, batch_first=True), nn.Linear(HIDDEN, CLASSES)

        def forward(self, x: Any) -> Any:
            return self.linear(self.lstm(x)[0][:, -1])

    return {"lenet": LeNet, "gpt": GPT, "lstm": Recurrent}[kind]()
