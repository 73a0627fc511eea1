"""Every row of the registry as native code, forwards and backwards, against the primitives' own NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.compiler.graph import Graph, Node, apply, evaluate, placeholder
from thalweg.compiler.native_program import Native
from thalweg.compiler.record import record

from ..registry import SAMPLES, Sample

ROUNDED = {  # all others give the same bits
    "rsqrt", "exp", "expm1", "log", "log1p", "tanh", "sigmoid", "softplus", "erf", "sin", "cos", "pow", "atan2",
    "floor_divide", "remainder", "fmod", "sum", "mean", "prod", "matmul", "linear", "linear_relu", "softmax",
    "log_softmax", "cross_entropy_rows", "cross_entropy_slope", "cross_entropy_mean", "mean_squared_error",
    "binary_cross_entropy", "normal", "convolution", "convolution_input", "convolution_weight", "sum_pool",
    "sum_pool_adjoint", "max_pool_adjoint",
}  # fmt: skip
ROUNDED |= {
    "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "log2", "log10", "logaddexp", "hypot", "erfc",
    "erfcx", "erfinv", "ndtri", "lgamma", "polygamma", "zeta", "i0", "i0e", "i1", "i1e", "cumprod", "scatter_multiply",
}  # fmt: skip
# Sorts, decompositions and what few use: NumPy computes them for native code too.
CALLED_BACK = {
    "argsort", "topk", "searchsorted", "gcd", "lcm", "nextafter", "exponent", "cholesky", "cofactors", "complement",
    "determinant", "eigh", "inverse", "log_determinant", "matrix_exponential", "pseudoinverse", "qr", "solve",
    "solve_triangular", "svd",
}  # fmt: skip
DTYPES = ("float32", "float64", "float16", "int64", "int32", "int8", "uint8", "bool")
ROUNDING = {2: 4e-3, 4: 1e-5, 8: 1e-13}  # relative
SMALL = {2: 2e-3, 4: 2e-6, 8: 1e-14}  # absolute, where sums cancel


class Batch:
    """Many graphs as one program, which takes a fraction of the time."""

    def __init__(self) -> None:
        self.inputs: list[Node] = []
        self.values: list[Any] = []
        self.outputs: list[Node] = []
        self.names: list[str] = []

    def input(self, array: Any) -> Node:
        node = placeholder(f"x{len(self.inputs)}", array.shape, array.dtype)
        self.inputs.append(node)
        self.values.append(np.ascontiguousarray(array).reshape(array.shape))
        return node

    def add(self, node: Node, name: str) -> None:
        self.outputs.append(node)
        self.names.append(name)

    def build(self) -> Native:
        return Native(Graph(self.inputs, self.outputs), [], threads=1)

    def differences(self) -> list[str]:
        """What comes out natively and isn't what NumPy gives."""
        return differing(Graph(self.inputs, self.outputs), self.values, self.names)


def differing(graph: Graph, values: list[Any], names: list[str]) -> list[str]:
    native = Native(graph, [], threads=1)
    assert {node.name for node in native.callbacks} <= CALLED_BACK
    results = [np.empty(y.shape, y.dtype) for y in graph.outputs]
    native.run(values, results)
    expected = evaluate(graph, values)
    return [
        f"{name}: {want.ravel()[:6]} became {got.ravel()[:6]}"
        for name, got, want in zip(names, results, expected, strict=True)
        if not (alike(got, want) if name.split()[0] in ROUNDED else same(got, want))
    ]


def same(got: Any, want: Any) -> bool:
    """Equal, also in the sign of zeros; any NaN for a NaN."""
    if want.dtype.kind != "f":
        return np.array_equal(got, want)
    signs = (np.signbit(got) == np.signbit(want)) | np.isnan(want)
    return np.array_equal(got, want, equal_nan=True) and bool(signs.all())


def alike(got: Any, want: Any) -> bool:
    """Equal within rounding."""
    if want.dtype.kind != "f":
        return np.array_equal(got, want)
    size = want.dtype.itemsize
    with np.errstate(all="ignore"):
        largest = np.max(np.abs(want), initial=1.0, where=np.isfinite(want))  # sums may cancel
        return np.allclose(got, want, rtol=ROUNDING[size], atol=SMALL[size] * largest, equal_nan=True)


def rows(dtype: str) -> list[Sample]:
    return [s for s in SAMPLES if np.dtype(dtype).kind in s.kinds and (s.half or dtype != "float16")]


