"""``vector_field``: where gradient play moves two players, as arrows, and paths over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...errors import ArgumentError
from ...games import Extragradient, GameOptimizer, OptimisticGradient, SimultaneousDescent, simultaneous_gradient
from ...games.measures import Costs
from ...ops.creation import tensor
from ...transforms.vmap import vmap
from ..charts.axes import Axis, Floats, number
from ..charts.plot import LINE, Chart, Plot, amount
from ..valley.descent import Path
from ..valley.objective import argument_names
from ..valley.tracks import coordinates, inside_of, legend, path_marks, placed, span
from .playing import play

__all__ = ["VectorField", "vector_field"]

WIDTH, HEIGHT = 720.0, 560.0
COLUMNS, ROWS = 24, 16
LENGTH = 0.7  # of an arrow, in distances from one to the next
VANISHING = 1e-9  # of the longest vector: what is shorter is rounding
HEAD, BARB = 5.0, 2.6  # pixels that an arrow's head is long, and half as wide
USUAL: tuple[Callable[..., GameOptimizer], ...] = (SimultaneousDescent, Extragradient, OptimisticGradient)


def vector_field(
    costs: Costs,
    *,
    x0: Sequence[float] | None = None,
    paths: Path | Sequence[Path] | None = None,
    lr: float = 0.1,
    steps: int = 100,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    columns: int = COLUMNS,
    rows: int = ROWS,
    title: str = "Gradient play of two players",
    width: float = WIDTH,
    height: float = HEIGHT,
) -> VectorField:
    """Arrows in the direction -v(x, y), in which two players move who descend their own costs, and paths.

    All arrows have one length: they say where to, not how fast. A dot stands where the field vanishes.

    Args:
        costs: ``costs(x, y)`` takes two tensors of shape () and returns two costs. It is called on batches by ``vmap``.
        x0: where paths begin: without ``paths`` those of simultaneous descent, extragradient and the optimistic
            gradient, with the step size ``lr`` and ``steps`` steps.
        paths: what ``play`` returns, or was recorded in a ``Path``; none without ``x0``.
        lr: the step size of the three paths.
        steps: how many steps they take.
        x_range: the first player's numbers, from and to; by default what the paths need, or -1 to 1. So too
            ``y_range``.
        columns: how many arrows there are from left to right.
        rows: how many there are from top to bottom.

    Raises:
        ArgumentError: a path is not one of two finite numbers, a range is empty, or there are no columns or rows.

    Reference: Mescheder, Nowozin and Geiger (2017), The numerics of GANs, figure 1.

    >>> picture = vector_field(lambda x, y: (x * y, -x * y), x0=(0.5, 0.5), steps=50)
    >>> picture.names
    ['SimultaneousDescent', 'Extragradient', 'OptimisticGradient']
    """
    if columns < 1 or rows < 1:
        raise ArgumentError(f"vector_field: columns and rows should be 1 or more, not {columns} and {rows}")
    chosen = [paths] if isinstance(paths, Path) else list(paths or ())
    if paths is None and x0 is not None:
        chosen = [play(costs, x0, optimizer=partial(kind, lr=lr), steps=steps) for kind in USUAL]
    tracks = [_points_of(path) for path in chosen]
    across, up = (_range(tracks, axis, wanted) for axis, wanted in enumerate((x_range, y_range)))
    a, b = _middles(*across, columns), _middles(*up, rows)
    names = argument_names(costs, 2)
    return VectorField(
        chosen, tracks, (Axis(*across), Axis(*up)), a, b, field_on(costs, a, b), (names[0], names[1]), title, width,
        height,
    )  # fmt: skip


def field_on(costs: Costs, a: Floats, b: Floats) -> Floats:
    """The field v on a grid, (columns, rows, 2): ``field[i, j]`` is that at ``a[i]``, ``b[j]``."""
    x, y = np.meshgrid(a, b, indexing="ij")
    v = vmap(partial(simultaneous_gradient, costs))(tensor(x.ravel()), tensor(y.ravel()))
    return np.stack([_numbers(part) for part in v], axis=-1).reshape(len(a), len(b), 2)


class VectorField(Chart):
    """Arrows of gradient play and the paths over them; ``vector_field`` makes it.

    Attributes:
        a, b, field: the grid and the field v; ``field[i, j]`` is that at ``a[i]``, ``b[j]``, (columns, rows, 2).
        tracks: of each path its points, (points, 2).
        names: of the paths.
        labels: of the two players.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        tracks: list[Floats],
        axes: tuple[Axis, Axis],
        a: Floats,
        b: Floats,
        field: Floats,
        labels: tuple[str, str],
        title: str,
        width: float,
        height: float,
    ) -> None:
        super().__init__(title, width, height)
        self.axes = axes
        self.a, self.b, self.field = a, b, field
        self.tracks = tracks
        self.names = [path.name for path in paths]
        self.steps = [path.steps for path in paths]
        self.labels = labels
        self.description = self._describe()

    def body(self) -> str:
        lines = len(self.tracks) + 1 if self.tracks else 0
        plot = self.plot(*self.axes, names=self.labels, top=50 + LINE * lines)
        above: list[str] = []
        for k, track in enumerate(self.tracks):
            x, y, inside = placed(track, plot)
            above += path_marks(k, x, y, inside)
        words = [
            f"{name}: {amount(steps, 'step')}, {coordinates(track[0])} → {coordinates(track[-1])}"
            for name, steps, track in zip(self.names, self.steps, self.tracks, strict=True)
        ]
        return "\n".join([
            *self.page(), *self.arrows(plot), *self.frame(plot, *self.labels, grid=False), *above,
            *(legend(words, self.width) if words else []),
        ])  # fmt: skip

    def arrows(self, plot: Plot) -> list[str]:
        """All arrows as one path, and dots where the field vanishes."""
        room = min((plot.right - plot.left) / len(self.a), (plot.bottom - plot.top) / len(self.b))
        scale = np.array([_slope(plot.across), _slope(plot.up)])
        x, y = np.meshgrid(plot.across.places(self.a), plot.up.places(self.b), indexing="ij")
        places, moves = np.stack([x, y], axis=-1).reshape(-1, 2), -(self.field * scale).reshape(-1, 2)
        lengths = np.hypot(*moves.T)
        finite = np.isfinite(lengths)
        drawn = finite & (lengths > VANISHING * lengths[finite].max(initial=0.0))
        units = moves[drawn] / lengths[drawn, None]
        parts = []
        if drawn.any():
            path = "".join(map(_arrow, places[drawn], units * (LENGTH * room / 2), units))
            parts.append(f'<path class="edge" d="{path}"/>')
        parts += [f'<circle class="arrow" cx="{px:g}" cy="{py:g}" r="2.5"/>' for px, py in places[finite & ~drawn]]
        return parts

    def _describe(self) -> str:
        across, up = (
            f"{label} from {number(axis.low)} to {number(axis.high)}"
            for label, axis in zip(self.labels, self.axes, strict=True)
        )
        sizes = np.hypot(*np.moveaxis(self.field, -1, 0))
        finite = sizes[np.isfinite(sizes)]
        parts = [f"{self.title}. Arrows show where each player's own gradient moves both; across {across}, up {up}."]
        if finite.size:
            parts.append(f"The field's length is from {number(float(finite.min()))} to {number(float(finite.max()))}.")
        a, b = (np.array([axis.low, axis.high]) for axis in self.axes)
        for name, steps, track in zip(self.names, self.steps, self.tracks, strict=True):
            outside = int(np.count_nonzero(~inside_of(track, a, b)))
            parts.append(
                f"The path of {name} goes in {amount(steps, 'step')} from {coordinates(track[0])} to "
                f"{coordinates(track[-1])}"
                + (f"; {amount(outside, 'point')} of it lie outside the picture." if outside else ".")
            )
        return " ".join(parts)


