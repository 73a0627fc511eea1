"""The stages of a compiled program as text: its graph, its kernels, and its LLVM IR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import CompileError
from .fuse import REDUCTIONS, Columns, Kernel, Loop, Product, Test
from .graph import CONSTANT, INPUT, Graph, Node
from .layout import is_view
from .memory import Place
from .plan import FIRST_SLOT, WORTH_THREADS, work
from .schedule import Region

if TYPE_CHECKING:
    from .native_program import Native
    from .program import Program

__all__ = ["MemoryUse", "Text", "formulas", "graph_text", "kernels_text", "llvm_text", "native", "numbering"]

INFIX = {
    "add": "+", "sub": "-", "mul": "*", "safe_mul": "*", "div": "/", "matmul": "@", "eq": "==", "ne": "!=", "lt": "<",
    "le": "<=", "gt": ">", "ge": ">=",
}  # fmt: skip
LONGEST = 60  # characters of a value that is written out where it is used


class Text(str):
    """A text that a prompt shows as it reads."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def graph_text(program: Program) -> Text:
    """The graph as it was traced, and as it was simplified for the kernels."""
    stages = {"traced": program.recording.graph}
    simplified = getattr(program.executable, "graph", None)
    if simplified is not None:
        stages["simplified"] = simplified
    return Text("\n\n".join(f"{name}: {_size(graph)}\n{graph.text()}" for name, graph in stages.items()))


def kernels_text(program: Program) -> Text:
    """Regions, the kernels in them, what these read and store, and where it lies."""
    return Text(_Kernels(native(program)).text())


def llvm_text(program: Program) -> Text:
    """The program as an LLVM module."""
    return Text(native(program).text)


class MemoryUse:
    """The bytes that a program needs; it prints as a table.

    Attributes:
        inputs: of the arrays that it reads, among them those that it changes in place.
        outputs: of the arrays that it makes anew for each call.
        arena: of everything in between: the peak, since buffers take the places of those that are not needed any more.
        buffers: of the same buffers, each counted by itself.
        scratch: of each thread, on its stack.
    """

    def __init__(self, program: Program) -> None:
        code = native(program)
        plan = code.lowered.plan
        updated = len(program.recording.writes)
        self.inputs = sum(x.size * x.dtype.itemsize for x in code.graph.inputs)
        self.outputs = sum(y.size * y.dtype.itemsize for y in code.graph.outputs[updated:])
        self.arena = plan.arena
        self.buffers = max(plan.shared, plan.arena)
        self.scratch = max(plan.scratch.values(), default=0)

    @property
    def peak(self) -> int:
        """Bytes of all arrays and of the arena together."""
        return self.inputs + self.outputs + self.arena

    def __repr__(self) -> str:
        rows = [
            ("read and changed", self.inputs, ""),
            ("made for each call", self.outputs, ""),
            ("in between, at most", self.arena, f"in place of {_megabytes(self.buffers)} of buffers"),
            ("scratch of a thread", self.scratch, ""),
            ("peak", self.peak, ""),
        ]
        return "\n".join(f"{name:<20} {_megabytes(size):>12}  {note}".rstrip() for name, size, note in rows)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.3f} MB"


def native(program: Program) -> Native:
    """The native code of a program.

    Raises:
        CompileError: the program has none.
    """
    executable: Any = program.executable
    if not hasattr(executable, "lowered"):
        raise CompileError(f"this program has no native code: it runs as {type(executable).__name__}")
    return executable


def _size(graph: Graph) -> str:
    return f"{len(graph.nodes())} nodes, {len(graph.inputs)} inputs, {len(graph.outputs)} outputs"


def typed(node: Node) -> str:
    """``float32[3, 4]``."""
    return f"{node.dtype}{list(node.shape)}"


# -- formulas -----------------------------------------------------------------------------------------------


def numbering(code: Native) -> dict[Node, str]:
    """The names of nodes: those that the text of the graph gives them, others for what kernels compute again."""
    graph = code.graph
    inputs = set(graph.inputs)
    nodes = [*graph.inputs, *(node for node in graph.nodes() if node not in inputs)]
    names = {node: f"%{i}" for i, node in enumerate(nodes)}
    for kernel in code.kernels:
        for node in kernel.members:
            names.setdefault(node, f"%{len(names)}")
    return names


def formulas(kernel: Kernel, names: dict[Node, str]) -> list[str]:
    """What a kernel computes; a value that is used once is written where it is used."""
    if isinstance(kernel, Test):
        check = kernel.check
        return [f"{check.low} <= {names[check.node]} < {check.high}"]
    known: dict[Node, str] = {}
    lines = []
    uses: dict[Node, int] = {}
    for node in kernel.members:
        for x in node.parents():
            uses[x] = uses.get(x, 0) + 1
    for node in kernel.members:
        text = _expression(node, known, names)
        small = is_view(node) or (uses.get(node, 0) == 1 and len(text) <= LONGEST)
        if node in kernel.stored or not small:
            lines.append(f"{names[node]} = {_bare(text)}")
            known[node] = names[node]
        else:
            known[node] = text
    return lines


def _expression(node: Node, known: dict[Node, str], names: dict[Node, str]) -> str:
    """One node as a formula of its inputs."""
    values = [_operand(x, known, names) for x in node.inputs]
    if is_view(node):
        return _view(node, values[0])
    if node.name in INFIX and len(values) == 2:
        return f"({values[0]} {INFIX[node.name]} {values[1]})"
    if node.op in REDUCTIONS:
        return f"{node.name.rstrip('_')}({_bare(values[0])}, {list(node.params['dims'])})"
    if node.name == "convert":
        return f"{node.dtype}({_bare(values[0])})"
    return f"{node.name}({', '.join(map(_bare, values))})"


