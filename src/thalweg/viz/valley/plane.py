"""Planes through the space of weights: two weights, two directions, or the two main directions of paths."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...errors import ArgumentError
from ..charts.axes import Floats, number
from .objective import Objective, Vector, vector_of

__all__ = ["Plane", "main_plane", "plane_of"]

MOST_POINTS = 400  # of each path that the main directions are computed from
STRAIGHT = 1e-13  # of the variance: what is less across a path is rounding
ALIKE = 1e-6  # directions whose cosine is closer to 1 than this are one


@dataclass(frozen=True)
class Plane:
    """All points origin + a directions[0] + b directions[1].

    Attributes:
        origin: (n,), a point of the plane in the space of the n weights.
        directions: (2, n); they need not be orthogonal.
        labels: what the two coordinates are.
        words: what plane it is, for the description.
    """

    origin: Floats
    directions: Floats
    labels: tuple[str, str]
    words: str

    def project(self, points: Vector) -> Floats:
        """The coordinates (k, 2) of the points of the plane that are nearest to given ones, (k, n)."""
        offsets = np.asarray(points, dtype=np.float64) - self.origin
        gram = self.directions @ self.directions.T
        found: Floats = np.asarray(np.linalg.solve(gram, self.directions @ offsets.T).T, dtype=np.float64)
        return found


def plane_of(plane: Any, objective: Objective, paths: Sequence[Vector]) -> Plane:
    """The plane that an argument of ``trajectory`` names.

    Args:
        plane: a Plane; "pca"; two names of weights; two directions; or None: the weights, if there are only two, and
            else "pca".
        paths: the points (k, n) of each path; the plane goes through the end of the first.

    Raises:
        ArgumentError: it names none.
    """
    if isinstance(plane, Plane):
        if plane.directions.shape != (2, objective.size) or plane.origin.shape != (objective.size,):
            raise ArgumentError(f"the plane is of {plane.origin.size} weights, but there are {objective.size}")
        return plane
    end = paths[0][-1].astype(np.float64)
    if plane is None and objective.size == 2:
        plane = _element_names(objective)
    if plane is None or (isinstance(plane, str) and plane == "pca"):
        return main_plane(paths)
    if isinstance(plane, tuple | list) and len(plane) == 2:
        if all(isinstance(one, str) for one in plane):
            return _two_weights((plane[0], plane[1]), objective, end)
        return _two_directions(plane, objective, end)
    raise ArgumentError('plane should be "pca", two names such as "0.weight[3, 5]", two directions, or a Plane')


def main_plane(paths: Sequence[Vector]) -> Plane:
    """The plane through the end of the first path along the two directions in which the paths vary most.

    These are the first two principal components of the points of all paths, each path counting alike. The labels say
    what share of the variance is along each. Of the two signs, that is taken which makes the largest element positive.

    Args:
        paths: the points (k, n) of each path.

    Raises:
        ArgumentError: all points are the same, or there is only one weight.
    """
    rows, scale = [], []
    for points in paths:
        some = points[np.unique(np.linspace(0, len(points) - 1, min(len(points), MOST_POINTS)).astype(int))]
        rows.append(some.astype(np.float64))
        scale.append(np.full(len(some), len(some) ** -0.5))
    points, weight = np.concatenate(rows), np.concatenate(scale)[:, None]
    mean = (points * weight**2).sum(axis=0) / (weight**2).sum()
    directions, variance = _main_directions((points - mean) * weight)
    signs = np.sign(np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1))
    first, second = (f"{number(100 * float(v / variance.sum()), 3)} %" for v in variance[:2])
    return Plane(
        paths[0][-1].astype(np.float64),
        directions * signs,
        (f"first main direction ({first} of the variance)", f"second main direction ({second})"),
        f"the two main directions of the paths, with {first} and {second} of their variance",
    )


def _main_directions(rows: Floats) -> tuple[Floats, Floats]:
    """The two directions (2, n) in which centred rows (k, n) vary most, and all variances, the largest first.

    They are eigenvectors of the smaller of the two matrices of products, rows by rows or weights by weights.
    """
    wide = rows.shape[0] < rows.shape[1]
    variance, vectors = np.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
    variance, vectors = np.maximum(variance[::-1], 0.0), vectors[:, ::-1]
    if rows.shape[1] < 2 or not variance[0] > 0:
        raise ArgumentError("the paths do not move, or there is only one weight, so they span no plane; give plane=")
    directions = (rows.T @ vectors[:, :2] if wide else vectors[:, :2]).T
    directions[0] /= np.linalg.norm(directions[0])
    if variance[1] <= STRAIGHT * variance[0]:  # a straight path: any second direction will do
        variance[1:] = 0.0
        return np.stack([directions[0], _orthogonal(directions[0])]), variance
    directions[1] -= (directions[1] @ directions[0]) * directions[0]
    directions[1] /= np.linalg.norm(directions[1])
    return directions, variance


def _orthogonal(direction: Floats) -> Floats:
    """A unit vector orthogonal to a given one."""
    least = np.zeros_like(direction)
    least[int(np.argmin(np.abs(direction)))] = 1.0
    found = least - (least @ direction) * direction
    return found / np.linalg.norm(found)


def _two_weights(names: tuple[str, str], objective: Objective, origin: Floats) -> Plane:
    places = [_place(name, objective) for name in names]
    if places[0] == places[1]:
        raise ArgumentError(f"the plane needs two different weights, not {names[0]!r} twice")
    directions = np.zeros((2, objective.size))
    directions[[0, 1], places] = 1.0
    origin = origin.copy()
    origin[places] = 0.0  # so that the coordinates are the weights' own values
    others = "" if objective.size == 2 else "; all other weights are those at the end of the first path"
    return Plane(origin, directions, names, f"the weights {names[0]} and {names[1]}{others}")


def _place(name: str, objective: Objective) -> int:
    """Where a weight such as "0.weight[3, 5]" stands in the vector of all."""
    found = re.fullmatch(r"(.*?)\s*(?:\[([\d\s,]*)\])?", name)
    base, index = (found[1], found[2]) if found else (name, None)
    at = 0
    for known, weight in objective.start.items():
        if known == base:
            numbers = tuple(int(part) for part in index.split(",")) if index and index.strip() else ()
            if len(numbers) != weight.ndim or any(i >= n for i, n in zip(numbers, weight.shape, strict=True)):
                raise ArgumentError(f"{name!r} is no single weight: {base} has shape {tuple(weight.shape)}")
            return at + int(np.ravel_multi_index(numbers, weight.shape)) if numbers else at
        at += weight.numel()
    raise ArgumentError(f"there is no weight {base!r}; there are {', '.join(objective.start)}")


def _element_names(objective: Objective) -> tuple[str, str]:
    """The names of the two weights of a model that has no more."""
    names = []
    for name, weight in objective.start.items():
        names += [name + (str(list(index)) if index else "") for index in np.ndindex(*weight.shape)]
    return names[0], names[1]


def _two_directions(given: Sequence[Any], objective: Objective, origin: Floats) -> Plane:
    directions = np.stack([_direction(one, objective) for one in given])
    lengths = np.linalg.norm(directions, axis=1)
    if not (lengths > 0).all() or abs(directions[0] @ directions[1]) > (1 - ALIKE) * lengths.prod():
        raise ArgumentError("the two directions span no plane: one is zero, or both are the same up to a factor")
    return Plane(origin, directions, ("first direction", "second direction"), "the two given directions")


def _direction(given: Any, objective: Objective) -> Floats:
    """A direction as a vector (n,): from a vector, from tensors like the weights, or from a dictionary of some."""
    shapes = {name: tuple(w.shape) for name, w in objective.start.items()}
    if isinstance(given, Mapping):
        if unknown := [name for name in given if name not in shapes]:
            raise ArgumentError(f"a direction names {unknown[0]!r}; there are {', '.join(shapes)}")
        given = [given.get(name, Tensor(np.zeros(shape))) for name, shape in shapes.items()]
    if isinstance(given, tuple | list) and given and all(isinstance(one, Tensor) for one in given):
        if [tuple(one.shape) for one in given] != list(shapes.values()):
            raise ArgumentError("a direction should have tensors of the shapes of the weights, in their order")
        given = vector_of(given)
    vector = np.asarray(given.detach().numpy() if isinstance(given, Tensor) else given, dtype=np.float64)
    if vector.shape != (objective.size,) or not np.isfinite(vector).all():
        raise ArgumentError(f"a direction should be {objective.size} finite numbers, one for each weight")
    return vector
