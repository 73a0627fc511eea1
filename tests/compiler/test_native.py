import ctypes
import gc
import os
import re
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

from thalweg.compiler import cache, native
from thalweg.compiler.native import Target
from thalweg.errors import CompileError

TWICE = """
define float @twice(float %x) {
  %y = fadd float %x, %x
  ret float %y
}
@seven = global i32 7
"""
MULTIPLY_ADD = """
define void @multiply_add(ptr %x) {attributes} {
  %a = load <16 x float>, ptr %x, align 4
  %b = fmul contract <16 x float> %a, %a
  %c = fadd contract <16 x float> %b, splat (float 1.0)
  store <16 x float> %c, ptr %x, align 4
  ret void
}
"""


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("THALWEG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_memory", type(cache._memory)())


def python(text, **environment):
    return subprocess.run(
        [sys.executable, "-c", text], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )


def test_functions_and_variables_are_found_by_name():
    loaded = native.build(TWICE)
    assert loaded.function("twice", ctypes.c_float, ctypes.c_float)(1.25) == 2.5
    assert ctypes.c_int32.from_address(loaded.address("seven")).value == 7


def test_an_unknown_name_is_an_error_that_names_it():
    with pytest.raises(CompileError, match="'thrice'"):
        native.build(TWICE).address("thrice")


def test_a_function_keeps_its_code_alive_and_the_code_goes_with_it():
    loaded = native.build(TWICE)
    gone = weakref.ref(loaded)
    function = loaded.function("twice", ctypes.c_float, ctypes.c_float)
    del loaded
    gc.collect()
    assert function(3.0) == 6.0
    del function
    gc.collect()
    assert gone() is None


def test_two_modules_with_the_same_names_do_not_meet():
    first = native.build(TWICE)
    second = native.build(TWICE.replace("fadd", "fmul").replace("i32 7", "i32 8"))
    assert first.function("twice", ctypes.c_float, ctypes.c_float)(3.0) == 6.0
    assert second.function("twice", ctypes.c_float, ctypes.c_float)(3.0) == 9.0
    assert ctypes.c_int32.from_address(first.address("seven")).value == 7


def test_symbols_defined_here_and_those_of_the_process_are_bound():
    callback = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(lambda n: n + 1)
    native.define_symbol("tw_test_increment", ctypes.cast(callback, ctypes.c_void_p).value)
    text = """
    declare i64 @tw_test_increment(i64)
    declare i64 @labs(i64)
    define i64 @f(i64 %n) {
      %a = call i64 @labs(i64 %n)
      %b = call i64 @tw_test_increment(i64 %a)
      ret i64 %b
    }
    """
    assert native.build(text).function("f", ctypes.c_int64, ctypes.c_int64)(-41) == 42


@pytest.mark.skipif(sys.platform != "linux", reason="the check reads ELF")
def test_a_missing_symbol_is_an_error_and_not_the_end_of_the_process():
    text = "declare void @tw_test_nowhere()\ndefine void @f() {\n call void @tw_test_nowhere()\n ret void\n}"
    with pytest.raises(CompileError, match="tw_test_nowhere"):
        native.build(text)


@pytest.mark.parametrize(
    "text",
    [
        "define nonsense",
        "define i32 @f(i64 %x) {\n ret i32 %x\n}",
        "define i32 @f() {\n %x = add i32 %x, 1\n ret i32 %x\n}",
    ],
)
def test_a_refused_module_is_kept_and_named(text):
    with pytest.raises(CompileError, match="LLVM refuses the module kept in") as caught:
        native.object_code(text, Target.host())
    kept = Path(re.search(r"kept in (\S+\.ll):", str(caught.value))[1])
    assert kept.read_text() == text
    kept.unlink()


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("vector_bytes", [16, 32, 64])
def test_code_for_narrower_vectors_computes_the_same(vector_bytes, level):
    target = Target.host().narrow(vector_bytes)
    assert target.vector_bytes <= vector_bytes
    code = native.object_code(MULTIPLY_ADD.replace("{attributes}", target.attributes), target, level)
    x = (ctypes.c_float * 16)(*range(16))
    native.load(code).function("multiply_add", None, ctypes.c_void_p)(ctypes.addressof(x))
    assert list(x) == [n * n + 1.0 for n in range(16)]


