"""``tw.compile``: a function of tensors, traced, and made into native code by LLVM.

Importing this package loads nothing of it, and no LLVM: that comes with the first function that is compiled.
"""

from .function import compile

__all__ = ["compile"]
