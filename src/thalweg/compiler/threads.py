"""The pool of threads, in LLVM IR: ``tw_parallel`` spreads the chunks of one loop over workers and the caller.

A job is one loop over ``total`` rows. Its chunks of ``grain`` rows are claimed one by one from a single word, the
ticket, that holds (threads, hi, lo): chunks lo <= i < hi are free. The caller claims from below and the workers from
above, so that in loop after loop a thread meets much the same rows, which its cache still has. A claim is a
compare-and-swap; only after it does a worker read what the job is. It can't be a job gone by, because a job ends when
its ticket is empty and each claimed chunk is finished. So a worker that is late, or isn't there, is never waited for.

A worker whose processor is taken away inside a chunk does hold up the caller; sharing.py decides when not to share.

The boundaries of the chunks depend only on ``total`` and ``grain``, never on who runs them.
"""

from __future__ import annotations

from .native import Target
from .sharing import filled, sharing_text
from .subnormal import flush_text

__all__ = ["pool_text"]

SPIN = 1000  # microseconds for which a worker without work looks for some before it sleeps: a step of Python or two
PATIENCE = 50  # microseconds after which the caller offers its processor while it waits for the last chunks

_STATE = """
@tw_ticket = internal global { i64, [120 x i8] } zeroinitializer, align 128
@tw_finished = internal global { i64, [120 x i8] } zeroinitializer, align 128 ; chunks that workers have finished
@tw_fn = internal global ptr null, align 128 ; the job: its function, ctx, total and grain
@tw_ctx = internal global ptr null, align 8
@tw_total = internal global i64 0, align 8
@tw_grain = internal global i64 0, align 8
@tw_calls = internal global i32 0, align 128 ; how often sleepers were called
@tw_sleepers = internal global i32 0, align 4
@tw_ending = internal global i32 0, align 4 ; workers shall leave
@tw_busy = internal global { i32, [124 x i8] } zeroinitializer, align 128 ; a caller owns the pool
"""

_PARALLEL = """
; Call fn(ctx, lo, hi) for all chunks of [0, total), on at most `threads` threads; return when all are done.
define void @tw_parallel(ptr %fn, ptr %ctx, i64 %rows, i64 %grain0, i64 %threads) nounwind {
  %total = call i64 @llvm.smax.i64(i64 %rows, i64 0)
  %positive = call i64 @llvm.smax.i64(i64 %grain0, i64 1)
  %least = lshr i64 %total, 23 ; at most 2^23 chunks
  %factor0 = udiv i64 %least, %positive
  %factor = add i64 %factor0, 1
  %grain = mul i64 %positive, %factor
  %small = icmp sle i64 %total, %grain
  %single = icmp slt i64 %threads, 2
  %serial = or i1 %small, %single
  br i1 %serial, label %serially, label %try
try:
  %pair = cmpxchg ptr @tw_busy, i32 0, i32 1 acquire monotonic, align 4
  %free = extractvalue { i32, i1 } %pair, 1
  br i1 %free, label %own, label %serially
serially:
  call void @tw_serial(ptr %fn, ptr %ctx, i64 %total, i64 %grain)
  ret void
own:
  call void @tw_judged(ptr %fn, ptr %ctx, i64 %total, i64 %grain, i64 %threads)
  store atomic i32 0, ptr @tw_busy release, align 4
  ret void
}

define internal void @tw_serial(ptr %fn, ptr %ctx, i64 %total, i64 %grain) nounwind {
entry:
  %some = icmp sgt i64 %total, 0
  br i1 %some, label %chunk, label %done
chunk:
  %lo = phi i64 [ 0, %entry ], [ %hi, %chunk ]
  %end = add nsw i64 %lo, %grain
  %hi = call i64 @llvm.smin.i64(i64 %end, i64 %total)
  call void %fn(ptr %ctx, i64 %lo, i64 %hi)
  %more = icmp slt i64 %hi, %total
  br i1 %more, label %chunk, label %done
done:
  ret void
}
"""

