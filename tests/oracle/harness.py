"""How a public name is compared with PyTorch's: values, dtypes, gradients and second derivatives in float64.

``Case("cumsum", In(3, 4), 1)`` calls the function and the method of that name; names with dots lead into packages:
``Case("nn.functional.elu", In(3))``, ``Case("linalg.inv", In(2, 2))``. ``Layer("nn.Linear", 3, 2, inputs=[In(4, 3)])``
makes a module in both libraries, gives them the same state, and compares by inputs and parameters.

A file ``cases_<area>.py`` holds a list ``CASES`` of them; ``test_cases_oracle.py`` runs all, and ``coverage.py`` writes
docs/coverage.md from them.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import thalweg as tw

TOLERANCE = 1e-9


class In:
    """One tensor argument: random numbers of a shape between ``low`` and ``high``, or given values."""

    def __init__(
        self, *shape: int, low: float = -2.0, high: float = 2.0, values: Any = None, grad: bool = True
    ) -> None:
        self.shape, self.low, self.high, self.grad = shape, low, high, grad and values is None
        self.values = None if values is None else np.asarray(values)

    def array(self, rng: Any) -> Any:
        return rng.uniform(self.low, self.high, self.shape) if self.values is None else self.values

    def __repr__(self) -> str:
        shape = self.shape if self.values is None else self.values.shape
        return "x".join(map(str, shape)) or "0d"


def pos(*shape: int) -> In:
    """Positive random numbers."""
    return In(*shape, low=0.2, high=3.0)


def idx(values: Any) -> In:
    """Integers."""
    return In(values=np.asarray(values, np.int64))


def mask(values: Any) -> In:
    """Booleans."""
    return In(values=np.asarray(values, bool))


def lookup(library: Any, name: str) -> Any:
    """The attribute that a name with dots stands for; AttributeError if there is none."""
    return functools.reduce(getattr, name.split("."), library)


class Case:
    """A call of the function ``name`` and, where there is one, of the method of that name.

    ``order`` says how often it is differentiated; ``only`` is "function" or "method"; ``memory_orders`` says whether
    inputs with transposed strides mean the same; ``tolerance`` is for functions that PyTorch rounds.
    """

    def __init__(
        self,
        name: str,
        *args: Any,
        only: str = "",
        order: int = 2,
        memory_orders: bool = True,
        tolerance: float = TOLERANCE,
        **kwargs: Any,
    ) -> None:
        self.name, self.args, self.kwargs, self.only, self.order = name, args, kwargs, only, order
        self.tolerance = tolerance
        self.memory_orders = memory_orders and not name.startswith("view")

    def __str__(self) -> str:
        return f"{self.name}({', '.join([*map(str, self.args), *(f'{k}={v}' for k, v in self.kwargs.items())])})"

    def forms(self) -> list[str]:
        places = [("function", tw), ("method", tw.Tensor)]
        forms = []
        for form, owner in places:
            try:
                lookup(owner, self.name)
            except AttributeError:
                continue
            forms.append(form)
        return [f for f in forms if not self.only or f == self.only] or [self.only or "function"]

    def slots(self) -> list[In]:
        """The tensor arguments, in the order in which they are written."""
        return list(_slots([*self.args, *self.kwargs.values()]))

    def run(self, library: Any, form: str, tensors: list[Any]) -> Any:
        """Call it with tensors in the places of the In arguments."""
        supply = iter(tensors)
        args = [_place(a, supply) for a in self.args]
        kwargs = {k: _place(v, supply) for k, v in self.kwargs.items()}
        if form == "function":
            return lookup(library, self.name)(*args, **kwargs)
        return getattr(args[0], self.name)(*args[1:], **kwargs)


class Layer(Case):
    """A module ``name(*args, **kwargs)`` called on ``inputs``, both libraries' with the same state.

    ``attributes`` compares repr too; ``state`` are further names of buffers to compare after the call. ``call`` are
    keywords of the call. Parameters are differentiated by, as the inputs are.
    """

    def __init__(
        self,
        name: str,
        *args: Any,
        inputs: list[Any],
        call: dict[str, Any] | None = None,
        order: int = 2,
        train: bool = True,
        show: bool = True,
        scale: float = 0.5,
        tolerance: float = TOLERANCE,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, *args, only="function", order=order, tolerance=tolerance, **kwargs)
        self.inputs, self.call, self.train, self.show, self.scale = inputs, call or {}, train, show, scale

    def __str__(self) -> str:
        call = "".join(f", {k}={v}" for k, v in self.call.items())
        return f"{super().__str__()}({', '.join(map(str, self.inputs))}{call})"

    def forms(self) -> list[str]:
        return ["function"]

    def slots(self) -> list[In]:
        return list(_slots([*self.inputs, *self.call.values()]))

    def module(self, library: Any) -> Any:
        return lookup(library, self.name)(*self.args, **self.kwargs).double().train(self.train)

    def has_parameters(self) -> bool:
        return any(True for _ in self.module(tw).parameters())

    def pair(self) -> tuple[Any, Any]:
        """Our module and PyTorch's with the same random state; names, order and shapes of it must agree."""
        import torch

        ours, theirs = self.module(tw), self.module(torch)
        if self.show:
            assert repr(ours) == repr(theirs)
        state = theirs.state_dict()
        mine = ours.state_dict()
        assert [(n, tuple(x.shape)) for n, x in mine.items()] == [(n, tuple(x.shape)) for n, x in state.items()]
        rng = np.random.default_rng(len(state))
        arrays = {
            n: x.numpy() if x.dtype != torch.float64 else x.numpy() * 0.2 + rng.uniform(0.1, 1, x.shape) * self.scale
            for n, x in state.items()
        }
        ours.load_state_dict({n: tw.tensor(x) for n, x in arrays.items()})
        theirs.load_state_dict({n: torch.tensor(x) for n, x in arrays.items()})
        return ours, theirs

    def run_module(self, module: Any, tensors: list[Any]) -> Any:
        supply = iter(tensors)
        args = [_place(a, supply) for a in self.inputs]
        return module(*args, **{k: _place(v, supply) for k, v in self.call.items()})


