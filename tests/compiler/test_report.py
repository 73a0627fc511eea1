"""What the stages of a program say of themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.compiler import compile, report
from thalweg.compiler.compiled import Compiled
from thalweg.compiler.graph import Graph, apply, placeholder
from thalweg.compiler.native_program import Native
from thalweg.compiler.program import Interpreted, Program
from thalweg.errors import CompileError
from thalweg.ops import shape as shapes
from thalweg.ops.broadcast import reshape, sum_
from thalweg.ops.elementwise import add, exp, mul
from thalweg.ops.linalg import matmul


def program(function: Any, *args: Any, of: Any = Compiled) -> Program:
    compiled = of(function)
    compiled(*args)
    return compiled.program_for(args)


def step(w: tw.Tensor) -> Any:
    def run(x: tw.Tensor, y: tw.Tensor) -> tw.Tensor:
        w.grad = None
        loss = (tw.nn.functional.linear(x, w).tanh() - y).square().mean()
        loss.backward()
        with tw.no_grad():
            w.sub_(0.5 * w.grad)
        w.grad = None
        return loss.detach()

    return run


@pytest.fixture(scope="module")
def trained() -> Program:
    w = tw.full((3, 4), 0.1, requires_grad=True)
    return program(step(w), tw.ones(8, 4), tw.zeros(8, 3))


def test_a_text_shows_itself_at_a_prompt() -> None:
    text = report.Text("a\nb")
    assert repr(text) == "a\nb"
    assert text == "a\nb"
    assert text.splitlines() == ["a", "b"]


@pytest.mark.parametrize("stage", ["graph", "kernels", "llvm"])
def test_before_the_first_call_there_is_nothing_to_tell(stage: str) -> None:
    with pytest.raises(CompileError, match=r"twice.* has no program yet: call the function once first"):
        getattr(compile(twice), stage)


def twice(x: tw.Tensor) -> tw.Tensor:
    return x + x


def test_a_function_tells_of_its_newest_program() -> None:
    compiled = compile(twice)
    compiled(tw.ones(3))
    assert "float32[3]" in compiled.graph
    compiled(tw.ones(5, dtype=tw.float64))
    assert "float64[5]" in compiled.graph
    assert "float64[5]" in compiled.kernels
    assert " x double>" in compiled.llvm
    compiled(tw.ones(3))  # has its program already
    assert "float64[5]" in repr(compiled.graph)


def test_both_graphs_are_told() -> None:
    text = report.graph_text(program(lambda x: (x * 1.0) + 2.0, tw.ones(3)))
    traced, simplified = text.split("\n\n")
    assert traced.startswith("traced: 3 nodes, 1 inputs, 1 outputs\n   %0 = input float32[3]  argument 0\n")
    assert "mul float32[3]  (%0, 1.0)" in traced
    assert simplified.startswith("simplified: 2 nodes, 1 inputs, 1 outputs\n")
    assert "add float32[3]  (%0, 2.0)" in simplified
    assert "mul" not in simplified
    assert simplified.endswith("result <- %1")


def test_kernels_say_what_they_read_and_store_and_where() -> None:
    text = report.kernels_text(program(lambda x, y: (x @ y).exp() + 1.0, tw.ones(2, 3), tw.ones(3, 5)))
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0].startswith("2 kernels in 1 regions, ")
    assert "region 0: 2 rows, not parallel (work 740 <= 1200000)" in lines  # 2*2*5*3, and 10 * (60 for exp, 8 for add)
    assert "kernel_0: product 2 x 5 x 3, work 60" in lines
    assert "%2 = %0 @ %1" in lines
    assert "reads  %1 float32[3, 5], input 1 (argument 1)" in lines
    assert "kernel_1: loop over 2 x 5, work 680" in lines
    assert "%4 = exp(%2) + 1.0" in lines
    assert "stores %4 float32[2, 5], output 0 (result)" in lines
    (place,) = {line.split(", ")[-1] for line in lines if line.startswith(("reads  %2 ", "stores %2 "))}
    assert place == "arena +0"


def test_the_arena_is_what_the_kernels_need_at_once() -> None:
    def chain(x: tw.Tensor) -> tw.Tensor:
        for _ in range(5):
            x = x @ x
        return x

    text = report.kernels_text(program(chain, tw.eye(16)))
    assert "5 kernels in 5 regions, 2048 bytes of arena" in text  # two of the four matrices of 1024 bytes


def test_an_update_is_in_place_of_what_it_replaces(trained: Program) -> None:
    text = report.kernels_text(trained)
    assert "= %2 - ((%12.T @ %0) * 0.5)" in text  # in the kernel of the product: the gradient is not stored
    (stored,) = [line for line in text.splitlines() if "in place of" in line]
    assert stored.endswith("float32[3, 4], input 2 (tensor outside), in place of %2")


def test_an_output_that_can_t_be_in_place_is_copied_in_the_end() -> None:
    def square(x: tw.Tensor) -> tw.Tensor:
        return x.copy_(x @ x)

    text = report.kernels_text(program(square, tw.eye(3)))
    assert text.splitlines()[-1] == "at the end: %1 is copied into %0 float32[3, 3], input 0 (argument 0)"


def test_tests_reductions_and_moves_have_their_lines() -> None:
    def lookup(x: tw.Tensor, i: tw.Tensor) -> Any:
        return tw.index_select(x, 0, i).sum(1), x.sum(0)

    text = report.kernels_text(program(lookup, tw.ones(4, 3), tw.tensor([2, 0])))
    assert "test of 2" in text
    assert "-4 <= %1 < 4" in text or "0 <= %1 < 4" in text
    assert "columns of 4 x 3" in text
    assert "= sum(%0, [0])" in text


def test_chunks_scratch_and_threads_are_told() -> None:
    def heavy(x: tw.Tensor, w: tw.Tensor) -> tw.Tensor:
        return ((x @ w).tanh() @ w).tanh()

    threads = tw.get_num_threads()
    tw.set_num_threads(2)
    try:
        text = report.kernels_text(program(heavy, tw.ones(1024, 32), tw.ones(32, 32)))
    finally:
        tw.set_num_threads(threads)
    assert "up to 2 threads" in text
    (region,) = [line for line in text.splitlines() if line.startswith("region")]
    assert region.startswith("region 0: 1024 rows in ")
    assert " bytes of scratch, parallel (work " in region
    assert "scratch +0" in text


def test_llvm_is_the_module(trained: Program) -> None:
    text = report.llvm_text(trained)
    assert "define i64 @program(ptr %ctx)" in text
    assert "define void @kernel_0(" in text


def test_what_numpy_evaluates_has_a_graph_and_no_kernels() -> None:
    class Evaluated(Compiled):
        def _executable(self, graph: Any, updates: Any, fed: Any) -> Any:
            return Interpreted(graph)

    evaluated = program(lambda x: x + 1.0, tw.ones(2), of=Evaluated)
    assert report.graph_text(evaluated).startswith("traced: 2 nodes")
    for stage in (report.kernels_text, report.llvm_text):
        with pytest.raises(CompileError, match="no native code: it runs as Interpreted"):
            stage(evaluated)


# -- formulas -----------------------------------------------------------------------------------------------


def formulas_of(result: Any, *inputs: Any) -> list[str]:
    code = Native(Graph(inputs, [result]), [], threads=1)
    names = report.numbering(code)
    return [line for kernel in code.kernels for line in report.formulas(kernel, names)]


def test_a_value_that_is_used_once_is_written_where_it_is_used() -> None:
    x, y = placeholder("x", (2, 3), np.float32), placeholder("y", (3,), np.float32)
    assert formulas_of(apply(mul, apply(exp, apply(add, x, y)), 2.0), x, y) == ["%4 = exp(%0 + %1) * 2.0"]


def test_a_value_that_is_used_twice_has_a_line() -> None:
    x = placeholder("x", (2, 3), np.float32)
    e = apply(exp, x)
    assert formulas_of(apply(add, e, apply(sum_, e, dims=(1,), keepdim=True)), x) == [
        "%1 = exp(%0)",
        "%3 = %1 + sum(%1, [1])",
    ]


def test_a_long_formula_is_cut_into_lines() -> None:
    x = placeholder("x", (4,), np.float64)
    y = x
    for i in range(40):
        y = apply(add, apply(exp, y), float(i) + 0.5)
    lines = formulas_of(y, x)
    assert len(lines) > 3
    assert all(len(line) < 2 * report.LONGEST for line in lines)
    assert sum(line.count("exp(") for line in lines) == 40


def test_views_are_written_as_in_python() -> None:
    x, w = placeholder("x", (2, 3), np.float32), placeholder("w", (6, 3), np.float32)
    product = apply(matmul, x, apply(shapes.permute, w, dims=(1, 0)))
    first = apply(shapes.index, product, index=(slice(None), slice(0, 2)))
    assert formulas_of(apply(exp, first), x, w) == ["%3 = %0 @ %1.T", "%5 = exp(%3[0:2, 0:2])"]


def test_reshapes_are_written_where_they_change_the_order_of_axes() -> None:
    x = placeholder("x", (2, 3), np.float32)
    flat = apply(reshape, apply(reshape, x, shape=(2, 1, 3)), shape=(6,))
    assert formulas_of(apply(exp, flat), x) == ["%1 = exp(%0)", "%3 = copy(%1.reshape(6))"]


def test_brackets_go_only_where_they_belong_together() -> None:
    assert report._bare("(a + b)") == "a + b"
    assert report._bare("(a + b) * (c + d)") == "(a + b) * (c + d)"
    assert report._bare("exp(a)") == "exp(a)"


def test_memory_is_known_without_a_run_and_is_shared() -> None:
    """A chain of products of equal shapes needs two of its buffers at a time."""

    @tw.compile
    def chain(x: Any, w: Any) -> Any:
        for _ in range(6):
            x = (x @ w).cumsum(1)  # what stands between whole passes is stored
        return x

    x, w = tw.ones(64, 64), tw.ones(64, 64) / 64
    chain(x, w)
    use = chain.memory
    each = 64 * 64 * 4
    assert use.inputs == 2 * each
    assert use.outputs == each
    assert 2 * each <= use.arena < 5 * each
    assert use.buffers == 11 * each
    assert use.peak == use.inputs + use.outputs + use.arena
    assert str(use).splitlines()[-1].split() == ["peak", f"{use.peak / 1e6:.3f}", "MB"]
