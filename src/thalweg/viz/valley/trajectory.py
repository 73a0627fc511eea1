"""``trajectory``: the paths of gradient descent over level curves of the loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.modes import no_grad
from ...errors import ArgumentError
from ...nn import BatchNorm1d, BatchNorm2d, BatchNorm3d, Module
from ..charts.axes import Floats, number
from ..charts.plot import EDGE, LINE, Plot, amount, text
from ..style import DASHES, SERIES
from ..text import shortened
from .descent import Path, descend
from .grid import losses_along
from .levels import Box, require_contourpy
from .objective import Objective, Vector, objective_of
from .plane import Plane, plane_of
from .relief import Relief

__all__ = ["Trajectory", "trajectory"]

WIDTH, HEIGHT = 720.0, 560.0
ROOM = 0.15  # of the paths' extent is free on each side
POINTS, FUNCTION_POINTS = 81, 241  # of the grid in each direction, for models and for functions
COLOURS = (5, 1, 2, 3, 0, 4)  # of the style's series, in the order in which paths take them
NEAR = 6.0  # pixels from one dot of a path to the next, at least
END = "diamond"
SHAPES = ("dot", "square", "triangle", "cross")
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
            x, y, inside = _placed(track, plot)
            above += _path_marks(k, x, y, inside, plot)
            taken += [(px - 4, py - 4, px + 4, py + 4) for px, py in zip(x[inside], y[inside], strict=True)]
        below, numbers = self.relief(plot, taken)
        return "\n".join([
            *self.page(), *below, *self.frame(plot, *self.plane.labels, grid=False),
            *above, *numbers, *self._legend(),
        ])  # fmt: skip

    def _legend(self) -> list[str]:
        """A line for each path with its numbers, and one for the marks at its ends."""
        parts = []
        for k, name in enumerate(self.names):
            y = 52 + LINE * k
            first, last = (number(one, 3) for one in self.ends[k])
            words = f"{name}: {amount(self.steps[k], 'step')}, loss {first} → {last}"
            parts.append(f'<path {_stroke(k)} d="M{EDGE} {y}h34"/>')
            parts.append(_shape(SHAPES[k % len(SHAPES)], k, EDGE + 17, y))
            parts.append(text(shortened(words, self.width - 2 * EDGE - 42), EDGE + 42, y + 4.5))
        y = 52 + LINE * len(self.names)
        parts.append(_ring(0, EDGE + 17, y))
        parts.append(text("start", EDGE + 42, y + 4.5, "small"))
        parts.append(_shape(END, 0, EDGE + 90, y, 6))
        parts.append(text("end", EDGE + 102, y + 4.5, "small"))
        return parts

    def _describe(self) -> str:
        across, up = (
            f"{label} from {number(axis[0])} to {number(axis[-1])}"
            for label, axis in zip(self.plane.labels, (self.a, self.b), strict=True)
        )
        parts = [f"{self.title}. Level curves over {self.plane.words}; across {across}, up {up}.", self.extent()]
        for name, steps, (first, last), track in zip(self.names, self.steps, self.ends, self.tracks, strict=True):
            outside = int(np.count_nonzero(~_inside(track, self.a, self.b)))
            parts.append(
                f"The path of {name} goes in {amount(steps, 'step')} from loss {number(first)} at "
                f"{_coordinates(track[0])} to loss {number(last)} at {_coordinates(track[-1])}"
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
    if wanted is not None:
        if not (np.isfinite(wanted).all() and wanted[0] < wanted[1]):
            raise ArgumentError(f"trajectory: a range should go from a number to a larger one, not {wanted}")
        return np.linspace(*wanted, points)
    values = np.concatenate([track[:, axis] for track in tracks])
    low, high = float(values.min()), float(values.max())
    room = ROOM * (high - low) or max(1.0, abs(low)) / 2
    return np.linspace(low - room, high + room, points)


def _losses(objective: Objective, points: Vector, training: bool) -> tuple[float, float]:
    """The loss at the first and the last point of a path."""
    with objective.mode(training), no_grad():
        first, last = (float(objective.cost(objective.unpacked(point)).item()) for point in points)
    return first, last


def _inside(track: Floats, a: Floats, b: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return (track[:, 0] >= a[0]) & (track[:, 0] <= a[-1]) & (track[:, 1] >= b[0]) & (track[:, 1] <= b[-1])


def _placed(track: Floats, plot: Plot) -> tuple[Floats, Floats, np.ndarray[Any, np.dtype[np.bool_]]]:
    """The points of a path in pixels, and which of them are in the picture."""
    across, up = plot.across, plot.up
    inside = _inside(track, np.array([across.low, across.high]), np.array([up.low, up.high]))
    return across.places(track[:, 0]), up.places(track[:, 1]), inside


def _coordinates(point: Floats) -> str:
    return f"({number(float(point[0]), 3)}, {number(float(point[1]), 3)})"


def _colour(k: int) -> int:
    return COLOURS[k % SERIES]


def _stroke(k: int) -> str:
    return f'class="line thin s{_colour(k)}" style="stroke-dasharray: {DASHES[k % SERIES]}"'


def _path_marks(k: int, x: Floats, y: Floats, inside: np.ndarray[Any, np.dtype[np.bool_]], plot: Plot) -> list[str]:
    """The line of a path, a dot for each step that is a few pixels from the one before, and marks at its ends."""
    parts = []
    runs = np.split(np.arange(len(x)), np.flatnonzero(np.diff(inside)) + 1)
    pieces = [run for run in runs if inside[run[0]] and len(run) > 1]
    if pieces:
        path = "".join("M" + " ".join(f"{x[i]:.5g},{y[i]:.5g}" for i in run) for run in pieces)
        parts.append(f'<path {_stroke(k)} d="{path}"/>')
    last: tuple[float, float] | None = None
    for i in np.flatnonzero(inside):
        if last is None or np.hypot(x[i] - last[0], y[i] - last[1]) >= NEAR:
            parts.append(_shape(SHAPES[k % len(SHAPES)], k, x[i], y[i]))
            last = float(x[i]), float(y[i])
    if inside[0]:
        parts.append(_ring(k, x[0], y[0]))
    if inside[-1]:
        parts.append(_shape(END, k, x[-1], y[-1], 6))
    return parts


def _ring(k: int, x: float, y: float) -> str:
    return f'<circle class="ring s{_colour(k)}" cx="{x:g}" cy="{y:g}" r="6"/>'


def _shape(shape: str, k: int, x: float, y: float, r: float = 3.0) -> str:
    """A mark: a dot, square, triangle, cross or diamond."""
    kind = f'class="mark s{_colour(k)}"'
    if shape == "dot":
        return f'<circle {kind} cx="{x:g}" cy="{y:g}" r="{r:g}"/>'
    outline = {
        "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        "triangle": ((0, -1.3), (1.2, 0.9), (-1.2, 0.9)),
        "diamond": ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)),
        "cross": ((-1.3, -0.5), (-0.5, -0.5), (-0.5, -1.3), (0.5, -1.3), (0.5, -0.5), (1.3, -0.5),
                  (1.3, 0.5), (0.5, 0.5), (0.5, 1.3), (-0.5, 1.3), (-0.5, 0.5), (-1.3, 0.5)),
    }[shape]  # fmt: skip
    points = " ".join(f"{x + r * dx:.5g},{y + r * dy:.5g}" for dx, dy in outline)
    return f'<path {kind} d="M{points}z"/>'
