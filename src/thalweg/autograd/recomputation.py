"""Less memory for more time: parts of a network whose intermediate values are computed again in the backward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..core.backward import walk
from ..core.bundle import Bundle, pick_node
from ..core.modes import enable_grad, state
from ..core.primitive import Primitive
from ..core.tape import Node
from ..core.tensor import Tensor, wrap
from ..errors import ArgumentError, CheckpointError
from ..ops.random import default_generator
from ..ops.shape import after
from ..transforms.levels import Level, close, crossings, leads_out, now
from ..transforms.reverse import argument
from ..transforms.trees import leaves_of, rebuilt, tensors_of

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential", "noop_context_fn"]


def noop_context_fn() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """Two contexts that do nothing: for the forward, and for its repetition."""
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, of which only the arguments and the results are kept for the backward.

    When a gradient comes back the function is run again, with the random numbers that it drew the first time, and the
    gradient is sent through that second run. Results and gradients are those of the plain call, to any order; the
    intermediate values of a checkpoint exist only while it runs. Parameters that the function uses without being
    given them get their gradients, too.

    Args:
        function: takes and returns tensors, or lists, tuples and dictionaries of them, and anything else.
        use_reentrant: there for PyTorch's signature: both of its ways are one here, which has the limits of neither.
            As there, keyword arguments need ``use_reentrant=False``.
        context_fn: returns two contexts, in which the function runs the first time and later.
        determinism_check: "default" compares the shapes and dtypes of the second run's results, "none" does not.
        debug, early_stop: there for PyTorch's signature.
        preserve_rng_state: draw the same random numbers again; without it the second run draws new ones.

    Raises:
        CheckpointError: the second run returned something else than the first.

    >>> import thalweg as tw
    >>> from thalweg.utils.checkpoint import checkpoint
    >>> x = tw.tensor([1.0, 2.0], requires_grad=True)
    >>> checkpoint(lambda x: (x * x * x).sum(), x, use_reentrant=False).backward()
    >>> x.grad
    tensor([ 3., 12.])
    """
    if kwargs and use_reentrant:
        raise ArgumentError(f"checkpoint: keyword arguments ({', '.join(kwargs)}) need use_reentrant=False")
    if determinism_check not in ("default", "none"):
        raise ArgumentError(f'checkpoint: determinism_check must be "default" or "none", not {determinism_check!r}')
    if not state.recording:
        return function(*args, **kwargs)
    call = _Call(function, args, kwargs, context_fn(), preserve_rng_state, determinism_check == "default")
    return call.first()


class _Call:
    """A call that can be repeated."""

    def __init__(
        self, function: Callable[..., Any], args: Any, kwargs: Any, contexts: Any, preserve: bool, check: bool
    ) -> None:
        self.function, self.arguments, self.contexts, self.check = function, (args, kwargs), contexts, check
        self.mark = default_generator.mark() if preserve else None
        self.surroundings = state.batches, state.forward
        self.outlines: list[Any] = []

    def run(self, context: AbstractContextManager[Any], cotangent: Any = None) -> Any:
        """The function's result, of aliases of the arguments that require a gradient.

        Of a second run the cotangent is known; a compiler must not put that run beside the first one.
        """
        leaves = leaves_of(self.arguments)
        if cotangent is not None and state.tracer is not None:
            known = [cotangent] if state.tracer.repeated is None else [cotangent, state.tracer.repeated]
            leaves = [after(x, *known) if isinstance(x, Tensor) else x for x in leaves]
        leaves = [argument(x) if isinstance(x, Tensor) and x.requires_grad else x for x in leaves]
        args, kwargs = rebuilt(self.arguments, leaves)
        with context:
            return self.function(*args, **kwargs)

    def first(self) -> Any:
        """The result, with one node for the whole call in its history."""
        start = now()
        outputs = self.run(self.contexts[0])
        leaves = leaves_of(outputs)
        ys = [y for y in leaves if isinstance(y, Tensor) and y.requires_grad]
        edges = _edges_out([y._node if isinstance(y._node, Node) else y for y in ys], start)
        if not edges:
            return outputs
        self.outlines = [(y._value.shape, y._value.dtype) for y in ys]
        node = Node(recompute, (None, *edges), (self, *(None for _ in edges)), cells=self.cells(edges))
        numbers = iter(range(len(ys)))
        return rebuilt(
            outputs,
            (
                _standing_for(y, pick_node(node, next(numbers))) if isinstance(y, Tensor) and y.requires_grad else y
                for y in leaves
            ),
        )

    def cells(self, edges: Iterable[Any]) -> list[Any]:
        """The version cells of what the second run will read again."""
        read = [*tensors_of(self.arguments), *(edge for edge in edges if isinstance(edge, Tensor))]
        return [x._version for x in read]

    def again(self, level: Level, cotangent: Any) -> list[Tensor]:
        """The results that require a gradient, from a second run whose tape ends at the captures of ``level``."""
        before = state.batches, state.forward
        state.batches, state.forward = self.surroundings
        try:
            with enable_grad(), nullcontext() if self.mark is None else default_generator.rewound(self.mark):
                outputs = self.run(self.contexts[1], cotangent)
        finally:
            state.batches, state.forward = before
        ys = [y for y in tensors_of(outputs) if y.requires_grad]
        if self.check and [(y._value.shape, y._value.dtype) for y in ys] != self.outlines:
            raise CheckpointError(
                "checkpoint: the function returned other shapes or dtypes when it was run again for the backward; it "
                "must do the same for the same arguments, whatever has changed outside"
            )
        return [_standing_for(y, edge) for y, edge in zip(ys, close(ys, level), strict=True)]


