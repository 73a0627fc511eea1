"""``tw.compile(fn, check=True)``: each call also runs the function eagerly, and all that both did is compared.

The eager run comes first, on the very objects of the user, which are then put back to what they were. So the net
effect is that of the compiled run. Put back and compared is what can be reached from the function: its arguments and
variables, the tensors that it has touched, modules, optimisers, schedulers, generators, lists and dictionaries, and
objects of the user's classes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.tape import LEAF
from ..core.tensor import Tensor
from ..errors import CompileError
from ..nn.module import Module
from ..ops.linalg import matmul
from ..ops.random import Generator, default_generator
from ..optim.lr_scheduler.base import LRScheduler
from ..optim.optimizer import Optimizer
from .fuse import REDUCTIONS
from .graph import Graph, Node
from .recording import Outside
from .variables import Surroundings

if TYPE_CHECKING:
    from .compiled import Compiled
    from .program import Program

__all__ = ["checked_call"]

MARGIN = 8.0  # rounding errors of two orders of computing, beside those of perturbed inputs
KNOWN = (Module, Optimizer, LRScheduler)
FOREIGN = frozenset({"thalweg", "numpy", "builtins", "functools", "logging", "collections", "itertools", "threading"})
LONGEST = 10_000  # entries of a list or dictionary that is looked into; longer ones hold data
HIDDEN = {"_parameters", "_buffers", "_modules"}  # dictionaries of a module whose entries look like attributes


def checked_call(compiled: Compiled, args: Any, kwargs: Any) -> Any:
    """The result of the compiled function, once it and all changes agree with the eager ones.

    Raises:
        CompileError: a result, a tensor or a number differs by more than rounding; named with its largest difference.
    """
    program, tensors, floats = compiled._resolved(args, kwargs)
    world = _World(compiled, program, args, kwargs)
    before = _Snapshot(world.walk())
    eager, expected = world.run_eagerly(before, perturbed=False)
    result = program(tensors, floats)
    if isinstance(eager, _Failure):
        raise CompileError(f"check: run eagerly, {compiled!r} raises {eager.error!r}; compiled, it does not")
    found = world.contents(result)
    cleared = world.cleared(program)
    tolerance = _tolerance(program.recording.graph)
    if _difference(expected, found, cleared, tolerance, {}) is not None:
        noise = world.sensitivity(before, expected)
        difference = _difference(expected, found, cleared, tolerance, noise)
        if difference is not None:
            raise CompileError(f"check: {compiled!r} compiled differs from eager: {difference}")
    return result


class _Failure:
    """What a run raised."""

    def __init__(self, error: Exception) -> None:
        self.error = error


# -- what can be reached ------------------------------------------------------------------------------------


class _World:
    """The objects that a function may read or change, by names that mean something to its author."""

    def __init__(self, compiled: Compiled, program: Program, args: Any, kwargs: Any) -> None:
        function = compiled.function
        self.call = functools.partial(function, *args, **kwargs)
        self.roots: list[tuple[str, Any]] = [(f"argument {i}", x) for i, x in enumerate(args)]
        self.roots += [(f"argument {name}", x) for name, x in kwargs.items()]
        self.roots.append(("self", getattr(function, "__self__", None)))
        if isinstance(function, KNOWN):
            self.roots.append(("the module", function))
        code = getattr(function, "__code__", None)
        closure = getattr(function, "__closure__", None) or ()
        cells = dict(zip(map(id, closure), code.co_freevars if code else (), strict=True))
        for source, value in Surroundings(function, [*args, *kwargs.values()]).variables:
            name = cells.get(id(source.container), "a variable") if source.key == "cell_contents" else source.key
            self.roots.append((str(name), value))
        recording = program.recording
        outside = [s.tensor for s in recording.sources if type(s) is Outside and s.argument is None]
        outside += [g.tensor for g in recording.gradients if g.argument is None]
        self.roots += [(f"tensor {i} outside", x) for i, x in enumerate(outside)]
        self.roots += [("generator", g) for g in [default_generator, *recording.generators]]
        effects = [*recording.before, *(function for function, _ in recording.after)]
        self.roots += [("scheduler", vars(f)) for f in effects if hasattr(f, "__dict__")]

    def walk(self, result: Any = None) -> Iterator[tuple[str, Any]]:
        """Tensors, numbers, generators and containers within reach, each object once; found without recursion."""
        seen: set[int] = set()
        stack = [*reversed(self.roots), ("result", result)]
        while stack:
            path, value = stack.pop()
            if isinstance(value, (int, float)):
                yield path, value
                continue
            if id(value) in seen:
                continue
            seen.add(id(value))
            parts = _parts(path, value)
            if parts is not None:
                yield path, value
                stack.extend(reversed(parts))

    def contents(self, result: Any = None) -> dict[str, Any]:
        """Copies of the arrays of all tensors, and all numbers."""
        found: dict[str, Any] = {}
        for path, value in self.walk(result):
            name = path
            while name in found:
                name += "'"
            if isinstance(value, Tensor):
                found[name] = value._value.copy()
            elif isinstance(value, Generator):
                found[name] = value._counter
            elif isinstance(value, (int, float)) and not isinstance(value, bool) and _is_public(path):
                found[name] = value
        return found

    def cleared(self, program: Program) -> set[str]:
        """The gradients that a compiled run does not keep, as the function clears them before it reads them."""
        gone = {id(g.tensor) for g in program.recording.gradients if g.position < 0 and g.replacement is None}
        return {f"{path}.grad" for path, x in self.walk() if isinstance(x, Tensor) and id(x) in gone}

    def run_eagerly(self, before: _Snapshot, perturbed: bool) -> tuple[Any, dict[str, Any]]:
        """The result of an eager run, or what it raised, and the contents after it; all is put back."""
        result: Any
        try:
            before.prepare(perturbed)
            try:
                result = self.call()
            except Exception as error:
                result = _Failure(error)
            return result, self.contents(result)
        finally:
            before.restore()

    def sensitivity(self, before: _Snapshot, expected: dict[str, Any]) -> dict[str, float]:
        """How far each content moves when an eager run starts from values that are rounded otherwise.

        Where a gradient is nothing but rounding errors, an optimiser that divides by its size makes steps of them.
        """
        after = _Snapshot(self.walk())
        before.restore()
        try:
            _, moved = self.run_eagerly(before, perturbed=True)
        finally:
            after.restore()
        return {path: _distance(x, moved[path]) for path, x in expected.items() if path in moved}


def _parts(path: str, value: Any) -> list[tuple[str, Any]] | None:
    """What is in an object; None if it is none of those that are followed."""
    if isinstance(value, Tensor):
        return [(f"{path}.grad", value._grad)]
    if isinstance(value, Generator):
        return []
    if isinstance(value, dict):
        return [(_entry(path, i, k), v) for i, (k, v) in enumerate(value.items())] if len(value) <= LONGEST else None
    if isinstance(value, (list, tuple)):
        return [(f"{path}[{i}]", v) for i, v in enumerate(value)] if len(value) <= LONGEST else None
    if isinstance(value, KNOWN) or _is_users(value):
        return [(path if k in HIDDEN else f"{path}.{k}", v) for k, v in vars(value).items()]
    return None


def _entry(path: str, index: int, key: Any) -> str:
    return f"{path}.{key}" if isinstance(key, str) else f"{path}[{key if isinstance(key, int) else index}]"


def _is_users(value: Any) -> bool:
    """Whether it is an object of a class of the user's."""
    return (
        hasattr(value, "__dict__")
        and not isinstance(value, type)
        and type(value).__module__.partition(".")[0] not in FOREIGN
    )


