"""What a primitive's ``lower`` writes with: arithmetic on several elements at once, in thalweg's dtypes.

``Lanes`` is the ``emit`` of ``Primitive.lower``. A ``Lane`` is one SSA value of ``count`` elements with its dtype.
Operations promote their operands as tensors do, a Python number takes the dtype of what it meets, and each result is
what NumPy gives for that dtype: float16 is rounded after every operation, integers wrap round, NaN and infinity arise
and pass as in NumPy. The mathematical functions are in the ``math_*`` modules; each is written once per module, dtype
and width, as a function that LLVM inlines where it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dtypes import BOOL, default_float, result_dtype
from . import math_convert, math_division, math_erf, math_exp, math_hyperbolic, math_log, math_power, math_trig
from .ir import FLAGS, Function, Module, Value, element, lanes, real_text, vector_type
from .native import Target

__all__ = ["Lane", "Lanes", "element_type"]

FLOAT16, FLOAT32, FLOAT64 = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)
_FLOATS = {2: "half", 4: "float", 8: "double"}
_SUFFIXES = {"half": "f16", "float": "f32", "double": "f64"}


def element_type(dtype: Any) -> str:
    """The IR type of one element in a register; bool is i1 there (and i8, 0 or 1, in memory)."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return _FLOATS[dtype.itemsize]
    return "i1" if dtype == BOOL else f"i{dtype.itemsize * 8}"


class Lane:
    """An SSA value and the dtype of its elements.

    ``ndim`` is 0 where the tensor has no dimensions: it counts less in promotion then.
    """

    __slots__ = ("dtype", "ndim", "value")

    def __init__(self, value: Value, dtype: Any, ndim: int = 1) -> None:
        self.value = value
        self.dtype = np.dtype(dtype)
        self.ndim = ndim

    def __repr__(self) -> str:
        return f"<{self.dtype} {self.value}>"


