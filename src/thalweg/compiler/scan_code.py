"""Native code of a loop over time: the kernels of one step, called for every position.

The step is a program of its own, in the same module: its kernels find their buffers through a context as those of
any program do, and the loop moves the addresses of states and sequences in it from step to step. Where row i of
everything that a step computes depends on row i of the state alone (the rows are samples, the constants are weights),
any range of rows goes through all steps by itself: threads then share the rows, and never wait for one another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fuse import Kernel, Special, fuse, mark_stored
from .graph import Graph, Node
from .ir import Function, Value, integer
from .layout import Layout, contiguous, with_copies
from .memory import KERNEL, ir_type
from .prepare import prepare
from .recompute import recompute
from .scan import Body, scan
from .simplify import simplify

if TYPE_CHECKING:
    from .lower import Lowering
    from .schedule import Schedule

__all__ = ["Step", "body_of", "scan_function", "step_of"]


class Step:
    """The kernels of one step, in order, and whether they can be run for any range of rows.

    Attributes:
        rows: how many rows they have; 1 if they can't be cut.
    """

    def __init__(self, body: Body) -> None:
        from .schedule import rows_of_all, schedule  # which asks for the rows of loops

        self.graph: Graph = with_copies(prepare(simplify(body.graph)))
        kernels, self.layouts = fuse(self.graph)
        recompute(kernels, self.graph, self.layouts)
        self.kernels = mark_stored(kernels, self.graph, self.layouts)
        self.schedule: Schedule = schedule(self.kernels, self.layouts, {})
        self.rows = rows_of_all(self.schedule, self.layouts, self.graph.inputs[: body.states])


def step_of(body: Body) -> Step:
    """The kernels of a body's step, made once."""
    if body.prepared is None:
        body.prepared = Step(body)
    step: Step = body.prepared
    return step


def body_of(kernel: Kernel) -> Body | None:
    """The body of a loop over time; None for any other kernel."""
    if isinstance(kernel, Special) and kernel.members[0].op is scan:
        body: Body = kernel.members[0].params["body"]
        return body
    return None


def scan_function(outer: Lowering, kernel: Kernel, name: str) -> Function:
    """The function of a loop for a range of rows; what has to be called before it is noted."""
    code = _ScanCode(outer, kernel.members[0], name)
    before = code.packing(f"{name}_pack")
    if before is not None:
        outer.module.add(before)
        outer.before[kernel] = (before.name, 1)
    return code.write()


