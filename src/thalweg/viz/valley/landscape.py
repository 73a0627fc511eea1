"""``landscape``: the loss around a model's weights, along filter-normalised random directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from ...core.tensor import Tensor
from ...errors import ArgumentError
from ...ops.creation import tensor
from ...ops.drawing import randn
from ...ops.random import Generator
from ..charts.axes import Floats, number
from ..charts.lines import LineChart, Mark, Series
from ..charts.plot import EDGE, amount, text
from ..charts.shades import scale_room
from ..text import shortened
from .grid import losses_along
from .objective import ModuleCost
from .relief import Draw, Relief

__all__ = ["Landscape", "Normalise", "Profile", "filter_normalised", "landscape"]

Normalise = Literal["filter", "layer"] | None

WIDTH, HEIGHT = 640.0, 560.0


def landscape(
    model: Any,
    loss: Callable[..., Any],
    data: Any,
    *,
    dimensions: int = 2,
    span: float = 1.0,
    points: int = 51,
    normalise: Normalise = "filter",
    directions: Sequence[Any] | None = None,
    biases: bool = False,
    seed: int = 0,
    training: bool = False,
    draw: Draw = "levels",
    title: str | None = None,
    width: float = WIDTH,
    height: float = HEIGHT,
) -> Landscape | Profile:
    """The loss at w + a d1 + b d2 around the weights w of a model, for a and b from -span to span.

    The directions d1 and d2 are random, and each of their filters has the norm of the model's: d <- d ‖w‖ / ‖d‖ for
    each slice of a weight along its first axis, which is a filter of a convolution and a unit of a linear layer. So
    pictures of different networks compare, although a ReLU network computes the same after its layers are scaled.
    Biases and parameters of normalisations, which have one axis or none, do not move unless ``biases`` says so.

    The losses are computed by one compiled program in a native loop. The model is never changed, even if its loss
    raises an error. It is evaluated in evaluation mode: batch norm uses its running statistics, and nothing is dropped.

    Args:
        model: the module whose trainable parameters move.
        loss: of the model's output and the target.
        data: (x, y), a TensorDataset, or x alone, for a loss of the output alone.
        dimensions: 2 for level curves, or 1 for a profile along one direction.
        span: how far, in units of the weights' norms.
        points: of the grid, in each direction; with an odd number the model's own weights are among them.
        normalise: "filter", "layer" (one norm for each whole parameter), or None: directions as they are.
        directions: instead of random ones: for each dimension tensors like the trainable parameters, in their order,
            which are normalised like random ones.
        biases: move parameters with one axis or none, too, each normalised as one filter.
        seed: of the random directions.
        training: evaluate in training mode.
        draw: level curves, which need contourpy, or "heat": shades only.

    Raises:
        ArgumentError: what is given does not fit together; the message says what to do.

    Reference:
        Li, Xu, Taylor, Studer & Goldstein (2018), "Visualizing the Loss Landscape of Neural Nets".

    >>> import thalweg as tw
    >>> _ = tw.manual_seed(0)
    >>> x, model = tw.randn(20, 3), tw.nn.Linear(3, 1)
    >>> around = landscape(model, tw.nn.MSELoss(), (x, x.sum(1, keepdim=True)), points=11)
    >>> around.loss.shape, around.a.tolist()[::5]
    ((11, 11), [-1.0, 0.0, 1.0])
    """
    if dimensions not in (1, 2):
        raise ArgumentError(f"landscape: dimensions should be 1 or 2, not {dimensions}")
    if points < 2 or not 0 < span < np.inf:
        raise ArgumentError(f"landscape: points should be 2 or more, not {points}, and span positive, not {span}")
    objective = ModuleCost(model, loss, data)
    moves = _directions(objective, dimensions, directions, normalise, biases, seed)
    axis = np.linspace(-span, span, points)
    grid = np.stack(np.meshgrid(*[axis] * dimensions, indexing="ij"), axis=-1).reshape(-1, dimensions)
    losses = losses_along(objective, objective.start, moves, grid, training=training)
    name = title or f"{type(model).__name__}: the loss around its weights"
    kind = {"filter": "filter-normalised ", "layer": "layer-normalised ", None: ""}[normalise]
    words = f"{kind}{'random' if directions is None else 'given'} direction"
    if dimensions == 1:
        return Profile(axis, losses, name, words, width, height)
    return Landscape(axis, axis, losses.reshape(points, points), name, words, draw, width, height)


class Landscape(Relief):
    """The loss over two directions around a model's weights; ``landscape`` makes it.

    Attributes:
        a, b: how far along the first and the second direction, (points,).
        loss: ``loss[i, j]`` is that at ``a[i]``, ``b[j]``.
    """

    def __init__(
        self, a: Floats, b: Floats, loss: Floats, title: str, words: str, draw: Draw, width: float, height: float
    ) -> None:
        super().__init__(title, width, height)
        self.a, self.b, self.loss, self.draw = a, b, loss, draw
        self.words = words
        self.description = (
            f"{title}. Across: a along the first {words}, from {number(a[0])} to {number(a[-1])}; "
            f"up: b along the second. At the weights themselves, (0, 0), the loss is {self._centre()}. {self.extent()}"
        )

    def body(self) -> str:
        labels = (f"a, along the first {self.words}", f"b, along the second {self.words}")
        right = EDGE if self.draw == "levels" else scale_room(*self.range()) + EDGE / 2
        plot = self.plot(*self.axes(), names=labels, top=78, right=right)
        x, y = plot.across(0.0), plot.up(0.0)
        below, numbers = self.relief(plot, [(x - 9, y - 9, x + 9, y + 9)])
        return "\n".join([
            *self.page(),
            text(shortened(f"○ the model's weights, loss {self._centre()}", self.width - 2 * EDGE), EDGE, 58),
            *below, *self.frame(plot, *labels, grid=False),
            f'<circle class="ring s1" cx="{x:g}" cy="{y:g}" r="5"/>', *numbers,
        ])  # fmt: skip

    def profile(self, *, width: float = 720.0, height: float = 420.0) -> LineChart:
        """The loss along each of the two directions through the model's weights, as lines."""
        i, j = int(np.argmin(np.abs(self.a))), int(np.argmin(np.abs(self.b)))
        series = [Series("first", self.a, self.loss[:, j]), Series("second", self.b, self.loss[i])]
        return LineChart(
            series, title=self.title, x_label="along the direction", y_label="loss", width=width, height=height
        )

    def _centre(self) -> str:
        i, j = int(np.argmin(np.abs(self.a))), int(np.argmin(np.abs(self.b)))
        return number(float(self.loss[i, j]))


