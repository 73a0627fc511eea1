"""Gradients checked against finite differences.

The derivative by an input element is (f(x + eps) - f(x - eps)) / 2 eps up to an error of order eps**2 from the
third derivative and of order 1e-16 / eps from rounding: in float64 and with eps = 1e-6 about 1e-10, in float32
useless. Slow mode compares the full Jacobian, at two evaluations for each input element and one backward for
each output element. Fast mode compares v^T J u along random directions u and v, at two evaluations and one
backward for each output, whatever their sizes; a wrong entry goes unseen only if it cancels in that sum.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.backward import gradients
from ..core.modes import enable_grad
from ..core.tensor import Tensor, wrap
from ..errors import GradcheckError
from ..ops.random import Generator
from .mode_checks import check_batched_backward, check_batched_forward, check_forward

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

_SEED = 20_000  # the directions are the same at every call, and the default generator is left alone


class _Tolerance(NamedTuple):
    """What counts as equal: |analytical - numerical| <= atol + rtol * |numerical|."""

    eps: float
    atol: float
    rtol: float


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the gradients of ``func`` with central differences, in float64.

    Args:
        func: takes the inputs, returns a tensor or a sequence of tensors; it must be a pure function.
        inputs: a tensor or a sequence of arguments; the tensors that require a gradient are checked. They are
            changed in place by ``eps`` and changed back.
        eps: the step of the differences.
        atol, rtol: entries are equal if |analytical - numerical| <= atol + rtol * |numerical|.
        raise_exception: raise on a difference; otherwise return False.
        nondet_tol: the largest difference allowed between two backwards of the same call.
        check_undefined_grad: with several outputs, check that one that gets no gradient counts as one that gets zeros.
        check_grad_dtypes: check that each gradient has the dtype of its input.
        check_batched_grad: check that two cotangents at once give what they give one by one.
        check_forward_ad: compare forward mode along a random direction, too; with ``check_batched_forward_grad`` also
            two directions at once.
        check_backward_ad: compare reverse mode.
        fast_mode: compare v^T J u for random directions u, v instead of all entries of the Jacobian J.
        masked: there for PyTorch's signature.

    Returns:
        True, or False where ``raise_exception`` is off and a check failed.

    Raises:
        GradcheckError: a check failed; it names the output, the input, the largest difference and both values.
        ValueError: no input requires a gradient.

    >>> import thalweg as tw
    >>> from thalweg.autograd.gradcheck import gradcheck
    >>> x = tw.randn(3, dtype=tw.float64, requires_grad=True)
    >>> gradcheck(tw.tanh, x)
    True
    """
    if not (check_backward_ad or check_forward_ad):
        raise ValueError("gradcheck: check_backward_ad=False without check_forward_ad=True checks nothing")
    if check_batched_forward_grad and not check_forward_ad:
        raise ValueError("gradcheck: check_batched_forward_grad=True needs check_forward_ad=True")
    call = _Call(func, _as_arguments(inputs))
    try:
        with enable_grad():
            outputs = call.outputs()
            tolerance = _Tolerance(eps, atol, rtol)
            if check_forward_ad:
                _check_forward(call, tolerance, check_batched_forward_grad)
            if check_backward_ad:
                (_check_fast if fast_mode else _check_slow)(call, outputs, tolerance)
                _check_zero_cotangent(call, outputs)
                _check_deterministic(call, outputs, nondet_tol)
            if check_batched_grad:
                check_batched_backward(outputs, call.sources, [_random_values(outputs, k) for k in (0, 1)])
            if check_undefined_grad and check_backward_ad:
                _check_undefined(call, outputs)
            if check_grad_dtypes and check_backward_ad:
                _check_dtypes(call, outputs)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Compare the second derivatives of ``func`` with central differences of its gradient.

    The function that is checked maps the inputs and the cotangents of the outputs to the gradients by the inputs.

    Args:
        grad_outputs: the cotangents, one for each output; drawn at random if None.
        gen_non_contig_grad_outputs: let the random cotangents lie in memory with gaps.

    For the other arguments, the result and the errors see ``gradcheck``.

    >>> import thalweg as tw
    >>> from thalweg.autograd.gradcheck import gradgradcheck
    >>> x = tw.randn(3, dtype=tw.float64, requires_grad=True)
    >>> gradgradcheck(tw.tanh, x)
    True
    """
    if not (check_rev_over_rev or check_fwd_over_rev):
        raise ValueError("gradgradcheck: check_rev_over_rev=False without check_fwd_over_rev=True checks nothing")
    arguments = _as_arguments(inputs)
    if grad_outputs is None:
        with enable_grad():
            outputs = _Call(func, arguments).outputs()
        cotangents = _random_cotangents(outputs, gen_non_contig_grad_outputs)
    else:
        cotangents = _as_arguments(grad_outputs)
    return gradcheck(
        _GradientOf(func, len(cotangents)),
        (*arguments, *cotangents),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        masked=masked,
    )


class _GradientOf:
    """(inputs, cotangents) -> the gradients of ``func`` by the inputs that require one, differentiable again."""

    def __init__(self, func: Callable[..., Any], cotangents: int) -> None:
        self.func = func
        self.count = cotangents

    def __call__(self, *arguments: Any) -> tuple[Tensor, ...]:
        inputs, cotangents = arguments[: len(arguments) - self.count], arguments[len(arguments) - self.count :]
        sources = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
        outputs = _differentiable(self.func(*inputs), sources)
        if len(outputs) != len(cotangents):
            raise ValueError(f"gradgradcheck: {len(outputs)} differentiable outputs but {len(cotangents)} grad_outputs")
        connected = [(y, dy) for y, dy in zip(outputs, cotangents, strict=True) if y.requires_grad]
        if not connected:
            return ()
        ys, dys = zip(*connected, strict=True)
        found = gradients(ys, sources, dys, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)


# -- the arguments ----------------------------------------------------------------------------------------


def _as_arguments(inputs: Any) -> tuple[Any, ...]:
    return tuple(inputs) if isinstance(inputs, (list, tuple)) else (inputs,)


class _Call:
    """The function with its arguments: what is evaluated, and the tensors it is differentiated by.

    Attributes:
        sources: the arguments that require a gradient.
        positions: their places among the arguments.
    """

    def __init__(self, func: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.func, self.arguments = func, arguments
        self.positions = [i for i, x in enumerate(arguments) if isinstance(x, Tensor) and x.requires_grad]
        self.sources: list[Tensor] = [arguments[i] for i in self.positions]
        if not self.sources:
            raise ValueError("gradcheck: none of the inputs requires a gradient; set requires_grad=True on one of them")
        for i, x in zip(self.positions, self.sources, strict=True):
            _check_input(i, x)

    def outputs(self) -> list[Tensor]:
        """The differentiable outputs."""
        return _differentiable(self.func(*self.arguments), self.sources)

    def outputs_at(self, sources: Sequence[Tensor]) -> list[Tensor]:
        """The differentiable outputs for other sources."""
        arguments = list(self.arguments)
        for i, x in zip(self.positions, sources, strict=True):
            arguments[i] = x
        return _differentiable(self.func(*arguments), sources)

    def values(self) -> list[Any]:
        """The same as arrays of their own (they may be views of an input that is about to change)."""
        return [y._value.copy() for y in self.outputs()]


def _check_input(i: int, x: Tensor) -> None:
    """Warn of an input that is too coarse for finite differences; refuse one that can't be changed elementwise."""
    value = x._value
    if value.dtype != np.float64:
        warnings.warn(
            f"gradcheck: input {i} requires a gradient and is {x.dtype}; finite differences need float64, this check "
            "will probably fail",
            stacklevel=4,
        )
    if value.size and any(s == 0 and n > 1 for s, n in zip(value.strides, value.shape, strict=True)):
        raise GradcheckError(
            f"gradcheck: elements of input {i} share memory (shape {tuple(x.shape)}, expanded) and can't be changed "
            "one at a time; pass a clone()"
        )


