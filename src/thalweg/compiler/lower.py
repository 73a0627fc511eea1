"""Kernels, regions and the program as LLVM IR."""

from __future__ import annotations

from typing import Any

from .batches import block_function, epoch_function
from .checks import check_function
from .columns import ColumnCode
from .entry import entry_function
from .fuse import Columns, Kernel, Loop, Product, Test
from .graph import Graph, Node
from .ir import Function, Module, Value, integer, real
from .layout import Layout
from .loops import LoopCode
from .memory import KERNEL, Memory, ir_type
from .moves import special
from .panels import Panels
from .plain_products import plain_product
from .plan import Plan
from .scan_code import Step, body_of, scan_function
from .schedule import Region, Schedule
from .subnormal import guarded_program
from .tiles import SUFFIX

__all__ = ["Lowered", "lower"]


class Lowered:
    """A module and what is needed to run it.

    Attributes:
        names: the function of each kernel.
        before: functions that run before a kernel's region, by kernel, and for how many rows.
        callbacks: nodes that NumPy computes.
    """

    def __init__(
        self, module: Module, plan: Plan, names: dict[Kernel, str], before: dict[Kernel, tuple[str, int]],
        callbacks: list[Node],
    ) -> None:  # fmt: skip
        self.module = module
        self.plan = plan
        self.names = names
        self.before = before
        self.callbacks = callbacks


