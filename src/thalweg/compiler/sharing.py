"""Whether the pool shares a loop between threads, in LLVM IR: only where that has paid, also beside a busy process.

For each loop, known by its function, the pool keeps what a row costs on one thread, measured the first two times and
every 257th. Over windows of a millisecond it adds up what the shared loops would have cost on one thread and what they
took. If they took longer, because another process has a worker's processor or the chunks are too small, all loops run
on the caller alone for a while. That time doubles with each loss, and halves when sharing has paid for as long.
A loss costs a window or one time slice of the system's scheduler: one or two hundredths of the longest pause.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["filled", "sharing_text"]

WORTH = 3  # microseconds: a loop that takes less on one thread is not shared
WINDOW = 1000  # microseconds of shared loops after which they are judged
SHORTEST, LONGEST = 8_000, 256_000  # microseconds for which loops are not shared after a loss

_TEXT = """
@tw_sites = internal global [512 x { ptr, double, i64 }] zeroinitializer, align 128 ; function, ticks a row, runs
@tw_until = internal global i64 0, align 128 ; loops are not shared before this time
@tw_span = internal global i64 {shortest}, align 8 ; for how long that is the next time
@tw_good = internal global i64 0, align 8 ; time of shared loops since the last loss
@tw_took = internal global i64 0, align 8 ; time of shared loops in this window
@tw_alone = internal global double 0.0, align 8 ; what they would have cost on one thread
@tw_shared = global i64 0, align 8 ; the number of shared loops
@tw_losses = global i64 0, align 8 ; how often sharing lost

; A loop for which the pool was got: shared, or alone to measure or because sharing lost a while ago.
define internal void @tw_judged(ptr %fn, ptr %ctx, i64 %total, i64 %grain, i64 %threads) nounwind {
  %site = call ptr @tw_site(ptr %fn)
  %cost_at = getelementptr inbounds { ptr, double, i64 }, ptr %site, i32 0, i32 1
  %runs_at = getelementptr inbounds { ptr, double, i64 }, ptr %site, i32 0, i32 2
  %cost = load double, ptr %cost_at, align 8
  %runs = load i64, ptr %runs_at, align 8
  %runs_more = add i64 %runs, 1
  store i64 %runs_more, ptr %runs_at, align 8
  %rows = sitofp i64 %total to double
  %alone = fmul double %cost, %rows
  %small = fcmp olt double %alone, {worth}
  %first = icmp ult i64 %runs, 2
  %turn = urem i64 %runs, 257 ; odd, so that a loop that is met in several places is measured in all of them
  %due = icmp eq i64 %turn, 0
  %began = call i64 @tw_clock()
  %until = load i64, ptr @tw_until, align 8
  %paused = icmp slt i64 %began, %until
  %measured = or i1 %first, %due
  %unwise = or i1 %small, %paused
  %serial = or i1 %measured, %unwise
  br i1 %serial, label %serially, label %shared

serially:
  call void @tw_serial(ptr %fn, ptr %ctx, i64 %total, i64 %grain)
  %ended = call i64 @tw_clock()
  %ticks = sub i64 %ended, %began
  %took = sitofp i64 %ticks to double
  %each = fdiv double %took, %rows
  %new_cost = call double @tw_averaged(double %cost, double %each)
  store double %new_cost, ptr %cost_at, align 8
  ret void

shared:
  call void @tw_share(ptr %fn, ptr %ctx, i64 %total, i64 %grain, i64 %threads)
  %joined = call i64 @tw_clock()
  %span = sub i64 %joined, %began
  call void @tw_judge(i64 %joined, i64 %span, double %alone)
  %count = load i64, ptr @tw_shared, align 8
  %count_more = add i64 %count, 1
  store i64 %count_more, ptr @tw_shared, align 8
  ret void
}

