"""A variational autoencoder of handwritten digits: 8 x 8 pixels through a space of 8 dimensions and back.

    python examples/vae_digits.py --steps 2000

The encoder gives a normal distribution for each image, the decoder the probability that each pixel is set. The loss is
the negative evidence lower bound: how badly the image is described, plus how far the distribution is from N(0, 1).
Reference: Kingma and Welling (2013), Auto-encoding variational Bayes.
"""

import argparse

import thalweg as tw
import thalweg.nn.functional as F
from thalweg import nn, optim
from thalweg.datasets import Digits
from thalweg.utils.data import DataLoader, TensorDataset


class VAE(nn.Module):
    """Images (n, 64) with pixels between 0 and 1 to logits (n, 64), mean and log variance (n, latent)."""

    def __init__(self, pixels=64, hidden=128, latent=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(pixels, hidden), nn.ReLU())
        self.mean = nn.Linear(hidden, latent)
        self.log_variance = nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, pixels))

    def forward(self, x):
        h = self.encoder(x)
        mean, log_variance = self.mean(h), self.log_variance(h)
        noise = tw.randn_like(mean)
        return self.decoder(mean + (log_variance / 2).exp() * noise), mean, log_variance


def bound(x, logits, mean, log_variance):
    """The negative evidence lower bound per image, in nats."""
    described = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    distance = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
    return (described + distance) / x.shape[0]


def show(images):
    """Images (n, 64) side by side, as characters."""
    shades = " .:-=+*#%@"
    for row in images.view(-1, 8, 8).permute(1, 0, 2).tolist():
        print("  ".join("".join(shades[min(int(p * 10), 9)] * 2 for p in line) for line in row))


def train(steps):
    """Train for some steps; returns the loss per image at the beginning and at the end, on images kept apart."""
    tw.manual_seed(0)
    x, test = (Digits(split).x for split in ("train", "test"))
    model = VAE()
    optimizer = optim.Adam(model.parameters(), lr=2e-3)

    @tw.compile
    def step(x):
        optimizer.zero_grad()
        loss = bound(x, *model(x))
        loss.backward()
        optimizer.step()
        return loss

    def tested():
        with tw.no_grad():
            return bound(test, *model(test)).item()

    before = tested()
    loader = DataLoader(TensorDataset(x), batch_size=100, shuffle=True, drop_last=True)
    epochs = max(1, round(steps / len(loader)))
    for epoch in range(epochs):
        losses = step.epoch(loader)
        if epoch % 20 == 0 or epoch == epochs - 1:
            print(f"epoch {epoch:3}: {losses.mean().item():.2f} nats per image, {tested():.2f} on other images")
    print("four images, as they come back, and four that the decoder has made up:")
    with tw.no_grad():
        show(test[:4])
        show(model(test[:4])[0].sigmoid())
        show(model.decoder(tw.randn(4, 8)).sigmoid())
    return before, tested()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    train(parser.parse_args().steps)
