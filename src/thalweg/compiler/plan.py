"""Memory: every buffer gets a place before any code is written.

Buffers whose rows are needed within one chunk only lie in the thread's scratch, a chunk's worth of rows. All others
share one arena, in which a place is used again once its buffer's last reader has run.
"""

from __future__ import annotations

from collections.abc import Iterable

from .fuse import Kernel, Loop, Product
from .graph import Graph, Node
from .layout import Layout, is_view
from .memory import Memory, Place
from .scan_code import body_of, step_of
from .schedule import Region, Schedule, has_thick_rows, has_thin_rows, row_stride

__all__ = ["FIRST_SLOT", "FOUND", "Plan"]

ALIGN = 64
FOUND = 2  # the slot for the element that made a check fail
FIRST_SLOT = 3  # of the context: the arena, the callback and FOUND stand before the inputs
SCRATCH = 320 * 1024  # bytes; it lies on the stack


class Plan:
    """Where everything lies.

    Attributes:
        arena: bytes of the arena.
        shared: bytes of the buffers that lie in the arena, each counted by itself.
        chunk: for each region the rows of a chunk.
        scratch: for each region the bytes of scratch that a chunk takes.
        late: outputs that could not be computed in place, and the inputs that they are copied to in the end.
    """

    def __init__(
        self, graph: Graph, schedule: Schedule, layouts: dict[Node, Layout], memory: Memory, threads: int,
        updates: dict[Node, Node],
    ) -> None:  # fmt: skip
        self.graph = graph
        self.updates = updates
        self.schedule = schedule
        self.layouts = layouts
        self.memory = memory
        self.threads = threads
        self.arena = 0
        self.shared = 0
        self.chunk: dict[Region, int] = {}
        self.scratch: dict[Region, int] = {}
        self.work = {region: sum(work(k, layouts) for k in region.kernels) for region in schedule.regions}
        self.place_slots()
        self.find_lives()
        for region in schedule.regions:
            self.choose_chunk(region, threads)
        self.place_arena()

    def place_slots(self) -> None:
        """Inputs and outputs come by address."""
        places = self.memory.places
        for i, node in enumerate(self.graph.inputs):
            places[node] = Place("slot", FIRST_SLOT + i)
        outputs = FIRST_SLOT + len(self.graph.inputs)
        self.late: list[tuple[Node, Node]] = []
        for i, node in enumerate(self.graph.outputs):
            old = self.updates.get(node)
            if old is None:
                places[node] = Place("slot", outputs + i)
            elif node in self.schedule.in_place:
                places[node] = places[old]
            else:
                self.late.append((node, old))

    def find_lives(self) -> None:
        """The first and the last region that each buffer is used in."""
        self.life: dict[Node, list[int]] = {}
        late = {node for node, _ in self.late}
        for i, region in enumerate(self.schedule.regions):
            for kernel in region.kernels:
                for node in kernel.stored:
                    self.life.setdefault(node, [i, len(self.schedule.regions) if node in late else i])
                for x in kernel.reads():
                    root = self.layouts[x].root
                    if root in self.life:
                        self.life[root][1] = max(self.life[root][1], i)

    def choose_chunk(self, region: Region, threads: int) -> None:
        """Rows that go through the region's kernels together, and the buffers that need no more than these."""
        index = self.schedule.regions.index(region)
        local = [
            (node, kernel)
            for kernel in region.kernels
            for node in kernel.stored
            if self.life[node] == [index, index] and node not in self.memory.places and row_stride(kernel, node)
        ]
        bytes_a_row = sum(row_stride(kernel, node) * node.dtype.itemsize for node, kernel in local)
        rows = region.rows
        chunk = rows
        if rows > 1:
            parallel = threads > 1 and self.work[region] > WORTH_THREADS
            products = any(has_thin_rows(k) for k in region.kernels)
            shortest = 1 if any(has_thick_rows(k) for k in region.kernels) else SHORTEST
            most = rows // PANEL_ROWS if products else MOST_CHUNKS
            parts = max(threads, min(self.work[region] // CHUNK_WORK, most)) if parallel else 1
            if bytes_a_row:
                fitting = max(1, SCRATCH // bytes_a_row)
                parts = max(parts, -(-rows // (max(fitting, PANEL_ROWS) if products else fitting)))
            if parallel:
                parts = max(threads, parts - parts % threads)  # as many for each
            chunk = max(min(rows, shortest), -(-rows // parts))
            while 0 < rows % chunk < shortest and chunk < rows:
                chunk += 1
            if any(map(body_of, region.kernels)):
                chunk = max(SHORTEST, -(-rows // threads)) if parallel else rows
            if any(isinstance(k, Product) and k.by_columns for k in region.kernels):
                chunk = -(-chunk // PANEL_COLUMNS) * PANEL_COLUMNS if parallel else rows
        self.chunk[region] = chunk
        used = 0
        for node, kernel in local:
            row_bytes = row_stride(kernel, node) * node.dtype.itemsize
            size = row_bytes * chunk
            if used + size <= SCRATCH + SCRATCH // 4 and chunk < rows:
                self.memory.places[node] = Place("scratch", used, row_bytes)
                used += -(-size // ALIGN) * ALIGN
        self.scratch[region] = used

    def reserve(self, size: int) -> int:
        """A further stretch of the arena, a multiple of ALIGN bytes, for one kernel alone."""
        start = self.arena
        self.arena += -(-size // ALIGN) * ALIGN
        return start

    def is_parallel(self, region: Region) -> bool:
        """Whether the region's chunks are worth sending to other threads."""
        return self.threads > 1 and self.work[region] > WORTH_THREADS and self.chunk[region] < region.rows

    def place_arena(self) -> None:
        """First fit, in the order in which the buffers come to life."""
        free: list[tuple[int, int]] = []
        live: list[tuple[int, int, int]] = []  # last region, start, size
        for node, (first, last) in sorted(self.life.items(), key=lambda item: item[1][0]):
            if node in self.memory.places:
                continue
            for entry in [e for e in live if e[0] < first]:
                live.remove(entry)
                free = joined([*free, entry[1:]])
            size = -(-max(node.size * node.dtype.itemsize, 1) // ALIGN) * ALIGN
            self.shared += size
            start = take(free, size)
            if start is None:
                start = self.arena
                self.arena += size
            self.memory.places[node] = Place("arena", start)
            live.append((last, start, size))


WORTH_THREADS = 1_200_000  # elementary operations, about 12 microseconds
CHUNK_WORK = 2_500_000
MOST_CHUNKS = 64
PANEL_ROWS = 64  # of the shortest chunks of products
PANEL_COLUMNS = 32  # that go through the products together
SHORTEST = 4  # rows; the products treat fewer in another way, with another rounding


def work(kernel: Kernel, layouts: dict[Node, Layout]) -> int:
    """About how many elementary operations a kernel is; one takes about 10 picoseconds."""
    body = body_of(kernel)
    if body is not None:
        step = step_of(body)
        return body.length * sum(work(k, step.layouts) for k in step.kernels)
    if isinstance(kernel, Product):
        a = kernel.members[0].inputs[0]
        return int(kernel.members[0].size * a.shape[-1] * 2)
    total = 0
    for node in kernel.members:
        if is_view(node):
            continue
        size = max([node.size, *(x.size for x in node.parents())])
        total += size * COSTS.get(node.name, 8)
    return total + 2000 * (not isinstance(kernel, Loop))


COSTS = {
    "exp": 60, "expm1": 80, "log": 60, "log1p": 80, "tanh": 80, "sigmoid": 80, "softplus": 120, "erf": 120,
    "sin": 80, "cos": 80, "pow": 200, "atan2": 120, "div": 20, "sqrt": 20, "rsqrt": 30,
}  # fmt: skip


def take(free: list[tuple[int, int]], size: int) -> int | None:
    """A stretch of free memory, which is taken out of the list."""
    for i, (start, length) in enumerate(free):
        if length >= size:
            free[i : i + 1] = [(start + size, length - size)] if length > size else []
            return start
    return None


def joined(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches in order, neighbours made one."""
    result: list[tuple[int, int]] = []
    for start, length in sorted(stretches):
        if result and sum(result[-1]) == start:
            result[-1] = (result[-1][0], result[-1][1] + length)
        else:
            result.append((start, length))
    return result
