"""A small GPT that writes sonnets letter by letter: 4 layers, 4 heads, width 128, 64 letters of context.

    python examples/char_gpt.py --steps 1000

The model is that of Radford et al. (2019), Language models are unsupervised multitask learners, in the small: blocks of
causal attention and a layer of four times the width, normalised first; the head's weights tied to the embedding's. The
training step is one compiled function; the text is in data/sonnets.txt.
"""

import argparse
import math
from pathlib import Path

import thalweg as tw
import thalweg.nn.functional as F
from thalweg import nn, optim

TEXT = Path(__file__).parent / "data" / "sonnets.txt"


class CausalSelfAttention(nn.Module):
    """(B, T, C) -> (B, T, C): each position looks at itself and at those before it."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.c_attn(x).split(C, dim=2)
        q, k, v = (y.view(B, T, self.heads, C // self.heads).transpose(1, 2) for y in (q, k, v))  # (B, nh, T, hs)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(B, T, C))


class Block(nn.Module):
    """Attention and a layer of four times the width, each added to what comes in."""

    def __init__(self, width, heads):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = CausalSelfAttention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """Letters (B, T) to logits of the letter that follows each (B, T, letters)."""

    def __init__(self, letters, context=64, width=128, layers=4, heads=4):
        super().__init__()
        self.context = context
        self.wte = nn.Embedding(letters, width)
        self.wpe = nn.Embedding(context, width)
        self.h = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, letters, bias=False)
        self.apply(self._init_weights)
        for name, p in self.named_parameters():
            if name.endswith(("c_proj.weight", "mlp.2.weight")):  # what is added to the stream, 2 * layers times
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * layers))
        self.wte.weight = self.lm_head.weight

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, letters):
        x = self.wte(letters) + self.wpe(tw.arange(letters.shape[1]))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


def generate(model, start, count, temperature=0.8):
    """``start`` (a list of letters) and ``count`` letters more."""
    letters = list(start)
    with tw.no_grad():
        for _ in range(count):
            logits = model(tw.tensor([letters[-model.context :]]))[0, -1] / temperature
            letters.append(tw.multinomial(F.softmax(logits, dim=-1), 1).item())
    return letters


def train(steps):
    """Train for some steps; returns the loss per letter at the beginning and at the end, in nats."""
    tw.manual_seed(0)
    text = TEXT.read_text(encoding="utf-8")
    alphabet = sorted(set(text))
    data = tw.tensor([alphabet.index(c) for c in text])
    model = GPT(len(alphabet))
    optimizer = optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)
    print(f"{len(text)} letters, {len(alphabet)} kinds, {sum(p.numel() for p in model.parameters())} weights")

    @tw.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    losses = []
    offsets = tw.arange(model.context + 1)
    for i in range(steps):
        starts = tw.randint(0, len(data) - model.context, (12,))
        batch = data[starts[:, None] + offsets]  # (12, 65)
        losses.append(step(batch[:, :-1].contiguous(), batch[:, 1:].contiguous()).item())
        if i % 100 == 0 or i == steps - 1:
            print(f"step {i:4}: loss {losses[-1]:.3f}")
    print("".join(alphabet[c] for c in generate(model, [0], min(steps, 300))))
    last = losses[-10:]
    return losses[0], sum(last) / len(last)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    train(parser.parse_args().steps)