def _edges_out(edges: list[Any], start: int) -> list[Any]:
    """Where the tape of a call leads out of it."""
    found = dict.fromkeys(edge for edge in edges if leads_out(edge, start))
    found.update(dict.fromkeys(node.edges[position] for node, position in crossings(edges, start)))
    return list(found)


def _standing_for(y: Tensor, edge: Any) -> Tensor:
    """The value of ``y`` with another history."""
    x = wrap(y._value)
    x._node = edge
    return x


class _Repetition(Level):
    """The tape of a second run: it ends in nodes at which the gradients are asked for."""

    def collected(self, dy: Any) -> Any:
        return dy


class Recompute(Primitive):
    """A whole call. Its first input is the call; the others are where the call's tape leads."""

    def pullback(self, edges: Any, dy: Any, y: Any, inputs: Any, params: dict[str, Any]) -> Any:
        """The cotangents from a walk through a second run of the call."""
        recorded = state.recording
        level = _Repetition()
        parts = dy.parts if isinstance(dy, Bundle) else {0: dy}
        first = next(iter(parts.values()))
        ys = inputs[0].again(level, first._value if isinstance(first, Tensor) else first)
        roots, starts = [ys[i] for i in parts], list(parts.values())
        captures = [level.captures.get(edge) for edge in edges]
        wanted = [node for node in captures if node is not None]
        found = walk(roots, starts, recorded, recorded, wanted)
        if state.tracer is not None and found:
            last = next(reversed(found.values()))
            state.tracer.repeated = last._value if isinstance(last, Tensor) else last
        return [None if node is None else found.get(node) for node in captures]


recompute = Recompute()


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """A sequence of functions applied one after the other, in ``segments`` pieces of which all but the last are
    checkpoints.

    Args:
        functions: an nn.Sequential, or a sequence of modules or functions.
        segments: the number of pieces, of equal length but for the last.
        input: what the first function is given.
        use_reentrant, preserve_rng_state: as for ``checkpoint``.

    >>> import thalweg as tw
    >>> from thalweg.utils.checkpoint import checkpoint_sequential
    >>> model = tw.nn.Sequential(*(tw.nn.Tanh() for _ in range(4)))
    >>> checkpoint_sequential(model, 2, tw.zeros(3), use_reentrant=False)
    tensor([0., 0., 0.])
    """
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ArgumentError(f"checkpoint_sequential: unexpected keyword arguments {', '.join(kwargs)}")
    steps = list(functions.children() if hasattr(functions, "children") else functions)
    size = len(steps) // segments if 0 < segments <= len(steps) else 0
    if not size:
        raise ArgumentError(f"checkpoint_sequential: {len(steps)} functions can't be cut into {segments} segments")
    x = input
    for start in range(0, size * (segments - 1), size):
        piece = steps[start : start + size]
        x = checkpoint(_Chain(piece), x, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return _Chain(steps[size * (segments - 1) :])(x)


class _Chain:
    """Functions applied one after the other."""

    def __init__(self, functions: Sequence[Callable[[Any], Any]]) -> None:
        self.functions = functions

    def __call__(self, x: Any) -> Any:
        for function in self.functions:
            x = function(x)
        return x
