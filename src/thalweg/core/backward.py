"""The backward walk: cotangents flow from the outputs along the tape to the leaves, newest node first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from sys import getrefcount
from typing import Any

import numpy as np

from ..errors import AutogradError, ShapeError
from .modes import state
from .tape import Node, Outline, edge_of, mark_changed
from .tensor import Tensor, wrap

__all__ = ["Watcher", "backward", "gradients"]

ndarray = np.ndarray


class Watcher:
    """What ``core.modes.state.watcher`` holds while someone wants to know what backward does."""

    def starting(self, roots: Sequence[Tensor], accumulating: bool) -> None:
        """A walk begins, for ``backward`` or to return gradients; it may be one inside a pullback of another."""

    def entering(self, node: Node, dy: Any) -> None:
        """The pullbacks of a node are about to run on the cotangent of its output."""

    def left(self, node: Node, edges: Sequence[Any], cotangents: Sequence[Any]) -> None:
        """They have run, with these results for its edges."""

    def done(self) -> None:
        """The walk is over, or has failed."""

    def refused(self, x: Tensor) -> None:
        """There is nothing to walk to from ``x``."""


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Accumulate the gradient of ``tensors`` into the ``.grad`` of every leaf they depend on.

    Args:
        tensors: a tensor or a sequence of them.
        grad_tensors: for each tensor the cotangent, of its shape; may be None for tensors of one element.
        retain_graph: keep what the graph has saved, so that it can be walked again (default: ``create_graph``).
        create_graph: record the walk itself, so that the gradients can be differentiated again.
        inputs: accumulate only into these leaves.

    Raises:
        AutogradError: the graph was freed, a value that is needed was changed in place, or nothing requires grad.

    >>> import thalweg as tw
    >>> w = tw.tensor(3.0, requires_grad=True)
    >>> tw.autograd.backward([w * w, 2 * w])
    >>> w.grad
    tensor(8.)
    """
    roots = _as_tuple(tensors)
    cotangents = _cotangents(roots, grad_tensors, create_graph, "backward")
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        walk(roots, cotangents, keep, create_graph, None)
        return
    leaves = _as_tuple(inputs)
    wanted = [edge_of(x) for x in leaves]
    if not wanted:
        raise AutogradError("backward: inputs is empty; pass None to reach every leaf")
    if any(edge is None for edge in wanted):
        raise AutogradError("backward: one of the inputs does not require grad; call requires_grad_() on it first")
    captured = walk(roots, cotangents, keep, create_graph, wanted)
    _accumulate({x: captured[edge] for x, edge in zip(leaves, wanted, strict=True) if edge in captured}, create_graph)


