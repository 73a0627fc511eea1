"""``tw.compile``: a function of tensors, traced, and made into native code by LLVM."""
