"""An LSTM that writes sonnets letter by letter: width 128, trained on 64 letters at a time.

    python examples/char_lstm.py --steps 600

The state at the end of one piece of text is where the next one begins (truncated backpropagation through time). The
training step is one compiled function; the text is in data/sonnets.txt.
"""

import argparse
from pathlib import Path

import thalweg as tw
import thalweg.nn.functional as F
from thalweg import nn, optim

TEXT = Path(__file__).parent / "data" / "sonnets.txt"


class CharLSTM(nn.Module):
    """Letters (T, B) and a state to logits (T, B, letters) and the new state."""

    def __init__(self, letters, width=128):
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(letters, width)
        self.lstm = nn.LSTM(width, width)
        self.head = nn.Linear(width, letters)

    def forward(self, letters, state):
        out, state = self.lstm(self.embedding(letters), state)
        return self.head(out), state

    def start(self, batch):
        """The state before the first letter."""
        return tw.zeros(1, batch, self.width), tw.zeros(1, batch, self.width)


def generate(model, first, count, temperature=0.7):
    """``count`` letters that follow ``first``."""
    letters, state = [first], model.start(1)
    with tw.no_grad():
        for _ in range(count):
            logits, state = model(tw.tensor([[letters[-1]]]), state)
            letters.append(tw.multinomial(F.softmax(logits[0, 0] / temperature, dim=-1), 1).item())
    return letters


def train(steps, batch=32, length=64):
    """Train for some steps; returns the loss per letter at the beginning and at the end, in nats."""
    tw.manual_seed(0)
    text = TEXT.read_text(encoding="utf-8")
    alphabet = sorted(set(text))
    data = tw.tensor([alphabet.index(c) for c in text])
    columns = data[: len(data) // batch * batch].view(batch, -1).t().contiguous()  # (letters, batch): side by side
    model = CharLSTM(len(alphabet))
    optimizer = optim.Adam(model.parameters(), lr=5e-3)

    @tw.compile
    def step(x, y, h, c):
        optimizer.zero_grad()
        logits, (h, c) = model(x, (h, c))
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.detach(), h.detach(), c.detach()

    losses, at, (h, c) = [], 0, model.start(batch)
    for i in range(steps):
        if at + length + 1 > len(columns):
            at, (h, c) = 0, model.start(batch)
        loss, h, c = step(columns[at : at + length], columns[at + 1 : at + length + 1], h, c)
        at += length
        losses.append(loss.item())
        if i % 100 == 0 or i == steps - 1:
            print(f"step {i:4}: loss {losses[-1]:.3f}")
    print("".join(alphabet[c] for c in generate(model, alphabet.index("\n"), min(steps, 300))))
    last = losses[-10:]
    return losses[0], sum(last) / len(last)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600)
    train(parser.parse_args().steps)