def _is_public(path: str) -> bool:
    return not path.rpartition(".")[2].startswith("_")


# -- putting back -------------------------------------------------------------------------------------------


class _Kept:
    """A tensor as it was."""

    def __init__(self, x: Tensor) -> None:
        self.x = x
        self.array, self.content = x._value, x._value.copy()
        self.grad, self.node, self.view, self.extra = x._grad, x._node, x._view, x._extra
        self.cell, self.version = x._version, x._version[0]

    def restore(self) -> None:
        x, array = self.x, self.array
        x._value, x._grad, x._node, x._view, x._extra = array, self.grad, self.node, self.view, self.extra
        x._version = self.cell
        self.cell[0] = self.version
        if array.flags.writeable:
            array[...] = self.content

    def prepare(self, perturbed: bool) -> None:
        """Cut the history, as a trace does: the walk must not leave the function."""
        x = self.x
        if x._node is not None:
            x._node = LEAF
            x._view = None
        if perturbed and self.array.dtype.kind == "f" and self.array.flags.writeable:
            signs = np.random.default_rng(self.array.size).choice([-1.0, 1.0], self.array.shape)
            self.array[...] = self.content * (1 + np.finfo(self.array.dtype).eps * signs)


class _Snapshot:
    """Everything within reach as it was."""

    def __init__(self, reached: Iterable[tuple[str, Any]]) -> None:
        self.tensors: list[_Kept] = []
        self.containers: list[tuple[Any, Any]] = []
        self.generators: list[tuple[Generator, int, int]] = []
        for _, value in reached:
            if isinstance(value, Tensor):
                self.tensors.append(_Kept(value))
            elif isinstance(value, Generator):
                self.generators.append((value, value._seed, value._counter))
            elif isinstance(value, (dict, list)):
                self.containers.append((value, value.copy()))
            elif hasattr(value, "__dict__"):
                self.containers.append((vars(value), dict(vars(value))))

    def prepare(self, perturbed: bool) -> None:
        for kept in self.tensors:
            kept.prepare(perturbed)

    def restore(self) -> None:
        for container, entries in self.containers:
            if isinstance(container, list):
                container[:] = entries
            elif not _same_entries(container, entries):
                container.clear()
                container.update(entries)
        for generator, seed, counter in self.generators:
            generator.manual_seed(seed)
            generator._counter = counter
        for kept in self.tensors:
            kept.restore()


