"""Pictures of everything that thalweg draws.

``python examples/gallery.py`` makes docs/gallery.md and its images anew.
"""

import functools
import importlib.util
import inspect
import textwrap
from pathlib import Path

import thalweg as tw
from thalweg import nn, viz
from thalweg.datasets import Digits
from thalweg.utils.data import DataLoader

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "gallery.md"
IMAGES = HERE.parent / "docs" / "images" / "gallery"


def example(name):
    """An example of this folder as a module."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def trained_network():
    """The digits network after five passes over its images."""
    tw.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 60), nn.ReLU(), nn.Linear(60, 40), nn.ReLU(), nn.Linear(40, 10))
    optimizer, criterion = tw.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()
    for _ in range(5):
        for x, y in DataLoader(Digits("train"), batch_size=16, shuffle=True):
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
    return model


def digits_network():
    """The network of `thalweg train digits`."""
    model = nn.Sequential(nn.Linear(64, 60), nn.ReLU(), nn.Linear(60, 40), nn.ReLU(), nn.Linear(40, 10))
    return viz.diagram(model, tw.zeros(16, 64), title="The digits network")


def cost():
    """A function of two modules: what is given, what is computed, and the cost."""
    model, criterion = nn.Sequential(nn.Linear(64, 40), nn.Tanh(), nn.Linear(40, 10)), nn.CrossEntropyLoss()

    def loss(x, y):
        return criterion(model(x), y)

    return viz.diagram(loss, tw.zeros(16, 64), tw.zeros(16, dtype=tw.int64), direction="right")


def backward():
    """The backward pass beside the forward pass: from the gradient at the output to those of the parameters."""
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    return viz.diagram(model, tw.zeros(5, 4), backward=True)


def lenet():
    """LeNet-5, from `examples/lenet5_digits.py`."""
    return viz.diagram(example("lenet5_digits").LeNet5(), tw.zeros(64, 1, 32, 32))


def resnet():
    """A residual network, from `examples/resnet_digits.py`: equal blocks in a row are drawn once."""
    return viz.diagram(example("resnet_digits").ResNet(), tw.zeros(8, 1, 8, 8))


def gpt():
    """A GPT, from `examples/char_gpt.py`."""
    return viz.diagram(example("char_gpt").GPT(letters=59), tw.zeros(2, 64, dtype=tw.int64), depth=2)


def autoencoder():
    """A variational autoencoder, from `examples/vae_digits.py`."""
    return viz.diagram(example("vae_digits").VAE(), tw.zeros(8, 64))


def rosenbrock():
    """Any function can be drawn, without a module."""

    def rosenbrock(x, y):
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2

    return viz.diagram(rosenbrock, tw.tensor(1.0), tw.tensor(2.0), direction="right")


def backpropagation():
    """One pass through a network: the sizes of states and gradients, the norms of the Jacobians, the updates."""
    tw.manual_seed(0)
    x, y = Digits("train")[:16]
    model = nn.Sequential(nn.Linear(64, 60), nn.ReLU(), nn.Linear(60, 10))
    return viz.backprop(model, nn.CrossEntropyLoss(), x, y, lr=0.05)


def backpropagation_halfway():
    """The same pass, after its fourth step: the gradient has come back through the cost."""
    tw.manual_seed(0)
    x, y = Digits("train")[:16]
    model = nn.Sequential(nn.Linear(64, 60), nn.ReLU(), nn.Linear(60, 10))
    return viz.backprop(model, nn.CrossEntropyLoss(), x, y, lr=0.05, step=5)


def descent():
    """The lecture's figure: level curves of a linear model's cost, and three ways down."""
    tw.manual_seed(0)
    x = tw.randn(200, 1)
    y = 2 * x - 1 + 0.3 * tw.randn(200, 1)
    model = nn.Linear(1, 1)
    with tw.no_grad():
        model.weight.fill_(-1.5)
        model.bias.fill_(2.0)
    return viz.trajectory(model, nn.MSELoss(), (x, y), lr=0.05, steps=60)


def valley():
    """Three optimisers from one point, in a valley whose floor is nearly flat."""

    def rosenbrock(x, y):
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2

    start = (0.3, 2.6)
    optimizers = {
        "gradient descent": lambda w: tw.optim.SGD(w, lr=0.001),
        "momentum 0.9": lambda w: tw.optim.SGD(w, lr=0.0004, momentum=0.9),
        "Adam": lambda w: tw.optim.Adam(w, lr=0.2),
    }
    paths = [viz.descend(rosenbrock, x0=start, optimizer=o, steps=300, name=n) for n, o in optimizers.items()]
    return viz.trajectory(
        rosenbrock, x0=start, paths=paths, x_range=(-2, 2), y_range=(-1, 3), title="Rosenbrock's valley"
    )


def main_directions():
    """A network of 1,610 weights on the digits: the plane of the two main directions of its paths."""
    tw.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 20), nn.Tanh(), nn.Linear(20, 10))
    x, y = Digits("train")[:500]
    return viz.trajectory(model, nn.CrossEntropyLoss(), (x, y), lr=0.1, steps=150)


def landscape():
    """The loss around the weights of a trained network, along two random directions of its filters' lengths."""
    tw.manual_seed(0)
    model, criterion = nn.Sequential(nn.Linear(64, 40), nn.Tanh(), nn.Linear(40, 10)), nn.CrossEntropyLoss()
    x, y = Digits("train")[:]
    optimizer = tw.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    return viz.landscape(model, criterion, (x, y))