class Lanes:
    """Code for ``count`` elements at once, written into ``function``; a count of 1 is scalar code.

    ``flags`` are the fast-math flags of float32 and float64 arithmetic. A mathematical function that is used for the
    first time is added to ``module``.
    """

    def __init__(self, function: Function, module: Module, count: int, target: Target, flags: str = FLAGS) -> None:
        self.function = function
        self.module = module
        self.count = count
        self.target = target
        self.flags = flags

    def __repr__(self) -> str:
        return f"<{self.count} lanes of {self.function.name}>"

    @property
    def fused(self) -> bool:
        """Whether the processor multiplies and adds in one rounding; ``fma`` is slow where not."""
        return self.target.has("fma") or not self.target.triple.startswith(("x86_64", "amd64"))

    # -- values -------------------------------------------------------------------------------------------

    def type(self, dtype: Any) -> str:
        """The IR type of a Lane of this dtype."""
        return vector_type(element_type(dtype), self.count)

    def constant(self, number: Any, dtype: Any) -> Lane:
        """A number in every lane, rounded or wrapped round to ``dtype``."""
        dtype = np.dtype(dtype)
        kind = element_type(dtype)
        text = real_text(float(number), kind) if dtype.kind == "f" else str(_wrapped(number, dtype))
        if self.count == 1:
            return Lane(Value(text, kind), dtype)
        return Lane(Value(f"splat ({kind} {text})", self.type(dtype)), dtype)

    def splat(self, scalar: Value, dtype: Any) -> Lane:
        """One scalar of the IR type ``element_type(dtype)`` in every lane."""
        return Lane(self.function.splat(scalar, self.count), dtype)

    def load(self, address: Value, dtype: Any, align: int = 0) -> Lane:
        """Consecutive elements from memory; ``align`` in bytes, the element's if 0."""
        if np.dtype(dtype) != BOOL:
            return Lane(self.function.load(address, self.type(dtype), align), dtype)
        stored = self.function.load(address, vector_type("i8", self.count), align)
        return self.ne(Lane(stored, np.uint8), 0)

    def store(self, x: Lane, address: Value, align: int = 0) -> None:
        """Write the elements one after the other to memory."""
        if x.dtype == BOOL:
            x = self.convert(x, np.uint8)
        self.function.store(x.value, address, align)

    def promoted(self, *operands: Any) -> tuple[Lane, ...]:
        """The operands in the dtype that they have in common, by the rules of tensors."""
        first = operands[0]
        if isinstance(first, Lane) and all(isinstance(x, Lane) and x.dtype == first.dtype for x in operands):
            return operands
        dtype = result_dtype(list(operands))
        return tuple(self.convert(x, dtype) for x in operands)

    def real(self, *operands: Any) -> tuple[Lane, ...]:
        """The operands in one floating-point dtype: the common one, else the default dtype."""
        dtype = result_dtype(list(operands))
        dtype = dtype if dtype.kind == "f" else default_float()
        return tuple(self.convert(x, dtype) for x in operands)

    def convert(self, a: Any, dtype: Any) -> Lane:
        """The same numbers in another dtype, as NumPy's astype.

        Of floats to integers too small for them NumPy promises nothing, and neither does this.
        """
        return math_convert.convert(self, a, dtype) if isinstance(a, Lane) else self.constant(a, dtype)

    def cast(self, operation: str, a: Lane, dtype: Any) -> Lane:
        """One of LLVM's conversions, such as ``"bitcast"``, to the type of ``dtype``."""
        target = self.type(dtype)
        return Lane(self.function.emit(f"{operation} {a.value} to {target}", target), dtype)

    def freeze(self, a: Lane) -> Lane:
        """``a``, with some number where LLVM leaves it undefined."""
        return Lane(self.function.emit(f"freeze {a.value}", a.value.type), a.dtype)

    # -- arithmetic ---------------------------------------------------------------------------------------

    def add(self, a: Any, b: Any) -> Lane:
        return self._arithmetic("add", *self.promoted(a, b))

    def sub(self, a: Any, b: Any) -> Lane:
        return self._arithmetic("sub", *self.promoted(a, b))

    def mul(self, a: Any, b: Any) -> Lane:
        return self._arithmetic("mul", *self.promoted(a, b))

    def div(self, a: Any, b: Any) -> Lane:
        """a / b, correctly rounded; integers are made floating-point first."""
        return self._arithmetic("div", *self.real(a, b))

    def _arithmetic(self, name: str, a: Lane, b: Lane) -> Lane:
        if a.dtype == BOOL:  # as NumPy: True + True is True
            name = {"add": "or", "mul": "and", "sub": "xor"}[name]
        elif a.dtype == FLOAT16:
            # float32 holds enough digits of a result for its second rounding to be that of the exact one
            wide = [self.convert(x, FLOAT32) for x in (a, b)]
            return self.convert(self.instruction("f" + name, *wide), FLOAT16)
        elif a.dtype.kind == "f":
            name = f"f{name} {self.flags}"
        return self.instruction(name, a, b)

    def instruction(self, operation: str, a: Lane, b: Lane) -> Lane:
        """One instruction on two operands of one dtype, which is the result's."""
        return Lane(self.function.emit(f"{operation} {a.value}, {b.value.name}", a.value.type), a.dtype)

    def neg(self, a: Lane) -> Lane:
        if a.dtype.kind == "f":
            return Lane(self.function.emit(f"fneg {a.value}", a.value.type), a.dtype)
        return self.sub(self.constant(0, a.dtype), a)

    def fma(self, a: Any, b: Any, c: Any) -> Lane:
        """a b + c, rounded once (in float16 as computed in float32). A call of the C library where there is no FMA."""
        return self.intrinsic("fma", *self.promoted(a, b, c))

    def muladd(self, a: Any, b: Any, c: Any) -> Lane:
        """a b + c, rounded once or twice, whichever is faster."""
        return self.intrinsic("fmuladd", *self.promoted(a, b, c))

    def polynomial(self, x: Lane, *coefficients: float) -> Lane:
        """Horner's rule; the leading coefficient comes first."""
        y = self.constant(coefficients[0], x.dtype)
        for c in coefficients[1:]:
            y = self.muladd(y, x, c)
        return y

    def intrinsic(self, name: str, *operands: Lane) -> Lane:
        """One of LLVM's functions for any floating-point type; float16 goes through float32."""
        dtype = operands[0].dtype
        if dtype == FLOAT16:
            return self.convert(self.intrinsic(name, *(self.convert(x, FLOAT32) for x in operands)), dtype)
        type = self.type(dtype)
        return Lane(self.function.call(f"llvm.{name}.{_suffix(type)}", [x.value for x in operands], type), dtype)

    def scaled(self, a: Lane, n: Lane) -> Lane | None:
        """a * 2**n for an integer n held as a float, by the instruction that AVX-512 has for it; None without it."""
        size = a.dtype.itemsize
        if not self.target.has("avx512f") or self.count * size != 64:
            return None
        type, bits = self.type(a.dtype), 16 if size == 4 else 8
        operands = [a.value, n.value, Value("zeroinitializer", type), Value("-1", f"i{bits}"), Value("4", "i32")]
        return Lane(self.function.call(f"llvm.x86.avx512.mask.scalef.p{'sd'[size // 8]}.512", operands, type), a.dtype)

    def sqrt(self, a: Lane) -> Lane:
        """Correctly rounded."""
        return self.intrinsic("sqrt", a)

    def floor(self, a: Lane) -> Lane:
        return self.intrinsic("floor", a)

    def ceil(self, a: Lane) -> Lane:
        return self.intrinsic("ceil", a)

    def trunc(self, a: Lane) -> Lane:
        return self.intrinsic("trunc", a)

    def rint(self, a: Lane) -> Lane:
        """To the nearest integer, halves to even."""
        return self.intrinsic("rint", a)

    def fabs(self, a: Lane) -> Lane:
        """|a| of floats: without the sign bit."""
        if a.dtype == FLOAT16:
            return self.as_float(self.bit_and(self.as_integer(a), 0x7FFF))
        return self.intrinsic("fabs", a)

    def copysign(self, a: Any, b: Any) -> Lane:
        """|a| with the sign bit of b."""
        return self.intrinsic("copysign", *self.promoted(a, b))

    # -- comparison and choice ----------------------------------------------------------------------------

    def lt(self, a: Any, b: Any) -> Lane:
        return self._compare("lt", a, b)

    def le(self, a: Any, b: Any) -> Lane:
        return self._compare("le", a, b)

    def gt(self, a: Any, b: Any) -> Lane:
        return self._compare("gt", a, b)

    def ge(self, a: Any, b: Any) -> Lane:
        return self._compare("ge", a, b)

    def eq(self, a: Any, b: Any) -> Lane:
        return self._compare("eq", a, b)

    def ne(self, a: Any, b: Any) -> Lane:
        """a != b; true where one is NaN."""
        return self._compare("ne", a, b)

    def _compare(self, name: str, a: Any, b: Any) -> Lane:
        outcome = _foregone(name, a, b)
        if outcome is not None:
            return self.constant(outcome, BOOL)
        a, b = self.promoted(a, b)
        if a.dtype == FLOAT16:
            a, b = self.convert(a, FLOAT32), self.convert(b, FLOAT32)
        if a.dtype.kind == "f":
            operation = "fcmp " + ("une" if name == "ne" else "o" + name)
        else:
            sign = "" if name in ("eq", "ne") else "s" if a.dtype.kind == "i" else "u"
            operation = f"icmp {sign}{name}"
        return Lane(self.function.emit(f"{operation} {a.value}, {b.value.name}", self.type(BOOL)), BOOL)

    def unordered(self, a: Lane, b: Lane) -> Lane:
        """Whether one of two floats is NaN."""
        if a.dtype == FLOAT16:
            a, b = self.convert(a, FLOAT32), self.convert(b, FLOAT32)
        return Lane(self.function.emit(f"fcmp uno {a.value}, {b.value.name}", self.type(BOOL)), BOOL)

    def isnan(self, a: Lane) -> Lane:
        return self.unordered(a, a) if a.dtype.kind == "f" else self.constant(False, BOOL)

    def isinf(self, a: Lane) -> Lane:
        return self.eq(self.fabs(a), np.inf) if a.dtype.kind == "f" else self.constant(False, BOOL)

    def isfinite(self, a: Lane) -> Lane:
        return self.lt(self.fabs(a), np.inf) if a.dtype.kind == "f" else self.constant(True, BOOL)

    def select(self, condition: Any, a: Any, b: Any) -> Lane:
        """``a`` where the condition is true (or not 0), else ``b``."""
        c = self.convert(condition, BOOL)
        x, y = self.promoted(a, b)
        return Lane(self.function.emit(f"select {c.value}, {x.value}, {y.value}", x.value.type), x.dtype)

    def maximum(self, a: Any, b: Any) -> Lane:
        """The larger one; NaN if one of them is NaN."""
        return self._extreme("gt", a, b)

    def minimum(self, a: Any, b: Any) -> Lane:
        """The smaller one; NaN if one of them is NaN."""
        return self._extreme("lt", a, b)

    def _extreme(self, better: str, a: Any, b: Any) -> Lane:
        if not isinstance(a, Lane):
            a, b = b, a
        known = not isinstance(b, Lane) and b == b
        a, b = self.promoted(a, b)
        if a.dtype == BOOL:
            return self.bit_or(a, b) if better == "gt" else self.bit_and(a, b)
        y = self.select(self._compare(better, b, a), b, a)  # a where b is NaN, and where a is
        return y if a.dtype.kind != "f" or known else self.select(self.isnan(b), b, y)

    # -- bits and logic -----------------------------------------------------------------------------------

    def logical_and(self, a: Any, b: Any) -> Lane:
        return self.bit_and(self.convert(a, BOOL), self.convert(b, BOOL))

    def logical_or(self, a: Any, b: Any) -> Lane:
        return self.bit_or(self.convert(a, BOOL), self.convert(b, BOOL))

    def logical_xor(self, a: Any, b: Any) -> Lane:
        return self.bit_xor(self.convert(a, BOOL), self.convert(b, BOOL))

    def logical_not(self, a: Any) -> Lane:
        return self.bit_not(self.convert(a, BOOL))

    def bit_and(self, a: Any, b: Any) -> Lane:
        return self.instruction("and", *self.promoted(a, b))

    def bit_or(self, a: Any, b: Any) -> Lane:
        return self.instruction("or", *self.promoted(a, b))

    def bit_xor(self, a: Any, b: Any) -> Lane:
        return self.instruction("xor", *self.promoted(a, b))

    def bit_not(self, a: Lane) -> Lane:
        return self.bit_xor(a, True if a.dtype == BOOL else -1)

    def shift_left(self, a: Lane, bits: int) -> Lane:
        return self.instruction("shl", a, self.constant(bits, a.dtype))

    def shift_right(self, a: Lane, bits: int) -> Lane:
        """Downwards; signed integers keep their sign."""
        return self.instruction("lshr" if a.dtype.kind == "u" else "ashr", a, self.constant(bits, a.dtype))

    def as_integer(self, a: Lane) -> Lane:
        """The bits of a float as a signed integer of its size."""
        return self.cast("bitcast", a, f"i{a.dtype.itemsize}")

    def as_float(self, a: Lane) -> Lane:
        """The float that has these bits."""
        return self.cast("bitcast", a, f"f{a.dtype.itemsize}")

    def any(self, condition: Lane) -> Value:
        """Whether a bool holds in one lane or more, as an i1."""
        if self.count == 1:
            return condition.value
        return self.function.call(f"llvm.vector.reduce.or.v{self.count}i1", [condition.value], "i1")

    # -- functions ----------------------------------------------------------------------------------------

    def floor_divide(self, a: Any, b: Any) -> Lane:
        """floor(a / b), as Python's ``//``; integers divided by 0 give 0."""
        return self.shared(math_division.floor_divide, *self.promoted(a, b))

    def remainder(self, a: Any, b: Any) -> Lane:
        """What floor_divide leaves, of b's sign, as Python's ``%``; integers divided by 0 give 0."""
        return self.shared(math_division.remainder, *self.promoted(a, b))

    def fmod(self, a: Any, b: Any) -> Lane:
        """What division towards 0 leaves, of a's sign; integers divided by 0 give 0."""
        return self.shared(math_division.fmod, *self.promoted(a, b))

    def exp(self, x: Any) -> Lane:
        return self.shared(math_exp.exp, *self.real(x))

    def expm1(self, x: Any) -> Lane:
        return self.shared(math_exp.expm1, *self.real(x))

    def tanh(self, x: Any) -> Lane:
        return self.shared(math_exp.tanh, *self.real(x))

    def sigmoid(self, x: Any) -> Lane:
        return self.shared(math_exp.sigmoid, *self.real(x))

    def softplus(self, x: Any) -> Lane:
        return self.shared(math_log.softplus, *self.real(x))

    def log(self, x: Any) -> Lane:
        return self.shared(math_log.log, *self.real(x))

    def log1p(self, x: Any) -> Lane:
        return self.shared(math_log.log1p, *self.real(x))

    def erf(self, x: Any) -> Lane:
        return self.shared(math_erf.erf, *self.real(x))

    def sin(self, x: Any) -> Lane:
        return self.shared(math_trig.sin, *self.real(x))

    def cos(self, x: Any) -> Lane:
        return self.shared(math_trig.cos, *self.real(x))

    def sinh(self, x: Any) -> Lane:
        return self.shared(math_hyperbolic.sinh, *self.real(x))

    def cosh(self, x: Any) -> Lane:
        return self.shared(math_hyperbolic.cosh, *self.real(x))

    def asinh(self, x: Any) -> Lane:
        return self.shared(math_hyperbolic.asinh, *self.real(x))

    def acosh(self, x: Any) -> Lane:
        return self.shared(math_hyperbolic.acosh, *self.real(x))

    def atanh(self, x: Any) -> Lane:
        return self.shared(math_hyperbolic.atanh, *self.real(x))

    def log2(self, x: Any) -> Lane:
        return self.shared(math_log.log2, *self.real(x))

    def log10(self, x: Any) -> Lane:
        return self.shared(math_log.log10, *self.real(x))

    def atan2(self, y: Any, x: Any) -> Lane:
        return self.shared(math_trig.atan2, *self.real(y, x))

    def pow(self, a: Any, b: Any) -> Lane:
        """a ** b; products and roots for the exponents 0, 1, 2, 3, -1 and 0.5 given as Python numbers."""
        return math_power.power(self, a, b)

    def shared(self, build: Callable[..., Lane], *operands: Lane) -> Lane:
        """A call of the function that ``build(emit, *operands)`` writes; float16 is computed in float32 and rounded."""
        dtype = operands[0].dtype
        if dtype == FLOAT16:
            wide = [self.convert(x, FLOAT32) for x in operands]
            return self.convert(self.shared(build, *wide), FLOAT16)
        name = f"tw_{build.__name__}_{dtype}x{self.count}"
        type = self.type(dtype)
        if name not in self.module.functions:
            names = [f"x{i}" for i in range(len(operands))]
            attributes = f"{self.target.attributes} alwaysinline"
            function = Function(name, [(type, n) for n in names], type, attributes, "internal")
            emit = Lanes(function, self.module, self.count, self.target, flags="")  # exactly as written
            function.ret(build(emit, *(Lane(v, dtype) for v in function.params)).value)
            self.module.add(function)
        return Lane(self.function.call(name, [x.value for x in operands], type, declare=False), dtype)


def _suffix(type: str) -> str:
    """How LLVM's functions for a floating-point type end: f32, v16f32."""
    count = lanes(type)
    return f"{f'v{count}' if count > 1 else ''}{_SUFFIXES[element(type)]}"


def _wrapped(number: Any, dtype: np.dtype[Any]) -> int:
    """A number as an integer literal of ``dtype``, two's complement."""
    if dtype == BOOL:
        return int(bool(number))
    bits = dtype.itemsize * 8
    n = int(number) & ((1 << bits) - 1)
    return n - (1 << bits) if n >> (bits - 1) else n


def _foregone(name: str, a: Any, b: Any) -> bool | None:
    """The outcome of comparing integers with a Python int beyond their range; None where it isn't so."""
    array, number = (a, b) if isinstance(a, Lane) else (b, a)
    if type(number) is not int or not isinstance(array, Lane) or array.dtype.kind not in "iu":
        return None
    limits = np.iinfo(array.dtype)
    if limits.min <= number <= limits.max:
        return None
    zero = 0  # any number within the range
    return bool(getattr(zero, f"__{name}__")(number) if array is a else getattr(number, f"__{name}__")(zero))