_SHARED = """
; The job is made known, worked at, and waited for.
define internal void @tw_share(ptr %fn, ptr %ctx, i64 %total, i64 %grain, i64 %threads) nounwind {
entry:
  store ptr %fn, ptr @tw_fn, align 8
  store ptr %ctx, ptr @tw_ctx, align 8
  store i64 %total, ptr @tw_total, align 8
  store i64 %grain, ptr @tw_grain, align 8
  store atomic i64 0, ptr @tw_finished monotonic, align 8
  %last = add i64 %total, -1
  %before = udiv i64 %last, %grain
  %chunks = add i64 %before, 1
  %count = call i64 @llvm.umin.i64(i64 %threads, i64 32767)
  %high = shl i64 %count, 48
  %middle = shl i64 %chunks, 24
  %ticket = or i64 %high, %middle
  store atomic i64 %ticket, ptr @tw_ticket seq_cst, align 8
  %sleepers = load atomic i32, ptr @tw_sleepers seq_cst, align 4
  %asleep = icmp sgt i32 %sleepers, 0
  br i1 %asleep, label %rouse, label %look
rouse:
  %wanted = trunc i64 %count to i32
  %others = add i32 %wanted, -1
  %calls = atomicrmw add ptr @tw_calls, i32 1 seq_cst, align 4
  call void @tw_wake(i32 %others)
  br label %look

look: ; %mine counts the chunks that the caller has run
  %mine = phi i64 [ 0, %entry ], [ 0, %rouse ], [ %mine, %claim ], [ %one_more, %run ]
  %now = load atomic i64, ptr @tw_ticket monotonic, align 8
  %lo = and i64 %now, 16777215
  %shifted = lshr i64 %now, 24
  %hi = and i64 %shifted, 16777215
  %left = icmp ult i64 %lo, %hi
  br i1 %left, label %claim, label %join
claim:
  %next = add i64 %now, 1
  %pair = cmpxchg ptr @tw_ticket, i64 %now, i64 %next acquire monotonic, align 8
  %won = extractvalue { i64, i1 } %pair, 1
  br i1 %won, label %run, label %look
run:
  %start = mul i64 %lo, %grain
  %after = add i64 %start, %grain
  %stop = call i64 @llvm.smin.i64(i64 %after, i64 %total)
  call void %fn(ptr %ctx, i64 %start, i64 %stop)
  %one_more = add i64 %mine, 1
  br label %look

join:
  %theirs = sub i64 %chunks, %mine
  %finished = load atomic i64, ptr @tw_finished acquire, align 8
  %complete = icmp eq i64 %finished, %theirs
  br i1 %complete, label %done, label %patient
patient:
  %began = call i64 @tw_clock()
  br label %wait
wait:
  call void @tw_pause()
  %finished_now = load atomic i64, ptr @tw_finished acquire, align 8
  %complete_now = icmp eq i64 %finished_now, %theirs
  br i1 %complete_now, label %done, label %check
check:
  %time = call i64 @tw_clock()
  %waited = sub i64 %time, %began
  %long = icmp sgt i64 %waited, {patience}
  br i1 %long, label %offer, label %wait
offer: ; perhaps the worker waits for this very processor
  call void @tw_yield()
  br label %wait
done:
  ret void
}
"""

