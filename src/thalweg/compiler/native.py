"""LLVM IR text made into native code: the target machine, object code, and its loading into the process."""

from __future__ import annotations

import ctypes
import functools
import itertools
import os
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..errors import CompileError
from . import cache

__all__ = ["Loaded", "Target", "build", "cached", "define_symbol", "load", "lock", "object_code"]

lock = threading.RLock()  # LLVM's global tables are not all safe for concurrent use
if hasattr(os, "register_at_fork"):  # a child must not inherit LLVM half-way through something
    os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
_BYTES = {"half": 2, "float": 4, "double": 8, "ptr": 8}


@functools.cache
def llvm() -> Any:
    """``llvmlite.binding`` with the native target set up; imported at first use, which takes 0.1 s."""
    import llvmlite.binding as binding

    with lock:
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
    return binding


@dataclass(frozen=True)
class Target:
    """The processor that code is made for.

    ``vector_bytes`` is the width of a vector register and ``registers`` the number of them. ``attributes`` belongs on
    each function that uses vectors of that width.
    """

    triple: str
    cpu: str
    features: str
    vector_bytes: int
    registers: int

    @staticmethod
    def host() -> Target:
        """The processor of this process; ``THALWEG_VECTOR_BYTES`` makes it narrower, for tests."""
        return _host()

    def narrow(self, vector_bytes: int) -> Target:
        """The same processor without its wider vectors, 32 or 16 bytes; on arm64 nothing changes."""
        if vector_bytes >= self.vector_bytes or not self.triple.startswith(("x86_64", "amd64")):
            return self
        names = [f[1:] for f in self.features.split(",")]
        dropped = ["avx512", "avx10", "evex512", "amx"]
        if vector_bytes < 32:
            dropped += ["avx", "fma", "f16c", "vaes", "vpclmulqdq", "xop", "sha512", "sm3", "sm4"]
        minus = ",".join(f"-{name}" for name in names if name.startswith(tuple(dropped)))
        return replace(self, features=f"{self.features},{minus}", vector_bytes=vector_bytes, registers=16)

    def has(self, feature: str) -> bool:
        """Whether instructions of this name, such as ``"fma"``, exist."""
        state = [f[0] for f in self.features.split(",") if f[1:] == feature]
        return state[-1:] == ["+"]

    def lanes(self, element_type: str) -> int:
        """The number of elements of an IR type in one register."""
        bits = _BYTES[element_type] * 8 if element_type in _BYTES else max(8, int(element_type[1:]))
        return self.vector_bytes * 8 // bits

    @property
    def attributes(self) -> str:
        """Attributes for functions, as IR text."""
        width = self.vector_bytes * 8
        return f'nounwind "prefer-vector-width"="{width}" "min-legal-vector-width"="{width}" "no-stack-arg-probe"'


@functools.cache
def _host() -> Target:
    binding = llvm()
    triple = binding.get_process_triple()
    flags = binding.get_host_cpu_features()
    vector_bytes, registers = 16, 16
    if triple.startswith(("aarch64", "arm64")):
        registers = 32
    elif flags.get("avx512f") and flags.get("avx512vl") and flags.get("avx512bw") and flags.get("avx512dq"):
        vector_bytes, registers = 64, 32
    elif flags.get("avx2"):
        vector_bytes = 32
    host = Target(triple, binding.get_host_cpu_name(), flags.flatten(), vector_bytes, registers)
    return host.narrow(int(os.environ.get("THALWEG_VECTOR_BYTES", vector_bytes)))


def _machine(target: Target) -> Any:
    """A target machine.

    The linker puts code and constants of a module into one block, so the small code model holds; what is outside is
    reached through tables, as position-independent code does.
    """
    chosen = llvm().Target.from_triple(target.triple)
    return chosen.create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, reloc="pic", codemodel="small", jit=True
    )


def object_code(text: str, target: Target, level: int = 3) -> bytes:
    """The module made into an object file.

    ``level`` says how much LLVM's passes shall do, from 0 to 3. Half the time is theirs. For kernels that are written
    with explicit vectors and few redundancies, 0 gave code as fast as 3; instructions are chosen and scheduled, and
    registers allocated, with full effort at each level.
    """
    binding = llvm()
    try:
        # The module must go before its context does, which garbage collection would not see to.
        with lock, binding.create_context() as context, binding.parse_assembly(text, context) as module:
            module.triple = target.triple
            machine = _machine(target)
            module.data_layout = str(machine.target_data)
            module.verify()
            options = binding.create_pipeline_tuning_options(speed_level=level)
            with binding.create_pass_builder(machine, options) as builder, builder.getModulePassManager() as passes:
                passes.run(module, builder)
            return machine.emit_object(module)
    except RuntimeError as error:
        raise CompileError(f"LLVM refuses the module kept in {_keep(text)}: {error}") from error