def a_game():
    """Two players of one value, x y, which one makes small and the other large: plain descent spirals out of it."""

    def costs(x, y):
        return x * y, -x * y

    return viz.vector_field(costs, x0=(0.5, 0.5), lr=0.2, steps=40, title="min max x y")


def loss_curves():
    """Lines are told apart by colour, dashes and names; a ring marks a point."""
    losses = [1.9, 1.1, 0.62, 0.41, 0.28, 0.19, 0.13, 0.092, 0.065, 0.047]
    checks = [1.8, 1.0, 0.66, 0.48, 0.39, 0.36, 0.34, 0.35, 0.37, 0.38]
    epochs = range(1, 11)
    lines = [viz.Series("train", epochs, losses), viz.Series("validation", epochs, checks)]
    kept = viz.Mark("kept", "validation", 7)
    return viz.LineChart(lines, title="Losses", x_label="epoch", y_label="loss", marks=[kept])


def confusion_matrix():
    """What the network takes the test images for."""
    model, test = trained_network(), Digits("test")
    counts = tw.zeros(10, 10)
    counts.index_put_((test.y, model(test.x).argmax(1)), tw.ones(len(test)), accumulate=True)
    return viz.Heatmap(counts, title="Digits of the test", x_label="read as", y_label="digit", width=560, height=480)


def weights_of_the_first_layer():
    """A histogram describes itself in words, too: count, mean, deviation, extremes."""
    weights = trained_network()[0].weight
    return viz.Histogram(weights, title="Weights of the first layer", x_label="weight")


PICTURES = [
    digits_network,
    cost,
    backward,
    lenet,
    resnet,
    gpt,
    autoencoder,
    rosenbrock,
    backpropagation,
    backpropagation_halfway,
    descent,
    valley,
    main_directions,
    landscape,
    a_game,
    loss_curves,
    confusion_matrix,
    weights_of_the_first_layer,
]


HEAD = """# Gallery

Everything here is made by `python examples/gallery.py`, from the code beside each picture. In a notebook a picture
shows itself; `picture.save("name.svg")` writes it, as `.html` with what can be clicked, or as `.png`.
"""


def code_of(picture):
    """The lines of a function that makes a picture, without its head and docstring."""
    lines = inspect.getsource(picture).splitlines()[2:]
    return textwrap.dedent("\n".join(lines)).strip("\n").replace("return viz.", "picture = viz.")


def page(descriptions):
    """The gallery's text, for pictures by name and what they show in words."""
    parts = [HEAD]
    for picture in PICTURES:
        name = picture.__name__
        parts.append(
            f"## {name.replace('_', ' ').capitalize()}\n\n{picture.__doc__}\n\n"
            f"![{descriptions[name]}](images/gallery/{name}.svg)\n\n```text\n{code_of(picture)}\n```\n"
        )
    return "\n".join(parts)


def main():
    """Make all pictures and the page."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    descriptions = {}
    for picture in PICTURES:
        drawn = picture()
        drawn.save(IMAGES / f"{picture.__name__}.svg")
        descriptions[picture.__name__] = drawn.title
        print(f"{picture.__name__}: {drawn.width:g} x {drawn.height:g}")
    PAGE.write_text(page(descriptions), encoding="utf-8")


if __name__ == "__main__":
    main()
