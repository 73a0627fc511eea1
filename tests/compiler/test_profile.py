"""Profiles: what a kernel has to do is counted, its time measured, and nothing of the user's is touched."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn, optim
from thalweg.compiler import compile, timing
from thalweg.compiler.compiled import Compiled
from thalweg.compiler.costs import bytes_moved, flops
from thalweg.compiler.graph import Graph, Node, apply, placeholder
from thalweg.compiler.native_program import Native
from thalweg.compiler.profile import Profile, Row
from thalweg.errors import TargetError
from thalweg.ops.broadcast import expand, sum_
from thalweg.ops.elementwise import add, exp, mul, sub, tanh
from thalweg.ops.linalg import matmul
from thalweg.ops.shape import index, permute

F = nn.functional


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little time for each measurement."""
    monkeypatch.setattr("thalweg.compiler.profile.BUDGET", 0.002)
    monkeypatch.setattr(timing, "SIDE", 128)
    monkeypatch.setattr(timing, "COPY_SECONDS", 0.001)


def profile_of(compiled: Compiled, *args: Any) -> Profile:
    report = compiled.profile(*args)
    assert type(report) is Profile
    return report


class Job:
    """A classifier with dropout, momentum and a schedule."""

    def __init__(self) -> None:
        tw.manual_seed(3)
        self.model = nn.Sequential(nn.Linear(5, 7), nn.Dropout(0.5), nn.Linear(7, 3))
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.01)
        self.schedule = optim.lr_scheduler.StepLR(self.optimizer, 2)
        self.x = tw.from_numpy(np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32))
        self.y = tw.tensor([0, 1, 2, 0, 1, 2])
        self.total = tw.zeros(())
        self.compiled = compile(self.step)

    def step(self, x: tw.Tensor, y: tw.Tensor) -> tw.Tensor:
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        self.total.add_(loss.detach())
        self.schedule.step()
        return loss.detach()

    def state(self) -> Any:
        """All that a step changes."""
        tensors = [*self.model.state_dict().values(), self.total, self.x, self.y]
        state = self.optimizer.state_dict()["state"].values()
        tensors += [x for entry in state for x in entry.values()]
        return (
            [x.tolist() for x in tensors],
            [None if p.grad is None else p.grad.tolist() for p in self.model.parameters()],
            self.schedule.state_dict(),
            tw.get_rng_state().tolist(),
        )


def test_a_profile_changes_nothing() -> None:
    job = Job()
    job.compiled(job.x, job.y)
    before = copy.deepcopy(job.state())
    report = profile_of(job.compiled, job.x, job.y)
    assert report.runs >= 3
    assert job.state() == before


def test_calls_after_a_profile_go_on_as_without_it() -> None:
    profiled = Job()
    losses = [profiled.compiled(profiled.x, profiled.y).item() for _ in range(2)]
    profile_of(profiled.compiled, profiled.x, profiled.y)
    losses += [profiled.compiled(profiled.x, profiled.y).item() for _ in range(3)]
    plain = Job()
    assert losses == [plain.compiled(plain.x, plain.y).item() for _ in range(5)]
    assert profiled.state() == plain.state()


def test_an_index_that_each_run_moves_on_ends_the_runs_before_it_leaves_the_table() -> None:
    table, place = tw.arange(4.0), tw.tensor([0])

    def step() -> tw.Tensor:
        value = tw.index_select(table, 0, place)
        place.add_(1)
        return value

    compiled = compile(step)
    assert compiled().tolist() == [0.0]
    report = compiled.profile()
    assert 1 <= report.runs <= 3  # 1, 2 and 3 are places
    assert place.tolist() == [1]
    assert compiled().tolist() == [1.0]


def test_what_a_call_raises_is_raised() -> None:
    compiled = compile(lambda x, y: F.cross_entropy(x, y))
    compiled(tw.zeros(2, 3), tw.tensor([0, 1]))
    with pytest.raises(TargetError, match="3"):
        profile_of(compiled, tw.zeros(2, 3), tw.tensor([0, 3]))