; The record of a loop, found or begun.
define internal ptr @tw_site(ptr %fn) nounwind {
entry:
  %address = ptrtoint ptr %fn to i64
  %product = mul i64 %address, -7046029254386353131
  %home = lshr i64 %product, 55
  br label %look
look:
  %try = phi i64 [ 0, %entry ], [ %try_more, %other ]
  %sum = add i64 %home, %try
  %index = and i64 %sum, 511
  %site = getelementptr inbounds [512 x { ptr, double, i64 }], ptr @tw_sites, i64 0, i64 %index
  %known = load ptr, ptr %site, align 8
  %same = icmp eq ptr %known, %fn
  br i1 %same, label %found, label %differs
differs:
  %empty = icmp eq ptr %known, null
  br i1 %empty, label %begin, label %other
other:
  %try_more = add i64 %try, 1
  %on = icmp ult i64 %try_more, 8
  br i1 %on, label %look, label %replace
replace:
  %first = getelementptr inbounds [512 x { ptr, double, i64 }], ptr @tw_sites, i64 0, i64 %home
  br label %begin
begin:
  %place = phi ptr [ %site, %differs ], [ %first, %replace ]
  store { ptr, double, i64 } zeroinitializer, ptr %place, align 8
  store ptr %fn, ptr %place, align 8
  ret ptr %place
found:
  ret ptr %site
}

; The cost after one more measurement: follows quickly downwards, slowly upwards, where an interruption may have helped.
define internal double @tw_averaged(double %old, double %new) nounwind {
  %unknown = fcmp oeq double %old, 0.0
  %sum = fadd double %old, %new
  %mean = fmul double %sum, 5.0e-1
  %most = fmul double %old, 1.125e+0
  %over = fcmp olt double %new, %most
  %up = select i1 %over, double %new, double %most
  %less = fcmp olt double %new, %old
  %moved = select i1 %less, double %mean, double %up
  %result = select i1 %unknown, double %new, double %moved
  ret double %result
}

; A shared loop took %span and would have taken %alone on one thread.
define internal void @tw_judge(i64 %now, i64 %span, double %alone) nounwind {
  %took0 = load i64, ptr @tw_took, align 8
  %took = add i64 %took0, %span
  %alone0 = load double, ptr @tw_alone, align 8
  %sum = fadd double %alone0, %alone
  store i64 %took, ptr @tw_took, align 8
  store double %sum, ptr @tw_alone, align 8
  %full = icmp sgt i64 %took, {window}
  br i1 %full, label %judge, label %done
judge:
  store i64 0, ptr @tw_took, align 8
  store double 0.0, ptr @tw_alone, align 8
  %pause = load i64, ptr @tw_span, align 8
  %spent = sitofp i64 %took to double
  %lost = fcmp olt double %sum, %spent
  br i1 %lost, label %loss, label %gain
loss:
  %until = add i64 %now, %pause
  store i64 %until, ptr @tw_until, align 8
  %double = shl i64 %pause, 1
  %longer = call i64 @llvm.smin.i64(i64 %double, i64 {longest})
  store i64 %longer, ptr @tw_span, align 8
  store i64 0, ptr @tw_good, align 8
  %losses = load i64, ptr @tw_losses, align 8
  %losses_more = add i64 %losses, 1
  store i64 %losses_more, ptr @tw_losses, align 8
  ret void
gain:
  %good0 = load i64, ptr @tw_good, align 8
  %good = add i64 %good0, %took
  %lasting = icmp sgt i64 %good, %pause
  %half = lshr i64 %pause, 1
  %shorter = call i64 @llvm.smax.i64(i64 %half, i64 {shortest})
  %pause_new = select i1 %lasting, i64 %shorter, i64 %pause
  %good_new = select i1 %lasting, i64 0, i64 %good
  store i64 %pause_new, ptr @tw_span, align 8
  store i64 %good_new, ptr @tw_good, align 8
  ret void
done:
  ret void
}
"""


def sharing_text(ticks: int) -> str:
    """The decision as IR text, for a clock with so many ticks a microsecond."""
    times = {
        "worth": f"{WORTH * ticks}.0",
        "window": WINDOW * ticks,
        "shortest": SHORTEST * ticks,
        "longest": LONGEST * ticks,
    }
    return filled(_TEXT, times)


def filled(text: str, values: Mapping[str, object]) -> str:
    """IR text with values in the places of names in braces; other braces stay, as IR is full of them."""
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return text