def _numbers(v: Tensor) -> Floats:
    return v.detach().numpy().astype(np.float64)


def _points_of(path: Path) -> Floats:
    points = path.points
    if points.shape[1:] != (2,) or not len(points):
        raise ArgumentError(f"vector_field: the path {path.name!r} should be of two numbers, but is {points.shape}")
    if not np.isfinite(points).all():
        raise ArgumentError(f"vector_field: the path {path.name!r} has numbers that are not finite")
    return points


def _range(tracks: Sequence[Floats], axis: int, wanted: tuple[float, float] | None) -> tuple[float, float]:
    if wanted is None and not tracks:
        return -1.0, 1.0
    return span("vector_field", [track[:, axis] for track in tracks], wanted)


def _middles(low: float, high: float, count: int) -> Floats:
    """The middles of so many equal parts."""
    middles: Floats = low + (high - low) * (np.arange(count) + 0.5) / count
    return middles


def _slope(axis: Axis) -> float:
    """Pixels for a step of one; negative for an axis that goes up."""
    return (axis.end - axis.start) / (axis.high - axis.low)


def _arrow(place: Floats, half: Floats, unit: Floats) -> str:
    """A line around a place, in pixels, with two barbs at its end."""
    tail, tip = place - half, place + half
    across = np.array([-unit[1], unit[0]]) * BARB
    left, right = tip - HEAD * unit + across, tip - HEAD * unit - across
    return f"M{_at(tail)}L{_at(tip)}M{_at(left)}L{_at(tip)}L{_at(right)}"


def _at(point: Any) -> str:
    x, y = np.round(point, 1) + 0.0
    return f"{x:g},{y:g}"
