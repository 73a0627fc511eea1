"""A graph made into a native function, with the memory that it works in."""

from __future__ import annotations

import ctypes
import logging
from typing import Any

import numpy as np

from ..core.parallel import get_num_threads
from .checks import failure, tests
from .fuse import fuse, mark_stored
from .graph import Graph, Node, evaluate_node
from .layout import Layout, with_copies
from .library import library
from .lower import lower
from .native import Target, build
from .plan import FIRST_SLOT, FOUND
from .prepare import prepare
from .recompute import recompute
from .schedule import schedule
from .simplify import simplify
from .workers import ensure_workers

__all__ = ["Native"]

logger = logging.getLogger("thalweg.compiler")

CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_int64)


class Native:
    """The native code of a graph.

    Args:
        graph: what to compute.
        updates: for each of the first outputs the position of the input whose new content it is.
        fed: the positions of the inputs whose arrays change from run to run; ``enter`` takes these.
        target: the processor; the one at hand if None.
        threads: how many threads may share the work; ``tw.get_num_threads()`` if None.
        block_type: the element type of the first weight, for a graph without it; see ``blocks``.
    """

    def __init__(
        self, graph: Graph, updates: list[int], fed: list[int] | None = None, target: Target | None = None,
        threads: int | None = None, block_type: str = "",
    ) -> None:  # fmt: skip
        self.target = target or Target.host()
        self.threads = threads or get_num_threads()
        self.graph = with_copies(prepare(simplify(graph)))
        pairs = {self.graph.outputs[i]: self.graph.inputs[j] for i, j in enumerate(updates)}
        self.kernels, self.layouts = fuse(self.graph, pairs)
        recompute(self.kernels, self.graph, self.layouts)
        self.kernels = [*mark_stored(self.kernels, self.graph, self.layouts), *tests(self.graph)]
        self.schedule = schedule(self.kernels, self.layouts, pairs, self.threads)
        count = len(self.graph.inputs)
        slots = [FIRST_SLOT + i for i in fed or ()]
        slots += [FIRST_SLOT + count + i for i in range(len(updates), len(self.graph.outputs))]
        self.lowered = lower(
            self.graph, self.schedule, self.layouts, self.target, self.threads, pairs, slots, block_type
        )
        self.text = self.lowered.module.text()
        library()
        self.code = build(self.text, self.target, level=0)
        self.function = self.code.function("program", ctypes.c_int64, ctypes.c_void_p)
        self.epoch = self.code.function(
            "epoch", ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64,
            ctypes.c_void_p,
        )  # fmt: skip
        if block_type:
            self.blocks = self.code.function(
                "blocks", ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64,
                ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p,
            )  # fmt: skip
        objects = [ctypes.py_object] * len(slots)
        self.entry = self.code.function("entry", ctypes.c_int64, ctypes.c_void_p, *objects)
        self.prepare()

    def prepare(self) -> None:
        """The context and the arena."""
        plan = self.lowered.plan
        count = len(self.graph.inputs)
        self.arena = aligned(plan.arena)
        self.context = np.zeros(FIRST_SLOT + count + len(self.graph.outputs), np.uint64)
        self.context[0] = self.arena.ctypes.data
        self.error: BaseException | None = None
        self.callback = CALLBACK(self.call_numpy)
        self.context[1] = ctypes.cast(self.callback, ctypes.c_void_p).value or 0
        self.address = self.context.ctypes.data
        self.parallel = any(plan.is_parallel(region) for region in self.schedule.regions)
        for node in self.lowered.callbacks:
            logger.info("no native code for %s: each run calls back to NumPy for it", node.name)

    @property
    def callbacks(self) -> list[Node]:
        """The nodes that NumPy computes."""
        return self.lowered.callbacks

    def run(self, inputs: list[Any], outputs: list[Any]) -> None:
        """Run once; see ``program.Executable``."""
        self.bind(inputs, outputs)
        if self.parallel:
            ensure_workers(self.threads)
        self.raise_error(self.function(self.address))

    def bind(self, inputs: list[Any], outputs: list[Any]) -> None:
        """Tell the program where its inputs and outputs lie."""
        first = FIRST_SLOT + len(inputs)
        self.arrays = (inputs, outputs)
        self.context[FIRST_SLOT:first] = [x.ctypes.data for x in inputs]
        self.context[first:] = [y.ctypes.data for y in outputs]

    def enter(self, *arrays: Any) -> int:
        """Run with new arrays for the inputs that are fed and for the outputs that are no updates; all else is bound.

        Returns NOT_CONTIGUOUS, and has done nothing, if one of them is not contiguous.
        """
        if self.parallel:
            ensure_workers(self.threads)
        code: int = self.entry(self.address, *arrays)
        return code

    def run_many(
        self, inputs: list[Any], outputs: list[Any], order: int, words: Any, begin: int, end: int, code: Any,
        block: Any = None,
    ) -> int:  # fmt: skip
        """Run for the steps [begin, end), as ``batches`` says; how many were done."""
        self.bind(inputs, outputs)
        if self.parallel:
            ensure_workers(self.threads)
        arguments = (self.address, order, words.ctypes.data, begin, end, code.ctypes.data)
        stopped = self.epoch(*arguments) if block is None else self.blocks(*arguments, block.ctypes.data)
        return int(stopped) - begin

    def raise_error(self, code: int) -> None:
        """Raise what a run has met."""
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        if code > 0:
            raise failure(self.graph, code, int(self.context.view(np.int64)[FOUND]))

    # -- nodes without native code ------------------------------------------------------------------------

    def call_numpy(self, index: int) -> None:
        """Compute one node by its primitive's forward."""
        node = self.lowered.callbacks[index]
        try:
            if self.error is not None:
                return
            with np.errstate(all="ignore"):
                values = [self.view(self.layouts[x]) if type(x) is Node else x for x in node.inputs]
                self.buffer(node)[...] = evaluate_node(node, values)
        except BaseException as error:
            self.error = error

    def buffer(self, root: Node) -> Any:
        """The array of a buffer."""
        places = self.lowered.plan.memory.places
        if root not in places:
            return root.params["array"]
        place = places[root]
        if place.kind == "global":
            return root.params["array"]
        if place.kind == "slot":
            inputs, outputs = self.arrays
            index = place.position - FIRST_SLOT
            return inputs[index] if index < len(inputs) else outputs[index - len(inputs)]
        assert place.kind == "arena", "a callback works on whole buffers"
        size = root.size * root.dtype.itemsize
        return self.arena[place.position : place.position + size].view(root.dtype).reshape(root.shape)

    def view(self, layout: Layout) -> Any:
        """The array of a node."""
        base = self.buffer(layout.root).reshape(-1)
        strides = [s * base.itemsize for s in layout.strides]
        return np.lib.stride_tricks.as_strided(base[layout.offset :], layout.shape, strides)


def aligned(size: int, alignment: int = 64) -> Any:
    """Uninitialised memory that begins at a multiple of ``alignment``."""
    memory = np.empty(size + alignment, np.uint8)
    start = -memory.ctypes.data % alignment
    return memory[start : start + size]