_WORKER = """
; What a worker thread does until the process ends; workers count from 1.
define void @tw_worker(i64 %index) nounwind {
entry:
  call void @tw_flush()
  br label %idle
idle: ; %naps counts how often it slept without finding work
  %naps = phi i64 [ 0, %entry ], [ 0, %run ], [ %naps_more, %asleep ]
  %began = call i64 @tw_clock()
  br label %look
look:
  %ticket = load atomic i64, ptr @tw_ticket monotonic, align 8
  %work = call i1 @tw_free(i64 %ticket, i64 %index)
  br i1 %work, label %claim, label %spin
spin:
  call void @tw_pause()
  %now = call i64 @tw_clock()
  %spun = sub i64 %now, %began
  %tired = icmp sgt i64 %spun, {spin}
  br i1 %tired, label %sleep, label %look

claim:
  %next = sub i64 %ticket, 16777216
  %pair = cmpxchg ptr @tw_ticket, i64 %ticket, i64 %next acquire monotonic, align 8
  %won = extractvalue { i64, i1 } %pair, 1
  br i1 %won, label %run, label %look
run:
  %shifted = lshr i64 %next, 24
  %chunk = and i64 %shifted, 16777215
  %fn = load ptr, ptr @tw_fn, align 8
  %ctx = load ptr, ptr @tw_ctx, align 8
  %total = load i64, ptr @tw_total, align 8
  %grain = load i64, ptr @tw_grain, align 8
  %start = mul i64 %chunk, %grain
  %after = add i64 %start, %grain
  %stop = call i64 @llvm.smin.i64(i64 %after, i64 %total)
  call void %fn(ptr %ctx, i64 %start, i64 %stop)
  %finished = atomicrmw add ptr @tw_finished, i64 1 release, align 8
  br label %idle

sleep: ; a caller that publishes after the second look sees this sleeper and calls
  %ending = load atomic i32, ptr @tw_ending seq_cst, align 4
  %stops = icmp ne i32 %ending, 0
  br i1 %stops, label %end, label %settle
settle:
  %up = atomicrmw add ptr @tw_sleepers, i32 1 seq_cst, align 4
  %calls = load atomic i32, ptr @tw_calls seq_cst, align 4
  %again = load atomic i64, ptr @tw_ticket seq_cst, align 8
  %late = call i1 @tw_free(i64 %again, i64 %index)
  br i1 %late, label %asleep, label %nap
nap:
  call void @tw_wait(i32 %calls, i64 %naps)
  br label %asleep
asleep:
  %naps_more = add i64 %naps, 1
  %down = atomicrmw sub ptr @tw_sleepers, i32 1 seq_cst, align 4
  br label %idle
end:
  ret void
}

; Whether a ticket has a free chunk for this worker.
define internal i1 @tw_free(i64 %ticket, i64 %index) alwaysinline nounwind {
  %lo = and i64 %ticket, 16777215
  %shifted = lshr i64 %ticket, 24
  %hi = and i64 %shifted, 16777215
  %left = icmp ult i64 %lo, %hi
  %threads = lshr i64 %ticket, 48
  %invited = icmp ult i64 %index, %threads
  %free = and i1 %left, %invited
  ret i1 %free
}

; All workers leave.
define void @tw_stop() nounwind {
  store atomic i32 1, ptr @tw_ending seq_cst, align 4
  %calls = atomicrmw add ptr @tw_calls, i32 1 seq_cst, align 4
  call void @tw_wake(i32 2147483647)
  ret void
}

; In a child that fork has made: no workers, no job, no owner.
define void @tw_reset() nounwind {
  store atomic i64 0, ptr @tw_ticket seq_cst, align 8
  store atomic i64 0, ptr @tw_finished seq_cst, align 8
  store atomic i32 0, ptr @tw_sleepers seq_cst, align 4
  store atomic i32 0, ptr @tw_ending seq_cst, align 4
  store atomic i32 0, ptr @tw_busy seq_cst, align 4
  ret void
}

declare i64 @llvm.smin.i64(i64, i64)
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.umin.i64(i64, i64)
"""

# -- what differs between machines ------------------------------------------------------------------------

_CLOCK_X86 = """
; Time in ticks of some 0.4 ns: thresholds need no more.
define internal i64 @tw_clock() alwaysinline nounwind {
  %ticks = call i64 @llvm.readcyclecounter()
  ret i64 %ticks
}
declare i64 @llvm.readcyclecounter()

define internal void @tw_pause() alwaysinline nounwind {
  call void @llvm.x86.sse2.pause()
  ret void
}
declare void @llvm.x86.sse2.pause()
"""

