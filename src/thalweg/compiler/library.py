"""The run-time library: the pool of threads and the products, as native code that every program calls.

It is built once for a processor and kept in the cache; a process loads it once, and it stays until the process ends,
because worker threads run in it.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from importlib.resources import files as files_of

from .ir import Module
from .native import Loaded, Target, cached, define_symbol, load, lock
from .threads import pool_text

__all__ = ["library", "library_text"]

_POOL = ("tw_parallel", "tw_worker", "tw_stop", "tw_reset", "tw_shared", "tw_losses")


def library() -> Loaded:
    """The library for this processor, loaded at the first call; its functions are known to programs by name."""
    with lock:
        return _library()


@functools.cache
def _library() -> Loaded:
    loaded = load_for(Target.host())
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(loaded))  # worker threads may be in it as long as the process lives
    for name, address in symbols(loaded).items():
        define_symbol(name, address)
    return loaded


def load_for(target: Target) -> Loaded:
    """The library for a processor, without making its names known."""
    identity = _sources() or [library_text(target).encode()]  # there may be no sources
    return load(cached(lambda: library_text(target), target, "library", *identity, level=0))


def _sources() -> list[bytes]:
    """What the text is made by identifies it too, and is at hand sooner."""
    files = [file for file in files_of(__package__).iterdir() if file.name.endswith(".py")]
    return [file.read_bytes() for file in sorted(files, key=lambda file: file.name)]


def symbols(loaded: Loaded) -> dict[str, int]:
    """The addresses of the library's functions by name, read from the table in it."""
    table = ctypes.cast(loaded.address("tw_exports"), ctypes.POINTER(ctypes.c_void_p))
    found = {}
    at = 0
    while table[at]:
        found[ctypes.string_at(table[at] or 0).decode()] = table[at + 1] or 0
        at += 2
    return found


def library_text(target: Target) -> str:
    """The library as the text of an LLVM module."""
    products = Module()
    if importlib.util.find_spec(".products", __package__):
        importlib.import_module(".products", __package__).library_functions(products, target)
    names = [*_POOL, *products.functions]
    return "\n".join([products.text(), pool_text(target), _exports(names)])


def _exports(names: list[str]) -> str:
    """A table of names and addresses, ended by a null."""
    texts = [f'@"name.{n}" = private constant [{len(n) + 1} x i8] c"{n}\\00"' for n in names]
    entries = [f'{{ ptr, ptr }} {{ ptr @"name.{n}", ptr @{n} }}' for n in names]
    entries.append("{ ptr, ptr } zeroinitializer")
    table = f"@tw_exports = constant [{len(entries)} x {{ ptr, ptr }}] [{', '.join(entries)}]"
    return "\n".join([*texts, table]) + "\n"
