"""What convolutions and pooling compute, written out as loops over the elements: formulas for registry.py."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np


def _triples(sizes: Any, kernel: Any, stride: Any, before: Any, dilation: Any, out: Any) -> Any:
    """(place in the output, place in the kernel, place in the input) wherever the last exists."""
    for o in itertools.product(*map(range, out)):
        for k in itertools.product(*map(range, kernel)):
            i = tuple(a * s + b * d - p for a, b, s, d, p in zip(o, k, stride, dilation, before, strict=True))
            if all(0 <= j < n for j, n in zip(i, sizes, strict=True)):
                yield o, k, i


def _out(sizes: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    each = zip(sizes, kernel, stride, padding, dilation, strict=True)
    return tuple(len(range(0, n + sum(p) - d * (k - 1), s)) for n, k, s, p, d in each)


def _terms(
    sizes: Any, kernel: Any, out: Any, filters: int, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    before = [a for a, _ in padding]
    for g in range(groups):
        for o, k, i in _triples(sizes, kernel, stride, before, dilation, out):
            for f in range(g * filters // groups, (g + 1) * filters // groups):
                yield g, f, o, k, i


def convolved(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    sizes, kernel, c = x.shape[2:], w.shape[2:], w.shape[1]
    out = _out(sizes, kernel, stride, padding, dilation)
    y = np.zeros((len(x), len(w), *out))
    for g, f, o, k, i in _terms(sizes, kernel, out, len(w), stride, padding, dilation, groups):
        for channel in range(c):
            y[(slice(None), f, *o)] += w[(f, channel, *k)] * x[(slice(None), g * c + channel, *i)]
    return y.astype(x.dtype)


def convolved_back(dy: Any, w: Any, sizes: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    kernel, c = w.shape[2:], w.shape[1]
    x = np.zeros((len(dy), c * groups, *sizes))
    for g, f, o, k, i in _terms(sizes, kernel, dy.shape[2:], len(w), stride, padding, dilation, groups):
        for channel in range(c):
            x[(slice(None), g * c + channel, *i)] += w[(f, channel, *k)] * dy[(slice(None), f, *o)]
    return x.astype(dy.dtype)


def correlated(x: Any, dy: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    c = x.shape[1] // groups
    w = np.zeros((dy.shape[1], c, *kernel))
    for g, f, o, k, i in _terms(x.shape[2:], kernel, dy.shape[2:], len(w), stride, padding, dilation, groups):
        for channel in range(c):
            w[(f, channel, *k)] += x[(slice(None), g * c + channel, *i)] @ dy[(slice(None), f, *o)]
    return w.astype(x.dtype)


def _members(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, counts: Any) -> Any:
    """(place of a window with its leading axes, the places in x that it covers)."""
    lead = x.ndim - len(counts)
    found: dict[Any, list[Any]] = {o: [] for o in itertools.product(*map(range, counts))}
    for o, _, i in _triples(x.shape[lead:], kernel, stride, padding, dilation, counts):
        found[o].append(i)
    for b in np.ndindex(x.shape[:lead]):
        for o, places in found.items():
            yield (*b, *o), [(*b, *i) for i in places]


def _best(x: Any, places: Any) -> Any:
    return max(places, key=lambda i: (x[i], [-j for j in i]))


def _shape(x: Any, counts: Any) -> Any:
    return (*x.shape[: x.ndim - len(counts)], *counts)


def largest(x: Any, **params: Any) -> Any:
    y = np.zeros(_shape(x, params["counts"]), x.dtype)
    for o, places in _members(x, **params):
        y[o] = x[_best(x, places)]
    return y


def largest_places(x: Any, **params: Any) -> Any:
    y = np.zeros(_shape(x, params["counts"]), np.int64)
    lead = x.ndim - len(params["counts"])
    for o, places in _members(x, **params):
        y[o] = np.ravel_multi_index(_best(x, places)[lead:], x.shape[lead:])
    return y


def at_largest(v: Any, x: Any, **params: Any) -> Any:
    y = np.zeros(_shape(x, params["counts"]), v.dtype)
    for o, places in _members(x, **params):
        y[o] = v[_best(x, places)]
    return y


def to_largest(dy: Any, x: Any, **params: Any) -> Any:
    z = np.zeros(x.shape, dy.dtype)
    for o, places in _members(x, **params):
        z[_best(x, places)] += dy[o]
    return z


def summed(x: Any, **params: Any) -> Any:
    y = np.zeros(_shape(x, params["counts"]), x.dtype)
    for o, places in _members(x, **params):
        y[o] = sum(x[i] for i in places)
    return y


def summed_back(dy: Any, sizes: Any, **params: Any) -> Any:
    x = np.zeros((*dy.shape[: dy.ndim - len(sizes)], *sizes), dy.dtype)
    for o, places in _members(x, **params):
        for i in places:
            x[i] += dy[o]
    return x


def laid_out(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    out = _out(x.shape[2:], kernel, stride, padding, dilation)
    y = np.zeros((*x.shape[:2], *kernel, *out), x.dtype)
    for o, k, i in _triples(x.shape[2:], kernel, stride, [a for a, _ in padding], dilation, out):
        y[(slice(None), slice(None), *k, *o)] = x[(slice(None), slice(None), *i)]
    return y


def added_up(dy: Any, sizes: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    x = np.zeros((*dy.shape[:2], *sizes))
    for o, k, i in _triples(sizes, kernel, stride, [a for a, _ in padding], dilation, dy.shape[2 + len(kernel) :]):
        x[(slice(None), slice(None), *i)] += dy[(slice(None), slice(None), *k, *o)]
    return x.astype(dy.dtype)