def _differentiable(result: Any, sources: Sequence[Tensor]) -> list[Tensor]:
    """The floating-point outputs. An output that is itself an input is replaced by a copy."""
    outputs = [y for y in _as_arguments(result) if isinstance(y, Tensor) and y._value.dtype.kind == "f"]
    return [y.clone() if any(y is x for x in sources) else y for y in outputs]


def _random_cotangents(outputs: Sequence[Tensor], with_gaps: bool) -> tuple[Tensor, ...]:
    source = Generator().manual_seed(_SEED)
    result = []
    for y in outputs:
        value = source.normal((*y._value.shape, 2), y._value.dtype)[..., 0]
        result.append(wrap(value if with_gaps else np.ascontiguousarray(value).reshape(value.shape)).requires_grad_())
    return tuple(result)


# -- slow mode --------------------------------------------------------------------------------------------


def _check_slow(call: _Call, outputs: list[Tensor], tolerance: _Tolerance) -> None:
    for i, x in zip(call.positions, call.sources, strict=True):
        numerical = _numerical_jacobians(call, x, len(outputs), tolerance.eps)
        for j, y in enumerate(outputs):
            _compare(_analytical_jacobian(y, x), numerical[j], tolerance, i, j, x, y)


def _numerical_jacobians(call: _Call, x: Tensor, count: int, eps: float) -> list[Any]:
    """For each output the matrix d output / d x, of shape (elements of the output, elements of x)."""
    columns: list[list[Any]] = [[] for _ in range(count)]
    for place in np.ndindex(x._value.shape):
        old = x._value[place]
        try:
            x._value[place] = old + eps
            high = call.values()
            x._value[place] = old - eps
            low = call.values()
        finally:
            x._value[place] = old
        for column, a, b in zip(columns, high, low, strict=True):
            column.append((a - b).reshape(-1) / (2 * eps))
    return [np.stack(c, 1) if c else np.zeros((0, 0)) for c in columns]