class Program(Case):
    """A short program ``program(library, *tensors)`` that shows what ``name`` does."""

    def __init__(self, name: str, program: Callable[..., Any], *args: Any, order: int = 1) -> None:
        super().__init__(name, *args, only="function", order=order)
        self.program = program

    def __str__(self) -> str:
        line = self.program.__code__.co_firstlineno
        return f"{self.name}:{line}({', '.join(map(str, self.args))})"

    def forms(self) -> list[str]:
        return ["function"]

    def run(self, library: Any, form: str, tensors: list[Any]) -> Any:
        with warnings.catch_warnings():
            for category in (DeprecationWarning, UserWarning):
                warnings.filterwarnings("ignore", category=category, module="torch")
            return self.program(library, *tensors)


def _slots(values: Any) -> Iterator[In]:
    for value in values:
        if isinstance(value, In):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _slots(value)


def _place(value: Any, supply: Iterator[Any]) -> Any:
    if isinstance(value, In):
        return next(supply)
    if isinstance(value, (list, tuple)) and any(True for _ in _slots(value)):
        return type(value)(_place(v, supply) for v in value)
    return value


# -- comparing --------------------------------------------------------------------------------------------


def outputs(result: Any) -> list[Any]:
    """All tensors of a result, which may be nested."""
    if hasattr(result, "shape"):
        return [result]
    if isinstance(result, dict):
        result = list(result.values())
    return [x for r in result for x in outputs(r)] if isinstance(result, (tuple, list)) else []


def same(ours: Any, theirs: Any, what: str = "", tolerance: float = TOLERANCE) -> None:
    """Equal shapes, dtypes and values."""
    assert tuple(ours.shape) == tuple(theirs.shape), what
    assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1], what
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(force=True), rtol=tolerance, atol=tolerance, err_msg=what
    )


def transpose(x: Any) -> Any:
    """The same values with the axes in the opposite memory order."""
    axes = tuple(range(x.ndim))[::-1]
    return x.detach().permute(axes).contiguous().permute(axes)


