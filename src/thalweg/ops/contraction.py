"""einsum: sums of products over named axes, by pairwise matrix products in a cheap order."""

from __future__ import annotations

import itertools
import math
from typing import Any

from ..core.tensor import Tensor
from ..errors import ArgumentError, ShapeError
from . import elementwise as e
from .broadcast import reshape, sum_
from .diagonals import diagonal
from .products import matmul
from .shape import permute

__all__ = ["einsum"]

FEW = 6  # operands up to which all orders are tried

Term = tuple[Any, str]  # an operand and the letters of its axes, each once


def einsum(equation: Any, *operands: Any) -> Tensor:
    """The sum of products that Einstein's notation states.

    In "ij,jk->ik" each operand's axes have a letter, letters that are missing in the output are summed over, "..."
    stands for axes that broadcast, a letter that an operand has twice takes its diagonal. Without "->" the output has
    the letters that occur once, in alphabetical order. Instead of an equation, operands may be followed by lists of
    numbers: ``einsum(x, [0, 1], y, [1, 2], [0, 2])``.

    >>> import thalweg as tw
    >>> tw.einsum("ij,j->i", tw.ones(2, 3), tw.arange(3.0))
    tensor([3., 3.])
    """
    if not isinstance(equation, str):
        equation, operands = _from_lists((equation, *operands))
    elif len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    inputs, output = _parse(equation, operands)
    terms = [_diagonals(x, letters) for x, letters in zip(operands, inputs, strict=True)]
    terms = _common_sizes(terms, equation)
    while len(terms) > 1:
        i, j = _next_pair(terms, output)
        rest = [t for k, t in enumerate(terms) if k not in (i, j)]
        kept = set(output).union(*(letters for _, letters in rest))
        terms = [*rest, _contract(terms[i], terms[j], kept)]
    return _arranged(terms[0], output)


