"""``tw.compile``: signatures, records, and when a new one is needed."""

from __future__ import annotations

import functools
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled
from ..autograd.explain import explain
from ..core.dtypes import get_default_dtype
from ..core.modes import state
from ..core.structure import parts
from ..core.tape import LEAF
from ..core.tensor import Tensor
from ..core.value import SymbolicValue
from ..errors import ArgumentError, CompileError, TraceError
from ..nn.module import Module
from .arguments import ArgumentGuards
from .graph import Graph
from .guards import held_by, same_objects
from .program import Executable, Program
from .record import record
from .report import MemoryUse, Text, graph_text, kernels_text, llvm_text
from .variables import Surroundings, python_random_states

if TYPE_CHECKING:
    from ..autograd.explaining.findings import Explanation
    from ..autograd.explaining.walk import Recorder
    from .profile import Profile

__all__ = ["Compiled"]

logger = logging.getLogger("thalweg.compiler")

KEPT = 16  # programs for the same shapes, the newest: each keeps alive what it reads


class Compiled:
    """A function that is traced when it meets new shapes, and runs as native code from then on.

    ``tw.compile`` makes it.
    """

    def __init__(self, function: Callable[..., Any], check: bool = False, keep_gradients: bool = False) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.check = check
        self.keep_gradients = keep_gradients
        self._programs: dict[Any, list[Program]] = {}
        self._lock = threading.RLock()
        self._kept: list[Any] = []
        self._newest: Program | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if state.inside:  # part of a larger compiled function, or of one that is being differentiated or batched
            return self._called_within(args, kwargs)
        if self.check:
            return self._checked(args, kwargs)
        if not kwargs and all(type(x) is Tensor for x in args) and len(set(map(id, args))) == len(args):
            key: Any = tuple([(x._value.shape, x._value.dtype, _history(x)) for x in args])
            return self._program(key, args, kwargs, args)(args)
        program, tensors, floats = self._resolved(args, kwargs)
        return program(tensors, floats)

    def epoch(self, loader: Any, progress: Any = None) -> Any:
        """A pass over a loader: what ``tw.stack([step(*batch) for batch in loader])`` would give.

        Over tensors in memory (a ``DataLoader`` of a ``TensorDataset``, a ``Subset`` of one, or a tensor) the loop over
        the batches is native too; any other iterable of batches takes one native call a batch. Order, last short
        batch and random numbers are those of the plain loop. Results whose shapes differ between batches come as a
        list. Ctrl-C stops between two steps.

        Args:
            loader: an iterable of batches; a list or tuple is spread over the function's arguments.
            progress: called as ``progress(done, total, results)`` every few hundredths of a second, with the number of
                batches so far, of all (None if unknown), and the newest results, stacked; True stops the pass.

        >>> import thalweg as tw
        >>> total = tw.compile(lambda x: x.sum())
        >>> total.epoch(tw.utils.data.DataLoader(tw.arange(6.0).reshape(3, 2)))
        tensor([1., 5., 9.])
        """
        from .epoch import run_epoch

        call_by_call = self.check or state.examined
        return run_epoch(self, iter(loader) if call_by_call else loader, progress)

    @property
    def graph(self) -> Text:
        """The graph of the newest program, as it was traced and as it was simplified.

        Raises:
            CompileError: the function has not been called yet.
        """
        return graph_text(self._newest_program())

    @property
    def kernels(self) -> Text:
        """The kernels of the newest program: what they compute, read and store, and where it lies."""
        return kernels_text(self._newest_program())

    @property
    def llvm(self) -> Text:
        """The newest program as an LLVM module."""
        return llvm_text(self._newest_program())

    @property
    def memory(self) -> MemoryUse:
        """How many bytes the newest program needs, and for what."""
        return MemoryUse(self._newest_program())

    def profile(self, *args: Any, **kwargs: Any) -> Profile:
        """Where the time of a call with these arguments goes; all is run on copies, and nothing changes.

        A function that meets arguments of this kind for the first time is compiled.
        """
        from .profile import profile

        return profile(*self._resolved(args, kwargs))

    def explain(self, *args: Any, model: Any = None, **kwargs: Any) -> Explanation:
        """Which parameters get no gradient that they can learn from in a call with these arguments, and why.

        ``model`` is the module that is looked at; the one that the function uses, if it is one. Nothing is changed;
        see ``tw.autograd.explain``.

        Raises:
            ArgumentError: the function uses no module, or several, and ``model`` is not given.
        """
        if model is None:
            model = _only_module(Surroundings(self.function, [*args, *kwargs.values()]).modules)
        return explain(self, model, *args, **kwargs)

    def program_for(self, args: tuple[Any, ...]) -> Program:
        """The program that a call with these arguments would run."""
        return self._resolved(args, {})[0]

    def _resolved(self, args: Any, kwargs: Any) -> tuple[Program, list[Tensor], list[float]]:
        """The program for a call, and the tensors and floats that it is given."""
        tensors: list[Tensor] = []
        floats: list[float] = []
        key = _signature((args, kwargs), tensors, floats)
        if not kwargs and all(type(x) is Tensor for x in args) and len(tensors) == len(args):
            key = tuple([(x._value.shape, x._value.dtype, _history(x)) for x in args])  # as in __call__
        return self._program(key, args, kwargs, tensors, floats), tensors, floats

    def _checked(self, args: Any, kwargs: Any) -> Any:
        from .checking import checked_call

        return checked_call(self, args, kwargs)

    def _called_within(self, args: Any, kwargs: Any) -> Any:
        """A call that is part of something that is being traced or transformed, or that is looked at for anomalies.

        For these the values are checked; then the program runs.
        """
        if state.inside > state.examined or not is_anomaly_enabled():
            return self.function(*args, **kwargs)
        if is_anomaly_check_nan_enabled():
            from ..autograd.explaining.detector import check_walk

            check_walk(self.recorded_walk(args, kwargs))
        if self.check:
            return self._checked(args, kwargs)
        program, tensors, floats = self._resolved(args, kwargs)
        return program(tensors, floats)

    def recorded_walk(self, args: Any = (), kwargs: Any = MappingProxyType({}), model: Any = None) -> Recorder:
        """What a call computes, step by step, with the values of now; nothing is changed.

        ``model`` gives the modules their names. See ``autograd.explaining.steps.Step``.
        """
        from .examined import examined_walk

        tensors: list[Tensor] = []
        _signature((args, kwargs), tensors, [])
        return examined_walk(self.function, args, kwargs, tensors, model)

    def _newest_program(self) -> Program:
        if self._newest is None:
            raise CompileError(f"{self!r} has no program yet: call the function once first")
        return self._newest

    def _program(self, key: Any, args: Any, kwargs: Any, tensors: Any, floats: Any = ()) -> Program:
        """The program for these arguments; made now if there is none, or none whose guards hold."""
        key = (key, state.recording, get_default_dtype())
        reason = None
        for program in self._programs.get(key, ()):
            failure = program.failure(tensors, floats)
            if failure is None:
                return program
            reason = reason or failure
        with self._lock:
            for program in self._programs.get(key, ()):  # another thread may have made one
                if program.failure(tensors, floats) is None:
                    return program
            return self._build(key, args, kwargs, tensors, reason)

    def _build(self, key: Any, args: Any, kwargs: Any, tensors: Any, reason: str | None) -> Program:
        start = time.perf_counter()
        around = Surroundings(self.function, [*args, *kwargs.values()])
        recording = record(self.function, args, kwargs, list(tensors), self.keep_gradients)
        _refuse_side_effects(around)
        recording.guards.watched.extend([*around.variables, *around.attributes])
        recording.guards.add_modules(around.modules)
        recording.guards.add_containers((c, held_by(c)) for c, _ in around.containers)
        recording.guards.note_hooks()
        program = Program(recording, self._executable)
        program.fits = ArgumentGuards(recording, tensors, [*around.tensors, *self._met_outside()])
        self._kept.append([x for x, _ in around.objects])  # they are told apart by identity
        if reason is None:
            reason = "first call" if not self._programs else f"new arguments: {_described(tensors)}"
        programs = self._programs.setdefault(key, [])
        programs.insert(0, program)
        del programs[KEPT:]
        self._newest = program
        name = getattr(self.function, "__qualname__", repr(self.function))
        logger.info("compiled %s in %.3f s: %s", name, time.perf_counter() - start, reason)
        return program

    def _met_outside(self) -> Iterator[Tensor]:
        """The tensors from outside that programs have met so far."""
        for programs in self._programs.values():
            for program in programs:
                yield from program.guards.tensors

    def _executable(self, graph: Graph, updates: list[int], fed: list[int]) -> Executable:
        from .native_program import Native

        return Native(graph, updates, fed)

    def __getattr__(self, name: str) -> Any:
        """What else the function or module has: a compiled model's ``parameters()``."""
        if name == "function":  # while it is being copied
            raise AttributeError(name)
        return getattr(self.function, name)

    def __repr__(self) -> str:
        return f"compile({self.function!r})"

    def __reduce__(self) -> Any:
        """Copies are compiled anew; a decorated function is pickled by its name, as functions are."""
        scope: Any = sys.modules.get(getattr(self.function, "__module__", ""))
        name = getattr(self.function, "__qualname__", "")
        for part in name.split("."):
            scope = getattr(scope, part, None)
        return name if scope is self else (Compiled, (self.function, self.check, self.keep_gradients))

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """A compiled method is bound like any other."""
        return self if instance is None else functools.partial(self, instance)


