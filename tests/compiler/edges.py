"""Arrays whose memory ends, or begins, where the process may neither read nor write."""

from __future__ import annotations

import ctypes
import mmap
import sys
from typing import Any

import numpy as np

PROTECTED = hasattr(mmap, "MAP_PRIVATE") and sys.platform != "emscripten"  # Windows has no mprotect


class Fenced:
    """Memory between two forbidden pages; it is given up when the last array in it is."""

    def __init__(self, size: int) -> None:
        page = mmap.PAGESIZE
        self.size = -(-max(size, 1) // page) * page
        self.memory = mmap.mmap(-1, self.size + 2 * page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        mprotect = ctypes.CDLL(None, use_errno=True).mprotect
        mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        for address in (start, start + page + self.size):
            if mprotect(address, page, 0):
                raise OSError(ctypes.get_errno(), "mprotect")

    def array(self, shape: tuple[int, ...], dtype: Any, at_end: bool) -> Any:
        """An array that touches one of the forbidden pages."""
        count = int(np.prod(shape))
        room = self.size - count * np.dtype(dtype).itemsize if at_end else 0
        return np.frombuffer(self.memory, dtype, count, mmap.PAGESIZE + room).reshape(shape)


def fenced(values: Any, at_end: bool) -> Any:
    """A contiguous copy whose last element (or first) lies beside forbidden memory."""
    copy = Fenced(values.nbytes).array(values.shape, values.dtype, at_end)
    copy[...] = values
    return copy
