"""``trajectory``: the paths of gradient descent over level curves of the loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.modes import no_grad
from ...errors import ArgumentError
from ...nn import BatchNorm1d, BatchNorm2d, BatchNorm3d, Module
from ..charts.axes import Floats, number
from ..charts.plot import LINE, amount
from .descent import Path, descend
from .grid import losses_along
from .levels import Box, require_contourpy
from .objective import Objective, Vector, objective_of
from .plane import Plane, plane_of
from .relief import Relief
from .tracks import coordinates, inside_of, legend, path_marks, placed, span

__all__ = ["Trajectory", "trajectory"]

WIDTH, HEIGHT = 720.0, 560.0
POINTS, FUNCTION_POINTS = 81, 241  # of the grid in each direction, for models and for functions
MINI_BATCH = 32
BATCH_NORMS = (BatchNorm1d, BatchNorm2d, BatchNorm3d)  # one sample alone can't be normalised


def trajectory(
    model: Any,
    loss: Callable[..., Any] | None = None,
    data: Any = None,
    *,
    x0: Sequence[float] | None = None,
    paths: Path | Sequence[Path] | None = None,
    plane: Any = None,
    lr: float = 0.1,
    steps: int = 100,
    points: int | None = None,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    training: bool = False,
    title: str = "Gradient descent in the valley of the loss",
    width: float = WIDTH,
    height: float = HEIGHT,
) -> Trajectory:
    """Level curves of the loss over a plane through the space of weights, and the paths that descend in it.

    The paths are projected onto the plane. Where the plane is not the whole space, the loss at a point of a path may
    differ from the level curves' at its projection; for the main directions the labels say how much of the paths'
    variance the plane holds. The losses that the legend gives are those of the paths themselves, on all data.

    The model is not changed. Its loss is evaluated in evaluation mode, as a compiled program.

    Args:
        model: a module, or a function of numbers, which gets tensors of shape () and returns one.
        loss: of the model's output and the target.
        data: (x, y), a TensorDataset, or x alone, for a loss of the output alone.
        x0: for a function: the numbers to start at.
        paths: what ``descend`` returns, or was recorded in a ``Path``. By default three descents from the model's
            weights, of ``steps`` steps each: on all samples, on batches of 32, and on single samples (unless there is
            a batch norm); for a function, one descent.
        plane: "pca" for the two main directions of the paths; two names of weights, such as
            ("0.weight[3, 5]", "0.bias[3]"); two directions, each a vector of all weights, tensors like the parameters,
            or a dictionary of some by name; or None: the two weights of a model that has no more, and else "pca".
        lr: the step size of the default descents.
        steps: how many steps they take.
        points: of the grid on which the loss is evaluated, in each direction; by default 81, and 241 for a function.
        x_range: the first coordinate from and to; by default what the paths need. So too ``y_range``.
        training: evaluate in training mode, in which batch norm goes by each batch and dropout draws.

    Raises:
        ArgumentError: what is given does not fit together; the message says what to do.
        DependencyError: contourpy is not installed.

    References:
        Goodfellow, Vinyals & Saxe (2015), "Qualitatively characterizing neural network optimization problems"; Lorch
        (2016), "Visualizing deep network training trajectories with PCA".

    >>> picture = trajectory(lambda x, y: x * x + 10 * y * y, x0=(1.0, 0.5), lr=0.05, steps=20)
    >>> picture.plane.labels, picture.loss.shape
    (('x', 'y'), (241, 241))
    """
    require_contourpy()
    objective = objective_of(model, loss, data, x0)
    if paths is None:
        paths = _usual_descents(model, loss, data, x0, objective, lr, steps)
    chosen = [paths] if isinstance(paths, Path) else list(paths)
    places = [_points_of(path, objective) for path in chosen]
    if not places:
        raise ArgumentError("trajectory: there is no path to draw; leave paths out for the usual descents")
    found = plane_of(plane, objective, places)
    tracks = [found.project(place) for place in places]
    usual = POINTS if objective.rows is not None else FUNCTION_POINTS
    count = usual if points is None else points
    a, b = _span(tracks, 0, x_range, count), _span(tracks, 1, y_range, count)
    origin = objective.unpacked(found.origin)
    directions = [objective.unpacked(direction) for direction in found.directions]
    grid = np.stack(np.meshgrid(a, b, indexing="ij"), axis=-1).reshape(-1, 2)
    losses = losses_along(objective, origin, directions, grid, training=training).reshape(len(a), len(b))
    ends = [_losses(objective, place[[0, -1]], training) for place in places]
    return Trajectory(chosen, tracks, ends, found, a, b, losses, title, width, height)


class Trajectory(Relief):
    """Level curves of a loss and the paths over them; ``trajectory`` makes it.

    Attributes:
        a, b, loss: the grid and its losses; ``loss[i, j]`` is that at ``a[i]``, ``b[j]``.
        plane: the plane of the grid.
        tracks: of each path its points in the plane, (points, 2).
        names: of the paths.
        ends: of each path the loss at its first and its last point.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        tracks: list[Floats],
        ends: list[tuple[float, float]],
        plane: Plane,
        a: Floats,
        b: Floats,
        loss: Floats,
        title: str,
        width: float,
        height: float,
    ) -> None:
        super().__init__(title, width, height)
        self.a, self.b, self.loss = a, b, loss
        self.plane = plane
        self.tracks = tracks
        self.names = [path.name for path in paths]
        self.steps = [path.steps for path in paths]
        self.ends = ends
        self.description = self._describe()

    def body(self) -> str:
        plot = self.plot(*self.axes(), names=self.plane.labels, top=50 + LINE * (len(self.tracks) + 1))
        taken: list[Box] = []
        above: list[str] = []
        for k, track in enumerate(self.tracks):
            x, y, inside = placed(track, plot)
            above += path_marks(k, x, y, inside)
            taken += [(px - 4, py - 4, px + 4, py + 4) for px, py in zip(x[inside], y[inside], strict=True)]
        below, numbers = self.relief(plot, taken)
        return "\n".join([
            *self.page(), *below, *self.frame(plot, *self.plane.labels, grid=False),
            *above, *numbers, *self._legend(),
        ])  # fmt: skip

    def _legend(self) -> list[str]:
        """A line for each path with its numbers, and one for the marks at its ends."""
        words = []
        for name, steps, ends in zip(self.names, self.steps, self.ends, strict=True):
            first, last = (number(one, 3) for one in ends)
            words.append(f"{name}: {amount(steps, 'step')}, loss {first} → {last}")
        return legend(words, self.width)

    def _describe(self) -> str:
        across, up = (
            f"{label} from {number(axis[0])} to {number(axis[-1])}"
            for label, axis in zip(self.plane.labels, (self.a, self.b), strict=True)
        )
        parts = [f"{self.title}. Level curves over {self.plane.words}; across {across}, up {up}.", self.extent()]
        for name, steps, (first, last), track in zip(self.names, self.steps, self.ends, self.tracks, strict=True):
            outside = int(np.count_nonzero(~inside_of(track, self.a, self.b)))
            parts.append(
                f"The path of {name} goes in {amount(steps, 'step')} from loss {number(first)} at "
                f"{coordinates(track[0])} to loss {number(last)} at {coordinates(track[-1])}"
                + (f"; {amount(outside, 'point')} of it lie outside the picture." if outside else ".")
            )
        return " ".join(parts)