class Profile(LineChart):
    """The loss along one direction through a model's weights; ``landscape`` makes it.

    Attributes:
        a: how far along the direction, (points,).
        loss: the losses, (points,).
    """

    def __init__(self, a: Floats, loss: Floats, title: str, words: str, width: float, height: float) -> None:
        self.a, self.loss = a, loss
        middle = int(np.argmin(np.abs(a)))
        marks = [Mark("the model's weights", "loss", float(a[middle]))] if np.isfinite(loss[middle]) else []
        super().__init__(
            [Series("loss", a, loss)],
            title=title, x_label=f"along a {words}", y_label="loss", marks=marks, width=width, height=height,
        )  # fmt: skip


def filter_normalised(direction: Tensor, weight: Tensor) -> Tensor:
    """A direction whose slices along the first axis have the norms of the weight's: d ‖w‖ / ‖d‖.

    A weight with one axis or none is one slice. A slice of zeros stays zero.

    >>> filter_normalised(tensor([[3.0, 4.0], [1.0, 0.0]]), tensor([[0.0, 1.0], [2.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [2.0, 0.0]]
    """
    return _scaled(direction, weight, weight.shape[0] if weight.ndim > 1 else 1)


def _scaled(direction: Tensor, weight: Tensor, slices: int) -> Tensor:
    """The direction in so many slices, each with the norm of the weight's; norms are in float64."""
    d = direction.numpy().astype(np.float64).reshape(slices, -1)
    w = weight.detach().numpy().astype(np.float64).reshape(slices, -1)
    length = np.linalg.norm(d, axis=1, keepdims=True)
    scaled = d * (np.linalg.norm(w, axis=1, keepdims=True) / np.where(length > 0, length, 1.0))
    return tensor(scaled.reshape(weight.shape).astype(weight.numpy().dtype))


def _directions(
    objective: ModuleCost, count: int, given: Sequence[Any] | None, normalise: Normalise, biases: bool, seed: int
) -> list[dict[str, Tensor]]:
    weights = objective.start
    if normalise not in ("filter", "layer", None):
        raise ArgumentError(f'landscape: normalise should be "filter", "layer" or None, not {normalise!r}')
    moved = {name: w for name, w in weights.items() if w.ndim > 1 or biases or given is not None}
    if not moved:
        raise ArgumentError("landscape: no parameter has two axes; move the others, too, by biases=True")
    raw = _drawn(moved, count, seed) if given is None else _checked(given, count, weights)
    if normalise is None:
        return raw
    slices = {name: w.shape[0] if normalise == "filter" and w.ndim > 1 else 1 for name, w in moved.items()}
    return [{name: _scaled(d, weights[name], slices[name]) for name, d in one.items()} for one in raw]


def _drawn(moved: dict[str, Tensor], count: int, seed: int) -> list[dict[str, Tensor]]:
    generator = Generator().manual_seed(seed)
    return [
        {name: randn(*w.shape, generator=generator, dtype=w.dtype) for name, w in moved.items()} for _ in range(count)
    ]


def _checked(given: Sequence[Any], count: int, weights: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    shapes = [tuple(w.shape) for w in weights.values()]
    if len(given) != count:
        raise ArgumentError(f"landscape: there should be {amount(count, 'direction')}, not {len(given)}")
    for one in given:
        found = [tuple(getattr(d, "shape", ())) for d in one]
        if found != shapes or not all(isinstance(d, Tensor) for d in one):
            raise ArgumentError(f"landscape: a direction should have tensors of shapes {shapes}, not {found}")
    return [dict(zip(weights, (d.detach() for d in one), strict=True)) for one in given]
