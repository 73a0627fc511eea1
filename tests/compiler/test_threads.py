import ctypes
import os
import subprocess
import sys
import threading
import time

import pytest

import thalweg as tw
from thalweg.compiler import workers
from thalweg.compiler.library import library, library_text, symbols
from thalweg.compiler.native import Target, build, llvm, object_code
from thalweg.compiler.sharing import filled
from thalweg.compiler.threads import pool_text
from thalweg.compiler.workers import ensure_workers
from thalweg.errors import ArgumentError

# mark(ctx, lo, hi) adds one to the rows of ctx[0], keeps the chunks at their first rows in ctx[1], and works for
# ctx[2] steps a row. many calls tw_parallel `count` times.
TEXT = """
define void @mark(ptr %ctx, i64 %lo, i64 %hi) nounwind {
entry:
  %counts = load ptr, ptr %ctx
  %ends_at = getelementptr ptr, ptr %ctx, i64 1
  %ends = load ptr, ptr %ends_at
  %end_at = getelementptr i64, ptr %ends, i64 %lo
  store i64 %hi, ptr %end_at
  %steps_at = getelementptr ptr, ptr %ctx, i64 2
  %steps = load i64, ptr %steps_at
  br label %row
row:
  %i = phi i64 [ %lo, %entry ], [ %i_next, %after ]
  br label %step
step:
  %k = phi i64 [ 0, %row ], [ %k_next, %step ]
  %x = phi double [ 0.0, %row ], [ %x_next, %step ]
  %x_next = fadd double %x, 1.0
  %k_next = add i64 %k, 1
  %more = icmp slt i64 %k_next, %steps
  br i1 %more, label %step, label %after
after:
  %done = fptosi double %x_next to i64
  %whole = icmp sge i64 %done, %steps
  %one = zext i1 %whole to i64
  %place = getelementptr i64, ptr %counts, i64 %i
  %old = load i64, ptr %place
  %new = add i64 %old, %one
  store i64 %new, ptr %place
  %i_next = add i64 %i, 1
  %on = icmp slt i64 %i_next, %hi
  br i1 %on, label %row, label %end
end:
  ret void
}

define void @many(ptr %ctx, i64 %total, i64 %grain, i64 %threads, i64 %count) nounwind {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  call void @tw_parallel(ptr @mark, ptr %ctx, i64 %total, i64 %grain, i64 %threads)
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %done
done:
  ret void
}

; A chunk that is itself a parallel loop, of the rows of ctx[lo].
define void @outer(ptr %ctx, i64 %lo, i64 %hi) nounwind {
  %at = getelementptr ptr, ptr %ctx, i64 %lo
  %inner = load ptr, ptr %at
  call void @tw_parallel(ptr @mark, ptr %inner, i64 100, i64 7, i64 2)
  ret void
}

define void @nested(ptr %ctx, i64 %total) nounwind {
  call void @tw_parallel(ptr @outer, ptr %ctx, i64 %total, i64 1, i64 2)
  ret void
}
declare void @tw_parallel(ptr, ptr, i64, i64, i64)
"""


class Rows:
    """A context for ``mark``, and the loops over it."""

    def __init__(self, total, steps=1):
        library()
        self.loaded = build(TEXT)
        self.many = self.loaded.function("many", None, ctypes.c_void_p, *[ctypes.c_int64] * 4)
        self.total = total
        self.counts = (ctypes.c_int64 * (total + 1))()
        self.ends = (ctypes.c_int64 * (total + 1))()
        self.ctx = (ctypes.c_int64 * 3)(ctypes.addressof(self.counts), ctypes.addressof(self.ends), steps)
        self.address = ctypes.addressof(self.ctx)

    def run(self, grain, threads, count=1):
        self.many(self.address, self.total, grain, threads, count)
        return self

    def seconds(self, grain, threads, count):
        began = time.perf_counter()
        self.run(grain, threads, count)
        return time.perf_counter() - began

    def chunks(self):
        return [(lo, hi) for lo, hi in enumerate(self.ends) if hi]


def counter(name):
    return ctypes.c_int64.from_address(symbols(library())[name]).value


@pytest.fixture(autouse=True, scope="module")
def two_workers():
    ensure_workers(3)