def _usual_descents(
    model: Any, loss: Any, data: Any, x0: Any, objective: Objective, lr: float, steps: int
) -> list[Path]:
    sizes: list[int | None] = [None]
    if objective.rows is not None:
        norms = isinstance(model, Module) and any(isinstance(part, BATCH_NORMS) for part in model.modules())
        sizes += [size for size in (MINI_BATCH, 1) if size < objective.rows and not (norms and size == 1)]
    return [descend(model, loss, data, x0=x0, batch_size=size, lr=lr, steps=steps) for size in sizes]


def _points_of(path: Path, objective: Objective) -> Vector:
    points = path.points
    if not len(points):
        raise ArgumentError(f"the path {path.name!r} is empty; call its record(model) before the first step")
    if points.shape[1] != objective.size:
        raise ArgumentError(
            f"the path {path.name!r} is of {points.shape[1]} weights, but the model has {objective.size} to train"
        )
    if not np.isfinite(points).all():
        raise ArgumentError(f"the path {path.name!r} has weights that are not finite")
    return points


def _span(tracks: Sequence[Floats], axis: int, wanted: tuple[float, float] | None, points: int) -> Floats:
    """The coordinates of the grid along one axis."""
    if points < 2:
        raise ArgumentError(f"trajectory: points should be 2 or more, not {points}")
    return np.linspace(*span("trajectory", [track[:, axis] for track in tracks], wanted), points)


def _losses(objective: Objective, points: Vector, training: bool) -> tuple[float, float]:
    """The loss at the first and the last point of a path."""
    with objective.mode(training), no_grad():
        first, last = (float(objective.cost(objective.unpacked(point)).item()) for point in points)
    return first, last
