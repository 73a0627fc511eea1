"""LLVM IR as text: values, functions with blocks and loops, and modules.

Text is written many times faster than llvmlite's object builder makes it, and needs no import of llvmlite.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = [
    "Function",
    "Loop",
    "Module",
    "Value",
    "element",
    "integer",
    "lanes",
    "real",
    "size_of",
    "splat_type",
    "vector_type",
]

FLAGS = "contract"  # a product and a sum may become one rounding; nothing else is changed


class Value:
    """An SSA value or a literal: its text and its type, such as ``%3`` of type ``<16 x float>``."""

    __slots__ = ("name", "type")

    def __init__(self, name: str, type: str) -> None:
        self.name = name
        self.type = type

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


def vector_type(element_type: str, count: int) -> str:
    """``<16 x float>``; the element type itself for a count of 1."""
    return element_type if count == 1 else f"<{count} x {element_type}>"


def lanes(type: str) -> int:
    """The number of lanes of a type; 1 for a scalar."""
    return int(type[1 : type.index(" ")]) if type.startswith("<") else 1


def element(type: str) -> str:
    """The type of one lane."""
    return type[type.index("x ") + 2 : -1] if type.startswith("<") else type


def splat_type(type: str, other: str) -> str:
    """``type``'s element with the lanes of ``other``."""
    return vector_type(element(type), lanes(other))


def integer(n: int, type: str = "i64") -> Value:
    """An integer literal; a vector type gives it in every lane."""
    return _literal(str(int(n)), type)


def real(x: float, type: str) -> Value:
    """A floating-point literal, exactly ``x`` rounded to the element type."""
    return _literal(real_text(x, element(type)), type)


def real_text(x: float, element_type: str) -> str:
    """The literal for ``x``: hexadecimal, so that nothing is lost."""
    import struct

    import numpy as np

    with np.errstate(all="ignore"):
        if element_type == "half":
            return f"0xH{int(np.float16(x).view(np.uint16)):04X}"
        if element_type == "float":
            x = float(np.float32(x))  # LLVM writes floats as the double of the same value
    return f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}"


def _literal(text: str, type: str) -> Value:
    count = lanes(type)
    if count == 1:
        return Value(text, type)
    return Value("<" + ", ".join([f"{element(type)} {text}"] * count) + ">", type)


class Loop:
    """A counted loop: its index, the values carried round it, and what they are after it."""

    __slots__ = ("index", "next", "results", "values")

    def __init__(self, index: Value, values: list[Value]) -> None:
        self.index = index
        self.values = values
        self.next = values
        self.results: list[Value] = []