def _signature(value: Any, tensors: list[Tensor], floats: list[float]) -> Any:
    """What of an argument makes a new program necessary; its tensors and floats are collected on the way."""
    if isinstance(value, Tensor):
        for i, x in enumerate(tensors):
            if x is value:
                return ("same", i)
        tensors.append(value)
        array = value._value
        own = None if type(value) is Tensor else id(value)  # a parameter may be reached from outside, too
        return (array.shape, array.dtype, _history(value), own)
    held = parts(value)
    if held is not None:
        keys = tuple(value) if isinstance(value, dict) else ()
        return (type(value), keys, *(_signature(v, tensors, floats) for v in held))
    if type(value) is float:
        floats.append(value)
        return float
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, range, frozenset)):
        return (type(value), value)
    if isinstance(value, np.generic):
        return (type(value), value.tobytes())
    if isinstance(value, set):
        return (set, frozenset(value))
    if isinstance(value, np.ndarray):
        raise TraceError(
            f"a compiled function was given a NumPy array of shape {value.shape}, whose values it could not follow; "
            "pass tw.from_numpy(array)"
        )
    return _Identity(value)


def _only_module(modules: list[Module]) -> Module:
    """The outermost module with parameters."""
    inner = {part for m in modules for part in m.modules() if part is not m}
    outer = [m for m in modules if m not in inner and any(True for _ in m.parameters())]
    if len(outer) != 1:
        names = ", ".join(type(m).__name__ for m in outer) or "none"
        raise ArgumentError(f"explain: the function must use one module with parameters, found {names}; pass model=")
    return outer[0]


