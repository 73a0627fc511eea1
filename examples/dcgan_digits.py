"""A convolutional generator and critic play with handwritten digits, 8 x 8 pixels.

    python examples/dcgan_digits.py --steps 3300

A classifier that is trained beside them, on the real images, says whether the made ones can be read: its confidence is
the largest probability that it gives to a digit, on average over samples.
References: Radford, Metz and Chintala (2016), Unsupervised representation learning with deep convolutional generative
adversarial networks; Daskalakis et al. (2018), Training GANs with optimism.
"""

import argparse

import thalweg as tw
import thalweg.nn.functional as F
from thalweg import games, nn, optim
from thalweg.datasets import Digits
from thalweg.utils.data import DataLoader, TensorDataset

NOISE, BATCH = 16, 64


def generator_network():
    """Noise (n, 16) to images (n, 1, 8, 8) with pixels between 0 and 1."""
    return nn.Sequential(
        nn.Linear(NOISE, 256), nn.Unflatten(1, (64, 2, 2)), nn.BatchNorm2d(64), nn.Tanh(),
        nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1), nn.BatchNorm2d(32), nn.Tanh(),
        nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1), nn.Sigmoid(),
    )  # fmt: skip


def critic_network():
    """Images (n, 1, 8, 8) to logits (n, 1), large for those that seem real."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 4, stride=2, padding=1), nn.Tanh(),
        nn.Conv2d(32, 64, 4, stride=2, padding=1), nn.Tanh(),
        nn.Flatten(), nn.Linear(256, 1),
    )  # fmt: skip


def classifier(train, epochs=30):
    """A network that reads digits, (n, 64) to logits (n, 10), trained on the real images."""
    model = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))
    optimizer = optim.Adam(model.parameters(), lr=1e-2)

    @tw.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    loader = DataLoader(train, batch_size=BATCH, shuffle=True)
    for _ in range(epochs):
        step.epoch(loader)
    return model


def read(model, images):
    """The classifier's confidence, and how many of the ten digits make up 2 % or more of the images (n, 1, 8, 8)."""
    with tw.no_grad():
        confidence, digit = model(images.flatten(1)).softmax(1).max(1)
    counts = tw.bincount(digit, minlength=10)
    return confidence.mean().item(), int((counts >= len(images) / 50).sum())


def show(images):
    """Images (n, 1, 8, 8) side by side, as characters."""
    shades = " .:-=+*#%@"
    for row in images[:, 0].permute(1, 0, 2).tolist():
        print("  ".join("".join(shades[min(int(p * 10), 9)] * 2 for p in line) for line in row))


def train(steps):
    """Play for some steps; returns the classifier's accuracy on other images, its confidence, and the digits made."""
    tw.manual_seed(0)
    images, test = Digits("train"), Digits("test")
    reader = classifier(TensorDataset(images.x, images.y))
    accuracy = (reader(test.x).argmax(1) == test.y).float().mean().item()
    generator, critic = generator_network(), critic_network()
    optimizer = games.OptimisticAdam([generator.parameters(), critic.parameters()], lr=1e-3, betas=(0.5, 0.9))

    @tw.compile
    def step(real):
        noise = tw.randn(real.shape[0], NOISE)

        def costs():
            fake = critic(generator(noise))
            taken_in = F.softplus(-fake).mean()
            return taken_in, F.softplus(-critic(real)).mean() + F.softplus(fake).mean()

        return tw.stack(optimizer.step(costs))

    data = TensorDataset(images.x.reshape(-1, 1, 8, 8))
    loader = DataLoader(data, batch_size=BATCH, shuffle=True, drop_last=True)
    epochs = max(1, round(steps / len(loader)))
    for epoch in range(1, epochs + 1):
        costs = step.epoch(loader).mean(0).tolist()
        if epoch % 25 == 0 or epoch == epochs:
            with tw.no_grad():
                made = generator(tw.randn(1000, NOISE))
            confidence, kinds = read(reader, made)
            print(
                f"epoch {epoch:3}: costs {costs[0]:.2f} and {costs[1]:.2f}; read with {confidence:.0%} confidence, "
                f"{kinds} of 10 digits"
            )
    show(made[:6])
    return accuracy, confidence, kinds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3300)
    train(parser.parse_args().steps)
