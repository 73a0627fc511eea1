"""The order of the kernels, and regions: kernels that run together, one chunk of rows after the other.

A region's kernels have equally many rows, and row i of one reads only row i of what another in the region computes.
So a chunk of rows can go through all of them while it is in the cache, and chunks can go to different threads. A
training step's forward and backward pass over a batch is one region, and the gradient of a weight with its update
is another.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..ops.linalg import matmul
from .costs import bytes_moved, flops
from .fuse import REDUCTIONS, Columns, Kernel, Loop, Product, Special, Test, reaches
from .graph import Node
from .layout import Layout, contiguous, is_view
from .memory import Access
from .moves import row_rule
from .scan_code import body_of, step_of

__all__ = ["Region", "Schedule", "schedule"]


class Region:
    """Kernels that are run chunk by chunk."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.kernels: list[Kernel] = []

    def suits(self, kernel: Kernel) -> bool:
        """Whether the chunks that suit the region suit the kernel.

        Where a row is a matrix or an image, a chunk of few rows stays in the cache; a product whose rows are the rows
        of one matrix wants many at a time.
        """
        if body_of(kernel) or any(map(body_of, self.kernels)):
            return not self.kernels  # a loop over time has all threads for itself
        if has_thick_rows(kernel):
            return not any(map(has_thin_rows, self.kernels))
        return not has_thin_rows(kernel) or not any(map(has_thick_rows, self.kernels))


def has_thick_rows(kernel: Kernel) -> bool:
    """Whether each row is a matrix product or a move of its own."""
    if isinstance(kernel, Product):
        return kernel.members[0].ndim > 2
    return isinstance(kernel, Special) and kernel.rows > 1


def has_thin_rows(kernel: Kernel) -> bool:
    """Whether the rows are those of one matrix product."""
    return isinstance(kernel, Product) and kernel.members[0].ndim == 2


class Schedule:
    """Regions in the order in which they run, and the outputs that are computed in an input's own memory."""

    def __init__(self, regions: list[Region], in_place: dict[Node, Node]) -> None:
        self.regions = regions
        self.in_place = in_place


