"""What a kernel has to do at least: operations on floating-point numbers, and bytes that come and go."""

from __future__ import annotations

import math

from ..ops.base import Convert
from ..ops.linalg import matmul
from ..ops.shape import copy
from .fuse import REDUCTIONS, Kernel, is_elementwise
from .graph import Node
from .layout import Layout
from .scan_code import body_of, step_of

__all__ = ["bytes_moved", "flops"]


def flops(kernel: Kernel) -> int:
    """Products count 2 m n k, all else one operation for each element, be it a sum or a logarithm.

    Conversions, copies, draws and what else moves numbers about count nothing.
    """
    body = body_of(kernel)
    if body is not None:
        return body.length * sum(map(flops, step_of(body).kernels))
    return sum(map(_flops, kernel.members))


def _flops(node: Node) -> int:
    if node.op is matmul:
        return 2 * node.size * node.inputs[0].shape[-1]
    if node.op in REDUCTIONS:
        return int(node.inputs[0].size)
    if is_elementwise(node) and not isinstance(node.op, Convert) and node.op is not copy:
        return node.size
    return 0


def bytes_moved(kernel: Kernel, layouts: dict[Node, Layout]) -> int:
    """Each byte that is read outside of the kernel counts once, and each that is stored; recurring ones do not.

    A kernel that reads single places, such as a lookup of rows, counts as if it read all.
    """
    read: dict[Node, int] = {}
    for x in set(kernel.reads()):
        layout = layouts[x]
        root = layout.root
        seen = math.prod(n for n, s in zip(layout.shape, layout.strides, strict=True) if s)
        read[root] = min(root.size, read.get(root, 0) + seen)
    count = sum(n * root.dtype.itemsize for root, n in read.items())
    return count + sum(node.size * node.dtype.itemsize for node in kernel.stored)