AVX512 = Target(
    "x86_64-unknown-linux-gnu", "sapphirerapids", "+sse2,+avx,+avx2,+fma,+f16c,+avx512f,+avx512vl,-avx10.2", 64, 32
)


def test_narrowing_removes_instructions_and_registers():
    avx2, sse = AVX512.narrow(32), AVX512.narrow(16)
    assert [t.vector_bytes for t in (AVX512, avx2, sse)] == [64, 32, 16]
    assert [t.registers for t in (AVX512, avx2, sse)] == [32, 16, 16]
    assert [t.has("avx512f") for t in (AVX512, avx2, sse)] == [True, False, False]
    assert [t.has("fma") for t in (AVX512, avx2, sse)] == [True, True, False]
    assert sse.has("sse2") and not sse.has("f16c")
    assert AVX512.narrow(64) is AVX512
    arm = replace(AVX512, triple="aarch64-unknown-linux-gnu", vector_bytes=16)
    assert arm.narrow(16) is arm


@pytest.mark.parametrize(
    ("type", "count"), [("half", 32), ("float", 16), ("double", 8), ("i8", 64), ("i1", 64), ("i32", 16), ("ptr", 8)]
)
def test_lanes(type, count):
    assert AVX512.lanes(type) == count
    assert AVX512.narrow(16).lanes(type) == count // 4


def test_the_environment_narrows_the_host():
    shown = python(
        "from thalweg.compiler.native import Target; print(Target.host().vector_bytes)", THALWEG_VECTOR_BYTES="16"
    )
    assert shown.stdout.strip() == "16", shown.stderr


def test_importing_thalweg_does_not_import_llvmlite():
    shown = python("import sys, thalweg, thalweg.compiler; print('llvmlite' in sys.modules)")
    assert shown.stdout.strip() == "False", shown.stderr


def test_building_a_second_time_takes_the_code_from_the_cache(monkeypatch):
    native.build(TWICE)
    monkeypatch.setattr(native, "object_code", lambda *_: pytest.fail("built again"))
    assert native.build(TWICE).function("twice", ctypes.c_float, ctypes.c_float)(2.0) == 4.0
    cache._memory.clear()
    assert native.build(TWICE).function("twice", ctypes.c_float, ctypes.c_float)(2.0) == 4.0


def test_errors_and_code_in_garbage_cycles_are_harmless():
    cycle = [native.build(TWICE)]
    cycle.append(cycle)
    for _ in range(20):
        try:
            native.object_code("define i32 @f(i64 %x) {\n ret i64 %x\n}", Target.host())
        except CompileError as error:
            Path(re.search(r"kept in (\S+\.ll):", str(error))[1]).unlink()
            cycle.append((error, cycle))
    del cycle
    gc.collect()
    assert native.build(TWICE).function("twice", ctypes.c_float, ctypes.c_float)(2.0) == 4.0


def test_code_of_another_level_is_another_entry(monkeypatch):
    made = []
    monkeypatch.setattr(native, "object_code", lambda text, target, level: made.append(level) or b"code")
    for level in (3, 0, 3):
        native.cached(lambda: TWICE, Target.host(), TWICE, level=level)
    assert made == [3, 0]


def test_code_for_another_processor_is_another_entry():
    host = Target.host()
    other = replace(host, features=host.features + ",-sse4a")
    made = []
    for target in (host, other, host):
        native.cached(lambda target=target: made.append(target) or TWICE, target, TWICE)
    assert made == [host, other]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_compiles():
    native.build(TWICE)
    child = os.fork()
    if child == 0:
        good = native.build(TWICE + "\n; other").function("twice", ctypes.c_float, ctypes.c_float)(2.0) == 4.0
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