class _Identity:
    """An object in a signature: equal to itself only, and kept, so that no later one is taken for it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def _refuse_side_effects(around: Surroundings) -> None:
    """Python code runs only while a function is traced: what it changes then, later calls would not change."""
    for source, before in around.variables:
        if source.read() is not before:
            raise TraceError(
                f"the function assigns the variable {source!r}, which only its first call would do once it is "
                "compiled; return the value, or keep it in a tensor that is changed in place"
            )
    for x, before in around.objects:
        for name, value in vars(x).items():
            if name not in before or before[name] is not value:
                raise TraceError(
                    f"the function assigns {type(x).__name__}.{name}, which only its first call would do once it "
                    "is compiled; change the tensor in place, as in self.total.copy_(value), or assign outside"
                )
    for container, held in around.containers:
        now = [x for x in held_by(container) if not is_symbolic(x)]  # these raise an error of their own when used
        if not same_objects(now, held):
            raise TraceError(
                f"the function changes a {type(container).__name__}, which only its first call would do once it is "
                "compiled; return the value, or keep it in a tensor that is changed in place"
            )
    if around.random_states != python_random_states():
        raise TraceError(
            "the function draws from Python's or NumPy's random numbers, which only its first call would do once it is "
            "compiled; use tw.rand, tw.randint and the like, or draw outside and pass the number"
        )


def is_symbolic(x: Any) -> bool:
    """Whether this is a tensor that was made while its function was traced."""
    return isinstance(x, Tensor) and isinstance(x._value, SymbolicValue)


def _history(x: Tensor) -> Any:
    """Whether a tensor requires a gradient, and whether it is a leaf."""
    node = x._node
    return None if node is None else node is LEAF


def _described(tensors: Any) -> str:
    return ", ".join(f"{x.dtype} {list(x.shape)}" for x in tensors) or "no tensors"