def tensors_of(library: Any, case: Case, arrays: list[Any], transposed: bool) -> list[Any]:
    """The arguments of a case as tensors of ``library``; floating ones require gradients."""
    result = []
    for slot, a in zip(case.slots(), arrays, strict=True):
        x = library.tensor(a)
        x = transpose(x) if transposed else x
        result.append(x.requires_grad_(slot.grad and a.dtype.kind == "f"))
    return result


def compare(case: Case, form: str, arrays: list[Any], transposed: bool = False, order: int | None = None) -> None:
    """One case in both libraries on given arrays, differentiated ``order`` times."""
    import torch

    mine, theirs = (tensors_of(m, case, arrays, transposed) for m in (tw, torch))
    order = case.order if order is None else order
    twice_differentiable = torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)
    with np.errstate(all="ignore"), twice_differentiable:
        if isinstance(case, Layer):
            ours, other = case.pair()
            y, t = case.run_module(ours, list(mine)), case.run_module(other, list(theirs))
            compare_results(
                outputs(y),
                outputs(t),
                [*mine, *ours.parameters()],
                [*theirs, *other.parameters()],
                order,
                case.tolerance,
            )
            for (name, x), z in zip(ours.named_buffers(), other.buffers(), strict=True):
                same(x, z, name)
            return
        y, t = case.run(tw, form, list(mine)), case.run(torch, form, list(theirs))
        compare_results(outputs(y), outputs(t), mine, theirs, order, case.tolerance)


def compare_results(
    ours: list[Any], expected: list[Any], mine: list[Any], theirs: list[Any], order: int, tolerance: float = TOLERANCE
) -> None:
    """Values, then derivatives by the inputs along the same random cotangents, again and again."""
    assert len(ours) == len(expected)
    for y, t in zip(ours, expected, strict=True):
        same(y, t, "value", tolerance)
    pairs = [(y, t) for y, t in zip(ours, expected, strict=True) if t.requires_grad and t.grad_fn is not None]
    for y, _ in pairs:
        assert y.requires_grad or not order, "no gradient"
    xs, ts = [x for x in mine if x.requires_grad], [t for t in theirs if t.requires_grad]
    for level in range(1, order + 1):
        if not xs or not pairs:
            return
        pairs = _next_derivatives(pairs, xs, ts, level, level < order, tolerance)


def _next_derivatives(
    pairs: list[Any], xs: list[Any], ts: list[Any], level: int, create_graph: bool, tolerance: float
) -> list[Any]:
    import torch

    ys, us = [p[0] for p in pairs], [p[1] for p in pairs]
    a = _gradients(tw, ys, xs, 10 * level, create_graph)
    b = _gradients(torch, us, ts, 10 * level, create_graph)
    for g, h in zip(a, b, strict=True):  # None is zero
        if g is not None or h is not None:
            ours = tw.zeros(tuple(h.shape), dtype=tw.float64) if g is None else g
            expected = torch.zeros(tuple(ours.shape), dtype=torch.float64) if h is None else h
            same(ours, expected, f"derivative {level}", tolerance)
    found = [(g, h) for g, h in zip(a, b, strict=True) if g is not None and h is not None]
    return [(g, h) for g, h in found if g.requires_grad and h.requires_grad]


def _gradients(library: Any, ys: list[Any], xs: list[Any], seed: int, create_graph: bool) -> Any:
    weights = [np.random.default_rng(seed + i).uniform(0.5, 1.5, tuple(y.shape)) for i, y in enumerate(ys)]
    cotangents = [library.tensor(w) for w in weights]
    return library.autograd.grad(ys, xs, cotangents, create_graph=create_graph, allow_unused=True)


def check(case: Case, form: str, transposed: bool = False) -> None:
    """A case on its random inputs."""
    rng = np.random.default_rng(len(str(case)))
    arrays = [s.array(rng) for s in case.slots()]
    compare(case, form, arrays, transposed, min(case.order, 1) if transposed else None)


def all_cases(*areas: str) -> list[Case]:
    """The cases of every ``cases_<area>.py`` beside this file, or of the areas that are named."""
    names = sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]) if m.name.startswith("cases_"))
    chosen = [n for n in names if not areas or n.removeprefix("cases_") in areas]
    modules = [importlib.import_module(f"{__package__}.{name}") for name in chosen]
    return [case for module in modules for case in module.CASES]