def _analytical_jacobian(y: Tensor, x: Tensor) -> Any:
    """d y / d x by one backward for each element of y, of shape (elements of y, elements of x)."""
    rows = np.zeros((y._value.size, x._value.size))
    for k in range(y._value.size):
        one_hot = np.zeros(y._value.size, y._value.dtype)
        one_hot[k] = 1
        (dx,) = _gradients([y], [one_hot.reshape(y._value.shape)], [x])
        rows[k] = dx.reshape(-1)
    return rows


def _gradients(outputs: list[Tensor], cotangents: list[Any], sources: list[Tensor]) -> list[Any]:
    """The gradients as arrays; zeros where there is no connection."""
    pairs = [(y, wrap(dy)) for y, dy in zip(outputs, cotangents, strict=True) if y.requires_grad]
    if not pairs:
        return [np.zeros(x._value.shape) for x in sources]
    ys, dys = zip(*pairs, strict=True)
    found = gradients(ys, sources, dys, retain_graph=True, allow_unused=True)
    return [np.zeros(x._value.shape) if g is None else g._value for x, g in zip(sources, found, strict=True)]


def _compare(analytical: Any, numerical: Any, tolerance: _Tolerance, i: int, j: int, x: Tensor, y: Tensor) -> None:
    if not analytical.size:
        return
    with np.errstate(invalid="ignore"):
        difference = np.abs(analytical - numerical)
        good = (difference <= tolerance.atol + tolerance.rtol * np.abs(numerical)) | (analytical == numerical)
    if good.all():
        return
    bad = np.where(good, -1.0, np.where(np.isnan(difference), np.inf, difference))
    k, n = np.unravel_index(int(np.argmax(bad)), bad.shape)
    raise GradcheckError(
        f"gradcheck: the gradient of output {j} by input {i} is wrong in {int((~good).sum())} of {good.size} entries; "
        f"the largest difference is {difference[k, n]:.6g}, for output element {_place(k, y)} and input element "
        f"{_place(n, x)}: numerical {numerical[k, n]:.9g}, analytical {analytical[k, n]:.9g} "
        f"(atol {tolerance.atol:g}, rtol {tolerance.rtol:g})"
    )


def _place(position: Any, x: Tensor) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(position), x._value.shape)) if x._value.ndim else ()


# -- fast mode --------------------------------------------------------------------------------------------


def _check_fast(call: _Call, outputs: list[Tensor], tolerance: _Tolerance) -> None:
    source = Generator().manual_seed(_SEED)
    us = [_direction(source, x) for x in call.sources]
    vs = [_direction(source, y) for y in outputs]
    slopes = _slopes(call, us, tolerance.eps)
    for j, (y, v, slope) in enumerate(zip(outputs, vs, slopes, strict=True)):
        numerical = float(np.sum(v * slope))
        gradients = _gradients([y], [v], call.sources)
        analytical = float(sum(np.sum(u * dx) for u, dx in zip(us, gradients, strict=True)))
        slack = sum(np.abs(u).sum() for u in us) * np.abs(v).sum()  # as if each entry were off by atol
        if abs(analytical - numerical) <= tolerance.atol * slack + tolerance.rtol * abs(numerical):
            continue
        _check_slow(call, outputs, tolerance)  # names the place, if an entry is far off by itself
        raise GradcheckError(
            f"gradcheck: along random directions the gradient of output {j} is wrong by "
            f"{abs(analytical - numerical):.6g}: numerical {numerical:.9g}, analytical {analytical:.9g}; each entry "
            "is within the tolerance by itself, run with fast_mode=False and a smaller rtol to see which are off"
        )