def test_rows_are_the_kernels_in_order_and_add_up() -> None:
    compiled = compile(lambda x, w: (x @ w).tanh().sum(1))
    x, w = tw.ones(64, 32), tw.ones(32, 48)
    report = profile_of(compiled, x, w)
    first, second = report.rows
    assert (first.name, first.region, first.kind, first.formula) == (
        "kernel_0",
        0,
        "product 64 x 48 x 32",
        "%2 = %0 @ %1",
    )
    assert (second.name, second.region) == ("kernel_1", 0)
    assert second.kind == "loop over 64 x 48, reduced from axis 1 on"
    assert second.formula == "%4 = sum(tanh(%2), [1])"
    assert (first.is_product, second.is_product) == (True, False)
    assert first.flops == 2 * 64 * 32 * 48
    assert first.bytes == 4 * (64 * 32 + 32 * 48 + 64 * 48)
    assert second.flops == 2 * 64 * 48
    assert second.bytes == 4 * (64 * 48 + 64)
    for row in report.rows:
        assert row.microseconds > 0
        assert row.gflops == pytest.approx(row.flops / row.microseconds / 1e3)
        assert row.gigabytes == pytest.approx(row.bytes / row.microseconds / 1e3)
        nearest = max(row.gflops / report.product_gflops, row.gigabytes / report.copy_gigabytes)
        assert row.percent == pytest.approx(100 * nearest)
    assert sum(row.share for row in report.rows) == pytest.approx(100)
    assert report.microseconds == pytest.approx(sum(row.microseconds for row in report.rows))
    assert report.products == pytest.approx(100 * first.gflops / report.product_gflops)
    assert report.program > 0
    assert report.threads == tw.get_num_threads()


def test_times_grow_with_the_work() -> None:
    compiled = compile(lambda x, y: (x.exp().sum(), (y @ y)))
    report = profile_of(compiled, tw.ones(40), tw.ones(256, 256))
    product, small = (next(r for r in report.rows if r.is_product is flag) for flag in (True, False))
    assert product.microseconds > 20 * small.microseconds
    assert product.gflops < 10_000  # 2 * 256**3 operations take longer than 3 microseconds anywhere


def test_chunks_are_gone_through_one_by_one() -> None:
    threads = tw.get_num_threads()
    tw.set_num_threads(2)
    try:
        compiled = compile(lambda x, w: ((x @ w).tanh() @ w).tanh())
        report = profile_of(compiled, tw.ones(1024, 32), tw.ones(32, 32))
    finally:
        tw.set_num_threads(threads)
    assert {row.region for row in report.rows} == {0}
    assert report.threads == 2
    assert all(row.microseconds > 0 for row in report.rows)


def test_empty_batches_and_products_in_float64() -> None:
    compiled = compile(lambda x, w: (x @ w).exp())
    report = profile_of(compiled, tw.ones(0, 3, dtype=tw.float64), tw.ones(3, 2, dtype=tw.float64))
    assert all(row.flops == 0 for row in report.rows)
    report = profile_of(compiled, tw.ones(4, 3, dtype=tw.float64), tw.ones(3, 2, dtype=tw.float64))
    assert report.product_gflops == pytest.approx(timing.product_rate(np.dtype(np.float64)) / 1e9)


def test_without_products_there_is_no_rate_of_them() -> None:
    report = profile_of(compile(lambda x: x.exp()), tw.ones(100))
    assert report.products is None
    assert "products: " not in repr(report)


def test_floats_and_names_among_the_arguments() -> None:
    compiled = compile(lambda x, rate: x * rate)
    x = tw.ones(3)
    assert compiled(x, rate=2.0).tolist() == [2.0] * 3
    assert compiled.profile(x, rate=5.0).runs >= 3
    assert len(compiled._programs) == 1
    assert compiled(x, rate=3.0).tolist() == [3.0] * 3