class _Scheduler:
    def __init__(self, kernels: list[Kernel], layouts: dict[Node, Layout], updates: dict[Node, Node]) -> None:
        self.kernels = kernels
        self.layouts = layouts
        self.maker = {node: k for k in kernels for node in k.members if not is_view(node)}
        self.readers: dict[Node, list[Kernel]] = {}
        self.needs: dict[Kernel, set[Kernel]] = {k: set() for k in kernels}
        for k in kernels:
            for root in {layouts[x].root for x in k.reads()}:
                self.readers.setdefault(root, []).append(k)
                if root in self.maker:
                    self.needs[k].add(self.maker[root])
            self.needs[k].discard(k)
        self.in_place: dict[Node, Node] = {}
        for new, old in updates.items():
            self.try_in_place(new, old)

    # -- writing over an input ----------------------------------------------------------------------------

    def try_in_place(self, new: Node, old: Node) -> None:
        """Compute ``new`` in the memory of ``old`` if all that read ``old`` can run before."""
        writer = self.maker[new]
        others = [k for k in self.readers.get(old, ()) if k is not writer]
        others += [k for k in self.kernels if isinstance(k, Test)]  # nothing may change before they have passed
        if any(reaches(self.needs, k, writer) for k in others) or not self.same_places(writer, new, old):
            return
        self.in_place[new] = old
        self.needs[writer].update(others)

    def same_places(self, writer: Kernel, new: Node, old: Node) -> bool:
        """Whether the writer reads an element of ``old`` only where it writes it, and before it does."""
        reads = [(m, x) for m in writer.members if not is_view(m) for x in m.parents() if self.layouts[x].root is old]
        if not reads:
            return True
        if isinstance(writer, Product):
            return all(x is old and m.shape == old.shape and m.op is not matmul for m, x in reads)
        if not isinstance(writer, Loop) or any(m.op in REDUCTIONS for m in writer.members):
            return False
        rank = len(writer.domain)
        if writer.level(new) < rank:
            return False  # it is computed again for each row
        target = stored_access(writer, new, rank)
        return all(loop_access(writer, m, x, self.layouts).key[1:] == target.key[1:] for m, x in reads)

    # -- regions ------------------------------------------------------------------------------------------

    def run(self) -> Schedule:
        waiting = dict.fromkeys(self.kernels)
        done: set[Kernel] = set()
        regions = []
        self.heights = self.find_heights()
        while waiting:
            seed = self.next_seed([k for k in waiting if self.needs[k] <= done])
            region = Region(seed.rows)
            regions.append(region)
            self.put(seed, region, waiting, done)
            grown = True
            while grown and region.rows > 1:
                grown = False
                for k in list(waiting):
                    fits = k.rows == region.rows and self.needs[k] <= done and region.suits(k)
                    if fits and self.aligned(k, region):
                        self.put(k, region, waiting, done)
                        grown = True
        return Schedule(regions, self.in_place)

    def next_seed(self, ready: list[Kernel]) -> Kernel:
        """What others may wait for and is done at once, or a large product while what it reads is in the cache."""
        assert ready, "the kernels need one another"
        for k in ready:
            if k.rows == 1:
                return k
        return next((k for k in ready if self.heights[k] <= FINAL and self.is_large(k)), ready[0])

    def is_large(self, kernel: Kernel) -> bool:
        """Whether what a final kernel reads should be used while it is in the cache, and given up."""
        if isinstance(kernel, Test):
            return False
        return flops(kernel) >= HOT or bytes_moved(kernel, self.layouts) >= HOT_BYTES

    def find_heights(self) -> dict[Kernel, int]:
        """How many kernels, one needing the other, come after each at most; ``kernels`` is in such an order."""
        heights = dict.fromkeys(self.kernels, 0)
        for k in reversed(self.kernels):
            for other in self.needs[k]:
                heights[other] = max(heights[other], heights[k] + 1)
        return heights

    def put(self, kernel: Kernel, region: Region, waiting: dict[Kernel, None], done: set[Kernel]) -> None:
        region.kernels.append(kernel)
        done.add(kernel)
        del waiting[kernel]

    def aligned(self, kernel: Kernel, region: Region) -> bool:
        """Whether the kernel's row i needs nothing of the region but its row i, and overwrites nothing else."""
        inside = set(region.kernels)
        for x in kernel.reads():
            root = self.layouts[x].root
            if self.maker.get(root) in inside and not self.row_of(kernel, x, row_stride(self.maker[root], root)):
                return False
        for new in kernel.stored:
            old = self.in_place.get(new)
            if old is None:
                continue
            for other in region.kernels:
                for x in other.reads():
                    if self.layouts[x].root is old and not self.row_of(other, x, row_stride(kernel, new)):
                        return False
        return True

    def row_of(self, kernel: Kernel, x: Node, stride: int) -> bool:
        """Whether the kernel's row i reads only elements from i * stride on, and less than stride of them, of x."""
        if isinstance(kernel, Product):
            product = kernel.members[0]
            if kernel.by_columns or len(x.shape) != len(product.shape):
                return False
            if len(x.shape) == 2 and (x is not product.inputs[0] or x is product.inputs[1]):
                return False
            return self.is_row(x, kernel.rows, stride)
        if isinstance(kernel, Special):
            node, rule = kernel.members[0], row_rule(kernel.members[0])
            whole = rule is None or any(y is x and not part for y, part in zip(node.inputs, rule[0], strict=True))
            return not whole and self.is_row(x, kernel.rows, stride)
        if not isinstance(kernel, Loop):
            return False
        rank = len(kernel.domain)
        for m in kernel.members:
            if x in m.inputs and not is_view(m):
                access = loop_access(kernel, m, x, self.layouts)
                if access.strides[0] != stride:
                    return False
                if not within(access.offset, access.strides[1:], kernel.domain[1:rank], stride):
                    return False
        return True

    def is_row(self, x: Node, rows: int, stride: int) -> bool:
        """Whether x[i] lies between i * stride and the next multiple, for each of its rows."""
        layout = self.layouts[x]
        if not x.shape or x.shape[0] != rows or layout.strides[0] != stride:
            return False
        return within(layout.offset, layout.strides[1:], x.shape[1:], stride)


def within(offset: int, strides: Iterable[int], sizes: Iterable[int], limit: int) -> bool:
    """Whether all elements lie in [0, limit)."""
    last = offset
    for s, n in zip(strides, sizes, strict=True):
        if s < 0:
            return False
        last += s * (n - 1)
    return offset >= 0 and last < limit