def _keep(text: str) -> str:
    """Write text to a file that stays, and give its name."""
    with tempfile.NamedTemporaryFile("w", prefix="thalweg-", suffix=".ll", delete=False) as file:
        file.write(text)
    return os.path.normpath(file.name)


class Loaded:
    """Object code in memory; it goes when this does."""

    def __init__(self, name: str, tracker: Any) -> None:
        self._name = name
        self._trackers = [tracker]  # each one, when it goes, unloads what it was asked for

    def address(self, name: str) -> int:
        """The address of a function or variable."""
        try:
            with lock:
                tracker = _linker().lookup(self._name, name)
        except RuntimeError as error:
            raise CompileError(f"the native code has no symbol {name!r}") from error
        self._trackers.append(tracker)
        return tracker[name]

    def function(self, name: str, restype: Any, *argtypes: Any) -> Any:
        """The function as a ctypes callable, which keeps the code alive."""
        function = ctypes.CFUNCTYPE(restype, *argtypes)(self.address(name))
        function.loaded = self  # type: ignore[attr-defined]
        return function


_symbols: dict[str, int] = {}
_numbers = itertools.count()


def define_symbol(name: str, address: int) -> None:
    """Make a symbol known to all code that is loaded from now on."""
    _symbols[name] = address


@functools.cache
def _linker() -> Any:
    """LLVM's linker into this process; it is never given up, because threads may run in what it has loaded."""
    linker = llvm().create_lljit_compiler(_machine(Target.host()), use_jit_link=True, suppress_errors=True)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(linker))
    return linker


def load(code: bytes) -> Loaded:
    """Put object code into the process, with what it calls outside bound to it."""
    name = f"thalweg.{next(_numbers)}"
    with lock:
        builder = llvm().JITLibraryBuilder().add_object_img(code)
        for symbol, address in _outside(code).items():
            builder.import_symbol(symbol, address)
        if not _is_elf(code):
            builder.add_current_process()
        try:
            tracker = builder.link(_linker(), name)
        except RuntimeError as error:
            raise CompileError(f"the native code can't be loaded: {error}") from error
    return Loaded(name, tracker)


def _outside(code: bytes) -> dict[str, int]:
    """The addresses of what the code calls; of all that is known if its format is not read here."""
    if not _is_elf(code):
        return _symbols
    process = ctypes.CDLL(None)
    found, missing = {}, []
    for name in _undefined(code):
        if name in _symbols:
            found[name] = _symbols[name]
        elif hasattr(process, name):
            found[name] = ctypes.cast(getattr(process, name), ctypes.c_void_p).value or 0
        else:
            missing.append(name)
    if missing:
        raise CompileError(f"the native code calls functions that this process does not have: {missing}")
    return found


def build(text: str, target: Target | None = None, level: int = 3) -> Loaded:
    """The module as code in memory, made anew unless the cache has it."""
    target = target or Target.host()
    return load(cached(lambda: text, target, text, level=level))


def cached(write: Callable[[], str], target: Target, *identity: str | bytes, level: int = 3) -> bytes:
    """The object code of the module that ``write`` gives, which only ``identity`` decides."""
    version = ".".join(map(str, llvm().llvm_version_info))
    key = cache.key(version, target.triple, target.cpu, target.features, str(level), *identity)
    code = cache.fetch(key)
    if code is None:
        code = object_code(write(), target, level)
        cache.keep(key, code)
    return code


# -- what an object file asks for -------------------------------------------------------------------------
# The linker does not say which symbol it can't bind, so this is looked at first.

_SYMBOLS = 2  # sh_type of the symbol table
_PROVIDED = frozenset(["_GLOBAL_OFFSET_TABLE_"])


def _is_elf(code: bytes) -> bool:
    return code[:6] == b"\x7fELF\x02\x01"


def _undefined(code: bytes) -> Iterator[str]:
    """The names that an ELF object leaves to others."""
    (offset,) = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", code, offset + i * size) for i in range(count)]
    for section in sections:
        if section[1] == _SYMBOLS:
            names = sections[section[6]][4]
            for entry in struct.iter_unpack("<IBBHQQ", code[section[4] : section[4] + section[5]]):
                if entry[0] and entry[3] == 0:
                    start = names + entry[0]
                    name = code[start : code.index(b"\0", start)].decode()
                    if name not in _PROVIDED:
                        yield name