def transposed(batch: Batch, x: Any) -> Node:
    """The array as the transposed view of an input."""
    axes = tuple(reversed(range(x.ndim)))
    return apply(tw.ops.shape.permute, batch.input(x.transpose(axes)), dims=axes)


def sliced(batch: Batch, x: Any) -> Node:
    """The array as every second element of an input, and from the end on the last axis."""
    wide = np.zeros([2 * n + 1 for n in x.shape], x.dtype)
    key = tuple(slice(1, 2 * n, 2) for n in x.shape[:-1]) + tuple(slice(2 * n - 1, 0, -2) for n in x.shape[-1:])
    wide[key] = x
    return apply(tw.ops.shape.index, batch.input(wide), index=key)


def straight(batch: Batch, x: Any) -> Node:
    return batch.input(x)


@pytest.mark.parametrize(
    ("place", "dtype"),
    [(straight, d) for d in DTYPES] + [(f, d) for f in (transposed, sliced) for d in ("float32", "int64", "bool")],
)
def test_rows(place: Any, dtype: str) -> None:
    batch = Batch()
    for sample in rows(dtype):
        values = sample.values(np.dtype(dtype))
        inputs = [place(batch, v) if isinstance(v, np.ndarray) else v for v in values]
        batch.add(apply(sample.primitive, *inputs, **sample.params), str(sample))
    assert batch.differences() == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_broadcast_inputs(dtype: str) -> None:
    """Each input as one number that is expanded."""
    batch = Batch()
    for sample in rows(dtype):
        if sample.primitive.name in ("inverse", "solve"):  # a matrix of equal elements is singular
            continue
        inputs = []
        for v, i in zip(sample.values(np.dtype(dtype)), range(9), strict=False):
            if i in sample.random and v.size:
                one = batch.input(v.reshape(-1)[:1].reshape((1,) * v.ndim))
                inputs.append(apply(tw.ops.broadcast.expand, one, shape=v.shape))
            else:
                inputs.append(batch.input(v) if isinstance(v, np.ndarray) else v)
        batch.add(apply(sample.primitive, *inputs, **sample.params), str(sample))
    assert batch.differences() == []


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_special_values(dtype: str) -> None:
    batch = Batch()
    for sample in SAMPLES:
        if sample.special:
            with np.errstate(all="ignore"):
                x = np.array(sample.special, dtype)
            batch.add(apply(sample.primitive, batch.input(x), **sample.params), str(sample))
    assert batch.differences() == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_backwards(dtype: str) -> None:
    """The gradients of a weighted sum of the result, by all random inputs, traced and compiled."""
    kept = [s for s in rows(dtype) if s.random and s.primitive.differentiable]
    tensors: list[Any] = []
    parts: list[tuple[Sample, list[Any]]] = []
    for sample in kept:
        values = sample.values(np.dtype(dtype))
        inputs = [tw.tensor(v, requires_grad=i in sample.random) if isinstance(v, np.ndarray) else v
                  for i, v in enumerate(values)]  # fmt: skip
        tensors += [x for x in inputs if isinstance(x, tw.Tensor)]
        parts.append((sample, inputs))
    recording = record(lambda *_: gradients(parts), tuple(tensors), {}, tensors, False)
    values = []
    for source, node in zip(recording.sources, recording.graph.inputs, strict=True):
        tensor = source.tensor if source.argument is None else tensors[source.argument]
        values.append(np.ascontiguousarray(tensor._value).reshape(node.shape))
    names = [f"sum {i}" for i in range(len(recording.graph.outputs))]
    assert len(names) > len(kept) // 2
    assert differing(recording.graph, values, names) == []


def gradients(parts: list[tuple[Sample, list[Any]]]) -> list[Any]:
    results: list[Any] = []
    for sample, inputs in parts:
        y = sample.primitive(*inputs, **sample.params)
        if not y.dtype.is_floating_point or not y.requires_grad:
            continue
        weights = tw.arange(1, y.numel() + 1, dtype=y.dtype).reshape(y.shape)
        by = [x for x in inputs if isinstance(x, tw.Tensor) and x.requires_grad]
        results += tw.autograd.grad((y * weights).sum(), by, allow_unused=True)
    return [g for g in results if g is not None]


def test_few_rows_call_back_to_numpy() -> None:
    batch = Batch()
    for sample in SAMPLES:
        inputs = [batch.input(v) if isinstance(v, np.ndarray) else v for v in sample.values(np.dtype(np.float32))]
        batch.add(apply(sample.primitive, *inputs, **sample.params), str(sample))
    assert {node.name for node in batch.build().callbacks} == CALLED_BACK