_CLOCK_POSIX = """
; Time in nanoseconds.
define internal i64 @tw_clock() nounwind {
  %time = alloca { i64, i64 }, align 8
  %unused = call i32 @clock_gettime(i32 {monotonic}, ptr %time)
  %seconds = load i64, ptr %time, align 8
  %rest_at = getelementptr inbounds { i64, i64 }, ptr %time, i32 0, i32 1
  %rest = load i64, ptr %rest_at, align 8
  %most = mul i64 %seconds, 1000000000
  %sum = add i64 %most, %rest
  ret i64 %sum
}
declare i32 @clock_gettime(i32, ptr)

define internal void @tw_pause() alwaysinline nounwind {
  {pause}
  ret void
}
"""

_FUTEX = """
; Sleep until a caller calls, unless one has since the count was read.
define internal void @tw_wait(i32 %calls, i64 %naps) nounwind {
  %unused = call i64 (i64, ...) @syscall(i64 {futex}, ptr @tw_calls, i32 128, i32 %calls, ptr null, ptr null, i32 0)
  ret void
}

define internal void @tw_wake(i32 %count) nounwind {
  %unused = call i64 (i64, ...) @syscall(i64 {futex}, ptr @tw_calls, i32 129, i32 %count, ptr null, ptr null, i32 0)
  ret void
}
declare i64 @syscall(i64, ...)
"""

_POLLING = """
; Without a portable way to be called, a worker looks again and again, ever less often.
define internal void @tw_wait(i32 %calls, i64 %naps) nounwind {
  %steps = call i64 @llvm.umin.i64(i64 %naps, i64 8)
  %steps32 = trunc i64 %steps to i32
  %pause = shl i32 {nap}, %steps32
  {sleep}
  ret void
}

define internal void @tw_wake(i32 %count) nounwind {
  ret void
}
"""

_YIELD = """
define internal void @tw_yield() nounwind {
  %unused = call i32 @{yield}()
  ret void
}
declare i32 @{yield}()
"""

_FUTEX_NUMBERS = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "powerpc64le": 221, "s390x": 238}
_TICKS = 2500  # a microsecond on x86; processors differ by a factor of two, which the thresholds bear


def pool_text(target: Target) -> str:
    """The pool for a machine, as the text of an LLVM module."""
    machine, _, rest = target.triple.partition("-")
    x86 = machine in ("x86_64", "amd64")
    ticks = _TICKS if x86 else 1000
    pool = filled(_STATE + _PARALLEL + _SHARED + _WORKER, {"spin": SPIN * ticks, "patience": PATIENCE * ticks})
    return "".join([pool, flush_text(target), sharing_text(ticks), _clock(machine, rest, x86), _waiting(machine, rest)])


def _clock(machine: str, rest: str, x86: bool) -> str:
    if x86:
        return _CLOCK_X86
    arm = machine in ("aarch64", "arm64")
    pause = "call void @llvm.aarch64.isb(i32 15)" if arm else "fence seq_cst"
    text = filled(_CLOCK_POSIX, {"monotonic": 6 if "apple" in rest else 1, "pause": pause})
    return text + ("declare void @llvm.aarch64.isb(i32)\n" if arm else "")


def _waiting(machine: str, rest: str) -> str:
    if "linux" in rest and machine in _FUTEX_NUMBERS:
        return filled(_FUTEX, {"futex": _FUTEX_NUMBERS[machine]}) + filled(_YIELD, {"yield": "sched_yield"})
    if "windows" in rest:
        polling = filled(_POLLING, {"nap": 1, "sleep": "call void @Sleep(i32 %pause)"})
        return polling + "declare void @Sleep(i32)\n" + filled(_YIELD, {"yield": "SwitchToThread"})
    polling = filled(_POLLING, {"nap": 50, "sleep": "%unused = call i32 @usleep(i32 %pause)"})
    return polling + "declare i32 @usleep(i32)\n" + filled(_YIELD, {"yield": "sched_yield"})