class Function:
    """A function that is written instruction by instruction into its current block.

    >>> f = Function("twice", [("float", "x")], "float")
    >>> f.ret(f.emit("fadd float %x, %x", "float"))
    >>> print(f.text())
    define float @twice(float %x) {
    entry:
      %1 = fadd float %x, %x
      ret float %1
    }
    """

    def __init__(
        self,
        name: str,
        params: Sequence[tuple[str, str]],
        returns: str = "void",
        attributes: str = "",
        linkage: str = "",
    ) -> None:
        self.name = name
        self.returns = returns
        self.params = [Value("%" + n, _bare(t)) for t, n in params]
        self.attributes = attributes
        self._linkage = f"{linkage} " if linkage else ""
        self._signature = ", ".join(f"{t} %{n}" for t, n in params)
        self._lines: list[str] = []
        self._allocas: list[str] = []
        self._count = 0
        self.block = "entry"
        self.calls: dict[str, str] = {}  # declarations of what it calls outside the module

    # -- instructions -------------------------------------------------------------------------------------

    def fresh(self, stem: str = "") -> str:
        """A new name."""
        self._count += 1
        return f"{stem}{self._count}"

    def emit(self, instruction: str, type: str) -> Value:
        """Write an instruction; the value that it makes has this type."""
        name = "%" + self.fresh()
        self._lines.append(f"  {name} = {instruction}")
        return Value(name, type)

    def do(self, instruction: str) -> None:
        """Write an instruction that makes no value."""
        self._lines.append("  " + instruction)

    def ret(self, value: Value | None = None) -> None:
        self.do("ret void" if value is None else f"ret {value}")

    def binary(self, operation: str, a: Value, b: Value) -> Value:
        """``operation`` of two values of one type; floating-point ones get FLAGS."""
        flags = f" {FLAGS}" if operation in ("fadd", "fsub", "fmul", "fdiv", "frem") else ""
        return self.emit(f"{operation}{flags} {a}, {b.name}", a.type)

    def call(self, name: str, args: Sequence[Value], returns: str, declare: bool = True, flags: str = "") -> Value:
        """Call a function; ``declare`` notes that it stands outside this module (or is an intrinsic)."""
        if declare:
            self.calls[name] = f"declare {returns} @{name}({', '.join(a.type for a in args)})"
        text = f"call {flags + ' ' if flags else ''}{returns} @{name}({', '.join(map(str, args))})"
        if returns == "void":
            self.do(text)
            return Value("", "void")
        return self.emit(text, returns)

    def alloca(self, type: str, count: int = 1, align: int = 64) -> Value:
        """Stack memory, made once at entry whatever block asks for it."""
        name = "%" + self.fresh("stack")
        self._allocas.append(f"  {name} = alloca {type}, i64 {count}, align {align}")
        return Value(name, "ptr")

    def offset(self, base: Value, count: Value | int, type: str) -> Value:
        """The address ``count`` elements of ``type`` after ``base``."""
        index = integer(count) if isinstance(count, int) else count
        if index.name == "0":
            return base
        return self.emit(f"getelementptr {type}, {base}, {index}", "ptr")

    def load(self, address: Value, type: str, align: int = 0) -> Value:
        return self.emit(f"load {type}, {address}, align {align or size_of(element(type))}", type)

    def store(self, value: Value, address: Value, align: int = 0) -> None:
        self.do(f"store {value}, {address}, align {align or size_of(element(value.type))}")

    def splat(self, x: Value, count: int) -> Value:
        """``x`` in every one of ``count`` lanes."""
        if count == 1:
            return x
        type = vector_type(x.type, count)
        one = self.emit(f"insertelement {type} poison, {x}, i64 0", type)
        zeros = f"<{count} x i32> zeroinitializer"
        return self.emit(f"shufflevector {one}, {type} poison, {zeros}", type)

    def add(self, a: Value, b: Value | int) -> Value:
        """An integer sum; literals are added here."""
        return self._integer("add", a, integer(b, a.type) if isinstance(b, int) else b, 0)

    def add_wrapping(self, a: Value, b: Value | int) -> Value:
        """An integer sum modulo 2**bits."""
        other = integer(b % 2**64, a.type) if isinstance(b, int) else b
        return a if other.name == "0" else self.emit(f"add {a}, {other.name}", a.type)

    def mul(self, a: Value, b: Value | int) -> Value:
        """An integer product; literals are multiplied here."""
        return self._integer("mul", a, integer(b, a.type) if isinstance(b, int) else b, 1)

    def _integer(self, operation: str, a: Value, b: Value, neutral: int) -> Value:
        if _is_literal(a) and _is_literal(b):
            x, y = int(a.name), int(b.name)
            return integer(x + y if operation == "add" else x * y, a.type)
        if b.name == str(neutral):
            return a
        if a.name == str(neutral):
            return b
        return self.emit(f"{operation} nsw {a}, {b.name}", a.type)

    # -- blocks -------------------------------------------------------------------------------------------

    def start(self, label: str) -> None:
        """Begin a block."""
        self._lines.append(f"{label}:")
        self.block = label

    def branch(self, label: str) -> None:
        self.do(f"br label %{label}")

    def branch_if(self, condition: Value, yes: str, no: str) -> None:
        self.do(f"br {condition}, label %{yes}, label %{no}")

    @contextmanager
    def loop(
        self, start: Value | int, stop: Value | int, step: int = 1, carried: Sequence[Value] = ()
    ) -> Iterator[Loop]:
        """``for index in range(start, stop, step)``; the body sets ``next`` to the carried values of the next round.

        The values after the loop are in ``results``.
        """
        first = integer(start) if isinstance(start, int) else start
        last = integer(stop) if isinstance(stop, int) else stop
        head, body, done = self.fresh("head"), self.fresh("body"), self.fresh("done")
        before = self.block
        self.branch(head)
        self.start(head)
        index = Value("%" + self.fresh("i"), first.type)
        values = [Value("%" + self.fresh("c"), v.type) for v in carried]
        place = len(self._lines)  # the phi nodes are written when the end of the body is known
        more = self.emit(f"icmp slt {index}, {last.name}", "i1")
        self.branch_if(more, body, done)
        self.start(body)
        loop = Loop(index, values)
        yield loop
        after = self.emit(f"add nsw {index}, {step}", index.type)
        end = self.block
        self.branch(head)
        pairs = [(index, first, after), *zip(values, carried, loop.next, strict=True)]
        self._lines[place:place] = [
            f"  {phi.name} = phi {phi.type} [ {a.name}, %{before} ], [ {b.name}, %{end} ]" for phi, a, b in pairs
        ]
        self.start(done)
        loop.results = values

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """The body runs only if the condition holds; it makes no values that are used later."""
        yes, done = self.fresh("then"), self.fresh("endif")
        self.branch_if(condition, yes, done)
        self.start(yes)
        yield
        self.branch(done)
        self.start(done)

    def text(self) -> str:
        attributes = f" {self.attributes}" if self.attributes else ""
        head = f"define {self._linkage}{self.returns} @{self.name}({self._signature}){attributes} {{"
        return "\n".join([head, "entry:", *self._allocas, *self._lines, "}"])


def _bare(type: str) -> str:
    """A parameter's type without attributes such as ``noalias``."""
    return type[: type.index(">") + 1] if type.startswith("<") else type.split(" ")[0]


def _is_literal(v: Value) -> bool:
    return v.name.lstrip("-").isdigit()


_SIZES = {"half": 2, "float": 4, "double": 8, "ptr": 8}


def size_of(type: str) -> int:
    """Bytes of an element in memory."""
    return _SIZES[type] if type in _SIZES else max(1, int(type[1:]) // 8)


class Module:
    """Functions and what they call, as the text of one LLVM module."""

    def __init__(self) -> None:
        self.functions: dict[str, Any] = {}  # name -> text
        self.globals: dict[str, str] = {}
        self.declarations: dict[str, str] = {}

    def add(self, function: Function) -> None:
        """Take in a finished function."""
        self.functions[function.name] = function.text()
        self.declarations.update(function.calls)

    def text(self) -> str:
        """The module; what is defined in it is not declared."""
        declared = [d for name, d in sorted(self.declarations.items()) if name not in self.functions]
        return "\n\n".join([*self.globals.values(), *declared, *self.functions.values()]) + "\n"
