"""Basic indices as regions: for each axis of the array a range of positions."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Axis", "as_index", "disjoint", "regions", "relative", "sizes", "within"]


class Axis(NamedTuple):
    """The positions taken along one axis; an int takes one and leaves no axis (not ``kept``)."""

    positions: range
    kept: bool


Regions = tuple[Axis, ...]


def regions(index: tuple[Any, ...], shape: tuple[int, ...]) -> Regions | None:
    """What ``index`` takes of each axis of ``shape``; None with new axes, which make no region."""
    if any(part is None or not isinstance(part, (int, slice, type(Ellipsis))) for part in index):
        return None
    named = sum(part is not Ellipsis for part in index)
    parts: list[Any] = []
    for part in index:
        parts.extend([slice(None)] * (len(shape) - named) if part is Ellipsis else [part])
    parts.extend([slice(None)] * (len(shape) - len(parts)))
    result = []
    for part, n in zip(parts, shape, strict=True):
        if isinstance(part, int):
            start = part % n
            result.append(Axis(range(start, start + 1), False))
        else:
            taken = range(*part.indices(n))
            if taken.step < 0:
                return None
            result.append(Axis(_plain(taken), True))
    return tuple(result)


def _plain(taken: range) -> range:
    """Equal ranges written alike: nothing is range(0, 0), and the end is just behind the last position."""
    if not taken:
        return range(0)
    return range(taken[0], taken[-1] + 1, taken.step if len(taken) > 1 else 1)


def as_index(axes: Regions) -> tuple[Any, ...]:
    """The index that takes these regions."""
    return tuple(
        slice(a.positions.start, a.positions.stop, a.positions.step) if a.kept else a.positions.start for a in axes
    )


def sizes(axes: Regions) -> tuple[int, ...]:
    """The shape that is taken."""
    return tuple(len(a.positions) for a in axes if a.kept)


def disjoint(a: Regions, b: Regions) -> bool:
    """Whether no position is in both; False where that takes thought."""
    return any(_apart(x.positions, y.positions) for x, y in zip(a, b, strict=True))


def _apart(a: range, b: range) -> bool:
    if not a or not b or a[-1] < b[0] or b[-1] < a[0]:
        return True
    return a.step == b.step and (a.start - b.start) % a.step != 0


def within(a: Regions, b: Regions) -> bool:
    """Whether every position in ``a`` is in ``b``."""
    return all(_is_part(x.positions, y.positions) for x, y in zip(a, b, strict=True))


def _is_part(a: range, b: range) -> bool:
    if not a:
        return True
    return a[0] in b and a[-1] in b and (len(a) == 1 or a.step % b.step == 0)


def relative(a: Regions, b: Regions) -> Regions:
    """Where ``a``, which lies within ``b``, is found in an array of b's positions, over the axes that b keeps."""
    return tuple(Axis(_plain(_places(x.positions, y.positions)), x.kept) for x, y in zip(a, b, strict=True) if y.kept)


def _places(a: range, b: range) -> range:
    if not a:
        return range(0)
    return range(b.index(a[0]), b.index(a[-1]) + 1, a.step // b.step if len(a) > 1 else 1)


def nested(outer: Regions, inner: Regions) -> Regions:
    """The regions of x that are taken by ``inner`` of what ``outer`` takes of x."""
    parts = iter(inner)
    result = []
    for axis in outer:
        if not axis.kept:
            result.append(axis)
            continue
        part = next(parts)
        chosen = axis.positions[part.positions.start : part.positions.stop : part.positions.step]
        result.append(Axis(_plain(chosen), part.kept))
    return tuple(result)