def test_a_function_that_was_not_called_is_compiled_and_not_run() -> None:
    x = tw.ones(3)
    compiled = compile(lambda: x.mul_(2.0))
    assert len(compiled.profile().rows) == 1
    assert x.tolist() == [1.0] * 3


def test_the_table() -> None:
    rows = [
        Row("kernel_0", 0, "product 2 x 3 x 4", "%2 = %0 @ %1", True, 10.0, 50.0, 8.0, 25.0, 80.0, 500_000, 80_000),
        Row("kernel_1", 1, "loop over 6", "%3 = " + "exp(" * 20, False, 2.5, 4.0, 20.0, 66.7, 20.0, 10_000, 50_000),
    ]
    report = Profile(rows, 100, 12.5, 9.0, 2, 200.0, 30.0, 25.0)
    formula = "%3 = " + "exp(" * 12 + "exp"
    assert repr(report).splitlines() == [
        "kernel    region     us   share  GFLOP/s  GB/s  of limit",
        "-" * 56,
        "kernel_0       0  10.00  80.0 %     50.0   8.0      25 %  product 2 x 3 x 4: %2 = %0 @ %1",
        f"kernel_1       1   2.50  20.0 %      4.0  20.0      67 %  loop over 6: {formula} ...",
        "-" * 56,
        "total             12.50   100 %     40.8  10.4            1 thread",
        "the whole program, up to 2 threads: 9.00 us",
        "products: 25 % of the rate of large products",
        "limits of one thread: 200.0 GFLOP/s in large products, 30.0 GB/s copying memory of the program's size",
    ]
    alone = dataclasses.replace(report, threads=1)
    assert "the whole program, 1 thread: 9.00 us" in repr(alone)


# -- what there is to do ------------------------------------------------------------------------------------


def costs(result: Node, *inputs: Node) -> list[tuple[int, int]]:
    """Operations and bytes of each kernel."""
    code = Native(Graph(inputs, [result]), [], threads=1)
    return [(flops(k), bytes_moved(k, code.layouts)) for k in code.kernels]


def test_elementwise_nodes_count_once_an_element_and_what_is_read_twice_once() -> None:
    x, y = placeholder("x", (4, 5), np.float32), placeholder("y", (5,), np.float32)
    z = apply(mul, apply(tanh, apply(add, x, y)), apply(sub, x, y))
    assert costs(z, x, y) == [(4 * 20, 4 * (20 + 5 + 20))]


def test_values_of_a_row_count_once_a_row() -> None:
    x = placeholder("x", (4, 5), np.float64)
    s = apply(exp, apply(sum_, x, dims=(1,), keepdim=True))
    assert costs(apply(add, x, s), x) == [(20 + 4 + 20, 8 * (20 + 20))]


def test_batched_products_and_transposed_operands() -> None:
    a, b = placeholder("a", (3, 2, 4), np.float32), placeholder("b", (5, 4), np.float32)
    y = apply(matmul, a, apply(permute, b, dims=(1, 0)))
    ((work, moved),) = costs(y, a, b)
    assert (work, moved) == (2 * 3 * 2 * 4 * 5, 4 * (24 + 20 + 30))


def test_only_what_a_view_shows_is_read() -> None:
    x = placeholder("x", (10, 8), np.float32)
    y = apply(exp, apply(index, x, index=(slice(0, 2),)))
    assert costs(y, x) == [(16, 4 * 32)]
    wide = apply(add, apply(expand, placeholder("y", (1,), np.float32), shape=(7,)), 1.0)
    (read,) = wide.inputs[0].inputs
    assert costs(wide, read)[-1][1] <= 4 * (1 + 7)


def test_limits_are_those_of_a_machine() -> None:
    assert timing.product_rate(np.dtype(np.float32)) > 1e8
    assert 1e8 < timing.copy_rate(1 << 20) < 1e13
    assert timing.copy_rate(1000) == timing.copy_rate(10)  # the least that is copied