def _direction(source: Generator, x: Tensor) -> Any:
    """A random direction of length 1 in the shape of ``x``."""
    u = source.normal(x._value.shape, np.dtype(np.float64))
    return (u / max(float(np.sqrt(np.sum(u * u))), 1e-300)).astype(x._value.dtype)


def _slopes(call: _Call, us: list[Any], eps: float) -> list[Any]:
    """For each output J u, from one pair of evaluations."""
    old = [x._value.copy() for x in call.sources]
    values = []
    try:
        for step in (eps, -eps):
            for x, center, u in zip(call.sources, old, us, strict=True):
                x._value[...] = center + step * u
            values.append(call.values())
    finally:
        for x, center in zip(call.sources, old, strict=True):
            x._value[...] = center
    return [(high - low) / (2 * eps) for high, low in zip(*values, strict=True)]


# -- other properties of a backward -----------------------------------------------------------------------


def _check_forward(call: _Call, tolerance: _Tolerance, batched: bool) -> None:
    """Forward mode along a random direction against finite differences along it."""
    source = Generator().manual_seed(_SEED)
    us, others = ([_direction(source, x) for x in call.sources] for _ in range(2))
    close = functools.partial(np.allclose, atol=tolerance.atol, rtol=tolerance.rtol, equal_nan=True)
    check_forward(call.outputs_at, call.sources, us, _slopes(call, us, tolerance.eps), close)
    if batched:
        check_batched_forward(call.outputs_at, call.sources, [us, others])


def _random_values(outputs: list[Tensor], turn: int = 0) -> list[Any]:
    source = Generator().manual_seed(_SEED + turn)
    return [source.normal(y._value.shape, y._value.dtype) for y in outputs]


def _check_zero_cotangent(call: _Call, outputs: list[Tensor]) -> None:
    """A backward is linear in its cotangent: zeros must give zeros."""
    gradients = _gradients(outputs, [np.zeros_like(y._value) for y in outputs], call.sources)
    for i, dx in zip(call.positions, gradients, strict=True):
        if np.any(dx != 0):
            raise GradcheckError(
                f"gradcheck: the gradient by input {i} is not 0 where all output gradients are 0; the backward does "
                "not multiply by the gradient it is given"
            )


def _check_deterministic(call: _Call, outputs: list[Tensor], tolerance: float) -> None:
    """The same call differentiated twice gives the same gradients."""
    cotangents = _random_values(outputs)
    first = _gradients(outputs, cotangents, call.sources)
    second = _gradients(call.outputs(), cotangents, call.sources)
    for i, a, b in zip(call.positions, first, second, strict=True):
        difference = float(np.max(np.abs(a - b), initial=0.0))
        if difference > tolerance:
            raise GradcheckError(
                f"gradcheck: two backwards of the same call differ by {difference:.6g} in the gradient by input {i} "
                f"(nondet_tol {tolerance:g}); the function is not deterministic"
            )


def _check_undefined(call: _Call, outputs: list[Tensor]) -> None:
    """An output that gets no cotangent counts as one that gets zeros."""
    if len(outputs) < 2:
        return
    cotangents = _random_values(outputs)
    for j, y in enumerate(outputs):
        padded = [dy if k == j else np.zeros_like(dy) for k, dy in enumerate(cotangents)]
        alone = _gradients([y], [cotangents[j]], call.sources)
        beside_zeros = _gradients(outputs, padded, call.sources)
        for i, a, b in zip(call.positions, alone, beside_zeros, strict=True):
            if not np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True):
                raise GradcheckError(
                    f"gradcheck: the gradient of output {j} by input {i} changes when the other outputs get zeros "
                    "instead of no gradient; the backward must treat None as zeros"
                )


def _check_dtypes(call: _Call, outputs: list[Tensor]) -> None:
    gradients = _gradients(outputs, _random_values(outputs), call.sources)
    for i, x, dx in zip(call.positions, call.sources, gradients, strict=True):
        if dx.dtype != x._value.dtype:
            raise GradcheckError(f"gradcheck: the gradient by input {i} is {dx.dtype}, the input is {x.dtype}")