def _same_entries(a: dict[Any, Any], b: dict[Any, Any]) -> bool:
    return len(a) == len(b) and all(k in a and a[k] is v for k, v in b.items())


# -- comparing ----------------------------------------------------------------------------------------------


def _tolerance(graph: Graph) -> float:
    """Of an element, relative to its own size and that of the largest beside it.

    Rounding errors add up like steps in random directions: with the square root of the number of operations in turn.
    """
    nodes = graph.nodes()
    steps = len(nodes) + max(map(_summands, nodes), default=1)
    eps = max((float(np.finfo(node.dtype).eps) for node in nodes if node.dtype.kind == "f"), default=0.0)
    return 4 * eps * float(np.sqrt(steps))


def _summands(node: Node) -> int:
    """How many numbers a node adds up for one."""
    if node.op is matmul or node.name == "linear":
        return int(node.inputs[0].shape[-1])
    return int(node.inputs[0].size // max(node.size, 1)) if node.op in REDUCTIONS else 1


def _difference(
    expected: dict[str, Any], found: dict[str, Any], cleared: set[str], tolerance: float, noise: dict[str, float]
) -> str | None:
    """Words on the first content that differs; None if there is none."""
    for path, x in expected.items():
        if path in found:
            text = _compared(x, found[path], tolerance, noise.get(path, 0.0))
            if text is not None:
                return f"{path}: {text}"
        elif path not in cleared:
            return f"{path} is there only after the eager run"
    only = next((path for path in found if path not in expected), None)
    return None if only is None else f"{only} is there only after the compiled run"


def _compared(x: Any, y: Any, tolerance: float, noise: float) -> str | None:
    """Words on the difference of an eager x and a compiled y, if it is larger than ``tolerance`` and ``noise`` say."""
    is_array = isinstance(x, np.ndarray)
    x, y = np.asarray(x), np.asarray(y)
    if x.shape != y.shape or (x.dtype != y.dtype and is_array):
        return f"eager {x.dtype} of shape {x.shape}, compiled {y.dtype} of shape {y.shape}"
    a, b = x.astype(np.float64), y.astype(np.float64)
    with np.errstate(all="ignore"):
        least = 0.0 if x.dtype.kind == "f" else 1.0  # between large integers that are the same as floats
        distance = np.where((x == y) | (np.isnan(a) & np.isnan(b)), 0.0, np.maximum(np.abs(a - b), least))
        size = np.abs(a)
        scale = np.max(size, where=np.isfinite(size), initial=0.0)
        limit = np.where(np.isfinite(size), tolerance * (size + scale), 0.0) if x.dtype.kind == "f" else 0.0
        bad = ~(distance <= limit + MARGIN * noise)
    if not bad.any():
        return None
    worst = np.unravel_index(np.argmax(np.where(np.isnan(distance), np.inf, distance)), x.shape)
    place = f" at [{', '.join(map(str, worst))}]" if x.ndim else ""
    return f"largest difference {distance[worst]:.3g}{place}: eager {x[worst]}, compiled {y[worst]}"


def _distance(x: Any, y: Any) -> float:
    """The largest difference of two contents; infinite where only one is a number."""
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if a.shape != b.shape:
        return 0.0
    with np.errstate(all="ignore"):
        distance = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    return float(np.max(np.where(np.isnan(distance), np.inf, distance), initial=0.0))