class Lowering:
    """Writes the kernels of a schedule into a module, under names with a prefix."""

    def __init__(
        self, graph: Graph, schedule: Schedule, layouts: dict[Node, Layout], target: Any, threads: int,
        updates: dict[Node, Node], module: Module, prefix: str = "",
    ) -> None:  # fmt: skip
        self.graph = graph
        self.schedule = schedule
        self.layouts = layouts
        self.target = target
        self.threads = threads
        self.module = module
        self.prefix = prefix
        self.memory = Memory(self.module)
        self.plan = Plan(graph, schedule, layouts, self.memory, threads, updates)
        self.names: dict[Kernel, str] = {}
        self.callbacks: list[Node] = []
        self.by_columns: dict[Node, bool] = {}
        self.panels = Panels(self)
        self.before: dict[Kernel, tuple[str, int]] = {}  # what to call before a kernel's region, for how many rows

    def inside(self, step: Step, prefix: str) -> Lowering:
        """One for the kernels of a loop over time, which run in one thread."""
        return Lowering(step.graph, step.schedule, step.layouts, self.target, 1, {}, self.module, prefix)

    def run(self, fed: list[int], block_type: str) -> Lowered:
        self.plan_panels()
        for i, region in enumerate(self.schedule.regions):
            for kernel in region.kernels:
                self.add_kernel(kernel)
            if not isinstance(region.kernels[0], Test):
                self.add_region(region, i)
        self.add_program()
        self.module.add(epoch_function(self.target.attributes))
        self.module.add(entry_function(fed, self.target.attributes))
        if block_type:
            self.module.add(block_function(self.target.attributes, block_type))
        return Lowered(self.module, self.plan, self.names, self.before, self.callbacks)

    def plan_panels(self) -> None:
        """Products of more chunks than there are threads share panels; regions use one part of the arena in turns."""
        area, size = self.plan.arena, 0
        for region in self.schedule.regions:
            if self.plan.chunk[region] * self.threads < region.rows:
                size = max(size, self.panels.plan(region.kernels, area))
        self.plan.reserve(size)

    # -- kernels ------------------------------------------------------------------------------------------

    def add_kernel(self, kernel: Kernel) -> None:
        name = f"{self.prefix}kernel_{len(self.names)}"
        self.names[kernel] = name
        if isinstance(kernel, Loop):
            self.module.add(LoopCode(kernel, name, self.layouts, self.memory, self.target).write())
        elif isinstance(kernel, Columns):
            self.module.add(ColumnCode(kernel, name, self.layouts, self.memory, self.target).write())
        elif isinstance(kernel, Test):
            self.module.add(check_function(kernel, name, self.layouts, self.memory, self.target))
        elif isinstance(kernel, Product) and ir_type(kernel.members[0].dtype) in SUFFIX:
            self.module.add(self.product(kernel, name))
        elif body_of(kernel) is not None:
            self.module.add(scan_function(self, kernel, name))
        else:
            node, write = kernel.members[0], plain_product if isinstance(kernel, Product) else None
            function = special(node, name, self.layouts, self.memory, self.target, self.plan, write)
            self.module.add(function or self.callback(node, name))

    def callback(self, node: Node, name: str) -> Function:
        """A node that has no native code calls back to NumPy."""
        f = Function(name, KERNEL, attributes=self.target.attributes)
        function = f.load(f.offset(f.params[0], 1, "ptr"), "ptr")
        f.do(f"call void {function.name}(i64 {len(self.callbacks)})")
        f.ret()
        self.callbacks.append(node)
        return f

    def product(self, kernel: Product, name: str) -> Function:
        """A call of the product library for a range of rows, for each matrix of a batch."""
        f = Function(name, KERNEL, attributes=self.target.attributes)
        node = kernel.members[0]
        self.by_columns[node] = kernel.by_columns
        a, b = (self.layouts[x] for x in node.inputs)
        type = ir_type(node.dtype)
        out = kernel.stored[0]
        low, high = f.params[1], f.params[2]
        pointers = [f.offset(self.memory.pointer(f, x.root, low), x.offset, type) for x in (a, b)]
        target = self.memory.pointer(f, out, low)
        alpha, beta = self.scale(f, kernel, type)
        if kernel.base is not None and self.schedule.in_place.get(out) is not kernel.base:
            source = self.memory.pointer(f, kernel.base, low)
            size = node.size * node.dtype.itemsize
            f.call("llvm.memcpy.p0.p0.i64", [target, source, integer(size), Value("false", "i1")], "void")
        self.batch(f, node, a, b, [*pointers, target], 0, (low, high), alpha, beta)
        f.ret()
        return f

    def scale(self, f: Function, kernel: Product, type: str) -> tuple[Value, Value]:
        """alpha and beta of C = beta C + alpha A B."""
        if kernel.scale is None:
            return real(1.0, type), real(0.0, type)
        if type_is_number(kernel.scale):
            return real(-float(kernel.scale), type), real(1.0, type)
        layout = self.layouts[kernel.scale]
        source = ir_type(kernel.scale.dtype)
        address = f.offset(self.memory.pointer(f, layout.root, None), layout.offset, source)
        value = f.load(address, source)
        if source != type:
            value = f.emit(f"{'fptrunc' if source == 'double' else 'fpext'} {value} to {type}", type)
        return f.emit(f"fneg {value}", type), real(1.0, type)

    def batch(
        self, f: Function, node: Node, a: Layout, b: Layout, pointers: list[Value], depth: int,
        rows: tuple[Value, Value], alpha: Value, beta: Value,
    ) -> None:  # fmt: skip
        """Loops over the leading axes of a batched product, and the product."""
        type = ir_type(node.dtype)
        if depth == node.ndim - 2:
            self.gemm(f, node, a, b, pointers, rows if depth == 0 else None, alpha, beta)
            return
        start: Any = rows[0] if depth == 0 else 0
        stop: Any = rows[1] if depth == 0 else node.shape[depth]
        steps = []
        for layout in (a, b):
            j = depth - (node.ndim - len(layout.shape))
            steps.append(0 if j < 0 or layout.shape[j] == 1 else layout.strides[j])
        rest = 1
        for n in node.shape[depth + 1 :]:
            rest *= n
        with f.loop(start, stop) as loop:
            moved = [f.offset(p, f.mul(loop.index, s), type) for p, s in zip(pointers, [*steps, rest], strict=True)]
            self.batch(f, node, a, b, moved, depth + 1, rows, alpha, beta)

    def gemm(
        self, f: Function, node: Node, a: Layout, b: Layout, pointers: list[Value], rows: Any, alpha: Value, beta: Value
    ) -> None:
        type = ir_type(node.dtype)
        m, n = node.shape[-2:]
        k = a.shape[-1]
        count: Value = integer(m)
        first, _, target = pointers
        wide: Value = integer(n)
        if rows is not None and self.by_columns[node]:
            low, high = rows
            wide = f.binary("sub", high, low)
            pointers = [first, f.offset(pointers[1], f.mul(low, b.strides[-1]), type), target]
            target = f.offset(target, low, type)
        elif rows is not None:
            low, high = rows
            count = f.binary("sub", high, low)
            first = f.offset(first, f.mul(low, a.strides[-2]), type)
            target = f.offset(target, f.mul(low, n), type)
        if node in self.panels.offsets:
            strides = [integer(s) for s in a.strides]
            args = [count, wide, integer(k), alpha, first, *strides, self.panels.pointer(f, node), beta, target]
            f.call(f"tw_packed_{SUFFIX[type]}", [*args, integer(n)], "void")
            return
        args = [
            count, wide, integer(k), alpha, first, integer(a.strides[-2]), integer(a.strides[-1]), pointers[1],
            integer(b.strides[-2]), integer(b.strides[-1]), beta, target, integer(n),
        ]  # fmt: skip
        f.call(f"tw_gemm_{SUFFIX[type]}", args, "void")

    # -- regions ------------------------------------------------------------------------------------------

    def add_region(self, region: Region, index: int) -> None:
        """One chunk of rows through all kernels."""
        f = Function(f"region_{index}", KERNEL[:3], attributes=self.target.attributes)
        size = self.plan.scratch[region]
        scratch = f.alloca("i8", size) if size else Value("null", "ptr")
        for kernel in region.kernels:
            f.call(self.names[kernel], [*f.params, scratch], "void")
        f.ret()
        self.module.add(f)

    def add_program(self) -> None:
        """All regions in turn."""
        f = Function("regions", KERNEL[:1], "i64", attributes=self.target.attributes)
        for i, region in enumerate(self.schedule.regions):
            chunk = self.plan.chunk[region]
            worth = self.plan.is_parallel(region)
            self.add_before(f, region.kernels, self.threads if worth else 1)
            if isinstance(region.kernels[0], Test):
                self.add_test(f, region.kernels[0])
            elif chunk >= region.rows:
                f.call(f"region_{i}", [f.params[0], integer(0), integer(region.rows)], "void")
            else:
                args = [
                    Value(f"@region_{i}", "ptr"), f.params[0], integer(region.rows), integer(chunk),
                    integer(self.threads if worth else 1),
                ]  # fmt: skip
                f.call("tw_parallel", args, "void")
        for new, old in self.plan.late:
            size = integer(new.size * new.dtype.itemsize)
            target, source = (self.memory.pointer(f, node, None) for node in (old, new))
            f.call("llvm.memcpy.p0.p0.i64", [target, source, size, Value("false", "i1")], "void")
        f.ret(integer(0))
        self.module.add(f)
        self.module.add(guarded_program("regions", self.target))

    def add_before(self, f: Function, kernels: list[Kernel], threads: int) -> None:
        """Pack what the kernels of a region need packed."""
        for kernel in kernels:
            if isinstance(kernel, Product) and kernel.members[0] in self.panels.offsets:
                node = kernel.members[0]
                packing = self.panels.packing_function(node, f"{self.names[kernel]}_pack")
                self.module.add(packing)
                self.before[kernel] = (packing.name, self.panels.count(node))
            if kernel not in self.before:
                continue
            name, rows = self.before[kernel]
            if threads > 1 and self.panels.is_large(kernel.members[0]):
                chunk = integer(-(-rows // threads))
                args = [Value(f"@{name}", "ptr"), f.params[0], integer(rows), chunk, integer(threads)]
                f.call("tw_parallel", args, "void")
            else:
                f.call(name, [f.params[0], integer(0), integer(rows)], "void", declare=False)

    def add_test(self, f: Function, kernel: Test) -> None:
        """Return from the program if the test fails."""
        args = [f.params[0], integer(0), integer(1), Value("null", "ptr")]
        code = f.call(self.names[kernel], args, "i64")
        with f.when(f.emit(f"icmp ne {code}, 0", "i1")):
            f.ret(code)
            f.start(f.fresh("unreached"))


def type_is_number(x: Any) -> bool:
    return isinstance(x, (int, float))


def lower(
    graph: Graph, schedule: Schedule, layouts: dict[Node, Layout], target: Any, threads: int,
    updates: dict[Node, Node], fed: list[int], block_type: str = "",
) -> Lowered:  # fmt: skip
    """The module of a scheduled graph.

    ``updates`` says which outputs are new content of which inputs, ``fed`` which slots get a new array for each run.
    ``block_type`` asks for the loop over blocks of samples, with a first weight of this element type.
    """
    return Lowering(graph, schedule, layouts, target, threads, updates, Module()).run(fed, block_type)