def _from_lists(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """The sublist form as an equation."""
    operands, lists = arguments[0::2], [list(x) for x in arguments[1::2]]
    output = None
    if len(arguments) % 2:
        operands, output = operands[:-1], list(arguments[-1])
    names = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    texts = ["".join("..." if i is Ellipsis else names[i] for i in part) for part in [*lists, output or []]]
    equation = ",".join(texts[:-1])
    return (equation if output is None else f"{equation}->{texts[-1]}"), operands


def _parse(equation: str, operands: Any) -> tuple[list[str], str]:
    """The letters of each operand and of the output, "..." written out as digits (counted from the right)."""
    left, arrow, output = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(operands):
        raise ArgumentError(f"einsum: {equation!r} names {len(inputs)} operands, {len(operands)} were given")
    written, widest = [], 0
    for text, x in zip(inputs, operands, strict=True):
        named = len(text.replace("...", ""))
        extra = x._value.ndim - named
        if extra < 0 or (extra and "..." not in text):
            raise ShapeError(f"einsum: {text!r} in {equation!r} does not fit an operand of shape {tuple(x.shape)}")
        widest = max(widest, extra) if "..." in text else widest
        written.append(text.replace("...", _dots(extra)))
    if arrow:
        output = output.replace("...", _dots(widest))
    else:
        letters = "".join(inputs).replace(".", "")
        output = _dots(widest) + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    unknown = set(output) - set("".join(written))
    if unknown or len(set(output)) != len(output):
        raise ArgumentError(f"einsum: the output of {equation!r} needs each of its letters once, and in an operand")
    if not all(c.isalpha() or ord(c) >= _FIRST_DOT for c in "".join(written)):
        raise ArgumentError(f"einsum: axes are named by letters, in {equation!r}")
    return written, output


_FIRST_DOT = 0x2460  # a symbol for each axis of "...", the last axis having the first


def _dots(n: int) -> str:
    return "".join(chr(_FIRST_DOT + i) for i in reversed(range(n)))


def _diagonals(x: Any, letters: str) -> Term:
    """Each letter once: the diagonal where an operand has it twice."""
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            i = letters.index(letter)
            j = letters.index(letter, i + 1)
            if x._value.shape[i] != x._value.shape[j]:
                raise ShapeError(f"einsum: axes {i} and {j} of shape {tuple(x.shape)} have one letter but two sizes")
            x = diagonal(x, 0, i, j)
            letters = letters[:i] + letters[i + 1 : j] + letters[j + 1 :] + letter
    return x, letters


def _common_sizes(terms: list[Term], equation: str) -> list[Term]:
    """The operands with broadcast axes of size 1 taken off where others are larger; sizes must agree."""
    sizes: dict[str, int] = {}
    for x, letters in terms:
        for letter, n in zip(letters, x._value.shape, strict=True):
            known = sizes.setdefault(letter, n)
            if known != n and 1 not in (known, n):
                raise ShapeError(f"einsum: axis {letter!r} of {equation!r} has the sizes {known} and {n}")
            sizes[letter] = n if known == 1 else known
    result = []
    for x, letters in terms:
        thin = {c for c, n in zip(letters, x._value.shape, strict=True) if n == 1 and sizes[c] != 1}
        kept = "".join(c for c in letters if c not in thin)
        shape = tuple(n for c, n in zip(letters, x._value.shape, strict=True) if c not in thin)
        result.append((reshape(x, shape=shape), kept) if thin else (x, letters))
    return result


def _next_pair(terms: list[Term], output: str) -> tuple[int, int]:
    """The two operands to multiply first: of the cheapest order for a few, the cheapest pair for many."""
    known = [(letters, dict(zip(letters, x._value.shape, strict=True))) for x, letters in terms]
    sizes = {c: n for _, d in known for c, n in d.items()}
    sets = [frozenset(letters) for letters, _ in known]
    if len(sets) <= FEW:
        return _best_order(sets, frozenset(output), sizes, {})[1]
    pairs = list(itertools.combinations(range(len(sets)), 2))
    return min(pairs, key=lambda p: (*_growth(sets, p, frozenset(output), sizes), p))


def _count(letters: frozenset[str], sizes: dict[str, int]) -> int:
    return math.prod(sizes[c] for c in letters)


def _merged(sets: list[frozenset[str]], pair: tuple[int, int], output: frozenset[str]) -> frozenset[str]:
    rest = output.union(*(s for k, s in enumerate(sets) if k not in pair))
    return (sets[pair[0]] | sets[pair[1]]) & rest


def _growth(
    sets: list[frozenset[str]], pair: tuple[int, int], output: frozenset[str], sizes: dict[str, int]
) -> tuple[int, int]:
    """(by how much a product is larger than its factors, the multiplications it takes)."""
    i, j = pair
    grown = _count(_merged(sets, pair, output), sizes) - _count(sets[i], sizes) - _count(sets[j], sizes)
    return grown, _count(sets[i] | sets[j], sizes)


def _best_order(
    sets: list[frozenset[str]], output: frozenset[str], sizes: dict[str, int], known: dict[Any, Any]
) -> tuple[int, tuple[int, int]]:
    """(multiplications of the cheapest order, its first pair)."""
    if len(sets) == 2:
        return _count(sets[0] | sets[1], sizes), (0, 1)
    key = tuple(sets)
    if key not in known:
        options = []
        for pair in itertools.combinations(range(len(sets)), 2):
            cost = _count(sets[pair[0]] | sets[pair[1]], sizes)
            rest = [s for k, s in enumerate(sets) if k not in pair]
            after = _best_order([*rest, _merged(sets, pair, output)], output, sizes, known)[0]
            options.append((cost + after, pair))
        known[key] = min(options)
    return known[key]


def _contract(left: Term, right: Term, kept: set[str]) -> Term:
    """The product of two operands, summed over the letters that nobody else needs."""
    a, a_letters = _summed(left, kept | set(right[1]))
    b, b_letters = _summed(right, kept | set(left[1]))
    both = [c for c in a_letters if c in b_letters]
    batch = [c for c in both if c in kept]
    inner = [c for c in both if c not in kept]
    rows = [c for c in a_letters if c not in both]
    columns = [c for c in b_letters if c not in both]
    letters = "".join([*batch, *rows, *columns])
    if not inner:
        x = _grouped(a, a_letters, [batch, rows, []], [1] * len(columns))
        y = _grouped(b, b_letters, [batch, [], columns], [], lead=(len(batch), len(rows)))
        return e.mul(x, y), letters
    sizes = dict(zip(a_letters, a._value.shape, strict=True)) | dict(zip(b_letters, b._value.shape, strict=True))
    x = _as_matrices(a, a_letters, batch, rows, inner, sizes)
    y = _as_matrices(b, b_letters, batch, inner, columns, sizes)
    return reshape(matmul(x, y), shape=tuple(sizes[c] for c in letters)), letters


def _summed(term: Term, kept: set[str]) -> Term:
    x, letters = term
    dims = tuple(i for i, c in enumerate(letters) if c not in kept)
    return (sum_(x, dims=dims, keepdim=False), "".join(c for c in letters if c in kept)) if dims else term


def _ordered(x: Any, letters: str, order: list[str]) -> Any:
    dims = tuple(letters.index(c) for c in order)
    return x if dims == tuple(range(len(dims))) else permute(x, dims=dims)


def _grouped(x: Any, letters: str, parts: list[list[str]], tail: list[int], lead: Any = None) -> Any:
    """The axes in the order of ``parts``, with axes of size 1 for those of the other operand."""
    ordered = _ordered(x, letters, [c for part in parts for c in part])
    shape = list(ordered._value.shape)
    if lead is not None:
        shape[lead[0] : lead[0]] = [1] * lead[1]
    return reshape(ordered, shape=(*shape, *tail))


def _as_matrices(
    x: Any, letters: str, batch: list[str], rows: list[str], columns: list[str], sizes: dict[str, int]
) -> Any:
    ordered = _ordered(x, letters, [*batch, *rows, *columns])
    groups = [math.prod(sizes[c] for c in group) for group in (batch, rows, columns)]
    return reshape(ordered, shape=tuple(groups) if batch else tuple(groups[1:]))


def _arranged(term: Term, output: str) -> Tensor:
    """The last operand's axes in the order of the output."""
    x, letters = _summed(term, set(output))
    result: Tensor = _ordered(x, letters, list(output))
    return result