def gradients(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of ``outputs`` by ``inputs``, returned and not accumulated; see ``autograd.grad``."""
    if allow_unused is False and materialize_grads:
        raise AutogradError("grad: materialize_grads=True needs allow_unused=True (or None)")
    roots, sources = _as_tuple(outputs), _as_tuple(inputs)
    cotangents = _cotangents(roots, grad_outputs, create_graph, "grad")
    wanted = [edge_of(x) for x in sources]
    for i, edge in enumerate(wanted):
        if edge is None:
            raise AutogradError(f"grad: input {i} does not require grad; call requires_grad_() on it before it is used")
    keep = create_graph if retain_graph is None else retain_graph
    captured = walk(roots, cotangents, keep, create_graph, wanted)
    results: list[Tensor | None] = []
    for i, (x, edge) in enumerate(zip(sources, wanted, strict=True)):
        cotangent = captured.get(edge)
        if cotangent is None and not (allow_unused or materialize_grads):
            raise AutogradError(
                f"grad: input {i} (shape {tuple(x.shape)}) was not used to compute the outputs; "
                "pass allow_unused=True to get None for it"
            )
        if cotangent is None:
            results.append(wrap(np.zeros(x.shape, x._value.dtype)) if materialize_grads else None)
        else:
            results.append(cotangent if create_graph else wrap(_own(cotangent)))
    return tuple(results)


def _as_tuple(x: Any) -> tuple[Any, ...]:
    return (x,) if isinstance(x, Tensor) else tuple(x)


def _cotangents(roots: Sequence[Tensor], given: Any, create_graph: bool, caller: str) -> list[Any]:
    """The cotangents to start from, checked: Tensors if the walk is recorded, raw values otherwise."""
    supplied = (None,) * len(roots) if given is None else _as_tuple(given)
    if len(supplied) != len(roots):
        raise AutogradError(
            f"{caller}: {len(roots)} outputs but {len(supplied)} gradients; give one (or None) for each"
        )
    result = []
    for x, dy in zip(roots, supplied, strict=True):
        if edge_of(x) is None:
            if state.watcher is not None:
                state.watcher.refused(x)
            raise AutogradError(
                f"{caller}: the output (shape {tuple(x.shape)}, {x.dtype}) does not require grad and has no grad_fn; "
                "nothing it was made from has requires_grad=True, or it was made under no_grad or detached"
            )
        value = x._value
        if dy is None:
            one = _ones.get((value.shape, value.dtype))
            if one is None:
                one = _one_like(value, caller)
            result.append(wrap(one) if create_graph else one)
            continue
        if dy._value.shape != value.shape:
            raise ShapeError(
                f"{caller}: the gradient has shape {tuple(dy.shape)} but the output has shape {tuple(x.shape)}"
            )
        start = dy if dy._value.dtype == value.dtype else wrap(dy._value.astype(value.dtype))
        result.append(start if create_graph else start._value)
    return result


# The cotangents that backward() starts from, by shape and dtype. Rules don't write into what they are given.
_ones: dict[Any, Any] = {}


def _one_like(value: Any, caller: str) -> Any:
    """1 in the shape and dtype of an output of one element."""
    if math.prod(value.shape) != 1:
        raise AutogradError(
            f"{caller}: a gradient can be created only for outputs of one element, this one has shape "
            f"{tuple(value.shape)}; reduce it with sum() or mean(), or pass the gradient"
        )
    one = _ones[value.shape, value.dtype] = np.ones(value.shape, value.dtype)
    one.flags.writeable = False
    return one


def _queue(roots: Sequence[Tensor], starts: list[Any]) -> tuple[dict[Any, Any], list[tuple[float, Node]]]:
    """The cotangents by edge, and the nodes among the edges as a heap, newest first."""
    pending: dict[Any, Any] = {}
    heap: list[tuple[float, Node]] = []
    for x, dy in zip(roots, starts, strict=True):
        edge = edge_of(x)
        if edge in pending:
            pending[edge] = pending[edge] + dy
        else:
            pending[edge] = dy
            if type(edge) is Node:
                heap.append((edge.number, edge))
    heapify(heap)
    return pending, heap


@np.errstate(all="ignore")
def walk(
    roots: Sequence[Tensor], starts: list[Any], keep: bool, create_graph: bool, wanted: list[Any] | None
) -> dict[Any, Any]:
    """Send cotangents down the tape, newest node first.

    With ``create_graph`` cotangents are Tensors and the rules are recorded, else they are raw values. Without
    ``wanted`` they are accumulated in the leaves; with it, what arrives at the wanted edges is returned.
    """
    pending, heap = _queue(roots, starts)
    captured: dict[Any, Any] = {}
    useful = None if wanted is None else _useful(roots, wanted)
    targets = () if wanted is None else set(wanted)
    watcher = state.watcher
    if watcher is not None:
        watcher.starting(roots, wanted is None)
    recording, state.recording = state.recording, create_graph
    try:
        while heap:
            node = heappop(heap)[1]
            dy = pending.pop(node)
            if node.hooks is not None:
                dy = _run_hooks(node.hooks, dy, create_graph)
            if node in targets:
                captured[node] = dy
            if useful is not None and node not in useful:
                continue
            inputs, output, edges = node.inputs, node.output, node.edges
            if inputs is None:
                raise _freed(node)
            for cell in node.cells:
                if cell is not None and cell[0] + node.number > 0:
                    raise _changed(node)
            if create_graph:
                inputs, output = _saved_tensors(node)
            if useful is not None:
                edges = [edge if edge in useful else None for edge in edges]
            if watcher is not None:
                watcher.entering(node, dy)
            primitive = node.primitive
            if len(edges) == 1:
                cotangents: Any = (primitive.pullbacks[0](dy, output, *inputs, **node.params),)
            else:
                cotangents = primitive.pullback(edges, dy, output, inputs, node.params)
            if watcher is not None:
                watcher.left(node, edges, cotangents)
            for i, dx in enumerate(cotangents):
                edge = edges[i]
                if edge is not None and dx is not None:
                    if node.shapes is not None:
                        dx = primitive.unbroadcast(dx, node.shapes[i])
                    if edge in pending:
                        pending[edge] = pending[edge] + dx
                    else:
                        pending[edge] = dx
                        if type(edge) is Node:
                            heappush(heap, (edge.number, edge))
            if not keep:
                node.inputs = node.output = None
        dy = dx = cotangents = None  # references that would make a leaf's gradient look shared
        for leaf in pending:
            if leaf._extra is not None and (wanted is None or leaf in targets):
                pending[leaf] = _leaf_hooks(leaf, pending[leaf], create_graph)
        if wanted is None:
            _accumulate(pending, create_graph)
        else:
            captured |= {leaf: dy for leaf, dy in pending.items() if leaf in targets}
    finally:
        state.recording = recording
        if watcher is not None:
            watcher.done()
    return captured


def _freed(node: Node) -> AutogradError:
    return AutogradError(
        f"backward: the graph was already freed by an earlier backward (at {node.name()}); "
        "pass retain_graph=True to the earlier call to walk it again"
    )


def _useful(roots: Sequence[Tensor], wanted: list[Any]) -> set[Any]:
    """The edges from which one of the wanted edges can be reached, found with a stack."""
    useful = set(wanted)
    oldest = max((e.number for e in wanted if type(e) is Node), default=None)
    has_leaf = any(type(e) is not Node for e in wanted)
    seen: set[Any] = set()
    order: list[Node] = []
    stack = [edge for x in roots if type(edge := edge_of(x)) is Node]
    while stack:
        node = stack.pop()
        if node in seen or (not has_leaf and oldest is not None and node.number > oldest):
            continue
        seen.add(node)
        order.append(node)
        stack.extend(edge for edge in node.edges if type(edge) is Node)
    for node in sorted(order, key=_number, reverse=True):  # oldest first: what they lead to is already known
        if any(edge in useful for edge in node.edges if edge is not None):
            useful.add(node)
    return useful


def _number(node: Node) -> float:
    return node.number


def _saved_tensors(node: Node) -> tuple[list[Any], Any]:
    """The values a node has saved, as Tensors that stand at their place in the graph."""
    inputs = []
    assert node.inputs is not None
    for value, edge in zip(node.inputs, node.edges, strict=True):
        if edge is not None and value is not None and type(value) is not Outline:
            if type(edge) is Node:
                x = wrap(value)
                x._node = edge
                inputs.append(x)
            else:
                inputs.append(edge)
        else:
            inputs.append(wrap(value) if type(value) is ndarray else value)
    output = None
    if node.output is not None:
        output = wrap(node.output)
        output._node = node
    return inputs, output


def _changed(node: Node) -> AutogradError:
    """Says which saved value was changed in place after it was recorded."""
    places = [i for i, cell in enumerate(node.cells) if cell is not None and cell[0] + node.number > 0]
    position, inputs = places[0], list(node.inputs or ())
    is_output = position == len(inputs)
    value = node.output if is_output else inputs[position]
    which = "its output" if is_output else f"its input {position}"
    what = f" (shape {tuple(value.shape)}, {value.dtype})" if hasattr(value, "shape") else ""
    return AutogradError(
        f"backward: a value needed for the gradient of {node.primitive.name} was changed in place after it was "
        f"recorded: {which}{what}; use the out-of-place form of the change, or clone() the value first"
    )


def _run_hooks(hooks: dict[int, Any], dy: Any, create_graph: bool) -> Any:
    """Each hook sees the cotangent as a Tensor and may return another."""
    x = dy if create_graph else wrap(dy)
    for hook in list(hooks.values()):
        result = hook(x)
        if result is not None:
            if not isinstance(result, Tensor) or result.shape != x.shape or result.dtype is not x.dtype:
                got = f"{result.dtype} of shape {tuple(result.shape)}" if isinstance(result, Tensor) else type(result)
                raise AutogradError(
                    f"hook: must return None or a tensor like the gradient, {x.dtype} of shape {tuple(x.shape)}; got "
                    f"{got}"
                )
            x = result
    return x if create_graph else x._value


def _leaf_hooks(leaf: Tensor, dy: Any, create_graph: bool) -> Any:
    return _run_hooks(leaf._extra["hooks"], dy, create_graph) if leaf._extra and "hooks" in leaf._extra else dy


def _accumulate(gradients: dict[Any, Any], create_graph: bool) -> None:
    """Add to each leaf's ``.grad``, in place unless the walk is recorded.

    A rule may hand on its cotangent or a saved value, so that two leaves receive one array, and gradients are later
    changed in place. The array is kept only if its reference count shows that nobody but the walk holds it.
    """
    for leaf, dy in gradients.items():
        old = leaf._grad
        if create_graph:
            leaf._grad = dy if old is None else old + dy
        elif old is None:
            if type(dy) is not ndarray or (
                getrefcount(dy) > _unshared or dy.base is not None or not dy.flags.c_contiguous
            ):
                dy = dy.copy(order="C")
            leaf._grad = wrap(dy)
        elif old._node is None and hasattr(old._value, "__iadd__"):
            value = old._value
            value += dy
            mark_changed(old)
        else:
            leaf._grad = wrap(old._value + dy)
        if leaf._extra is not None and "post_accumulate" in leaf._extra:
            for hook in list(leaf._extra["post_accumulate"].values()):
                hook(leaf)


def _own(value: Any) -> Any:
    """A gradient that is handed out must not share the memory of anything else."""
    return value.copy(order="C") if hasattr(value, "copy") else value


def _count_unshared() -> int:
    """The reference count that ``_accumulate`` sees for an array which only the walk holds; it varies with Python."""
    global _unshared
    for _unshared in range(1, 12):
        leaf = wrap(np.zeros(1))
        pending = {leaf: np.ones(1)}
        address = id(pending[leaf])
        _accumulate(pending, False)
        if leaf._grad is not None and id(leaf._grad._value) == address:
            return _unshared
    return 0  # no such counts here: always copy


_unshared = 0
_unshared = _count_unshared()
