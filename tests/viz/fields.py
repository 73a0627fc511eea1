"""Fields of games that are small and known."""

from __future__ import annotations

from functools import partial

from thalweg import games, viz


def bilinear(x, y):
    return x * y, -x * y


def away(x, y):
    """A saddle of a potential, at (1, 2)."""
    return (x - 1) ** 2, -((y - 2) ** 2)


def three_ways() -> viz.VectorField:
    return viz.vector_field(bilinear, x0=(0.5, 0.5), lr=0.2, steps=30, title="min max x y")


def arrows_alone() -> viz.VectorField:
    return viz.vector_field(
        away, x_range=(-1, 3), y_range=(0, 4), columns=5, rows=5, title="Away from <2>", width=360, height=300
    )


def cut_off() -> viz.VectorField:
    """A path that leaves the picture, and one that goes around in it."""
    paths = [
        viz.play(bilinear, (0.5, 0.5), lr=0.5, steps=12, name="leaves"),
        viz.play(bilinear, (0.5, 0.5), optimizer=partial(games.AlternatingDescent, lr=0.5), steps=40),
    ]
    return viz.vector_field(bilinear, paths=paths, x_range=(-1, 1), y_range=(-1, 1), columns=12, rows=9)


FIELDS = {made.__name__: made for made in (three_ways, arrows_alone, cut_off)}
