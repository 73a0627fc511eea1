"""A generator and a critic play for the ring of eight Gaussians: with optimism, and without.

    python examples/gan_ring.py --steps 3000

The generator turns noise into points, the critic tells them from points of the ring; each lowers its own cost. A mode
is covered if a quarter of its share of the samples, or more, is near it: within three deviations.
References: Goodfellow et al. (2014), Generative adversarial nets; Daskalakis et al. (2018), Training GANs with
optimism; Metz et al. (2017), Unrolled generative adversarial networks, for the ring.
"""

import argparse
import math

import thalweg as tw
import thalweg.nn.functional as F
from thalweg import games, nn
from thalweg.utils.data import DataLoader, TensorDataset

MODES, DEVIATION = 8, 0.05
NOISE, BATCH = 16, 256
ANGLES = [k * math.tau / MODES for k in range(MODES)]
CENTRES = tw.tensor([[math.cos(angle), math.sin(angle)] for angle in ANGLES])


def ring(count):
    """Points of the ring, (count, 2)."""
    return CENTRES[tw.randint(0, MODES, (count,))] + DEVIATION * tw.randn(count, 2)


def network(inputs, outputs, width=128):
    """A network with two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, outputs)
    )


def measured(points):
    """How many modes are covered by points (n, 2), and which share of them is near a mode."""
    distances = tw.cdist(points, CENTRES)
    near = distances.min(1).values < 3 * DEVIATION
    counts = tw.bincount(distances.argmin(1)[near], minlength=MODES)
    return int((counts >= len(points) / MODES / 4).sum()), near.float().mean().item()


def play(steps, optimism, seed=0):
    """Play for some steps; returns how many modes are covered in the end, and the share of the samples near one."""
    tw.manual_seed(seed)
    generator, critic = network(NOISE, 2), network(2, 1)
    players = [generator.parameters(), critic.parameters()]
    optimizer = games.OptimisticAdam(players, lr=1e-3, betas=(0.5, 0.9), optimism=optimism)

    @tw.compile
    def step(real):
        noise = tw.randn(real.shape[0], NOISE)

        def costs():
            fake = critic(generator(noise))
            taken_in = F.softplus(-fake).mean()
            return taken_in, F.softplus(-critic(real)).mean() + F.softplus(fake).mean()

        return tw.stack(optimizer.step(costs))

    loader = DataLoader(TensorDataset(ring(min(steps, 100) * BATCH)), batch_size=BATCH, shuffle=True)
    epochs = max(1, round(steps / len(loader)))
    for epoch in range(1, epochs + 1):
        costs = step.epoch(loader).mean(0).tolist()
        if epoch % 5 == 0 or epoch == epochs:
            with tw.no_grad():
                modes, share = measured(generator(tw.randn(4096, NOISE)))
            print(
                f"step {epoch * len(loader):5}: costs {costs[0]:.2f} and {costs[1]:.2f}, {modes} modes covered, "
                f"{share:.0%} of the samples near one"
            )
    return modes, share


def train(steps):
    """Play without optimism, which is Adam of both players at once, and with it; returns what each has covered."""
    results = []
    for optimism in (0.0, 1.0):
        print("with optimism" if optimism else "without optimism")
        results.append(play(steps, optimism))
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3000)
    train(parser.parse_args().steps)