class _ScanCode:
    def __init__(self, outer: Lowering, node: Node, name: str) -> None:
        from .plan import FIRST_SLOT

        self.outer = outer
        self.node = node
        self.body: Body = node.params["body"]
        self.step = step_of(self.body)
        self.inner = outer.inside(self.step, f"{name}_")
        self.first_slot = FIRST_SLOT
        self.kernels = [k for region in self.step.schedule.regions for k in region.kernels]
        self.plan_panels()
        for kernel in self.kernels:
            self.inner.add_kernel(kernel)
        assert not self.inner.callbacks, "a step without native code"
        self.arena = outer.plan.reserve(self.inner.plan.arena)  # with what the kernels have asked for
        self.f = Function(name, KERNEL, attributes=outer.target.attributes)

    def plan_panels(self) -> None:
        """The weights that the steps multiply by are packed once."""
        panels, constants = self.inner.panels, self.step.graph.inputs[self.body.states + self.body.sequences :]
        kernels = [k for k in self.step.kernels if panels.worth(k) and self.root(k.members[0].inputs[1]) in constants]
        self.inner.plan.reserve(panels.plan(kernels, self.inner.plan.arena))

    def root(self, x: Node) -> Node:
        return self.step.layouts[x].root

    def packing(self, name: str) -> Function | None:
        """The function that packs the weights; None if there are none."""
        panels = self.inner.panels
        if not panels.offsets:
            return None
        f = Function(name, [("ptr", "ctx"), ("i64", "low"), ("i64", "high")], attributes=self.outer.target.attributes)
        for node, offset in panels.offsets.items():
            layout = self.step.layouts[node.inputs[1]]
            source = self.node.inputs[self.step.graph.inputs.index(layout.root)]
            base = f.offset(self.address(f, source), layout.offset, self.type(node))
            target = f.offset(f.load(f.params[0], "ptr"), self.arena + offset, "i8")
            panels.pack(f, node, base, layout, target, integer(0), integer(panels.count(node)))
        f.ret()
        return f

    def write(self) -> Function:
        f, body = self.f, self.body
        arena = f.load(f.params[0], "ptr")
        inputs = self.step.graph.inputs
        count = self.first_slot + len(inputs) + len(self.step.graph.outputs)
        context = f.alloca("ptr", count)
        f.store(f.offset(arena, self.arena, "i8"), context)
        addresses = [self.address(f, x) for x in self.node.inputs]
        packed = self.outer.memory.pointer(f, self.node, None)
        places = [f.offset(packed, start, self.type(self.node)) for start, _ in body.places()]
        for i in range(body.states):
            self.put_first(i, addresses[i], places[i])
        for i in range(body.states + body.sequences, len(inputs)):
            self.set_slot(context, i, addresses[i])
        with f.loop(0, body.length) as loop:
            self.set_slots(context, loop.index, addresses, places)
            for kernel in self.kernels:
                whole = self.step.rows == 1
                low, high = (integer(0), integer(kernel.rows)) if whole else f.params[1:3]
                f.call(self.inner.names[kernel], [context, low, high, Value("null", "ptr")], "void", declare=False)
        f.ret()
        return f

    def type(self, node: Node) -> str:
        return ir_type(node.dtype)

    def address(self, f: Function, x: Node) -> Value:
        layout: Layout = self.outer.layouts[x]
        assert layout.strides == contiguous(x.shape), "an input of a loop that is not contiguous"
        return f.offset(self.outer.memory.pointer(f, layout.root, None), layout.offset, self.type(x))

    def put_first(self, i: int, source: Value, stack: Value) -> None:
        """State i before the first step, in its place among all."""
        f, node = self.f, self.step.graph.inputs[i]
        width = node.size // (node.shape[0] if self.step.rows > 1 else 1)
        low, high = f.params[1:3] if self.step.rows > 1 else (integer(0), integer(1))
        target = f.offset(stack, self.body.slots(0)[0] * node.size, self.type(node))
        places = [f.offset(p, f.mul(low, width), self.type(node)) for p in (target, source)]
        length = f.mul(f.binary("sub", high, low), width * node.dtype.itemsize)
        f.call("llvm.memcpy.p0.p0.i64", [*places, length, Value("false", "i1")], "void")

    def set_slot(self, context: Value, position: int, address: Value) -> None:
        self.f.store(address, self.f.offset(context, self.first_slot + position, "ptr"))

    def set_slots(self, context: Value, t: Value, addresses: list[Value], places: list[Value]) -> None:
        """Where the step finds its inputs and leaves its outputs at time ``t``."""
        f, body = self.f, self.body
        inputs, outputs = self.step.graph.inputs, self.step.graph.outputs
        place = f.binary("sub", integer(body.length - 1), t) if body.reverse else t
        for i, node in enumerate(outputs):
            if i < body.states:
                before, after = self.slots(t)
                self.set_slot(context, i, self.moved(places[i], before, node))
                self.set_slot(context, len(inputs) + i, self.moved(places[i], after, node))
            else:
                self.set_slot(context, len(inputs) + i, self.moved(places[i], place, node))
        for i in range(body.states, body.states + body.sequences):
            self.set_slot(context, i, self.moved(addresses[i], place, inputs[i]))

    def moved(self, base: Value, index: Value, node: Node) -> Value:
        return self.f.offset(base, self.f.mul(index, node.size), self.type(node))

    def slots(self, t: Value) -> tuple[Value, Value]:
        """``Body.slots`` at run time."""
        f, body = self.f, self.body
        if not body.kept:
            odd = f.binary("and", t, integer(1))
            return odd, f.binary("sub", integer(1), odd)
        if body.reverse:
            before = f.binary("sub", integer(body.length), t)
            return before, f.add(before, -1)
        return t, f.add(t, 1)