def row_stride(kernel: Kernel, root: Node) -> int:
    """How far apart the rows of a kernel lie in the buffer of one of its nodes; 0 if it is not made of rows."""
    strides = contiguous(root.shape)
    if isinstance(kernel, Product):
        return 0 if kernel.by_columns else strides[0]
    if isinstance(kernel, Special):
        return strides[0] if kernel.rows > 1 and not body_of(kernel) else 0
    if isinstance(kernel, Loop) and 0 in kernel.axes[root] and kernel.split != 0:
        return strides[kernel.axes[root].index(0)]
    return 0


def loop_access(kernel: Loop, node: Node, x: Node, layouts: dict[Node, Layout]) -> Access:
    """Where a member of a loop finds an operand from outside."""
    rank = len(kernel.domain)
    if node.op in REDUCTIONS:
        numbers = iter(range(rank))
        axes = {j: next(numbers) for j, n in enumerate(x.shape) if n != 1}
    else:
        lead = len(node.shape) - len(x.shape)
        axes = {j: kernel.axes[node][lead + j] for j, n in enumerate(x.shape) if n != 1}
    return Access(layouts[x], axes, rank)


def stored_access(kernel: Loop, node: Node, rank: int) -> Access:
    """Where a loop puts a member."""
    axes = {j: a for j, a in enumerate(kernel.axes[node]) if a >= 0}
    return Access(Layout(node, 0, node.shape, contiguous(node.shape)), axes, rank)


FINAL = 3  # kernels after a gradient of a weight: those of its update
HOT = 20_000_000  # floating-point operations, or
HOT_BYTES = 500_000  # of what is read

LARGE = 100_000  # elements of a B that is better cut than read whole by every thread,
MOST_ROWS = 512  # as long as A is smaller


def cut_by_columns(kernel: Product, threads: int) -> bool:
    """Whether a product is cut by columns: each thread then reads, packs and, as a weight, updates its part of B."""
    product = kernel.members[0]
    b = product.inputs[1]
    return (
        threads > 1
        and kernel.base is None
        and product.ndim == 2
        and product.shape[0] <= min(MOST_ROWS, *b.shape)
        and b.size >= LARGE
        and product.shape[1] >= 64
    )


def set_rows(kernel: Kernel, layouts: dict[Node, Layout], threads: int) -> None:
    """How many parts a kernel can be cut into."""
    if isinstance(kernel, Loop):
        kernel.rows = kernel.domain[0] if kernel.domain and kernel.split != 0 else 1
    elif isinstance(kernel, Product):
        kernel.by_columns = cut_by_columns(kernel, threads)
        kernel.rows = kernel.members[0].shape[1 if kernel.by_columns else 0]
    elif isinstance(kernel, Special):
        node, body = kernel.members[0], body_of(kernel)
        kernel.rows = step_of(body).rows if body else node.shape[0] if row_rule(node) else 1
    elif isinstance(kernel, Columns):
        kept = [n for n in kernel.members[0].shape if n != 1]
        kernel.rows = kept[0] if kept else 1


def schedule(
    kernels: list[Kernel], layouts: dict[Node, Layout], updates: dict[Node, Node], threads: int = 1
) -> Schedule:
    """Regions for the kernels; ``updates`` says which outputs are new content of which inputs."""
    for kernel in kernels:
        set_rows(kernel, layouts, threads)
    return _Scheduler(kernels, layouts, updates).run()


def rows_of_all(schedule: Schedule, layouts: dict[Node, Layout], states: list[Node]) -> int:
    """How many rows all kernels have, if row i of none needs more of the states or of another kernel than row i.

    Otherwise 1. They need not be one region: nobody waits for chunks of a loop's step.
    """
    kernels = [k for region in schedule.regions for k in region.kernels]
    rows = kernels[0].rows
    scheduler = _Scheduler(kernels, layouts, {})
    strides = {x: contiguous(x.shape)[0] for x in states if x.shape}
    for k in kernels:
        for node in k.stored:
            strides[node] = row_stride(k, node)
            if k.rows != rows or node.shape[:1] != (rows,) or strides[node] != contiguous(node.shape)[0]:
                return 1
    for k in kernels:
        for x in k.reads():
            root = layouts[x].root
            if root in strides and not scheduler.row_of(k, x, strides[root]):
                return 1
    return rows
