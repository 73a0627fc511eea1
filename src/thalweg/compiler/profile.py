"""``step.profile(...)``: where the time of a compiled function goes, beside what the machine could do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.tensor import Tensor
from .costs import bytes_moved, flops
from .fuse import Kernel, Product
from .report import described, formulas, native, numbering
from .timing import copy_rate, kernel_seconds, product_rate, program_seconds
from .workers import ensure_workers

if TYPE_CHECKING:
    from .native_program import Native
    from .program import Program

__all__ = ["Profile", "Row", "profile"]

BUDGET = 0.3  # seconds for the kernels, and as many for whole programs
WIDTH = 60  # characters of a formula in the table


@dataclass(frozen=True)
class Row:
    """One kernel.

    Attributes:
        name: of its function in ``step.llvm`` and ``step.kernels``.
        region: the number of its region.
        kind: "product", "loop", ... with the sizes that it goes through.
        formula: what it computes, with the names of ``step.graph``.
        is_product: whether it is a matrix product.
        microseconds: median time on one thread.
        gflops: 10^9 floating-point operations a second.
        gigabytes: 10^9 bytes a second, of those that come from other kernels or go to them.
        percent: of the limit that it is nearer to, the rate of large products or that of copying.
        share: of the time of all kernels, in percent.
    """

    name: str
    region: int
    kind: str
    formula: str
    is_product: bool
    microseconds: float
    gflops: float
    gigabytes: float
    percent: float
    share: float
    flops: int = field(repr=False)
    bytes: int = field(repr=False)


@dataclass(frozen=True, repr=False)
class Profile:
    """What ``step.profile`` gives; it prints as a table.

    Attributes:
        rows: one for each kernel, in the order in which they run.
        runs: how often they ran.
        microseconds: of all kernels, one after the other on one thread.
        program: microseconds of the program as it is called, on its threads.
        threads: how many it may use.
        product_gflops: the machine's rate of large products on one thread, in the dtype of most of the products.
        copy_gigabytes: the machine's rate of copying on one thread, bytes read and written added, with as much memory
            as the program uses.
        products: the rate of all products together, in percent of ``product_gflops``; None without products.
    """

    rows: list[Row]
    runs: int
    microseconds: float
    program: float
    threads: int
    product_gflops: float
    copy_gigabytes: float
    products: float | None

    def __repr__(self) -> str:
        head = ("kernel", "region", "us", "share", "GFLOP/s", "GB/s", "of limit", "")
        lines = [head, *(_cells(row) for row in self.rows), self._total()]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head) - 1)]
        table = ["  ".join([*map(_padded, line[:-1], widths, range(len(widths))), line[-1]]).rstrip() for line in lines]
        table.insert(1, "-" * len(table[0]))
        table.insert(len(table) - 1, "-" * len(table[0]))
        return "\n".join([*table, *self._summary()])

    def _total(self) -> tuple[str, ...]:
        seconds = max(self.microseconds, 1e-9) * 1e-6
        gflops = sum(row.flops for row in self.rows) / seconds / 1e9
        gigabytes = sum(row.bytes for row in self.rows) / seconds / 1e9
        return ("total", "", f"{self.microseconds:.2f}", "100 %", f"{gflops:.1f}", f"{gigabytes:.1f}", "", "1 thread")

    def _summary(self) -> list[str]:
        threads = "1 thread" if self.threads == 1 else f"up to {self.threads} threads"
        lines = [f"the whole program, {threads}: {self.program:.2f} us"]
        if self.products is not None:
            lines.append(f"products: {self.products:.0f} % of the rate of large products")
        lines.append(
            f"limits of one thread: {self.product_gflops:.1f} GFLOP/s in large products, "
            f"{self.copy_gigabytes:.1f} GB/s copying memory of the program's size"
        )
        return lines


def profile(program: Program, arguments: Sequence[Tensor], floats: Sequence[float] = ()) -> Profile:
    """Run a program on copies of all that it reads and writes, and time its kernels.

    Raises:
        CompileError: NumPy evaluates the program.
    """
    code = native(program)
    with program._lock:
        if floats:
            program.recording.floats[:] = floats
        inputs, outputs = _copies(program, arguments)
        program._bound = None  # the next call has to tell the program again where its arrays are
        if code.parallel:
            ensure_workers(code.threads)
        code.run(inputs, outputs)  # raises what a call would raise
        code.bind(*_copies(program, arguments))
        seconds, runs = kernel_seconds(code, BUDGET)
        code.bind(*_copies(program, arguments))
        whole = program_seconds(code, BUDGET)
        code.bind(*_copies(program, arguments))
    return _profile(code, seconds, runs, whole)


def _copies(program: Program, arguments: Sequence[Tensor]) -> tuple[list[Any], list[Any]]:
    """The arrays of a run that no one else has."""
    inputs = [np.array(x, order="C") for x in program._inputs(arguments)[0]]
    outputs = [inputs[i] for i in program.recording.writes]
    outputs += [np.empty(shape, dtype) for shape, dtype in program._new]
    return inputs, outputs


def _profile(code: Native, seconds: list[float], runs: int, whole: float) -> Profile:
    """The report of measured seconds."""
    kernels = [(i, k) for i, region in enumerate(code.schedule.regions) for k in region.kernels]
    total = sum(seconds)
    names = numbering(code)
    main = _main_dtype([k for _, k in kernels])
    copying = copy_rate(_used_memory(code))
    rows = []
    for (region, kernel), spent in zip(kernels, seconds, strict=True):
        work, moved, time = flops(kernel), bytes_moved(kernel, code.layouts), max(spent, 1e-9)
        product = isinstance(kernel, Product)
        rate = product_rate(kernel.members[0].dtype if product and kernel.members[0].dtype in REAL else main)
        rows.append(
            Row(
                name=code.lowered.names[kernel],
                region=region,
                kind=described(kernel),
                formula="; ".join(formulas(kernel, names)),
                is_product=product,
                microseconds=spent * 1e6,
                gflops=work / time / 1e9,
                gigabytes=moved / time / 1e9,
                percent=100 * max(work / rate, moved / copying) / time,
                share=100 * spent / total if total else 0.0,
                flops=work,
                bytes=moved,
            )
        )
    rate = product_rate(main)
    in_products = sum(row.microseconds for row in rows if row.is_product) * 1e-6
    percent = 100 * sum(row.flops for row in rows if row.is_product) / in_products / rate if in_products else None
    return Profile(rows, runs, total * 1e6, whole * 1e6, code.threads, rate / 1e9, copying / 1e9, percent)


REAL = (np.dtype(np.float32), np.dtype(np.float64))  # of products that the library computes


def _main_dtype(kernels: list[Kernel]) -> Any:
    """The dtype in which most of the work of the products is done."""
    work = dict.fromkeys(REAL, 0)
    for kernel in kernels:
        if isinstance(kernel, Product) and kernel.members[0].dtype in REAL:
            work[kernel.members[0].dtype] += flops(kernel)
    return max(REAL, key=work.__getitem__)


def _used_memory(code: Native) -> int:
    """Bytes of all inputs and outputs, and of the arena."""
    inputs, outputs = code.arrays
    arrays = {id(x): x.nbytes for x in [*inputs, *outputs]}
    return code.lowered.plan.arena + sum(arrays.values())


# -- the table ----------------------------------------------------------------------------------------------


def _cells(row: Row) -> tuple[str, ...]:
    formula = row.formula if len(row.formula) <= WIDTH else row.formula[: WIDTH - 4] + " ..."
    return (
        row.name, str(row.region), f"{row.microseconds:.2f}", f"{row.share:.1f} %", f"{row.gflops:.1f}",
        f"{row.gigabytes:.1f}", f"{row.percent:.0f} %", f"{row.kind}: {formula}",
    )  # fmt: skip


def _padded(text: str, width: int, column: int) -> str:
    return text.ljust(width) if column == 0 else text.rjust(width)