def _operand(x: Any, known: dict[Node, str], names: dict[Node, str]) -> str:
    if type(x) is not Node:
        return repr(x)
    if x in known:
        return known[x]
    if x.op is CONSTANT and x.size == 1:
        return repr(x.params["array"].item())
    if is_view(x):  # of what another kernel has stored
        return _view(x, _operand(x.inputs[0], known, names))
    return names[x]


def _bare(text: str) -> str:
    """Without the brackets around it all."""
    if not text.startswith("("):
        return text
    depth = 0
    for i, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return text[1:-1] if i == len(text) - 1 else text
    return text


def _view(node: Node, inner: str) -> str:
    """A view; what only puts axes of size 1 anywhere, or repeats, is not mentioned."""
    if node.name == "permute":
        dims = tuple(node.params["dims"])
        return f"{inner}.T" if dims == (1, 0) else f"{inner}.permute{dims}"
    if node.name == "reshape" and [n for n in node.shape if n != 1] != [n for n in node.inputs[0].shape if n != 1]:
        return f"{inner}.reshape({', '.join(map(str, node.shape))})"
    if node.name == "index":
        return f"{inner}[{', '.join(map(_key, node.params['index']))}]"
    return inner


def _key(key: Any) -> str:
    if isinstance(key, slice):
        start, stop, step = ("" if k is None else str(k) for k in (key.start, key.stop, key.step))
        return f"{start}:{stop}" + (f":{step}" if step not in ("", "1") else "")
    return "..." if key is Ellipsis else str(key)


# -- kernels ------------------------------------------------------------------------------------------------


class _Kernels:
    """The text of all regions and kernels of a program."""

    def __init__(self, code: Native) -> None:
        self.code = code
        self.plan = code.lowered.plan
        self.names = numbering(code)

    def text(self) -> str:
        regions = self.code.schedule.regions
        count = sum(len(region.kernels) for region in regions)
        threads = "1 thread" if self.code.threads == 1 else f"up to {self.code.threads} threads"
        lines = [f"{count} kernels in {len(regions)} regions, {self.plan.arena} bytes of arena, {threads}"]
        for i, region in enumerate(regions):
            lines += ["", f"region {i}: {self.region(region)}"]
            for kernel in region.kernels:
                lines += self.kernel(kernel)
        for new, old in self.plan.late:
            lines += ["", f"at the end: {self.names[new]} is copied into {self.value(old)}"]
        return "\n".join(lines)

    def region(self, region: Region) -> str:
        chunk = self.plan.chunk[region]
        parts = -(-region.rows // chunk) if region.rows else 1
        text = f"{region.rows} row{'s' * (region.rows != 1)}"
        if parts > 1:
            text += f" in {parts} chunks of {chunk}"
        if self.plan.scratch[region]:
            text += f", {self.plan.scratch[region]} bytes of scratch"
        relation = ">" if self.plan.work[region] > WORTH_THREADS else "<="
        how = "parallel" if self.plan.is_parallel(region) else "not parallel"
        return f"{text}, {how} (work {self.plan.work[region]} {relation} {WORTH_THREADS})"

    def kernel(self, kernel: Kernel) -> list[str]:
        lines = [f"  {self.code.lowered.names[kernel]}: {described(kernel)}, work {work(kernel, self.code.layouts)}"]
        lines += [f"    {line}" for line in formulas(kernel, self.names)]
        roots = dict.fromkeys(self.code.layouts[x].root for x in kernel.reads())
        lines += [f"    reads  {self.value(root)}" for root in roots]
        lines += [f"    stores {self.value(node)}{self.replaced(node)}" for node in kernel.stored]
        return lines

    def replaced(self, node: Node) -> str:
        old = self.code.schedule.in_place.get(node)
        return "" if old is None else f", in place of {self.names[old]}"

    def value(self, node: Node) -> str:
        """A buffer: its name, its type, and where it lies."""
        place = self.plan.memory.places.get(node)
        return f"{self.names[node]} {typed(node)}, {self.where(place)}"

    def where(self, place: Place | None) -> str:
        if place is None or place.kind == "global":
            return "constant"
        if place.kind != "slot":
            return f"{place.kind} +{place.position}"
        graph = self.code.graph
        index = place.position - FIRST_SLOT
        if index < len(graph.inputs):
            return f"input {index} ({graph.inputs[index].params['name']})"
        index -= len(graph.inputs)
        return f"output {index} ({graph.names[index]})"


def described(kernel: Kernel) -> str:
    """The kind of a kernel, and the space that it goes through."""
    if isinstance(kernel, Loop):
        text = f"loop over {_product(kernel.domain)}"
        return text if kernel.split is None else f"{text}, reduced from axis {kernel.split} on"
    first = next((node for node in kernel.members if not is_view(node)), None)
    if isinstance(kernel, Product) and first is not None:
        *batch, m, n = first.shape if first.ndim > 1 else (1, *first.shape)
        size = _product((*batch, m, n, first.inputs[0].shape[-1]))
        return f"product {size}{', cut by columns' * kernel.by_columns}"
    if isinstance(kernel, Columns) and first is not None:
        return f"columns of {_product(first.inputs[0].shape)}"
    if isinstance(kernel, Test):
        return f"test of {_product(kernel.check.node.shape)}"
    return "special" if first is None or first.op is INPUT else f"{first.name} of {_product(first.shape)}"


def _product(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes)) or "1"