def python(text, **environment):
    return subprocess.run(
        [sys.executable, "-c", text], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("threads", [-1, 0, 1, 2, 3, 70_000])
@pytest.mark.parametrize(("total", "grain"), [(1, 1), (10, 3), (12, 3), (100, 7), (5, 100), (1000, 1), (3, 0), (2, -5)])
def test_each_row_is_run_once_in_chunks_that_depend_on_the_grain_alone(total, grain, threads):
    rows = Rows(total, steps=200).run(grain, threads, 5)
    assert list(rows.counts) == [5] * total + [0]
    step = max(grain, 1)
    assert rows.chunks() == [(lo, min(lo + step, total)) for lo in range(0, total, step)]


@pytest.mark.parametrize("total", [0, -1, -(2**62)])
def test_no_rows_call_nothing(total):
    rows = Rows(1)
    rows.total = total
    assert list(rows.run(1, 2, 3).counts) == [0, 0]


def test_of_very_many_rows_chunks_become_larger():
    total = 2**24 + 5
    rows = Rows(total).run(1, 2)
    assert rows.counts[:total].count(1) == total
    assert rows.ends[0] == 3
    assert rows.ends[total - 3] == total  # a multiple of 3


def test_loops_are_shared_and_every_one_is_complete():
    rows = Rows(8, steps=20_000)
    before = counter("tw_shared")
    rows.run(1, 2, 400)
    assert list(rows.counts) == [400] * 8 + [0]
    assert counter("tw_shared") > before


def test_tiny_loops_are_not_shared():
    rows = Rows(2, steps=1).run(1, 2, 3)
    before = counter("tw_shared")
    rows.run(1, 2, 1000)
    assert counter("tw_shared") == before
    assert list(rows.counts) == [1003, 1003, 0]


def test_several_python_threads_at_once():
    contexts = [Rows(50, steps=500) for _ in range(4)]
    threads = [threading.Thread(target=rows.run, args=(3, 2, 300)) for rows in contexts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for rows in contexts:
        assert list(rows.counts) == [300] * 50 + [0]


def test_loops_inside_chunks():
    inner = [Rows(100, steps=300) for _ in range(20)]
    addresses = (ctypes.c_int64 * 20)(*(rows.address for rows in inner))
    nested = inner[0].loaded.function("nested", None, ctypes.c_void_p, ctypes.c_int64)
    for _ in range(10):
        nested(ctypes.addressof(addresses), 20)
    for rows in inner:
        assert list(rows.counts) == [10] * 100 + [0]


def test_workers_sleep_and_come_back():
    rows = Rows(8, steps=5000)
    for _ in range(5):
        rows.run(1, 2, 20)
        time.sleep(0.01)  # longer than a worker looks for work
    assert list(rows.counts) == [100] * 8 + [0]


def test_idle_workers_use_no_processor_time():
    Rows(8, steps=5000).run(1, 3, 50)
    time.sleep(0.05)
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.1


def test_beside_busy_processes_loops_end_and_are_not_ten_times_slower():
    rows = Rows(2, steps=20_000)
    count = 3 * max(1, int(0.1 / min(rows.seconds(1, 1, 1) for _ in range(5))))
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        time.sleep(0.2)
        for _ in range(3):  # the machine may have other work too
            alone = rows.seconds(1, 1, count)
            shared = rows.seconds(1, 2, count)
            if shared < 3 * alone:
                break
        assert shared < 10 * alone
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert len(set(rows.counts[:2])) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_runs_and_gets_workers_of_its_own():
    rows = Rows(40, steps=2000).run(3, 2, 20)
    child = os.fork()
    if child == 0:
        good = workers._workers == []
        rows.run(3, 2, 20)
        ensure_workers(2)
        good = good and len(workers._workers) == 1
        rows.run(3, 2, 200)
        os._exit(0 if good and list(rows.counts) == [240] * 40 + [0] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert list(rows.run(3, 2, 20).counts) == [40] * 40 + [0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_fork_while_other_threads_are_in_loops():
    rows = [Rows(40, steps=500) for _ in range(2)]
    running = [threading.Thread(target=r.run, args=(3, 2, 2000)) for r in rows]
    for thread in running:
        thread.start()
    children = []
    for _ in range(5):
        child = os.fork()
        if child == 0:
            mine = Rows(40, steps=500)
            ensure_workers(2)
            mine.run(3, 2, 50)
            os._exit(0 if list(mine.counts) == [50] * 40 + [0] else 1)
        children.append(child)
    for thread in running:
        thread.join()
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 5
    for r in rows:
        assert list(r.counts) == [2000] * 40 + [0]


RUN = f"""
import ctypes, sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_threads import Rows
from thalweg.compiler.workers import ensure_workers
ensure_workers(2)
rows = Rows(40, steps=2000)
rows.run(3, 2, 50)
assert list(rows.counts) == [50] * 40 + [0]
"""


@pytest.mark.parametrize(
    "ending",
    [
        "",
        "import time; time.sleep(0.05)",
        "import os; os._exit(0)",
        "raise SystemExit(0)",
        "import gc, thalweg.compiler.library as l; l._library.cache_clear(); gc.collect(); rows.run(3, 2, 50)",
        "import atexit; atexit.register(lambda: (ensure_workers(5), rows.run(3, 2, 50)))",
    ],
)
def test_the_process_ends_whatever_the_workers_do(ending):
    done = python(RUN + ending)
    assert (done.returncode, done.stderr) == (0, "")


def test_loops_run_in_daemon_threads_while_the_process_ends():
    done = python(RUN + "import threading; threading.Thread(target=rows.run, args=(3, 2, 10**9), daemon=True).start()")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_processes_of_multiprocessing(method, tmp_path):
    if method != "spawn" and not hasattr(os, "fork"):
        pytest.skip("no fork")
    script = tmp_path / "script.py"
    script.write_text(
        RUN.replace(
            "rows = Rows", "def work(n):\n    return list(Rows(n, steps=500).run(3, 2, 20).counts)\nrows = Rows", 1
        )
        .replace("\nrows", "\nif __name__ == '__main__':\n    rows", 1)
        .replace("\nrows", "\n    rows")
        .replace("\nassert", "\n    assert")
        + f"    import multiprocessing\n    with multiprocessing.get_context({method!r}).Pool(2) as pool:\n"
        "        assert pool.map(work, [5, 9]) == [[20] * 5 + [0], [20] * 9 + [0]]\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_library_tells_its_symbols():
    found = symbols(library())
    assert {"tw_parallel", "tw_worker", "tw_stop", "tw_reset"} <= set(found)
    assert found["tw_parallel"] == library().address("tw_parallel")
    assert library() is library()


@pytest.mark.parametrize(
    "triple",
    [
        "x86_64-unknown-linux-gnu",
        "x86_64-pc-windows-msvc",
        "x86_64-apple-darwin",
        "aarch64-unknown-linux-gnu",
        "arm64-apple-darwin",
        "riscv64-unknown-linux-gnu",
    ],
)
def test_the_pool_compiles_for_other_machines(triple):
    llvm().initialize_all_targets()
    llvm().initialize_all_asmprinters()
    assert object_code(pool_text(Target(triple, "", "", 16, 16)), Target(triple, "", "", 16, 16))


def test_the_pool_without_futex_works(monkeypatch):
    """Workers that poll, as on systems without a way to be called."""
    from thalweg.compiler import threads

    monkeypatch.setattr(threads, "_FUTEX_NUMBERS", {})
    loaded = build(TEXT.replace("declare void @tw_parallel(ptr, ptr, i64, i64, i64)", "") + pool_text(Target.host()))
    rows = Rows(40, steps=2000)
    worker = threading.Thread(target=loaded.function("tw_worker", None, ctypes.c_int64), args=(1,))
    worker.start()
    many = loaded.function("many", None, ctypes.c_void_p, *[ctypes.c_int64] * 4)
    for _ in range(3):
        many(rows.address, 40, 3, 2, 50)
        time.sleep(0.01)
    loaded.function("tw_stop", None)()
    worker.join(5.0)
    assert not worker.is_alive()
    assert list(rows.counts) == [150] * 40 + [0]


def test_filled_leaves_other_braces():
    assert filled("{ i64, i32 } {a} {b}", {"a": 1}) == "{ i64, i32 } 1 {b}"


def test_library_text_defines_the_pool():
    assert "define void @tw_parallel" in library_text(Target.host())


# -- the number of threads --------------------------------------------------------------------------------


@pytest.fixture
def threads_restored():
    before = tw.get_num_threads()
    yield
    tw.set_num_threads(before)


def test_the_number_of_threads_is_set(threads_restored):
    tw.set_num_threads(3)
    assert tw.get_num_threads() == 3


@pytest.mark.parametrize(("n", "error"), [(0, ArgumentError), (-2, ArgumentError), (1.0, TypeError), (True, TypeError)])
def test_a_bad_number_of_threads_is_refused(n, error, threads_restored):
    with pytest.raises(error, match="set_num_threads: num must be"):
        tw.set_num_threads(n)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"THALWEG_NUM_THREADS": "5", "OMP_NUM_THREADS": "7"}, 5),
        ({"OMP_NUM_THREADS": "7,2"}, 7),
        ({"OMP_NUM_THREADS": "none"}, None),
        ({"OMP_NUM_THREADS": "0"}, None),
    ],
)
def test_the_environment_sets_the_number_of_threads(environment, expected):
    cleared = {"THALWEG_NUM_THREADS": "", "OMP_NUM_THREADS": ""}
    shown = python("import thalweg as tw; print(tw.get_num_threads())", **{**cleared, **environment})
    found = int(shown.stdout)
    assert found == expected if expected else 1 <= found <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity")
def test_the_default_is_the_number_of_cores_allowed():
    pinned = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
    text = "import thalweg as tw; print(tw.get_num_threads())"
    assert python(pinned + text, THALWEG_NUM_THREADS="", OMP_NUM_THREADS="").stdout.strip() == "1"
